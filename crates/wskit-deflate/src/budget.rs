//! A bound on the state of messages that are half-way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

/// A bound on the bytes of compression state that messages half-way hold.
///
/// A stream is lent to a connection for the time of one message. A message that
/// arrives or leaves at once never counts; one that stops half-way (the network
/// stalls, or an attacker sends half of it on many connections) keeps its stream,
/// about 46 KiB for a message received and up to 371 KiB for one sent, and that is
/// counted here. When the budget is spent,
///
/// - a message received that would have to wait for its peer fails with
///   [`DecompressError::BudgetSpent`](crate::DecompressError::BudgetSpent); one that
///   waits only for its caller to give room goes on,
/// - [`Compressor::begin`](crate::Compressor::begin) says that the message should
///   be sent uncompressed.
///
/// Clones share one count. The bound is kept for messages received and for
/// streamed messages; a whole message that is being sent checks it once, before
/// it begins, and may go past it by its own stream.
///
/// Dedicated streams ([`Config::dedicated`](crate::Config::dedicated)) belong to
/// their connection and are not counted.
#[derive(Debug, Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: AtomicUsize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of its own, in bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                limit: AtomicUsize::new(limit),
                used: AtomicUsize::new(0),
            }),
        }
    }

    /// The budget of the process, which every [`Config`](crate::Config) has
    /// unless it is given another: 256 MiB at first, enough for some 5,700
    /// messages received that are half-way at one time.
    pub fn process() -> &'static Self {
        static PROCESS: LazyLock<Budget> = LazyLock::new(|| Budget::new(256 << 20));
        &PROCESS
    }

    /// The bound in bytes.
    pub fn limit(&self) -> usize {
        self.shared.limit.load(Ordering::Relaxed)
    }

    /// Sets another bound. What is in use already stays in use.
    pub fn set_limit(&self, bytes: usize) {
        self.shared.limit.store(bytes, Ordering::Relaxed);
    }

    /// Bytes in use by messages half-way.
    pub fn used(&self) -> usize {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// Whether `bytes` more would fit at this moment.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.used().saturating_add(bytes) <= self.limit()
    }

    /// Takes `bytes` if they fit.
    pub(crate) fn try_charge(&self, bytes: usize) -> Option<Charge> {
        let charge = self.charge(bytes);
        (!self.is_overdrawn()).then_some(charge)
    }

    /// Whether more is in use than there may be.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.used() > self.limit()
    }

    /// Takes `bytes` whether they fit or not.
    pub(crate) fn charge(&self, bytes: usize) -> Charge {
        self.shared.used.fetch_add(bytes, Ordering::Relaxed);
        Charge {
            shared: Arc::clone(&self.shared),
            bytes,
        }
    }
}

/// Bytes taken from a budget, given back when dropped.
#[derive(Debug)]
pub(crate) struct Charge {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shared.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
