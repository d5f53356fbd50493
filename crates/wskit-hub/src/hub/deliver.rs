use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;

use super::inner::{Inner, Live, OnDrop};
use super::seat::Seat;
use crate::core::{Directory, Input, Shard, ShardId, Slot, Turn};
use crate::error::Error;
use crate::stats::Stats;
use crate::sync::{Mutex, lock};
use crate::wire::{Event, Wire, WireId};

/// A delivery shard with its inbox.
pub(super) struct DeliveryShard {
    inbox: Mutex<Inbox>,
    state: Mutex<Shard<Live>>,
    stats: Mutex<Stats>,
    pub(super) bytes: AtomicUsize,
}

struct Inbox {
    inputs: Vec<Input<Live>>,
    state: Running,
    is_crowded: bool,
    free: Vec<u32>,
    next: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Running {
    Idle,
    /// It is in the schedule.
    Scheduled,
    /// Its turn runs.
    Now,
}

/// Peers that are written to in one turn.
const PEERS_A_TURN: usize = 512;

thread_local! {
    /// This thread runs shards: what becomes ready meanwhile is run after that.
    static RUNS: Cell<bool> = const { Cell::new(false) };
}

impl DeliveryShard {
    pub(super) fn new() -> Self {
        Self {
            inbox: Mutex::new(Inbox {
                inputs: Vec::new(),
                state: Running::Idle,
                is_crowded: false,
                free: Vec::new(),
                next: 0,
            }),
            state: Mutex::new(Shard::new()),
            stats: Mutex::default(),
            bytes: AtomicUsize::new(0),
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
        let mut inbox = lock(&self.shards.get(next)?.inbox);
        let slot = inbox.free.pop().unwrap_or_else(|| {
            inbox.next += 1;
            inbox.next - 1
        });
        Some((ShardId(u16::try_from(next).ok()?), Slot(slot)))
    }

    /// Adds an input. Returns whether the shard is to be scheduled.
    pub(super) fn push(&self, shard: ShardId, input: Input<Live>) -> bool {
        let Some(delivery) = self.shards.get(usize::from(shard.0)) else {
            return false;
        };
        let mut inbox = lock(&delivery.inbox);
        inbox.inputs.push(input);
        if !inbox.is_crowded && inbox.inputs.len() >= self.limits.undelivered {
            inbox.is_crowded = true;
            self.crowded.fetch_add(1, Ordering::Relaxed);
        }
        let is_idle = inbox.state == Running::Idle;
        if is_idle {
            inbox.state = Running::Scheduled;
        }
        is_idle
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
        if RUNS.replace(true) {
            return;
        }
        let _reset = OnDrop(|| RUNS.set(false));
        while let Some(shard) = self.schedule.next() {
            self.turn(shard);
        }
    }

    /// Runs a shard, as a driver.
    pub(super) fn run_one(&self, shard: u16) {
        let was_running = RUNS.replace(true);
        let _reset = OnDrop(|| RUNS.set(was_running));
        self.turn(shard);
    }

    /// Runs a turn of a shard, and schedules the next one if there is more to do.
    fn turn(&self, number: u16) {
        let Some(delivery) = self.shards.get(usize::from(number)) else {
            return;
        };
        lock(&delivery.inbox).state = Running::Now;
        let has_more = Cell::new(true);
        let _again = OnDrop(|| {
            let is_again = {
                let mut inbox = lock(&delivery.inbox);
                let is_again = has_more.get() || !inbox.inputs.is_empty();
                inbox.state = if is_again {
                    Running::Scheduled
                } else {
                    Running::Idle
                };
                is_again
            };
            if is_again {
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
            self.take_inputs(delivery)
        };
        let inputs = self.encode(inputs, delivery);
        let mut turn = Turn::default();
        let has_more = {
            let mut shard = lock(&delivery.state);
            for input in inputs {
                shard.handle(input, &mut turn);
            }
            let has_more = shard.deliver(PEERS_A_TURN, &mut turn);
            delivery.bytes.store(shard.bytes(), Ordering::Relaxed);
            *lock(&delivery.stats) = shard.stats();
            has_more
        };
        self.finish(id, delivery, turn);
        has_more
    }

    fn take_inputs(&self, delivery: &DeliveryShard) -> Vec<Input<Live>> {
        let (inputs, was_crowded) = {
            let mut inbox = lock(&delivery.inbox);
            let inputs = std::mem::take(&mut inbox.inputs);
            (inputs, std::mem::take(&mut inbox.is_crowded))
        };
        if was_crowded {
            self.crowded.fetch_sub(1, Ordering::Relaxed);
            let waiting = std::mem::take(&mut *lock(&self.waiting));
            waiting.into_iter().for_each(Waker::wake);
        }
        inputs
    }

    /// Encodes what the inputs bring for the wires that need it. This runs the application's code, without a
    /// lock.
    fn encode(&self, mut inputs: Vec<Input<Live>>, delivery: &DeliveryShard) -> Vec<Input<Live>> {
        let new = inputs.iter().fold(0, |wires, input| match input {
            Input::Start(start) => wires | 1 << start.wire.0,
            _ => wires,
        });
        let wires: Vec<u8> = {
            let shard = lock(&delivery.state);
            let wires = inputs.iter().map(|input| match input {
                Input::Entry { topic, .. } => new | shard.wires(*topic),
                _ => 0,
            });
            wires.collect()
        };
        for (input, wires) in inputs.iter_mut().zip(wires) {
            match input {
                Input::Entry { entry, .. } => {
                    for (id, wire) in self.wires_in(wires) {
                        entry.encode(id, wire, false);
                    }
                }
                Input::Start(start) => {
                    for (id, wire) in self.wires_in(1 << start.wire.0) {
                        start.hello = wire.encode(Event::Subscribed {
                            topic: &start.name,
                            subscribed: start.subscribed,
                        });
                        for entry in &start.past {
                            entry.encode(id, wire, true);
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
    fn finish(&self, id: ShardId, delivery: &DeliveryShard, turn: Turn<Live>) {
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
        if !turn.detached.is_empty() {
            let mut inbox = lock(&delivery.inbox);
            inbox
                .free
                .extend(turn.detached.iter().map(|(slot, _)| slot.0));
        }
        // The connections are dropped here.
    }

    /// A peer is no longer present anywhere.
    pub(super) fn leave_all(&self, seat: &Seat) {
        let entered = {
            let mut state = lock(&seat.state);
            state.is_gone = true;
            std::mem::take(&mut state.entered)
        };
        for (topic, identity) in entered {
            self.with_known(&topic, |directory, topic, now, out| {
                directory.leave(topic, &identity, now, out);
            });
        }
    }

    // Publishers that are too fast.

    /// Whether a publisher has to wait; then `waker` is woken when it may go on.
    pub(super) fn is_crowded(&self, waker: &Waker) -> bool {
        if self.crowded.load(Ordering::Relaxed) == 0 {
            return false;
        }
        if !self.schedule.has_drivers() {
            // It does the work itself. Within a turn it cannot wait for that.
            self.run_ready();
            return false;
        }
        let waker = waker.clone();
        lock(&self.waiting).push(waker);
        self.crowded.load(Ordering::Relaxed) > 0
    }

    /// Returns what the shards have done.
    pub(super) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for delivery in &self.shards {
            stats += *lock(&delivery.stats);
        }
        stats
    }
}
