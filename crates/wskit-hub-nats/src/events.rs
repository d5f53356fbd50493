use std::collections::VecDeque;
use std::pin::pin;
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
    /// Messages, and what is said of other hubs and their members.
    messages: VecDeque<EngineEvent>,
    bytes: usize,
    is_lost: bool,
    /// The hub does not ask any more.
    is_closed: bool,
    waker: Option<Waker>,
}

impl Events {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, add: impl FnOnce(&mut Queues)) {
        let mut queues = self.lock();
        if queues.is_closed {
            return;
        }
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
        // After what came of its members. It needs no room, as there are few hubs.
        self.push(|queues| {
            queues.messages.push_back(EngineEvent::NodeGone { node });
        });
    }

    /// Hands on a message or a member, when there is room.
    pub(crate) async fn message(&self, event: EngineEvent) {
        let bytes = bytes(&event);
        loop {
            let room = self.room.notified();
            // Also if that is said before the first poll.
            let mut room = pin!(room);
            room.as_mut().enable();
            {
                let queues = self.lock();
                let is_full = queues.messages.len() >= MESSAGES || queues.bytes >= BYTES;
                if !is_full || queues.is_closed {
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

    /// The engine was dropped: nothing waits for room any more.
    pub(crate) fn close(&self) {
        let mut queues = self.lock();
        let rest = std::mem::take(&mut *queues);
        queues.is_closed = true;
        drop(queues);
        drop(rest);
        self.room.notify_waiters();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::Waker;
    use wskit_hub::{Epoch, Member, NodeId, Position, Publication};

    fn message(bytes: usize) -> EngineEvent {
        EngineEvent::Published {
            topic: "t".into(),
            position: Position {
                epoch: Epoch::new(0),
                offset: 0,
            },
            before: None,
            publication: Publication::binary(vec![0; bytes]),
        }
    }

    fn poll(events: &Events) -> Poll<EngineEvent> {
        events.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn messages_wait_for_room_and_answers_do_not() {
        let events = Arc::new(Events::default());
        events.message(message(BYTES)).await;
        let more = events.clone();
        let waiting = tokio::spawn(async move { more.message(message(1)).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        events.up();
        events.lost();
        events.lost();
        assert!(matches!(poll(&events), Poll::Ready(EngineEvent::Lost)));
        assert!(matches!(poll(&events), Poll::Ready(EngineEvent::Up)));
        assert!(poll(&events).is_ready());
        waiting.await.expect("there is room");
        assert!(poll(&events).is_ready());
        assert!(poll(&events).is_pending());
    }

    #[tokio::test]
    async fn a_hub_is_gone_after_what_came_of_its_members() {
        let events = Events::default();
        let joined = EngineEvent::Joined {
            topic: "t".into(),
            node: NodeId(7),
            member: Member::new("ann"),
        };
        events.message(joined.clone()).await;
        events.gone(7);
        assert_eq!(
            format!("{:?}", poll(&events)),
            format!("{:?}", Poll::Ready(joined))
        );
        assert!(matches!(
            poll(&events),
            Poll::Ready(EngineEvent::NodeGone { node: NodeId(7) })
        ));
    }

    #[tokio::test]
    async fn nothing_waits_for_a_hub_that_does_not_ask_any_more() {
        let events = Arc::new(Events::default());
        events.message(message(BYTES)).await;
        let more = events.clone();
        let waiting = tokio::spawn(async move { more.message(message(1)).await });
        tokio::task::yield_now().await;
        events.close();
        waiting.await.expect("it does not wait");
        assert!(poll(&events).is_pending());
    }
}
