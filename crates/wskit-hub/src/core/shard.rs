mod deliver;
mod slow;
#[cfg(all(test, not(loom)))]
mod tests;
mod topics;
mod turn;

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use wskit_proto::CloseCode;

use self::topics::{Local, Multiply};
pub(crate) use self::turn::Turn;
use self::turn::Wanted;
use super::guard::{Guard, holds, limit};
use super::peers::{Panicked, Peer, Replay, Replays, Sub, Touched, bytes, push, shrink};
use super::window::Window;
use super::{Answer, Connection, Gone, Host, Input, Notice, Slot, Start, TopicId};
use crate::entry::Entry;
use crate::error::Error;
use crate::position::Subscribed;
use crate::stats::Stats;
use crate::wire::{Encoded, WireId};

/// Some of the connections of a hub, and what they are subscribed to.
///
/// A turn takes in what has happened, then writes once to each connection that has something to get: all
/// that lies between the cursors of its subscriptions and the ends of their topics. A connection without
/// room is left alone until it has some. What it misses meanwhile is kept once for its topic, up to the
/// limit of its rules.
pub(crate) struct Shard<H: Host> {
    peers: Vec<Option<Peer<H>>>,
    topics: Vec<Option<Local>>,
    free: Vec<u32>,
    places: HashMap<TopicId, u32, BuildHasherDefault<Multiply>>,
    replays: Replays,
    /// The peers to write to.
    marked: VecDeque<u32>,
    /// The topics whose windows may have become too long since the last look.
    active: Vec<u32>,
    /// How many entries the windows have together.
    entries: usize,
    /// How many of them came since all marked peers were last written to.
    fresh: usize,
    /// The bytes of the lists of subscriptions and subscribers.
    lists: usize,
    stats: Stats,
}

/// Entries that are taken in before all peers are written to.
const FULL: usize = 4096;

impl<H: Host> Shard<H> {
    pub(crate) fn new() -> Self {
        Self {
            peers: Vec::new(),
            topics: Vec::new(),
            free: Vec::new(),
            places: HashMap::default(),
            replays: Replays::default(),
            marked: VecDeque::new(),
            active: Vec::new(),
            entries: 0,
            fresh: 0,
            lists: 0,
            stats: Stats::default(),
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats
    }

    /// Returns about how many bytes it takes, the connections apart.
    pub(crate) fn bytes(&self) -> usize {
        bytes(&self.peers)
            + bytes(&self.topics)
            + self.places.capacity() * 9
            + self.marked.capacity() * 4
            + self.entries * size_of::<Arc<Entry>>()
            + self.replays.bytes()
            + self.lists
    }

    /// Whether peers have to be written to before more is taken in.
    pub(crate) fn is_full(&self) -> bool {
        self.fresh >= limit(FULL, 6) && !self.marked.is_empty()
    }

    /// Returns the wires of a topic's subscribers, a bit for each, and whether the topic's entries are kept
    /// here alone.
    pub(crate) fn wires(&self, topic: TopicId) -> (u8, bool) {
        let place = self.places.get(&topic).map(|place| *place as usize);
        let local = place.and_then(|place| self.topics.get(place)?.as_ref());
        local.map_or((0, false), |local| (local.wires, local.is_alone))
    }

    /// Takes in what has happened.
    pub(crate) fn handle(&mut self, input: Input<H>, turn: &mut Turn<H>) {
        match input {
            Input::Attach {
                slot,
                wire,
                connection,
            } => self.attach(slot, wire, connection),
            Input::Entry { topic, entry } => self.entry(topic, entry),
            Input::Start(start) => self.start(*start, turn),
            Input::Stop {
                slot,
                topic,
                is_revoked,
            } => {
                if let Some(i) = self.find(slot, topic) {
                    if is_revoked {
                        self.want_revoked(slot, topic, turn);
                    }
                    self.remove(slot.0, i, turn);
                }
            }
            Input::Notice {
                slot,
                topic,
                notice,
                message,
            } => self.notice(slot, topic, notice, message, turn),
            Input::Release { slot, topic } => self.release(slot, topic),
            Input::Room { slot } => self.room(slot, turn),
            Input::Close { slot, code, reason } => {
                if self.peer(slot.0).is_some_and(|peer| !peer.is_gone) {
                    self.end(slot.0, Some((code, reason)), turn);
                }
            }
            Input::Detach { slot } => {
                self.end(slot.0, None, turn);
                if let Some(peer) = self.peers.get_mut(slot.0 as usize).and_then(Option::take) {
                    self.stats.peers -= 1;
                    turn.detached.push((slot, peer.connection));
                }
                if self.stats.peers == 0 {
                    // Nothing is left of what there was room for.
                    let stats = std::mem::replace(self, Self::new()).stats;
                    self.stats = stats;
                }
            }
        }
    }

    fn peer(&mut self, slot: u32) -> Option<&mut Peer<H>> {
        self.peers.get_mut(slot as usize)?.as_mut()
    }

    fn local(&mut self, place: u32) -> Option<&mut Local> {
        self.topics.get_mut(place as usize)?.as_mut()
    }

    fn attach(&mut self, slot: Slot, wire: WireId, connection: H::Connection) {
        let i = slot.0 as usize;
        if self.peers.len() <= i {
            self.peers.resize_with(i + 1, || None);
        }
        if let Some(place) = self.peers.get_mut(i) {
            debug_assert!(place.is_none(), "a slot that is free");
            *place = Some(Peer::new(connection, wire));
            self.stats.peers += 1;
        }
    }

    /// Something has happened in a topic: marks those that are to get it.
    fn entry(&mut self, topic: TopicId, entry: Arc<Entry>) {
        // All subscribers may have gone.
        let Some(place) = self.places.get(&topic).copied() else {
            return;
        };
        let Self {
            peers,
            topics,
            marked,
            active,
            entries,
            fresh,
            ..
        } = self;
        let Some(local) = topics.get_mut(place as usize).and_then(Option::as_mut) else {
            return;
        };
        local.window.push(entry);
        *entries += 1;
        *fresh += 1;
        if !local.is_active {
            local.is_active = true;
            active.push(place);
        }
        if local.is_spread.replace(true) {
            return;
        }
        for n in 0..local.subscribers.len() {
            let Some(&(slot, i)) = local.subscribers.get(n) else {
                return;
            };
            let peer = peers.get_mut(slot as usize).and_then(Option::as_mut);
            match peer.and_then(|peer| peer.touch(i)) {
                Some(Touched::Marked) => marked.push_back(slot),
                Some(Touched::Lags(cursor)) => local.lag(cursor),
                None => {}
            }
        }
    }

    fn find(&mut self, slot: Slot, topic: TopicId) -> Option<u32> {
        let place = *self.places.get(&topic)?;
        let peer = self.peers.get(slot.0 as usize)?.as_ref()?;
        let local = self.topics.get(place as usize)?.as_ref()?;
        // The shorter list of the two, so that a peer of very many topics costs no more than others.
        if local.subscribers.len() < peer.subs.len() {
            let mut subscribers = local.subscribers.iter();
            return subscribers
                .find(|(other, _)| *other == slot.0)
                .map(|(_, i)| *i);
        }
        let i = peer.subs.iter().position(|sub| sub.topic == place)?;
        Some(i as u32)
    }

    /// A peer is subscribed.
    fn start(&mut self, start: Start<H>, turn: &mut Turn<H>) {
        let (slot, topic) = (start.slot, start.topic);
        let error = if self.peer(slot.0).is_none_or(|peer| peer.is_gone) {
            Some(Error::Closed)
        } else if self.find(slot, topic).is_some() {
            Some(Error::AlreadySubscribed)
        } else {
            None
        };
        if let Some(error) = error {
            turn.answers
                .push((start.call, Answer::Subscribed(Err(error))));
            turn.released.push((None, topic));
            return;
        }
        let (answer, past) = if start.is_held {
            (Answer::Held(start.subscribed, start.past), Vec::new())
        } else {
            (Answer::Subscribed(Ok(start.subscribed)), start.past)
        };
        turn.answers.push((start.call, answer));
        self.stats.subscribed += 1;
        match start.subscribed {
            Subscribed::All { .. } => self.stats.recovered += 1,
            Subscribed::Gap { .. } => self.stats.gaps += 1,
            Subscribed::Fresh { .. } => {}
        }
        let own = [start.hello, start.members].map(|encoded| match encoded {
            Encoded::Message(message) => Ok(Some(Replay::Own(message))),
            Encoded::Nothing => Ok(None),
            Encoded::Panicked => Err(Panicked),
        });
        let [Ok(hello), Ok(members)] = own else {
            let connection = self.peer(slot.0).map(|peer| peer.connection.clone());
            turn.released.push((connection, topic));
            self.stats.panicked += 1;
            self.end(slot.0, Some(PANICKED), turn);
            return;
        };
        let past = past.into_iter().map(Replay::Past);
        let replay = self
            .replays
            .insert(hello.into_iter().chain(past).chain(members).collect());
        let place = match self.places.get(&topic) {
            Some(place) => *place,
            None => {
                let local = Local {
                    id: topic,
                    name: start.name,
                    slow: start.slow,
                    keep: start.window,
                    is_alone: start.is_alone,
                    window: Window::new(start.next),
                    wires: 0,
                    subscribers: Vec::new(),
                    lagging: 0,
                    oldest: 0,
                    is_active: false,
                    is_spread: Cell::new(false),
                };
                let place = self.free.pop().unwrap_or_else(|| {
                    self.topics.push(None);
                    self.topics.len() as u32 - 1
                });
                if let Some(free) = self.topics.get_mut(place as usize) {
                    *free = Some(local);
                }
                self.places.insert(topic, place);
                place
            }
        };
        let Self { peers, topics, .. } = self;
        let local = topics.get_mut(place as usize).and_then(Option::as_mut);
        let peer = peers.get_mut(slot.0 as usize).and_then(Option::as_mut);
        let (Some(local), Some(peer)) = (local, peer) else {
            return;
        };
        debug_assert_eq!(local.window.end(), start.next, "inputs come in order");
        local.is_spread.set(false);
        local.wires |= 1 << peer.wire.0;
        let mut sub = Sub::new(place, local.subscribers.len() as u32, start.next);
        sub.replay = replay;
        sub.set_held(start.is_held);
        let before = bytes(&local.subscribers) + bytes(&peer.subs);
        let i = peer.add(sub);
        push(&mut local.subscribers, (slot.0, i));
        self.lists += bytes(&local.subscribers) + bytes(&peer.subs) - before;
        self.stats.subscriptions += 1;
        if sub.has_replay() {
            self.mark(slot.0, i);
        }
    }

    /// Has a subscription sent what it has, unless its peer is behind.
    fn mark(&mut self, slot: u32, i: u32) {
        let Self { peers, marked, .. } = self;
        let Some(peer) = peers.get_mut(slot as usize).and_then(Option::as_mut) else {
            return;
        };
        if peer.is_behind || peer.subs.get(i as usize).is_some_and(Sub::is_stopped) {
            return;
        }
        peer.link(i);
        if !peer.is_marked {
            peer.is_marked = true;
            marked.push_back(slot);
        }
    }

    /// Ends a subscription.
    fn remove(&mut self, slot: u32, i: u32, turn: &mut Turn<H>) {
        let Some(peer) = self.peer(slot) else {
            return;
        };
        let before = bytes(&peer.subs);
        let Some(mut sub) = peer.remove(i) else {
            return;
        };
        let given_back = before - bytes(&peer.subs);
        self.lists -= given_back;
        self.replays.remove(&mut sub);
        self.stats.subscriptions -= 1;
        // The peer's last subscription has moved to this place.
        let moved = self
            .peer(slot)
            .and_then(|peer| peer.subs.get(i as usize).copied());
        if let Some(moved) = moved {
            if let Some(local) = self.local(moved.topic) {
                if let Some(subscriber) = local.subscribers.get_mut(moved.place()) {
                    subscriber.1 = i;
                }
            }
        }
        let Some(local) = self.local(sub.topic) else {
            return;
        };
        let id = local.id;
        let is_due = sub.is_lagging() && local.unlag();
        local.subscribers.swap_remove(sub.place());
        let before = bytes(&local.subscribers);
        shrink(&mut local.subscribers);
        let given_back = before - bytes(&local.subscribers);
        let moved = local.subscribers.get(sub.place()).copied();
        let is_empty = local.subscribers.is_empty();
        self.lists -= given_back;
        self.active.extend(is_due.then_some(sub.topic));
        if let Some((slot, j)) = moved {
            if let Some(moved) = self
                .peer(slot)
                .and_then(|peer| peer.subs.get_mut(j as usize))
            {
                moved.set_place(sub.place() as u32);
            }
        }
        let connection = self.peer(slot).map(|peer| peer.connection.clone());
        turn.released.push((connection, id));
        if is_empty {
            self.forget(sub.topic);
        }
    }

    /// Removes a topic without subscribers.
    fn forget(&mut self, place: u32) {
        if let Some(local) = self.topics.get_mut(place as usize).and_then(Option::take) {
            self.entries -= local.window.len();
            self.lists -= bytes(&local.subscribers);
            self.places.remove(&local.id);
            if local.is_active {
                self.active.retain(|other| *other != place);
            }
            self.free.push(place);
        }
    }

    /// Ends all subscriptions of a peer, and closes its connection, if there is a reason.
    fn end(&mut self, slot: u32, close: Option<(CloseCode, &'static str)>, turn: &mut Turn<H>) {
        let Some(peer) = self.peer(slot) else {
            return;
        };
        if let Some((code, reason)) = close {
            peer.connection.close(code, reason);
        }
        let was_behind = std::mem::take(&mut peer.is_behind);
        let news = (!std::mem::replace(&mut peer.is_gone, true)).then(|| peer.connection.clone());
        self.stats.behind -= u64::from(was_behind);
        while let Some(last) = self
            .peer(slot)
            .and_then(|peer| peer.subs.len().checked_sub(1))
        {
            self.remove(slot, last as u32, turn);
        }
        turn.gone.extend(news);
    }

    /// A message of a subscriber's own is encoded.
    fn notice(
        &mut self,
        slot: Slot,
        topic: TopicId,
        notice: Notice,
        encoded: Encoded,
        turn: &mut Turn<H>,
    ) {
        if notice == Notice::Revoked {
            return self.revoked(slot, topic, encoded, turn);
        }
        let Some(i) = self.find(slot, topic) else {
            return;
        };
        let sub = self.peer(slot.0).and_then(|peer| peer.subs.get(i as usize));
        if !holds(Guard::Notice, sub.is_some_and(Sub::is_paused)) {
            // It was for a subscription that has ended since.
            return;
        }
        let message = match (encoded, notice) {
            (Encoded::Message(message), _) => Some(message),
            (Encoded::Nothing, Notice::Skipped(_)) => None,
            (Encoded::Nothing, _) => {
                self.stats.disconnected += 1;
                return self.end(slot.0, Some(TOO_SLOW), turn);
            }
            (Encoded::Panicked, _) => {
                self.stats.panicked += 1;
                return self.end(slot.0, Some(PANICKED), turn);
            }
        };
        let Self { peers, replays, .. } = self;
        let peer = peers.get_mut(slot.0 as usize).and_then(Option::as_mut);
        if let Some(sub) = peer.and_then(|peer| peer.subs.get_mut(i as usize)) {
            sub.set_paused(false);
            if let Some(message) = message {
                let replay = match notice {
                    Notice::Skipped(count) => Replay::Skipped(message, count),
                    _ => Replay::Own(message),
                };
                replays.add(sub, replay);
            }
            if notice == Notice::Unsubscribed {
                sub.set_ending();
            }
        }
        self.mark(slot.0, i);
    }

    /// The connection may have room again, or is over.
    fn room(&mut self, slot: Slot, turn: &mut Turn<H>) {
        let Some(peer) = self.peer(slot.0) else {
            return;
        };
        if peer.is_gone {
            return;
        }
        if peer.connection.write(&[]) == Err(Gone) {
            return self.end(slot.0, None, turn);
        }
        if std::mem::take(&mut peer.is_behind) {
            self.stats.behind -= 1;
            let subs = self.peer(slot.0).map_or(0, |peer| peer.subs.len() as u32);
            for i in 0..subs {
                let sub = self
                    .peer(slot.0)
                    .and_then(|peer| peer.subs.get(i as usize).copied());
                if sub.is_some_and(|sub| sub.is_lagging() || sub.has_replay()) {
                    self.mark(slot.0, i);
                }
            }
        }
    }
}

const TOO_SLOW: (CloseCode, &str) = (CloseCode::TRY_AGAIN_LATER, "too slow");
const PANICKED: (CloseCode, &str) = (CloseCode::INTERNAL_ERROR, "internal error");
