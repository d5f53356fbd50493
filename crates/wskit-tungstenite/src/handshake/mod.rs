//! The opening handshake, in steps that can be interrupted.

pub mod client;
pub mod machine;
pub mod server;

use std::fmt;
use std::io::{Read, Write};

use crate::error::{Error, Result};
use machine::HandshakeMachine;

/// A handshake that waits for its stream.
#[derive(Debug)]
pub struct MidHandshake<Role: HandshakeRole> {
    role: Role,
    machine: HandshakeMachine<Role::InternalStream>,
}

impl<Role: HandshakeRole> MidHandshake<Role> {
    /// Returns what holds the stream.
    pub fn get_ref(&self) -> &HandshakeMachine<Role::InternalStream> {
        &self.machine
    }

    /// Returns what holds the stream.
    pub fn get_mut(&mut self) -> &mut HandshakeMachine<Role::InternalStream> {
        &mut self.machine
    }

    /// Goes on with the handshake.
    ///
    /// # Errors
    /// [`HandshakeError::Interrupted`], with the handshake, when the stream would block: call this again
    /// when it is ready.
    pub fn handshake(mut self) -> Result<Role::FinalResult, HandshakeError<Role>> {
        match self.role.advance(&mut self.machine.stream)? {
            Step::Done => Ok(self.role.finish(self.machine.stream)),
            Step::WouldBlock => Err(HandshakeError::Interrupted(self)),
        }
    }
}

/// Why there is no connection (yet).
pub enum HandshakeError<Role: HandshakeRole> {
    /// The stream would block. Go on by [`MidHandshake::handshake`].
    Interrupted(MidHandshake<Role>),
    /// The handshake failed.
    Failure(Error),
}

impl<Role: HandshakeRole> fmt::Debug for HandshakeError<Role> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted(_) => f.write_str("HandshakeError::Interrupted(...)"),
            Self::Failure(error) => write!(f, "HandshakeError::Failure({error:?})"),
        }
    }
}

impl<Role: HandshakeRole> fmt::Display for HandshakeError<Role> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted(_) => f.write_str("Interrupted handshake (WouldBlock)"),
            Self::Failure(error) => error.fmt(f),
        }
    }
}

impl<Role: HandshakeRole> std::error::Error for HandshakeError<Role> {}

impl<Role: HandshakeRole> From<Error> for HandshakeError<Role> {
    fn from(error: Error) -> Self {
        Self::Failure(error)
    }
}

/// One side of the handshake: [`ClientHandshake`](client::ClientHandshake) or
/// [`ServerHandshake`](server::ServerHandshake).
pub trait HandshakeRole: Sized {
    #[doc(hidden)]
    type InternalStream: Read + Write;
    #[doc(hidden)]
    type FinalResult;
    #[doc(hidden)]
    fn advance(&mut self, stream: &mut Self::InternalStream) -> Result<Step>;
    #[doc(hidden)]
    fn finish(self, stream: Self::InternalStream) -> Self::FinalResult;
}

/// How far a handshake got.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    WouldBlock,
    Done,
}

/// Returns the value of `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key`.
///
/// ```
/// let accept = wskit_tungstenite::handshake::derive_accept_key(b"dGhlIHNhbXBsZSBub25jZQ==");
/// assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// ```
pub fn derive_accept_key(request_key: &[u8]) -> String {
    wskit_handshake::accept_key(request_key)
        .iter()
        .copied()
        .map(char::from)
        .collect()
}

/// The limits on the peer's head.
fn limits() -> wskit_handshake::HeadLimits {
    wskit_handshake::HeadLimits::default()
        .max_head_bytes(64 << 10)
        .max_headers(124)
}
