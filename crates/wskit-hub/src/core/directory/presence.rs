use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use super::{Directory, Request};
use crate::core::link::LinkState;
use crate::core::presence::Presence;
use crate::core::{Host, Outputs, TopicId};
use crate::engine::Command;
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
        let entered = self.with(Self::slot_of(id), |topic| {
            if !topic.rules.presence {
                return Err(Error::NoPresence);
            }
            let presence = topic.presence.get_or_insert_default();
            let (is_news, change) = presence.enter(member.clone());
            if let Some(change) = change {
                topic.tell(change, now, out);
            }
            Ok(is_news.then(|| topic.name.clone()))
        });
        if let Some(topic) = entered.unwrap_or(Err(Error::UnknownTopic))? {
            if self.has_engine {
                self.request(Request::Other, Command::Enter { topic, member }, out);
            }
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
        let left = self.with_presence(Self::slot_of(id), |topic, presence| {
            presence.leave(identity, now).then(|| topic.clone())
        });
        if let Some(topic) = left.flatten().filter(|_| self.has_engine) {
            let identity = identity.into();
            self.request(Request::Other, Command::Leave { topic, identity }, out);
        }
    }

    /// Calls `f` with the name and the presence of a topic, and notes when members will have left.
    pub(super) fn with_presence<R>(
        &mut self,
        slot: u32,
        f: impl FnOnce(&Arc<str>, &mut Presence) -> R,
    ) -> Option<R> {
        let (result, timeout) = self.with(slot, |topic| {
            let presence = topic.presence.as_deref_mut()?;
            let before = presence.next_timeout();
            let result = f(&topic.name, presence);
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
        out: &mut impl Outputs<H>,
    ) -> Result<Option<Present>, Error> {
        let topic = self.topic(id).ok_or(Error::UnknownTopic)?;
        if !topic.rules.presence {
            return Err(Error::NoPresence);
        }
        if topic
            .link
            .as_deref()
            .is_none_or(|link| link.state == LinkState::Live)
        {
            let present = topic.presence.as_deref();
            let present = present.map(|presence| presence.present(self.members_listed));
            return Ok(Some(present.unwrap_or_default()));
        }
        let command = Command::Members {
            topic: topic.name.clone(),
        };
        self.request(Request::Present(call()), command, out);
        Ok(None)
    }
}
