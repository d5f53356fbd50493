//! The protocol after the opening handshake: messages, settings, and [`WebSocket`].

mod config;
mod context;
pub mod frame;
mod message;
mod state;
mod websocket;

pub use config::WebSocketConfig;
#[cfg(feature = "deflate")]
pub(crate) use context::Agreed;
#[cfg(feature = "wskit")]
pub(crate) use context::Handover;
pub use context::WebSocketContext;
pub use frame::CloseFrame;
pub use message::Message;
pub use websocket::WebSocket;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The end that accepted.
    Server,
    /// The end that connected, whose frames are masked.
    Client,
}
