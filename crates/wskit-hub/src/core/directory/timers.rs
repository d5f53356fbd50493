use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::Instant;

use super::{BATCH, CHECK, Directory, LINGER, Request, SWEEP};
use crate::core::link::{Link, LinkState};
use crate::core::{Host, Outputs};
use crate::engine::Command;

/// What is done when its time has come.
impl<H: Host> Directory<H> {
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
