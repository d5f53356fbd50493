//! Runs a future on the thread that calls. The thread waits by itself: for sockets, for a time, and for other
//! threads to wake it. There is no reactor and no thread of our own.
//!
//! A socket that would block notes what it waits for ([`wait_for`]) and is `Pending`. When the whole future is,
//! [`block_on`] waits for all that was noted.

use std::cell::RefCell;
use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use wskit_driver::Alarm;

use crate::alarm::ThreadAlarm;
use crate::bell::Bell;
use crate::socket::Shared;
use crate::sync::Ear;

/// What a future waits for.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Readable(Weak<Shared>),
    Writable(Weak<Shared>),
    /// The alarm of this number goes off then.
    Alarm(u64, Instant),
}

impl Source {
    /// Whether the other is the same but for its time.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Readable(one), Self::Readable(two))
            | (Self::Writable(one), Self::Writable(two)) => Weak::ptr_eq(one, two),
            (Self::Alarm(one, _), Self::Alarm(two, _)) => one == two,
            _ => false,
        }
    }
}

/// When a read that waits in its system call gives up. `None` is never.
pub(crate) type Until = Option<Instant>;

/// A call of [`block_on`] on this thread.
#[derive(Default)]
struct Call {
    /// What the future waits for, with the latest waker for each.
    waits: Vec<(Source, Waker)>,
    /// Set while the only thing that can happen next is that one socket becomes readable.
    alone: Option<Until>,
    is_running: bool,
}

thread_local! {
    static CALL: RefCell<Call> = RefCell::default();
    static BELL: Arc<Bell> = Bell::new();
}

/// Notes what a future that is polled waits for. It stays noted until it has happened.
pub(crate) fn wait_for(source: Source, cx: &Context<'_>) {
    CALL.with_borrow_mut(
        |call| match call.waits.iter_mut().find(|(known, _)| known.is(&source)) {
            Some((known, waker)) => {
                *known = source;
                waker.clone_from(cx.waker());
            }
            None => call.waits.push((source, cx.waker().clone())),
        },
    );
}

/// Forgets an alarm.
pub(crate) fn forget_alarm(id: u64) {
    // Where the thread ends there is nothing to forget.
    let _ = CALL.try_with(|call| {
        if let Ok(mut call) = call.try_borrow_mut() {
            let is_it = |source: &Source| matches!(source, Source::Alarm(other, _) if *other == id);
            call.waits.retain(|(source, _)| !is_it(source));
        }
    });
}

/// Returns until when a read may wait in its system call, if nothing else can happen. Once.
pub(crate) fn may_wait() -> Option<Until> {
    CALL.with_borrow_mut(|call| call.alone.take())
}

/// Runs a future over this crate's streams and timers to its end, on the thread that calls.
///
/// Use it for what this crate has no method for, such as `ws.get_mut().recv_piece()`. Other futures run too, if they
/// wake their task by themselves. A call inside another one, from a callback, works.
///
/// The thread waits in `poll(2)`, which signals do not end. Called in a task of an async runtime, it blocks the
/// runtime's thread meanwhile.
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    block_on_from(future.into_future(), &mut None)
}

/// Runs a future that receives to its end.
///
/// `alone` is for the next call of the same kind: if there was nothing to wait for but one socket, that call
/// waits in its first read, until the time that this one would have waited until. The caller clears it if that
/// time may come earlier now.
pub(crate) fn block_on_from<F: Future>(future: F, alone: &mut Option<Until>) -> F::Output {
    let bell = BELL.with(Arc::clone);
    let outer = CALL.with_borrow_mut(|call| {
        let began = Call {
            waits: Vec::new(),
            alone: alone.take(),
            is_running: true,
        };
        std::mem::replace(call, began)
    });
    // A callback of a future that runs may block, too: that call has a bell of its own.
    let bell = if outer.is_running { Bell::new() } else { bell };
    let waker = Waker::from(bell.clone());
    let _left = Left(Some(outer), &waker);
    let mut future = pin!(future);
    loop {
        bell.take();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        let Some(found) = bell.unless_woken(|| is_alone(&bell, &waker)) else {
            continue;
        };
        *alone = found;
        // Also if it is none: what was given for a read that did not come is not for a later one.
        CALL.with_borrow_mut(|call| call.alone = *alone);
        if alone.is_none() {
            wait(&bell);
        }
    }
}

/// Ends a call when it is dropped.
struct Left<'w>(Option<Call>, &'w Waker);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        let outer = self.0.take().unwrap_or_default();
        let ended = CALL.with_borrow_mut(|call| std::mem::replace(call, outer));
        // Others that relied on this thread to wait for a socket do it themselves from now on.
        for (_, waker) in ended.waits {
            if !waker.will_wake(self.1) {
                waker.wake();
            }
        }
    }
}

/// Returns until when to wait if nothing but one socket that becomes readable can end the wait, apart from alarms.
#[cfg(unix)]
fn is_alone(bell: &Arc<Bell>, waker: &Waker) -> Option<Until> {
    CALL.with_borrow(|call| {
        let mut readable = 0;
        let mut until: Until = None;
        for (source, to_wake) in &call.waits {
            match source {
                Source::Readable(socket) if socket.strong_count() > 0 => readable += 1,
                Source::Alarm(_, at) => until = Some(until.map_or(*at, |until| until.min(*at))),
                _ => return None,
            }
            if !to_wake.will_wake(waker) {
                return None;
            }
        }
        // Beside those: one here, one in the waker, and that of the thread, which a nested call does not have.
        let own = BELL.with(|of_thread| Arc::ptr_eq(of_thread, bell));
        let known = call.waits.len() + 2 + usize::from(own);
        (readable == 1 && Arc::strong_count(bell) == known).then_some(until)
    })
}

/// Reads do not wait where a single one cannot be told to.
#[cfg(not(unix))]
fn is_alone(_: &Arc<Bell>, _: &Waker) -> Option<Until> {
    None
}

/// When waking cannot end a wait for sockets, because there is no descriptor left for that: how long it lasts.
const WITHOUT_BELL: Duration = Duration::from_millis(10);

/// A socket that is waited for, and what for.
type Waited = (Source, Arc<Shared>, PollFlags);

/// Waits for what was noted, or until the thread is woken, and wakes those whose wait is over.
fn wait(bell: &Bell) {
    let mut until: Until = None;
    let mut sockets: Vec<Waited> = Vec::new();
    CALL.with_borrow_mut(|call| {
        call.waits.retain(|(source, _)| {
            let (socket, flags) = match source {
                Source::Alarm(_, at) => {
                    until = Some(until.map_or(*at, |until| until.min(*at)));
                    return true;
                }
                Source::Readable(socket) => (socket, PollFlags::IN),
                Source::Writable(socket) => (socket, PollFlags::OUT),
            };
            // A socket that is gone is not waited for.
            let Some(alive) = socket.upgrade() else {
                return false;
            };
            sockets.push((source.clone(), alive, flags));
            true
        });
    });
    let left = until.map(|until| until.saturating_duration_since(Instant::now()));
    if sockets.is_empty() {
        bell.park(left);
    } else {
        let listened = bell.listen(|ear| poll_for(&sockets, Some(ear), left));
        let ready = match listened {
            Ok(ready) => ready.unwrap_or_default(),
            Err(_) => {
                let short = left.map_or(WITHOUT_BELL, |left| left.min(WITHOUT_BELL));
                poll_for(&sockets, None, Some(short))
            }
        };
        let mut ready = ready.into_iter();
        sockets.retain(|_| ready.next() == Some(true));
    }
    let now = Instant::now();
    let is_over = |source: &Source| match source {
        Source::Alarm(_, at) => *at <= now,
        socket => sockets.iter().any(|(ready, ..)| ready.is(socket)),
    };
    // Wakers are called without the borrow, as they are others' code.
    let over: Vec<_> = CALL.with_borrow_mut(|call| {
        let (over, waits) = std::mem::take(&mut call.waits)
            .into_iter()
            .partition(|(source, _)| is_over(source));
        call.waits = waits;
        over
    });
    for (_, waker) in over {
        waker.wake();
    }
}

/// Polls once, and returns which of the sockets are ready. A signal, or any other failure, is as if the time had
/// passed: what is waited for is tried again.
fn poll_for(sockets: &[Waited], ear: Option<&Ear>, limit: Option<Duration>) -> Vec<bool> {
    let limit = limit.map(|limit| Timespec {
        tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: limit.subsec_nanos().into(),
    });
    let sockets = sockets
        .iter()
        .map(|(_, socket, flags)| PollFd::new(socket.socket(), *flags));
    let ear = ear.map(|ear| PollFd::new(ear, PollFlags::IN));
    let mut descriptors: Vec<_> = sockets.chain(ear).collect();
    if poll(&mut descriptors, limit.as_ref()).is_err() {
        return Vec::new();
    }
    descriptors
        .iter()
        .map(|descriptor| !descriptor.revents().is_empty())
        .collect()
}

/// Runs a future until `deadline`. Returns `None` then; the future can be made again, as those of this crate lose
/// nothing.
pub(crate) async fn by<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut alarm = ThreadAlarm::default();
    if let Some(deadline) = deadline {
        let _ = alarm.set(deadline);
    }
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => alarm.poll(cx).map(|_| None),
    })
    .await
}

/// Polls a future once, and returns its output if it is ready.
pub(crate) fn once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    block_on(poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    }))
}
