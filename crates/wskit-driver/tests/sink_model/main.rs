//! The contract of `Sink` on random connections: operations in any order, each dropped at any poll, in one
//! task or several, with a peer that reads, answers and ends at random.
//!
//! The following must always hold. What arrives is what was fed, once and in order. After a flush or a close
//! that returns `Ok`, what was fed before is in the transport. A sink that was ready takes its message.
//! Nothing fails before the end. A close that returns `Ok` was answered. What the peer sends before its Close
//! is received. No wake-up is lost: the executor polls a task only when it was woken, in an order that the
//! seed decides, and no time may pass.
#![allow(clippy::unwrap_used, reason = "a test")]

mod apart;
mod dice;
mod peer;
mod tasks;
mod watched;
mod world;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::thread;

use bytes::Bytes;
use wskit_driver::{Runtime, WebSocket};
use wskit_proto::{Config, Role};
use wskit_test::{Executor, Simulated, pipe};

use apart::apart;
use dice::Dice;
use peer::{peer_ends, peer_reads, peer_writes};
use tasks::{alone, operate, receive};
use watched::Watched;
use world::{Account, World};

#[test]
fn whole_connection_in_one_task() {
    explore(true, false);
}

#[test]
fn whole_connection_in_two_tasks() {
    explore(true, true);
}

#[test]
fn halves_in_one_task() {
    explore(false, false);
}

#[test]
fn clones_of_a_writer_in_tasks_of_their_own() {
    explore(false, true);
}

fn explore(whole: bool, tasks: bool) {
    for end in [End::None, End::Ours, End::Peers, End::Gone] {
        for seed in 0..250 {
            let plan = Plan {
                seed,
                end,
                whole,
                tasks,
            };
            plan.run();
        }
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Not at all: all sinks are dropped at last, and no task has anything to do.
    None,
    /// By one of its sinks.
    Ours,
    /// By the peer's Close.
    Peers,
    /// By a reset.
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    end: End,
    /// One connection behind a lock, as `futures` splits it, or a reader and writers.
    whole: bool,
    /// Whether each half has a task of its own.
    tasks: bool,
}

impl Plan {
    fn run(self) {
        let _case = Case(self);
        let mut dice = Dice::new(self.seed);
        let role = dice.pick(&[Role::Client, Role::Server]);
        let (near, far) = pipe(dice.pick(&[1, 13, 100, 1000, 4096, 65_536]));
        let sinks = if self.whole || !self.tasks {
            1
        } else {
            1 + dice.below(3)
        };
        let world = Rc::new(World {
            plan: self,
            role,
            near: near.probe(),
            far: far.probe(),
            sinks: (0..sinks).map(|_| Account::default()).collect(),
            jobs: RefCell::default(),
            peer: RefCell::default(),
            main: RefCell::default(),
            answers_sent: Cell::default(),
            answers_received: Cell::default(),
            ending: Cell::default(),
            peer_closes: Cell::default(),
            received_all: Cell::default(),
            peer_read_all: Cell::default(),
        });
        let config = Config::new()
            .keepalive(None)
            .write_high_water(dice.pick(&[1, 50, 500, 5000]))
            .write_queue_limit(dice.pick(&[1, 100, 10_000]));
        let executor = Executor::with_seed(self.seed).most_polls(200_000);
        executor.block_on(async {
            let ws = WebSocket::from_parts(Simulated::wrap(near), role, Bytes::new(), config);
            let (stream, mut sending) = apart(ws, self.whole, sinks);
            let (read, write) = far.split();
            executor.spawn(peer_reads(world.clone(), read, dice.fork()));
            executor.spawn(peer_writes(world.clone(), write, dice.fork()));
            executor.spawn(peer_ends(world.clone(), dice.fork()));
            let closes = dice.below(sinks);
            let mut watched = sending.drain(..).enumerate().map(|(who, inner)| Watched {
                inner,
                who,
                ready: false,
                world: world.clone(),
            });
            if self.tasks {
                for sink in watched {
                    let closes = self.end == End::Ours && sink.who == closes;
                    let (world, dice) = (world.clone(), dice.fork());
                    executor.spawn(operate(world, sink, closes, dice));
                }
                executor.spawn(receive(world.clone(), stream));
            } else {
                let sink = watched.next().unwrap();
                executor.spawn(alone(world.clone(), stream, sink, dice.fork()));
            }
            poll_fn(|cx| world.poll_done(cx)).await;
        });
        world.check();
        assert!(
            executor.clock().elapsed().is_zero(),
            "a wake-up was lost: a deadline had to help"
        );
    }
}

/// Prints the plan that failed.
struct Case(Plan);

impl Drop for Case {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{:?}", self.0);
        }
    }
}
