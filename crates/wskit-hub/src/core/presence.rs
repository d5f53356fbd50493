use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::engine::NodeId;
use crate::member::{Member, Present};

/// How long a member is still present when its last connection has gone: reloading a page is no leave.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// Who is present in a topic.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    members: BTreeMap<Arc<str>, Entered>,
    /// Those that leave, and when, in the order of time. One that has come back is still here.
    leaving: VecDeque<(Instant, Arc<str>)>,
    bytes: usize,
}

#[derive(Debug)]
struct Entered {
    member: Member,
    /// Connections of this hub.
    local: u32,
    /// Other hubs with connections of the identity.
    nodes: Vec<NodeId>,
    /// When it will have left.
    leaves_at: Option<Instant>,
}

/// What a change means to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// To subscribers: it has come, or its info is another.
    Joined(Member),
    Left(Member),
}

fn bytes(member: &Member) -> usize {
    member.identity().len() + member.get_info().len() + size_of::<Entered>() + 64
}

impl Presence {
    fn entered(&mut self, member: Member, add: impl FnOnce(&mut Entered)) -> Option<Change> {
        let mut is_new = false;
        let entered = self
            .members
            .entry(member.shared_identity().clone())
            .or_insert_with(|| {
                is_new = true;
                Entered {
                    member: member.clone(),
                    local: 0,
                    nodes: Vec::new(),
                    leaves_at: None,
                }
            });
        add(entered);
        entered.leaves_at = None;
        let is_changed = entered.member != member;
        if is_new {
            self.bytes += bytes(&member);
        } else if is_changed {
            self.bytes -= bytes(&entered.member);
            self.bytes += bytes(&member);
            entered.member = member.clone();
        }
        (is_new || is_changed).then_some(Change::Joined(member))
    }

    /// A connection of this hub enters. Returns whether other hubs have to know, and what the subscribers are
    /// told.
    pub(crate) fn enter(&mut self, member: Member) -> (bool, Option<Change>) {
        let mut is_first = false;
        let change = self.entered(member, |entered| {
            is_first = entered.local == 0;
            entered.local = entered.local.saturating_add(1);
        });
        // Other hubs have to know of another info too.
        (is_first || change.is_some(), change)
    }

    /// A connection of this hub leaves. Returns whether it was the last of the identity here.
    pub(crate) fn leave(&mut self, identity: &str, now: Instant) -> bool {
        let Some(entered) = self.members.get_mut(identity) else {
            return false;
        };
        let was_here = entered.local > 0;
        entered.local = entered.local.saturating_sub(1);
        self.leaving.extend(entered.leave_if_gone(now));
        was_here && entered.local == 0
    }

    /// A member enters on another hub.
    pub(crate) fn enter_at(&mut self, node: NodeId, member: Member) -> Option<Change> {
        self.entered(member, |entered| {
            if !entered.nodes.contains(&node) {
                entered.nodes.push(node);
            }
        })
    }

    /// A member leaves on another hub.
    pub(crate) fn leave_at(&mut self, node: NodeId, identity: &str, now: Instant) {
        if let Some(entered) = self.members.get_mut(identity) {
            entered.nodes.retain(|other| *other != node);
            self.leaving.extend(entered.leave_if_gone(now));
        }
    }

    /// Another hub is gone.
    pub(crate) fn forget(&mut self, node: NodeId, now: Instant) {
        for entered in self.members.values_mut() {
            entered.nodes.retain(|other| *other != node);
            self.leaving.extend(entered.leave_if_gone(now));
        }
    }

    /// These are the members of other hubs.
    pub(crate) fn set_remote(
        &mut self,
        remote: impl IntoIterator<Item = (NodeId, Member)>,
        now: Instant,
    ) -> Vec<Change> {
        for entered in self.members.values_mut() {
            entered.nodes.clear();
        }
        let changes = remote
            .into_iter()
            .filter_map(|(node, member)| self.enter_at(node, member))
            .collect();
        for entered in self.members.values_mut() {
            self.leaving.extend(entered.leave_if_gone(now));
        }
        changes
    }

    /// Returns when the next member may have left.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.leaving.front().map(|(at, _)| *at)
    }

    /// Removes the members whose time is over.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        while self.leaving.front().is_some_and(|(at, _)| *at <= now) {
            let Some((at, identity)) = self.leaving.pop_front() else {
                break;
            };
            let has_left = |entered: &Entered| entered.leaves_at == Some(at);
            if self.members.get(&identity).is_some_and(has_left) {
                if let Some(entered) = self.members.remove(&identity) {
                    self.bytes -= bytes(&entered.member);
                    changes.push(Change::Left(entered.member));
                }
            }
        }
        changes
    }

    /// Returns the members with connections of this hub.
    pub(crate) fn local(&self) -> impl Iterator<Item = &Member> {
        self.members
            .values()
            .filter(|entered| entered.local > 0)
            .map(|entered| &entered.member)
    }

    pub(crate) fn present(&self, most: usize) -> Present {
        Present {
            count: self.members.len(),
            members: self
                .members
                .values()
                .take(most)
                .map(|entered| entered.member.clone())
                .collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Entered {
    /// Starts to leave if no connection is left, and returns when.
    fn leave_if_gone(&mut self, now: Instant) -> Option<(Instant, Arc<str>)> {
        let is_gone = self.local == 0 && self.nodes.is_empty() && self.leaves_at.is_none();
        is_gone.then(|| {
            let at = now + GRACE;
            self.leaves_at = Some(at);
            (at, self.member.shared_identity().clone())
        })
    }
}
