//! The calls of a connection, over the state machine of wskit.

#[cfg(feature = "wskit")]
mod handover;
mod input;
mod output;

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use wskit_proto::{CloseFrame as ProtoClose, Connection, Inbound, Outbound, Outbox};

use super::frame::CloseFrame;
use super::message::Message;
use super::state::State;
use super::{Role, WebSocketConfig};
use crate::error::{Error, ProtocolError, Result};
#[cfg(feature = "wskit")]
pub(crate) use handover::Handover;
use output::check_control;

/// The agreement on compression, and this end's settings of it.
#[cfg(feature = "deflate")]
pub(crate) type Agreed = (wskit_proto::deflate::Params, wskit_proto::deflate::Config);

/// A connection without its stream, which is given to each call.
#[derive(Debug)]
pub struct WebSocketContext {
    role: Role,
    state: State,
    inbound: Inbound,
    outbound: Outbound,
    /// What was read behind the handshake.
    part: Bytes,
    /// The pong to send next: only the newest of several.
    pong: Option<Bytes>,
    /// Whether an answer is queued, or was not flushed because the stream took no more.
    unflushed: bool,
    /// What was agreed on about compression.
    #[cfg(feature = "deflate")]
    agreed: Option<Box<Agreed>>,
    /// Whether a message has been sent or received, so that a compressor may have a history.
    used: bool,
    config: WebSocketConfig,
}

impl WebSocketContext {
    /// Creates a connection whose opening handshake is done.
    ///
    /// # Panics
    /// If `max_write_buffer_size` is not more than `write_buffer_size`.
    pub fn new(role: Role, config: Option<WebSocketConfig>) -> Self {
        Self::from_partially_read(Vec::new(), role, config)
    }

    /// Creates a connection like [`new`](Self::new), where `part` has been read behind the handshake.
    ///
    /// # Panics
    /// If `max_write_buffer_size` is not more than `write_buffer_size`.
    pub fn from_partially_read(part: Vec<u8>, role: Role, config: Option<WebSocketConfig>) -> Self {
        Self::build(part, role, config, |connection| connection)
    }

    /// Creates a connection that compresses as was agreed on in the handshake.
    #[cfg(feature = "deflate")]
    pub(crate) fn with_deflate(
        part: Vec<u8>,
        role: Role,
        config: Option<WebSocketConfig>,
        agreed: Option<Agreed>,
    ) -> Self {
        let mut context = Self::build(part, role, config, |connection| match &agreed {
            Some((agreed, deflate)) => connection.with_deflate(*agreed, deflate),
            None => connection,
        });
        context.agreed = agreed.map(Box::new);
        context
    }

    fn build(
        part: Vec<u8>,
        role: Role,
        config: Option<WebSocketConfig>,
        with: impl FnOnce(Connection) -> Connection,
    ) -> Self {
        let config = config.unwrap_or_default();
        config.assert_valid();
        let (proto, now) = (Arc::new(config.to_proto()), Instant::now());
        let connection = with(match role {
            Role::Server => Connection::server(proto, now),
            Role::Client => Connection::client(proto, wskit_driver::secure_keys(), now),
        });
        let (inbound, outbound) = connection.split();
        Self {
            role,
            state: State::Active,
            inbound,
            outbound,
            part: part.into(),
            pong: None,
            unflushed: false,
            #[cfg(feature = "deflate")]
            agreed: None,
            used: false,
            config,
        }
    }

    /// Changes the settings; limits apply from the next frame on.
    ///
    /// # Panics
    /// If `max_write_buffer_size` is not more than `write_buffer_size`.
    pub fn set_config(&mut self, set: impl FnOnce(&mut WebSocketConfig)) {
        set(&mut self.config);
        self.config.assert_valid();
        let proto = self.config.to_proto();
        self.inbound.set_limits(proto.get_limits());
        self.inbound
            .set_accept_unmasked(proto.get_accept_unmasked());
    }

    /// Returns the settings.
    pub fn get_config(&self) -> &WebSocketConfig {
        &self.config
    }

    /// Returns whether messages may still come: until the peer's Close.
    pub fn can_read(&self) -> bool {
        self.state.can_read()
    }

    /// Returns whether messages may still be sent: until either end's Close.
    pub fn can_write(&self) -> bool {
        self.state.is_active()
    }

    /// Reads a message from the stream, and writes the answers that are due.
    ///
    /// # Errors
    /// - [`Error::ConnectionClosed`] once the connection is closed properly, then [`Error::AlreadyClosed`].
    /// - [`ProtocolError::ResetWithoutClosingHandshake`] if the stream ends without a Close.
    /// - [`Error::Protocol`], [`Error::Capacity`] and [`Error::Utf8`] for what the peer may not send. A Close
    ///   that says so is sent, and every later call returns [`Error::AlreadyClosed`].
    /// - [`Error::Io`] of the stream.
    pub fn read<Stream: Read + Write>(&mut self, stream: &mut Stream) -> Result<Message> {
        self.state.check_not_terminated()?;
        loop {
            if self.pong.is_some() || self.unflushed {
                match self.flush(stream) {
                    Ok(()) => {}
                    // Go on reading, and try again later.
                    Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                        self.unflushed = true;
                    }
                    Err(error) => return Err(error),
                }
            } else if self.is_done() {
                return Err(self.terminate());
            }
            if let Some(message) = self.next(stream)? {
                return Ok(message);
            }
        }
    }

    /// Queues a message, and writes to the stream once more than
    /// [`write_buffer_size`](WebSocketConfig::write_buffer_size) bytes wait.
    ///
    /// # Errors
    /// - [`Error::WriteBufferFull`] with the message, which is not queued.
    /// - [`ProtocolError::SendAfterClosing`] after a Close, [`Error::AlreadyClosed`] after the end.
    /// - [`ProtocolError::ControlFrameTooBig`] for a ping or pong of more than 125 bytes.
    /// - [`Error::Io`] of the stream. With [`WouldBlock`](io::ErrorKind::WouldBlock) the message is queued.
    pub fn write<Stream: Read + Write>(
        &mut self,
        stream: &mut Stream,
        message: Message,
    ) -> Result<()> {
        self.state.check_not_terminated()?;
        if !self.state.is_active() {
            return Err(ProtocolError::SendAfterClosing.into());
        }
        match message {
            Message::Pong(data) => {
                check_control(&data)?;
                self.pong = Some(data);
                return self.answer(stream).map(|_| ());
            }
            Message::Close(close) => return self.close(stream, close),
            message => self.queue(message)?,
        }
        self.write_if_many(stream)?;
        if self.answer(stream)? {
            self.flush(stream)?;
        }
        Ok(())
    }

    /// Writes everything that waits to the stream, with the answers that are due, and flushes it.
    ///
    /// # Errors
    /// [`Error::ConnectionClosed`] on a server once both Closes have gone, and [`Error::Io`] of the stream.
    #[inline]
    pub fn flush<Stream: Read + Write>(&mut self, stream: &mut Stream) -> Result<()> {
        self.answer(stream)?;
        self.write_out(stream)?;
        stream.flush()?;
        self.unflushed = false;
        Ok(())
    }

    /// Starts the closing handshake, or goes on with it: the Close is queued once, and flushed.
    ///
    /// # Errors
    /// - [`ProtocolError::InvalidCloseSequence`] for a code that may not be sent, and
    ///   [`ProtocolError::ControlFrameTooBig`] for a reason of more than 123 bytes. Nothing is sent then.
    /// - Those of [`flush`](Self::flush).
    pub fn close<Stream: Read + Write>(
        &mut self,
        stream: &mut Stream,
        close: Option<CloseFrame>,
    ) -> Result<()> {
        if self.state.is_active() {
            let close = close.map(ProtoClose::from);
            if let Some(close) = &close {
                Outbox::check_close(close)?;
            }
            self.queue_pong();
            self.outbound.close(close)?;
            self.state = State::ClosedByUs;
        }
        self.flush(stream)
    }

    /// Whether a server has nothing left to do but to write what waits.
    fn is_done(&self) -> bool {
        self.role == Role::Server && !self.state.can_read()
    }

    fn terminate(&mut self) -> Error {
        self.state = State::Terminated;
        self.inbound.release();
        Error::ConnectionClosed
    }

    /// Whether messages are compressed.
    #[allow(
        clippy::unused_self,
        reason = "without the feature there is nothing to read"
    )]
    fn is_compressed(&self) -> bool {
        #[cfg(feature = "deflate")]
        return self.agreed.is_some();
        #[cfg(not(feature = "deflate"))]
        false
    }
}
