//! One waker for many tasks.

use std::task::{Poll, Waker};

use loom::thread;

use super::executor::block_on;
use super::{join, model};
use crate::fan_out::FanOut;
use crate::sync::{Arc, AtomicUsize, Ordering};

/// Two tasks wait for one event through one waker: both are woken, whenever it comes.
#[test]
fn fan_out_wakes_everybody_who_waits() {
    model(3, || {
        let fan_out = Arc::new(FanOut::new());
        let event = Arc::new(AtomicUsize::new(0));
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let (fan_out, event) = (fan_out.clone(), event.clone());
                thread::spawn(move || {
                    block_on(std::future::poll_fn(|cx| {
                        let ticket = fan_out.ticket();
                        if event.load(Ordering::Acquire) == 1 {
                            return Poll::Ready(());
                        }
                        fan_out.wait(ticket, cx.waker());
                        Poll::Pending
                    }));
                })
            })
            .collect();
        event.store(1, Ordering::Release);
        Waker::from(fan_out).wake();
        join(waiting);
    });
}
