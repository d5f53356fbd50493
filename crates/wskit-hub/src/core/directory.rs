use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::{Arrived, Link, LinkState};
use super::presence::Presence;
use super::topic::Topic;
use super::{Answer, Host, Input, Outputs, ShardId, Slot, Subscribe, TopicId};
use crate::engine::{Command, EngineEvent, NodeId, Page, Reply, RequestId};
use crate::error::{EngineError, EngineErrorKind, Error};
use crate::limits::Limits;
use crate::member::{Member, Present};
use crate::position::{Epoch, Position, Since};
use crate::publication::{Publication, Published};
use crate::rules::{Kind, Rules};

/// How many directories a hub has. A topic belongs to one by its name.
pub(crate) const DIRECTORIES: usize = 64;
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
/// How long it takes until a request that failed is made again.
const RETRY: Duration = Duration::from_secs(1);
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
    requests: HashMap<RequestId, Request<H>>,
    /// Topics with members that leave, and when.
    leaving: BinaryHeap<Reverse<(Instant, u32)>>,
    next_sweep: Option<Instant>,
    next_check: Option<Instant>,
    next_retry: Option<Instant>,
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
    Present(H::Call),
    Listen(Vec<u32>),
    Read(u32),
    Tops(Vec<u32>),
    Members(u32),
    /// Its failure is made good by [`EngineEvent::Up`].
    Other,
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
            requests: HashMap::new(),
            leaving: BinaryHeap::new(),
            next_sweep: None,
            next_check: None,
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
        self.topics.get(Self::slot_of(id) as usize)?.as_deref()
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
        self.bytes + self.topics.capacity() * size_of::<usize>()
    }

    /// Returns how many topics there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Forgets the histories that were used least recently, until `bytes` are free or none is left.
    /// Returns how many bytes that made free.
    pub(crate) fn forget(&mut self, bytes: usize) -> usize {
        let mut histories: Vec<_> = (0u32..)
            .zip(&self.topics)
            .filter_map(|(slot, topic)| Some((topic.as_deref()?, slot)))
            .filter(|(topic, _)| !topic.ring.is_empty())
            .map(|(topic, slot)| (topic.used, slot))
            .collect();
        histories.sort_unstable();
        let before = self.bytes;
        for (_, slot) in histories {
            if before - self.bytes >= bytes {
                break;
            }
            self.with(slot, |topic| topic.ring.reset(topic.top));
        }
        before - self.bytes
    }

    // Requests of the engine.

    fn request(&mut self, request: Request<H>, command: Command, out: &mut impl Outputs<H>) {
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
        self.requests.insert(id, request);
        out.command(id, command);
    }

    fn retry_later(&mut self, now: Instant) {
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
                self.request(Request::Publish(call()), command, out);
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
                self.request(request, command, out);
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
            self.request(Request::Listen(vec![slot]), Command::Listen { topics }, out);
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
        out: &mut impl Outputs<H>,
    ) {
        self.with(Self::slot_of(topic), |topic| {
            if let Some(link) = topic.link.as_deref_mut() {
                let is_of_peer = |wait: &Subscribe<H>| wait.shard == shard && wait.slot == slot;
                if let Some(i) = link.waiting.iter().position(is_of_peer) {
                    let call = link.waiting.swap_remove(i).call;
                    out.answer(call, Answer::Subscribed(Err(Error::Closed)));
                }
            }
        });
        out.deliver(shard, Input::Stop { slot, topic });
    }

    /// A subscription of a shard has ended.
    pub(crate) fn release(&mut self, id: TopicId, shard: ShardId, now: Instant) {
        self.with(Self::slot_of(id), |topic| topic.release(shard, now));
    }

    // Presence.

    /// A connection of a member is there.
    ///
    /// # Errors
    /// [`Error::NoPresence`].
    pub(crate) fn enter(
        &mut self,
        id: TopicId,
        member: Member,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) -> Result<(), Error> {
        let entered = self.with(Self::slot_of(id), |topic| {
            if !topic.rules.presence {
                return Err(Error::NoPresence);
            }
            let presence = topic.presence.get_or_insert_default();
            let (is_news, change) = presence.enter(member.clone());
            if let Some(change) = change {
                topic.tell(change, now, out);
            }
            Ok(is_news.then(|| topic.name.clone()))
        });
        if let Some(topic) = entered.unwrap_or(Err(Error::UnknownTopic))? {
            if self.has_engine {
                self.request(Request::Other, Command::Enter { topic, member }, out);
            }
        }
        Ok(())
    }

    /// A connection of a member is gone.
    pub(crate) fn leave(
        &mut self,
        id: TopicId,
        identity: &str,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        let left = self.with_presence(Self::slot_of(id), |topic, presence| {
            presence.leave(identity, now).then(|| topic.clone())
        });
        if let Some(topic) = left.flatten().filter(|_| self.has_engine) {
            let identity = identity.into();
            self.request(Request::Other, Command::Leave { topic, identity }, out);
        }
    }

    /// Calls `f` with the name and the presence of a topic, and notes when members will have left.
    fn with_presence<R>(
        &mut self,
        slot: u32,
        f: impl FnOnce(&Arc<str>, &mut Presence) -> R,
    ) -> Option<R> {
        let (result, timeout) = self.with(slot, |topic| {
            let presence = topic.presence.as_deref_mut()?;
            let before = presence.next_timeout();
            let result = f(&topic.name, presence);
            let timeout = presence.next_timeout().filter(|_| before.is_none());
            Some((result, timeout))
        })??;
        self.leaving.extend(timeout.map(|at| Reverse((at, slot))));
        Some(result)
    }

    /// Returns who is present, or `None` if the engine has to answer `call` first.
    ///
    /// # Errors
    /// [`Error::NoPresence`].
    pub(crate) fn present(
        &mut self,
        id: TopicId,
        call: impl FnOnce() -> H::Call,
        out: &mut impl Outputs<H>,
    ) -> Result<Option<Present>, Error> {
        let topic = self.topic(id).ok_or(Error::UnknownTopic)?;
        if !topic.rules.presence {
            return Err(Error::NoPresence);
        }
        if topic
            .link
            .as_deref()
            .is_none_or(|link| link.state == LinkState::Live)
        {
            let present = topic.presence.as_deref();
            let present = present.map(|presence| presence.present(self.members_listed));
            return Ok(Some(present.unwrap_or_default()));
        }
        let command = Command::Members {
            topic: topic.name.clone(),
        };
        self.request(Request::Present(call()), command, out);
        Ok(None)
    }

    // The engine.

    /// Handles an event of the engine. Answers are for the directory that has asked, messages and members
    /// for that of the topic, the others for all.
    pub(crate) fn handle_event(
        &mut self,
        event: EngineEvent,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        match event {
            EngineEvent::Done { id, result } => self.done(id, result, now, out),
            EngineEvent::Published {
                topic,
                position,
                before,
                publication,
            } => {
                if let Some(slot) = self.names.get(&topic).copied() {
                    let arrived = Arrived {
                        position,
                        before,
                        publication,
                    };
                    self.arrived(slot, arrived, now, out);
                }
            }
            EngineEvent::Joined {
                topic,
                node,
                member,
            } => {
                if let Some(slot) = self.names.get(&topic).copied() {
                    self.with(slot, |topic| {
                        let presence = topic.presence.get_or_insert_default();
                        if let Some(change) = presence.enter_at(node, member) {
                            topic.tell(change, now, out);
                        }
                    });
                }
            }
            EngineEvent::Left {
                topic,
                node,
                identity,
            } => {
                if let Some(slot) = self.names.get(&topic).copied() {
                    self.with_presence(slot, |_, presence| {
                        presence.leave_at(node, &identity, now);
                    });
                }
            }
            EngineEvent::NodeGone { node } => self.node_gone(node, now),
            EngineEvent::Lost => self.next_check = Some(now),
            EngineEvent::Down => {}
            EngineEvent::Up => self.up(out),
        }
    }

    fn node_gone(&mut self, node: NodeId, now: Instant) {
        for slot in self.slots() {
            self.with_presence(slot, |_, presence| presence.forget(node, now));
        }
    }

    /// Returns the places of all topics.
    fn slots(&self) -> Vec<u32> {
        self.names.values().copied().collect()
    }

    /// The engine knows nothing of what was said before: listens again, and reads what was missed.
    fn up(&mut self, out: &mut impl Outputs<H>) {
        for slot in self.slots() {
            let members = self.with(slot, |topic| {
                if let Some(link) = topic.link.as_deref_mut() {
                    if !link.is_cold() {
                        link.state = LinkState::Failed;
                    }
                }
                let local = topic.presence.iter().flat_map(|presence| presence.local());
                let members: Vec<_> = local.cloned().collect();
                (topic.name.clone(), members)
            });
            for (topic, member) in members
                .into_iter()
                .flat_map(|(topic, members)| members.into_iter().map(move |m| (topic.clone(), m)))
            {
                self.request(Request::Other, Command::Enter { topic, member }, out);
            }
        }
        self.listen_again(out);
    }

    /// Listens to the topics of which that has failed.
    fn listen_again(&mut self, out: &mut impl Outputs<H>) {
        let mut topics = Vec::new();
        for slot in self.slots() {
            let name = self.with(slot, |topic| {
                let link = topic.link.as_deref_mut()?;
                (link.state == LinkState::Failed).then(|| {
                    link.state = LinkState::Listening;
                    topic.name.clone()
                })
            });
            topics.extend(name.flatten().map(|name| (slot, name)));
        }
        for batch in topics.chunks(BATCH) {
            let (slots, topics) = batch.iter().cloned().unzip();
            self.request(Request::Listen(slots), Command::Listen { topics }, out);
        }
    }

    /// A message has come from the engine.
    fn arrived(&mut self, slot: u32, arrived: Arrived, now: Instant, out: &mut impl Outputs<H>) {
        let read = self.with(slot, |topic| {
            let (epoch, top) = (topic.epoch, topic.top);
            let link = topic.link.as_deref_mut()?;
            match link.state {
                LinkState::Live => {}
                LinkState::Cold => return None,
                _ => {
                    link.keep(arrived);
                    return None;
                }
            }
            let Arrived {
                position, before, ..
            } = arrived;
            if before.is_none() {
                topic.append(position, arrived.publication, now, out);
                return None;
            }
            if position.epoch == epoch && position.offset <= top {
                return None;
            }
            if position.epoch == epoch && before == Some(top) {
                topic.append(position, arrived.publication, now, out);
                return None;
            }
            // Something is missing between, or all is new.
            link.state = LinkState::Reading;
            link.keep(arrived);
            Some(Self::read(topic))
        });
        if let Some(command) = read.flatten() {
            self.request(Request::Read(slot), command, out);
        }
    }

    /// Returns the command that reads what is missing of a topic.
    fn read(topic: &Topic<H>) -> Command {
        let history = topic.rules.get_history();
        Command::Read {
            topic: topic.name.clone(),
            // Without subscribers, all that is kept is of use; with them, all after what they have.
            after: topic.has_subscribers().then_some(topic.top),
            limit: history.map_or(0, |history| history.last),
        }
    }

    fn done(
        &mut self,
        id: RequestId,
        result: Result<Reply, EngineError>,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        let nonsense = || Error::Engine(EngineError::new(EngineErrorKind::Protocol));
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        match (request, result) {
            (Request::Publish(call), result) => {
                let position = match result {
                    Ok(Reply::Published(position)) => Ok(position),
                    Ok(_) => Err(nonsense()),
                    Err(error) => Err(error.into()),
                };
                out.answer(call, Answer::Published(position));
            }
            (
                Request::History {
                    call,
                    topic,
                    since,
                    limit,
                },
                result,
            ) => {
                let page = match result {
                    Ok(Reply::Read(page)) => Ok(published(page, &topic, since, limit)),
                    Ok(_) => Err(nonsense()),
                    Err(error) => Err(error.into()),
                };
                out.answer(call, Answer::History(page));
            }
            (Request::Present(call), result) => {
                let present = match result {
                    Ok(Reply::Members(members)) => Ok(self.union(members, now)),
                    Ok(_) => Err(nonsense()),
                    Err(error) => Err(error.into()),
                };
                out.answer(call, Answer::Present(present));
            }
            (Request::Listen(slots), result) => {
                for slot in slots {
                    match &result {
                        _ if !self.takes(slot, id) => {}
                        Ok(_) => self.listening(slot, now, out),
                        Err(error) => self.failed(slot, error, now, out),
                    }
                }
            }
            // The topic was listened to again meanwhile.
            (Request::Read(slot), _) if !self.takes(slot, id) => {}
            (Request::Read(slot), Ok(Reply::Read(page))) => self.page(slot, page, now, out),
            (Request::Read(slot), result) => {
                let error = result.err();
                let error = error.unwrap_or_else(|| EngineError::new(EngineErrorKind::Protocol));
                self.failed(slot, &error, now, out);
            }
            (Request::Tops(slots), Ok(Reply::Tops(tops))) => self.tops(&slots, &tops, out),
            (Request::Members(slot), Ok(Reply::Members(members))) => {
                self.with(slot, |topic| {
                    topic.presence.get_or_insert_default();
                });
                let changes =
                    self.with_presence(slot, |_, presence| presence.set_remote(members, now));
                self.with(slot, |topic| {
                    for change in changes.into_iter().flatten() {
                        topic.tell(change, now, out);
                    }
                });
            }
            // The next check, or event, makes it good.
            (Request::Tops(_) | Request::Members(_) | Request::Other, _) => {}
        }
    }

    /// Whether an answer is the one that the topic waits for. It is taken once.
    fn takes(&mut self, slot: u32, id: RequestId) -> bool {
        let topic = self
            .topics
            .get_mut(slot as usize)
            .and_then(Option::as_deref_mut);
        let link = topic.and_then(|topic| topic.link.as_deref_mut());
        link.is_some_and(|link| link.request.take_if(|request| *request == id).is_some())
    }

    fn union(&self, members: Vec<(NodeId, Member)>, now: Instant) -> Present {
        let mut presence = Presence::default();
        presence.set_remote(members, now);
        presence.present(self.members_listed)
    }

    /// The engine listens to a topic: reads what it has.
    fn listening(&mut self, slot: u32, now: Instant, out: &mut impl Outputs<H>) {
        let read = self.with(slot, |topic| {
            let link = topic.link.as_deref_mut()?;
            link.state = LinkState::Reading;
            let members = topic.rules.presence.then(|| topic.name.clone());
            Some((
                Self::read(topic),
                topic.rules.get_history().is_some(),
                members,
            ))
        });
        let Some((command, has_history, members)) = read.flatten() else {
            return;
        };
        if let Some(topic) = members {
            self.request(Request::Members(slot), Command::Members { topic }, out);
        }
        if has_history {
            self.request(Request::Read(slot), command, out);
        } else {
            self.live(slot, now, out);
        }
    }

    /// Takes in what was read.
    fn page(&mut self, slot: u32, page: Page, now: Instant, out: &mut impl Outputs<H>) {
        self.with(slot, |topic| {
            let is_same = page.epoch == topic.epoch;
            // Without subscribers the history is taken as it is.
            let is_complete = is_same && page.after <= topic.top && topic.has_subscribers();
            if !is_complete {
                let position = Position {
                    epoch: page.epoch,
                    offset: page.after,
                };
                topic.skip_to(position, now, out);
            }
            for (offset, publication) in page.messages {
                if offset > topic.top {
                    let epoch = page.epoch;
                    topic.append(Position { epoch, offset }, publication, now, out);
                }
            }
            topic.top = topic.top.max(page.top);
        });
        self.live(slot, now, out);
    }

    /// All that was there is known: takes in what came meanwhile, and lets those in who wait.
    fn live(&mut self, slot: u32, now: Instant, out: &mut impl Outputs<H>) {
        let arrived = self.with(slot, |topic| {
            let link = topic.link.as_deref_mut()?;
            link.state = LinkState::Live;
            Some(std::mem::take(&mut link.buffer))
        });
        for arrived in arrived.flatten().unwrap_or_default() {
            self.arrived(slot, arrived, now, out);
        }
        let most = self.members_listed;
        let read = self.with(slot, |topic| {
            let link = topic.link.as_deref_mut()?;
            if link.state != LinkState::Live {
                return None;
            }
            if std::mem::take(&mut link.overflowed) {
                link.state = LinkState::Reading;
                return Some(Self::read(topic));
            }
            for subscribe in std::mem::take(&mut link.waiting) {
                topic.admit(subscribe, most, now, out);
            }
            None
        });
        if let Some(command) = read.flatten() {
            self.request(Request::Read(slot), command, out);
        }
        self.next_check.get_or_insert(now + CHECK);
    }

    /// Listening or reading has failed.
    fn failed(&mut self, slot: u32, error: &EngineError, now: Instant, out: &mut impl Outputs<H>) {
        let is_retried = self.with(slot, |topic| {
            let has_subscribers = topic.has_subscribers();
            let link = topic.link.as_deref_mut()?;
            for subscribe in std::mem::take(&mut link.waiting) {
                let answer = Answer::Subscribed(Err(error.clone().into()));
                out.answer(subscribe.call, answer);
            }
            link.state = if has_subscribers {
                LinkState::Failed
            } else {
                link.buffer = Vec::new();
                LinkState::Cold
            };
            Some(has_subscribers)
        });
        if is_retried.flatten() == Some(true) {
            self.retry_later(now);
        }
    }

    /// Compares positions with those of the engine, and reads what is missing.
    fn tops(&mut self, slots: &[u32], tops: &[Option<Position>], out: &mut impl Outputs<H>) {
        for (slot, top) in slots.iter().zip(tops) {
            let read = self.with(*slot, |topic| {
                let (epoch, known) = (topic.epoch, topic.top);
                let link = topic.link.as_deref_mut()?;
                let is_behind = |top: &Position| top.epoch != epoch || top.offset > known;
                if link.state != LinkState::Live || !top.as_ref().is_some_and(is_behind) {
                    return None;
                }
                link.state = LinkState::Reading;
                Some(Self::read(topic))
            });
            if let Some(command) = read.flatten() {
                self.request(Request::Read(*slot), command, out);
            }
        }
    }

    // Time.

    /// Returns when [`handle_timeout`](Directory::handle_timeout) has something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let leaving = self.leaving.peek().map(|Reverse((at, _))| *at);
        let others = [self.next_sweep, self.next_check, self.next_retry];
        others.into_iter().chain([leaving]).flatten().min()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut impl Outputs<H>) {
        let is_due = |next: &Reverse<(Instant, u32)>| next.0.0 <= now;
        while self.leaving.peek().is_some_and(is_due) {
            let Some(Reverse((_, slot))) = self.leaving.pop() else {
                break;
            };
            let next = self.with(slot, |topic| {
                let presence = topic.presence.as_deref_mut()?;
                let changes = presence.handle_timeout(now);
                let next = presence.next_timeout();
                for change in changes {
                    topic.tell(change, now, out);
                }
                next
            });
            // Others of the topic leave later.
            self.leaving
                .extend(next.flatten().map(|at| Reverse((at, slot))));
        }
        if self.next_retry.is_some_and(|at| at <= now) {
            self.next_retry = None;
            self.listen_again(out);
        }
        if self.next_check.is_some_and(|at| at <= now) {
            self.check(now, out);
        }
        if self.next_sweep.is_some_and(|at| at <= now) {
            self.sweep(now, out);
        }
    }

    /// Asks for the newest positions of all topics with a history.
    fn check(&mut self, now: Instant, out: &mut impl Outputs<H>) {
        let topics: Vec<_> = (0u32..)
            .zip(&self.topics)
            .filter_map(|(slot, topic)| Some((slot, topic.as_deref()?)))
            .filter(|(_, topic)| {
                let is_live = |link: &Link<H>| link.state == LinkState::Live;
                topic.link.as_deref().is_some_and(is_live) && topic.rules.get_history().is_some()
            })
            .map(|(slot, topic)| (slot, topic.name.clone()))
            .collect();
        self.next_check = (!topics.is_empty()).then(|| now + CHECK);
        for batch in topics.chunks(BATCH) {
            let (slots, topics) = batch.iter().cloned().unzip();
            self.request(Request::Tops(slots), Command::Tops { topics }, out);
        }
    }

    /// Forgets old messages, and topics that nothing uses.
    fn sweep(&mut self, now: Instant, out: &mut impl Outputs<H>) {
        let mut unlistened = Vec::new();
        for slot in self.slots() {
            let is_unused = self.with(slot, |topic| {
                topic.forget_old(now);
                let is_idle = !topic.has_subscribers() && topic.used + LINGER <= now;
                if let Some(link) = topic.link.as_deref_mut() {
                    let may_end = matches!(link.state, LinkState::Live | LinkState::Failed);
                    if is_idle && may_end && link.waiting.is_empty() {
                        link.state = LinkState::Cold;
                        topic.ring.reset(topic.top);
                        unlistened.push(topic.name.clone());
                    }
                }
                is_idle && topic.is_unused() && topic.ring.is_empty()
            });
            if is_unused == Some(true) {
                self.remove(slot);
            }
        }
        for batch in unlistened.chunks(BATCH) {
            let topics = batch.to_vec();
            self.request(Request::Other, Command::Unlisten { topics }, out);
        }
        self.next_sweep = (!self.names.is_empty()).then(|| now + SWEEP);
    }

    fn remove(&mut self, slot: u32) {
        if let Some(topic) = self.topics.get_mut(slot as usize).and_then(Option::take) {
            self.bytes -= topic.bytes();
            self.names.remove(&topic.name);
            self.free.push(slot);
        }
        if self.names.is_empty() {
            self.names = HashMap::new();
            self.topics = Vec::new();
            self.free = Vec::new();
        }
    }
}

/// Returns what was asked for of a page that the engine has read, as [`Topic::page`] does.
fn published(
    page: Page,
    topic: &Arc<str>,
    since: Since,
    limit: usize,
) -> (Vec<Published>, Position) {
    let position = |offset| Position {
        epoch: page.epoch,
        offset,
    };
    let after = match since {
        Since::Now => page.top,
        Since::After(past) if past.epoch == page.epoch => past.offset,
        Since::Start | Since::After(_) => 0,
    };
    let messages = page
        .messages
        .into_iter()
        .filter(|(offset, _)| *offset > after);
    let messages = messages.take(limit).map(|(offset, publication)| Published {
        topic: topic.clone(),
        position: position(offset),
        publication,
    });
    (messages.collect(), position(page.top))
}
