//! The opening handshake over a transport. Moves bytes and keeps deadlines; `wskit-handshake` decides.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use wskit_handshake::{ClientAccepted, ClientHandshake, Progress, Refusal};
use wskit_proto::Config;

use crate::error::{Elapsed, OpenError};
use crate::link::uninterrupted;
use crate::runtime::within;
use crate::transport::{PollRead, PollWrite, Timer, Transport};

/// The size of a read during a handshake. The buffer is freed before the connection is idle.
const READ: usize = 4 << 10;
/// How long the body of a refusal is waited for after its head. Most have arrived by then; some never end.
const BODY_WAIT: Duration = Duration::from_millis(500);
/// The part of an answer that the peer must take within one handshake deadline.
const ANSWER_PART: usize = 64 << 10;
/// The most bytes that are discarded after a refusal, so that the refusal arrives.
const DISCARD: usize = 64 << 10;

/// Sends a client's request and reads the response, in at most `limit`. The body of a refusal is read for
/// at most [`BODY_WAIT`], if it is wanted.
pub(crate) async fn ask<T: Transport>(
    io: &mut T,
    handshake: &mut ClientHandshake,
    limit: Duration,
    wants_body: impl Fn(&Refusal) -> bool,
) -> Result<Box<ClientAccepted>, OpenError> {
    let timer = io.timer();
    let begun = timer.now();
    let asked = within(timer.clone(), limit, async {
        let written = write_all(io, handshake.request_bytes()).await;
        let answer = read_until(io, |bytes| receive(handshake, bytes, Until::Head));
        match written {
            Ok(()) => answer.await,
            // A server that has closed the connection may have answered before.
            Err(error) => at_once(answer).await.unwrap_or(Err(error.into())),
        }
    });
    if let Some(accepted) = asked.await?? {
        return Ok(accepted);
    }
    if handshake.refusal().is_some_and(wants_body) {
        let left = limit.saturating_sub(timer.now().saturating_duration_since(begun));
        let body = read_until(io, |bytes| receive(handshake, bytes, Until::End));
        if let Ok(Err(error @ OpenError::Handshake(_))) =
            within(timer, left.min(BODY_WAIT), body).await
        {
            return Err(error);
        }
    }
    // The time is up or the transport has failed: return what has arrived.
    let end = handshake.cut_refusal();
    Err(end.unwrap_or_else(|| handshake.receive_eof()).into())
}

/// How far the response is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    Head,
    End,
}

/// Processes received bytes of the response. `Some(Ok(None))` is the head of a refusal.
fn receive(
    handshake: &mut ClientHandshake,
    bytes: Option<&[u8]>,
    until: Until,
) -> Option<Result<Option<Box<ClientAccepted>>, OpenError>> {
    let Some(bytes) = bytes else {
        return Some(Err(handshake.receive_eof().into()));
    };
    match handshake.receive(bytes) {
        Ok(Progress::NeedMore) if until == Until::Head && handshake.refusal().is_some() => {
            Some(Ok(None))
        }
        Ok(Progress::NeedMore) => None,
        Ok(Progress::Done(accepted)) => Some(Ok(Some(Box::new(accepted)))),
        Err(error) => Some(Err(error.into())),
    }
}

/// Polls a future once; `None` if it would wait.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Reads until `receive` returns a result. `receive` gets `None` at the end of the stream, and must return
/// a result for it.
pub(crate) async fn read_until<T: Transport, R>(
    io: &mut T,
    mut receive: impl FnMut(Option<&[u8]>) -> Option<Result<R, OpenError>>,
) -> Result<R, OpenError> {
    let mut buf = vec![0; READ];
    loop {
        let n = read(io, &mut buf).await?;
        let bytes = buf.get(..n).filter(|bytes| !bytes.is_empty());
        match receive(bytes) {
            Some(result) => return result,
            None if bytes.is_none() => {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            None => {}
        }
    }
}

/// Writes all of `bytes` and flushes.
pub(crate) async fn write_all<T: PollWrite>(io: &mut T, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match poll_fn(|cx| io.poll_write(cx, &[IoSlice::new(bytes)])).await {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    poll_fn(|cx| uninterrupted(|| io.poll_flush(cx))).await
}

/// Sends a final answer and ends the transport. What the peer still sends is discarded for a while, so that
/// it can read the answer (RFC 9112 §9.6).
///
/// An answer that was cut off is an error. The deadline begins anew with each part that the peer takes, so
/// a large answer may take long, but none takes for ever.
pub(crate) async fn answer_and_close<T: Transport>(
    mut io: T,
    answer: &[u8],
    config: &Config,
) -> Result<(), OpenError> {
    let timer = io.timer();
    let limit = config.get_handshake_timeout();
    for part in answer.chunks(ANSWER_PART) {
        within(timer.clone(), limit, write_all(&mut io, part)).await??;
    }
    let shutdown = poll_fn(|cx| uninterrupted(|| io.poll_shutdown(cx)));
    within(timer.clone(), limit, shutdown).await??;
    match within(timer, config.get_close_timeout(), discard(&mut io)).await {
        Ok(discarded) => Ok(discarded?),
        // The answer was sent. The peer need not close the connection in time.
        Err(Elapsed::Timeout) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads to the end of the stream, or [`DISCARD`] bytes.
async fn discard<T: PollRead>(io: &mut T) -> io::Result<()> {
    let mut buf = vec![0; READ];
    let mut left = DISCARD;
    while left > 0 {
        match read(io, &mut buf).await {
            Ok(0) => break,
            // A TLS stream that ends without a `close_notify`.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            Ok(n) => left = left.saturating_sub(n),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads once into `buf`; 0 is the end of the stream. `UnexpectedEof`, by which TLS libraries report an end
/// without a `close_notify`, is 0 too.
pub(crate) async fn read<T: PollRead>(io: &mut T, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match poll_fn(|cx| io.poll_read(cx, buf)).await {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
            read => return read,
        }
    }
}
