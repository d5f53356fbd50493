#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

#[cfg(wskit_bench)]
#[doc(hidden)]
pub mod bench;
mod core;
mod engine;
mod entry;
mod error;
mod hub;
mod limits;
mod member;
#[cfg(loom)]
mod models;
mod peer;
mod position;
mod publication;
mod rules;
#[cfg(all(test, not(loom), not(feature = "simulation")))]
mod sim;
#[cfg(feature = "simulation")]
#[doc(hidden)]
pub mod sim;
mod stats;
mod sync;
mod wire;

pub use engine::{Command, Engine, EngineEvent, NodeId, Page, Reply, RequestId};
pub use error::{EngineError, EngineErrorKind, Error};
pub use hub::{Held, Hub, HubBuilder};
pub use limits::Limits;
pub use member::{Member, Present};
pub use peer::{Grant, HeldSubscription, Peer};
pub use position::{Epoch, ParsePositionError, Position, Since, Subscribed};
pub use publication::{Publication, Published};
pub use rules::{Access, History, Rules, Slow};
pub use stats::{EngineStats, LabelStats, Refused, Stats};
pub use wire::{Event, Wire};
pub use wskit_proto::{CloseCode, MessageKind, PreparedMessage, Utf8Bytes};
