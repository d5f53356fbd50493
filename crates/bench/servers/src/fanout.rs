//! One message to all connections: a bounded queue for each connection, one publisher.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::{Receiver, Sender, channel};

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

/// Publishes bursts to a hub at a fixed rate, once all connections of `--fanout` are there.
pub struct Bursts {
    options: &'static Options,
    members: AtomicUsize,
}

impl Bursts {
    /// As the command line has it.
    #[must_use]
    pub fn new(options: &'static Options) -> Arc<Self> {
        Arc::new(Self {
            options,
            members: AtomicUsize::new(0),
        })
    }

    /// Counts a connection. With the last one, `publish` begins to be awaited for each message.
    pub fn join<F: Future<Output = ()> + Send>(
        &self,
        mut publish: impl FnMut() -> F + Send + 'static,
    ) {
        let members = self.members.fetch_add(1, Ordering::Relaxed) + 1;
        if self.options.fanout != Some(members) {
            return;
        }
        let (mut ticks, burst) = (
            tokio::time::interval(self.options.every),
            self.options.burst,
        );
        tokio::spawn(async move {
            loop {
                ticks.tick().await;
                for _ in 0..burst {
                    publish().await;
                }
            }
        });
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
