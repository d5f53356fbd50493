use std::panic::{AssertUnwindSafe, catch_unwind};

use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use wskit_proto::{CloseCode, PreparedMessage};

use super::inner::Inner;
use crate::core::{Bucket, Connection, Gone, Input, ShardId, Slot};
use crate::peer::Grant;
use crate::sync::{AnyWeakWriter, AtomicU32, Mutex, Ordering};
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
    pub(super) grants: Vec<(Arc<str>, Grant)>,
    /// The topics that it is present in, and as whom.
    pub(super) entered: Vec<(Arc<str>, Arc<str>)>,
    pub(super) commands: Bucket,
    pub(super) is_gone: bool,
}

impl Seat {
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
            hub.free(self.shard, self.slot);
        }
    }
}
