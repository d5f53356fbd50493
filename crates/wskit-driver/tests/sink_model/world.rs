use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use wskit_driver::ConnectionError;
use wskit_frame::OpCode;
use wskit_proto::{Message, Role};
use wskit_test::{Frame, Frames, Probe};

use crate::{End, Plan};

/// What is known of a run.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) role: Role,
    pub(crate) near: Probe,
    pub(crate) far: Probe,
    pub(crate) sinks: Vec<Account>,
    /// What the peer has to write.
    pub(crate) jobs: RefCell<VecDeque<Job>>,
    pub(crate) peer: RefCell<Option<Waker>>,
    pub(crate) main: RefCell<Option<Waker>>,
    pub(crate) answers_sent: Cell<usize>,
    pub(crate) answers_received: Cell<usize>,
    /// The end has begun, so calls may fail.
    pub(crate) ending: Cell<bool>,
    /// The peer's Close is queued, and it sends nothing more.
    pub(crate) peer_closes: Cell<bool>,
    pub(crate) received_all: Cell<bool>,
    pub(crate) peer_read_all: Cell<bool>,
}

/// Of one sink, messages that were
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) fed: Cell<usize>,
    /// fed before its last flush or close began,
    pub(crate) asked: Cell<usize>,
    /// and received by the peer.
    pub(crate) arrived: Cell<usize>,
    pub(crate) done: Cell<bool>,
}

pub(crate) enum Job {
    Frame(Vec<u8>),
    Close,
    Finish,
}

impl World {
    /// All that has to happen has happened.
    pub(crate) fn poll_done(&self, cx: &mut Context<'_>) -> Poll<()> {
        *self.main.borrow_mut() = Some(cx.waker().clone());
        let operated = self.sinks.iter().all(|sink| sink.done.get());
        let came = match self.plan.end {
            End::None => {
                let left = |sink: &Account| sink.arrived.get() < sink.asked.get();
                !self.sinks.iter().any(left)
                    && self.answers_received == self.answers_sent
                    && self.jobs.borrow().is_empty()
            }
            End::Ours | End::Peers => self.received_all.get() && self.peer_read_all.get(),
            End::Gone => self.received_all.get(),
        };
        if operated && came {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    pub(crate) fn changed(&self) {
        self.main.take().into_iter().for_each(Waker::wake);
    }

    /// Asserts what must be true at the end.
    pub(crate) fn check(&self) {
        if matches!(self.plan.end, End::Ours | End::Peers) {
            for (who, sink) in self.sinks.iter().enumerate() {
                assert_eq!(sink.arrived, sink.fed, "sink {who}: not all has arrived");
            }
            assert_eq!(self.answers_received, self.answers_sent, "answers are lost");
        }
    }

    pub(crate) fn job(&self, job: Job) {
        match job {
            Job::Frame(_) if self.peer_closes.get() => return,
            Job::Close if self.peer_closes.replace(true) => return,
            _ => {}
        }
        self.jobs.borrow_mut().push_back(job);
        self.peer.take().into_iter().for_each(Waker::wake);
    }

    pub(crate) fn answer(&self) {
        if !self.peer_closes.get() {
            let number = self.answers_sent.get();
            self.answers_sent.set(number + 1);
            self.job(Job::Frame(Frames::to(self.role).text(&number.to_string())));
        }
    }

    /// Returns how many messages of this sink are completely in the transport.
    pub(crate) fn written(&self, who: usize) -> usize {
        let frames = Frame::parse_all(self.role, &self.near.written());
        let its = |frame: &&Frame| frame.opcode == OpCode::Binary && frame.payload[0] == who as u8;
        frames.iter().filter(its).count()
    }

    /// Asserts that only a connection that was reset has ended in an error. It may have been closed before.
    pub(crate) fn may_fail(&self, closed: Result<(), ConnectionError>) {
        if let Err(error) = closed {
            assert_eq!(self.plan.end, End::Gone, "{error:?}");
        }
    }

    pub(crate) fn received(&self, received: Result<Message, ConnectionError>) {
        match received {
            Ok(message) => {
                let number = self.answers_received.get();
                assert_eq!(message.as_text(), Some(&*number.to_string()), "an answer");
                self.answers_received.set(number + 1);
                self.changed();
            }
            Err(error) => self.may_fail(Err(error)),
        }
    }

    pub(crate) fn received_end(&self) {
        assert!(self.ending.get(), "the stream ended by itself");
        self.received_all.set(true);
        self.changed();
    }
}
