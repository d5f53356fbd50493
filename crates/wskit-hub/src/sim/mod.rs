//! A simulation of several hubs with an engine that has faults, in one thread and without real time.
//!
//! [`World`] carries out a list of operations, then ends all faults and waits. The checker looks at what
//! clients were sent and callers were answered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod check;
mod engine;
pub(crate) mod hub;
#[cfg(test)]
mod hubs;
#[cfg(test)]
pub(crate) mod node;
mod op;
#[cfg(test)]
mod tests;
mod world;

use op::Op;
use world::World;

use crate::core::set_small;

/// What a simulation is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One hub without an engine.
    Embedded,
    /// Three hubs with one.
    Cluster,
}

/// Runs operations. `log` gets a line for each.
fn run(of: Of, ops: &[Op], log: &mut dyn FnMut(String)) -> Result<(), String> {
    set_small(of.has_small_limits);
    let mut world = World::new(of);
    for op in ops {
        world.operate(*op, log)?;
    }
    world.heal(log)?;
    world.clear(log)
}

/// How a simulation is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Of {
    kind: Kind,
    /// Limits of the core that are not the application's are reached soon.
    has_small_limits: bool,
    /// The first of the topics that are used, and how many they are.
    topics: (u8, u8),
}

/// Returns what `bytes` are: the first says of what kind, then four an operation.
fn decode(bytes: &[u8]) -> Option<(Of, Vec<Op>)> {
    let (first, ops) = bytes.split_first()?;
    let of = Of {
        kind: if first & 1 == 0 {
            Kind::Embedded
        } else {
            Kind::Cluster
        },
        has_small_limits: first & 2 != 0,
        topics: (first >> 2 & 7, 1 + (first >> 5 & 3)),
    };
    let ops = ops.chunks_exact(4).take(2000);
    let ops = ops.map(|op| Op::decode([op[0], op[1], op[2], op[3]]));
    Some((of, ops.collect()))
}

/// Runs the operations that `bytes` are.
///
/// # Panics
/// If something is not as promised.
#[cfg(feature = "simulation")]
pub fn operations(bytes: &[u8]) {
    if let Some((of, ops)) = decode(bytes) {
        if let Err(error) = run(of, &ops, &mut |_| ()) {
            panic!("{error}");
        }
    }
}
