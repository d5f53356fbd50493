//! What comes of it, and what must be so when all has come to rest.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Call, Client, World, topic};
use crate::core::Answer;
use crate::error::Error;
use crate::sim::engine::{Cluster, Fate, UNORDERED};
use crate::sim::hub::{DIRECTORIES, FAST, Hub, Out, SHARDS, text};

/// The most commands that an engine is given before all has come to rest.
const RESTLESS: u64 = 20_000;

impl World {
    /// Does what hubs have put out, and looks at what they have written.
    pub(super) fn settle(
        &mut self,
        hub: usize,
        mut out: Out,
        log: &mut dyn FnMut(String),
    ) -> Result<(), String> {
        loop {
            for client in std::mem::take(&mut out.gone) {
                self.gone(client, &mut out);
            }
            if let Some(cluster) = &mut self.cluster {
                cluster.links[hub].commands.extend(out.commands.drain(..));
            }
            if out.gone.is_empty() && out.answers.is_empty() {
                break;
            }
            for (call, answer) in std::mem::take(&mut out.answers) {
                self.answered(call, answer, log)?;
            }
        }
        for client in 0..self.clients.len() {
            let texts = std::mem::take(&mut *self.clients[client].socket.taken.borrow_mut());
            for text in texts {
                log(format!("    client {client}: {text}"));
                let asked = |call| self.asked[&call];
                self.checker
                    .received(client, &text, asked)
                    .map_err(|error| format!("client {client}: {text}: {error}"))?;
            }
        }
        Ok(())
    }

    pub(super) fn answered(
        &mut self,
        id: u64,
        answer: Answer,
        log: &mut dyn FnMut(String),
    ) -> Result<(), String> {
        log(format!("    call {id}: {answer:?}"));
        let Some(call) = self.calls.remove(&id) else {
            return Err(format!("call {id} was answered twice"));
        };
        match (call, answer) {
            (
                Call::Publish {
                    hub,
                    topic,
                    payload,
                },
                Answer::Published(Ok(position)),
            ) => {
                let (scope, name) = (self.scope(hub), &self.topics[topic].0);
                self.checker.acknowledged(scope, name, position, &payload)?;
            }
            (Call::Subscribe { client, topic }, Answer::Subscribed(Ok(subscribed))) => {
                self.subscribed.insert(id, text(subscribed));
                // Unless it is gone meanwhile.
                let Client {
                    is_attached,
                    unwanted,
                    ..
                } = &self.clients[client];
                if *is_attached && unwanted.get(&topic).is_none_or(|call| *call < id) {
                    self.clients[client].wants.insert(topic, id);
                }
            }
            (Call::History { hub, topic }, Answer::History(Ok((messages, top)))) => {
                let scope = self.scope(hub);
                let mut last = 0;
                for message in messages {
                    let (position, payload) = (message.position(), message.publication());
                    if position.offset <= last
                        || position.epoch != top.epoch
                        || position.offset > top.offset
                    {
                        return Err(format!("{position} in a history after {last} up to {top}"));
                    }
                    last = position.offset;
                    let payload = payload.as_text().unwrap();
                    self.checker
                        .content(scope, &self.topics[topic].0, position, payload)?;
                }
            }
            (Call::Present, Answer::Present(Ok(_))) => {}
            (
                _,
                Answer::Published(Err(error))
                | Answer::Subscribed(Err(error))
                | Answer::History(Err(error))
                | Answer::Present(Err(error)),
            ) => match error {
                Error::Engine(_) | Error::AlreadySubscribed | Error::Closed | Error::NoPresence => {
                }
                error => return Err(format!("call {id}: {error}")),
            },
            (call, answer) => return Err(format!("{call:?} was answered {answer:?}")),
        }
        Ok(())
    }

    /// Lets time pass.
    pub(super) fn advance(
        &mut self,
        time: Duration,
        log: &mut dyn FnMut(String),
    ) -> Result<(), String> {
        let until = self.now + time;
        for hub in 0..self.hubs.len() {
            let mut timers = 0;
            while let Some(at) = self.hubs[hub].next_timeout().filter(|at| *at <= until) {
                timers += 1;
                if timers > 1000 {
                    return Err("a timer that has always something to do".into());
                }
                let mut out = Out::default();
                self.hubs[hub].handle_timeout(at.max(self.now), &mut out);
                self.settle(hub, out, log)?;
            }
        }
        self.now = until;
        Ok(())
    }

    /// Runs turns of the first hub until there is nothing to do, and returns how many.
    #[cfg(test)]
    pub(in crate::sim) fn turns(
        &mut self,
        log: &mut dyn FnMut(String),
    ) -> (Result<(), String>, u64) {
        let (mut turns, now) = (0, self.now);
        let mut result = Ok(());
        for shard in 0..SHARDS {
            loop {
                let mut out = Out::default();
                turns += 1;
                let has_more = self.hubs[0].turn(shard, 512, now, &mut out);
                result = result.and(self.settle(0, out, log));
                if !has_more {
                    break;
                }
            }
        }
        (result, turns)
    }

    /// All that is on its way arrives.
    pub(super) fn rest(&mut self, log: &mut dyn FnMut(String)) -> Result<(), String> {
        let begun = self.cluster.as_ref().map_or(0, |cluster| cluster.commands);
        loop {
            let mut has_more = false;
            for hub in 0..self.hubs.len() {
                if let Some(cluster) = &self.cluster {
                    if cluster.commands - begun > RESTLESS {
                        return Err("the hubs never stop to ask the engine".into());
                    }
                    while self.command(hub, Fate::Done) {}
                    while self.event(hub, false, log)? {
                        has_more = true;
                    }
                }
                for shard in 0..SHARDS {
                    let mut out = Out::default();
                    let now = self.now;
                    has_more |= self.hubs[hub].turn(shard, 512, now, &mut out);
                    self.settle(hub, out, log)?;
                }
            }
            for client in 0..self.clients.len() {
                if self.clients[client].is_attached {
                    self.clients[client].socket.room.set(FAST);
                    has_more |= self.clients[client].socket.waits.get();
                    self.room(client);
                }
            }
            let commands = |cluster: &Cluster| cluster.links.iter().any(|l| !l.commands.is_empty());
            if !has_more && !self.cluster.as_ref().is_some_and(commands) {
                return Ok(());
            }
        }
    }

    /// Ends all faults, waits as long as it may take until all is well, and checks that it is.
    pub(in crate::sim) fn heal(&mut self, log: &mut dyn FnMut(String)) -> Result<(), String> {
        log("healed".into());
        for hub in 0..self.hubs.len() {
            if let Some(cluster) = &mut self.cluster {
                cluster.connect(hub);
            }
        }
        // 25 s: the check of positions and 5 s more. Presence has a check of its own.
        for seconds in [0, 1, 2, 2, 10, 10] {
            self.advance(Duration::from_secs(seconds), log)?;
            self.rest(log)?;
        }
        if let Some(call) = self.calls.keys().min() {
            return Err(format!(
                "call {call} was not answered: {:?}",
                self.calls[call]
            ));
        }
        for client in self.clients.iter().filter(|client| client.is_attached) {
            for (topic, call) in &client.wants {
                if !client.socket.is_over.get() && self.checker.begun(*call).is_none() {
                    return Err(format!("call {call} has begun no subscription to {topic}"));
                }
            }
        }
        for (call, told) in &self.subscribed {
            if self.checker.begun(*call).is_some_and(|begun| begun != told) {
                return Err(format!(
                    "call {call} was answered {told}, but the client was not"
                ));
            }
        }
        let cluster = self.cluster.as_ref();
        let has_history = |topic: &str| {
            let rules = self.topics.iter().find(|(name, _)| name == topic);
            rules.is_some_and(|(_, rules)| rules.get_history().is_some())
        };
        let top = |_: usize, topic: &str| cluster?.top(topic).filter(|_| has_history(topic));
        let t = |topic: &str| {
            self.topics
                .iter()
                .position(|(name, _)| name == topic)
                .unwrap()
        };
        let wants = |client: usize, topic: &str| {
            let client = &self.clients[client];
            client.is_attached
                && !client.socket.is_over.get()
                && client.wants.contains_key(&t(topic))
        };
        self.checker
            .finish(top, wants, |topic| topic != UNORDERED)?;
        if cluster.is_some() {
            for seconds in [10, 10, 10, 5, 3, 2, 5] {
                self.advance(Duration::from_secs(seconds), log)?;
                self.rest(log)?;
            }
        }
        self.check_presence(log)
    }

    /// I5: presence is that of the clients that are there.
    pub(super) fn check_presence(&mut self, log: &mut dyn FnMut(String)) -> Result<(), String> {
        for t in 0..self.topics.len() {
            let (name, rules) = self.topics[t].clone();
            if !rules.presence {
                continue;
            }
            let entered = self
                .clients
                .iter()
                .filter_map(|client| client.entered.get(&t));
            let entered: BTreeSet<String> = entered.cloned().collect();
            for hub in 0..self.hubs.len() {
                let mut out = Out::default();
                let now = self.now;
                let present = self.hubs[hub].with(t % DIRECTORIES, &mut out, |directory, out| {
                    let topic = topic(directory, &name, &rules, now)?;
                    directory.present(topic, || 0, now, out)
                });
                let mut present = present.map_err(|error| format!("{error}"))?;
                if let Some(cluster) = &mut self.cluster {
                    cluster.links[hub].commands.extend(out.commands.drain(..));
                    while cluster.carry_out(hub, Fate::Done) {}
                    while let Some(event) = cluster.links[hub].answers.pop_front() {
                        self.hubs[hub]
                            .directory(t % DIRECTORIES)
                            .handle_event(event, now, &mut out);
                    }
                }
                for (_, answer) in out.answers {
                    if let Answer::Present(Ok(answer)) = answer {
                        present = Some(answer);
                    }
                }
                let present = present.ok_or("who is present was not answered")?;
                let present = present.members.iter().map(|m| m.identity().to_owned());
                let present: BTreeSet<String> = present.collect();
                if present != entered {
                    return Err(format!(
                        "I5: at hub {hub} {present:?} are in {name}, not {entered:?}"
                    ));
                }
            }
            for (client, state) in self.clients.iter().enumerate() {
                let session = self.checker.session(client, &name);
                let session = session.filter(|s| !s.is_over && state.wants.contains_key(&t));
                let seen = session
                    .filter(|_| !state.socket.is_over.get())
                    .and_then(|s| s.present.as_ref());
                if seen.is_some_and(|seen| *seen != entered) {
                    log(format!("client {client}"));
                    return Err(format!(
                        "I5: client {client} sees {seen:?} in {name}, not {entered:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// I6: bounded while something is there, and when all is gone as in the beginning.
    pub(in crate::sim) fn clear(&mut self, log: &mut dyn FnMut(String)) -> Result<(), String> {
        // 7 topics with at most 8 messages and 12 members each, 12 clients with 7 subscriptions.
        let most = 64 * 1024;
        for hub in &mut self.hubs {
            let bytes = bytes(hub);
            if bytes > most {
                return Err(format!("I6: {bytes} bytes"));
            }
        }
        for client in 0..self.clients.len() {
            if self.clients[client].is_attached {
                let mut out = Out::default();
                self.detach(client, &mut out);
                self.settle(self.clients[client].hub, out, log)?;
            }
        }
        self.rest(log)?;
        let now = self.now;
        for hub in &mut self.hubs {
            for number in 0..DIRECTORIES {
                hub.directory(number).forget(now, usize::MAX);
            }
        }
        // The grace of presence, what is kept without use, and the sweeps.
        for seconds in [3, 70, 10, 60, 30] {
            self.advance(Duration::from_secs(seconds), log)?;
            self.rest(log)?;
        }
        for (i, hub) in self.hubs.iter_mut().enumerate() {
            let (topics, bytes) = (hub.topics(), bytes(hub));
            if topics > 0 || bytes != self.idle[i] {
                return Err(format!(
                    "I6: {topics} topics, {bytes} bytes are left, not {}",
                    self.idle[i]
                ));
            }
            for delivery in &hub.shards {
                let stats = delivery.shard.stats();
                if (stats.peers, stats.subscriptions, stats.behind) != (0, 0, 0) {
                    return Err(format!("I6: {stats:?}"));
                }
            }
        }
        Ok(())
    }
}

pub(super) fn bytes(hub: &mut Hub) -> usize {
    let directories = (0..DIRECTORIES)
        .map(|number| hub.directory(number).bytes())
        .sum::<usize>();
    let shards = hub.shards.iter().map(|delivery| delivery.shard.bytes());
    directories + shards.sum::<usize>()
}
