//! A model of two tasks that use one connection.

use std::task::{Poll, Waker};

use loom::sync::Mutex;
use loom::thread;

use super::executor::block_on;
use super::{join, model};
use crate::sync::{Arc, AtomicUsize, Ordering, lock};
use crate::tasks::{Side, Tasks};

/// Both sides wait for one event through one waker, which is registered once: both are woken.
#[test]
fn both_sides_are_woken_by_one_waker() {
    model(3, || {
        let tasks = Arc::new(Mutex::new(Tasks::default()));
        let event = Arc::new(AtomicUsize::new(0));
        let socket = Arc::new(Mutex::new(None::<Waker>));
        let waiting = [Side::Receive, Side::Send].map(|side| {
            let (tasks, event, socket) = (tasks.clone(), event.clone(), socket.clone());
            thread::spawn(move || {
                block_on(std::future::poll_fn(|cx| {
                    lock(&tasks).poll(side, cx, |cx| {
                        *lock(&socket) = Some(cx.waker().clone());
                        if event.load(Ordering::Acquire) == 1 {
                            Poll::Ready(())
                        } else {
                            Poll::Pending
                        }
                    })
                }));
            })
        });
        event.store(1, Ordering::Release);
        let waker = lock(&socket).take();
        waker.into_iter().for_each(Waker::wake);
        join(waiting);
    });
}
