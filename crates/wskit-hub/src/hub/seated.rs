use std::ops::Deref;
use std::sync::Arc;

use wskit_proto::CloseCode;

use super::Hub;
use super::call::Call;
use super::inner::{Live, check_name};
use super::seat::Seat;
use crate::core::{Answer, Directory, Input, Outputs, Subscribe, TopicId};
use crate::entry::Entry;
use crate::error::Error;
use crate::member::Member;
use crate::peer::Grant;
use crate::position::{Since, Subscribed};
use crate::publication::Published;
use crate::rules::{Access, Rules};
use crate::sync::{Ordering, lock};

/// The place of a peer. Dropping it ends what the peer has.
pub(crate) struct Seated {
    handle: Handle,
}

/// The handle of a peer: its seat, and the hub that it keeps.
#[derive(Clone)]
pub(crate) struct Handle {
    hub: Hub,
    seat: Arc<Seat>,
}

/// The longest identity, in bytes.
const MAX_IDENTITY: usize = 255;
/// The most that is told of a member, in bytes.
const MAX_INFO: usize = 4 << 10;

impl Seated {
    pub(super) fn new(hub: Hub, seat: Arc<Seat>) -> Self {
        let handle = Handle { hub, seat };
        Self { handle }
    }
}

impl Deref for Seated {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Handle {
    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Counts a command of the peer.
    fn count(&self) -> Result<(), Error> {
        let per_sec = self.hub.inner.limits.commands_per_sec;
        // The clock may be the application's.
        let now = self.hub.inner.now();
        let mut state = lock(&self.seat.state);
        if state.is_gone {
            return Err(Error::Closed);
        }
        state
            .commands
            .take(per_sec, now)
            .map_err(|retry_after| Error::TooFast { retry_after })
    }

    /// Checks what the peer may do, unless it has a grant, by the rules of the topic.
    fn check(
        &self,
        topic: &str,
        is_granted: impl Fn(Grant) -> bool,
        access: impl Fn(&Rules) -> Access,
    ) -> Result<(), Error> {
        self.count()?;
        check_name(topic)?;
        self.may(topic, is_granted, access)
    }

    /// Whether the peer may do something with a topic.
    fn may(
        &self,
        topic: &str,
        is_granted: impl Fn(Grant) -> bool,
        access: impl Fn(&Rules) -> Access,
    ) -> Result<(), Error> {
        if is_granted(self.seat.granted(topic)) {
            return Ok(());
        }
        match access(&self.hub.inner.rules(topic)?) {
            Access::Everyone => Ok(()),
            Access::Granted => Err(Error::NotGranted),
        }
    }

    pub(crate) fn check_subscribe(&self, topic: &str) -> Result<(), Error> {
        let checked = self.may_subscribe(topic);
        self.hub.inner.counted(checked)
    }

    fn may_subscribe(&self, topic: &str) -> Result<(), Error> {
        self.check(topic, |grant| grant.subscribe, |rules| rules.subscribe)
    }

    pub(crate) fn check_publish(&self, topic: &str) -> Result<(), Error> {
        let checked = self.check(topic, |grant| grant.publish, |rules| rules.publish);
        self.hub.inner.counted(checked)
    }

    pub(crate) fn grant(&self, topic: &str, grant: Grant) {
        let hub = &self.hub.inner;
        self.seat
            .with_rights(hub, |rights, _| rights.grant(topic, grant));
        if !grant.subscribe {
            let open = self.hub.inner.with_known(topic, |directory, topic, _, _| {
                directory.rules(topic).map(|rules| rules.subscribe)
            });
            if open.flatten() != Some(Access::Everyone) {
                self.end_subscription(topic, true);
                self.leave(topic);
            }
        }
    }

    pub(crate) async fn subscribe(&self, topic: &str, since: Since) -> Result<Subscribed, Error> {
        let subscribed = self.try_subscribe(topic, since, false).await;
        let (subscribed, _) = self.hub.inner.counted(subscribed)?;
        Ok(subscribed)
    }

    /// Subscribes, and returns also the past. The peer gets nothing before [`release`](Handle::release).
    pub(crate) async fn subscribe_held(
        &self,
        topic: &str,
        since: Since,
    ) -> Result<(Subscribed, Vec<Published>), Error> {
        let subscribed = self.try_subscribe(topic, since, true).await;
        let (subscribed, past) = self.hub.inner.counted(subscribed)?;
        let past = past.iter().filter_map(|entry| entry.message().cloned());
        Ok((subscribed, past.collect()))
    }

    /// Lets a peer have what has come since it was subscribed.
    pub(crate) fn release(&self, topic: &str) {
        let (shard, slot) = (self.seat.shard, self.seat.slot);
        self.hub.inner.with_known(topic, |_, topic, _, out| {
            out.deliver(shard, Input::Release { slot, topic });
        });
    }

    async fn try_subscribe(
        &self,
        topic: &str,
        since: Since,
        is_held: bool,
    ) -> Result<(Subscribed, Vec<Arc<Entry>>), Error> {
        self.may_subscribe(topic)?;
        let (inner, seat) = (&self.hub.inner, &self.seat);
        inner.make_room(128)?;
        if seat.topics.fetch_add(1, Ordering::Relaxed) >= inner.limits.topics_per_peer {
            seat.release_topic();
            return Err(Error::TooManyTopics);
        }
        let call = Call::of(seat.clone());
        let subscribe = Subscribe {
            shard: seat.shard,
            slot: seat.slot,
            wire: seat.wire,
            since,
            is_held,
            call: call.clone(),
        };
        let sent = inner.with_topic(topic, |directory, id, now, out| {
            // A grant that is withdrawn meanwhile is seen here, or ends the subscription after this.
            if !is_open(directory, id) && !seat.granted(topic).subscribe {
                return Err(Error::NotGranted);
            }
            directory.subscribe(id, subscribe, now, out);
            Ok(())
        });
        if let Err(error) = sent {
            seat.release_topic();
            return Err(error);
        }
        match call.wait().await {
            Answer::Subscribed(subscribed) => Ok((subscribed?, Vec::new())),
            Answer::Held(subscribed, past) => Ok((subscribed, past)),
            _ => Err(Error::Closed),
        }
    }

    pub(crate) fn unsubscribe(&self, topic: &str) {
        self.end_subscription(topic, false);
    }

    fn end_subscription(&self, topic: &str, is_revoked: bool) {
        let (shard, slot) = (self.seat.shard, self.seat.slot);
        // Sent under the directory's lock, so that it comes after a subscription that was asked for before.
        self.hub
            .inner
            .with_known(topic, |directory, topic, _, out| {
                directory.unsubscribe(topic, shard, slot, is_revoked, out);
            });
    }

    pub(crate) fn enter(&self, topic: &str, member: Member) -> Result<(), Error> {
        let entered = self
            .may_subscribe(topic)
            .and_then(|()| self.try_enter(topic, member));
        self.hub.inner.counted(entered)
    }

    /// Enters a topic that the peer is subscribed to: that is no command of its own.
    pub(crate) fn enter_subscribed(&self, topic: &str, member: Member) -> Result<(), Error> {
        let entered = self.try_enter(topic, member);
        self.hub.inner.counted(entered)
    }

    fn try_enter(&self, topic: &str, member: Member) -> Result<(), Error> {
        for (len, limit) in [
            (member.identity().len(), MAX_IDENTITY),
            (member.get_info().len(), MAX_INFO),
        ] {
            if len > limit {
                return Err(Error::TooLarge { len, limit });
            }
        }
        let inner = &self.hub.inner;
        let (entered, again) = self
            .seat
            .with_rights(inner, |rights, _| (rights.entered(), rights.is_in(topic)));
        if entered >= inner.limits.topics_per_peer as usize && !again {
            return Err(Error::TooManyTopics);
        }
        inner.make_room(256 + member.get_info().len())?;
        let member = member.into_own();
        let identity: Arc<str> = member.identity().into();
        inner.with_topic(topic, |directory, topic, now, out| {
            directory.enter(topic, member, now, out)
        })?;
        // What it was there before, it is no more.
        let (before, is_gone) = self.seat.with_rights(inner, |rights, is_gone| {
            if is_gone {
                (rights.leave(topic), true)
            } else {
                (rights.enter(topic, identity.clone()), false)
            }
        });
        for identity in before.into_iter().chain(is_gone.then_some(identity)) {
            self.leave_as(topic, &identity);
        }
        if is_gone {
            return Err(Error::Closed);
        }
        // A grant that was withdrawn meanwhile has found no one to leave, or is seen here.
        let is_open = inner.with_known(topic, |directory, id, _, _| is_open(directory, id));
        if is_open != Some(true) && !self.seat.granted(topic).subscribe {
            self.leave(topic);
            return Err(Error::NotGranted);
        }
        Ok(())
    }

    /// Waits until messages can be published, then checks again whether the peer may.
    pub(crate) async fn wait_to_publish(&self, topic: &str) -> Result<(), Error> {
        self.hub.inner.until_not_crowded().await;
        self.may(topic, |grant| grant.publish, |rules| rules.publish)
    }

    pub(crate) fn leave(&self, topic: &str) {
        let hub = &self.hub.inner;
        let identity = self.seat.with_rights(hub, |rights, _| rights.leave(topic));
        if let Some(identity) = identity {
            self.leave_as(topic, &identity);
        }
    }

    fn leave_as(&self, topic: &str, identity: &str) {
        self.hub
            .inner
            .with_known(topic, |directory, topic, now, out| {
                directory.leave(topic, identity, now, out);
            });
    }

    pub(crate) fn close(&self, code: CloseCode, reason: &'static str) {
        let slot = self.seat.slot;
        self.hub
            .inner
            .send(self.seat.shard, Input::Close { slot, code, reason });
    }
}

/// Whether every peer may subscribe to a topic.
fn is_open(directory: &Directory<Live>, topic: TopicId) -> bool {
    let rules = directory.rules(topic);
    rules.is_some_and(|rules| rules.subscribe == Access::Everyone)
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.hub.inner.leave_all(&self.seat);
        let slot = self.seat.slot;
        self.hub.inner.send(self.seat.shard, Input::Detach { slot });
    }
}
