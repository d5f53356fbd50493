use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Instant;

use super::{BATCH, CHECK, Directory, LINGER, MEMBERS, Request, SWEEP};
use crate::core::guard::{Guard, holds, limit};
use crate::core::link::LinkState;
use crate::core::topic::Topic;
use crate::core::{Host, Outputs};
use crate::engine::Command;
use crate::error::{EngineError, EngineErrorKind};

/// What is done when its time has come.
impl<H: Host> Directory<H> {
    /// Returns when [`handle_timeout`](Directory::handle_timeout) has something to do.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let leaving = self.leaving.peek().map(|Reverse((at, _))| *at);
        let requests = self.requests.first_key_value();
        let answer = requests.map(|(_, (deadline, _))| *deadline);
        let others = [self.next_sweep, self.next_check, self.next_retry, answer];
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
        while let Some(request) = self.requests.first_entry() {
            if request.get().0 > now {
                break;
            }
            let error = EngineError::new(EngineErrorKind::Unavailable);
            let id = *request.key();
            self.done(id, Err(error), now, out);
        }
        if self.next_retry.is_some_and(|at| at <= now) {
            self.next_retry = None;
            self.listen_again(now, out);
            self.retry_members(now, out);
        }
        if self.next_check.is_some_and(|at| at <= now) {
            self.check(now, out);
        }
        if self.next_sweep.is_some_and(|at| at <= now) {
            self.sweep(now, out);
        }
    }

    /// Asks for the newest positions of all topics with a history, and, not each time, for members.
    fn check(&mut self, now: Instant, out: &mut impl Outputs<H>) {
        self.last_check = Some(now);
        let with_members = self.checks == 0;
        self.checks = (self.checks + 1) % MEMBERS;
        let (mut tops, mut members) = (Vec::new(), Vec::new());
        for (slot, topic) in (0u32..).zip(&self.topics) {
            let is_live = |topic: &&Topic<H>| {
                let link = topic.link.as_deref();
                link.is_some_and(|link| link.state == LinkState::Live)
            };
            if let Some(topic) = topic.as_deref().filter(is_live) {
                if topic.rules.get_history().is_some() {
                    tops.push((slot, topic.name.clone()));
                }
                if topic.rules.presence {
                    members.push(slot);
                }
            }
        }
        let is_idle = tops.is_empty() && members.is_empty();
        self.next_check = (!is_idle).then(|| now + CHECK);
        for batch in tops.chunks(limit(BATCH, 2)) {
            let topics = batch.iter().map(|(_, name)| name.clone()).collect();
            let command = Command::Tops { topics };
            self.request(Request::Tops(batch.to_vec()), command, now, out);
        }
        if with_members && !holds(Guard::Members, false) {
            for slot in members {
                self.ask_members(slot, now, out);
            }
        }
    }

    /// Forgets old messages, and topics that nothing uses.
    fn sweep(&mut self, now: Instant, out: &mut impl Outputs<H>) {
        let mut unlistened = Vec::new();
        for slot in self.slots() {
            let is_unused = self.with(slot, |topic| {
                topic.forget_old(now);
                let is_idle = !topic.has_subscribers() && topic.used + LINGER <= now;
                let may_end = topic.link.as_deref().is_some_and(|link| {
                    let is_at_rest = matches!(link.state, LinkState::Live | LinkState::Failed);
                    is_at_rest && link.waiting.is_empty()
                });
                if is_idle && may_end {
                    topic.cool();
                    unlistened.push(topic.name.clone());
                }
                is_idle && topic.is_unused() && topic.ring.is_empty()
            });
            if is_unused == Some(true) {
                self.remove(slot);
            }
        }
        for batch in unlistened.chunks(limit(BATCH, 2)) {
            let topics = batch.to_vec();
            self.request(Request::Unlisten, Command::Unlisten { topics }, now, out);
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
