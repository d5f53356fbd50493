//! For the project's own benchmarks, which compile with `--cfg wskit_bench`.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use wskit_proto::{CloseCode, PreparedMessage};

use crate::core::{Connection, Gone, Host, Input, Shard, Slot, Start, TopicId, Turn};
use crate::entry::{Content, Entry};
use crate::position::{Epoch, Position, Subscribed};
use crate::publication::{Publication, Published};
use crate::rules::Slow;
use crate::wire::{Encoded, Wire, WireId};

/// A delivery shard whose connections take everything and do nothing: what a hub itself costs.
pub struct Deliveries {
    shard: Shard<Nothing>,
    wire: Wire,
    next: u64,
}

impl std::fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deliveries").finish_non_exhaustive()
    }
}

struct Nothing;

impl Host for Nothing {
    type Connection = Counter;
    type Call = ();
}

#[derive(Clone, Default)]
struct Counter(Cell<u64>);

impl Connection for Counter {
    #[inline]
    fn write(&self, messages: &[&PreparedMessage]) -> Result<usize, Gone> {
        self.0.set(self.0.get() + messages.len() as u64);
        Ok(messages.len())
    }

    fn wait_for_room(&self) {}

    fn close(&self, _code: CloseCode, _reason: &'static str) {}
}

const TOPIC: TopicId = TopicId(7);
const WIRE: WireId = WireId(0);
/// Peers that are written to in one turn, as the hub does it.
const A_TURN: usize = 512;

impl Deliveries {
    /// Creates one topic with this number of subscribers.
    #[must_use]
    pub fn new(subscribers: u32) -> Self {
        let mut shard = Shard::new();
        let mut turn = Turn::default();
        for slot in (0..subscribers).map(Slot) {
            let connection = Counter::default();
            let attach = Input::Attach {
                slot,
                wire: WIRE,
                connection,
            };
            shard.handle(attach, &mut turn);
            let start = Start {
                slot,
                wire: WIRE,
                topic: TOPIC,
                name: "topic".into(),
                slow: Slow::Resume,
                window: 64,
                subscribed: Subscribed::Fresh {
                    replayed: 0,
                    position: position(0),
                },
                is_held: false,
                past: Vec::new(),
                present: None,
                is_alone: false,
                next: 0,
                call: (),
                hello: Encoded::Nothing,
                members: Encoded::Nothing,
            };
            shard.handle(Input::Start(Box::new(start)), &mut turn);
        }
        Self {
            shard,
            wire: Wire::payloads(),
            next: 0,
        }
    }

    /// Publishes this number of messages, and delivers them.
    pub fn publish(&mut self, messages: u64) {
        let mut turn = Turn::default();
        for _ in 0..messages {
            let message = Published {
                topic: "topic".into(),
                position: position(self.next + 1),
                publication: Publication::text("0123456789abcdef"),
            };
            let entry = Entry::new(self.next, Content::Message(message), Instant::now());
            self.next += 1;
            entry.encode((WIRE, &self.wire), false, false, &Arc::default());
            let topic = TOPIC;
            self.shard.handle(Input::Entry { topic, entry }, &mut turn);
        }
        while self.shard.deliver(A_TURN, &mut turn) {}
    }

    /// Returns how many messages were delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.shard.stats().delivered
    }
}

fn position(offset: u64) -> Position {
    Position {
        epoch: Epoch::new(1),
        offset,
    }
}
