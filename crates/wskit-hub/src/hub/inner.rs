use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::call::Call;
use super::counts::Counts;
use super::crowd::Crowd;
use super::deliver::DeliveryShard;
use super::schedule::Schedule;
use super::seat::Seat;
use super::telemetry;
use crate::core::{Answer, DIRECTORIES, Directory, Host, Input, Outputs, ShardId, TopicId};
use crate::engine::{Command, Engine, EngineEvent, RequestId};
use crate::error::{EngineError, EngineErrorKind, Error};
use crate::limits::Limits;
use crate::rules::{Kind, Rules};
use crate::sync::{
    AtomicBool, AtomicU64, AtomicUsize, Counter, Mutex, Ordering, RandomState, lock,
};
use crate::wire::{WIRES, Wire};

/// The connections and calls of a hub.
pub(crate) struct Live;

impl Host for Live {
    type Connection = Arc<Seat>;
    type Call = Arc<Call>;
}

pub(crate) type RulesFn = dyn Fn(&str) -> Rules + Send + Sync;
pub(crate) type Clock = dyn Fn() -> Instant + Send + Sync;

/// What the handles of a hub share.
///
/// Locks are taken in this order: a directory, then an inbox. A shard is locked by the one that runs its
/// turn, and by no other; connections are locked within.
pub(crate) struct Inner {
    rules: Box<RulesFn>,
    pub(super) limits: Limits,
    pub(super) engine: Option<Arc<dyn Engine>>,
    hasher: RandomState,
    pub(super) directories: Vec<Mutex<Directory<Live>>>,
    pub(super) shards: Vec<DeliveryShard>,
    pub(super) schedule: Schedule,
    pub(super) counts: Counts,
    pub(super) wires: [OnceLock<Wire>; WIRES],
    commands: Mutex<Commands>,
    pub(super) next_shard: AtomicUsize,
    /// What the directories take.
    pub(super) topic_bytes: Counter,
    /// What encoded messages take.
    pub(super) encoded_bytes: Arc<Counter>,
    /// What grants and the presence of peers take.
    pub(super) rights_bytes: Counter,
    /// Publishers wait for it.
    pub(super) crowd: Crowd,
    clock: Option<Box<Clock>>,
    pub(super) started: Instant,
    /// When a directory has something to do, in nanoseconds after `started`.
    pub(super) due: AtomicU64,
    /// Until then there is no history to forget, likewise.
    pub(super) full_until: AtomicU64,
    pub(super) handles: AtomicUsize,
    /// No more connections are taken.
    pub(super) is_closing: AtomicBool,
    /// Everything is refused.
    pub(super) is_closed: AtomicBool,
}

/// Commands for the engine. They are queued under the lock of a directory, so that those for a topic stay in
/// order.
#[derive(Default)]
struct Commands {
    queue: VecDeque<(RequestId, Command)>,
    is_sending: bool,
}

/// About how many bytes a new topic takes, its name apart.
const TOPIC: usize = 512;

impl Inner {
    pub(super) fn new(
        rules: Box<RulesFn>,
        limits: Limits,
        engine: Option<Arc<dyn Engine>>,
        clock: Option<Box<Clock>>,
        shards: u16,
    ) -> Self {
        let started = clock.as_ref().map_or_else(Instant::now, |now| now());
        let hasher = RandomState::default();
        let directories = (0u8..)
            .take(DIRECTORIES)
            .map(|number| {
                let seed = hasher.hash_one(number);
                Mutex::new(Directory::new(number, seed, engine.is_some(), &limits))
            })
            .collect();
        Self {
            rules,
            limits,
            engine,
            hasher,
            directories,
            shards: (0..shards.max(1)).map(|_| DeliveryShard::new()).collect(),
            schedule: Schedule::default(),
            counts: Counts::default(),
            wires: Default::default(),
            commands: Mutex::default(),
            next_shard: AtomicUsize::new(0),
            topic_bytes: Counter::new(0),
            encoded_bytes: Arc::default(),
            rights_bytes: Counter::new(0),
            crowd: Crowd::default(),
            clock,
            started,
            due: AtomicU64::new(u64::MAX),
            full_until: AtomicU64::new(0),
            handles: AtomicUsize::new(1),
            is_closing: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        }
    }

    // Directories.

    /// Calls `f` with a directory, then does what that has put out.
    pub(super) fn with<R>(
        &self,
        number: usize,
        f: impl FnOnce(&mut Directory<Live>, Instant, &mut Out<'_>) -> R,
    ) -> Option<R> {
        let now = self.now();
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

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.as_ref().map_or_else(Instant::now, |now| now())
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
                // Under the lock: calls that are left when the hub closes are answered then.
                if self.is_closed() {
                    return Err(Error::Closed);
                }
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
        let rules = self.ask(name)?;
        self.make_room(TOPIC + 2 * name.len())?;
        attempt(Some(rules))?.ok_or(Error::UnknownTopic)
    }

    /// Asks the application for the rules of a topic, without a lock.
    fn ask(&self, name: &str) -> Result<Rules, Error> {
        check_name(name)?;
        let rules = catch_unwind(AssertUnwindSafe(|| (self.rules)(name)));
        rules.map_err(|_| {
            telemetry::rules_panicked();
            Error::CallbackPanicked
        })
    }

    /// Returns the rules of a topic. It is not created: names that a peer only tries cost nothing.
    pub(super) fn rules(&self, name: &str) -> Result<Rules, Error> {
        let known = self.with_known(name, |directory, topic, _, _| {
            directory.rules(topic).cloned()
        });
        let rules = known.flatten().map_or_else(|| self.ask(name), Ok)?;
        if rules.kind == Kind::Unknown {
            return Err(Error::UnknownTopic);
        }
        Ok(rules)
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
        self.counts.event(&event);
        #[cfg(feature = "tracing")]
        telemetry::engine(&event);
        let event = event.into_own();
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
                    directory.handle_event(event, now, out);
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
            self.counts.command(&command);
            let sent = catch_unwind(AssertUnwindSafe(|| engine.command(id, command)));
            lock(&self.commands).is_sending = false;
            if sent.is_err() {
                // Nothing else answers it.
                let result = Err(EngineError::new(EngineErrorKind::Protocol));
                self.engine_event(EngineEvent::Done { id, result });
            }
        }
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
pub(super) struct OnDrop<F: Fn()>(pub(super) F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
