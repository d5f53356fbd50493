use std::fmt;

use wskit_proto::CloseCode;

use crate::error::Error;
use crate::hub::{Handle, Hub, Seated};
use crate::member::{Member, Present};
use crate::position::{Position, Since, Subscribed};
use crate::publication::{Publication, Published};

/// A connection in a hub: what it is subscribed to, where it is present, and what it may do.
///
/// [`Hub::attach`] creates it. Keep it as long as the connection is served: dropping it ends its
/// subscriptions and its presence, as the end of the connection does.
///
/// Its methods do what the peer asks for, and ask whether it may: a peer may do nothing that is not
/// [granted](Peer::grant), except with topics that the [rules](crate::Rules) open to everyone.
#[must_use = "dropping a peer ends its subscriptions"]
pub struct Peer {
    seated: Seated,
}

/// What a peer may do with a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Grant {
    pub(crate) subscribe: bool,
    pub(crate) publish: bool,
}

impl Grant {
    /// Creates a grant of nothing.
    pub const fn new() -> Self {
        Self {
            subscribe: false,
            publish: false,
        }
    }

    /// Lets the peer subscribe to the topic, read its history, and be present there.
    pub const fn subscribe(mut self) -> Self {
        self.subscribe = true;
        self
    }

    /// Lets the peer publish to the topic.
    pub const fn publish(mut self) -> Self {
        self.publish = true;
        self
    }
}

impl Peer {
    pub(crate) fn new(seated: Seated) -> Self {
        Self { seated }
    }

    /// Returns the hub.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        self.seated.hub()
    }

    /// Lets the peer do something with a topic, instead of what was granted before. Without
    /// [`Grant::subscribe`] it also ends its presence and its subscription there, unless the topic is open to
    /// everyone. The client is told so by [`Event::Unsubscribed`](crate::Event::Unsubscribed), if its wire has a
    /// message for that.
    pub fn grant(&self, topic: &str, grant: Grant) {
        self.seated.grant(topic, grant);
    }

    /// Subscribes to a topic, and returns what the subscription begins with.
    ///
    /// The peer is told the same by its wire: [`Event::Subscribed`](crate::Event::Subscribed), the messages
    /// that it missed, [`Event::Present`](crate::Event::Present). Then follows what happens.
    ///
    /// # Errors
    /// [`Error::InvalidTopic`], [`Error::UnknownTopic`], [`Error::NotGranted`],
    /// [`Error::AlreadySubscribed`], [`Error::TooManyTopics`], [`Error::TooFast`], [`Error::OutOfMemory`],
    /// [`Error::Closed`], [`Error::Engine`], [`Error::CallbackPanicked`].
    ///
    /// # Cancel safety
    /// The peer may be subscribed even if the future is dropped before it is ready.
    /// [`unsubscribe`](Peer::unsubscribe) undoes it.
    pub async fn subscribe(
        &self,
        topic: &str,
        since: impl Into<Since>,
    ) -> Result<Subscribed, Error> {
        self.seated.subscribe(topic, since.into()).await
    }

    /// Does what [`subscribe`](Peer::subscribe) does, but hands the messages of the past to the caller, and sends the
    /// peer nothing before [`HeldSubscription::release`]: for protocols whose answer to a subscription carries
    /// the past, and has to come before what follows.
    ///
    /// The wire is not asked for [`Event::Subscribed`](crate::Event::Subscribed), the past and
    /// [`Event::Present`](crate::Event::Present). What comes in between waits, as for a slow subscriber.
    ///
    /// # Errors
    /// Those of [`subscribe`](Peer::subscribe).
    ///
    /// # Cancel safety
    /// That of [`subscribe`](Peer::subscribe). What is returned ends the subscription when it is dropped.
    pub async fn subscribe_held(
        &self,
        topic: &str,
        since: impl Into<Since>,
    ) -> Result<HeldSubscription, Error> {
        let (subscribed, past) = self.seated.subscribe_held(topic, since.into()).await?;
        Ok(HeldSubscription {
            handle: Handle::clone(&self.seated),
            topic: topic.into(),
            subscribed,
            past,
            is_released: false,
        })
    }

    /// Ends a subscription. Nothing happens if there is none.
    ///
    /// Messages that the connection has queued already are still sent.
    pub fn unsubscribe(&self, topic: &str) {
        self.seated.unsubscribe(topic);
    }

    /// Publishes a message for the peer; see [`Hub::publish`].
    ///
    /// # Errors
    /// Those of [`Hub::publish`], [`Error::NotGranted`], [`Error::TooFast`], [`Error::Closed`].
    ///
    /// # Cancel safety
    /// That of [`Hub::publish`].
    pub async fn publish(&self, topic: &str, publication: Publication) -> Result<Position, Error> {
        self.seated.check_publish(topic)?;
        self.seated.wait_to_publish(topic).await?;
        self.hub().publish(topic, publication).await
    }

    /// Reads a page of a topic's history for the peer; see [`Hub::history`].
    ///
    /// # Errors
    /// Those of [`Hub::history`], [`Error::NotGranted`], [`Error::TooFast`], [`Error::Closed`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn history(
        &self,
        topic: &str,
        since: impl Into<Since>,
        limit: usize,
    ) -> Result<(Vec<Published>, Position), Error> {
        self.seated.check_subscribe(topic)?;
        self.hub().history(topic, since, limit).await
    }

    /// Makes the peer present in a topic, as a member. Call it again to change what is told of the member.
    ///
    /// The others see it leave two seconds after its last connection has left, unless it comes back before.
    ///
    /// # Errors
    /// [`Error::NotGranted`], [`Error::NoPresence`], [`Error::TooLarge`], [`Error::TooManyTopics`],
    /// [`Error::TooFast`], [`Error::OutOfMemory`], [`Error::Closed`], and those of the topic's name.
    pub fn enter(&self, topic: &str, member: Member) -> Result<(), Error> {
        self.seated.enter(topic, member)
    }

    /// Ends the peer's presence in a topic.
    pub fn leave(&self, topic: &str) {
        self.seated.leave(topic);
    }

    /// Returns who is present in a topic, for the peer; see [`Hub::present`].
    ///
    /// # Errors
    /// Those of [`Hub::present`], [`Error::NotGranted`], [`Error::TooFast`], [`Error::Closed`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn present(&self, topic: &str) -> Result<Present, Error> {
        self.seated.check_subscribe(topic)?;
        self.hub().present(topic).await
    }

    /// Ends all subscriptions and closes the connection, after what is queued.
    pub fn close(&self, code: CloseCode, reason: &'static str) {
        self.seated.close(code, reason);
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").finish_non_exhaustive()
    }
}

/// A subscription whose messages wait; see [`Peer::subscribe_held`]. Dropping it ends the subscription.
#[must_use = "dropping it ends the subscription"]
pub struct HeldSubscription {
    handle: Handle,
    topic: Box<str>,
    subscribed: Subscribed,
    past: Vec<Published>,
    is_released: bool,
}

impl HeldSubscription {
    /// Returns what the subscription begins with.
    #[must_use]
    pub fn subscribed(&self) -> Subscribed {
        self.subscribed
    }

    /// Returns the messages of the past, oldest first.
    #[must_use]
    pub fn past(&self) -> &[Published] {
        &self.past
    }

    /// Makes the peer present in the topic; see [`Peer::enter`]. It counts as part of the subscription, and not as
    /// a command of its own.
    ///
    /// # Errors
    /// Those of [`Peer::enter`].
    pub fn enter(&self, member: Member) -> Result<(), Error> {
        self.handle.enter_subscribed(&self.topic, member)
    }

    /// Sends the peer what has come since, and what comes.
    pub fn release(mut self) {
        self.is_released = true;
        self.handle.release(&self.topic);
    }
}

impl Drop for HeldSubscription {
    fn drop(&mut self) {
        if !self.is_released {
            self.handle.leave(&self.topic);
            self.handle.unsubscribe(&self.topic);
        }
    }
}

impl fmt::Debug for HeldSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldSubscription")
            .field("topic", &self.topic)
            .field("subscribed", &self.subscribed)
            .finish_non_exhaustive()
    }
}
