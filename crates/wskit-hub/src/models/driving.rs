//! Drivers: nothing is left undone when one waits, goes or is dropped.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use super::executor::{block_on, poll_once};
use super::exploration::{join, model, spawn_with};
use super::{AnyWeakWriter, hub, offsets, publication};
use crate::core::Answer;
use crate::hub::Call;
use crate::{Error, Limits, Since};

/// A driver is woken for what is published, and ends with the hub.
#[test]
fn driver_delivers_and_ends_with_the_hub() {
    model(2, || {
        let hub = hub(4, Limits::new());
        let connection = AnyWeakWriter::new(9);
        let peer = hub.attach(connection.clone(), &offsets()).unwrap();
        let driver = hub.drive(|_| pending::<()>());
        let driving = spawn_with(&(), move |()| block_on(driver));
        block_on(peer.subscribe("t", Since::Now)).unwrap();
        block_on(hub.publish("t", publication())).unwrap();
        block_on(connection.until(1));
        drop((peer, hub));
        join([driving]);
        assert_eq!(connection.taken(), [1]);
    });
}

/// A driver that is dropped at any time leaves its work to another one, or does it.
#[test]
fn driver_that_is_dropped_leaves_nothing_undone() {
    model(3, || {
        let hub = hub(4, Limits::new());
        let connection = AnyWeakWriter::new(9);
        let peer = hub.attach(connection.clone(), &offsets()).unwrap();
        block_on(peer.subscribe("t", Since::Now)).unwrap();
        let driver = hub.drive(|_| pending::<()>());
        let driving = spawn_with(&(), move |()| {
            let driver = pin!(driver);
            assert!(poll_once(driver).is_pending());
        });
        for _ in 0..2 {
            block_on(hub.publish("t", publication())).unwrap();
        }
        join([driving]);
        assert_eq!(connection.taken(), [1, 2]);
    });
}

/// Publishers that wait because an inbox is full are woken by the turn that empties it.
#[test]
fn publisher_that_waits_for_a_crowded_shard_goes_on() {
    model(2, || {
        let hub = hub(4, Limits::new().undelivered(1));
        let connection = AnyWeakWriter::new(9);
        let peer = hub.attach(connection.clone(), &offsets()).unwrap();
        block_on(peer.subscribe("t", Since::Now)).unwrap();
        let driver = hub.drive(|_| pending::<()>());
        let driving = spawn_with(&(), move |()| block_on(driver));
        for _ in 0..2 {
            block_on(hub.publish("t", publication())).unwrap();
        }
        block_on(connection.until(2));
        drop((peer, hub));
        join([driving]);
        assert_eq!(connection.taken(), [1, 2]);
    });
}

/// Without a driver, publishers wait for the thread that happens to deliver.
#[test]
fn publisher_without_a_driver_waits_for_another_thread() {
    model(2, || {
        let hub = hub(4, Limits::new().undelivered(1));
        let connection = AnyWeakWriter::new(9);
        let peer = hub.attach(connection.clone(), &offsets()).unwrap();
        block_on(peer.subscribe("t", Since::Now)).unwrap();
        let other = spawn_with(&hub, |hub| {
            block_on(hub.publish("t", publication())).unwrap();
        });
        block_on(hub.publish("t", publication())).unwrap();
        join([other]);
        assert_eq!(connection.taken(), [1, 2]);
        assert_eq!(hub.waiting_publishers(), 0);
    });
}

/// An answer that comes while the call begins to wait wakes it.
#[test]
fn answer_wakes_its_call() {
    model(3, || {
        let call = Call::new();
        let answering = spawn_with(&call, |call: Arc<Call>| {
            call.answer(Answer::Published(Err(Error::Closed)));
        });
        assert!(matches!(
            block_on(call.wait()),
            Answer::Published(Err(Error::Closed))
        ));
        join([answering]);
    });
}
