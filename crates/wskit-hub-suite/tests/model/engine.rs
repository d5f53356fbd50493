//! An engine in memory, as right as an engine can be, or wrong in one way.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use wskit_hub::{
    Command, Engine, EngineError, EngineErrorKind, EngineEvent, Epoch, History, Member, NodeId,
    Page, Position, Publication, Reply, RequestId,
};

/// What is wrong with an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    None,
    /// `before` is the offset minus one, also where offsets are left out.
    GuessesBefore,
    /// Messages that it drops are left out of the chain.
    HidesDrops,
    ForgetsIds,
    /// Ids are those of all topics.
    SharesIds,
    /// Pages say that nothing is missing.
    ClaimsAll,
    /// Pages have the oldest of more.
    ReadsOldest,
    /// A position of another epoch is taken as one of this.
    ReadsAnyEpoch,
    /// The history is as long as it says, and nothing is known of what is gone.
    KeepsNoFloor,
    /// What grows old is forgotten as if it had never been.
    ForgetsOld,
    KeepsEpoch,
    /// Listening is done before it begins.
    ListensLate,
    /// Nothing ends listening.
    ListensForEver,
    /// Topics without a message are left out.
    ShortensTops,
    /// Topics are the same if they differ in case, or by dots.
    MixesNames,
    PassesText,
    LosesIds,
    ListsOwnMembers,
    /// Members are those of an identity, not of a node.
    MergesMembers,
    /// Nothing is said of nodes that are gone.
    KeepsTheGone,
    /// Joins do not have what is told of a member.
    LosesInfo,
    /// A payload that is too large ends the connection.
    CutsTheLarge,
    /// Commands wait while the server is away.
    WaitsForEver,
    /// Says nothing when the connection is back.
    ForgetsUp,
    /// Messages may change places.
    Reorders,
}

/// The largest payload.
pub(crate) const LARGEST: usize = 1 << 20;
/// The events that wait for a hub.
const QUEUE: usize = 2000;

/// A server, and all that is known of its engines.
#[derive(Clone)]
pub(crate) struct Model(Arc<Mutex<World>>);

pub(crate) struct World {
    mutant: Mutant,
    pub(crate) generation: u64,
    pub(crate) last_offset: u64,
    pub(crate) topics: HashMap<Arc<str>, Log>,
    pub(crate) members: Vec<(Arc<str>, usize, Member)>,
    pub(crate) nodes: Vec<Link>,
    pub(crate) is_down: bool,
}

#[derive(Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    top: u64,
    /// All messages after this one are there.
    floor: u64,
}

struct Entry {
    offset: u64,
    before: u64,
    publication: Publication,
    until: Option<Instant>,
}

/// The connection of an engine.
#[derive(Default)]
pub(crate) struct Link {
    pub(crate) is_cut: bool,
    pub(crate) is_gone: bool,
    pub(crate) listens: HashSet<Arc<str>>,
    /// Listened to after the next message.
    pub(crate) late: Vec<Arc<str>>,
    pub(crate) events: VecDeque<EngineEvent>,
    pub(crate) waker: Option<Waker>,
}

/// The engine of one hub.
pub(crate) struct Node {
    pub(crate) model: Model,
    pub(crate) number: usize,
}

impl Model {
    pub(crate) fn new(mutant: Mutant) -> Self {
        Self(Arc::new(Mutex::new(World {
            mutant,
            generation: 1,
            last_offset: 0,
            topics: HashMap::new(),
            members: Vec::new(),
            nodes: Vec::new(),
            is_down: false,
        })))
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something, and wakes those who have events.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut World) -> R) -> R {
        let (result, wakers) = {
            let mut world = self.lock();
            let result = f(&mut world);
            let ready = world
                .nodes
                .iter_mut()
                .filter(|node| !node.events.is_empty());
            let wakers: Vec<_> = ready.filter_map(|node| node.waker.take()).collect();
            (result, wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
        result
    }
}

impl Engine for Node {
    fn command(&self, id: RequestId, command: Command) {
        self.model.with(|world| {
            if let Some(result) = world.carry_out(self.number, command) {
                let done = EngineEvent::Done { id, result };
                world.nodes[self.number].events.push_back(done);
            }
        });
    }

    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<EngineEvent> {
        let waker = cx.waker().clone();
        let mut world = self.model.lock();
        let reorders = world.mutant == Mutant::Reorders;
        let node = &mut world.nodes[self.number];
        if reorders && matches!(node.events.front(), Some(EngineEvent::Published { .. })) {
            node.events.swap(0, 1.min(node.events.len() - 1));
        }
        match node.events.pop_front() {
            Some(event) => Poll::Ready(event),
            None => {
                node.waker = Some(waker);
                Poll::Pending
            }
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.model.with(|world| {
            world.nodes[self.number].is_gone = true;
            world.expire(self.number);
        });
    }
}

impl World {
    pub(crate) fn is(&self, mutant: Mutant) -> bool {
        self.mutant == mutant
    }

    fn position(&self, offset: u64) -> Position {
        let epoch = Epoch::new(self.generation);
        Position { epoch, offset }
    }

    /// The name under which a topic is kept.
    fn name(&self, topic: &Arc<str>) -> Arc<str> {
        if self.is(Mutant::MixesNames) {
            return topic.to_lowercase().replace("%2e", ".").into();
        }
        topic.clone()
    }

    fn tell(&mut self, event: &EngineEvent, is_for: impl Fn(usize, &Link) -> bool) {
        let is_down = self.is_down;
        for (number, node) in self.nodes.iter_mut().enumerate() {
            let is_there = !node.is_gone && !node.is_cut && !is_down;
            if is_there && is_for(number, node) {
                if node.events.len() < QUEUE {
                    node.events.push_back(event.clone());
                } else if node.events.len() == QUEUE {
                    node.events.push_back(EngineEvent::Lost);
                }
            }
        }
    }

    fn carry_out(&mut self, at: usize, command: Command) -> Option<Result<Reply, EngineError>> {
        if self.is_down || self.nodes[at].is_cut {
            let error = EngineError::new(EngineErrorKind::Unavailable);
            return (!self.is(Mutant::WaitsForEver)).then_some(Err(error));
        }
        Some(Ok(match command {
            Command::Publish {
                topic,
                publication,
                history,
            } => {
                if publication.payload().len() > LARGEST {
                    if self.is(Mutant::CutsTheLarge) {
                        self.cut(at);
                        self.connect(at);
                    }
                    return Some(Err(EngineError::new(EngineErrorKind::Refused)));
                }
                Reply::Published(self.publish(&topic, publication, history))
            }
            Command::Listen { topics } if self.is(Mutant::ListensLate) => {
                self.nodes[at].late.extend(topics);
                Reply::Done
            }
            Command::Listen { topics } => {
                self.nodes[at].listens.extend(topics);
                Reply::Done
            }
            Command::Unlisten { topics } => {
                if !self.is(Mutant::ListensForEver) {
                    self.nodes[at]
                        .listens
                        .retain(|topic| !topics.contains(topic));
                }
                Reply::Done
            }
            Command::Tops { topics } => {
                let tops = topics.iter().map(|topic| self.top(topic));
                let shortens = self.is(Mutant::ShortensTops);
                Reply::Tops(tops.filter(|top| top.is_some() || !shortens).collect())
            }
            Command::Read {
                topic,
                after,
                limit,
            } => Reply::Read(self.read(&topic, after, limit)),
            Command::Enter { topic, member } => {
                self.remove(&topic, at, member.identity());
                self.members.push((topic.clone(), at, member.clone()));
                let member = if self.is(Mutant::LosesInfo) {
                    Member::new(member.identity())
                } else {
                    member
                };
                let node = NodeId(at as u64);
                let name = topic.clone();
                let joined = EngineEvent::Joined {
                    topic,
                    node,
                    member,
                };
                self.tell(&joined, |to, link| to != at && link.listens.contains(&name));
                Reply::Done
            }
            Command::Leave { topic, identity } => {
                self.remove(&topic, at, &identity);
                let node = NodeId(at as u64);
                let name = topic.clone();
                let left = EngineEvent::Left {
                    topic,
                    node,
                    identity,
                };
                self.tell(&left, |to, link| to != at && link.listens.contains(&name));
                Reply::Done
            }
            Command::Members { topic } => {
                let with_own = self.is(Mutant::ListsOwnMembers);
                let all = self.members.iter();
                let others = all.filter(|one| one.0 == topic && (one.1 != at || with_own));
                let others = others.map(|(_, node, member)| (NodeId(*node as u64), member.clone()));
                Reply::Members(others.collect())
            }
            _ => unreachable!("the hub has no other commands"),
        }))
    }

    fn remove(&mut self, topic: &str, at: usize, identity: &str) {
        let of_all = self.is(Mutant::MergesMembers);
        self.members.retain(|(name, node, member)| {
            !(**name == *topic && (*node == at || of_all) && member.identity() == identity)
        });
    }

    fn publish(
        &mut self,
        topic: &Arc<str>,
        publication: Publication,
        history: Option<History>,
    ) -> Position {
        let publication = match publication.get_id() {
            Some(_) if self.is(Mutant::LosesIds) => match publication.as_text() {
                Some(text) => Publication::text(text.to_owned()),
                None => Publication::binary(publication.payload().clone()),
            },
            _ => publication,
        };
        let publication = if self.is(Mutant::PassesText) {
            let binary = Publication::binary(publication.payload().clone());
            match publication.as_text() {
                Some(text) if !text.is_empty() => Publication::text(text.to_owned()),
                _ => binary,
            }
        } else {
            publication
        };
        let name = self.name(topic);
        let Some(history) = history else {
            let published = EngineEvent::Published {
                topic: topic.clone(),
                position: self.position(1),
                before: None,
                publication,
            };
            self.tell(&published, |_, link| link.listens.contains(topic));
            return self.position(1);
        };
        let all = self.is(Mutant::SharesIds);
        if !self.is(Mutant::ForgetsIds) {
            let logs = self
                .topics
                .iter()
                .filter(|(other, _)| all || **other == name);
            let mut entries = logs.flat_map(|(_, log)| &log.entries);
            let id = publication.get_id();
            if let Some(old) = entries.find(|one| id.is_some() && one.publication.get_id() == id) {
                return self.position(old.offset);
            }
        }
        // Offsets are left out, as those of other topics.
        self.last_offset += 1;
        let offset = self.last_offset;
        let keeps_floor = !self.is(Mutant::KeepsNoFloor);
        let log = self.topics.entry(name).or_default();
        let before = std::mem::replace(&mut log.top, offset);
        let within = history.get_within();
        log.entries.push_back(Entry {
            offset,
            before,
            publication: publication.clone(),
            until: within.map(|within| Instant::now() + within),
        });
        while log.entries.len() > history.get_last() {
            let old = log.entries.pop_front().expect("there are some");
            log.floor = if keeps_floor { old.offset } else { offset };
        }
        let guesses = self.is(Mutant::GuessesBefore);
        let mut published = EngineEvent::Published {
            topic: topic.clone(),
            position: self.position(offset),
            before: Some(if guesses { offset - 1 } else { before }),
            publication,
        };
        if self.is(Mutant::HidesDrops) {
            self.link_to_the_last(&mut published);
        }
        self.tell(&published, |_, link| link.listens.contains(topic));
        for node in &mut self.nodes {
            node.listens.extend(std::mem::take(&mut node.late));
        }
        self.position(offset)
    }

    /// Has `before` be the newest message that waits, and drops those that were before it.
    fn link_to_the_last(&mut self, published: &mut EngineEvent) {
        let EngineEvent::Published { before, .. } = published else {
            return;
        };
        for node in &mut self.nodes {
            let is_message = |event: &EngineEvent| matches!(event, EngineEvent::Published { .. });
            if node.events.len() > QUEUE / 2 {
                let Some(EngineEvent::Published { before: first, .. }) =
                    node.events.iter().find(|event| is_message(event))
                else {
                    continue;
                };
                *before = *first;
                node.events.retain(|event| !is_message(event));
            }
        }
    }

    /// Forgets what is too old.
    fn forget_old(&mut self, topic: &Arc<str>) {
        let (now, name) = (Instant::now(), self.name(topic));
        let forgets = self.is(Mutant::ForgetsOld);
        if let Some(log) = self.topics.get_mut(&name) {
            let is_old = |entry: &Entry| entry.until.is_some_and(|until| until <= now);
            while log.entries.front().is_some_and(is_old) {
                let old = log.entries.pop_front().expect("there is one");
                log.floor = if forgets { old.before } else { old.offset };
            }
        }
    }

    fn top(&self, topic: &Arc<str>) -> Option<Position> {
        let log = self.topics.get(&self.name(topic))?;
        (log.top > 0).then(|| self.position(log.top))
    }

    fn read(&mut self, topic: &Arc<str>, after: Option<Position>, limit: usize) -> Page {
        self.forget_old(topic);
        let epoch = Epoch::new(self.generation);
        let any = self.is(Mutant::ReadsAnyEpoch);
        let claims = self.is(Mutant::ClaimsAll);
        let oldest = self.is(Mutant::ReadsOldest);
        let name = self.name(topic);
        let log = self.topics.entry(name).or_default();
        let after = after.filter(|after| after.epoch == epoch || any);
        let asked = after.map_or(0, |after| after.offset);
        let newer: Vec<_> = log
            .entries
            .iter()
            .filter(|one| one.offset > asked)
            .collect();
        let left_out = newer.len().saturating_sub(limit);
        let (after, messages) = if oldest {
            (asked.max(log.floor), &newer[..newer.len() - left_out])
        } else if left_out > 0 {
            (newer[left_out - 1].offset, &newer[left_out..])
        } else {
            (asked.max(log.floor), &newer[..])
        };
        let messages = messages
            .iter()
            .map(|one| (one.offset, one.publication.clone()));
        Page {
            epoch,
            top: log.top,
            messages: messages.collect(),
            after: if claims { asked } else { after },
        }
    }

    /// A node is gone: its members are.
    fn expire(&mut self, at: usize) {
        if self.is(Mutant::KeepsTheGone) || self.is_down {
            return;
        }
        let before = self.members.len();
        self.members.retain(|(_, node, _)| *node != at);
        if self.members.len() != before {
            let node = NodeId(at as u64);
            self.tell(&EngineEvent::NodeGone { node }, |to, _| to != at);
        }
    }

    pub(crate) fn cut(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if !std::mem::replace(&mut node.is_cut, true) {
            // Answers come, messages are lost.
            node.events
                .retain(|event| matches!(event, EngineEvent::Done { .. }));
            node.events.push_back(EngineEvent::Down);
            node.listens.clear();
        }
    }

    pub(crate) fn connect(&mut self, at: usize) {
        if self.is_down || !self.nodes[at].is_cut {
            return;
        }
        self.expire(at);
        let forgets = self.is(Mutant::ForgetsUp);
        let node = &mut self.nodes[at];
        node.is_cut = false;
        if !forgets {
            node.events.push_back(EngineEvent::Up);
        }
    }
}
