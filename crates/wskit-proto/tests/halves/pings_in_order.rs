//! Pings that a driver puts behind messages, and their pongs.

use std::time::Instant;

use crate::wire::*;
use wskit_proto::{Config, Event, Outbound, Role, WithOutbound};

/// A driver that takes the pong `mine`.
struct Driver(Outbound);

impl WithOutbound for Driver {
    fn with_outbound<R>(&mut self, f: impl FnOnce(&mut Outbound) -> R) -> R {
        f(&mut self.0)
    }

    fn take_pong(&mut self, payload: &[u8], clock: impl Fn() -> Instant) -> bool {
        payload == b"mine" && clock() <= Instant::now()
    }
}

/// However the bytes are cut, such a ping stays behind its message, and another one goes before both.
///
/// Proves: R6455-5.5.2-c
#[test]
fn ping_in_order_stays_behind_its_message() {
    let [one, two] = [b"one", b"two"].map(|payload| unmasked(FIN | TEXT, payload));
    let [first, second, other] = [b"1", b"2", b"?"].map(|payload| unmasked(FIN | PING, payload));
    for cut in 0..17 {
        let (_, mut outbound) = open(Role::Server, Config::new()).split();
        outbound.feed("one").unwrap();
        outbound.ping_in_order(b"1");
        outbound.feed("two").unwrap();
        outbound.ping_in_order(b"2");
        let mut out = outbound.chunk()[..cut.min(outbound.chunk().len())].to_vec();
        outbound.advance(out.len());
        outbound.ping(b"?").unwrap();
        while !outbound.is_empty() {
            out.push(outbound.chunk()[0]);
            outbound.advance(1);
        }
        let at = match cut {
            0 => 0,
            1..=5 => 1,
            6..=8 => 2,
            9..=13 => 3,
            _ => 4,
        };
        let mut expected = vec![&one, &first, &two, &second];
        expected.insert(at, &other);
        let expected: Vec<u8> = expected.into_iter().flatten().copied().collect();
        assert_eq!(out, expected, "{cut} bytes first");
    }
}

#[test]
fn ping_in_order_is_masked_by_a_client_and_counts_as_queued_data() {
    let (_, mut outbound) = open(Role::Client, Config::new()).split();
    outbound.ping_in_order(b"1");
    assert!(outbound.has_unsent());
    let sent = outbound.chunk().to_vec();
    assert_eq!(frames(&sent), [(FIN | PING, b"1".to_vec())]);
    assert_eq!(sent.len(), 2 + 4 + 1);
}

/// Proves: R6455-5.5-a
#[test]
fn ping_in_order_that_is_too_long_or_comes_after_the_close_is_not_sent() {
    let (_, mut outbound) = open(Role::Server, Config::new()).split();
    outbound.ping_in_order(&[0; 126]);
    assert!(outbound.is_empty());
    outbound.outbox().close(None).unwrap();
    outbound.ping_in_order(b"1");
    assert_eq!(outbound.chunk(), unmasked(FIN | CLOSE, b""));
}

/// A pong that the driver takes is no event; all others are.
///
/// Proves: R6455-5.5.3-c
#[test]
fn pong_that_the_driver_takes_is_no_event() {
    let (mut inbound, outbound) = open(Role::Server, Config::new()).split();
    let mut driver = Driver(outbound);
    for payload in [&b"mine"[..], b"yours", b"mine", b"mine!"] {
        let bytes = masked(FIN | PONG, payload);
        assert_eq!(inbound.receive(&bytes), bytes.len());
    }
    let mut pongs = Vec::new();
    while let Some(event) = inbound.next(&mut driver, Instant::now).unwrap() {
        match event {
            Event::Pong(payload) => pongs.push(payload.to_vec()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pongs, [&b"yours"[..], b"mine!"]);
}
