//! The counters of a connection (feature `metrics`).
#![cfg(feature = "metrics")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::wire::*;
use wskit_proto::deflate::{self, Params, Window, compress_prepared};
use wskit_proto::{
    Config, Connection, Counters, Delivery, Inbound, Keepalive, Outbound, Outgoing, Role, Traffic,
};

/// Returns the two halves of a server, and its counters.
fn halves(server: Connection) -> (Inbound, Outbound, Arc<Counters>) {
    let (inbound, outbox) = server.split();
    let counters = inbound.counters().clone();
    (inbound, outbox, counters)
}

/// Returns frames, messages, bytes on the wire, bytes of messages.
fn counts(traffic: Traffic) -> [u64; 4] {
    [
        traffic.frames,
        traffic.messages,
        traffic.wire_bytes,
        traffic.payload_bytes,
    ]
}

fn give(inbound: &mut Inbound, outbox: &mut Outbound, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        bytes = &bytes[inbound.receive(bytes)..];
        while inbound.next(outbox, Instant::now).unwrap().is_some() {}
    }
}

#[test]
fn every_frame_message_and_byte_counts_once() {
    let (mut inbound, mut outbox, counters) = halves(server());
    assert_eq!(counts(counters.read().received), [0; 4]);

    let hello = masked(FIN | TEXT, b"hello");
    give(&mut inbound, &mut outbox, &hello);
    assert_eq!(counts(counters.read().received), [1, 1, 11, 5]);
    give(&mut inbound, &mut outbox, &masked(BINARY, b"frag"));
    assert_eq!(
        counts(counters.read().received),
        [2, 1, 21, 5],
        "unfinished"
    );
    give(&mut inbound, &mut outbox, &masked(FIN | PING, b"?!"));
    assert_eq!(
        counts(counters.read().received),
        [3, 1, 29, 5],
        "no message"
    );
    give(&mut inbound, &mut outbox, &masked(FIN, b"ment"));
    assert_eq!(counts(counters.read().received), [4, 2, 39, 13]);
    // Most of it is read into the message's own buffer.
    give(
        &mut inbound,
        &mut outbox,
        &masked(FIN | BINARY, &vec![7; 100_000]),
    );
    assert_eq!(
        counts(counters.read().received),
        [5, 3, 39 + 14 + 100_000, 13 + 100_000]
    );

    assert_eq!(counts(counters.read().sent), [1, 0, 0, 0], "the pong waits");
    outbox.feed("12345").unwrap();
    outbox.feed(vec![7; 70_000]).unwrap();
    let queued = outbox.queued();
    assert_eq!(queued, 4 + 7 + 10 + 70_000);
    outbox.advance(9);
    outbox.set_blocked(true);
    let metrics = counters.read();
    assert_eq!(counts(metrics.sent), [3, 2, 9, 70_005]);
    assert_eq!(metrics.queued, queued as u64 - 9);
    outbox.advance(queued - 9);
    outbox.set_blocked(false);
    let metrics = counters.read();
    assert_eq!(
        (metrics.sent.wire_bytes, metrics.queued),
        (queued as u64, 0)
    );
}

#[test]
fn pieces_count_as_they_are_handed_out() {
    let (mut inbound, mut outbox, counters) = halves(server());
    inbound.set_delivery(Delivery::Pieces);
    give(&mut inbound, &mut outbox, &masked(TEXT, b"abc"));
    assert_eq!(counts(counters.read().received), [1, 0, 9, 3]);
    give(&mut inbound, &mut outbox, &masked(FIN, b"de"));
    assert_eq!(counts(counters.read().received), [2, 1, 17, 5]);
}

#[test]
fn compression_counts_both_of_its_sides() {
    let window = Window {
        bits: 15,
        no_context_takeover: false,
    };
    let config = deflate::Config::server().threshold(0);
    let agreed = Params::new(deflate::Role::Server, window, window);
    let (mut inbound, mut outbox, counters) =
        halves(open(Role::Server, Config::new()).with_deflate(agreed, &config));
    let text = "again and again ".repeat(50);
    let payload = compress_prepared(1, 15, text.as_bytes());
    for part in masked(FIN | TEXT | 0x40, &payload).chunks(20) {
        give(&mut inbound, &mut outbox, part);
    }
    give(&mut inbound, &mut outbox, &masked(FIN | TEXT, b"as it is"));
    let received = counters.read().received;
    assert_eq!(
        (received.inflated_bytes, received.deflated_bytes),
        (800, payload.len() as u64)
    );
    assert_eq!((received.messages, received.payload_bytes), (2, 808));

    outbox.feed(&text).unwrap();
    let header = 2;
    let on_the_wire = outbox.queued() - header;
    outbox
        .feed(Outgoing::from("as it is").uncompressed())
        .unwrap();
    let sent = counters.read().sent;
    assert_eq!(
        (sent.inflated_bytes, sent.deflated_bytes),
        (800, on_the_wire as u64)
    );
    assert_eq!((sent.messages, sent.payload_bytes), (2, 808));
}

#[test]
fn round_trip_is_the_latest_of_those_measured() {
    let seconds = Duration::from_secs;
    let start = Instant::now();
    let keepalive = Keepalive {
        every: seconds(20),
        answer_within: seconds(20),
    };
    let config = Config::new().keepalive(Some(keepalive));
    let (mut inbound, mut outbox, counters) = halves(open_at(Role::Server, config, start));
    let metrics = counters.read();
    assert_eq!((metrics.round_trip, metrics.round_trips), (None, 0));
    for (nth, took) in [(1, Duration::from_millis(35)), (2, Duration::ZERO)] {
        let asked = start + seconds(20) * nth;
        inbound.handle_timeout(&mut outbox, asked).unwrap();
        let (_, ping, _, _) = take_frame(outbox.chunk());
        let n = outbox.queued();
        outbox.advance(n);
        let pong = masked(FIN | PONG, &ping);
        assert_eq!(inbound.receive(&pong), pong.len());
        assert!(
            inbound
                .next(&mut outbox, || asked + took)
                .unwrap()
                .is_none()
        );
        let metrics = counters.read();
        assert_eq!(
            (metrics.round_trip, metrics.round_trips),
            (Some(took), u64::from(nth))
        );
    }
}
