use std::cell::Cell;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::crowd::{Crowd, Place};
use super::inbox::Inbox;
use super::inner::{Inner, Live, OnDrop};
use super::running::Running;
use super::seat::Seat;
#[cfg(feature = "tracing")]
use super::telemetry;
use crate::core::{Directory, Input, Shard, ShardId, Slot, Turn};
use crate::error::Error;
use crate::stats::Stats;
use crate::sync::{Counter, Mutex, Ordering, lock};
use crate::wire::{Event, Wire, WireId};

/// A delivery shard with its inbox.
pub(super) struct DeliveryShard {
    inbox: Inbox<Input<Live>>,
    slots: Mutex<Slots>,
    state: Mutex<Shard<Live>>,
    stats: Mutex<Stats>,
    pub(super) bytes: Counter,
}

/// The places of a shard's peers.
#[derive(Debug, Default)]
struct Slots {
    free: Vec<u32>,
    next: u32,
}

/// Peers that are written to in one turn.
const PEERS_A_TURN: usize = 512;

impl DeliveryShard {
    pub(super) fn new() -> Self {
        Self {
            inbox: Inbox::new(),
            slots: Mutex::default(),
            state: Mutex::new(Shard::new()),
            stats: Mutex::default(),
            bytes: Counter::new(0),
        }
    }
}

/// The delivery shards, and the turns that they take.
impl Inner {
    /// Returns the number of a wire.
    pub(super) fn wire(&self, wire: &Wire) -> Result<WireId, Error> {
        let places = (0u8..).zip(&self.wires);
        for (i, place) in places {
            if place.get_or_init(|| wire.clone()).is(wire) {
                return Ok(WireId(i));
            }
        }
        Err(Error::TooManyWires)
    }

    /// Gives out a place in a shard.
    pub(super) fn seat(&self) -> Option<(ShardId, Slot)> {
        let next = self.next_shard.fetch_add(1, Ordering::Relaxed) % self.shards.len();
        let mut slots = lock(&self.shards.get(next)?.slots);
        let slot = slots.free.pop().unwrap_or_else(|| {
            slots.next += 1;
            slots.next - 1
        });
        Some((ShardId(u16::try_from(next).ok()?), Slot(slot)))
    }

    /// Returns for each shard the number above all places given out.
    pub(super) fn ends(&self) -> impl Iterator<Item = u32> {
        self.shards
            .iter()
            .map(|delivery| lock(&delivery.slots).next)
    }

    /// Takes a place back that nothing refers to any more.
    pub(super) fn free(&self, shard: ShardId, slot: Slot) {
        if let Some(delivery) = self.shards.get(usize::from(shard.0)) {
            lock(&delivery.slots).free.push(slot.0);
        }
    }

    /// Adds an input. Returns whether the shard is to be scheduled.
    pub(super) fn push(&self, shard: ShardId, input: Input<Live>) -> bool {
        let delivery = self.shards.get(usize::from(shard.0));
        let (limit, crowd) = (self.limits.undelivered, &self.crowd);
        delivery.is_some_and(|delivery| delivery.inbox.push(input, limit, crowd))
    }

    /// Sends an input to a shard.
    pub(super) fn send(&self, shard: ShardId, input: Input<Live>) {
        if self.push(shard, input) {
            self.run([shard.0]);
        }
    }

    /// Has shards run: by a driver, or here if there is none.
    pub(super) fn run(&self, shards: impl IntoIterator<Item = u16>) {
        if !self.schedule.add(shards) {
            self.run_ready();
        }
    }

    /// Runs all shards that have something to do.
    pub(super) fn run_ready(&self) {
        if Running::is_here(self) {
            return;
        }
        let _running = Running::begin(self);
        while let Some(shard) = self.schedule.next() {
            self.turn(shard);
        }
    }

    /// Runs a shard, as a driver.
    pub(super) fn run_one(&self, shard: u16) {
        let _running = Running::begin(self);
        self.turn(shard);
    }

    /// Runs a turn of a shard, and schedules the next one if there is more to do.
    fn turn(&self, number: u16) {
        let Some(delivery) = self.shards.get(usize::from(number)) else {
            return;
        };
        delivery.inbox.begin();
        let has_more = Cell::new(true);
        let _again = OnDrop(|| {
            if delivery.inbox.end(has_more.get()) {
                self.run([number]);
            }
        });
        has_more.set(self.work(ShardId(number), delivery));
    }

    /// Takes in what there is and writes to some peers. Returns whether others are left.
    fn work(&self, id: ShardId, delivery: &DeliveryShard) -> bool {
        let inputs = if lock(&delivery.state).is_full() {
            Vec::new()
        } else {
            delivery.inbox.take(&self.crowd)
        };
        let inputs = self.encode(inputs, delivery);
        let mut turn = Turn::default();
        let (before, after);
        let has_more = {
            let mut shard = lock(&delivery.state);
            for input in inputs {
                shard.handle(input, &mut turn);
            }
            let has_more = shard.deliver(PEERS_A_TURN, &mut turn);
            let peers = usize::try_from(shard.stats().peers).unwrap_or(usize::MAX);
            let bytes = shard.bytes() + peers.saturating_mul(Seat::BYTES);
            delivery.bytes.store(bytes, Ordering::Relaxed);
            let stats = shard.stats();
            before = std::mem::replace(&mut *lock(&delivery.stats), stats);
            after = stats;
            has_more
        };
        // Those who listen to events are the application's: they are told without a lock.
        #[cfg(feature = "tracing")]
        telemetry::turned(&before, &after);
        #[cfg(not(feature = "tracing"))]
        let _ = (before, after);
        self.finish(id, turn);
        has_more
    }

    /// Encodes what the inputs bring for the wires that need it. This runs the application's code, without a
    /// lock.
    fn encode(&self, mut inputs: Vec<Input<Live>>, delivery: &DeliveryShard) -> Vec<Input<Live>> {
        let new = inputs.iter().fold(0, |wires, input| match input {
            Input::Start(start) => wires | 1 << start.wire.0,
            _ => wires,
        });
        let wires: Vec<(u8, bool)> = {
            let shard = lock(&delivery.state);
            let wires = inputs.iter().map(|input| match input {
                Input::Entry { topic, .. } => {
                    let (wires, is_alone) = shard.wires(*topic);
                    (new | wires, is_alone)
                }
                _ => (0, false),
            });
            wires.collect()
        };
        for (input, (wires, is_alone)) in inputs.iter_mut().zip(wires) {
            match input {
                Input::Entry { entry, .. } => {
                    for wire in self.wires_in(wires) {
                        entry.encode(wire, false, is_alone, &self.encoded_bytes);
                    }
                }
                Input::Start(start) if !start.is_held => {
                    for (id, wire) in self.wires_in(1 << start.wire.0) {
                        start.hello = wire.encode(Event::Subscribed {
                            topic: &start.name,
                            subscribed: start.subscribed,
                        });
                        for entry in &start.past {
                            entry.encode((id, wire), true, false, &self.encoded_bytes);
                        }
                        if let Some(present) = &start.present {
                            start.members = wire.encode(Event::Present {
                                topic: &start.name,
                                present,
                            });
                        }
                    }
                }
                _ => {}
            }
        }
        inputs
    }

    fn wires_in(&self, set: u8) -> impl Iterator<Item = (WireId, &Wire)> {
        (0u8..)
            .zip(&self.wires)
            .filter(move |(i, _)| set & 1 << i != 0)
            .filter_map(|(i, wire)| Some((WireId(i), wire.get()?)))
    }

    /// Does what a turn has left.
    fn finish(&self, id: ShardId, turn: Turn<Live>) {
        for (call, answer) in turn.answers {
            call.answer(answer);
        }
        for (seat, topic) in turn.released {
            self.with(Directory::<Live>::number_of(topic), |directory, now, _| {
                directory.release(topic, id, now);
            });
            if let Some(seat) = seat {
                seat.release_topic();
            }
        }
        for wanted in turn.notices {
            for (_, wire) in self.wires_in(1 << wanted.wire.0) {
                let message = wire.encode(wanted.event());
                let input = Input::Notice {
                    slot: wanted.slot,
                    topic: wanted.topic,
                    notice: wanted.notice,
                    message,
                };
                // This turn is still running, and comes again.
                self.push(id, input);
            }
        }
        for seat in turn.gone {
            self.leave_all(&seat);
        }
        // The connections are dropped here.
    }

    /// A peer is no longer present anywhere.
    pub(super) fn leave_all(&self, seat: &Seat) {
        lock(&seat.state).is_gone = true;
        let entered = seat.with_rights(self, |rights, _| rights.leave_all());
        for (topic, identity) in entered {
            self.with_known(&topic, |directory, topic, now, out| {
                directory.leave(topic, &identity, now, out);
            });
        }
    }

    // Publishers that are too fast.

    /// Whether a publisher has to wait; then `waker` is woken when it may go on.
    #[inline]
    pub(super) fn is_crowded(&self, place: &mut Place, waker: &Waker) -> bool {
        self.crowd.is_here() && self.has_to_wait(place, waker)
    }

    /// Waits until no inbox is crowded.
    pub(super) async fn until_not_crowded(&self) {
        struct Wait<'a>(&'a Crowd, Place);
        impl Drop for Wait<'_> {
            fn drop(&mut self) {
                self.0.leave(&mut self.1);
            }
        }
        let mut wait = Wait(&self.crowd, Place::default());
        poll_fn(|cx| {
            if self.is_crowded(&mut wait.1, cx.waker()) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }

    #[cold]
    fn has_to_wait(&self, place: &mut Place, waker: &Waker) -> bool {
        if Running::is_here(self) {
            // It is called within a turn, which cannot wait for itself.
            return false;
        }
        if !self.schedule.has_drivers() {
            // It does the work itself, but for what other threads do.
            self.run_ready();
        }
        self.crowd.is_here() && self.crowd.wait(place, waker)
    }

    /// Returns what the shards have done.
    pub(super) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for delivery in &self.shards {
            stats += *lock(&delivery.stats);
        }
        self.counts.add_to(&mut stats);
        stats
    }
}
