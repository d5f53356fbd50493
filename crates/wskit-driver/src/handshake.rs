//! The opening handshake over a transport: moves bytes, keeps time, decides nothing.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::time::Duration;

use crate::error::Error;
use crate::link::uninterrupted;
use crate::runtime::within;
use crate::transport::{PollRead, PollWrite, Transport};

/// Read at once during a handshake. On the heap, and gone before the connection idles.
const READ: usize = 4 << 10;
/// Thrown away after a refusal, at most, to let the refusal arrive.
const DISCARD: usize = 64 << 10;

/// Reads until `receive` has made something of it. `None` to `receive` is the end of the stream,
/// which it must make something of.
pub(crate) async fn read_until<T: Transport, R>(
    io: &mut T,
    mut receive: impl FnMut(Option<&[u8]>) -> Option<Result<R, Error>>,
) -> Result<R, Error> {
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

/// Sends a final answer and ends the transport: the peer must be able to read the answer, so what it
/// still sends is thrown away for a while (RFC 9112 §9.6).
pub(crate) async fn answer_and_close<T: Transport>(
    mut io: T,
    answer: &[u8],
    limit: Duration,
) -> Result<(), Error> {
    let timer = io.timer();
    let done = within(timer, limit, async {
        write_all(&mut io, answer).await?;
        poll_fn(|cx| uninterrupted(|| io.poll_shutdown(cx))).await?;
        let mut buf = vec![0; READ];
        let mut left = DISCARD;
        while left > 0 {
            match read(&mut io, &mut buf).await? {
                0 => break,
                n => left = left.saturating_sub(n),
            }
        }
        io::Result::Ok(())
    })
    .await;
    match done {
        // The answer is out; that the peer does not hang up is its own affair.
        Ok(_) | Err(Error::HandshakeTimeout) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(crate) async fn read<T: PollRead>(io: &mut T, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match poll_fn(|cx| io.poll_read(cx, buf)).await {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // TLS libraries tell an end without a `close_notify` as an error.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
            read => return read,
        }
    }
}
