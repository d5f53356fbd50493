use std::cell::Cell;
use std::hash::Hasher;
use std::sync::Arc;

use crate::core::TopicId;
use crate::core::window::Window;
use crate::rules::Slow;

/// A topic with subscribers in this shard.
pub(super) struct Local {
    pub(super) id: TopicId,
    pub(super) name: Arc<str>,
    pub(super) slow: Slow,
    /// How many entries are kept for subscribers that lag.
    pub(super) keep: usize,
    /// No history keeps them too.
    pub(super) is_alone: bool,
    pub(super) window: Window,
    /// The wires that subscribers have or had, a bit for each.
    pub(super) wires: u8,
    /// The subscribers: the peer, and the place in its list.
    pub(super) subscribers: Vec<(u32, u32)>,
    /// How many subscribers lag.
    pub(super) lagging: u32,
    /// No lagging subscriber's cursor is below.
    pub(super) oldest: u64,
    /// It is among those whose windows are to be trimmed.
    pub(super) is_active: bool,
    /// All subscribers have something to send already, or lag: the next entry changes nothing for them.
    pub(super) is_spread: Cell<bool>,
}

impl Local {
    /// A subscriber lags from now on.
    pub(super) fn lag(&mut self, cursor: u64) {
        self.oldest = if self.lagging == 0 {
            cursor
        } else {
            self.oldest.min(cursor)
        };
        self.lagging += 1;
    }

    /// A subscriber lags no more. Returns whether the topic is to be looked at again, because nothing has to be
    /// kept for others.
    pub(super) fn unlag(&mut self) -> bool {
        self.lagging -= 1;
        let is_due = self.lagging == 0 && self.window.len() > 0 && !self.is_active;
        self.is_active |= is_due;
        is_due
    }
}

/// A hash for numbers that are given out in sequence.
#[derive(Default)]
pub(super) struct Multiply(u64);

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
