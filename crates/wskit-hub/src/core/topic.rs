use std::sync::Arc;
use std::time::Instant;

use super::bucket::Bucket;
use super::guard::{Guard, holds};
use super::link::{Arrived, Link, LinkState};
use super::presence::{Change, Presence};
use super::ring::Ring;
use super::{Host, Input, Outputs, ShardId, Start, Subscribe, TopicId};
use crate::engine::Page;
use crate::entry::{Content, Entry};
use crate::position::{Epoch, Position, Since, Subscribed};
use crate::publication::{Publication, Published};
use crate::rules::{Kind, Rules};
use crate::wire::Encoded;

/// A topic on this hub.
pub(super) struct Topic<H: Host> {
    pub(super) id: TopicId,
    pub(super) name: Arc<str>,
    pub(super) rules: Rules,
    pub(super) epoch: Epoch,
    /// The offset of the newest message.
    pub(super) top: u64,
    /// The index of the next entry.
    next: u64,
    pub(super) ring: Ring,
    /// How many subscribers each delivery shard has.
    shards: Vec<(ShardId, u32)>,
    /// What is known of the topic at the engine, if there is one.
    pub(super) link: Option<Box<Link<H>>>,
    pub(super) presence: Option<Box<Presence>>,
    pub(super) rate: Bucket,
    pub(super) used: Instant,
}

impl<H: Host> Topic<H> {
    pub(super) fn new(
        id: TopicId,
        name: Arc<str>,
        rules: Rules,
        epoch: Epoch,
        link: Option<Box<Link<H>>>,
        now: Instant,
    ) -> Self {
        Self {
            id,
            name,
            rules,
            epoch,
            top: 0,
            next: 0,
            ring: Ring::default(),
            shards: Vec::new(),
            link,
            presence: None,
            rate: Bucket::default(),
            used: now,
        }
    }

    pub(super) fn position(&self) -> Position {
        Position {
            epoch: self.epoch,
            offset: self.top,
        }
    }

    /// Hands an entry to all shards that have subscribers.
    fn deliver(&mut self, content: Content, now: Instant, out: &mut impl Outputs<H>) -> Arc<Entry> {
        let entry = Entry::new(self.next, content, now);
        self.next += 1;
        for (shard, _) in &self.shards {
            let (topic, entry) = (self.id, entry.clone());
            out.deliver(*shard, Input::Entry { topic, entry });
        }
        entry
    }

    /// Adds the next message to the history, and hands it to the subscribers.
    pub(super) fn append(
        &mut self,
        position: Position,
        publication: Publication,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        let topic = self.name.clone();
        let message = Published {
            topic,
            position,
            publication,
        };
        let entry = self.deliver(Content::Message(message), now, out);
        self.epoch = position.epoch;
        self.top = position.offset;
        match self.rules.get_history() {
            Some(history) => self.ring.push(entry, history.last),
            None => self.ring.reset(position.offset),
        }
        self.used = now;
    }

    /// Goes on after a position, with an empty history: what was between is lost.
    pub(super) fn skip_to(&mut self, position: Position, now: Instant, out: &mut impl Outputs<H>) {
        self.epoch = position.epoch;
        self.top = position.offset;
        self.ring.reset(position.offset);
        if !self.shards.is_empty() {
            self.deliver(Content::Gap(self.name.clone(), position), now, out);
        }
    }

    /// Takes in a message of the engine, at once or when the history is read. Returns whether something is
    /// missing before it.
    pub(super) fn arrived(
        &mut self,
        arrived: Arrived,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) -> bool {
        let own = self.position();
        let Some(link) = self.link.as_deref_mut() else {
            return false;
        };
        match link.state {
            LinkState::Live => {}
            LinkState::Cold => return false,
            _ => {
                link.keep(arrived);
                return false;
            }
        }
        let position = match arrived.before {
            Some(_) => arrived.position,
            // It has no place in a history: published by a hub to whose rules the topic is live, or past the engine.
            None if self.rules.get_history().is_some() => return false,
            // The engine keeps no order: this hub does.
            None => Position {
                epoch: own.epoch,
                offset: own.offset + 1,
            },
        };
        let is_of_epoch = holds(Guard::Epoch, position.epoch == own.epoch);
        if is_of_epoch && !holds(Guard::Duplicate, position.offset > own.offset) {
            return false;
        }
        let is_next = arrived.before.is_none_or(|before| before == own.offset);
        if is_of_epoch && holds(Guard::Chain, is_next) {
            self.append(position, arrived.publication, now, out);
            return false;
        }
        link.keep(arrived);
        true
    }

    /// Takes in what was read of the history.
    pub(super) fn take_page(&mut self, page: Page, now: Instant, out: &mut impl Outputs<H>) {
        // If the newest is not among them, none of them can be told to be all.
        let end = page
            .messages
            .last()
            .map_or(page.after, |(offset, _)| *offset);
        let after = if end < page.top { page.top } else { page.after };
        // Without subscribers the history is taken as it is.
        let is_complete = page.epoch == self.epoch && after <= self.top && self.has_subscribers();
        if !is_complete {
            let (epoch, offset) = (page.epoch, after);
            self.skip_to(Position { epoch, offset }, now, out);
        }
        for (offset, publication) in page.messages {
            if offset > self.top {
                let epoch = page.epoch;
                self.append(Position { epoch, offset }, publication, now, out);
            }
        }
    }

    /// Nothing is heard of the topic any more: what is known of it grows old.
    pub(super) fn cool(&mut self) {
        self.ring.reset(self.top);
        if let Some(link) = self.link.as_deref_mut() {
            link.cool();
        }
        if let Some(presence) = self.presence.as_deref_mut() {
            presence.forget_others();
        }
    }

    /// Tells the subscribers who has come or left.
    pub(super) fn tell(&mut self, change: Change, now: Instant, out: &mut impl Outputs<H>) {
        let topic = self.name.clone();
        let content = match change {
            Change::Joined(member) => Content::Joined(topic, member),
            Change::Left(member) => Content::Left(topic, member),
        };
        self.deliver(content, now, out);
    }

    /// Forgets messages that are too old.
    pub(super) fn forget_old(&mut self, now: Instant) {
        let within = self.rules.get_history().and_then(|history| history.within);
        if let Some(time) = within.and_then(|within| now.checked_sub(within)) {
            self.ring.forget_before(time);
        }
    }

    /// Returns what a subscription begins with, and the messages that come first.
    pub(super) fn recover(&self, since: Since) -> (Subscribed, Vec<Arc<Entry>>) {
        let position = self.position();
        let (subscribed, past) = match since {
            Since::Now => {
                let replayed = 0;
                return (Subscribed::Fresh { replayed, position }, Vec::new());
            }
            Since::Start => {
                let past: Vec<_> = self.ring.iter().cloned().collect();
                let replayed = past.len();
                return (Subscribed::Fresh { replayed, position }, past);
            }
            Since::After(after) => (Subscribed::Gap { position }, after),
        };
        let is_of_now = past.epoch == self.epoch && past.offset <= self.top;
        let is_of_now = holds(Guard::Since, is_of_now);
        // Of these topics only the newest message matters.
        if is_of_now && matches!(self.rules.kind, Kind::Latest) {
            let newest = self
                .ring
                .iter()
                .filter(|entry| entry.offset() > past.offset);
            let newest: Vec<_> = newest.cloned().collect();
            if past.offset == self.top || !newest.is_empty() {
                let missed = newest.len();
                return (Subscribed::All { missed, position }, newest);
            }
        }
        match self.ring.after(past.offset).filter(|_| is_of_now) {
            Some(entries) => {
                let entries: Vec<_> = entries.cloned().collect();
                let missed = entries.len();
                (Subscribed::All { missed, position }, entries)
            }
            None => (subscribed, Vec::new()),
        }
    }

    /// Lets a subscriber in: all up to now is in what it begins with, all that follows comes after it.
    pub(super) fn admit(
        &mut self,
        subscribe: Subscribe<H>,
        most_members: usize,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        self.forget_old(now);
        let (subscribed, past) = self.recover(subscribe.since);
        let presence = self.presence.as_ref();
        let present = (self.rules.presence && !subscribe.is_held)
            .then(|| presence.map(|presence| presence.present(most_members)));
        let shard = subscribe.shard;
        match self.shards.iter_mut().find(|(other, _)| *other == shard) {
            Some((_, count)) => *count += 1,
            None => self.shards.push((shard, 1)),
        }
        self.used = now;
        let start = Start {
            slot: subscribe.slot,
            wire: subscribe.wire,
            topic: self.id,
            name: self.name.clone(),
            slow: self.rules.slow,
            window: self.rules.window(),
            is_alone: self
                .rules
                .get_history()
                .is_none_or(|history| history.last < self.rules.window()),
            subscribed,
            is_held: subscribe.is_held,
            past,
            present: present.map(Option::unwrap_or_default),
            next: self.next,
            call: subscribe.call,
            hello: Encoded::Nothing,
            members: Encoded::Nothing,
        };
        out.deliver(shard, Input::Start(Box::new(start)));
    }

    /// A subscription has ended.
    pub(super) fn release(&mut self, shard: ShardId, now: Instant) {
        if let Some(i) = self.shards.iter().position(|(other, _)| *other == shard) {
            if let Some((_, count)) = self.shards.get_mut(i) {
                *count -= 1;
                if *count == 0 {
                    self.shards.swap_remove(i);
                }
            }
        }
        self.used = now;
    }

    pub(super) fn subscribers(&self) -> u64 {
        self.shards.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    pub(super) fn has_subscribers(&self) -> bool {
        !self.shards.is_empty()
    }

    /// Returns a page of the history, oldest first, and the position of the newest message.
    ///
    /// After a position that is gone it begins with the oldest message that is left.
    pub(super) fn page(&self, since: Since, limit: usize) -> (Vec<Published>, Position) {
        let after = match since {
            Since::Now => self.top,
            Since::After(past) if past.epoch == self.epoch => past.offset,
            Since::Start | Since::After(_) => 0,
        };
        let messages = self.ring.iter().filter(|entry| entry.offset() > after);
        let messages = messages.filter_map(|entry| entry.message().cloned());
        (messages.take(limit).collect(), self.position())
    }

    /// Returns the position of a message of this name, if the history has one.
    pub(super) fn find(&self, id: &str) -> Option<Position> {
        let mut newest_first = self.ring.iter().rev().filter_map(|entry| entry.message());
        newest_first
            .find(|message| message.publication().get_id() == Some(id))
            .map(|message| message.position)
    }

    /// Returns how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + 2 * self.name.len()
            + 96
            + self.ring.bytes()
            + self.shards.capacity() * size_of::<(ShardId, u32)>()
            + self
                .presence
                .as_ref()
                .map_or(0, |presence| presence.bytes())
            + self.link.as_ref().map_or(0, |link| link.bytes())
    }

    /// Whether it can be forgotten: it has nothing that its rules would have it keep.
    pub(super) fn is_unused(&self) -> bool {
        self.shards.is_empty()
            && self
                .presence
                .as_ref()
                .is_none_or(|presence| presence.is_empty())
            && self.link.as_ref().is_none_or(|link| link.is_cold())
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
