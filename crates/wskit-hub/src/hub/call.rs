use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use super::seat::Seat;
use super::wake::wake;
use crate::core::Answer;
use crate::sync::{Mutex, lock};

/// A call of the application that waits for its answer.
#[derive(Default)]
pub(crate) struct Call {
    state: Mutex<State>,
    /// The peer that subscribes.
    seat: Option<Arc<Seat>>,
}

#[derive(Debug, Default)]
struct State {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

impl Call {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Creates the call of a peer that subscribes to a topic, which counts among its topics.
    pub(super) fn of(seat: Arc<Seat>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            seat: Some(seat),
        })
    }

    /// Answers it. This wakes a task.
    pub(crate) fn answer(&self, answer: Answer) {
        if let (Answer::Subscribed(Err(_)), Some(seat)) = (&answer, &self.seat) {
            seat.release_topic();
        }
        let waker = {
            let mut state = lock(&self.state);
            state.answer = Some(answer);
            state.waker.take()
        };
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    /// Waits for the answer.
    pub(crate) async fn wait(&self) -> Answer {
        poll_fn(|cx| {
            // Cloned and dropped without the lock: wakers are foreign code.
            let waker = Some(cx.waker().clone());
            let mut state = lock(&self.state);
            if let Some(answer) = state.answer.take() {
                return Poll::Ready(answer);
            }
            let old = std::mem::replace(&mut state.waker, waker);
            drop(state);
            drop(old);
            Poll::Pending
        })
        .await
    }
}
