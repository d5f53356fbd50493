//! The server's handshake, from bytes to a request (RFC 6455 §4.2.1).

use bytes::Bytes;

use crate::error::HandshakeError;
use crate::http::head::{HeadBuffer, Kind};
use crate::http::limits::HeadLimits;
use crate::progress::{Latch, Progress};
use crate::server::fast::{self, FastRequest};
use crate::server::full::{Incoming, incoming};
use crate::server::request::UpgradeRequest;

/// A server's opening handshake: reads the request of one client.
///
/// Pass received bytes to [`receive`](Self::receive) until it returns
/// [`Done`](Progress::Done) or an error. On an error send
/// [`HandshakeError::rejection`] and close the connection. Nothing that follows
/// may be read as another request.
#[derive(Debug)]
pub struct ServerHandshake {
    limits: HeadLimits,
    head: HeadBuffer,
    end: Latch,
}

impl ServerHandshake {
    /// Creates a handshake that waits for the first byte of a request.
    pub fn new(limits: HeadLimits) -> Self {
        Self {
            limits,
            head: HeadBuffer::new(Kind::Request),
            end: Latch::default(),
        }
    }

    /// Processes received bytes, which may be split anywhere.
    ///
    /// Bytes after the head are returned as the `leftover` of the request.
    /// After an error every further call returns the same error; after `Done`,
    /// it is [`HandshakeError::Finished`].
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Progress<Incoming>, HandshakeError> {
        self.end.check()?;
        let outcome = self.advance(bytes);
        self.end.keep(outcome)
    }

    /// Reports that the client has closed its side. Always returns an error, as
    /// the handshake is not complete.
    pub fn receive_eof(&mut self) -> HandshakeError {
        let received = self.head.len();
        self.end
            .end_with(|| HandshakeError::UnexpectedEof { received })
    }

    /// Returns how many bytes have been examined, counting each pass.
    #[doc(hidden)]
    pub fn work(&self) -> u64 {
        self.head.work()
    }

    fn advance(&mut self, bytes: &[u8]) -> Result<Progress<Incoming>, HandshakeError> {
        if self.head.len() == 0 {
            match fast::read(bytes, &self.limits) {
                Ok(FastRequest { length, parts }) => {
                    // Lines, names and values are examined once each.
                    self.head.add_work(length.saturating_mul(3));
                    let (head, leftover) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
                    let request = UpgradeRequest::new(head.to_vec(), own(leftover), parts);
                    return Ok(Progress::Done(Incoming::Upgrade(request)));
                }
                Err(looked_at) => self.head.add_work(looked_at),
            }
        }
        let Some((head, taken)) = self.head.receive(bytes, &self.limits)? else {
            return Ok(Progress::NeedMore);
        };
        let leftover = own(bytes.get(taken..).unwrap_or_default());
        incoming(head, leftover).map(Progress::Done)
    }
}

/// Copies the bytes after the head; usually there are none.
#[inline]
fn own(leftover: &[u8]) -> Bytes {
    match leftover {
        [] => Bytes::new(),
        leftover => Bytes::copy_from_slice(leftover),
    }
}
