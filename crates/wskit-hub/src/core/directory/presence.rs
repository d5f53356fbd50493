use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use super::{Directory, Request};
use crate::core::guard::{Guard, holds};
use crate::core::link::{Link, LinkState};
use crate::core::presence::Presence;
use crate::core::topic::Topic;
use crate::core::{Host, Outputs, TopicId};
use crate::engine::{Command, NodeId, RequestId};
use crate::error::Error;
use crate::member::{Member, Present};

/// Who is present.
impl<H: Host> Directory<H> {
    /// A connection of a member is there.
    ///
    /// # Errors
    /// [`Error::NoPresence`].
    pub(crate) fn enter(
        &mut self,
        id: TopicId,
        member: Member,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) -> Result<(), Error> {
        let slot = Self::slot_of(id);
        let identity = member.shared_identity().clone();
        let entered = self.with(slot, |topic| {
            if !topic.rules.presence {
                return Err(Error::NoPresence);
            }
            let presence = topic.presence.get_or_insert_default();
            let (is_news, change) = presence.enter(member);
            if let Some(change) = change {
                topic.tell(change, now, out);
            }
            topic.used = now;
            Ok(is_news)
        });
        if entered.unwrap_or(Err(Error::UnknownTopic))? {
            self.send_member(slot, &identity, now, out);
        }
        Ok(())
    }

    /// A connection of a member is gone.
    pub(crate) fn leave(
        &mut self,
        id: TopicId,
        identity: &str,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        let slot = Self::slot_of(id);
        if self.with_presence(slot, |presence| presence.leave(identity, now)) == Some(true) {
            self.send_member(slot, &identity.into(), now, out);
        }
    }

    /// Tells the engine whether a member is present on this hub.
    fn send_member(
        &mut self,
        slot: u32,
        identity: &Arc<str>,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        let Some(topic) = self.topic_in(slot).filter(|_| self.has_engine) else {
            return;
        };
        let name = topic.name.clone();
        let presence = topic.presence.as_deref();
        let member = presence.and_then(|presence| presence.local_member(identity));
        let command = match member.cloned() {
            Some(member) => Command::Enter {
                topic: name.clone(),
                member,
            },
            None => Command::Leave {
                topic: name.clone(),
                identity: identity.clone(),
            },
        };
        let request = Request::Member(slot, name, identity.clone());
        self.request(request, command, now, out);
    }

    /// The engine could not be told of a member: it is told again later.
    pub(super) fn unsent(&mut self, slot: u32, topic: &Arc<str>, identity: Arc<str>, now: Instant) {
        let is_there = |other: &Topic<H>| Arc::ptr_eq(&other.name, topic);
        let is_there = self.topic_in(slot).is_some_and(is_there);
        if !holds(Guard::Unsent, !is_there) {
            self.with_presence(slot, |presence| presence.keep_unsent(identity));
            self.retry_later(now);
        }
    }

    /// Tells the engine of members again of which that has failed, and asks again for those of other hubs.
    pub(super) fn retry_members(&mut self, now: Instant, out: &mut impl Outputs<H>) {
        for slot in self.slots() {
            let (unsent, is_stale) = self
                .with_presence(slot, |presence| {
                    (presence.take_unsent(), presence.is_stale())
                })
                .unwrap_or_default();
            for identity in unsent {
                self.send_member(slot, &identity, now, out);
            }
            if is_stale {
                self.ask_members(slot, now, out);
            }
        }
    }

    /// The engine knows no member of this hub: tells it of all.
    pub(super) fn enter_again(&mut self, slot: u32, now: Instant, out: &mut impl Outputs<H>) {
        // Also of those who have left and of whom that could not be said: if it is the connection alone that was
        // lost, the engine may know them still.
        let members = self.with_presence(slot, |presence| {
            let mut members = presence.take_unsent();
            members.extend(
                presence
                    .local()
                    .map(|member| member.shared_identity().clone()),
            );
            members
        });
        for identity in members.unwrap_or_default() {
            self.send_member(slot, &identity, now, out);
        }
    }

    /// Asks for the members of other hubs, if the topic is listened to and keeps presence.
    pub(super) fn ask_members(&mut self, slot: u32, now: Instant, out: &mut impl Outputs<H>) {
        let topic = self.topic_in(slot).filter(|topic| {
            topic.rules.presence && topic.link.as_deref().is_some_and(|link| !link.is_cold())
        });
        if let Some(topic) = topic.map(|topic| topic.name.clone()) {
            let command = Command::Members { topic };
            let id = self.request(Request::Members(slot), command, now, out);
            self.with(slot, |topic| {
                topic.presence.get_or_insert_default().ask(id);
            });
        }
    }

    /// The engine has answered who the members of other hubs are, or has failed.
    pub(super) fn members(
        &mut self,
        slot: u32,
        id: RequestId,
        members: Option<Vec<(NodeId, Member)>>,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        let changes = self.with_presence(slot, |presence| presence.answered(id, members, now));
        let Some(changes) = changes else {
            return;
        };
        self.with(slot, |topic| {
            for change in changes {
                topic.tell(change, now, out);
            }
        });
        if self.with_presence(slot, |presence| presence.is_stale()) == Some(true) {
            self.retry_later(now);
        }
    }

    /// A member has entered on another hub.
    pub(super) fn joined(
        &mut self,
        topic: &str,
        node: NodeId,
        member: Member,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        let Some(slot) = self.names.get(topic).copied() else {
            return;
        };
        self.with(slot, |topic| {
            let is_cold = topic.link.as_deref().is_none_or(Link::is_cold);
            if is_cold || !topic.rules.presence {
                return;
            }
            let presence = topic.presence.get_or_insert_default();
            if let Some(change) = presence.joined(node, member) {
                topic.tell(change, now, out);
            }
        });
    }

    /// A member has left on another hub.
    pub(super) fn left(&mut self, topic: &str, node: NodeId, identity: &Arc<str>, now: Instant) {
        if let Some(slot) = self.names.get(topic).copied() {
            self.with_presence(slot, |presence| presence.left(node, identity, now));
        }
    }

    /// Another hub is gone.
    pub(super) fn node_gone(&mut self, node: NodeId, now: Instant) {
        for slot in self.slots() {
            self.with_presence(slot, |presence| presence.forget(node, now));
        }
    }

    /// Calls `f` with the presence of a topic, and notes when members will have left.
    fn with_presence<R>(&mut self, slot: u32, f: impl FnOnce(&mut Presence) -> R) -> Option<R> {
        let (result, timeout) = self.with(slot, |topic| {
            let presence = topic.presence.as_deref_mut()?;
            let before = presence.next_timeout();
            let result = f(presence);
            let timeout = presence.next_timeout().filter(|_| before.is_none());
            Some((result, timeout))
        })??;
        self.leaving.extend(timeout.map(|at| Reverse((at, slot))));
        Some(result)
    }

    /// Returns who is present, or `None` if the engine has to answer `call` first.
    ///
    /// # Errors
    /// [`Error::NoPresence`].
    pub(crate) fn present(
        &mut self,
        id: TopicId,
        call: impl FnOnce() -> H::Call,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) -> Result<Option<Present>, Error> {
        let topic = self.topic(id).ok_or(Error::UnknownTopic)?;
        if !topic.rules.presence {
            return Err(Error::NoPresence);
        }
        let presence = topic.presence.as_deref();
        let is_known = topic.link.as_deref().is_none_or(|link| {
            link.state == LinkState::Live && presence.is_some_and(Presence::is_known)
        });
        if is_known {
            let present = presence.map(|presence| presence.present(self.members_listed));
            return Ok(Some(present.unwrap_or_default()));
        }
        let topic = topic.name.clone();
        let request = Request::Present(call(), topic.clone());
        self.request(request, Command::Members { topic }, now, out);
        Ok(None)
    }

    /// Returns the members of a topic on all hubs.
    pub(super) fn union(
        &self,
        topic: &str,
        others: Vec<(NodeId, Member)>,
        now: Instant,
    ) -> Present {
        let own = self.names.get(topic).and_then(|slot| self.topic_in(*slot));
        let own = own.and_then(|topic| topic.presence.as_deref());
        let mut all = Presence::default();
        all.set_remote(others, now);
        for member in own.into_iter().flat_map(Presence::local) {
            all.enter(member.clone());
        }
        all.present(self.members_listed)
    }
}
