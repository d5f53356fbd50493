#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod closing;
mod compression;
mod config;
mod connection;
mod counter_handle;
#[cfg(feature = "metrics")]
mod counters;
mod error;
mod event;
mod inbound;
mod keys;
mod message;
mod outbound;
mod outcome;
mod outgoing;
mod pool;
mod prepared;
mod queued_message;
mod role;

mod text;
mod timers;
#[cfg(test)]
#[path = "../../wskit-test/tests/told_once/mod.rs"]
mod told_once;

pub use closing::{Ending, State};
pub use config::{Config, Keepalive, Limits};
pub use connection::Connection;
#[cfg(feature = "metrics")]
pub use counters::{Counters, Metrics, Traffic};
pub use error::{ProtocolError, SendError};
pub use event::{CloseFrame, ControlPayload, Event, EventRef, Piece};
pub use inbound::{Circumstances, Delivery, Inbound, ReadBuf, Span, Spare, WithOutbound};
pub use keys::MaskKeys;
pub use message::{Message, MessageKind, MessageRef};
pub use outbound::{Outbound, Outbox};
pub use outcome::{Cause, Initiator, Outcome, TimeoutKind};
pub use outgoing::Outgoing;
pub use prepared::PreparedMessage;
pub use queued_message::QueuedMessage;
pub use role::Role;
pub use text::Utf8Bytes;
pub use wskit_frame::{CloseCode, FrameError};

/// Compression: configuration, negotiation and what was agreed.
#[cfg(feature = "deflate")]
pub use wskit_deflate as deflate;
