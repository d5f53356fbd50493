//! How bytes of the stream become messages.

use std::io::{Read, Write};
use std::time::Instant;

use bytes::{Buf, Bytes};
use wskit_proto::{Event, FrameError, ProtocolError as ProtoError, ReadBuf, Span};

use super::WebSocketContext;
use crate::error::{Error, ProtocolError, Result};
use crate::protocol::frame::coding::CloseCode;
use crate::protocol::frame::{CloseFrame, Utf8Bytes};
use crate::protocol::message::Message;
use crate::protocol::state::State;

impl WebSocketContext {
    /// Returns the next message; `None` if there may be something to answer first.
    pub(super) fn next<Stream: Read + Write>(
        &mut self,
        stream: &mut Stream,
    ) -> Result<Option<Message>> {
        loop {
            match self.inbound.next(&mut self.outbound, Instant::now) {
                Ok(Some(event)) => return Ok(self.message(event)),
                Ok(None) => {}
                Err(error) => return self.refuse(stream, error).map(Some),
            }
            if self.part.is_empty() {
                self.read_once(stream)?;
            } else {
                let taken = self.inbound.receive(&self.part);
                self.part.advance(taken);
            }
        }
    }

    /// Reads into the buffer that is parsed.
    fn read_once<Stream: Read>(&mut self, stream: &mut Stream) -> Result<()> {
        let (read, large) = match self.inbound.read_buf() {
            ReadBuf::Slab(slab) => (stream.read(slab), false),
            ReadBuf::Large(mut spare) => (stream.read(spare.init()), true),
        };
        match read {
            Ok(0) => Err(self.end_of_stream()),
            Ok(_) if !self.state.can_read() => Err(ProtocolError::ReceivedAfterClosing.into()),
            Ok(n) if large => {
                self.inbound.filled_large(n);
                Ok(())
            }
            Ok(n) => {
                self.inbound.filled(n);
                Ok(())
            }
            Err(error) => {
                self.inbound.release();
                Err(self.state.io_error(error))
            }
        }
    }

    fn end_of_stream(&mut self) -> Error {
        let closed = !self.state.can_read();
        let end = self.terminate();
        if closed {
            end
        } else {
            ProtocolError::ResetWithoutClosingHandshake.into()
        }
    }

    #[inline]
    fn message(&mut self, event: Event<Span, Span>) -> Option<Message> {
        match event {
            Event::Message(span) => {
                self.used = true;
                Some(self.inbound.message(span).into_owned().into())
            }
            Event::Ping(payload) => {
                let payload = Bytes::copy_from_slice(&payload);
                if self.state.is_active() {
                    self.pong = Some(payload.clone());
                }
                Some(Message::Ping(payload))
            }
            Event::Pong(payload) => Some(Message::Pong(Bytes::copy_from_slice(&payload))),
            Event::Close(close) => {
                let mut close = close.map(CloseFrame::from);
                if self.state.is_active() {
                    // 1014 may be sent, but has no name in `CloseCode`.
                    close = close.map(|close| {
                        if close.code.is_allowed() {
                            close
                        } else {
                            violation()
                        }
                    });
                }
                self.closed_by_peer();
                Some(Message::Close(close))
            }
            _ => None,
        }
    }

    /// Notes the peer's Close. wskit has queued the answer.
    fn closed_by_peer(&mut self) {
        if self.state.is_active() {
            self.state = State::ClosedByPeer;
            self.pong = None;
            self.unflushed = true;
        } else {
            self.state = State::CloseAcknowledged;
        }
    }

    /// The peer broke a rule. wskit has queued a Close that says which.
    #[cold]
    fn refuse<Stream: Read + Write>(
        &mut self,
        stream: &mut Stream,
        error: ProtoError,
    ) -> Result<Message> {
        // A Close with a code that may not be sent closes the connection all the same.
        if let ProtoError::Frame(FrameError::CloseCode(code)) = error {
            let close = match self.state {
                State::Active => violation(),
                _ => CloseFrame {
                    code: code.into(),
                    reason: Utf8Bytes::default(),
                },
            };
            self.closed_by_peer();
            return Ok(Message::Close(Some(close)));
        }
        self.pong = None;
        // What matters is the error, not whether the peer could be told.
        let _ = self.write_out(stream).and_then(|()| stream.flush());
        self.terminate();
        Err(error.into())
    }

    /// Returns when [`expire`](Self::expire) is due, if ever.
    #[cfg(feature = "deadlines")]
    pub(crate) fn next_deadline(&mut self, now: Instant) -> Option<Instant> {
        let asked = self.config.idle_timeout.or(self.config.keepalive);
        if asked.is_none() || !self.state.is_active() {
            return None;
        }
        self.inbound.next_timeout(self.outbound.state(), || now)
    }

    /// Sends a keepalive ping if it is due.
    ///
    /// # Errors
    /// [`TimedOut`](std::io::ErrorKind::TimedOut): the peer has been silent for too long.
    #[cfg(feature = "deadlines")]
    pub(crate) fn expire(&mut self, now: Instant) -> Result<()> {
        let due = self.inbound.handle_timeout(&mut self.outbound, now);
        due.map_err(|kind| {
            self.terminate();
            Error::Io(std::io::Error::new(
                std::io::ErrorKind::TimedOut,
                kind.to_string(),
            ))
        })?;
        self.unflushed |= !self.outbound.is_empty();
        Ok(())
    }
}

fn violation() -> CloseFrame {
    CloseFrame {
        code: CloseCode::Protocol,
        reason: Utf8Bytes::from_static("Protocol violation"),
    }
}
