use super::topics::Local;
use super::{PANICKED, Shard, TOO_SLOW, Turn, Wanted};
use crate::core::guard::{Guard, holds};
use crate::core::peers::{Peer, Replays};
use crate::core::{Connection, Gone, Host, Notice, Slot, TopicId};
use crate::rules::Slow;
use crate::wire::Encoded;

impl<H: Host> Shard<H> {
    /// Applies the rules to those subscriptions that entries are gone for. Returns whether something is left
    /// to send.
    pub(super) fn overtaken(&mut self, slot: u32, turn: &mut Turn<H>) -> bool {
        let Self {
            peers,
            topics,
            replays,
            stats,
            ..
        } = self;
        let Some(peer) = peers.get_mut(slot as usize).and_then(Option::as_mut) else {
            return false;
        };
        let mut linked = Vec::new();
        let mut is_ended = false;
        while let Some(i) = peer.unlink_first() {
            let Some(sub) = peer.subs.get_mut(i as usize) else {
                continue;
            };
            let Some(local) = topics.get(sub.topic as usize).and_then(Option::as_ref) else {
                continue;
            };
            let base = local.window.base();
            if holds(Guard::Cursor, sub.cursor >= base) || sub.is_ending() {
                linked.push(i);
                continue;
            }
            let notice = match local.slow {
                Slow::Disconnect => {
                    is_ended = true;
                    break;
                }
                Slow::Resume => Notice::Unsubscribed,
                Slow::DropOldest(_) | Slow::Latest => {
                    let newest = local.window.newest_message();
                    let to = newest
                        .filter(|_| local.slow == Slow::Latest)
                        .unwrap_or(base);
                    // The past that was to come first is overtaken too.
                    let (past, told) = replays.skip(sub);
                    let count = past + to - std::mem::replace(&mut sub.cursor, to);
                    stats.skipped += count;
                    Notice::Skipped(count + told)
                }
            };
            if notice == Notice::Unsubscribed {
                stats.unsubscribed += 1;
                // What it was told first it still has to know: that it was subscribed.
                replays.skip(sub);
            }
            sub.set_paused(true);
            turn.notices.push(Wanted {
                slot: Slot(slot),
                wire: peer.wire,
                topic: local.id,
                name: local.name.clone(),
                notice,
            });
        }
        for i in linked.into_iter().rev() {
            peer.link(i);
        }
        let is_left = peer.first().is_some();
        if is_ended {
            self.stats.disconnected += 1;
            self.end(slot, Some(TOO_SLOW), turn);
            return false;
        }
        is_left
    }

    /// A peer is to get what has come since it was subscribed.
    pub(super) fn release(&mut self, slot: Slot, topic: TopicId) {
        let Some(i) = self.find(slot, topic) else {
            return;
        };
        let peer = self.peer(slot.0);
        let sub = peer.and_then(|peer| peer.subs.get_mut(i as usize));
        if sub.is_some_and(|sub| sub.set_held(false)) {
            self.mark(slot.0, i);
        }
    }

    /// Has a peer told that it may not have a topic any more.
    pub(super) fn want_revoked(&mut self, slot: Slot, topic: TopicId, turn: &mut Turn<H>) {
        let wire = self.peer(slot.0).map(|peer| peer.wire);
        let place = self.places.get(&topic).copied();
        let name = place
            .and_then(|place| self.local(place))
            .map(|local| local.name.clone());
        if let (Some(wire), Some(name)) = (wire, name) {
            let notice = Notice::Revoked;
            turn.notices.push(Wanted {
                slot,
                wire,
                topic,
                name,
                notice,
            });
        }
    }

    /// Tells a peer that. It has no place among its subscriptions any more: one without room for it is too slow.
    pub(super) fn revoked(
        &mut self,
        slot: Slot,
        topic: TopicId,
        encoded: Encoded,
        turn: &mut Turn<H>,
    ) {
        // It may have it again by now.
        if self.find(slot, topic).is_some() {
            return;
        }
        let Some(peer) = self.peer(slot.0).filter(|peer| !peer.is_gone) else {
            return;
        };
        match encoded {
            Encoded::Message(_) if peer.is_behind => self.end(slot.0, Some(TOO_SLOW), turn),
            Encoded::Message(message) => match peer.connection.write(&[&message]) {
                Ok(0) => self.end(slot.0, Some(TOO_SLOW), turn),
                Ok(_) => {}
                Err(Gone) => self.end(slot.0, None, turn),
            },
            Encoded::Nothing => {}
            Encoded::Panicked => self.end(slot.0, Some(PANICKED), turn),
        }
    }

    /// Forgets what all have got, and what is too much for those that lag.
    pub(super) fn trim(&mut self, turn: &mut Turn<H>) {
        self.fresh = 0;
        loop {
            let too_slow = self.trim_windows();
            if too_slow.is_empty() {
                return;
            }
            for slot in too_slow {
                if self.peer(slot).is_some_and(|peer| !peer.is_gone) {
                    self.stats.disconnected += 1;
                    self.end(slot, Some(TOO_SLOW), turn);
                }
            }
            // Without them there may be less to keep.
        }
    }

    /// Returns the peers that are to be disconnected.
    fn trim_windows(&mut self) -> Vec<u32> {
        let Self {
            peers,
            topics,
            active,
            entries,
            replays,
            ..
        } = self;
        let mut too_slow = Vec::new();
        active.retain(|place| {
            let Some(local) = topics.get_mut(*place as usize).and_then(Option::as_mut) else {
                return false;
            };
            *entries -= local.window.len();
            local.window.trim(local.to_keep());
            *entries += local.window.len();
            local.is_active = false;
            if local.lagging > 0 && local.oldest < local.window.base() {
                local.find_oldest(peers, replays, &mut too_slow);
            }
            false
        });
        too_slow
    }
}

/// Entries that are kept for the sake of the newest message before them.
const AFTER_LATEST: usize = 64;

impl Local {
    /// Returns how many entries are to be kept.
    fn to_keep(&self) -> usize {
        match self.slow {
            _ if self.lagging == 0 => 0,
            // The newest message, and who has come and gone since.
            Slow::Latest => {
                let newest = self.window.newest_message();
                let newest =
                    newest.map_or(AFTER_LATEST, |index| (self.window.end() - index) as usize);
                newest.min(AFTER_LATEST)
            }
            _ => self.keep,
        }
    }

    /// Finds the oldest cursor of those that lag and are not overtaken. Those that are keep nothing of the past,
    /// or are to be disconnected.
    fn find_oldest<H: Host>(
        &mut self,
        peers: &[Option<Peer<H>>],
        replays: &mut Replays,
        too_slow: &mut Vec<u32>,
    ) {
        let base = self.window.base();
        self.oldest = u64::MAX;
        for &(slot, i) in &self.subscribers {
            let peer = peers.get(slot as usize).and_then(Option::as_ref);
            let sub = peer.and_then(|peer| peer.subs.get(i as usize));
            match sub.filter(|sub| sub.is_lagging()) {
                Some(sub) if sub.cursor < base => match self.slow {
                    Slow::Disconnect => too_slow.push(slot),
                    _ => replays.let_go(sub),
                },
                Some(sub) => self.oldest = self.oldest.min(sub.cursor),
                None => {}
            }
        }
    }
}
