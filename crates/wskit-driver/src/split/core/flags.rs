use wskit_proto::State;

use crate::sync::{AtomicUsize, Ordering};

/// What the sending half says about itself to callers that do not take its lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(usize);

impl Flags {
    /// Something is queued or not flushed.
    pub(super) const UNFLUSHED: Self = Self(1);
    /// The queue is over its high-water mark.
    pub(super) const OVER_HIGH_WATER: Self = Self(2);
    /// The connection is no longer open.
    const CLOSING: Self = Self(4);
    /// The connection is over.
    const CLOSED: Self = Self(8);
    /// Messages wait in lanes for the socket. Those that wait only for a pong do not count.
    pub(super) const LANES: Self = Self(16);
    /// Messages of lanes could be encoded now.
    pub(super) const LANES_DUE: Self = Self(32);
    /// A message is being sent in pieces.
    pub(super) const MESSAGE_OPEN: Self = Self(64);
    /// A writer waits for its turn, or the transport has refused a write.
    pub(super) const CONTENDED: Self = Self(128);
    /// The reader was dropped, and tasks that wait read in its place.
    pub(super) const PARKED: Self = Self(256);

    /// Adds `flags` if `condition` holds.
    pub(super) const fn set(&mut self, flags: Self, condition: bool) {
        if condition {
            self.0 |= flags.0;
        }
    }

    pub(super) const fn set_state(&mut self, state: State) {
        self.0 |= match state {
            State::Open => 0,
            State::Closing => Self::CLOSING.0,
            State::Closed => Self::CLOSING.0 | Self::CLOSED.0,
        };
    }

    pub(super) const fn state(self) -> State {
        match self.0 & (Self::CLOSING.0 | Self::CLOSED.0) {
            0 => State::Open,
            bits if bits == Self::CLOSING.0 => State::Closing,
            _ => State::Closed,
        }
    }

    pub(super) const fn is_closed(self) -> bool {
        self.0 & Self::CLOSED.0 != 0
    }

    /// Whether messages or bytes wait for the socket, encoded or not.
    pub(super) const fn is_unwritten(self) -> bool {
        self.0 & (Self::UNFLUSHED.0 | Self::LANES.0) != 0
    }

    pub(super) const fn is_unflushed(self) -> bool {
        self.0 & Self::UNFLUSHED.0 != 0
    }

    pub(super) const fn is_over_high_water(self) -> bool {
        self.0 & Self::OVER_HIGH_WATER.0 != 0
    }

    pub(super) const fn has_lane_messages(self) -> bool {
        self.0 & Self::LANES.0 != 0
    }

    pub(super) const fn are_lanes_due(self) -> bool {
        self.0 & Self::LANES_DUE.0 != 0
    }

    pub(super) const fn is_message_open(self) -> bool {
        self.0 & Self::MESSAGE_OPEN.0 != 0
    }

    pub(super) const fn is_parked(self) -> bool {
        self.0 & Self::PARKED.0 != 0
    }

    /// Whether a call is likely to wait.
    pub(super) const fn is_contended(self) -> bool {
        self.0 & (Self::OVER_HIGH_WATER.0 | Self::CONTENDED.0) != 0
    }
}

/// [`Flags`] that are read without a lock.
pub(super) struct AtomicFlags(AtomicUsize);

impl AtomicFlags {
    pub(super) fn new(flags: Flags) -> Self {
        Self(AtomicUsize::new(flags.0))
    }

    pub(super) fn load(&self) -> Flags {
        Flags(self.0.load(Ordering::Acquire))
    }

    /// Loads the flags for a guess, which need not be up to date.
    pub(super) fn load_relaxed(&self) -> Flags {
        Flags(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn store(&self, flags: Flags) {
        self.0.store(flags.0, Ordering::Release);
    }
}
