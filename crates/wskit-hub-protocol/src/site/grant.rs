use std::time::Duration;

use bytes::Bytes;

/// Who a client is: the answer to its request to connect.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Identity {
    pub(crate) user: String,
    pub(crate) info: Bytes,
    pub(crate) data: Bytes,
    pub(crate) expires_in: Option<Duration>,
    pub(crate) subscriptions: Vec<(String, Grant)>,
}

impl Identity {
    /// Creates the identity of a user; an empty name is an anonymous one. A user may have several clients.
    pub fn new(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            ..Self::default()
        }
    }

    /// Sets what else is told of the client where it is present: `conn_info`, for JSON clients JSON.
    pub fn info(mut self, info: impl Into<Bytes>) -> Self {
        self.info = info.into();
        self
    }

    /// Sets what the client gets in the answer, for JSON clients JSON.
    pub fn data(mut self, data: impl Into<Bytes>) -> Self {
        self.data = data.into();
        self
    }

    /// Sets after which time the client has to refresh its token, in whole seconds. It is disconnected if it has not
    /// done so 25 s later.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = Some(time);
        self
    }

    /// Subscribes the client to a topic, without its asking.
    pub fn subscribe(mut self, topic: impl Into<String>, grant: Grant) -> Self {
        self.subscriptions.push((topic.into(), grant));
        self
    }
}

/// What a client gets with a subscription: the answer to its request to subscribe.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Grant {
    pub(crate) publish: bool,
    pub(crate) info: Bytes,
    pub(crate) data: Bytes,
    pub(crate) expires_in: Option<Duration>,
}

impl Grant {
    /// Creates the grant to subscribe, read the history, and see who is present.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whether the client may publish to the topic, while it is subscribed.
    pub fn publish(mut self, may: bool) -> Self {
        self.publish = may;
        self
    }

    /// Sets what else is told of the client where it is present in this topic: `chan_info`, for JSON clients JSON.
    pub fn info(mut self, info: impl Into<Bytes>) -> Self {
        self.info = info.into();
        self
    }

    /// Sets what the client gets in the answer, for JSON clients JSON.
    pub fn data(mut self, data: impl Into<Bytes>) -> Self {
        self.data = data.into();
        self
    }

    /// Sets after which time the client has to refresh its subscription, in whole seconds. The subscription ends if it
    /// has not done so 25 s later.
    pub fn expires_in(mut self, time: Duration) -> Self {
        self.expires_in = Some(time);
        self
    }

    pub(crate) fn of_hub(&self) -> wskit_hub::Grant {
        let grant = wskit_hub::Grant::new().subscribe();
        if self.publish { grant.publish() } else { grant }
    }
}

/// Returns whether something expires, and in how many seconds.
pub(crate) fn ttl(expires_in: Option<Duration>) -> (bool, u32) {
    let secs = expires_in.map(|time| time.as_secs().max(1));
    // Two years, so that clients can count it in milliseconds of 32 bits or more.
    let secs = secs.map(|secs| secs.min(63_072_000));
    (
        secs.is_some(),
        secs.and_then(|secs| u32::try_from(secs).ok()).unwrap_or(0),
    )
}
