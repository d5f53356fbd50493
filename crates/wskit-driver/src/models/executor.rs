//! Runs each task on a thread of the model.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::{Condvar, Mutex};

use crate::sync::{Arc, lock};

pub(super) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let parker = Arc::new(Parker::new());
    let waker = Waker::from(parker.clone());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        parker.park();
    }
}

/// Polls once, with a waker that wakes no thread.
pub(super) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::new(Parker::new()));
    future.poll(&mut Context::from_waker(&waker))
}

struct Parker {
    woken: Mutex<bool>,
    wake: Condvar,
}

impl Parker {
    fn new() -> Self {
        Self {
            woken: Mutex::new(false),
            wake: Condvar::new(),
        }
    }

    fn park(&self) {
        let mut woken = lock(&self.woken);
        while !core::mem::take(&mut *woken) {
            woken = self.wake.wait(woken).unwrap();
        }
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        *lock(&self.woken) = true;
        self.wake.notify_one();
    }
}
