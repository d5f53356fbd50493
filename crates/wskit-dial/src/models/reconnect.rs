//! What the task of a client that reconnects shares with its events and its handles.

use std::future::poll_fn;

use loom::thread;
use wskit_driver::Overflow;
use wskit_proto::{CloseCode, CloseFrame, Message};

use super::executor::{block_on, poll_once};
use super::{join, model};
use crate::reconnect::Event;
use crate::reconnect::shared::{Given, Order, Sending, Shared};
use crate::sync::Arc;

/// In place of a writer.
#[derive(Clone)]
struct Line;

impl Sending for Line {
    fn is_open(&self) -> bool {
        true
    }
}

fn shared() -> Arc<Shared<Line>> {
    Arc::new(Shared::new(1, Overflow::Wait))
}

fn give(shared: &Shared<Line>, text: &str) {
    let order = block_on(poll_fn(|cx| shared.poll_order(cx)));
    assert!(matches!(order, Order::GoOn));
    assert_eq!(
        shared.give(Event::Message(Message::text(text))),
        Given::Done
    );
}

/// A connection opens and is lost, and the client ends, while two calls wait for a connection: each sees the
/// connection or the end.
#[test]
fn waiting_calls_see_the_connection_or_the_end() {
    model(3, || {
        let shared = shared();
        let waiting = [(); 2].map(|()| {
            let shared = shared.clone();
            thread::spawn(move || {
                block_on(shared.wait_connected());
            })
        });
        shared.connected(Line);
        shared.disconnected();
        shared.end(Ok(()), None);
        join(waiting);
        assert!(!block_on(shared.wait_connected()));
    });
}

/// A call that waits is dropped as the connection opens: the other one is still woken.
#[test]
fn dropped_call_takes_no_wake_up_with_it() {
    model(3, || {
        let shared = shared();
        let mut dropped = Box::pin({
            let shared = shared.clone();
            async move { shared.wait_connected().await }
        });
        assert!(poll_once(dropped.as_mut()).is_pending());
        let goes_on = {
            let shared = shared.clone();
            thread::spawn(move || assert!(block_on(shared.wait_connected())))
        };
        let gives_up = thread::spawn(move || drop(dropped));
        shared.connected(Line);
        join([goes_on, gives_up]);
    });
}

/// There is room for one message, and three come: all are taken, in order, and then the end.
#[test]
fn task_and_consumer_wake_each_other() {
    model(3, || {
        let shared = shared();
        let task = {
            let shared = shared.clone();
            thread::spawn(move || {
                for text in ["1", "2", "3"] {
                    give(&shared, text);
                }
                shared.end(Ok(()), None);
            })
        };
        for expected in ["1", "2", "3"] {
            let taken = block_on(poll_fn(|cx| shared.poll_take(cx)));
            let Ok(Some(Event::Message(message))) = taken else {
                panic!("{taken:?}");
            };
            assert_eq!(message.as_text(), Some(expected));
        }
        let end = block_on(poll_fn(|cx| shared.poll_take(cx)));
        assert!(matches!(end, Ok(None)));
        join([task]);
    });
}

/// The task waits for room while a handle closes the client.
#[test]
fn task_that_waits_for_room_is_told_to_close() {
    model(3, || {
        let shared = shared();
        give(&shared, "1");
        let closes = {
            let shared = shared.clone();
            thread::spawn(move || {
                let close = CloseFrame::new(CloseCode::NORMAL, "");
                assert!(shared.close(&close).is_ok());
            })
        };
        assert_told_to_close(&shared);
        join([closes]);
    });
}

/// The task waits for room while the events are dropped.
#[test]
fn task_that_waits_for_room_is_told_that_nothing_is_wanted() {
    model(3, || {
        let shared = shared();
        give(&shared, "1");
        let drops = {
            let shared = shared.clone();
            thread::spawn(move || shared.abandon())
        };
        assert_told_to_close(&shared);
        join([drops]);
    });
}

/// Asserts that the task is told once, whether it has room or not.
fn assert_told_to_close(shared: &Shared<Line>) {
    let mut order = block_on(poll_fn(|cx| shared.poll_order(cx)));
    while matches!(order, Order::GoOn) {
        order = block_on(poll_fn(|cx| shared.poll_order(cx)));
    }
    let order = block_on(poll_fn(|cx| shared.poll_order(cx)));
    assert!(matches!(order, Order::GoOn));
}
