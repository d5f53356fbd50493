//! The open model: messages leave at a fixed rate, whatever the server does. The latency of a message
//! counts from the time at which it should have been sent.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use wskit::{CloseCode, WebSocket, Writer};

use super::Expect;
use super::pace::Alarm;
use super::worker::{Early, Phase, Thread, closed_early, kind_of};

/// What sends the messages of a thread, over its connections in turn.
pub(crate) struct Pacer<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    thread: Rc<Thread>,
    lanes: RefCell<Vec<Rc<Lane<S>>>>,
    number: Cell<u64>,
}

/// A connection that the pacer sends on.
struct Lane<S: AsyncRead + AsyncWrite + Unpin + 'static> {
    writer: Writer<S>,
    /// The times at which messages should have been sent that are not answered, in order. The last
    /// `unsent` of them are not sent, because the server takes nothing.
    due: RefCell<VecDeque<u64>>,
    unsent: Cell<usize>,
    /// Told when the last answer has come.
    answered: Notify,
}

/// How many messages are sent before what has come is looked at.
const AT_ONCE: u32 = 256;

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> Pacer<S> {
    pub(crate) fn new(thread: Rc<Thread>) -> Self {
        Self {
            thread,
            lanes: RefCell::default(),
            number: Cell::new(0),
        }
    }

    /// Sends messages from the phase `Running` to `Draining`. `rate` is that of all threads.
    pub(crate) async fn run(&self, rate: f64) {
        let shared = &self.thread.shared;
        shared.reached(Phase::Running).await;
        let mut alarm = match Alarm::new() {
            Ok(alarm) => alarm,
            Err(error) => {
                let kind = format!("the timer failed: {error}");
                return self.thread.error(kind, crate::exit::Exit::Local);
            }
        };
        let mut next = shared.now() as f64;
        let (mut cursor, mut at_once) = (0_usize, 0);
        while shared.is_sending() {
            let open = self.lanes.borrow().len();
            if open == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                next = shared.now() as f64;
                continue;
            }
            if next > shared.now() as f64 {
                at_once = 0;
                if alarm.wait_until(shared.instant(next as u64)).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                continue;
            }
            cursor = (cursor + 1) % open;
            let lane = self.lanes.borrow().get(cursor).cloned();
            if let Some(lane) = lane {
                lane.due.borrow_mut().push_back(next as u64);
                lane.unsent.set(lane.unsent.get() + 1);
                self.send(&lane);
            }
            // During a ramp the rate grows with the connections; after it they share the rate of those
            // that are lost.
            let settled = shared.total(|live| &live.settled) == u64::from(shared.connections);
            let all = if settled {
                shared.total(|live| &live.open).max(open as u64)
            } else {
                shared.connections.into()
            };
            next += 1e9 * all as f64 / (rate * open as f64);
            at_once += 1;
            if at_once == AT_ONCE {
                at_once = 0;
                tokio::task::yield_now().await;
            }
        }
    }

    /// Sends what is due on a connection, as far as there is room.
    fn send(&self, lane: &Lane<S>) {
        let echo = self.thread.shared.expect == Expect::Echo;
        while lane.unsent.get() > 0 {
            let message = self.thread.shared.payloads.message(self.number.get());
            let size = message.len();
            // The queue is full, or the connection ends, which receiving reports.
            if lane.writer.try_feed(message).is_err() {
                break;
            }
            self.number.set(self.number.get() + 1);
            self.thread.sent(size);
            lane.unsent.set(lane.unsent.get() - 1);
            if !echo {
                lane.due.borrow_mut().pop_front();
            }
        }
        // Writes what was queued, and waits for nothing.
        let _ = lane.writer.batch(&[]);
    }

    /// Has messages sent on the connection, and receives the answers, until it is to be closed.
    pub(crate) async fn take_part(&self, ws: WebSocket<S>) -> Result<(), Early> {
        let thread = &self.thread;
        let (mut reader, writer) = ws.split();
        let lane = Rc::new(Lane {
            writer,
            due: RefCell::default(),
            unsent: Cell::new(0),
            answered: Notify::new(),
        });
        self.lanes.borrow_mut().push(lane.clone());
        thread.live().busy.add(1);
        let receiving = async {
            while let Some(message) = reader.recv_ref().await.map_err(|error| kind_of(&error))? {
                let sent = lane.due.borrow().len() - lane.unsent.get();
                let due = if sent > 0 {
                    lane.due.borrow_mut().pop_front()
                } else {
                    None
                };
                match due {
                    Some(due) => thread.answered(due, message.len(), thread.shared.now()),
                    None => thread.received(message.len()),
                }
                if lane.unsent.get() > 0 {
                    self.send(&lane);
                } else if lane.due.borrow().is_empty() {
                    lane.answered.notify_waiters();
                }
            }
            Err(closed_early(reader.outcome().as_ref()))
        };
        let ending = async {
            thread.shared.reached(Phase::Draining).await;
            if !lane.due.borrow().is_empty() {
                tokio::select! {
                    () = lane.answered.notified() => {}
                    () = thread.shared.reached(Phase::Closing) => {}
                }
            }
        };
        let ended = tokio::select! {
            ended = receiving => ended,
            () = ending => Ok(()),
        };
        thread.live().busy.less_one();
        if ended.is_err() {
            self.lanes
                .borrow_mut()
                .retain(|other| !Rc::ptr_eq(other, &lane));
        }
        let lost = lane
            .due
            .borrow()
            .iter()
            .filter(|due| thread.shared.is_measured(**due))
            .count();
        thread.stats.borrow_mut().unanswered += lost as u64;
        if ended.is_ok() {
            drop(reader);
            let _ = lane.writer.close(CloseCode::NORMAL, "").await; // it was measured before
        }
        ended
    }
}
