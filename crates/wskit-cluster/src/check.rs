//! What is promised, checked from the logs of clients and publishers. It sees nothing of the hubs.
//!
//! - I1: the offsets that a subscription sees rise within an epoch.
//! - I2: no message comes twice, and one that was published again has one place.
//! - I3: nothing that was acknowledged is passed over untold, and a new epoch is told.
//! - I4: after all faults each subscription comes to the newest message.
//! - I5: after all faults those are present who are connected and have entered.
//! - I8: what was acknowledged is at its position, for all.
//! - I9: nothing comes without a subscription or a grant.

mod session;
#[cfg(test)]
mod tests;
mod topic;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use self::session::Session;
use self::topic::Topic;
use crate::log::{How, Record, What};

/// A place in a topic. Epochs have numbers in the order in which they were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct At {
    epoch: u32,
    offset: u64,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Which one, such as `I3`.
    pub(crate) rule: &'static str,
    pub(crate) who: String,
    pub(crate) topic: String,
    /// When, in milliseconds since 1970.
    pub(crate) at: u64,
    pub(crate) text: String,
}

/// How much was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) tries: u64,
    pub(crate) acks: u64,
    pub(crate) failures: u64,
    pub(crate) deliveries: u64,
    pub(crate) subscribed: u64,
    /// Subscriptions that began after a position, with all that was missed.
    pub(crate) recovered: u64,
    /// Gaps that clients were told of: when they subscribed, and later.
    pub(crate) gaps: u64,
    pub(crate) unsubscribed: u64,
    pub(crate) denied: u64,
    pub(crate) lost: u64,
    /// Messages that were published again after the history had forgotten the first attempt.
    pub(crate) repeated_later: u64,
    /// Acknowledged messages without a position that no client has seen, in topics with several epochs.
    pub(crate) unknown: u64,
}

/// The state of a check: logs go in, record by record. The order within one log matters, that among logs
/// does not.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    epochs: HashMap<String, u32>,
    topics: BTreeMap<String, Topic>,
    clients: BTreeMap<String, Client>,
    /// Who is present, as each node has it: by node and topic.
    present: BTreeMap<(String, String), BTreeSet<String>>,
    pub(crate) counts: Counts,
    pub(crate) violations: Vec<Violation>,
}

#[derive(Debug, Default)]
struct Client {
    is_connected: bool,
    is_gone: bool,
    /// Where it is present, and by which name.
    entered: HashMap<String, String>,
    sessions: BTreeMap<String, Session>,
}

/// More would tell nothing new.
const MOST: usize = 200;

impl Checker {
    fn parse(&mut self, pos: &str) -> At {
        let (epoch, offset) = pos.rsplit_once('-').unwrap_or((pos, "0"));
        let next = self.epochs.len() as u32;
        At {
            epoch: *self.epochs.entry(epoch.to_owned()).or_insert(next),
            offset: offset.parse().unwrap_or(0),
        }
    }

    fn broken(&mut self, rule: &'static str, who: &str, topic: &str, at: u64, text: String) {
        if self.violations.len() < MOST {
            self.violations.push(Violation {
                rule,
                who: who.to_owned(),
                topic: topic.to_owned(),
                at,
                text,
            });
        }
    }

    /// Takes in the next record of a log.
    pub(crate) fn feed(&mut self, record: &Record) {
        let Record { at, who, what } = record;
        let now = *at;
        match what {
            What::Open { .. } => self.client(who).is_connected = true,
            What::Lost | What::Bye => {
                self.counts.lost += 1;
                let is_gone = *what == What::Bye;
                let client = self.client(who);
                client.is_connected = false;
                client.is_gone |= is_gone;
                // It has to enter again.
                client.entered.clear();
                client.sessions.values_mut().for_each(Session::end);
            }
            What::Enter { topic, name } => {
                let name = name.as_ref().unwrap_or(who).clone();
                self.client(who).entered.insert(topic.clone(), name);
            }
            What::Leave { topic } => {
                self.client(who).entered.remove(topic);
            }
            What::Sub {
                topic,
                how,
                after,
                pos,
                past,
            } => {
                let after = after.as_ref().map(|after| self.parse(after));
                let pos = self.parse(pos);
                self.counts.subscribed += 1;
                match how {
                    How::All => self.counts.recovered += 1,
                    How::Gap => self.counts.gaps += 1,
                    How::Fresh => {}
                }
                let session = self.session(who, topic);
                if let Err(text) = session.begin(*how, after, pos, *past) {
                    self.broken("I3", who, topic, now, text);
                }
            }
            What::Msg { topic, pos, id } => {
                let pos = self.parse(pos);
                self.counts.deliveries += 1;
                self.content(who, topic, now, pos, id);
                match self.session(who, topic).message(pos) {
                    Ok(None) => {}
                    Ok(Some(from)) => {
                        let topic = self.topics.entry(topic.clone()).or_default();
                        topic.step(from, pos.offset, who, now);
                    }
                    Err((rule, text)) => self.broken(rule, who, topic, now, text),
                }
            }
            What::Gap { topic, pos } => {
                let pos = self.parse(pos);
                self.counts.gaps += 1;
                self.session(who, topic).told(pos);
            }
            What::Unsub { topic } => {
                self.counts.unsubscribed += 1;
                self.session(who, topic).end();
            }
            What::Here { topic, names } => self.session(who, topic).here(names),
            What::Join { topic, name } => self.session(who, topic).joined(name),
            What::Left { topic, name } => self.session(who, topic).left(name),
            What::Denied { .. } => self.counts.denied += 1,
            What::Try { .. } => self.counts.tries += 1,
            What::Ack { topic, id, pos } => {
                self.counts.acks += 1;
                if let Some(pos) = pos {
                    let pos = self.parse(pos);
                    self.content(who, topic, now, pos, id);
                    self.topics
                        .entry(topic.clone())
                        .or_default()
                        .acknowledged(pos);
                } else {
                    let topic = self.topics.entry(topic.clone()).or_default();
                    topic.acknowledged_somewhere(id);
                }
            }
            What::Fail { .. } => self.counts.failures += 1,
            What::Fault { .. } | What::End => {}
            What::Top { node, topic, pos } => {
                let pos = self.parse(pos);
                let topic = self.topics.entry(topic.clone()).or_default();
                topic.tops.insert(node.clone(), pos);
            }
            What::Present { node, topic, names } => {
                let names = names.iter().cloned().collect();
                self.present.insert((node.clone(), topic.clone()), names);
            }
        }
    }

    fn client(&mut self, who: &str) -> &mut Client {
        self.clients.entry(who.to_owned()).or_default()
    }

    fn session(&mut self, who: &str, topic: &str) -> &mut Session {
        let sessions = &mut self.client(who).sessions;
        sessions.entry(topic.to_owned()).or_default()
    }

    /// I8: a position holds one message, for all.
    fn content(&mut self, who: &str, topic: &str, now: u64, pos: At, id: &str) {
        let known = self.topics.entry(topic.to_owned()).or_default();
        if let Some(other) = known.holds(pos, id).map(str::to_owned) {
            let text = format!("{} is {id} here, and {other} elsewhere", self.show(pos));
            self.broken("I8", who, topic, now, text);
        }
    }

    /// Returns a position as it was in the log.
    fn show(&self, at: At) -> String {
        let epoch = self.epochs.iter().find(|(_, epoch)| **epoch == at.epoch);
        let epoch = epoch.map_or("?", |(name, _)| name);
        format!("{epoch}-{}", at.offset)
    }

    /// Returns what is not yet as it has to be in the end: I4 and I5. Empty if all is.
    pub(crate) fn unsettled(&self, most: usize) -> Vec<Violation> {
        let mut wrong = Vec::new();
        for (name, topic) in &self.topics {
            let mut tops = topic.tops.iter();
            let Some((_, top)) = tops.next() else {
                continue;
            };
            let unsettled = |rule, who: &str, text| Violation {
                rule,
                who: who.to_owned(),
                topic: name.clone(),
                at: 0,
                text,
            };
            for (node, other) in tops.filter(|(_, other)| *other != top) {
                let (other, top) = (self.show(*other), self.show(*top));
                let text = format!("its newest position is {other}, elsewhere it is {top}");
                wrong.push(unsettled("I4", node, text));
            }
            if let Some(last) = topic.newest_acknowledged(top.epoch) {
                if last > top.offset {
                    let text = format!("{last} was acknowledged, the end is {}", self.show(*top));
                    wrong.push(unsettled("I8", "engine", text));
                }
            }
            for (who, client) in &self.clients {
                let Some(session) = client.sessions.get(name) else {
                    continue;
                };
                if client.is_gone || session.last() == Some(*top) && session.is_open() {
                    continue;
                }
                let last = session.last().map(|last| self.show(last));
                let text = format!(
                    "at {}, {}, not at {}",
                    last.as_deref().unwrap_or("nothing"),
                    if session.is_open() {
                        "subscribed"
                    } else {
                        "not subscribed"
                    },
                    self.show(*top)
                );
                wrong.push(unsettled("I4", who, text));
            }
            if wrong.len() >= most {
                break;
            }
        }
        self.wrong_presence(&mut wrong);
        wrong.truncate(most);
        wrong
    }

    /// I5: nodes and subscribers have the same members, who are those that are connected.
    fn wrong_presence(&self, wrong: &mut Vec<Violation>) {
        let names = self.present.keys().map(|(_, topic)| topic);
        for topic in names.collect::<BTreeSet<_>>() {
            let connected = self.clients.values().filter(|client| client.is_connected);
            let members = connected.filter_map(|client| client.entered.get(topic));
            let members: BTreeSet<_> = members.cloned().collect();
            let nodes = self.present.iter().filter(|((_, of), _)| of == topic);
            let nodes = nodes.map(|((node, _), seen)| (node, seen));
            let clients = self.clients.iter().filter(|(_, client)| !client.is_gone);
            let clients = clients.filter_map(|(name, client)| {
                let session = client.sessions.get(topic)?;
                Some((name, session.present()?))
            });
            for (who, seen) in nodes.chain(clients).filter(|(_, seen)| **seen != members) {
                let missing: Vec<_> = members.difference(seen).collect();
                let ghosts: Vec<_> = seen.difference(&members).collect();
                wrong.push(Violation {
                    rule: "I5",
                    who: who.clone(),
                    topic: topic.clone(),
                    at: 0,
                    text: format!("not shown as present: {missing:?}, not there: {ghosts:?}"),
                });
            }
        }
    }

    /// Checks what needs the whole of the logs. `history` returns how many messages a topic keeps.
    pub(crate) fn finish(&mut self, history: impl Fn(&str) -> usize) {
        let topics = std::mem::take(&mut self.topics);
        for (name, topic) in &topics {
            for passed in topic.passed_over() {
                let text = format!(
                    "not told that it missed {}, between {} and {}",
                    self.show(passed.missed),
                    self.show(passed.from),
                    passed.to
                );
                self.broken("I3", &passed.who, name, passed.at, text);
            }
            let (twice, later) = topic.published_twice(history(name));
            self.counts.repeated_later += later;
            for (id, first, second) in twice {
                let text = format!(
                    "{id} is at {} and at {}",
                    self.show(first),
                    self.show(second)
                );
                self.broken("I2", "engine", name, 0, text);
            }
            let unseen = topic.unseen();
            if topic.epochs() > 1 {
                self.counts.unknown += unseen.len() as u64;
            } else {
                for id in unseen {
                    let text = format!("{id} was acknowledged, and no one has seen it");
                    self.broken("I8", "engine", name, 0, text);
                }
            }
        }
        self.topics = topics;
        let unsettled = self.unsettled(MOST);
        self.violations.extend(unsettled);
    }
}

/// Checks whole logs.
#[cfg(test)]
fn check(logs: &[Vec<Record>], history: usize) -> Checker {
    let mut checker = Checker::default();
    for record in logs.iter().flatten() {
        checker.feed(record);
    }
    checker.finish(|_| history);
    checker
}
