//! One message to all connections: a bounded queue for each connection, one publisher.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::BoxError;
use crate::options::Options;

/// Where connections register for the messages. The publisher starts once all are there and sends
/// as fast as the slowest connection takes it; nothing is lost.
pub struct Hub<M> {
    wanted: usize,
    message: M,
    members: Mutex<Vec<Sender<M>>>,
}

impl<M: Clone + Send + Sync + 'static> Hub<M> {
    /// A hub that sends `message` to `wanted` connections.
    #[must_use]
    pub fn new(wanted: usize, message: M) -> Arc<Self> {
        Arc::new(Self {
            wanted,
            message,
            members: Mutex::new(Vec::with_capacity(wanted)),
        })
    }

    /// Makes one connection a member.
    pub fn join(self: &Arc<Self>) -> Receiver<M> {
        let (sender, receiver) = channel(QUEUE);
        let mut members = self
            .members
            .lock()
            .expect("no task panics while it holds the members");
        members.push(sender);
        if members.len() == self.wanted {
            let members = std::mem::take(&mut *members);
            let message = self.message.clone();
            // Unconstrained, so that it is only stopped by a queue that is full: every connection has
            // a backlog then, as it has when messages come faster than they can be written.
            tokio::spawn(tokio::task::unconstrained(async move {
                loop {
                    for member in &members {
                        if member.send(message.clone()).await.is_err() {
                            return;
                        }
                    }
                }
            }));
        }
        receiver
    }
}

/// Which connections of `--fanout N` subscribe, and when they have: the first N. What comes on the next one
/// are numbers K in decimal text, and each asks for K publications to the others.
#[derive(Clone)]
pub struct Subscribers(Arc<Counters>);

struct Counters {
    wanted: usize,
    arrived: AtomicUsize,
    joined: AtomicUsize,
}

impl Subscribers {
    /// As the command line has it.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self(Arc::new(Counters {
            wanted: options.fanout.unwrap_or(0),
            arrived: AtomicUsize::new(0),
            joined: AtomicUsize::new(0),
        }))
    }

    /// Counts a connection, before its upgrade, and returns whether it is to subscribe.
    #[must_use]
    pub fn arrive(&self) -> bool {
        self.0.arrived.fetch_add(1, Ordering::Relaxed) < self.0.wanted
    }

    /// Counts a connection that has subscribed.
    pub fn joined(&self) {
        self.0.joined.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many publications a message asks for, once all have subscribed.
    ///
    /// # Errors
    /// It is no number.
    pub async fn asked(&self, text: &[u8]) -> Result<usize, BoxError> {
        while self.0.joined.load(Ordering::Relaxed) < self.0.wanted {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(std::str::from_utf8(text)?.parse()?)
    }
}

/// The payload: 128 bytes of text.
#[must_use]
pub fn payload() -> String {
    "0123456789abcdef".repeat(8)
}

/// Messages that may wait for one connection.
const QUEUE: usize = 64;

/// Messages that a batched connection takes at once.
pub const BATCH: usize = 64;
