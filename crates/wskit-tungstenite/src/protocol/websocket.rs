use std::io::{Read, Write};

use super::{CloseFrame, Message, Role, WebSocketConfig, WebSocketContext};
use crate::error::Result;

/// A connection over a blocking or non-blocking stream.
///
/// Over a non-blocking stream every call may return [`Error::Io`](crate::Error::Io) with
/// [`WouldBlock`](std::io::ErrorKind::WouldBlock). Nothing is lost by that: repeat `read` or `flush` when the
/// stream is ready. A message given to `write` is queued all the same.
#[derive(Debug)]
pub struct WebSocket<Stream> {
    stream: Stream,
    context: WebSocketContext,
}

impl<Stream> WebSocket<Stream> {
    /// Creates a connection over a stream whose opening handshake is done.
    ///
    /// # Panics
    /// If `max_write_buffer_size` is not more than `write_buffer_size`.
    pub fn from_raw_socket(stream: Stream, role: Role, config: Option<WebSocketConfig>) -> Self {
        let context = WebSocketContext::new(role, config);
        Self { stream, context }
    }

    /// Creates a connection like [`from_raw_socket`](Self::from_raw_socket), where `part` has been read
    /// behind the handshake.
    ///
    /// # Panics
    /// If `max_write_buffer_size` is not more than `write_buffer_size`.
    pub fn from_partially_read(
        stream: Stream,
        part: Vec<u8>,
        role: Role,
        config: Option<WebSocketConfig>,
    ) -> Self {
        let context = WebSocketContext::from_partially_read(part, role, config);
        Self { stream, context }
    }

    #[cfg(any(feature = "handshake", feature = "wskit"))]
    pub(crate) fn from_context(stream: Stream, context: WebSocketContext) -> Self {
        Self { stream, context }
    }

    #[cfg(feature = "wskit")]
    pub(crate) fn into_parts(self) -> (Stream, WebSocketContext) {
        (self.stream, self.context)
    }

    #[cfg(feature = "deadlines")]
    pub(crate) fn context_mut(&mut self) -> &mut WebSocketContext {
        &mut self.context
    }

    /// Returns the stream. What was read ahead, and what was not flushed, is lost.
    pub fn into_inner(self) -> Stream {
        self.stream
    }

    /// Returns the stream.
    pub fn get_ref(&self) -> &Stream {
        &self.stream
    }

    /// Returns the stream.
    pub fn get_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Changes the settings; limits apply from the next frame on.
    ///
    /// # Panics
    /// If `max_write_buffer_size` is not more than `write_buffer_size`.
    pub fn set_config(&mut self, set: impl FnOnce(&mut WebSocketConfig)) {
        self.context.set_config(set);
    }

    /// Returns the settings.
    pub fn get_config(&self) -> &WebSocketConfig {
        self.context.get_config()
    }

    /// Returns whether messages may still come: until the peer's Close.
    pub fn can_read(&self) -> bool {
        self.context.can_read()
    }

    /// Returns whether messages may still be sent: until either end's Close.
    pub fn can_write(&self) -> bool {
        self.context.can_write()
    }
}

impl<Stream: Read + Write> WebSocket<Stream> {
    /// Reads a message, and writes the answers that are due to pings and to a Close.
    ///
    /// A ping, and the peer's Close, are returned first and answered by the next call of `read`, `write` or
    /// `flush`. After a Close, go on until [`Error::ConnectionClosed`](crate::Error::ConnectionClosed).
    ///
    /// # Errors
    /// Those of [`WebSocketContext::read`].
    pub fn read(&mut self) -> Result<Message> {
        self.context.read(&mut self.stream)
    }

    /// Queues a message and flushes.
    ///
    /// # Errors
    /// Those of [`write`](Self::write) and [`flush`](Self::flush).
    pub fn send(&mut self, message: Message) -> Result<()> {
        self.write(message)?;
        self.flush()
    }

    /// Queues a message. It is written once more than
    /// [`write_buffer_size`](WebSocketConfig::write_buffer_size) bytes wait, or by a flush.
    ///
    /// # Errors
    /// Those of [`WebSocketContext::write`].
    pub fn write(&mut self, message: Message) -> Result<()> {
        self.context.write(&mut self.stream, message)
    }

    /// Writes everything that waits, with the answers that are due, and flushes the stream.
    ///
    /// # Errors
    /// Those of [`WebSocketContext::flush`].
    pub fn flush(&mut self) -> Result<()> {
        self.context.flush(&mut self.stream)
    }

    /// Starts the closing handshake, or goes on with it. Then read or flush until
    /// [`Error::ConnectionClosed`](crate::Error::ConnectionClosed).
    ///
    /// # Errors
    /// Those of [`WebSocketContext::close`].
    pub fn close(&mut self, close: Option<CloseFrame>) -> Result<()> {
        self.context.close(&mut self.stream, close)
    }

    /// The earlier name of [`read`](Self::read).
    ///
    /// # Errors
    /// Those of `read`.
    #[deprecated(note = "use `read`")]
    pub fn read_message(&mut self) -> Result<Message> {
        self.read()
    }

    /// The earlier name of [`send`](Self::send).
    ///
    /// # Errors
    /// Those of `send`.
    #[deprecated(note = "use `send`")]
    pub fn write_message(&mut self, message: Message) -> Result<()> {
        self.send(message)
    }

    /// The earlier name of [`flush`](Self::flush).
    ///
    /// # Errors
    /// Those of `flush`.
    #[deprecated(note = "use `flush`")]
    pub fn write_pending(&mut self) -> Result<()> {
        self.flush()
    }
}
