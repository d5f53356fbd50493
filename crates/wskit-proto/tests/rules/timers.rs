//! Deadlines, with a virtual clock.
#![allow(
    clippy::unchecked_time_subtraction,
    reason = "the deadlines are far from zero"
)]

use std::time::{Duration, Instant};

use crate::wire::*;
use wskit_proto::{
    Cause, Circumstances, Config, Connection, Ending, Inbound, Keepalive, Outbound, ReadBuf, Role,
    State, TimeoutKind,
};

const MS: Duration = Duration::from_millis(1);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn keepalive(every: u64, answer_within: u64) -> Config {
    Config::new().keepalive(Some(Keepalive {
        every: secs(every),
        answer_within: secs(answer_within),
    }))
}

/// Returns the payload of the one queued ping.
fn ping_sent(end: &mut Connection) -> Vec<u8> {
    let frames = sent(end);
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0].0, FIN | PING);
    frames[0].1.clone()
}

fn poll_at(end: &mut Connection, now: Instant) -> Vec<Got> {
    let mut got = Vec::new();
    while let Some(event) = end.poll_event(now).unwrap() {
        got.push(owned(event));
    }
    got
}

/// Proves: R6455-5.5.2-c
#[test]
fn keepalive_pings_when_due_and_not_before() {
    for role in ROLES {
        let t0 = Instant::now();
        let mut end = open_at(role, keepalive(20, 10), t0);
        assert_eq!(end.next_timeout(t0), Some(t0 + secs(20)));
        end.handle_timeout(t0 + secs(20) - MS).unwrap();
        assert_eq!(sent(&mut end), []);
        end.handle_timeout(t0 + secs(20)).unwrap();
        let _ = ping_sent(&mut end);
        assert_eq!(
            end.next_timeout(t0),
            Some(t0 + secs(30)),
            "the answer is due first"
        );
        end.handle_timeout(t0 + secs(20)).unwrap();
        assert_eq!(sent(&mut end), [], "one ping at a time");
    }
}

/// Proves: R6455-5.5.3-a
#[test]
fn matching_pong_gives_the_round_trip_and_is_not_shown() {
    for role in ROLES {
        let t0 = Instant::now();
        let mut end = open_at(role, keepalive(20, 10), t0);
        assert_eq!(end.round_trip(), None);
        end.handle_timeout(t0 + secs(20)).unwrap();
        let payload = ping_sent(&mut end);
        assert_eq!(
            end.receive(&to(role, FIN | PONG, &payload)),
            to(role, FIN | PONG, &payload).len()
        );
        assert_eq!(poll_at(&mut end, t0 + secs(20) + 35 * MS), []);
        assert_eq!(end.round_trip(), Some(35 * MS));
        assert_eq!(
            end.next_timeout(t0),
            Some(t0 + secs(40)),
            "nothing but the next ping is due"
        );
        // A second copy of the pong answers nothing.
        let _ = end.receive(&to(role, FIN | PONG, &payload));
        assert_eq!(poll_at(&mut end, t0 + secs(21)), [Got::Pong(payload)]);
        assert_eq!(end.round_trip(), Some(35 * MS));
        end.handle_timeout(t0 + secs(40)).unwrap();
        let _ = ping_sent(&mut end);
    }
}

/// Proves: R6455-7.1.7-a
#[test]
fn silence_after_a_ping_ends_the_connection() {
    for role in ROLES {
        let t0 = Instant::now();
        let mut end = open_at(role, keepalive(20, 10), t0);
        feed(
            &mut end,
            &to(role, FIN | TEXT, b"a sign of life from before"),
        );
        end.handle_timeout(t0 + secs(20)).unwrap();
        let _ = ping_sent(&mut end);
        // The ping could be written, which proves nothing: the socket's buffer took it.
        assert_eq!(end.handle_timeout(t0 + secs(30) - MS), Ok(()));
        end.feed("lost with it").unwrap();
        assert_eq!(
            end.handle_timeout(t0 + secs(30)),
            Err(TimeoutKind::Keepalive)
        );
        assert_eq!((end.state(), end.ending()), (State::Closed, Ending::Done));
        assert_eq!(
            end.outcome().unwrap().cause,
            Cause::Timeout(TimeoutKind::Keepalive)
        );
        assert_eq!(end.next_timeout(t0 + secs(30)), None);
        assert_eq!(end.handle_timeout(t0 + secs(500)), Ok(()), "returned once");
        assert_eq!(end.take_output(), b"");
    }
}

/// Proves: R6455-5.5.3-b
#[test]
fn any_sign_of_life_counts_as_an_answer() {
    for by_reading in [false, true] {
        let t0 = Instant::now();
        let mut end = open_at(Role::Server, keepalive(20, 10), t0);
        for round in 1..50 {
            let at = t0 + secs(20 * round);
            end.handle_timeout(at).unwrap();
            if by_reading {
                // The peer answered only a later ping of the application, as §5.5.3 allows.
                feed(&mut end, &masked(FIN | PONG, b"other"));
            } else {
                // The socket was full, and has taken bytes since.
                end.outbound().set_blocked(true);
                end.advance(1);
            }
            assert_eq!(end.handle_timeout(at + secs(10)), Ok(()), "round {round}");
        }
        // A quiet time between two pings is no reason to give up.
        assert_eq!(end.state(), State::Open);
    }
}

/// Bytes of a large message are a sign of life in either buffer; an empty read is not.
#[test]
fn read_counts_as_an_answer_by_what_it_brings() {
    let frame = masked(FIN | BINARY, &vec![7; 500_000]);
    for (begun, amount) in [(0, 0), (0, 1000), (40_000, 0), (40_000, 1000)] {
        let t0 = Instant::now();
        let mut end = open_at(Role::Server, keepalive(20, 10), t0);
        assert_eq!(feed(&mut end, &frame[..begun]), []);
        end.handle_timeout(t0 + secs(20)).unwrap();
        let large = match end.read_buf() {
            ReadBuf::Slab(slab) => {
                slab[..amount].copy_from_slice(&frame[begun..begun + amount]);
                end.filled(amount);
                false
            }
            ReadBuf::Large(mut spare) => {
                assert_eq!(spare.copy_from(&frame[begun..begun + amount]), amount);
                end.filled_large(amount);
                true
            }
        };
        assert_eq!(large, begun > 0);
        let outcome = end.handle_timeout(t0 + secs(30));
        assert_eq!(outcome.is_ok(), amount > 0, "{amount} behind {begun}");
    }
}

/// Proves: X-mem-1
#[test]
fn pings_of_the_keepalive_do_not_pile_up() {
    let t0 = Instant::now();
    let mut end = open_at(Role::Server, keepalive(20, 10), t0);
    for round in 1..5000 {
        end.handle_timeout(t0 + secs(20 * round)).unwrap();
        feed(&mut end, &masked(FIN | TEXT, b"alive, but not reading"));
        end.handle_timeout(t0 + secs(20 * round + 10)).unwrap();
    }
    assert!(end.outbox().queued() < 5000, "{}", end.outbox().queued());
}

/// Proves: R6455-7.1.7-a
#[test]
fn write_of_nothing_is_no_sign_of_life() {
    let t0 = Instant::now();
    let mut end = open_at(Role::Server, keepalive(20, 10), t0);
    end.handle_timeout(t0 + secs(20)).unwrap();
    end.outbound().set_blocked(true);
    end.advance(0);
    assert_eq!(
        end.handle_timeout(t0 + secs(30)),
        Err(TimeoutKind::Keepalive)
    );
}

/// A server whose keepalive ping was sent, and which has not read since.
fn pinged(config: Config, t0: Instant) -> (Inbound, Outbound) {
    let (mut inbound, mut outbox) = open_at(Role::Server, config, t0).split();
    inbound.handle_timeout(&mut outbox, t0 + secs(20)).unwrap();
    (inbound, outbox)
}

/// Reading is suspended because a message waits: the pong may lie behind it.
///
/// Proves: X-io-2
#[test]
fn answer_is_not_due_while_reading_is_suspended() {
    let t0 = Instant::now();
    let (mut inbound, mut outbox) = pinged(keepalive(20, 10), t0);
    let suspended = Circumstances {
        reading_suspended: true,
        unacknowledged: None,
    };
    for round in 3..30 {
        let now = t0 + secs(10 * round);
        assert_eq!(
            inbound.handle_timeout_in(&mut outbox, now, suspended),
            Ok(())
        );
        let next = inbound.next_timeout(outbox.state(), || now).unwrap();
        assert!(next > now, "it is not asked for again and again");
    }
    // Once it reads again and finds nothing, the peer is silent.
    let now = t0 + secs(320);
    let outcome = inbound.handle_timeout(&mut outbox, now);
    assert_eq!(outcome, Err(TimeoutKind::Keepalive));
}

/// Both ends send, and neither receives.
#[test]
fn peer_that_takes_nothing_while_its_message_waits_is_told_as_stalled() {
    let t0 = Instant::now();
    let (mut inbound, mut outbox) = pinged(keepalive(20, 10), t0);
    outbox.feed("too much").unwrap();
    outbox.set_blocked(true);
    let suspended = Circumstances {
        reading_suspended: true,
        unacknowledged: None,
    };
    let outcome = inbound.handle_timeout_in(&mut outbox, t0 + secs(30), suspended);
    assert_eq!(outcome, Err(TimeoutKind::Stalled));
}

/// Bytes sent before the ping are a sign of life while the peer's host acknowledges them; bytes
/// sent with it or later prove only that the host is there.
///
/// Proves: X-io-2
#[test]
fn acknowledged_data_from_before_the_ping_is_a_sign_of_life() {
    for (before, after, lives) in [(1000, 400, true), (1000, 1000, false), (0, 0, false)] {
        let t0 = Instant::now();
        let (mut inbound, mut outbox) = open_at(Role::Server, keepalive(20, 10), t0).split();
        outbox.feed(&[7; 1000][..]).unwrap();
        let write_all = |outbox: &mut Outbound| {
            let n = outbox.queued();
            outbox.advance(n);
            n
        };
        write_all(&mut outbox);
        let unacknowledged = |bytes| Circumstances {
            reading_suspended: false,
            unacknowledged: Some(bytes),
        };
        inbound
            .handle_timeout_in(&mut outbox, t0 + secs(20), unacknowledged(before))
            .unwrap();
        let ping = write_all(&mut outbox);
        let outcome =
            inbound.handle_timeout_in(&mut outbox, t0 + secs(30), unacknowledged(after + ping));
        assert_eq!(outcome.is_ok(), lives, "{before} bytes, then {after}");
    }
}

/// Proves: R6455-5.5.2-c
#[test]
fn one_ping_is_out_however_long_its_answer_may_take() {
    let t0 = Instant::now();
    let config = Config::new().keepalive(Some(Keepalive {
        every: secs(20),
        answer_within: Duration::MAX,
    }));
    let mut end = open_at(Role::Server, config, t0);
    end.handle_timeout(t0 + secs(20)).unwrap();
    let payload = ping_sent(&mut end);
    for round in 2..5 {
        end.handle_timeout(t0 + secs(20 * round)).unwrap();
        assert_eq!(sent(&mut end), [], "round {round}");
    }
    // The late answer counts, and the next ping is sent.
    let _ = end.receive(&masked(FIN | PONG, &payload));
    assert_eq!(poll_at(&mut end, t0 + secs(90)), []);
    assert_eq!(end.round_trip(), Some(secs(70)));
    end.handle_timeout(t0 + secs(100)).unwrap();
    assert_ne!(ping_sent(&mut end), payload);
}

/// Proves: R6455-7.1.2-a
#[test]
fn idle_connection_is_closed_between_the_timeout_and_a_quarter_more() {
    for role in ROLES {
        for last_message in [None, Some(7_u64), Some(33)] {
            let t0 = Instant::now();
            let config = Config::new().keepalive(None).idle_timeout(Some(secs(40)));
            let mut end = open_at(role, config, t0);
            let mut now = t0;
            let mut closed_at = None;
            let mut fed = false;
            while closed_at.is_none() {
                let due = end.next_timeout(now).unwrap();
                assert!(due > now && due <= now + secs(10));
                if let Some(at) = last_message {
                    if !fed && t0 + secs(at) < due {
                        feed(&mut end, &to(role, FIN | TEXT, b"active"));
                        fed = true;
                    }
                }
                now = due;
                end.handle_timeout(now).unwrap();
                closed_at = (end.state() == State::Closing).then_some(now);
            }
            let since = closed_at.unwrap() - (t0 + secs(last_message.unwrap_or(0)));
            assert!(since >= secs(40) && since <= secs(50), "{since:?}");
            assert_eq!(sent(&mut end), [(FIN | CLOSE, close_body(1001, "idle"))]);
        }
    }
}

/// Proves: R6455-5.5.2-c
#[test]
fn pings_and_pongs_do_not_keep_an_idle_connection_open() {
    let t0 = Instant::now();
    let config = keepalive(5, 5).idle_timeout(Some(secs(40)));
    let mut end = open_at(Role::Server, config, t0);
    let mut now = t0;
    while end.state() == State::Open {
        now = end.next_timeout(now).unwrap();
        end.handle_timeout(now).unwrap();
        for (first, payload) in sent(&mut end) {
            if first == FIN | PING {
                let _ = feed(&mut end, &masked(FIN | PONG, &payload));
            }
        }
        let _ = feed(&mut end, &masked(FIN | PING, b"?"));
    }
    assert!(now - t0 >= secs(40) && now - t0 <= secs(50));
}

/// Proves: R6455-7.1.7-a
#[test]
fn close_that_is_not_answered_ends_at_its_deadline() {
    for role in ROLES {
        let t0 = Instant::now();
        let mut end = open_at(role, Config::new().close_timeout(secs(5)), t0);
        end.close(None).unwrap();
        let now = t0 + secs(100);
        assert_eq!(
            end.next_timeout(now),
            Some(now + secs(5)),
            "from when it is first asked for"
        );
        assert_eq!(
            end.next_timeout(now + secs(3)),
            Some(now + secs(5)),
            "and not longer"
        );
        let _ = end.take_output();
        assert_eq!(end.handle_timeout(now + secs(5) - MS), Ok(()));
        assert_eq!(end.handle_timeout(now + secs(5)), Err(TimeoutKind::Close));
        assert_eq!(
            end.outcome().unwrap().cause,
            Cause::Timeout(TimeoutKind::Close)
        );
        assert_eq!(end.ending(), Ending::Done);
        end.release();
        assert_eq!(end.buffer_bytes(), 0, "nothing is left of it");
    }
}

/// Proves: R6455-7.1.7-a
#[test]
fn close_deadline_is_set_once_however_far_it_is() {
    let t0 = Instant::now();
    let config = Config::new().close_timeout(Duration::MAX);
    let (mut inbound, mut outbox) = open_at(Role::Server, config, t0).split();
    outbox.close(None).unwrap();
    let asked = std::cell::Cell::new(0);
    let clock = || {
        asked.set(asked.get() + 1);
        t0
    };
    let due = inbound.next_timeout(outbox.state(), clock);
    assert!(due.is_some_and(|due| due > t0 + secs(500 * 365 * 86_400)));
    assert_eq!(inbound.next_timeout(outbox.state(), clock), due);
    assert_eq!(asked.get(), 1);
}

/// Proves: R6455-7.1.4-a
#[test]
fn slow_end_of_the_transport_does_not_spoil_a_clean_close() {
    let t0 = Instant::now();
    let mut end = open_at(Role::Client, Config::new().close_timeout(secs(5)), t0);
    feed(&mut end, &close_to(Role::Client, 1000));
    assert_eq!(end.next_timeout(t0), Some(t0 + secs(5)));
    let _ = end.take_output();
    assert_eq!(end.ending(), Ending::Drain);
    assert_eq!(end.handle_timeout(t0 + secs(5)), Ok(()));
    assert_eq!(end.ending(), Ending::Done);
    assert!(end.outcome().unwrap().is_clean());

    // But an answer that was never written makes no clean close.
    let mut end = open_at(Role::Client, Config::new().close_timeout(secs(5)), t0);
    feed(&mut end, &close_to(Role::Client, 1000));
    let _ = end.next_timeout(t0);
    assert_eq!(end.handle_timeout(t0 + secs(5)), Err(TimeoutKind::Close));
    assert!(!end.outcome().unwrap().is_clean());
}

/// Proves: X-api-1, X-cpu-1
#[test]
fn any_durations_and_any_clock_come_to_an_end() {
    let t0 = Instant::now();
    for idle in [Duration::ZERO, Duration::from_nanos(3), Duration::MAX] {
        for every in [Duration::ZERO, secs(1), Duration::MAX] {
            for within in [Duration::ZERO, secs(1), Duration::MAX] {
                let keepalive = Keepalive {
                    every,
                    answer_within: within,
                };
                let config = Config::new()
                    .keepalive(Some(keepalive))
                    .idle_timeout(Some(idle))
                    .close_timeout(Duration::MAX);
                let mut end = open_at(Role::Server, config, t0 + secs(5));
                for now in [
                    t0,
                    t0 + secs(10),
                    t0 + secs(3),
                    t0 + secs(1000),
                    t0 + secs(7),
                ] {
                    let _ = end.next_timeout(now);
                    let _ = end.handle_timeout(now);
                    feed(&mut end, &masked(FIN | TEXT, b"x"));
                    let _ = end.handle_timeout(now);
                }
                let _ = end.close(None);
                let _ = end.next_timeout(t0);
                let _ = end.handle_timeout(t0 + secs(1 << 30));
            }
        }
    }
}
