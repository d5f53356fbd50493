use std::cell::Cell;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::{Duration, Instant};

use super::call::Call;
use super::schedule::Schedule;
use super::seat::Seat;
use crate::core::{
    Answer, DIRECTORIES, Directory, Host, Input, Outputs, Shard, ShardId, Slot, TopicId, Turn,
};
use crate::engine::{Command, Engine, EngineEvent, RequestId};
use crate::error::Error;
use crate::limits::Limits;
use crate::rules::Rules;
use crate::stats::Stats;
use crate::sync::{Mutex, lock};
use crate::wire::{Event, WIRES, Wire, WireId};

/// The connections and calls of a hub.
pub(crate) struct Live;

impl Host for Live {
    type Connection = Arc<Seat>;
    type Call = Arc<Call>;
}

pub(crate) type RulesFn = dyn Fn(&str) -> Rules + Send + Sync;

/// What the handles of a hub share.
///
/// Locks are taken in this order: a directory, then an inbox. A shard is locked by the one that runs its
/// turn, and by no other; connections are locked within.
pub(crate) struct Inner {
    rules: Box<RulesFn>,
    pub(super) limits: Limits,
    pub(super) engine: Option<Arc<dyn Engine>>,
    hasher: RandomState,
    directories: Vec<Mutex<Directory<Live>>>,
    shards: Vec<DeliveryShard>,
    pub(super) schedule: Schedule,
    wires: [OnceLock<Wire>; WIRES],
    commands: Mutex<Commands>,
    next_shard: AtomicUsize,
    /// What the directories take.
    topic_bytes: AtomicUsize,
    /// Shards whose inboxes are over the limit, and publishers that wait for them.
    crowded: AtomicUsize,
    waiting: Mutex<Vec<Waker>>,
    started: Instant,
    /// When a directory has something to do, in nanoseconds after `started`.
    due: AtomicU64,
    pub(super) handles: AtomicUsize,
    pub(super) is_closed: AtomicBool,
}

/// Commands for the engine. They are queued under the lock of a directory, so that those for a topic stay in
/// order.
#[derive(Default)]
struct Commands {
    queue: VecDeque<(RequestId, Command)>,
    is_sending: bool,
}

/// A delivery shard with its inbox.
struct DeliveryShard {
    inbox: Mutex<Inbox>,
    state: Mutex<Shard<Live>>,
    stats: Mutex<Stats>,
    bytes: AtomicUsize,
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

impl Inner {
    pub(super) fn new(
        rules: Box<RulesFn>,
        limits: Limits,
        engine: Option<Arc<dyn Engine>>,
        shards: u16,
    ) -> Self {
        let hasher = RandomState::new();
        let directories = (0u8..)
            .take(DIRECTORIES)
            .map(|number| {
                let seed = hasher.hash_one(number);
                Mutex::new(Directory::new(number, seed, engine.is_some(), &limits))
            })
            .collect();
        let delivery = || DeliveryShard {
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
        };
        Self {
            rules,
            limits,
            engine,
            hasher,
            directories,
            shards: (0..shards.max(1)).map(|_| delivery()).collect(),
            schedule: Schedule::default(),
            wires: Default::default(),
            commands: Mutex::default(),
            next_shard: AtomicUsize::new(0),
            topic_bytes: AtomicUsize::new(0),
            crowded: AtomicUsize::new(0),
            waiting: Mutex::default(),
            started: Instant::now(),
            due: AtomicU64::new(u64::MAX),
            handles: AtomicUsize::new(1),
            is_closed: AtomicBool::new(false),
        }
    }

    // Directories.

    /// Calls `f` with a directory, then does what that has put out.
    fn with<R>(
        &self,
        number: usize,
        f: impl FnOnce(&mut Directory<Live>, Instant, &mut Out<'_>) -> R,
    ) -> Option<R> {
        let now = Instant::now();
        let mut out = Out {
            inner: self,
            ready: Vec::new(),
            answers: Vec::new(),
        };
        let directory = self.directories.get(number)?;
        let (result, timeout) = {
            let mut directory = lock(directory);
            let before = directory.bytes();
            if directory.next_timeout().is_some_and(|at| at <= now) {
                directory.handle_timeout(now, &mut out);
            }
            let result = f(&mut directory, now, &mut out);
            let after = directory.bytes();
            if after != before {
                // Both are below the address space, so this adds or subtracts.
                let difference = after.wrapping_sub(before);
                self.topic_bytes.fetch_add(difference, Ordering::Relaxed);
            }
            (result, directory.next_timeout())
        };
        self.note_due(timeout);
        out.finish();
        Some(result)
    }

    fn number_of(&self, topic: &str) -> usize {
        // The bits that the directory's own table uses least.
        (self.hasher.hash_one(topic) >> 58) as usize % DIRECTORIES
    }

    /// Calls `f` with the directory and the topic of a name, which is created by the rules if need be.
    pub(super) fn with_topic<R>(
        &self,
        name: &str,
        f: impl FnOnce(&mut Directory<Live>, TopicId, Instant, &mut Out<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let number = self.number_of(name);
        let mut f = Some(f);
        let mut attempt = |rules: Option<Rules>| {
            self.with(number, |directory, now, out| {
                let topic = match (directory.find(name), rules) {
                    (Some(topic), _) => topic,
                    (None, Some(rules)) => directory.insert(name, rules, now)?,
                    (None, None) => return Ok(None),
                };
                match f.take() {
                    Some(f) => f(directory, topic, now, out).map(Some),
                    None => Ok(None),
                }
            })
            .unwrap_or(Ok(None))
        };
        if let Some(result) = attempt(None)? {
            return Ok(result);
        }
        check_name(name)?;
        // The application decides, without a lock.
        let rules = catch_unwind(AssertUnwindSafe(|| (self.rules)(name)));
        let rules = rules.map_err(|_| Error::CallbackPanicked)?;
        attempt(Some(rules))?.ok_or(Error::UnknownTopic)
    }

    /// Calls `f` with the topic of a name if there is one.
    pub(super) fn with_known<R>(
        &self,
        name: &str,
        f: impl FnOnce(&mut Directory<Live>, TopicId, Instant, &mut Out<'_>) -> R,
    ) -> Option<R> {
        let found = self.with(self.number_of(name), |directory, now, out| {
            let topic = directory.find(name)?;
            Some(f(directory, topic, now, out))
        });
        found.flatten()
    }

    /// Handles an event of the engine.
    pub(super) fn engine_event(&self, event: EngineEvent) {
        let number = match &event {
            EngineEvent::Done { id, .. } => Some(Directory::<Live>::number_of_request(*id)),
            EngineEvent::Published { topic, .. }
            | EngineEvent::Joined { topic, .. }
            | EngineEvent::Left { topic, .. } => Some(self.number_of(topic)),
            _ => None,
        };
        match number {
            Some(number) => {
                self.with(number, |directory, now, out| {
                    directory.handle_event(event, now, out)
                });
            }
            None => {
                for number in 0..DIRECTORIES {
                    let event = event.clone();
                    self.with(number, |directory, now, out| {
                        directory.handle_event(event, now, out);
                    });
                }
            }
        }
    }

    /// Hands the commands to the engine, in their order, without a lock.
    fn send_commands(&self) {
        let Some(engine) = &self.engine else {
            return;
        };
        loop {
            let next = {
                let mut commands = lock(&self.commands);
                if commands.is_sending {
                    // The one that sends takes these too.
                    return;
                }
                let next = commands.queue.pop_front();
                commands.is_sending = next.is_some();
                next
            };
            let Some((id, command)) = next else {
                return;
            };
            let _sent = OnDrop(|| lock(&self.commands).is_sending = false);
            engine.command(id, command);
        }
    }

    // Memory.

    /// Returns about how many bytes the hub takes.
    pub(super) fn bytes(&self) -> (usize, usize) {
        let shards = self
            .shards
            .iter()
            .map(|delivery| delivery.bytes.load(Ordering::Relaxed));
        (self.topic_bytes.load(Ordering::Relaxed), shards.sum())
    }

    /// Makes room for something new.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if there is nothing to be forgotten.
    pub(super) fn make_room(&self, bytes: usize) -> Result<(), Error> {
        let over = || {
            let (topics, shards) = self.bytes();
            (topics + shards + bytes).checked_sub(self.limits.memory)
        };
        let Some(too_much) = over() else {
            return Ok(());
        };
        // Some more, so that it is not done for each message.
        let mut wanted = too_much + self.limits.memory / 16;
        for number in 0..DIRECTORIES {
            let freed = self.with(number, |directory, _, _| directory.forget(wanted));
            wanted = wanted.saturating_sub(freed.unwrap_or(0));
            if wanted == 0 {
                break;
            }
        }
        over().map_or(Ok(()), |_| Err(Error::OutOfMemory))
    }

    // Time.

    fn nanos(&self, time: Instant) -> u64 {
        let since = time.saturating_duration_since(self.started);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn note_due(&self, at: Option<Instant>) {
        if let Some(at) = at {
            let at = self.nanos(at);
            if self.due.fetch_min(at, Ordering::Relaxed) > at {
                // Its alarm is set for later.
                self.schedule.nudge_first();
            }
        }
    }

    /// Returns how long it is until [`handle_timeout`](Inner::handle_timeout) has something to do.
    pub(super) fn next_timeout(&self) -> Option<Duration> {
        let due = self.due.load(Ordering::Relaxed);
        let left = due.saturating_sub(self.nanos(Instant::now()));
        (due != u64::MAX).then(|| Duration::from_nanos(left))
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&self) {
        if self.next_timeout() == Some(Duration::ZERO) {
            self.due.store(u64::MAX, Ordering::Relaxed);
            for number in 0..DIRECTORIES {
                // This handles its timeout, and notes the next.
                self.with(number, |_, _, _| ());
            }
        }
    }

    // Shards.

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
    fn push(&self, shard: ShardId, input: Input<Live>) -> bool {
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
    fn run(&self, shards: impl IntoIterator<Item = u16>) {
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

    pub(super) fn topics(&self) -> usize {
        self.directories
            .iter()
            .map(|directory| lock(directory).len())
            .sum()
    }
}

/// The outputs of a directory: inputs of shards go out at once, the rest when it is unlocked.
pub(super) struct Out<'a> {
    inner: &'a Inner,
    ready: Vec<u16>,
    answers: Vec<(Arc<Call>, Answer)>,
}

impl Outputs<Live> for Out<'_> {
    fn deliver(&mut self, shard: ShardId, input: Input<Live>) {
        if self.inner.push(shard, input) {
            self.ready.push(shard.0);
        }
    }

    fn command(&mut self, id: RequestId, command: Command) {
        lock(&self.inner.commands).queue.push_back((id, command));
    }

    fn answer(&mut self, call: Arc<Call>, answer: Answer) {
        self.answers.push((call, answer));
    }
}

impl Out<'_> {
    fn finish(self) {
        self.inner.send_commands();
        for (call, answer) in self.answers {
            call.answer(answer);
        }
        if !self.ready.is_empty() {
            self.inner.run(self.ready);
        }
    }
}

/// Checks the name of a topic.
pub(super) fn check_name(name: &str) -> Result<(), Error> {
    let is_valid = (1..=255).contains(&name.len()) && !name.chars().any(char::is_control);
    is_valid.then_some(()).ok_or(Error::InvalidTopic)
}

/// Calls a function when it is dropped, also by a panic.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
