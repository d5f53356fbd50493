//! Models of threads that use one hub: loom runs every order of their steps, with a limited number of forced
//! switches between them. A wake-up that is lost is a deadlock, which loom reports.
//!
//! The hub is the real one. Its connections are [`AnyWeakWriter`] of this module, with room for a number
//! of messages.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p wskit-hub --lib --release models`;
//! `LOOM_MAX_PREEMPTIONS` raises the number of switches.
#![cfg_attr(not(test), allow(dead_code, reason = "the models are tests"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod connection;
#[cfg(test)]
mod delivering;
#[cfg(test)]
mod driving;
#[cfg(test)]
#[path = "../../wskit-driver/src/models/executor.rs"]
mod executor;
#[cfg(test)]
#[path = "../../wskit-driver/src/models/exploration.rs"]
mod exploration;

pub(crate) use connection::AnyWeakWriter;

#[cfg(test)]
use std::time::Instant;

#[cfg(test)]
use crate::{Access, Event, History, Hub, Limits, PreparedMessage, Publication, Rules, Wire};

/// Builds a hub of one shard, with open topics that keep this many messages. Its clock stands still.
#[cfg(test)]
fn hub(last: usize, limits: Limits) -> Hub {
    let rules = Rules::stream(History::last(last)).subscribe(Access::Everyone);
    let now = Instant::now();
    Hub::builder(move |_| rules.clone())
        .limits(limits)
        .shards(1)
        .clock(move || now)
        .build()
}

/// Tells the offsets of messages, and nothing else.
#[cfg(test)]
fn offsets() -> Wire {
    Wire::new(|event| match event {
        Event::Published { message, .. } => {
            let offset = message.position().offset;
            Some(PreparedMessage::binary(vec![u8::try_from(offset).unwrap()]))
        }
        Event::Unsubscribed { .. } => Some(PreparedMessage::binary(vec![])),
        _ => None,
    })
}

#[cfg(test)]
fn publication() -> Publication {
    Publication::binary(vec![])
}
