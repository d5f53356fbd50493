use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use wskit_hub::{EngineError, EngineEvent, Reply, RequestId};

use crate::error::Failure;

/// How many messages wait for the hub at most, and how many bytes of payload.
const MESSAGES: usize = 8192;
const BYTES: usize = 16 << 20;

/// What waits for the hub.
#[derive(Debug, Default)]
pub(crate) struct Events {
    queues: Mutex<Queues>,
    room: Notify,
}

#[derive(Debug, Default)]
struct Queues {
    /// Answers, of which there are no more than commands, and what is said of the engine itself.
    own: VecDeque<EngineEvent>,
    /// Messages, and members of other hubs.
    messages: VecDeque<EngineEvent>,
    bytes: usize,
    is_lost: bool,
    waker: Option<Waker>,
}

impl Events {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, add: impl FnOnce(&mut Queues)) {
        let mut queues = self.lock();
        add(&mut queues);
        let waker = queues.waker.take();
        drop(queues);
        // The waker is the hub's code.
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Answers a command.
    pub(crate) fn answer(&self, id: RequestId, result: Result<Reply, Failure>) {
        let result = result.map_err(EngineError::from);
        self.push(|queues| queues.own.push_back(EngineEvent::Done { id, result }));
    }

    pub(crate) fn up(&self) {
        self.push(|queues| queues.own.push_back(EngineEvent::Up));
    }

    pub(crate) fn down(&self) {
        self.push(|queues| queues.own.push_back(EngineEvent::Down));
    }

    /// Says that messages may have been lost. Said again before the hub has heard it, it is said once.
    pub(crate) fn lost(&self) {
        self.push(|queues| queues.is_lost = true);
    }

    pub(crate) fn gone(&self, node: u64) {
        let node = wskit_hub::NodeId(node);
        self.push(|queues| queues.own.push_back(EngineEvent::NodeGone { node }));
    }

    /// Hands on a message or a member, when there is room.
    pub(crate) async fn message(&self, event: EngineEvent) {
        let bytes = bytes(&event);
        loop {
            let room = self.room.notified();
            {
                let queues = self.lock();
                let is_full = queues.messages.len() >= MESSAGES || queues.bytes >= BYTES;
                if !is_full {
                    drop(queues);
                    break;
                }
            }
            room.await;
        }
        self.push(|queues| {
            queues.bytes += bytes;
            queues.messages.push_back(event);
        });
    }

    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<EngineEvent> {
        let mut queues = self.lock();
        if std::mem::take(&mut queues.is_lost) {
            return Poll::Ready(EngineEvent::Lost);
        }
        if let Some(event) = queues.own.pop_front() {
            return Poll::Ready(event);
        }
        let Some(event) = queues.messages.pop_front() else {
            // The clone and the drop of a waker are foreign code too, which may come back here.
            let is_same = |waker: &Waker| waker.will_wake(cx.waker());
            if queues.waker.as_ref().is_some_and(is_same) {
                return Poll::Pending;
            }
            drop(queues);
            let waker = cx.waker().clone();
            let mut queues = self.lock();
            let old = queues.waker.replace(waker);
            let is_idle = queues.own.is_empty() && queues.messages.is_empty() && !queues.is_lost;
            drop(queues);
            drop(old);
            if !is_idle {
                // Something came meanwhile.
                cx.waker().wake_by_ref();
            }
            return Poll::Pending;
        };
        queues.bytes -= bytes(&event);
        drop(queues);
        self.room.notify_one();
        Poll::Ready(event)
    }
}

fn bytes(event: &EngineEvent) -> usize {
    match event {
        EngineEvent::Published { publication, .. } => publication.payload().len(),
        EngineEvent::Joined { member, .. } => member.get_info().len(),
        _ => 0,
    }
}
