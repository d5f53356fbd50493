mod engine;
mod presence;
mod timers;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::{Link, LinkState};
use super::topic::Topic;
use super::{Answer, Host, Input, Outputs, ShardId, Slot, Subscribe, TopicId};
use crate::engine::{Command, RequestId};
use crate::error::Error;
use crate::limits::Limits;

use crate::position::{Epoch, Position, Since};
use crate::publication::{Publication, Published};
use crate::rules::{Kind, Rules};
use crate::stats::LabelStats;

/// How many directories a hub has. A topic belongs to one by its name.
#[cfg(not(loom))]
pub(crate) const DIRECTORIES: usize = 64;
#[cfg(loom)]
pub(crate) const DIRECTORIES: usize = 1;
/// The bits of a [`TopicId`] that are the place in the directory.
const SLOT_BITS: u32 = 26;
/// The bits of a [`RequestId`] that count the requests of a directory.
const REQUEST_BITS: u32 = 56;

/// How often old messages and unused topics are looked for.
const SWEEP: Duration = Duration::from_secs(10);
/// How long a topic is kept, and the engine listened to, when nothing uses it.
const LINGER: Duration = Duration::from_secs(60);
/// How often the positions of topics are compared with the engine's.
const CHECK: Duration = Duration::from_secs(20);
/// How many of these checks it takes until who is present is compared too.
const MEMBERS: u8 = 3;
/// How long it takes until a request that failed is made again.
const RETRY: Duration = Duration::from_secs(1);
/// How long the engine may take to answer. It should give up long before.
const DEADLINE: Duration = Duration::from_secs(10);
/// How many topics a request to the engine names.
const BATCH: usize = 1000;

/// Some of the topics of a hub.
pub(crate) struct Directory<H: Host> {
    number: u8,
    has_engine: bool,
    members_listed: usize,
    names: HashMap<Arc<str>, u32>,
    topics: Vec<Option<Box<Topic<H>>>>,
    free: Vec<u32>,
    next_epoch: u64,
    next_request: u64,
    /// What the engine was asked, and until when it has to answer. They are in the order of time.
    requests: BTreeMap<RequestId, (Instant, Request<H>)>,
    /// Topics with members that leave, and when.
    leaving: BinaryHeap<Reverse<(Instant, u32)>>,
    next_sweep: Option<Instant>,
    next_check: Option<Instant>,
    last_check: Option<Instant>,
    next_retry: Option<Instant>,
    /// Checks since all was compared with the engine.
    checks: u8,
    bytes: usize,
}

enum Request<H: Host> {
    Publish(H::Call),
    History {
        call: H::Call,
        topic: Arc<str>,
        since: Since,
        limit: usize,
    },
    Present(H::Call, Arc<str>),
    Listen(Vec<u32>),
    Unlisten,
    Read(u32),
    /// The names are those of the topics themselves: a place may get another topic meanwhile.
    Tops(Vec<(u32, Arc<str>)>),
    Members(u32),
    /// The engine is told of a member of this hub.
    Member(u32, Arc<str>, Arc<str>),
}

impl<H: Host> Directory<H> {
    /// Creates the directory of a number below [`DIRECTORIES`]. `seed` makes its epochs unique.
    pub(crate) fn new(number: u8, seed: u64, has_engine: bool, limits: &Limits) -> Self {
        Self {
            number,
            has_engine,
            members_listed: limits.members_listed,
            names: HashMap::new(),
            topics: Vec::new(),
            free: Vec::new(),
            next_epoch: seed,
            next_request: 0,
            requests: BTreeMap::new(),
            checks: 0,
            leaving: BinaryHeap::new(),
            next_sweep: None,
            next_check: None,
            last_check: None,
            next_retry: None,
            bytes: 0,
        }
    }

    // Topics.

    /// Returns the topic of a name, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<TopicId> {
        self.names.get(name).map(|slot| self.id(*slot))
    }

    fn id(&self, slot: u32) -> TopicId {
        TopicId(u32::from(self.number) << SLOT_BITS | slot)
    }

    /// Returns the directory that a topic is in.
    pub(crate) fn number_of(topic: TopicId) -> usize {
        (topic.0 >> SLOT_BITS) as usize
    }

    /// Returns the directory that has made a request.
    pub(crate) fn number_of_request(id: RequestId) -> usize {
        (id.0 >> REQUEST_BITS) as usize
    }

    /// Adds a topic, or returns the one that there is.
    ///
    /// # Errors
    /// [`Error::UnknownTopic`] by its rules, [`Error::OutOfMemory`] if there are more than 67 million.
    pub(crate) fn insert(
        &mut self,
        name: &str,
        rules: Rules,
        now: Instant,
    ) -> Result<TopicId, Error> {
        if let Some(topic) = self.find(name) {
            return Ok(topic);
        }
        if rules.kind == Kind::Unknown {
            return Err(Error::UnknownTopic);
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.topics.len()).unwrap_or(u32::MAX);
                if slot >= 1 << SLOT_BITS {
                    return Err(Error::OutOfMemory);
                }
                self.topics.push(None);
                slot
            }
        };
        let id = self.id(slot);
        let name: Arc<str> = name.into();
        let epoch = Epoch::new(self.next_epoch);
        self.next_epoch = self.next_epoch.wrapping_add(1);
        let link = self.has_engine.then(|| Box::new(Link::new()));
        let topic = Topic::new(id, name.clone(), rules, epoch, link, now);
        self.bytes += topic.bytes();
        self.names.insert(name, slot);
        if let Some(place) = self.topics.get_mut(slot as usize) {
            *place = Some(Box::new(topic));
        }
        self.next_sweep.get_or_insert(now + SWEEP);
        Ok(id)
    }

    fn slot_of(topic: TopicId) -> u32 {
        topic.0 & ((1 << SLOT_BITS) - 1)
    }

    fn topic(&self, id: TopicId) -> Option<&Topic<H>> {
        self.topic_in(Self::slot_of(id))
    }

    /// Calls `f` with a topic, and counts the bytes that it takes afterwards.
    fn with<R>(&mut self, slot: u32, f: impl FnOnce(&mut Topic<H>) -> R) -> Option<R> {
        let topic = self.topics.get_mut(slot as usize)?.as_deref_mut()?;
        self.bytes -= topic.bytes();
        let result = f(topic);
        self.bytes += topic.bytes();
        Some(result)
    }

    /// Returns the rules of a topic.
    pub(crate) fn rules(&self, id: TopicId) -> Option<&Rules> {
        self.topic(id).map(|topic| &topic.rules)
    }

    /// Returns how many bytes the topics take.
    pub(crate) fn bytes(&self) -> usize {
        let requests = size_of::<(RequestId, Instant, Request<H>)>();
        self.bytes + self.topics.capacity() * size_of::<usize>() + self.requests.len() * requests
    }

    /// Returns how many topics there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Counts the topics by the labels of their rules.
    pub(crate) fn count_labels(&self, labels: &mut BTreeMap<&'static str, LabelStats>) {
        for topic in self.topics.iter().flatten() {
            let label = topic.rules.label;
            let stats = labels.entry(label).or_insert(LabelStats::new(label));
            stats.topics += 1;
            stats.subscriptions += topic.subscribers();
            stats.bytes += topic.bytes();
        }
    }

    /// Adds for each history when it was used, and how many bytes it takes.
    pub(crate) fn histories(&self, all: &mut Vec<(Instant, usize)>) {
        let topics = self.topics.iter().flatten();
        let histories = topics.filter(|topic| !topic.ring.is_empty());
        all.extend(histories.map(|topic| (topic.used, topic.ring.bytes())));
    }

    /// Forgets the histories that were used before `until`, and of those used at that time as many as it takes
    /// until `bytes` are free. Returns how many bytes that made free.
    pub(crate) fn forget(&mut self, until: Instant, bytes: usize) -> usize {
        let before = self.bytes;
        for slot in 0..u32::try_from(self.topics.len()).unwrap_or(u32::MAX) {
            let is_enough = before - self.bytes >= bytes;
            self.with(slot, |topic| {
                if topic.used < until || topic.used == until && !is_enough {
                    topic.ring.reset(topic.top);
                }
            });
        }
        before - self.bytes
    }

    /// Returns the places of all topics.
    fn slots(&self) -> Vec<u32> {
        let topics = (0u32..).zip(&self.topics);
        let topics = topics.filter(|(_, topic)| topic.is_some());
        topics.map(|(slot, _)| slot).collect()
    }

    // Requests of the engine.

    fn request(
        &mut self,
        request: Request<H>,
        command: Command,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) -> RequestId {
        let id = RequestId(u64::from(self.number) << REQUEST_BITS | self.next_request);
        self.next_request += 1;
        let slots = match &request {
            Request::Listen(slots) => slots.as_slice(),
            Request::Read(slot) => std::slice::from_ref(slot),
            _ => &[],
        };
        for slot in slots {
            let topic = self
                .topics
                .get_mut(*slot as usize)
                .and_then(Option::as_deref_mut);
            if let Some(link) = topic.and_then(|topic| topic.link.as_deref_mut()) {
                link.request = Some(id);
            }
        }
        self.requests.insert(id, (now + DEADLINE, request));
        out.command(id, command);
        id
    }

    pub(super) fn retry_later(&mut self, now: Instant) {
        self.next_retry.get_or_insert(now + RETRY);
    }

    // Publishing and reading.

    /// Publishes a message. Returns its position, or `None` if the engine has to answer `call` first.
    ///
    /// # Errors
    /// [`Error::TooFast`].
    ///
    /// `call` makes the call, if the answer comes later.
    pub(crate) fn publish(
        &mut self,
        id: TopicId,
        publication: Publication,
        call: impl FnOnce() -> H::Call,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) -> Result<Option<Position>, Error> {
        let has_engine = self.has_engine;
        let published = self.with(Self::slot_of(id), |topic| {
            let rate = topic.rules.publishes_per_sec;
            topic
                .rate
                .take(rate, now)
                .map_err(|retry_after| Error::TooFast { retry_after })?;
            if has_engine {
                return Ok(Err((
                    topic.name.clone(),
                    topic.rules.get_history(),
                    publication,
                )));
            }
            if let Some(position) = publication.get_id().and_then(|id| topic.find(id)) {
                return Ok(Ok(position));
            }
            let position = Position {
                epoch: topic.epoch,
                offset: topic.top + 1,
            };
            topic.append(position, publication, now, out);
            Ok(Ok(position))
        });
        match published.unwrap_or(Err(Error::UnknownTopic))? {
            Ok(position) => Ok(Some(position)),
            Err((topic, history, publication)) => {
                let command = Command::Publish {
                    topic,
                    publication,
                    history,
                };
                self.request(Request::Publish(call()), command, now, out);
                Ok(None)
            }
        }
    }

    /// Reads a page of the history. Returns `None` if the engine has to answer `call` first.
    pub(crate) fn history(
        &mut self,
        id: TopicId,
        since: Since,
        limit: usize,
        call: impl FnOnce() -> H::Call,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) -> Result<Option<(Vec<Published>, Position)>, Error> {
        let page = self.with(Self::slot_of(id), |topic| {
            topic.forget_old(now);
            topic.used = now;
            let is_live = |link: &Link<H>| link.state == LinkState::Live;
            if topic.link.as_deref().is_none_or(is_live) {
                return Ok(topic.page(since, limit));
            }
            let last = topic.rules.get_history().map_or(0, |history| history.last);
            Err((topic.name.clone(), last))
        });
        match page.ok_or(Error::UnknownTopic)? {
            Ok(page) => Ok(Some(page)),
            Err((topic, last)) => {
                let command = Command::Read {
                    topic: topic.clone(),
                    after: None,
                    limit: last,
                };
                let call = call();
                let request = Request::History {
                    call,
                    topic,
                    since,
                    limit,
                };
                self.request(request, command, now, out);
                Ok(None)
            }
        }
    }

    // Subscribing.

    /// Subscribes a peer. Its shard, or a failure of the engine, answers.
    pub(crate) fn subscribe(
        &mut self,
        id: TopicId,
        subscribe: Subscribe<H>,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        let (slot, most) = (Self::slot_of(id), self.members_listed);
        let mut subscribe = Some(subscribe);
        let name = self.with(slot, |topic| {
            match topic.link.as_deref_mut() {
                Some(link) if link.state != LinkState::Live => {
                    link.waiting.extend(subscribe.take());
                    if link.state == LinkState::Cold {
                        link.state = LinkState::Listening;
                        return Some(topic.name.clone());
                    }
                }
                _ => {
                    if let Some(subscribe) = subscribe.take() {
                        topic.admit(subscribe, most, now, out);
                    }
                }
            }
            None
        });
        if let Some(name) = name.flatten() {
            let topics = vec![name];
            let command = Command::Listen { topics };
            self.request(Request::Listen(vec![slot]), command, now, out);
        }
        if let Some(subscribe) = subscribe {
            let answer = Answer::Subscribed(Err(Error::UnknownTopic));
            out.answer(subscribe.call, answer);
        }
    }

    /// Ends the subscription of a peer, if it has one.
    pub(crate) fn unsubscribe(
        &mut self,
        topic: TopicId,
        shard: ShardId,
        slot: Slot,
        is_revoked: bool,
        out: &mut impl Outputs<H>,
    ) {
        self.with(Self::slot_of(topic), |topic| {
            if let Some(link) = topic.link.as_deref_mut() {
                let is_of_peer = |wait: &Subscribe<H>| wait.shard == shard && wait.slot == slot;
                while let Some(i) = link.waiting.iter().position(is_of_peer) {
                    let call = link.waiting.swap_remove(i).call;
                    out.answer(call, Answer::Subscribed(Err(Error::Closed)));
                }
            }
        });
        let stop = Input::Stop {
            slot,
            topic,
            is_revoked,
        };
        out.deliver(shard, stop);
    }

    /// Returns how many subscribers a topic has.
    pub(crate) fn subscribers(&self, id: TopicId) -> u64 {
        self.topic(id).map_or(0, Topic::subscribers)
    }

    /// A subscription of a shard has ended.
    pub(crate) fn release(&mut self, id: TopicId, shard: ShardId, now: Instant) {
        self.with(Self::slot_of(id), |topic| topic.release(shard, now));
    }
}
