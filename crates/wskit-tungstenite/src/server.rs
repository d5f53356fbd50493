//! Accepting connections over a stream.

use std::io::{Read, Write};

use crate::handshake::HandshakeError;
use crate::handshake::server::{Callback, NoCallback, ServerHandshake};
use crate::protocol::{WebSocket, WebSocketConfig};

/// Accepts a connection.
///
/// # Errors
/// [`HandshakeError::Interrupted`] if the stream would block, and [`HandshakeError::Failure`].
pub fn accept<S: Read + Write>(
    stream: S,
) -> Result<WebSocket<S>, HandshakeError<ServerHandshake<S, NoCallback>>> {
    accept_with_config(stream, None)
}

/// Accepts a connection, with settings.
///
/// # Errors
/// Those of [`accept`].
pub fn accept_with_config<S: Read + Write>(
    stream: S,
    config: Option<WebSocketConfig>,
) -> Result<WebSocket<S>, HandshakeError<ServerHandshake<S, NoCallback>>> {
    accept_hdr_with_config(stream, NoCallback, config)
}

/// Accepts a connection if the callback does, which sees the headers.
///
/// # Errors
/// Those of [`accept`]. [`Error::Http`](crate::Error::Http) if the callback has refused.
pub fn accept_hdr<S: Read + Write, C: Callback>(
    stream: S,
    callback: C,
) -> Result<WebSocket<S>, HandshakeError<ServerHandshake<S, C>>> {
    accept_hdr_with_config(stream, callback, None)
}

/// Accepts a connection if the callback does, with settings.
///
/// # Errors
/// Those of [`accept_hdr`].
pub fn accept_hdr_with_config<S: Read + Write, C: Callback>(
    stream: S,
    callback: C,
    config: Option<WebSocketConfig>,
) -> Result<WebSocket<S>, HandshakeError<ServerHandshake<S, C>>> {
    ServerHandshake::start(stream, callback, config).handshake()
}
