//! Settings of zero: immediate deadlines pass once, and an empty queue has room.

use std::time::{Duration, Instant};

use crate::wire::*;
use wskit_proto::{
    Config, Connection, Keepalive, MessageKind, Outcome, SendError, State, TimeoutKind,
};

const MICROSECOND: Duration = Duration::from_micros(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Handles timeouts until none is due, like a driver before it waits, with a clock that advances by
/// a microsecond at every look; returns how often something was due.
fn settle(end: &mut Connection, now: &mut Instant) -> Result<usize, TimeoutKind> {
    for rounds in 0..100 {
        *now += MICROSECOND;
        if end.next_timeout(*now).is_none_or(|due| due > *now) {
            return Ok(rounds);
        }
        end.handle_timeout(*now)?;
    }
    panic!("something is always due");
}

fn keepalive(every: Duration, answer_within: Duration) -> Config {
    Config::new().keepalive(Some(Keepalive {
        every,
        answer_within,
    }))
}

/// Returns the payloads of the queued pings.
fn pings(end: &mut Connection) -> Vec<Vec<u8>> {
    let pings = sent(end).into_iter();
    pings
        .map(|(first, payload)| {
            assert_eq!(first, FIN | PING);
            payload
        })
        .collect()
}

/// Proves: X-io-1
#[test]
fn keepalive_every_0_pings_at_most_once_a_millisecond() {
    for role in ROLES {
        for every in [Duration::ZERO, Duration::from_nanos(1)] {
            let mut now = Instant::now();
            let mut end = open_at(role, keepalive(every, SECOND), now);
            assert_eq!(settle(&mut end, &mut now), Ok(0));
            for _ in 0..5 {
                now += MILLISECOND;
                assert_eq!(settle(&mut end, &mut now), Ok(1));
                let [ping] = &pings(&mut end)[..] else {
                    panic!("one ping");
                };
                let pong = to(role, FIN | PONG, ping);
                assert_eq!(end.receive(&pong), pong.len());
                assert!(end.poll_event(now).unwrap().is_none());
            }
        }
    }
}

/// The ping has to be written before it can be answered.
///
/// Proves: X-io-1
#[test]
fn answer_within_0_gives_the_peer_a_millisecond() {
    for role in ROLES {
        let mut now = Instant::now();
        let mut end = open_at(role, keepalive(SECOND, Duration::ZERO), now);
        now += SECOND;
        assert_eq!(settle(&mut end, &mut now), Ok(1));
        let [ping] = &pings(&mut end)[..] else {
            panic!("one ping");
        };
        let pong = to(role, FIN | PONG, ping);
        assert_eq!(end.receive(&pong), pong.len());
        assert!(end.poll_event(now).unwrap().is_none());
        assert_eq!(settle(&mut end, &mut now), Ok(0));
        now += SECOND;
        assert_eq!(settle(&mut end, &mut now), Ok(1));
        now += MILLISECOND;
        assert_eq!(settle(&mut end, &mut now), Err(TimeoutKind::Keepalive));
    }
}

/// Proves: X-io-1
#[test]
fn both_of_a_keepalive_at_0_end_with_the_silent_peer() {
    for role in ROLES {
        let mut now = Instant::now();
        let mut end = open_at(role, keepalive(Duration::ZERO, Duration::ZERO), now);
        now += MILLISECOND;
        assert_eq!(settle(&mut end, &mut now), Ok(1));
        now += MILLISECOND;
        assert_eq!(settle(&mut end, &mut now), Err(TimeoutKind::Keepalive));
        assert_eq!((end.state(), end.next_timeout(now)), (State::Closed, None));
    }
}

/// Proves: X-io-1
#[test]
fn idle_timeout_0_closes_when_no_message_goes_for_a_millisecond() {
    for role in ROLES {
        let mut now = Instant::now();
        let config = Config::new()
            .keepalive(None)
            .idle_timeout(Some(Duration::ZERO));
        let mut end = open_at(role, config, now);
        assert_eq!(settle(&mut end, &mut now), Ok(0));
        for _ in 0..5 {
            // A message goes out: the connection is not idle.
            end.feed("tick").unwrap();
            now += MILLISECOND;
            assert_eq!(settle(&mut end, &mut now), Ok(1));
            assert_eq!(sent(&mut end).len(), 1);
            assert_eq!(end.state(), State::Open);
        }
        now += MILLISECOND;
        assert_eq!(settle(&mut end, &mut now), Ok(1));
        assert_eq!(
            sent(&mut end),
            [(FIN | CLOSE, close_body(1001, "idle"))],
            "the connection is closed"
        );
    }
}

/// Zero does not wait for the peer: the Close is queued, and the connection is over at once.
///
/// Proves: X-io-1
#[test]
fn close_timeout_0_does_not_wait_for_the_answer() {
    for role in ROLES {
        let mut now = Instant::now();
        let config = Config::new().close_timeout(Duration::ZERO);
        let mut end = open_at(role, config, now);
        end.close(None).unwrap();
        assert_eq!(sent(&mut end), [(FIN | CLOSE, vec![])]);
        assert_eq!(settle(&mut end, &mut now), Err(TimeoutKind::Close));
        assert_eq!(end.next_timeout(now), None);
        assert!(
            end.outcome().is_some_and(|outcome: Outcome| {
                !outcome.is_clean() && outcome.sent == Some(None)
            })
        );
    }
}

#[test]
fn read_budget_is_never_nothing_and_never_endless() {
    assert_eq!(Config::new().get_read_budget(), 1 << 20);
    assert_eq!(Config::new().read_budget(0).get_read_budget(), 4);
    let most = Config::new().read_budget(usize::MAX);
    assert_eq!(most.get_read_budget(), 1 << 30);
}

/// Proves: X-io-3
#[test]
fn empty_queue_has_room_however_low_its_marks_are() {
    for role in ROLES {
        for config in [
            Config::new().write_high_water(0),
            Config::new().write_queue_limit(0),
            Config::new().write_high_water(0).write_queue_limit(0),
        ] {
            let mut end = open(role, config.clone());
            for message in ["one", "two"] {
                assert!(end.outbound().has_room(0));
                assert!(!end.outbox().is_over_high_water());
                assert_eq!(end.outbox().check(), Ok(()));
                assert_eq!(end.feed(message), Ok(()));
                assert!(!end.outbound().has_room(0));
                assert!(end.outbox().is_over_high_water());
                assert_eq!(sent(&mut end), [(FIN | TEXT, message.into())]);
            }
            end.outbox().begin(MessageKind::Text).unwrap();
            assert_eq!(end.outbox().piece(b"three", false), Ok(()));
            if config == Config::new().write_high_water(0) {
                continue;
            }
            assert_eq!(
                end.outbox().piece(b"four", false),
                Err(SendError::QueueFull)
            );
            assert_eq!(sent(&mut end).len(), 1);
            assert_eq!(end.outbox().piece(b"four", true), Ok(()));
        }
    }
}
