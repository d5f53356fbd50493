//! The outbox: order on the wire, partial writes, large payloads, stalled sockets.
#![allow(
    clippy::large_stack_arrays,
    reason = "payloads of the sizes where something changes"
)]
#![allow(
    clippy::needless_borrows_for_generic_args,
    reason = "lending a message is what is tested"
)]

use std::io::IoSlice;

use crate::wire::*;
use bytes::Bytes;
use proptest::prelude::*;
use wskit_proto::{Config, Connection, MessageKind, PreparedMessage, Role, SendError};

/// Returns the bytes of one vectored write, with room for `most` slices.
fn gather(end: &Connection, most: usize) -> Vec<u8> {
    let mut slices = vec![IoSlice::new(&[]); most];
    let used = end.chunks(&mut slices);
    slices[..used]
        .iter()
        .flat_map(|slice| slice.to_vec())
        .collect()
}

/// Proves: R6455-6.1-b
#[test]
fn chunks_take_nothing_off() {
    let mut server = server();
    server.feed("one").unwrap();
    server.outbox().ping(b"?").unwrap();
    server.feed(vec![2; 50_000]).unwrap();
    let once = gather(&server, 16);
    assert_eq!(once, gather(&server, 16));
    assert_eq!(once.len(), server.outbox().queued());
    let chunk = server.outbound().chunk().to_vec();
    assert!(!chunk.is_empty() && once.starts_with(&chunk));
    assert_eq!(gather(&server, 0), b"");
    assert_eq!(server.take_output(), once);
    assert!(server.outbox().is_empty());
    assert!(server.outbound().chunk().is_empty());
}

/// Proves: R6455-5.5.2-c
#[test]
fn pings_and_pongs_go_before_waiting_data() {
    let mut server = server();
    server.feed("a").unwrap();
    server.feed("b").unwrap();
    server.outbox().ping(b"1").unwrap();
    feed(&mut server, &masked(FIN | PING, b"2"));
    let order: Vec<_> = sent(&mut server)
        .into_iter()
        .map(|(first, payload)| (first & 0xf, payload))
        .collect();
    assert_eq!(
        order,
        [
            (PING, b"1".to_vec()),
            (PONG, b"2".to_vec()),
            (TEXT, b"a".to_vec()),
            (TEXT, b"b".to_vec())
        ]
    );
}

/// Queues one message, ping or pong of each kind.
fn fill(end: &mut Connection) {
    let outbox = end.outbox();
    outbox.feed("first").unwrap();
    outbox.feed(&vec![1; 300]).unwrap();
    outbox.feed(Bytes::from(vec![2; 17_000])).unwrap();
    outbox.feed("between").unwrap();
    outbox.feed(&PreparedMessage::binary([3; 17_500])).unwrap();
    outbox.feed(&PreparedMessage::text("small")).unwrap();
    outbox.feed(vec![4; 18_000]).unwrap();
    outbox.begin(MessageKind::Binary).unwrap();
    outbox.piece(&[5; 40_000], false).unwrap();
    outbox.piece(b"", true).unwrap();
    outbox.feed("last").unwrap();
}

/// Proves: R6455-5.5.2-c, R6455-5.4-d
#[test]
fn ping_goes_at_the_next_frame_border_wherever_a_write_stopped() {
    for role in ROLES {
        let mut reference = open(role, Config::new());
        fill(&mut reference);
        let data = reference.take_output();
        let mut borders = vec![0];
        while borders[borders.len() - 1] < data.len() {
            let at = borders[borders.len() - 1];
            borders.push(at + take_frame(&data[at..]).3);
        }
        let ping = to(other(role), FIN | PING, b"now");
        // Every offset near a border, and some inside payloads.
        let near: Vec<usize> = borders
            .iter()
            .flat_map(|at| at.saturating_sub(9)..at + 16)
            .collect();
        let offsets = near
            .into_iter()
            .chain((0..data.len()).step_by(997))
            .filter(|at| *at <= data.len());
        for at in offsets {
            for park in [false, true] {
                let mut end = open(role, Config::new());
                fill(&mut end);
                end.advance(at);
                end.outbound().set_blocked(park);
                end.outbox().ping(b"now").unwrap();
                let border = *borders.iter().find(|border| **border >= at).unwrap();
                let expected = [&data[at..border], &ping, &data[border..]].concat();
                assert_eq!(end.outbox().queued(), expected.len());
                assert!(gather(&end, 64) == expected, "{role:?} stopped at {at}");
                // In two steps, cut inside the ping: it is finished before any data.
                let cut = border - at + 3;
                end.advance(cut);
                end.outbox().ping(b"two").unwrap();
                let rest = [
                    &ping[3..],
                    &to(other(role), FIN | PING, b"two"),
                    &data[border..],
                ]
                .concat();
                assert!(
                    gather(&end, 64) == rest,
                    "{role:?} stopped at {at}, then in the ping"
                );
                assert!(end.take_output() == rest);
                assert_eq!(end.buffer_bytes(), 0);
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Act {
    Small(usize),
    Large(usize),
    Prepared(usize),
    Piece(usize, bool),
    Ping,
    Pinged,
    Write(usize, usize),
    Park(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (0..16_500_usize).prop_map(Act::Small),
        2 => (0..40_000_usize).prop_map(Act::Large),
        2 => (0..20_000_usize).prop_map(Act::Prepared),
        2 => (0..20_000_usize, any::<bool>()).prop_map(|(len, last)| Act::Piece(len, last)),
        1 => Just(Act::Ping),
        1 => Just(Act::Pinged),
        6 => (1..6_usize, prop_oneof![0..20_usize, 0..100_000_usize]).prop_map(|(slices, n)| Act::Write(slices, n)),
        1 => any::<bool>().prop_map(Act::Park),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// With any queue and any sizes of writes, the peer reads every message once and in order,
    /// pings and pongs at frame borders, and no memory is held at the end.
    ///
    /// Proves: R6455-6.1-b, R6455-5.5.2-c, X-api-1
    #[test]
    fn every_write_pattern_gives_the_same_messages(acts in proptest::collection::vec(act(), 1..60), as_client in any::<bool>()) {
        let role = ROLES[usize::from(as_client)];
        let mut end = open(role, Config::new().write_queue_limit(200_000));
        let mut wire = Vec::new();
        let mut expected = Vec::new();
        let mut streamed: Option<Vec<u8>> = None;
        let (mut pings, mut pinged, mut fill) = (0, 0, 0_u8);
        for act in &acts {
            fill = fill.wrapping_add(1);
            let fed = match act {
                Act::Small(len) => end.feed(&vec![fill; *len]).map(|()| vec![fill; *len]),
                Act::Large(len) => end.feed(Bytes::from(vec![fill; *len])).map(|()| vec![fill; *len]),
                Act::Prepared(len) => end.feed(&PreparedMessage::binary(&vec![fill; *len])).map(|()| vec![fill; *len]),
                Act::Piece(len, last) => {
                    if streamed.is_none() && end.outbox().begin(MessageKind::Binary).is_ok() {
                        streamed = Some(Vec::new());
                    }
                    let data = vec![fill; *len];
                    if end.outbox().piece(&data, *last).is_ok() {
                        let so_far = streamed.as_mut().unwrap();
                        so_far.extend(&data);
                        if *last {
                            expected.push(Got::Binary(streamed.take().unwrap()));
                        }
                    }
                    continue;
                }
                Act::Ping => {
                    end.outbox().ping(b"ours").unwrap();
                    pings += 1;
                    continue;
                }
                Act::Pinged => {
                    feed(&mut end, &to(role, FIN | PING, b"theirs"));
                    pinged += 1;
                    continue;
                }
                Act::Write(slices, n) => {
                    let offered = gather(&end, *slices);
                    let n = (*n).min(offered.len());
                    wire.extend(&offered[..n]);
                    end.advance(n);
                    continue;
                }
                Act::Park(blocked) => {
                    end.outbound().set_blocked(*blocked);
                    continue;
                }
            };
            match fed {
                Ok(data) => expected.push(Got::Binary(data)),
                Err(error) => prop_assert!(matches!(error, SendError::QueueFull | SendError::MessageOpen)),
            }
        }
        wire.extend(end.take_output());
        let mut got = feed(&mut open(other(role), Config::new()), &wire);
        got.retain(|got| match got {
            Got::Ping(data) => { pings -= 1; assert_eq!(data, b"ours"); false }
            Got::Pong(data) => { pinged -= 1; assert_eq!(data, b"theirs"); false }
            _ => true,
        });
        prop_assert!(got == expected);
        prop_assert_eq!(pings, 0);
        prop_assert!(pinged >= 0, "no more pongs than pings");
        end.release();
        prop_assert_eq!(end.buffer_bytes(), 0);
    }
}

/// Proves: R6455-6.1-b
#[test]
fn large_payload_is_queued_by_reference() {
    let shared = Bytes::from(vec![9; 100_000]);
    let prepared = PreparedMessage::binary(&[8; 100_000]);
    let own = vec![7; 100_000];
    let at = own.as_ptr();
    let mut server = server();
    server.feed(shared.clone()).unwrap();
    server.feed(&prepared).unwrap();
    server.feed(own).unwrap();
    let mut slices = [IoSlice::new(&[]); 8];
    let used = server.chunks(&mut slices);
    let places: Vec<*const u8> = slices[..used].iter().map(|slice| slice.as_ptr()).collect();
    assert!(places.contains(&shared.as_ptr()), "shared");
    assert!(
        places
            .iter()
            .any(|place| prepared.as_bytes().as_ptr().wrapping_sub(10) == *place),
        "prepared"
    );
    assert!(places.contains(&at), "own");
}

/// Proves: R6455-5.3-a
#[test]
fn client_masks_a_payload_of_its_own_in_place() {
    let own = vec![7; 100_000];
    let at = own.as_ptr();
    let mut client = client();
    client.feed(own).unwrap();
    let mut slices = [IoSlice::new(&[]); 8];
    let used = client.chunks(&mut slices);
    assert!(slices[..used].iter().any(|slice| slice.as_ptr() == at));
}

/// Proves: X-mem-1
#[test]
fn queue_is_bounded_and_refuses_whole_messages() {
    let mut server = open(
        Role::Server,
        Config::new().write_queue_limit(1000).write_high_water(500),
    );
    server.feed(&[1; 498]).unwrap();
    assert!(server.outbox().is_over_high_water());
    server.feed(&[2; 498]).unwrap();
    assert_eq!(server.outbox().queued(), 1004);
    for _ in 0..2 {
        assert_eq!(server.feed("x"), Err(SendError::QueueFull));
        assert_eq!(server.feed(vec![0; 50_000]), Err(SendError::QueueFull));
        assert_eq!(
            server.outbox().begin(MessageKind::Text),
            Err(SendError::QueueFull)
        );
    }
    assert_eq!(server.outbox().queued(), 1004);
    server.advance(10);
    server.feed("x").unwrap();
    assert_eq!(
        server.feed("y"),
        Ok(()),
        "below the limit again by 7, then not"
    );
    assert_eq!(server.feed("z"), Err(SendError::QueueFull));
}

/// Proves: X-mem-1
#[test]
fn queue_is_full_at_the_limit_to_the_byte() {
    for role in ROLES {
        for (len, full) in [(995, false), (996, true), (997, true)] {
            // The high-water mark lies above the limit and then does not matter.
            let mut end = open(role, Config::new().write_queue_limit(1000));
            let header = to(other(role), FIN | BINARY, &[0; 995]).len() - 995;
            let len = len + 4 - header;
            end.feed(&vec![1; len]).unwrap();
            let expected = if full {
                Err(SendError::QueueFull)
            } else {
                Ok(())
            };
            assert_eq!(end.outbox().check(), expected);
            assert_eq!(end.feed("x"), expected, "{role:?}, {len} bytes");
        }
    }
}

/// Proves: X-mem-1
#[test]
fn pings_of_the_application_are_bounded() {
    let mut server = server();
    let mut queued = 0;
    while server.outbox().ping(&[0; 125]).is_ok() {
        queued += 1;
        assert!(queued < 100);
    }
    assert!(server.outbound().is_control_full());
    assert_eq!(server.outbox().ping(b""), Err(SendError::QueueFull));
    assert_eq!(server.outbox().pong(b""), Err(SendError::QueueFull));
    feed(&mut server, &masked(FIN | PING, b"answered all the same"));
    assert_eq!(sent(&mut server).len(), queued + 1);
}

/// Proves: X-mem-1
#[test]
fn stalled_socket_holds_what_waits_and_no_slab() {
    let mut server = server();
    server.feed("a few bytes").unwrap();
    assert!(server.buffer_bytes() >= 64 << 10, "a borrowed buffer");
    server.outbound().set_blocked(true);
    assert!(server.buffer_bytes() <= 64, "{}", server.buffer_bytes());
    server.feed(" and more").unwrap();
    server.outbound().set_blocked(true);
    assert!(server.buffer_bytes() <= 128, "{}", server.buffer_bytes());
    assert_eq!(sent(&mut server).len(), 2);
    assert_eq!(server.buffer_bytes(), 0);
}
