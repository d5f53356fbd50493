//! A limit on the state of incomplete messages.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

/// A limit on the compression state of incomplete messages, in bytes.
///
/// A connection borrows a stream for the time of one message. A message that arrives or leaves at
/// once never counts. A message that stops half-way (the network stalls, or an attacker sends half
/// of it on many connections) keeps its stream: about 46 KiB for a received message and up to 371
/// KiB for a sent one, which is counted here. When the budget is spent,
///
/// - a received message that would have to wait for its peer fails with
///   [`DecompressError::BudgetSpent`](crate::DecompressError::BudgetSpent); one that only waits for
///   room from the caller continues,
/// - [`Compressor::begin`](crate::Compressor::begin) returns that the message
///   should be sent uncompressed.
///
/// Clones share one count. The limit applies to received and to streamed
/// messages. A whole message that is being sent checks it once before it
/// starts, and may exceed it by its own stream.
///
/// Dedicated streams ([`Config::dedicated`](crate::Config::dedicated)) belong
/// to their connection and do not count.
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
    /// Creates a separate budget, in bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                limit: AtomicUsize::new(limit),
                used: AtomicUsize::new(0),
            }),
        }
    }

    /// Returns the budget of the process, which every [`Config`](crate::Config)
    /// uses by default. It is 256 MiB at first, enough for some 5,700
    /// incomplete received messages at one time.
    pub fn process() -> &'static Self {
        static PROCESS: LazyLock<Budget> = LazyLock::new(|| Budget::new(256 << 20));
        &PROCESS
    }

    /// Returns the limit in bytes.
    pub fn limit(&self) -> usize {
        self.shared.limit.load(Ordering::Relaxed)
    }

    /// Sets the limit. Memory already in use stays in use.
    pub fn set_limit(&self, bytes: usize) {
        self.shared.limit.store(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes in use by incomplete messages.
    pub fn used(&self) -> usize {
        self.shared.used.load(Ordering::Relaxed)
    }

    /// Returns whether `bytes` more would fit now.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.used().saturating_add(bytes) <= self.limit()
    }

    /// Takes `bytes` if they fit.
    pub(crate) fn try_charge(&self, bytes: usize) -> Option<Charge> {
        let charge = self.charge(bytes);
        (!self.is_overdrawn()).then_some(charge)
    }

    /// Returns whether more than the limit is in use.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.used() > self.limit()
    }

    /// Takes `bytes` even if they do not fit.
    pub(crate) fn charge(&self, bytes: usize) -> Charge {
        self.shared.used.fetch_add(bytes, Ordering::Relaxed);
        Charge {
            shared: Arc::clone(&self.shared),
            bytes,
        }
    }
}

/// Bytes taken from a budget, returned on drop.
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
