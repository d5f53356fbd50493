use wskit_proto::PreparedMessage;

use super::topics::Local;
use super::{PANICKED, Shard, Turn};
use crate::core::guard::limit;
use crate::core::peers::{Panicked, Peer, message};
use crate::core::{Connection, Gone, Host};

/// Messages that are handed to a connection at once.
const BATCH: usize = 512;

/// What was tried with a peer.
enum Attempt {
    /// Nothing yet: it needs more than entries.
    Again,
    /// A write, and how many of its messages were taken.
    Taken(Result<usize, Gone>),
}

impl<H: Host> Shard<H> {
    /// Writes to at most `most` of the marked peers. Returns whether others are left.
    pub(crate) fn deliver(&mut self, most: usize, turn: &mut Turn<H>) -> bool {
        let mut slow = Vec::new();
        self.write_marked(most, &mut slow);
        for (slot, outcome) in slow {
            self.write_slowly(slot, outcome, turn);
        }
        if self.marked.is_empty() {
            self.trim(turn);
        }
        !self.marked.is_empty()
    }

    /// Writes to peers that need nothing but entries. The others are left to
    /// [`write_slowly`](Shard::write_slowly).
    fn write_marked(&mut self, most: usize, slow: &mut Vec<(u32, Attempt)>) {
        let Self {
            peers,
            topics,
            marked,
            stats,
            ..
        } = self;
        let topics = topics.as_slice();
        let mut messages: Vec<&PreparedMessage> = Vec::new();
        // What was collected, if it was for one subscription: the next peer may have the same to get.
        let mut collected = None;
        for _ in 0..most {
            let Some(slot) = marked.pop_front() else {
                return;
            };
            let Some(peer) = peers.get_mut(slot as usize).and_then(Option::as_mut) else {
                continue;
            };
            peer.is_marked = false;
            let only = peer.only().map(|sub| (sub.topic, sub.cursor, peer.wire));
            if only.is_none() || only != collected {
                collected = only;
                messages.clear();
                if !gather(peer, topics, &mut messages) {
                    collected = None;
                    slow.push((slot, Attempt::Again));
                    continue;
                }
            }
            let taken = if messages.is_empty() {
                Ok(0)
            } else {
                stats.writes += 1;
                peer.connection.write(&messages)
            };
            if taken != Ok(messages.len()) {
                slow.push((slot, Attempt::Taken(taken)));
                continue;
            }
            stats.delivered += messages.len() as u64;
            while let Some(sub) = peer
                .unlink_first()
                .and_then(|i| peer.subs.get_mut(i as usize))
            {
                if let Some(local) = topics.get(sub.topic as usize).and_then(Option::as_ref) {
                    local.is_spread.set(false);
                    sub.cursor = local.window.end();
                }
            }
        }
    }

    /// Goes on with a peer that was not written to, or took not all.
    fn write_slowly(&mut self, slot: u32, attempt: Attempt, turn: &mut Turn<H>) {
        let taken = match attempt {
            Attempt::Taken(taken) => taken,
            Attempt::Again => {
                if !self.overtaken(slot, turn) {
                    return;
                }
                self.write_all(slot)
            }
        };
        match taken {
            Ok(taken) => {
                self.stats.delivered += taken as u64;
                self.advance(slot, taken, turn);
            }
            Err(Gone) => self.end(slot, None, turn),
        }
    }
    /// Writes what a peer has to get, replays first.
    fn write_all(&mut self, slot: u32) -> Result<usize, Gone> {
        let Self {
            peers,
            topics,
            replays,
            stats,
            ..
        } = self;
        let Some(peer) = peers.get(slot as usize).and_then(Option::as_ref) else {
            return Ok(0);
        };
        let mut messages: Vec<&PreparedMessage> = Vec::new();
        let mut next = peer.first();
        while let Some(sub) = next.and_then(|i| peer.subs.get(i as usize)) {
            next = sub.next();
            let local = topics.get(sub.topic as usize).and_then(Option::as_ref);
            let entries = local
                .filter(|_| !sub.is_ending())
                .map(|local| local.window.from(sub.cursor));
            let entries = entries.into_iter().flatten();
            let wire = peer.wire;
            let all = replays
                .get(sub.replay)
                .map(|replay| replay.encoded(wire))
                .chain(entries.map(|entry| message(entry.encoded(wire, false))));
            for encoded in all {
                match encoded {
                    Ok(message) => messages.extend(message),
                    Err(Panicked) => break,
                }
                if messages.len() >= limit(BATCH, 3) {
                    next = None;
                    break;
                }
            }
        }
        if messages.is_empty() {
            return Ok(0);
        }
        stats.writes += 1;
        peer.connection.write(&messages)
    }

    /// Moves the cursors of a peer past the messages that its connection has taken.
    fn advance(&mut self, slot: u32, mut taken: usize, turn: &mut Turn<H>) {
        let Self {
            peers,
            topics,
            replays,
            active,
            ..
        } = self;
        let Some(peer) = peers.get_mut(slot as usize).and_then(Option::as_mut) else {
            return;
        };
        let wire = peer.wire;
        // How many of a batch could be taken: if all were, the connection may have room for more.
        let is_whole_batch = taken == limit(BATCH, 3);
        let mut left = Vec::new();
        let mut ended = Vec::new();
        let mut is_panicked = false;
        while let Some(i) = peer.unlink_first() {
            let Some(sub) = peer.subs.get_mut(i as usize) else {
                continue;
            };
            let Some(local) = topics.get_mut(sub.topic as usize).and_then(Option::as_mut) else {
                continue;
            };
            // Takes a message, or notes that it is still to be sent.
            let mut passes = |encoded: Result<Option<&PreparedMessage>, Panicked>| match encoded {
                Ok(None) => true,
                Ok(Some(_)) => match taken.checked_sub(1) {
                    Some(rest) => {
                        taken = rest;
                        true
                    }
                    None => false,
                },
                Err(Panicked) => {
                    is_panicked = true;
                    false
                }
            };
            while replays
                .front(sub.replay)
                .is_some_and(|replay| passes(replay.encoded(wire)))
            {
                replays.pop(sub.replay);
            }
            if replays.front(sub.replay).is_some() {
                left.push(i);
            } else {
                replays.remove(sub);
                if sub.is_ending() {
                    ended.push(i);
                    continue;
                }
                for entry in local.window.from(sub.cursor) {
                    if !passes(message(entry.encoded(wire, false))) {
                        break;
                    }
                    sub.cursor += 1;
                }
                if sub.cursor < local.window.end() {
                    left.push(i);
                }
            }
            local.is_spread.set(false);
            let is_lagging = sub.cursor < local.window.end();
            let was_lagging = sub.set_lagging(is_lagging);
            match (was_lagging, is_lagging) {
                (false, true) => local.lag(sub.cursor),
                (true, false) if local.unlag() => active.push(sub.topic),
                _ => {}
            }
        }
        if is_panicked {
            self.stats.panicked += 1;
            return self.end(slot, Some(PANICKED), turn);
        }
        if !left.is_empty() {
            if is_whole_batch {
                for i in left {
                    self.mark(slot, i);
                }
            } else {
                peer.is_behind = true;
                self.stats.behind += 1;
                peer.connection.wait_for_room();
            }
        }
        // From the last on, so that the others stay where they are.
        ended.sort_unstable();
        for i in ended.into_iter().rev() {
            self.remove(slot, i, turn);
        }
    }
}

/// Collects what a peer has to get. Returns false if that is more than entries, or more than a batch.
#[inline]
fn gather<'a, H: Host>(
    peer: &Peer<H>,
    topics: &'a [Option<Local>],
    messages: &mut Vec<&'a PreparedMessage>,
) -> bool {
    let mut next = peer.first();
    while let Some(sub) = next.and_then(|i| peer.subs.get(i as usize)) {
        next = sub.next();
        let Some(local) = topics.get(sub.topic as usize).and_then(Option::as_ref) else {
            continue;
        };
        if sub.has_replay() || sub.is_lagging() || sub.is_ending() {
            return false;
        }
        for entry in local.window.from(sub.cursor) {
            match message(entry.encoded(peer.wire, false)) {
                Ok(message) => messages.extend(message),
                Err(Panicked) => return false,
            }
        }
        if messages.len() > limit(BATCH, 3) {
            return false;
        }
    }
    true
}
