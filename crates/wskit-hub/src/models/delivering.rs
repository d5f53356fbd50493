//! Subscribers and publishers without a driver: each does what there is to do.

use loom::thread;

use super::executor::block_on;
use super::exploration::{join, model, spawn_with};
use super::{AnyWeakWriter, hub, offsets, publication};
use crate::{Limits, Since, Subscribed};

/// A peer that subscribes while messages are published gets the rest of them, in order and once.
#[test]
fn subscriber_gets_all_after_its_position() {
    model(3, || {
        let hub = hub(4, Limits::new());
        let connection = AnyWeakWriter::new(9);
        let peer = hub.attach(connection.clone(), &offsets()).unwrap();
        let publishing = spawn_with(&hub, |hub| {
            for _ in 0..2 {
                block_on(hub.publish("t", publication())).unwrap();
            }
        });
        let subscribed = block_on(peer.subscribe("t", Since::Now)).unwrap();
        let Subscribed::Fresh { position, .. } = subscribed else {
            panic!("{subscribed:?}");
        };
        join([publishing]);
        let after = u8::try_from(position.offset).unwrap();
        assert_eq!(connection.taken(), (after + 1..=2).collect::<Vec<_>>());
    });
}

/// A subscription that ends meanwhile gets the first of the messages, and leaves nothing behind.
#[test]
fn unsubscribing_and_dropping_leave_nothing() {
    model(3, || {
        let hub = hub(4, Limits::new());
        let connection = AnyWeakWriter::new(9);
        let peer = hub.attach(connection.clone(), &offsets()).unwrap();
        block_on(peer.subscribe("t", Since::Now)).unwrap();
        let publishing = spawn_with(&hub, |hub| {
            for _ in 0..2 {
                block_on(hub.publish("t", publication())).unwrap();
            }
        });
        peer.unsubscribe("t");
        drop(peer);
        join([publishing]);
        let taken = connection.taken();
        assert!([1, 2].starts_with(&taken), "{taken:?}");
        let held = hub.held();
        assert_eq!((held.subscriptions, held.peers), (0, 0));
        // The place is free as soon as the connection has forgotten it too.
        connection.end();
        drop(connection);
        let other = hub.attach(AnyWeakWriter::new(9), &offsets()).unwrap();
        drop(other);
        assert_eq!(hub.held().peers, 0);
    });
}

/// The end of the connection races with a subscription: it is refused, or ends at once.
#[test]
fn connection_that_ends_takes_its_subscriptions_along() {
    model(3, || {
        let hub = hub(4, Limits::new());
        let connection = AnyWeakWriter::new(9);
        let peer = hub.attach(connection.clone(), &offsets()).unwrap();
        let ending = thread::spawn(move || connection.end());
        let _ = block_on(peer.subscribe("t", Since::Now));
        join([ending]);
        assert_eq!(hub.held().subscriptions, 0);
    });
}

/// A connection that has no room gets what it missed as soon as it has some, by the thread that notices.
#[test]
fn connection_that_was_behind_gets_all() {
    model(3, || {
        let hub = hub(4, Limits::new());
        let connection = AnyWeakWriter::new(1);
        let peer = hub.attach(connection.clone(), &offsets()).unwrap();
        block_on(peer.subscribe("t", Since::Now)).unwrap();
        let reading = spawn_with(&connection, |connection| {
            connection.read(1);
            connection.read(1);
        });
        for _ in 0..3 {
            block_on(hub.publish("t", publication())).unwrap();
        }
        join([reading]);
        assert_eq!(connection.taken(), [1, 2, 3]);
        assert_eq!(hub.stats().behind, 0);
    });
}
