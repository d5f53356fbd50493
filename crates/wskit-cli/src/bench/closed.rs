//! The closed model: a connection sends a burst, waits for all answers, and begins again.

use std::collections::VecDeque;
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncWrite};
use wskit::{CloseCode, Outbox, WebSocket};

use super::worker::{Early, Phase, Thread, closed_early, kind_of};

/// The bursts of one connection.
pub(crate) struct Exchange<'a> {
    thread: &'a Rc<Thread>,
    burst: u32,
    /// Messages of the burst that are not sent yet.
    unsent: u32,
    /// When those were sent that are not answered.
    waiting: VecDeque<u64>,
    number: u64,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(thread: &'a Rc<Thread>, burst: u32) -> Self {
        Self {
            thread,
            burst,
            unsent: burst,
            waiting: VecDeque::new(),
            number: 0,
        }
    }

    /// Sends and receives until the phase `Draining` and the last answer, or the phase `Closing`.
    pub(crate) async fn run<S>(mut self, ws: &mut WebSocket<S>) -> Result<(), Early>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let thread = self.thread;
        thread.live().busy.add(1);
        let done = tokio::select! {
            done = self.exchange(ws) => done,
            () = thread.shared.reached(Phase::Closing) => Ok(()),
        };
        thread.live().busy.less_one();
        let lost = self
            .waiting
            .iter()
            .filter(|sent| thread.shared.is_measured(**sent));
        thread.stats.borrow_mut().unanswered += lost.count() as u64;
        done
    }

    async fn exchange<S>(&mut self, ws: &mut WebSocket<S>) -> Result<(), Early>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let shared = &self.thread.shared;
        self.fill(ws.outbox());
        loop {
            let received = ws.recv_ref().await.map_err(|error| kind_of(&error))?;
            let Some((message, out)) = received else {
                break;
            };
            match self.waiting.pop_front() {
                Some(sent) => self.thread.answered(sent, message.len(), shared.now()),
                // More than was asked for.
                None => self.thread.received(message.len()),
            }
            if self.unsent == 0 && self.waiting.is_empty() {
                if !shared.is_sending() {
                    return Ok(());
                }
                self.unsent = self.burst;
            }
            if self.unsent > 0 {
                self.fill(out);
            }
        }
        Err(closed_early(ws.outcome().as_ref()))
    }

    /// Queues what is left of the burst, as far as there is room: the answers to the first messages make
    /// room for the others, so that two ends that both send much do not wait for one another.
    fn fill(&mut self, out: &mut Outbox) {
        let now = self.thread.shared.now();
        while self.unsent > 0 && (self.waiting.is_empty() || !out.is_over_high_water()) {
            let message = self.thread.shared.payloads.message(self.number);
            let size = message.len();
            if out.feed(message).is_err() {
                return; // the connection ends, which receiving reports
            }
            self.thread.sent(size);
            self.waiting.push_back(now);
            self.number += 1;
            self.unsent -= 1;
        }
    }
}

/// Sends as fast as the server takes it, and ignores what comes.
pub(crate) async fn send_only<S>(ws: WebSocket<S>, thread: &Rc<Thread>) -> Result<(), Early>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let shared = &thread.shared;
    let (mut reader, writer) = ws.split();
    let receiving = async {
        while let Some(message) = reader.recv_ref().await.map_err(|error| kind_of(&error))? {
            thread.received(message.len());
        }
        Err(closed_early(reader.outcome().as_ref()))
    };
    let sending = async {
        for number in 0.. {
            let message = shared.payloads.message(number);
            let size = message.len();
            if !shared.is_sending() || writer.feed(message).await.is_err() {
                break; // the other half says why
            }
            thread.sent(size);
            if number % 64 == 63 {
                tokio::task::yield_now().await;
            }
        }
        shared.reached(Phase::Closing).await;
    };
    let ended = tokio::select! {
        ended = receiving => ended,
        () = sending => Ok(()),
    };
    if ended.is_ok() {
        drop(reader);
        let _ = writer.close(CloseCode::NORMAL, "").await; // it was measured before
    }
    ended
}
