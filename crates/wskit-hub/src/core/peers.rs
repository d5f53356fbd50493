use std::collections::VecDeque;
use std::sync::Arc;

use wskit_proto::PreparedMessage;

use super::Host;
use crate::entry::{Entry, PREPARED};
use crate::wire::{Encoded, WireId};

/// A peer in its delivery shard.
pub(super) struct Peer<H: Host> {
    pub(super) connection: H::Connection,
    pub(super) subs: Vec<Sub>,
    /// The first subscription with something to send, or [`END`].
    first: u32,
    pub(super) wire: WireId,
    /// It is in the queue of those to write to.
    pub(super) is_marked: bool,
    /// Its connection has no room: nothing is sent until it has.
    pub(super) is_behind: bool,
    /// Its connection is over or closing: nothing is sent any more.
    pub(super) is_gone: bool,
}

/// A subscription of a peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sub {
    /// The topic's place in the shard.
    pub(super) topic: u32,
    /// The place in the topic's list of subscribers, and the flags.
    place: u32,
    /// The index of the next entry to send.
    pub(super) cursor: u64,
    /// The next subscription with something to send, [`END`], or [`CLEAN`] if this one has nothing.
    next: u32,
    /// What goes before the entries, or [`END`].
    pub(super) replay: u32,
}

const END: u32 = u32::MAX;
const CLEAN: u32 = u32::MAX - 1;

/// It is counted among those for which its topic keeps entries.
const LAGGING: u32 = 1 << 31;
/// It waits for a message of its own to be encoded.
const PAUSED: u32 = 1 << 30;
/// It ends when its last message is sent.
const ENDING: u32 = 1 << 29;
/// It gets nothing until the application says so.
const HELD: u32 = 1 << 28;
const PLACE: u32 = HELD - 1;

impl Sub {
    pub(super) fn new(topic: u32, place: u32, cursor: u64) -> Self {
        Self {
            topic,
            place,
            cursor,
            next: CLEAN,
            replay: END,
        }
    }

    pub(super) fn place(&self) -> usize {
        (self.place & PLACE) as usize
    }

    pub(super) fn set_place(&mut self, place: u32) {
        self.place = self.place & !PLACE | place;
    }

    fn flag(&mut self, flag: u32, value: bool) -> bool {
        let old = self.place & flag != 0;
        self.place = self.place & !flag | if value { flag } else { 0 };
        old
    }

    #[inline]
    pub(super) fn is_lagging(&self) -> bool {
        self.place & LAGGING != 0
    }

    /// Returns whether it was lagging.
    pub(super) fn set_lagging(&mut self, is_lagging: bool) -> bool {
        self.flag(LAGGING, is_lagging)
    }

    #[inline]
    pub(super) fn is_paused(&self) -> bool {
        self.place & PAUSED != 0
    }

    /// Whether nothing is to be sent now.
    #[inline]
    pub(super) fn is_stopped(&self) -> bool {
        self.place & (PAUSED | HELD) != 0
    }

    /// Returns whether it was held.
    pub(super) fn set_held(&mut self, is_held: bool) -> bool {
        self.flag(HELD, is_held)
    }

    pub(super) fn set_paused(&mut self, is_paused: bool) {
        self.flag(PAUSED, is_paused);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.place & ENDING != 0
    }

    pub(super) fn set_ending(&mut self) {
        self.flag(ENDING, true);
    }

    #[inline]
    fn link(&mut self, i: u32, first: &mut u32) {
        if self.next == CLEAN {
            self.next = std::mem::replace(first, i);
        }
    }

    #[cfg(test)]
    pub(super) fn is_linked(&self) -> bool {
        self.next != CLEAN
    }

    /// Returns the next subscription of the peer with something to send.
    #[inline]
    pub(super) fn next(&self) -> Option<u32> {
        (self.next != END).then_some(self.next)
    }

    /// Whether it needs nothing but the entries after its cursor.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        self.replay == END && self.place & !PLACE == 0
    }

    #[inline]
    pub(super) fn has_replay(&self) -> bool {
        self.replay != END
    }
}

/// What is to be done because an entry has come.
pub(super) enum Touched {
    /// The peer is to be written to.
    Marked,
    /// The subscription does not get it yet, and lags from now on, with this cursor.
    Lags(u64),
}

impl<H: Host> Peer<H> {
    pub(super) fn new(connection: H::Connection, wire: WireId) -> Self {
        Self {
            connection,
            subs: Vec::new(),
            first: END,
            wire,
            is_marked: false,
            is_behind: false,
            is_gone: false,
        }
    }

    /// Adds a subscription, and returns its place.
    pub(super) fn add(&mut self, sub: Sub) -> u32 {
        push(&mut self.subs, sub);
        self.subs.len() as u32 - 1
    }

    /// Adds a subscription to those with something to send.
    #[inline]
    pub(super) fn link(&mut self, i: u32) {
        if let Some(sub) = self.subs.get_mut(i as usize) {
            sub.link(i, &mut self.first);
        }
    }

    /// An entry has come for a subscription, which has something to send now: after what its connection
    /// has no room for yet, if there is that.
    #[inline]
    pub(super) fn touch(&mut self, i: u32) -> Option<Touched> {
        let sub = self.subs.get_mut(i as usize)?;
        if self.is_behind || sub.is_stopped() {
            return (!sub.set_lagging(true)).then_some(Touched::Lags(sub.cursor));
        }
        sub.link(i, &mut self.first);
        if self.is_marked {
            return None;
        }
        self.is_marked = true;
        Some(Touched::Marked)
    }

    /// Returns the only subscription with something to send, if it needs nothing but entries.
    #[inline]
    pub(super) fn only(&self) -> Option<&Sub> {
        let sub = self.subs.get(self.first as usize)?;
        (sub.next == END && sub.is_plain()).then_some(sub)
    }

    /// Returns the first subscription with something to send.
    #[inline]
    pub(super) fn first(&self) -> Option<u32> {
        (self.first != END).then_some(self.first)
    }

    /// Removes the first subscription with something to send, and returns its place.
    #[inline]
    pub(super) fn unlink_first(&mut self) -> Option<u32> {
        let i = self.first()?;
        let sub = self.subs.get_mut(i as usize)?;
        self.first = std::mem::replace(&mut sub.next, CLEAN);
        Some(i)
    }

    /// Removes a subscription, and returns it. The last one moves to its place.
    pub(super) fn remove(&mut self, i: u32) -> Option<Sub> {
        let mut linked = Vec::new();
        while let Some(j) = self.unlink_first() {
            linked.push(j);
        }
        if self.subs.len() <= i as usize {
            return None;
        }
        let sub = self.subs.swap_remove(i as usize);
        let moved = self.subs.len() as u32;
        for j in linked.into_iter().rev().filter(|j| *j != i) {
            self.link(if j == moved { i } else { j });
        }
        shrink(&mut self.subs);
        Some(sub)
    }
}

/// Adds to a list, of which little is empty: it grows by half.
pub(super) fn push<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact((list.len() / 2).max(1));
    }
    list.push(item);
}

/// Returns how many bytes a list takes.
pub(super) fn bytes<T>(list: &Vec<T>) -> usize {
    list.capacity() * size_of::<T>()
}

/// Gives back what a list that has become short does not need.
pub(super) fn shrink<T>(list: &mut Vec<T>) {
    if list.len() <= list.capacity() / 4 {
        list.shrink_to(list.len() * 2);
    }
}

/// What is sent to one subscriber before the entries that follow.
#[derive(Debug)]
pub(super) enum Replay {
    Own(PreparedMessage),
    Past(Arc<Entry>),
    /// It has missed this many entries.
    Skipped(PreparedMessage, u64),
    /// This many entries of the past, which are not kept for it any more.
    Gone(u64),
}

impl Replay {
    pub(super) fn encoded(&self, wire: WireId) -> Result<Option<&PreparedMessage>, Panicked> {
        match self {
            Self::Own(message) | Self::Skipped(message, _) => Ok(Some(message)),
            Self::Past(entry) => message(entry.encoded(wire, true)),
            Self::Gone(_) => Ok(None),
        }
    }

    /// Returns about how many bytes it takes. Entries are counted elsewhere.
    fn bytes(&self) -> usize {
        let own = match self {
            Self::Own(message) | Self::Skipped(message, _) => PREPARED + message.len(),
            Self::Past(_) | Self::Gone(_) => 0,
        };
        size_of::<Self>() + own
    }
}

/// The application's function panicked: the peer cannot be told what it should be told.
#[derive(Debug)]
pub(super) struct Panicked;

#[inline]
pub(super) fn message(encoded: &Encoded) -> Result<Option<&PreparedMessage>, Panicked> {
    match encoded {
        Encoded::Message(message) => Ok(Some(message)),
        Encoded::Nothing => Ok(None),
        Encoded::Panicked => Err(Panicked),
    }
}

/// The replays of a shard's subscriptions.
#[derive(Debug, Default)]
pub(super) struct Replays {
    queues: Vec<VecDeque<Replay>>,
    free: Vec<u32>,
    bytes: usize,
}

impl Replays {
    pub(super) fn insert(&mut self, queue: VecDeque<Replay>) -> u32 {
        if queue.is_empty() {
            return END;
        }
        self.bytes += queue.iter().map(Replay::bytes).sum::<usize>();
        if let Some(i) = self.free.pop() {
            if let Some(place) = self.queues.get_mut(i as usize) {
                *place = queue;
            }
            return i;
        }
        self.queues.push(queue);
        self.queues.len() as u32 - 1
    }

    /// Adds to what a subscription has to get.
    pub(super) fn add(&mut self, sub: &mut Sub, replay: Replay) {
        match self.queues.get_mut(sub.replay as usize) {
            Some(queue) => {
                self.bytes += replay.bytes();
                queue.push_back(replay);
            }
            None => sub.replay = self.insert([replay].into()),
        }
    }

    /// Forgets the past that a subscription was to get, and what it was to be told of that it has missed.
    /// Returns how many entries the first are, and how many those that it has missed.
    pub(super) fn skip(&mut self, sub: &mut Sub) -> (u64, u64) {
        let (mut past, mut missed) = (0, 0);
        let Some(queue) = self.queues.get_mut(sub.replay as usize) else {
            return (past, missed);
        };
        self.bytes -= queue.iter().map(Replay::bytes).sum::<usize>();
        queue.retain(|replay| match replay {
            Replay::Own(_) => true,
            Replay::Past(_) => {
                past += 1;
                false
            }
            Replay::Gone(count) => {
                past += count;
                false
            }
            Replay::Skipped(_, count) => {
                missed += count;
                false
            }
        });
        self.bytes += queue.iter().map(Replay::bytes).sum::<usize>();
        if queue.is_empty() {
            self.remove(sub);
        }
        (past, missed)
    }

    /// Lets go of the past that a subscription is to get, but for how much it was: it will not get it any more.
    pub(super) fn let_go(&mut self, sub: &Sub) {
        let Some(queue) = self.queues.get_mut(sub.replay as usize) else {
            return;
        };
        let before = queue.len();
        queue.retain(|replay| !matches!(replay, Replay::Past(_)));
        let gone = before - queue.len();
        if gone > 0 {
            self.bytes -= gone * size_of::<Replay>();
            queue.push_back(Replay::Gone(gone as u64));
            queue.shrink_to_fit();
            self.bytes += size_of::<Replay>();
        }
    }

    pub(super) fn get(&self, i: u32) -> impl Iterator<Item = &Replay> {
        self.queues.get(i as usize).into_iter().flatten()
    }

    pub(super) fn front(&self, i: u32) -> Option<&Replay> {
        self.queues.get(i as usize)?.front()
    }

    pub(super) fn pop(&mut self, i: u32) {
        if let Some(queue) = self.queues.get_mut(i as usize) {
            self.bytes -= queue.pop_front().map_or(0, |replay| replay.bytes());
        }
    }

    pub(super) fn remove(&mut self, sub: &mut Sub) {
        let i = std::mem::replace(&mut sub.replay, END);
        if let Some(queue) = self.queues.get_mut(i as usize) {
            self.bytes -= queue.iter().map(Replay::bytes).sum::<usize>();
            *queue = VecDeque::new();
            self.free.push(i);
        }
    }

    #[cfg(test)]
    pub(super) fn items(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    pub(super) fn bytes(&self) -> usize {
        self.queues.capacity() * size_of::<VecDeque<Replay>>() + self.bytes
    }
}
