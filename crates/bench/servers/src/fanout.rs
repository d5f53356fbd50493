//! One message to all connections: a bounded queue for each connection, one publisher.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc::{Receiver, Sender, channel};

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
        let mut members = self.members.lock().expect("no task panics while it holds the members");
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

/// The payload: 128 bytes of text.
#[must_use]
pub fn payload() -> String {
    "0123456789abcdef".repeat(8)
}

/// Messages that may wait for one connection.
const QUEUE: usize = 64;

/// Messages that a batched connection takes at once.
pub const BATCH: usize = 64;
