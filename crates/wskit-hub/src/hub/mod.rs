//! The locks and the wakers: what brings the parts of the core together for many threads.

mod call;
mod calls;
mod closing;
mod counts;
mod crowd;
mod deliver;
mod drive;
mod inbox;
mod inner;
mod rights;
mod running;
mod schedule;
mod seat;
mod seated;
mod telemetry;
mod upkeep;
mod wake;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

#[cfg(all(loom, test))]
pub(crate) use self::call::Call;
use self::inner::{Inner, check_name};
use self::seat::Seat;
pub(crate) use self::seated::{Handle, Seated};
use crate::core::Input;
use crate::engine::Engine;
use crate::error::Error;
use crate::limits::Limits;
use crate::member::Present;
use crate::peer::Peer;
use crate::position::{Position, Since};
use crate::publication::{Publication, Published};
use crate::rules::Rules;
use crate::stats::{LabelStats, Stats};
use crate::sync::{AnyWeakWriter, Ordering};
use crate::wire::Wire;

/// Topics, and the connections that are subscribed to them. Cloning it is cheap: all clones are one hub.
///
/// A hub starts no thread or task. What is published is handed to the connections by the futures of
/// [`drive`](Hub::drive); without one, by the thread that publishes. When the last clone and the last
/// [`Peer`] are dropped, the hub is gone and its drivers end.
pub struct Hub {
    inner: Arc<Inner>,
}

/// The settings of a [`Hub`].
#[must_use]
pub struct HubBuilder {
    rules: Box<inner::RulesFn>,
    limits: Limits,
    engine: Option<Arc<dyn Engine>>,
    clock: Option<Box<inner::Clock>>,
    shards: Option<u16>,
}

impl HubBuilder {
    /// Sets the limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Has the hub share its topics with other hubs, by an engine. At least one future of
    /// [`Hub::drive`] must run then.
    pub fn engine(mut self, engine: impl Engine) -> Self {
        self.engine = Some(Arc::new(engine));
        self
    }

    /// Sets what tells the time, for tests with a virtual clock; by default [`Instant::now`]. It has to agree
    /// with the `sleep` of [`Hub::drive`].
    pub fn clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Some(Box::new(now));
        self
    }

    /// Sets into how many parts the connections are divided; each part is served by one thread at a time. The
    /// default is the number of the machine's threads.
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Builds the hub.
    #[must_use]
    pub fn build(self) -> Hub {
        let threads = || available_parallelism().map_or(1, |threads| threads.get().min(256) as u16);
        let shards = self.shards.unwrap_or_else(threads);
        Hub {
            inner: Arc::new(Inner::new(
                self.rules,
                self.limits,
                self.engine,
                self.clock,
                shards,
            )),
        }
    }
}

impl fmt::Debug for HubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubBuilder")
            .field("limits", &self.limits)
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

/// What a hub holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// Topics.
    pub topics: usize,
    /// Peers.
    pub peers: u64,
    /// Subscriptions.
    pub subscriptions: u64,
    /// About how many bytes topics take, with their histories and presence, and the messages as they look on
    /// each wire; compressed forms of those apart.
    pub topic_bytes: usize,
    /// About how many bytes peers and subscriptions take, without their connections.
    pub peer_bytes: usize,
}

impl Hub {
    /// Begins to build a hub whose topics have the rules that `rules` returns for their names.
    ///
    /// It is asked when a topic is first used, also by peers that only try names. If it panics, the use of the
    /// topic fails with [`Error::CallbackPanicked`].
    pub fn builder(rules: impl Fn(&str) -> Rules + Send + Sync + 'static) -> HubBuilder {
        HubBuilder {
            rules: Box::new(rules),
            limits: Limits::new(),
            engine: None,
            clock: None,
            shards: None,
        }
    }

    /// Adds a connection, to which `wire` tells what happens.
    ///
    /// The hub holds the connection weakly: it does not keep it open, and forgets it as soon as it is over. Keep
    /// the peer as long as the connection is served. A connection that is attached twice is two
    /// peers; one that is attached again and again keeps what the earlier ones took until it ends.
    ///
    /// A hub takes eight wires in its life. Make each once and clone it: clones are one wire.
    ///
    /// # Errors
    /// [`Error::Closed`] if the connection is over or the hub is closed, [`Error::TooManyWires`].
    pub fn attach(&self, writer: impl Into<AnyWeakWriter>, wire: &Wire) -> Result<Peer, Error> {
        let writer = writer.into();
        let is_over = writer.batch(&[]).is_err();
        if is_over || self.inner.is_closing.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        let wire = self.inner.wire(wire)?;
        let (shard, slot) = self.inner.seat().ok_or(Error::OutOfMemory)?;
        let hub = Arc::downgrade(&self.inner);
        let seat = Seat::new(hub, shard, slot, wire, writer);
        let connection = seat.clone();
        let attach = Input::Attach {
            slot,
            wire,
            connection,
        };
        self.inner.send(shard, attach);
        // If it is over by now, this tells.
        seat.watch_end();
        let peer = Peer::new(Seated::new(self.clone(), seat));
        // One that was not among those to be closed sees this, as places are given out under a lock.
        if self.inner.is_closing.load(Ordering::Acquire) {
            return Err(Error::Closed);
        }
        Ok(peer)
    }

    /// Publishes a message to all subscribers of a topic, and returns its position.
    ///
    /// When it returns, the message has its place in the topic: it is in the history, and every subscriber
    /// gets it or is told that it has missed something. It waits while
    /// [`Limits::undelivered`] messages wait to be handed to connections.
    ///
    /// # Errors
    /// [`Error::InvalidTopic`], [`Error::UnknownTopic`], [`Error::TooLarge`], [`Error::TooFast`],
    /// [`Error::OutOfMemory`], [`Error::Closed`], [`Error::Engine`], [`Error::CallbackPanicked`].
    ///
    /// # Cancel safety
    /// With an engine, the message may be published even if the future is dropped before it is ready.
    pub async fn publish(&self, topic: &str, publication: Publication) -> Result<Position, Error> {
        let published = self.inner.publish(topic, publication).await;
        self.inner.counted(published)
    }

    /// Reads at most `limit` messages of a topic's history, oldest first, and the position of the newest
    /// message.
    ///
    /// If messages after the position that is given are gone, it begins with the oldest that is left.
    ///
    /// # Errors
    /// [`Error::InvalidTopic`], [`Error::UnknownTopic`], [`Error::OutOfMemory`], [`Error::Closed`],
    /// [`Error::Engine`], [`Error::CallbackPanicked`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn history(
        &self,
        topic: &str,
        since: impl Into<Since>,
        limit: usize,
    ) -> Result<(Vec<Published>, Position), Error> {
        let page = self.inner.history(topic, since.into(), limit).await;
        self.inner.counted(page)
    }

    /// Returns who is present in a topic, as far as this hub knows.
    ///
    /// With an engine, a member that has just entered on another hub may be missing still, even if this hub has
    /// entered one before: to agree on who was first, publish a message.
    ///
    /// # Errors
    /// [`Error::NoPresence`], and those of [`history`](Hub::history).
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn present(&self, topic: &str) -> Result<Present, Error> {
        let present = self.inner.present(topic).await;
        self.inner.counted(present)
    }

    /// Hands messages to connections, until the hub is [closed](Hub::close) or its last handle is dropped.
    /// Spawn one such future for each thread of the runtime, or for each of several runtimes.
    ///
    /// The first of them also keeps the time, for which it uses `sleep`, such as `tokio::time::sleep`, and
    /// follows the engine. Each runs for about a millisecond, then lets other tasks run. A driver does not keep
    /// the hub.
    ///
    /// Without any, messages are handed over by the thread that publishes, and what depends on time (the leave
    /// of members, the end of old history) is done with the next call that concerns the topic. An engine is not
    /// followed then: its calls wait until there is a driver.
    ///
    /// A driver that exists is relied on: if its task is not polled, messages wait, and so do publishers once
    /// [`Limits::undelivered`] of them do.
    ///
    /// ```
    /// # use wskit_hub::{Hub, Rules};
    /// # fn start(hub: &Hub) {
    /// for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
    ///     tokio::spawn(tokio::task::unconstrained(hub.drive(tokio::time::sleep)));
    /// }
    /// # }
    /// ```
    ///
    /// On tokio, `unconstrained` keeps the runtime from refusing writes after 128 of them in a row: a driver lets
    /// others run by itself. On async-std `sleep` is `async_std::task::sleep`, on smol `smol::Timer::after`.
    ///
    /// # Cancel safety
    /// Safe at any time: another driver takes over what this one has not done, and becomes the first if this was
    /// it. If it was the last, its drop hands over what waits, and from then on it is as without any.
    ///
    /// # Panics
    /// If [`Engine::poll_event`] or `sleep` does. The other callbacks are caught.
    pub fn drive<S, F>(&self, sleep: S) -> impl Future<Output = ()> + use<S, F>
    where
        S: Fn(Duration) -> F,
        F: Future,
    {
        drive::drive(self.inner.clone(), sleep)
    }

    /// Returns the rules of a topic: those that it has, or, if it is not in use, those that the application's
    /// function returns for its name.
    ///
    /// # Errors
    /// [`Error::InvalidTopic`], [`Error::UnknownTopic`], [`Error::CallbackPanicked`].
    pub fn rules(&self, topic: &str) -> Result<Rules, Error> {
        check_name(topic)?;
        self.inner.rules(topic)
    }

    /// Returns what the hub has done since it was built.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.inner.stats()
    }

    /// Returns what the hub holds now.
    #[must_use]
    pub fn held(&self) -> Held {
        let stats = self.inner.stats();
        let (topic_bytes, peer_bytes) = self.inner.bytes();
        Held {
            topics: self.inner.topics(),
            peers: stats.peers,
            subscriptions: stats.subscriptions,
            topic_bytes,
            peer_bytes,
        }
    }

    /// Returns how many subscribers a topic has on this hub.
    #[must_use]
    pub fn subscribers(&self, topic: &str) -> u64 {
        let subscribers = self
            .inner
            .with_known(topic, |directory, topic, _, _| directory.subscribers(topic));
        subscribers.unwrap_or(0)
    }

    /// Returns what there is of the topics whose rules have the same [label](Rules::label), sorted by label:
    /// for metrics, in which names of topics have no place.
    ///
    /// It looks at every topic, so it is for a report now and then.
    #[must_use]
    pub fn by_label(&self) -> Vec<LabelStats> {
        self.inner.labels().into_values().collect()
    }

    /// Returns how many publishers wait.
    #[cfg(all(loom, test))]
    pub(crate) fn waiting_publishers(&self) -> usize {
        self.inner.crowd.waiting()
    }

    /// Checks the name of a topic: 1 to 255 bytes without control characters.
    ///
    /// # Errors
    /// [`Error::InvalidTopic`].
    pub fn check_topic(name: &str) -> Result<(), Error> {
        check_name(name)
    }
}

impl Clone for Hub {
    fn clone(&self) -> Self {
        self.inner.handles.fetch_add(1, Ordering::Relaxed);
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if self.inner.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.inner.close();
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("held", &self.held()).finish()
    }
}
