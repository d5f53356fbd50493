use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use wskit_proto::{CloseCode, PreparedMessage};

use super::inner::Inner;
use super::rights::Rights;
use crate::core::{Bucket, Connection, Gone, Input, ShardId, Slot};
use crate::peer::Grant;
use crate::sync::{AnyWeakWriter, AtomicU32, Mutex, Ordering, lock};
use crate::wire::WireId;

/// The place of a peer in its hub, which the peer's handle, its shard and its connection share.
pub(crate) struct Seat {
    hub: Weak<Inner>,
    pub(super) shard: ShardId,
    pub(super) slot: Slot,
    pub(super) wire: WireId,
    writer: AnyWeakWriter,
    /// How many topics it is subscribed to, or will be.
    pub(super) topics: AtomicU32,
    pub(super) state: Mutex<SeatState>,
}

#[derive(Debug, Default)]
pub(super) struct SeatState {
    rights: Rights,
    pub(super) commands: Bucket,
    pub(super) is_gone: bool,
}

impl Seat {
    /// What it takes, with the counters of its `Arc` and its place in the connection's list of those who
    /// learn of its end.
    pub(super) const BYTES: usize = size_of::<Self>() + 2 * size_of::<usize>() + 64;

    pub(super) fn new(
        hub: Weak<Inner>,
        shard: ShardId,
        slot: Slot,
        wire: WireId,
        writer: AnyWeakWriter,
    ) -> Arc<Self> {
        Arc::new(Self {
            hub,
            shard,
            slot,
            wire,
            writer,
            topics: AtomicU32::new(0),
            state: Mutex::default(),
        })
    }

    /// Calls `f` with what the peer may do, and counts the bytes that it takes.
    pub(super) fn with_rights<R>(&self, hub: &Inner, f: impl FnOnce(&mut Rights, bool) -> R) -> R {
        let mut state = lock(&self.state);
        let before = state.rights.bytes();
        let is_gone = state.is_gone;
        let result = f(&mut state.rights, is_gone);
        // It adds or subtracts, as the sum is below the address space.
        let difference = state.rights.bytes().wrapping_sub(before);
        // Under the lock, so that no other difference of this peer is added before.
        hub.rights_bytes.fetch_add(difference, Ordering::Relaxed);
        result
    }

    /// Returns what is granted for a topic.
    pub(super) fn granted(&self, topic: &str) -> Grant {
        lock(&self.state).rights.granted(topic)
    }

    /// Has the hub notice the end of the connection.
    pub(super) fn watch_end(self: &Arc<Self>) {
        self.writer.wake_when_closed(&Waker::from(self.clone()));
    }

    pub(super) fn release_topic(&self) {
        self.topics.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connection for Arc<Seat> {
    #[inline]
    fn write(&self, messages: &[&PreparedMessage]) -> Result<usize, Gone> {
        // The transport may be the application's. If it panics, its connection is of no more use.
        let batched = catch_unwind(AssertUnwindSafe(|| self.writer.batch(messages)));
        match batched {
            Ok(Ok(batched)) => Ok(batched.accepted),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    fn wait_for_room(&self) {
        self.writer.wake_when_room(&Waker::from(self.clone()));
    }

    fn close(&self, code: CloseCode, reason: &'static str) {
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let Some(writer) = self.writer.upgrade() else {
                return;
            };
            if writer.start_close(code, cut(reason)).is_err() {
                // A code that cannot be sent. If it is closing already, this does nothing either.
                let _ = writer.start_close(CloseCode::INTERNAL_ERROR, "");
            }
        }));
    }
}

/// The longest reason of a Close, in bytes (RFC 6455 §5.5).
const REASON: usize = 123;

fn cut(reason: &'static str) -> &'static str {
    let mut ends = (0..=REASON.min(reason.len())).rev();
    let end = ends.find(|end| reason.is_char_boundary(*end));
    reason.get(..end.unwrap_or(0)).unwrap_or("")
}

/// The connection has room, or is over.
impl Wake for Seat {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(hub) = self.hub.upgrade() {
            hub.send(self.shard, Input::Room { slot: self.slot });
        }
    }
}

/// Its place is free when nothing can name it any more: neither a call that still waits, nor the connection
/// that reports its end.
impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            let bytes = lock(&self.state).rights.bytes();
            hub.rights_bytes.fetch_sub(bytes, Ordering::Relaxed);
            hub.free(self.shard, self.slot);
        }
    }
}
