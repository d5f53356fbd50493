//! Turns of those who connect.

use std::pin::pin;

use loom::sync::Mutex;
use loom::thread;

use super::executor::{block_on, poll_once};
use super::{join, model};
use crate::sync::{Arc, AtomicUsize, Ordering, lock};
use crate::turns::Turns;

/// Three want what one at a time can have.
#[test]
fn everybody_gets_a_turn_alone() {
    model(3, || {
        let turns = Turns::new(1);
        let inside = Arc::new(AtomicUsize::new(0));
        join([(); 3].map(|()| {
            let (turns, inside) = (turns.clone(), inside.clone());
            thread::spawn(move || {
                let turn = block_on(turns.turn());
                assert_eq!(inside.fetch_add(1, Ordering::AcqRel), 0);
                inside.fetch_sub(1, Ordering::AcqRel);
                drop(turn);
            })
        }));
    });
}

/// Two stand in the line, a third comes as the turn before ends: they get theirs in the order in which
/// they came.
#[test]
fn turns_come_in_the_order_of_the_line() {
    model(3, || {
        let turns = Turns::new(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let enter = |name| {
            let (turns, order) = (turns.clone(), order.clone());
            Box::pin(async move {
                let _turn = turns.turn().await;
                lock(&order).push(name);
            })
        };
        let before = block_on(turns.turn());
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

/// The first one in the line gives up as its turn comes: the second gets it.
///
/// Proves: X-io-4
#[test]
fn turn_of_one_who_gives_up_goes_to_the_next() {
    model(3, || {
        let turns = Turns::new(1);
        let before = block_on(turns.turn());
        let mut first = Box::pin({
            let turns = turns.clone();
            async move {
                turns.turn().await;
            }
        });
        assert!(poll_once(first.as_mut()).is_pending());
        let goes_on = {
            let turns = turns.clone();
            thread::spawn(move || drop(block_on(turns.turn())))
        };
        let gives_up = thread::spawn(move || drop(first));
        drop(before);
        join([goes_on, gives_up]);
    });
}

/// Two turns end before the first one in the line has seen either: it and the second get them, though
/// neither is given back.
#[test]
fn two_turns_that_end_at_once_are_two_for_the_line() {
    model(3, || {
        let turns = Turns::new(2);
        let before = [block_on(turns.turn()), block_on(turns.turn())];
        let entering = [(); 2].map(|()| {
            let turns = turns.clone();
            thread::spawn(move || core::mem::forget(block_on(turns.turn())))
        });
        drop(before);
        join(entering);
        assert!(poll_once(pin!(turns.turn())).is_pending());
    });
}
