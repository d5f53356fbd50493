//! An engine that several hubs share in one process, with all the faults of a real one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::engine::{Command, EngineEvent, NodeId, Page, Reply, RequestId};
use crate::error::{EngineError, EngineErrorKind};
use crate::member::Member;
use crate::position::{Epoch, Position};
use crate::publication::Publication;
use crate::rules::History;

/// Live topics with this in their names have no order.
pub(crate) const UNORDERED: &str = "unordered";

/// The server, and the connections of the hubs to it.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    pub(crate) links: Vec<Link>,
    logs: HashMap<Arc<str>, Log>,
    members: Vec<(Arc<str>, NodeId, Member)>,
    epochs: u64,
    /// Commands carried out: a hub that never rests shows here.
    pub(crate) commands: u64,
}

/// The connection of a hub.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) is_up: bool,
    listens: HashSet<Arc<str>>,
    /// What it was asked and has not begun.
    pub(crate) commands: VecDeque<(RequestId, Command)>,
    /// Answers, and all else, that have not arrived.
    pub(crate) answers: VecDeque<EngineEvent>,
    pub(crate) events: VecDeque<EngineEvent>,
}

#[derive(Debug)]
struct Log {
    epoch: Epoch,
    top: u64,
    /// The messages after this are all here.
    floor: u64,
    entries: VecDeque<(u64, Publication)>,
}

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    /// It fails.
    Refused,
    /// It is done, but the answer is that it has failed.
    Unanswered,
}

impl Cluster {
    pub(crate) fn new(nodes: usize) -> Self {
        let up = || Link {
            is_up: true,
            ..Link::default()
        };
        Self {
            links: (0..nodes).map(|_| up()).collect(),
            ..Self::default()
        }
    }

    fn epoch(&mut self) -> Epoch {
        self.epochs += 1;
        Epoch::new(self.epochs)
    }

    fn log(&mut self, topic: &Arc<str>) -> &mut Log {
        if !self.logs.contains_key(topic) {
            let epoch = self.epoch();
            let log = Log {
                epoch,
                top: 0,
                floor: 0,
                entries: VecDeque::new(),
            };
            self.logs.insert(topic.clone(), log);
        }
        self.logs.get_mut(topic).expect("it was added")
    }

    /// Returns the position of the newest message.
    pub(crate) fn top(&self, topic: &str) -> Option<Position> {
        let log = self.logs.get(topic)?;
        (log.top > 0).then_some(Position {
            epoch: log.epoch,
            offset: log.top,
        })
    }

    /// Tells hubs of something.
    fn tell(&mut self, event: &EngineEvent, is_for: impl Fn(usize, &Link) -> bool) {
        for (node, link) in self.links.iter_mut().enumerate() {
            if link.is_up && is_for(node, link) {
                link.events.push_back(event.clone());
            }
        }
    }

    /// Carries out the next command of a hub.
    pub(crate) fn carry_out(&mut self, node: usize, fate: Fate) -> bool {
        let Some((id, command)) = self.links[node].commands.pop_front() else {
            return false;
        };
        self.commands += 1;
        let unavailable = Err(EngineError::new(EngineErrorKind::Unavailable));
        let result = if !self.links[node].is_up || fate == Fate::Refused {
            unavailable
        } else {
            let reply = self.reply(node, command);
            if fate == Fate::Done {
                Ok(reply)
            } else {
                unavailable
            }
        };
        let done = EngineEvent::Done { id, result };
        self.links[node].answers.push_back(done);
        true
    }

    fn reply(&mut self, node: usize, command: Command) -> Reply {
        let number = NodeId(node as u64);
        match command {
            Command::Publish {
                topic,
                publication,
                history,
            } => Reply::Published(self.publish(&topic, publication, history)),
            Command::Listen { topics } => {
                self.links[node].listens.extend(topics);
                Reply::Done
            }
            Command::Unlisten { topics } => {
                for topic in topics {
                    self.links[node].listens.remove(&topic);
                }
                Reply::Done
            }
            Command::Tops { topics } => {
                Reply::Tops(topics.iter().map(|topic| self.top(topic)).collect())
            }
            Command::Read {
                topic,
                after,
                limit,
            } => Reply::Read(self.read(&topic, after, limit)),
            Command::Enter { topic, member } => {
                self.members.retain(|(other, at, old)| {
                    !(*other == topic && *at == number && old.identity() == member.identity())
                });
                self.members.push((topic.clone(), number, member.clone()));
                let name = topic.clone();
                let joined = EngineEvent::Joined {
                    topic,
                    node: number,
                    member,
                };
                self.tell(&joined, |other, link| {
                    other != node && link.listens.contains(&name)
                });
                Reply::Done
            }
            Command::Leave { topic, identity } => {
                self.members.retain(|(other, at, old)| {
                    !(*other == topic && *at == number && *old.identity() == *identity)
                });
                let name = topic.clone();
                let left = EngineEvent::Left {
                    topic,
                    node: number,
                    identity,
                };
                self.tell(&left, |other, link| {
                    other != node && link.listens.contains(&name)
                });
                Reply::Done
            }
            Command::Members { topic } => {
                let others = self.members.iter();
                let others = others.filter(|(name, at, _)| *name == topic && *at != number);
                Reply::Members(
                    others
                        .map(|(_, at, member)| (*at, member.clone()))
                        .collect(),
                )
            }
        }
    }

    fn publish(
        &mut self,
        topic: &Arc<str>,
        publication: Publication,
        history: Option<History>,
    ) -> Position {
        let is_unordered = topic.contains(UNORDERED);
        let log = self.log(topic);
        if let Some(id) = publication.get_id() {
            let mut entries = log.entries.iter();
            if let Some((offset, _)) = entries.find(|(_, old)| old.get_id() == Some(id)) {
                return Position {
                    epoch: log.epoch,
                    offset: *offset,
                };
            }
        }
        let before = log.top;
        log.top += 1;
        let position = Position {
            epoch: log.epoch,
            offset: log.top,
        };
        log.entries.push_back((log.top, publication.clone()));
        log.keep(history.map_or(0, |history| history.last));
        let published = EngineEvent::Published {
            topic: topic.clone(),
            position,
            before: (!is_unordered).then_some(before),
            publication,
        };
        self.tell(&published, |_, link| link.listens.contains(topic));
        position
    }

    fn read(&mut self, topic: &Arc<str>, after: Option<Position>, limit: usize) -> Page {
        if topic.contains(UNORDERED) {
            return Page {
                epoch: self.epoch(),
                top: 0,
                messages: Vec::new(),
                after: 0,
            };
        }
        let log = self.log(topic);
        let after = after.filter(|after| after.epoch == log.epoch);
        let after = after.map_or(0, |after| after.offset).max(log.floor);
        let newer = log.entries.iter().filter(|(offset, _)| *offset > after);
        let newer: Vec<_> = newer.cloned().collect();
        let left_out = newer.len().saturating_sub(limit);
        let after = match left_out.checked_sub(1) {
            Some(last) => newer[last].0,
            None => after,
        };
        Page {
            epoch: log.epoch,
            top: log.top,
            messages: newer[left_out..].to_vec(),
            after,
        }
    }

    /// Cuts the connection of a hub, with all that is on its way.
    pub(crate) fn cut(&mut self, node: usize) {
        let link = &mut self.links[node];
        if !std::mem::replace(&mut link.is_up, false) {
            return;
        }
        link.events.clear();
        link.listens.clear();
        link.events.push_back(EngineEvent::Down);
    }

    /// The hub has not been heard of for too long.
    pub(crate) fn expire(&mut self, node: usize) {
        let gone = NodeId(node as u64);
        let before = self.members.len();
        self.members.retain(|(_, at, _)| *at != gone);
        if before != self.members.len() {
            self.tell(&EngineEvent::NodeGone { node: gone }, |other, _| {
                other != node
            });
        }
    }

    pub(crate) fn connect(&mut self, node: usize) {
        if self.links[node].is_up {
            return;
        }
        self.expire(node);
        self.links[node].is_up = true;
        self.links[node].events.push_back(EngineEvent::Up);
    }

    /// Loses the history of a topic.
    pub(crate) fn forget(&mut self, topic: &str) {
        self.logs.remove(topic);
    }

    /// Starts again with nothing.
    pub(crate) fn restart(&mut self) {
        for node in 0..self.links.len() {
            self.cut(node);
        }
        self.members.clear();
        self.logs.clear();
        for node in 0..self.links.len() {
            self.connect(node);
        }
    }

    /// Goes back to an older state of a topic, as a replica that has not got the newest messages.
    pub(crate) fn rewind(&mut self, topic: &str, messages: u64) {
        let epoch = self.epoch();
        let Some(log) = self.logs.get_mut(topic) else {
            return;
        };
        log.epoch = epoch;
        log.top = log.top.saturating_sub(messages);
        log.floor = log.floor.min(log.top);
        while log
            .entries
            .back()
            .is_some_and(|(offset, _)| *offset > log.top)
        {
            log.entries.pop_back();
        }
    }
}

impl Log {
    fn keep(&mut self, most: usize) {
        while self.entries.len() > most {
            if let Some((offset, _)) = self.entries.pop_front() {
                self.floor = offset;
            }
        }
    }
}
