use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A boxed future that may borrow and need not be `Send`.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Runs two futures to their ends as if each were a task.
///
/// A future that was not woken itself is not polled, so a wake-up of one future cannot hide a lost
/// wake-up of the other.
pub async fn join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (None, None);
    let tasks: Vec<Boxed<'_, ()>> = vec![
        Box::pin(async { first = Some(a.await) }),
        Box::pin(async { second = Some(b.await) }),
    ];
    join_all(tasks).await;
    match (first, second) {
        (Some(first), Some(second)) => (first, second),
        _ => unreachable!("both have ended"),
    }
}

/// Runs any number of futures to their ends, as [`join`] runs two.
pub async fn join_all<T>(tasks: Vec<Boxed<'_, T>>) -> Vec<T> {
    let mut results: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    let mut tasks: Vec<_> = tasks
        .into_iter()
        .map(|task| (Some(task), Arc::new(Flag::default())))
        .collect();
    let mut polls = 0;
    poll_fn(move |cx| {
        let mut waiting = false;
        for ((task, flag), result) in tasks.iter_mut().zip(&mut results) {
            let Some(running) = task else { continue };
            flag.set_outer(cx.waker());
            if !flag.asleep.swap(true, Ordering::AcqRel) {
                polls += 1;
                assert!(polls < MOST_POLLS, "busy: {polls} polls and no end");
                let waker = Waker::from(flag.clone());
                if let Poll::Ready(output) = running.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    *result = Some(output);
                    *task = None;
                    continue;
                }
            }
            waiting = true;
        }
        if waiting {
            return Poll::Pending;
        }
        Poll::Ready(results.iter_mut().filter_map(Option::take).collect())
    })
    .await
}

/// Polls `future` up to `times` times, then drops it. Returns `None` if it was not ready by then.
pub async fn cut<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Polls `future` once and drops it. Returns `None` if it was not ready.
pub async fn once<F: Future>(future: F) -> Option<F::Output> {
    cut(future, 1).await
}

/// Yields once, so that other tasks run.
pub async fn pause() {
    let mut again = true;
    poll_fn(move |cx| {
        if core::mem::take(&mut again) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// Polls after which `join` panics: more than any test needs.
const MOST_POLLS: usize = 10_000_000;

/// Whether a task was woken since it was last polled.
#[derive(Default)]
struct Flag {
    asleep: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Flag {
    fn set_outer(&self, waker: &Waker) {
        let mut outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner);
        if !outer.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *outer = Some(waker.clone());
        }
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.asleep.store(false, Ordering::Release);
        let outer = self
            .outer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}
