//! What is promised, checked from what clients were sent and publishers were answered.

use std::collections::{BTreeSet, HashMap};

use crate::position::Position;

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Checker {
    /// The subscriptions, in their order.
    sessions: Vec<Session>,
    /// The subscription of a client to a topic now.
    current: HashMap<(usize, String), usize>,
    /// What a position holds.
    contents: HashMap<(usize, String, u64, u64), String>,
    acknowledged: Vec<Acknowledged>,
    /// The calls to subscribe that have begun a subscription, and what the client was told it begins with.
    begun: HashMap<u64, String>,
}

/// A publication that was answered with its position. A topic of a hub without an engine is one of its own.
#[derive(Debug)]
struct Acknowledged {
    scope: usize,
    topic: String,
    position: Position,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: usize,
    pub(super) scope: usize,
    pub(super) topic: String,
    /// Where it is. `None` before the first message of a past that begins somewhere.
    pub(super) last: Option<Position>,
    /// How many messages of the past are to come, and the position after them.
    past: usize,
    begins: Position,
    /// It was told that something is missing.
    is_told: bool,
    /// How many messages it was told to have skipped, if that can be checked.
    skipped: Option<u64>,
    /// What it has passed over without being told, from one position to the next.
    steps: Vec<(Position, u64)>,
    /// Who it has seen come and not leave, while it was told all.
    pub(super) present: Option<BTreeSet<String>>,
    /// It has ended, by the hub.
    pub(super) is_over: bool,
}

/// What is known of a call to subscribe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) client: usize,
    pub(super) scope: usize,
    /// The position that was given.
    pub(super) after: Option<Position>,
    /// Of the past only the newest message is delivered.
    pub(super) is_latest: bool,
    /// All that is skipped are messages, and their offsets have no gaps.
    pub(super) is_exact: bool,
}

impl Checker {
    /// Returns the subscription of a client to a topic.
    pub(super) fn session(&self, client: usize, topic: &str) -> Option<&Session> {
        let i = self.current.get(&(client, topic.to_owned()))?;
        self.sessions.get(*i)
    }

    /// Returns what a client was told that its subscription begins with.
    pub(super) fn begun(&self, call: u64) -> Option<&str> {
        self.begun.get(&call).map(String::as_str)
    }

    /// I8: what was acknowledged is that message, for all.
    pub(super) fn acknowledged(
        &mut self,
        scope: usize,
        topic: &str,
        position: Position,
        payload: &str,
    ) -> Result<(), String> {
        let topic = topic.to_owned();
        self.content(scope, &topic, position, payload)?;
        self.acknowledged.push(Acknowledged {
            scope,
            topic,
            position,
        });
        Ok(())
    }

    /// A position holds one message for all.
    pub(super) fn content(
        &mut self,
        scope: usize,
        topic: &str,
        position: Position,
        payload: &str,
    ) -> Result<(), String> {
        let key = (
            scope,
            topic.to_owned(),
            position.epoch.get(),
            position.offset,
        );
        let known = self
            .contents
            .entry(key)
            .or_insert_with(|| payload.to_owned());
        if known != payload {
            return Err(format!("{topic} {position} is both {known} and {payload}"));
        }
        Ok(())
    }

    /// A client has received a message.
    pub(super) fn received(
        &mut self,
        client: usize,
        text: &str,
        asked: impl Fn(u64) -> Asked,
    ) -> Result<(), String> {
        let words: Vec<_> = text.split(' ').collect();
        let topic = words[1];
        let key = (client, topic.to_owned());
        if words[0] == "S" {
            let (position, call) = (words[2].parse().unwrap(), words[5].parse().unwrap());
            let count: usize = words[4].parse().unwrap();
            let asked = asked(call);
            if asked.client != client {
                return Err(format!("it was client {} that asked", asked.client));
            }
            self.begun.insert(call, words[2..5].join(" "));
            let last = match (words[3], count) {
                ("A", _) => asked.after,
                ("F", 1..) => None,
                _ => Some(position),
            };
            let session = Session {
                client,
                scope: asked.scope,
                topic: topic.to_owned(),
                last,
                past: count,
                begins: position,
                is_told: asked.is_latest && count > 0,
                skipped: asked.is_exact.then_some(0),
                steps: Vec::new(),
                present: None,
                is_over: false,
            };
            session.begin()?;
            self.current.insert(key, self.sessions.len());
            self.sessions.push(session);
            return Ok(());
        }
        let current = self.current.get(&key).copied();
        let session = current.and_then(|i| self.sessions.get_mut(i));
        let session = session.filter(|session| !session.is_over);
        let Some(session) = session else {
            return Err("a message without a subscription".into());
        };
        match words[0] {
            "P" => {
                let position: Position = words[2].parse().unwrap();
                session.message(position, words[3] == "1")?;
                let (scope, topic) = (session.scope, session.topic.clone());
                // What the hub has numbered itself is not known elsewhere.
                if !topic.contains(super::engine::UNORDERED) {
                    self.content(scope, &topic, position, words[4])?;
                }
            }
            "M" => {
                let members = words[2].split(',').filter(|name| !name.is_empty());
                session.present = Some(members.map(str::to_owned).collect());
            }
            "J" => {
                if let Some(present) = &mut session.present {
                    present.insert(words[2].to_owned());
                }
            }
            "L" => {
                if let Some(present) = &mut session.present {
                    if !present.remove(words[2]) {
                        return Err(format!("{} has left, but was not there", words[2]));
                    }
                }
            }
            "K" => {
                let count: u64 = words[2].parse().unwrap();
                if count == 0 {
                    return Err("told that nothing was skipped".into());
                }
                session.skipped = session.skipped.map(|skipped| skipped + count);
                session.is_told = true;
                session.past = 0;
                session.present = None;
            }
            "G" => {
                session.is_told = true;
                session.past = 0;
                session.last = Some(words[2].parse().unwrap());
            }
            "U" => session.is_over = true,
            other => return Err(format!("an unknown event {other}")),
        }
        Ok(())
    }

    /// All faults are over, and all has come to rest. `top` is the newest position of a topic, if it has one
    /// that subscribers have to reach; `is_subscribed` whether a client still wants it.
    pub(super) fn finish(
        &self,
        top: impl Fn(usize, &str) -> Option<Position>,
        is_subscribed: impl Fn(usize, &str) -> bool,
        keeps_order: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        for session in &self.sessions {
            let of_topic = |acknowledged: &&Acknowledged| {
                acknowledged.scope == session.scope && acknowledged.topic == session.topic
            };
            for acknowledged in self.acknowledged.iter().filter(of_topic) {
                let at = acknowledged.position;
                let is_passed = session.steps.iter().any(|(from, to)| {
                    from.epoch == at.epoch && from.offset < at.offset && at.offset < *to
                });
                if is_passed && keeps_order(&session.topic) {
                    return Err(format!(
                        "I3: client {} was not told that it missed {} {at}",
                        session.client, session.topic
                    ));
                }
            }
        }
        for ((client, topic), i) in &self.current {
            let session = &self.sessions[*i];
            if session.is_over || !is_subscribed(*client, topic) {
                continue;
            }
            if session.past > 0 {
                return Err(format!("client {client} waits for the past of {topic}"));
            }
            let top = top(session.scope, topic);
            if top.is_some() && session.last != top {
                return Err(format!(
                    "I4: client {client} is at {:?} of {topic}, not at {top:?}",
                    session.last
                ));
            }
        }
        Ok(())
    }
}

impl Session {
    /// The past is over.
    fn begin(&self) -> Result<(), String> {
        if self.past == 0 && self.last != Some(self.begins) {
            return Err(format!(
                "subscribed to {} at {}, but it is {:?} after the past",
                self.topic, self.begins, self.last
            ));
        }
        Ok(())
    }

    fn message(&mut self, position: Position, is_past: bool) -> Result<(), String> {
        if is_past != (self.past > 0) {
            return Err(format!(
                "{position} is of the past: {is_past}; left: {}",
                self.past
            ));
        }
        let is_told = std::mem::take(&mut self.is_told);
        if let Some(last) = self.last {
            if last.epoch == position.epoch {
                if position.offset <= last.offset {
                    return Err(format!("I1, I2: {position} after {last}"));
                }
                if !is_told {
                    self.steps.push((last, position.offset));
                }
                let between = position.offset - last.offset - 1;
                if self.skipped.is_some_and(|skipped| skipped != between) {
                    return Err(format!("{:?} were skipped, not {between}", self.skipped));
                }
            } else if !is_told {
                return Err(format!(
                    "I3: not told of another epoch: {position} after {last}"
                ));
            }
        }
        self.last = Some(position);
        self.skipped = self.skipped.map(|_| 0);
        if is_past {
            self.past -= 1;
            self.begin()?;
        }
        Ok(())
    }
}
