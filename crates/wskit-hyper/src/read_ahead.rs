//! Reads from HTTP/2 streams while the application is busy.

use std::future::poll_fn;
use std::io;
use std::mem::{self, MaybeUninit};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use wskit_driver::within;
use wskit_tokio::TokioTimer;

use crate::http2::{HTTP2_STREAM_WINDOW, ReadAhead, ReadAheadFull};

/// h2 counts an unread DATA frame below this size as if it had this size.
const SMALL: usize = 256;

/// The room for one read, which returns at most one DATA frame. It is hyper's largest by default.
const FRAME: usize = 16 << 10;

/// The smallest limit that can be set, and the amount read ahead of a peer that is held back.
const LEAST: usize = HTTP2_STREAM_WINDOW as usize;

/// The number of frames that are read before other tasks run.
const TURN: usize = 4096;

/// How long the peer of an abandoned WebSocket must be silent until its stream is reset. h2 counts
/// data that crosses a reset and never returns it, at the expense of the whole connection.
const SILENCE: Duration = Duration::from_secs(5);

/// How long the stream of an abandoned WebSocket lasts if its peer is never silent.
const DRAIN: Duration = Duration::from_secs(30);

/// The application's side of a stream that a task reads ahead from.
#[derive(Debug)]
pub(crate) struct Ahead(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    policy: ReadAhead,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// `None` once the stream has been abandoned.
    io: Option<TokioIo<Upgraded>>,
    /// Data that arrived and was not received yet. It holds memory only while there is some.
    ahead: BytesMut,
    /// The last frame was not small.
    large: bool,
    /// The last read filled its room, so the next one may return the rest of the frame.
    cut: bool,
    /// How reading ended. Returned after the data that arrived before; an error
    /// is returned once.
    end: Option<io::Result<()>>,
    /// Discards all further data: the application is gone, or has left too much unread.
    over: bool,
    reader: Option<Waker>,
    task: Option<Waker>,
}

impl Ahead {
    /// Creates both sides of a stream and spawns the task. Must be called
    /// inside tokio's runtime.
    ///
    /// # Errors
    /// There is no runtime.
    pub(crate) fn spawn(upgraded: Upgraded, policy: ReadAhead) -> io::Result<Self> {
        let runtime = tokio::runtime::Handle::try_current().map_err(io::Error::other)?;
        let state = State {
            io: Some(TokioIo::new(upgraded)),
            ahead: BytesMut::new(),
            large: false,
            cut: false,
            end: None,
            over: false,
            reader: None,
            task: None,
        };
        let shared = Arc::new(Shared {
            policy,
            state: Mutex::new(state),
        });
        runtime.spawn(run(shared.clone()));
        Ok(Self(shared))
    }

    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.0.lock();
        if state.ahead.is_empty() {
            return match &mut state.end {
                Some(end) => Poll::Ready(mem::replace(end, Ok(()))),
                None => {
                    keep(&mut state.reader, cx);
                    Poll::Pending
                }
            };
        }
        let paused = self.0.policy.holds_back(&state);
        let length = state.ahead.len().min(buf.remaining());
        buf.put_slice(state.ahead.get(..length).unwrap_or_default());
        state.ahead.advance(length);
        if state.ahead.is_empty() {
            state.ahead = BytesMut::new();
        }
        if paused && !self.0.policy.holds_back(&state) {
            wake(state.task.take(), state);
        }
        Poll::Ready(Ok(()))
    }

    /// Runs `poll` on the stream, for writing.
    pub(crate) fn poll_io<R>(
        &self,
        poll: impl FnOnce(Pin<&mut TokioIo<Upgraded>>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        let state = &mut *self.0.lock();
        match &mut state.io {
            Some(io) if !state.over => poll(Pin::new(io)),
            _ => Poll::Ready(Err(self.0.policy.full())),
        }
    }
}

/// The task ends the stream and reads the data on its way.
impl Drop for Ahead {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.over = true;
        state.ahead = BytesMut::new();
        wake(state.task.take(), state);
    }
}

impl ReadAhead {
    /// Returns whether the next frame stays in h2, so that the window of the stream stops the peer.
    fn holds_back(self, state: &State) -> bool {
        match self {
            Self::EndAt(limit) => state.large && state.ahead.len() >= limit.max(LEAST) / 2,
            Self::HoldBack => state.ahead.len() >= LEAST,
        }
    }

    fn is_full(self, state: &State) -> bool {
        match self {
            Self::EndAt(limit) => !state.large && state.ahead.len() >= limit.max(LEAST),
            Self::HoldBack => false,
        }
    }

    fn full(self) -> io::Error {
        let limit = match self {
            Self::EndAt(limit) => limit.max(LEAST),
            Self::HoldBack => LEAST,
        };
        io::Error::other(ReadAheadFull { limit })
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads ahead. Ready when that is over: the stream has ended or is to be abandoned.
    fn poll_ahead(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut room = [MaybeUninit::uninit(); FRAME];
        for _ in 0..TURN {
            let mut guard = self.lock();
            let state = &mut *guard;
            keep(&mut state.task, cx);
            if state.over {
                return Poll::Ready(());
            }
            if self.policy.holds_back(state) {
                return Poll::Pending;
            }
            let Some(io) = &mut state.io else {
                return Poll::Ready(());
            };
            let mut buf = ReadBuf::uninit(&mut room);
            let read = ready!(Pin::new(io).poll_read(cx, &mut buf));
            let data = buf.filled();
            if read.is_err() || data.is_empty() {
                state.end = Some(read);
            } else {
                state.ahead.extend_from_slice(data);
                let rest = mem::replace(&mut state.cut, data.len() == FRAME);
                state.large = rest || data.len() >= SMALL;
                if self.policy.is_full(state) {
                    state.end = Some(Err(self.policy.full()));
                    state.over = true;
                }
            }
            let ended = state.end.is_some();
            wake(state.reader.take(), guard);
            if ended {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Ends this side of an abandoned stream and discards received data. Ready with `true` if data
    /// arrived, and with `false` if no more will arrive.
    fn poll_discard(&self, cx: &mut Context<'_>, shut: &mut bool) -> Poll<bool> {
        let mut room = [MaybeUninit::uninit(); FRAME];
        let mut state = self.lock();
        let Some(io) = &mut state.io else {
            return Poll::Ready(false);
        };
        *shut = *shut || Pin::new(&mut *io).poll_shutdown(cx).is_ready();
        for turn in 0..TURN {
            let mut buf = ReadBuf::uninit(&mut room);
            match Pin::new(&mut *io).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending if turn == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(true)
    }
}

/// Runs the task.
async fn run(shared: Arc<Shared>) {
    poll_fn(|cx| shared.poll_ahead(cx)).await;
    if !shared.lock().over {
        // The stream has ended. Its remaining data is dropped with the application's side.
        return;
    }
    let draining = async {
        let mut shut = false;
        loop {
            let more = poll_fn(|cx| shared.poll_discard(cx, &mut shut));
            match within(TokioTimer::default(), SILENCE, more).await {
                Ok(true) => tokio::task::yield_now().await,
                Ok(false) | Err(_) => break,
            }
        }
    };
    let _ = within(TokioTimer::default(), DRAIN, draining).await;
    // Outside the lock: this resets the stream if it has not ended.
    let io = shared.lock().io.take();
    drop(io);
}

fn keep(place: &mut Option<Waker>, cx: &Context<'_>) {
    match place {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *place = Some(cx.waker().clone()),
    }
}

/// Wakes after the lock has been released, so that the woken task does not find it taken.
fn wake(waker: Option<Waker>, guard: MutexGuard<'_, State>) {
    drop(guard);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection that has received everything holds no buffer.
    #[test]
    fn buffer_is_given_back_when_all_is_received() {
        let state = State {
            io: None,
            ahead: BytesMut::from(&[7; 1000][..]),
            large: true,
            cut: false,
            end: None,
            over: false,
            reader: None,
            task: None,
        };
        let ahead = Ahead(Arc::new(Shared {
            policy: ReadAhead::default(),
            state: Mutex::new(state),
        }));
        let cx = &mut Context::from_waker(Waker::noop());
        let mut room = [0; 600];
        for expected in [600, 400] {
            let mut buf = ReadBuf::new(&mut room);
            assert!(ahead.poll_read(cx, &mut buf).is_ready());
            assert_eq!(buf.filled(), &vec![7; expected]);
        }
        assert_eq!(ahead.0.lock().ahead.capacity(), 0);
        assert!(
            ahead
                .poll_read(cx, &mut ReadBuf::new(&mut room))
                .is_pending()
        );
    }
}
