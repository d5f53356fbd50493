//! The limit on simulated paths, for a lane of which only the newest message is kept.

use std::collections::VecDeque;

use super::*;

/// A path, in milliseconds.
struct Path {
    /// The time between two messages of the program.
    tick: u64,
    /// The round trip of a message that waits for no other, by the time when it leaves.
    round_trip: fn(u64) -> u64,
    /// The time that the peer or the slowest link takes for each message, by the time when it begins.
    service: fn(u64) -> u64,
}

/// What came of a run.
#[derive(Debug)]
struct Run {
    /// When each message was read, its age then, and the limit.
    read: Vec<(u64, u64, usize)>,
}

impl Run {
    /// How many of a hundred ticks of this time were read.
    fn share(&self, from: u64, to: u64, tick: u64) -> u64 {
        let read = self.between(from, to).count() as u64;
        read * tick * 100 / (to - from)
    }

    fn oldest(&self, from: u64, to: u64) -> u64 {
        self.between(from, to).map(|read| read.1).max().unwrap()
    }

    fn highest(&self, from: u64, to: u64) -> usize {
        self.between(from, to).map(|read| read.2).max().unwrap()
    }

    fn between(&self, from: u64, to: u64) -> impl Iterator<Item = &(u64, u64, usize)> {
        self.read
            .iter()
            .filter(move |read| (from..to).contains(&read.0))
    }
}

/// A message on its way.
struct OnItsWay {
    left: u64,
    ahead: usize,
    pong: u64,
}

fn run(path: &Path, target: u64, until: u64) -> Run {
    let mut window = Window::new(Duration::from_millis(target));
    let mut under_way: VecDeque<OnItsWay> = VecDeque::new();
    let (mut waiting, mut is_limited) = (None, false);
    let (mut free_at, mut last_pong) = (0, 0);
    let mut read = Vec::new();
    for now in 0..until {
        if now % path.tick == 0 {
            waiting = Some(now);
        }
        while let Some(first) = under_way.pop_front_if_due(now) {
            let judged = window.answered(Answered {
                round_trip: Some(Duration::from_millis(now - first.left)),
                ahead: first.ahead,
                unanswered: under_way.len(),
                is_limited,
            });
            is_limited &= !judged;
        }
        let Some(tick) = waiting else { continue };
        if under_way.len() >= window.limit() {
            is_limited = true;
            continue;
        }
        waiting = None;
        let round_trip = (path.round_trip)(now);
        let begins = free_at.max(now + round_trip / 2);
        free_at = begins + (path.service)(begins);
        read.push((free_at, free_at - tick, window.limit()));
        last_pong = last_pong.max(free_at + round_trip / 2);
        under_way.push_back(OnItsWay {
            left: now,
            ahead: under_way.len(),
            pong: last_pong,
        });
    }
    Run { read }
}

trait PopDue {
    fn pop_front_if_due(&mut self, now: u64) -> Option<OnItsWay>;
}

impl PopDue for VecDeque<OnItsWay> {
    fn pop_front_if_due(&mut self, now: u64) -> Option<OnItsWay> {
        if self.front()?.pong <= now {
            self.pop_front()
        } else {
            None
        }
    }
}

/// Varies from 0 to `most` from one time to the next.
fn jitter(at: u64, most: u64) -> u64 {
    (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % (most + 1)
}

#[test]
fn distant_peer_gets_every_tick() {
    let path = Path {
        tick: 50,
        round_trip: |_| 200,
        service: |_| 0,
    };
    let run = run(&path, 100, 30_000);
    assert!(run.share(2_000, 30_000, 50) >= 99, "{run:?}");
    assert!(run.highest(0, 30_000) <= 6);
    assert!(run.oldest(2_000, 30_000) <= 100);
}

#[test]
fn distant_peer_gets_every_one_of_many_ticks() {
    let path = Path {
        tick: 5,
        round_trip: |_| 200,
        service: |_| 0,
    };
    let run = run(&path, 100, 30_000);
    assert!(run.share(5_000, 30_000, 5) >= 99);
}

#[test]
fn round_trips_that_vary_by_less_than_the_target_cost_no_rate() {
    let path = Path {
        tick: 50,
        round_trip: |at| 200 + jitter(at, 60),
        service: |_| 0,
    };
    let run = run(&path, 100, 30_000);
    assert!(run.share(3_000, 30_000, 50) >= 97, "{run:?}");
}

#[test]
fn slow_link_is_used_and_holds_little() {
    let path = Path {
        tick: 50,
        round_trip: |_| 80,
        service: |_| 100,
    };
    let run = run(&path, 100, 60_000);
    // The link takes half of the ticks.
    assert!(run.share(1_000, 60_000, 100) >= 99, "{run:?}");
    assert!(run.oldest(5_000, 60_000) <= 400, "{run:?}");
    assert!(run.highest(0, 60_000) <= 4, "{run:?}");
}

#[test]
fn peer_that_reads_twice_a_second_stays_within_one_second() {
    let path = Path {
        tick: 50,
        round_trip: |_| 2,
        service: |_| 500,
    };
    let run = run(&path, 100, 60_000);
    assert!(run.share(1_000, 60_000, 500) >= 95, "{run:?}");
    // In the simulation a message has been read at the end of its half second.
    assert!(run.oldest(1_000, 60_000) <= 500 + 600, "{run:?}");
    assert!(run.highest(0, 60_000) <= 2);
}

#[test]
fn peer_that_stops_for_ten_seconds_finds_little_and_goes_on() {
    let path = Path {
        tick: 50,
        round_trip: |_| 200,
        service: |at| {
            if (10_000..10_050).contains(&at) {
                10_000
            } else {
                0
            }
        },
    };
    let run = run(&path, 100, 40_000);
    // What was on its way when it stopped.
    let old = run.between(20_000, 21_000).filter(|read| read.1 > 1_000);
    assert!(old.count() <= 6, "{run:?}");
    assert!(run.share(24_000, 40_000, 50) >= 99, "{run:?}");
    assert!(run.oldest(21_000, 40_000) <= 300, "{run:?}");
}

#[test]
fn path_that_has_become_longer_gets_its_rate_back() {
    let path = Path {
        tick: 50,
        round_trip: |at| if at < 10_000 { 20 } else { 300 },
        service: |_| 0,
    };
    let run = run(&path, 100, 40_000);
    assert!(run.share(20_000, 40_000, 50) >= 99, "{run:?}");
}

#[test]
fn limit_is_bounded() {
    let mut window = Window::new(Duration::MAX);
    for _ in 0..10_000 {
        window.answered(Answered {
            round_trip: Some(Duration::ZERO),
            ahead: usize::MAX,
            unanswered: 0,
            is_limited: true,
        });
    }
    assert_eq!(window.limit(), Pace::MOST);
    let mut window = Window::new(Duration::ZERO);
    for at in 0..10_000 {
        window.answered(Answered {
            round_trip: Some(Duration::from_nanos(at)),
            ahead: usize::MAX,
            unanswered: 0,
            is_limited: true,
        });
        assert!((1..=Pace::MOST).contains(&window.limit()));
    }
}

/// A message of which only a later ping was answered says nothing of the round trip.
#[test]
fn skipped_pings_are_not_measured() {
    let mut window = Window::new(Duration::from_millis(1));
    for _ in 0..100 {
        let judged = window.answered(Answered {
            round_trip: None,
            ahead: 0,
            unanswered: 1,
            is_limited: true,
        });
        assert!(!judged);
    }
    assert_eq!(window.limit(), 1);
}
