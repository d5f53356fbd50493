//! The fair semaphore of connections that are opened at the same time.

use std::pin::pin;

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::executor::{block_on, poll_once};
use super::{join, model, spawn_with};
use crate::semaphore::Semaphore;
use crate::sync::{Arc, lock};

/// Three threads ask for one permit.
#[test]
fn one_permit_is_held_by_one_at_a_time() {
    model(3, || {
        let semaphore = Semaphore::new(1);
        let inside = Arc::new(AtomicUsize::new(0));
        join([(); 3].map(|()| {
            let (semaphore, inside) = (semaphore.clone(), inside.clone());
            thread::spawn(move || {
                let permit = block_on(semaphore.acquire());
                assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0);
                inside.fetch_sub(1, Ordering::AcqRel);
                drop(permit);
            })
        }));
    });
}

/// Two wait, and a third comes as the permit is given back: they get it in the order in which they came.
#[test]
fn permits_are_given_in_the_order_of_the_queue() {
    model(3, || {
        let semaphore = Semaphore::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let enter = |name| {
            let (semaphore, order) = (semaphore.clone(), order.clone());
            Box::pin(async move {
                let _permit = semaphore.acquire().await;
                lock(&order).push(name);
            })
        };
        let before = block_on(semaphore.acquire());
        let in_line = [1, 2].map(|name| {
            let mut entering = enter(name);
            assert!(poll_once(entering.as_mut()).is_pending());
            thread::spawn(move || block_on(entering))
        });
        let last = enter(3);
        let last = thread::spawn(move || block_on(last));
        drop(before);
        join(in_line);
        join([last]);
        assert_eq!(*lock(&order), [1, 2, 3]);
    });
}

/// The first waiter is dropped as its permit comes: the second gets it.
///
/// Proves: X-io-4
#[test]
fn permit_of_a_dropped_waiter_goes_to_the_next() {
    model(3, || {
        let semaphore = Semaphore::new(1);
        let before = block_on(semaphore.acquire());
        let mut first = Box::pin({
            let semaphore = semaphore.clone();
            async move {
                semaphore.acquire().await;
            }
        });
        assert!(poll_once(first.as_mut()).is_pending());
        let goes_on = spawn_with(&semaphore, move |semaphore| {
            drop(block_on(semaphore.acquire()))
        });
        let gives_up = thread::spawn(move || drop(first));
        drop(before);
        join([goes_on, gives_up]);
    });
}

/// Two permits are given back before the first waiter has seen either: it and the second get them, though
/// neither gives its own back.
#[test]
fn two_permits_that_come_back_at_once_go_to_two_waiters() {
    model(3, || {
        let semaphore = Semaphore::new(2);
        let before = [block_on(semaphore.acquire()), block_on(semaphore.acquire())];
        let entering = [(); 2].map(|()| {
            spawn_with(&semaphore, move |semaphore| {
                core::mem::forget(block_on(semaphore.acquire()))
            })
        });
        drop(before);
        join(entering);
        assert!(poll_once(pin!(semaphore.acquire())).is_pending());
    });
}
