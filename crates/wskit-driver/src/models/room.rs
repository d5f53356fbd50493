//! The places of a server with a limit: one task takes them, others give them back.

use std::pin::pin;

use loom::thread;

use super::executor::{block_on, poll_once};
use super::{join, model};
use crate::serve::Room;
use crate::sync::{Arc, AtomicUsize, Ordering};

/// Two places are given back while a third and a fourth connection wait, one after the other.
#[test]
fn place_that_is_given_back_wakes_who_waits_for_it() {
    model(3, || {
        let room = Arc::new(Room::new(2));
        let served = Arc::new(AtomicUsize::new(0));
        let mut tasks = Vec::new();
        for _ in 0..4 {
            block_on(room.take());
            assert!(served.fetch_add(1, Ordering::AcqRel) < 2);
            let (room, served) = (room.clone(), served.clone());
            if tasks.len() < 2 {
                tasks.push(thread::spawn(move || {
                    served.fetch_sub(1, Ordering::AcqRel);
                    room.give_back();
                }));
            }
        }
        join(tasks);
        assert!(!room.try_take());
    });
}

/// A wait that was given up takes no place, and the next one is woken.
#[test]
fn dropped_wait_takes_no_place() {
    model(3, || {
        let room = Arc::new(Room::new(1));
        assert!(room.try_take());
        let leaving = {
            let room = room.clone();
            thread::spawn(move || room.give_back())
        };
        let taken = poll_once(pin!(room.take())).is_ready();
        if !taken {
            block_on(room.take());
        }
        join([leaving]);
        assert!(!room.try_take());
        room.give_back();
        assert!(room.try_take());
    });
}
