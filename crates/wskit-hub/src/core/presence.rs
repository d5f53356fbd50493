use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::guard::limit;
use crate::engine::{NodeId, RequestId};
use crate::member::{Member, Present};

/// How long a member is still present when its last connection has gone: reloading a page is no leave.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// Who is present in a topic.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    members: BTreeMap<Arc<str>, Entered>,
    /// Those that leave, and when, in the order of time. One that has come back is still here.
    leaving: VecDeque<(Instant, Arc<str>)>,
    /// The request for the members of other hubs, and who has come and left there since.
    asked: Option<(RequestId, Vec<(NodeId, Step)>)>,
    /// Asking for the members of other hubs has failed.
    is_stale: bool,
    /// Members of this hub of which the engine has to be told again.
    unsent: BTreeSet<Arc<str>>,
    bytes: usize,
}

#[derive(Debug)]
enum Step {
    Joined(Member),
    Left(Arc<str>),
    /// All members of the hub have left.
    Gone,
}

/// How many of them are kept. If there are more, the members are asked for again.
const STEPS: usize = 1024;

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

    /// The members of other hubs are asked for.
    pub(crate) fn ask(&mut self, id: RequestId) {
        self.asked = Some((id, Vec::new()));
    }

    fn step(&mut self, node: NodeId, step: impl FnOnce() -> Step) {
        if let Some((_, steps)) = &mut self.asked {
            if steps.len() < limit(STEPS, 1) {
                steps.push((node, step()));
            }
        }
    }

    /// A member has entered on another hub.
    pub(crate) fn joined(&mut self, node: NodeId, member: Member) -> Option<Change> {
        self.step(node, || Step::Joined(member.clone()));
        self.enter_at(node, member)
    }

    /// A member has left on another hub.
    pub(crate) fn left(&mut self, node: NodeId, identity: &Arc<str>, now: Instant) {
        self.step(node, || Step::Left(identity.clone()));
        self.leave_at(node, identity, now);
    }

    /// These are the members of other hubs, if it is what was asked for last; `None` if that is not known.
    /// Who has come and left meanwhile may be among them or not.
    pub(crate) fn answered(
        &mut self,
        id: RequestId,
        members: Option<Vec<(NodeId, Member)>>,
        now: Instant,
    ) -> Vec<Change> {
        let Some((_, steps)) = self.asked.take_if(|(asked, _)| *asked == id) else {
            return Vec::new();
        };
        self.is_stale = members.is_none() || steps.len() >= limit(STEPS, 1);
        let Some(mut members) = members else {
            return Vec::new();
        };
        for (node, step) in steps {
            let (identity, joined) = match step {
                Step::Joined(member) => (member.shared_identity().clone(), Some(member)),
                Step::Left(identity) => (identity, None),
                Step::Gone => {
                    members.retain(|(other, _)| *other != node);
                    continue;
                }
            };
            members.retain(|(other, member)| *other != node || member.identity() != &*identity);
            members.extend(joined.map(|member| (node, member)));
        }
        self.set_remote(members, now)
    }

    /// Whether the members of other hubs have to be asked for again.
    pub(crate) fn is_stale(&self) -> bool {
        self.is_stale && self.asked.is_none()
    }

    /// Whether the members of other hubs are known.
    pub(crate) fn is_known(&self) -> bool {
        !self.is_stale && self.asked.is_none()
    }

    /// The engine has to be told again whether this member is here.
    pub(crate) fn keep_unsent(&mut self, identity: Arc<str>) {
        self.unsent.insert(identity);
    }

    pub(crate) fn take_unsent(&mut self) -> BTreeSet<Arc<str>> {
        std::mem::take(&mut self.unsent)
    }

    /// Nothing is heard of other hubs any more, and there are no subscribers to be told.
    pub(crate) fn forget_others(&mut self) {
        (self.asked, self.is_stale) = (None, false);
        let bytes = &mut self.bytes;
        self.members.retain(|_, entered| {
            entered.nodes.clear();
            let is_kept = entered.local > 0 || entered.leaves_at.is_some();
            *bytes -= if is_kept {
                0
            } else {
                self::bytes(&entered.member)
            };
            is_kept
        });
    }

    /// A member enters on another hub.
    fn enter_at(&mut self, node: NodeId, member: Member) -> Option<Change> {
        self.entered(member, |entered| {
            if !entered.nodes.contains(&node) {
                entered.nodes.push(node);
            }
        })
    }

    /// A member leaves on another hub.
    fn leave_at(&mut self, node: NodeId, identity: &str, now: Instant) {
        if let Some(entered) = self.members.get_mut(identity) {
            entered.nodes.retain(|other| *other != node);
            self.leaving.extend(entered.leave_if_gone(now));
        }
    }

    /// Another hub is gone.
    pub(crate) fn forget(&mut self, node: NodeId, now: Instant) {
        self.step(node, || Step::Gone);
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

    /// Returns a member, if it has a connection of this hub.
    pub(crate) fn local_member(&self, identity: &str) -> Option<&Member> {
        let entered = self.members.get(identity)?;
        (entered.local > 0).then_some(&entered.member)
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
        self.members.is_empty() && self.unsent.is_empty()
    }

    pub(crate) fn bytes(&self) -> usize {
        let leaving = self.leaving.capacity() * size_of::<(Instant, Arc<str>)>();
        let unsent = self.unsent.len() * 2 * size_of::<Arc<str>>();
        let steps = self.asked.as_ref().map_or(0, |(_, steps)| steps.capacity());
        self.bytes + leaving + unsent + steps * (size_of::<(NodeId, Step)>() + 64)
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
