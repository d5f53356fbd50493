use std::time::Duration;

/// How much of its past a topic keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    pub(crate) last: usize,
    pub(crate) within: Option<Duration>,
}

impl History {
    /// Keeps the newest messages: at least 1, at most 65,536 of them.
    #[must_use]
    pub const fn last(messages: usize) -> Self {
        let last = match messages {
            0 => 1,
            1..=0x1_0000 => messages,
            _ => 0x1_0000,
        };
        Self { last, within: None }
    }

    /// Forgets messages that are older than this, too.
    #[must_use]
    pub const fn within(mut self, age: Duration) -> Self {
        self.within = Some(age);
        self
    }

    /// Returns how many messages are kept.
    #[must_use]
    pub const fn get_last(&self) -> usize {
        self.last
    }

    /// Returns the age at which messages are forgotten.
    #[must_use]
    pub const fn get_within(&self) -> Option<Duration> {
        self.within
    }
}

/// What happens to a subscriber that reads so slowly that messages it has not got are gone from what the
/// topic keeps.
///
/// Until then a slow subscriber costs its place in the topic and nothing more: no message is queued for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slow {
    /// It is unsubscribed, and told so ([`Event::Unsubscribed`](crate::Event::Unsubscribed)): the client
    /// subscribes again, after the last position that it has seen, and learns what it has missed.
    Resume,
    /// It goes on with the oldest message that is left, of at most this many, and is told how many it has
    /// missed ([`Event::Skipped`](crate::Event::Skipped)).
    DropOldest(usize),
    /// It goes on with the newest message, and is told how many it has missed. If more than 64 members have come
    /// or gone since, that message is one of those that it has missed.
    Latest,
    /// Its connection is closed with 1013 (try again later).
    Disconnect,
}

/// Who may do something with a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// Peers with a [`Grant`](crate::Grant) for the topic.
    #[default]
    Granted,
    /// Every peer.
    Everyone,
}

/// The rules of a topic, which the application decides when the topic is first used.
///
/// A topic is forgotten a minute or so after it was last used, if it has no subscribers, members or history any
/// more. When it is used again, the rules are asked again, and it has a new [`Epoch`](crate::Epoch).
///
/// Peers may do nothing that is not granted: give each a [`Grant`](crate::Grant), or open the topic with
/// [`subscribe`](Rules::subscribe) and [`publish`](Rules::publish). The application itself publishes by
/// [`Hub::publish`](crate::Hub::publish), which asks for no grant.
///
/// ```
/// # use std::time::Duration;
/// use wskit_hub::{Access, History, Rules, Slow};
/// let rules = |topic: &str| match topic.split_once(':') {
///     Some(("chat", _)) => Rules::stream(History::last(100).within(Duration::from_secs(300))).presence(),
///     Some(("price", _)) => Rules::latest().subscribe(Access::Everyone),
///     Some(("game", _)) => Rules::live().slow(Slow::DropOldest(8)),
///     _ => Rules::unknown(),
/// };
/// # let _ = rules("chat:42");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub(crate) label: &'static str,
    pub(crate) kind: Kind,
    pub(crate) slow: Slow,
    pub(crate) presence: bool,
    pub(crate) subscribe: Access,
    pub(crate) publish: Access,
    pub(crate) publishes_per_sec: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stream(History),
    Latest,
    Live,
    Unknown,
}

/// Messages of a live topic that are kept for subscribers that are behind, unless the rules say otherwise.
const LIVE_WINDOW: usize = 64;

impl Rules {
    const fn new(label: &'static str, kind: Kind, slow: Slow) -> Self {
        Self {
            label,
            kind,
            slow,
            presence: false,
            subscribe: Access::Granted,
            publish: Access::Granted,
            publishes_per_sec: 0,
        }
    }

    /// A topic with a history: a client that comes back gets what it has missed. Slow subscribers
    /// [resume](Slow::Resume).
    #[must_use]
    pub const fn stream(history: History) -> Self {
        Self::new("stream", Kind::Stream(history), Slow::Resume)
    }

    /// A topic of which only the newest message matters: a new subscriber gets that one, a slow one the
    /// [newest](Slow::Latest).
    #[must_use]
    pub const fn latest() -> Self {
        Self::new("latest", Kind::Latest, Slow::Latest)
    }

    /// A topic without a past. Slow subscribers miss the [oldest](Slow::DropOldest) of more than 64
    /// messages.
    #[must_use]
    pub const fn live() -> Self {
        Self::new("live", Kind::Live, Slow::DropOldest(LIVE_WINDOW))
    }

    /// A topic that does not exist: everything with it is refused, by
    /// [`Error::UnknownTopic`](crate::Error::UnknownTopic).
    #[must_use]
    pub const fn unknown() -> Self {
        Self::new("unknown", Kind::Unknown, Slow::Resume)
    }

    /// Sets the name under which [`Hub::by_label`](crate::Hub::by_label) counts these topics; by default the
    /// kind.
    #[must_use]
    pub const fn label(mut self, label: &'static str) -> Self {
        self.label = label;
        self
    }

    /// Sets what happens to slow subscribers.
    #[must_use]
    pub const fn slow(mut self, slow: Slow) -> Self {
        self.slow = match slow {
            Slow::DropOldest(0) => Slow::DropOldest(1),
            slow => slow,
        };
        self
    }

    /// Keeps who is present, and tells subscribers who comes and goes.
    #[must_use]
    pub const fn presence(mut self) -> Self {
        self.presence = true;
        self
    }

    /// Sets which peers may subscribe, and see who is present.
    #[must_use]
    pub const fn subscribe(mut self, access: Access) -> Self {
        self.subscribe = access;
        self
    }

    /// Sets which peers may publish.
    #[must_use]
    pub const fn publish(mut self, access: Access) -> Self {
        self.publish = access;
        self
    }

    /// Sets how many messages a second may be published to the topic, and at once; 0, the default, is no
    /// limit.
    #[must_use]
    pub const fn publishes_per_sec(mut self, messages: u32) -> Self {
        self.publishes_per_sec = messages;
        self
    }

    /// Returns the history that is kept, or `None` for live topics.
    #[must_use]
    pub const fn get_history(&self) -> Option<History> {
        match self.kind {
            Kind::Stream(history) => Some(history),
            Kind::Latest => Some(History::last(1)),
            Kind::Live | Kind::Unknown => None,
        }
    }

    /// Returns whether it is kept who is present.
    #[must_use]
    pub const fn get_presence(&self) -> bool {
        self.presence
    }

    /// Returns which peers may subscribe.
    #[must_use]
    pub const fn get_subscribe(&self) -> Access {
        self.subscribe
    }

    /// Returns how many messages are kept for subscribers that are behind.
    pub(crate) const fn window(&self) -> usize {
        match (self.slow, self.get_history()) {
            (Slow::DropOldest(messages), _) => messages,
            (Slow::Latest, _) => 1,
            (_, Some(history)) => history.last,
            (_, None) => LIVE_WINDOW,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_subscribers_may_lag_as_far_as_the_history_goes_or_the_rules_say() {
        let stream = Rules::stream(History::last(100));
        let live = Rules::live();
        for (rules, window) in [
            (stream.clone(), 100),
            (stream.clone().slow(Slow::Disconnect), 100),
            (stream.clone().slow(Slow::DropOldest(8)), 8),
            (stream.clone().slow(Slow::DropOldest(0)), 1),
            (stream.slow(Slow::Latest), 1),
            (Rules::latest(), 1),
            (Rules::latest().slow(Slow::Resume), 1),
            (live.clone(), 64),
            (live.clone().slow(Slow::DropOldest(8)), 8),
            (live.clone().slow(Slow::Latest), 1),
            (live.clone().slow(Slow::Resume), 64),
            (live.slow(Slow::Disconnect), 64),
        ] {
            assert_eq!(rules.window(), window, "{rules:?}");
        }
    }

    #[test]
    fn a_history_has_at_least_one_message_and_at_most_65_536() {
        for (asked, kept) in [(0, 1), (1, 1), (65_536, 65_536), (usize::MAX, 65_536)] {
            assert_eq!(History::last(asked).get_last(), kept);
        }
    }
}
