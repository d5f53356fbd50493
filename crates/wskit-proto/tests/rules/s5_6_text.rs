//! RFC 6455 §5.6 and §8.1: text is UTF-8, and fails at its first impossible byte.

use crate::wire::*;
use wskit_proto::{Config, Delivery, MessageKind, ProtocolError, Role, SendError};

const SAMPLE: &str = "κόσμε — 日本 🦀!";

/// Byte strings that are not UTF-8, and how many of their bytes decide that.
const INVALID: [(&[u8], usize); 10] = [
    (b"a\x80", 2),
    (b"\xc0\xaf", 1),
    (b"\xe0\x80\xaf", 2),
    (b"\xed\xa0\x80", 2),
    (b"\xf0\x80\x80\xaf", 2),
    (b"\xf4\x90\x80\x80", 2),
    (b"\xf5\x80\x80\x80", 1),
    (b"\xff", 1),
    (b"\xce\xbaa\xc3(", 5),
    (b"ok\xe2\x82A", 5),
];

/// Proves: R6455-5.6-a
#[test]
fn text_may_be_cut_anywhere_by_frames_and_reads() {
    let bytes = SAMPLE.as_bytes();
    for role in ROLES {
        for cut in 0..=bytes.len() {
            let session = [to(role, TEXT, &bytes[..cut]), to(role, FIN, &bytes[cut..])].concat();
            assert_eq!(
                feed(&mut open(role, Config::new()), &session),
                [text(SAMPLE)]
            );
            let mut end = open(role, Config::new());
            let whole = to(role, FIN | TEXT, bytes);
            let mut got = feed(&mut end, &whole[..cut]);
            end.release();
            got.extend(feed(&mut end, &whole[cut..]));
            assert_eq!(got, [text(SAMPLE)]);
        }
    }
}

/// Proves: R6455-8.1-a
#[test]
fn invalid_text_fails_the_connection() {
    for role in ROLES {
        for (bytes, _) in INVALID {
            for session in [
                to(role, FIN | TEXT, bytes),
                [to(role, TEXT, &bytes[..1]), to(role, FIN, &bytes[1..])].concat(),
            ] {
                let mut end = open(role, Config::new());
                assert_eq!(
                    feed(&mut end, &session),
                    [Got::Error(ProtocolError::InvalidUtf8)]
                );
                assert_failed_with(&mut end, 1007);
            }
        }
    }
}

/// Proves: R6455-8.1-a
#[test]
fn invalid_text_fails_at_its_first_impossible_byte() {
    for role in ROLES {
        for (bytes, decided) in INVALID {
            // The frame announces far more than comes: in the slab, assembled, and in fragments.
            for (first, len) in [(FIN | TEXT, 1000_u64), (FIN | TEXT, 500_000), (TEXT, 9)] {
                let whole = [&to(role, first, &[bytes, &[b'x'; 8][..]].concat())[..]].concat();
                let head = header(first, (role == Role::Server).then_some(KEY), len);
                let skip = whole.len() - bytes.len() - 8;
                let body = &whole[skip..];
                let mut end = open(role, Config::new());
                assert_eq!(feed(&mut end, &head), []);
                for (i, byte) in body.iter().enumerate() {
                    let got = feed(&mut end, &[*byte]);
                    if i + 1 == decided {
                        assert_eq!(got, [Got::Error(ProtocolError::InvalidUtf8)], "{bytes:x?}");
                        break;
                    }
                    assert_eq!(got, [], "{bytes:x?} at {i}");
                }
                assert_failed_with(&mut end, 1007);
            }
        }
    }
}

/// Proves: R6455-8.1-a, R6455-5.6-a
#[test]
fn text_that_ends_inside_a_character_fails() {
    for role in ROLES {
        for tail in [&b"\xc3"[..], b"\xe2\x82", b"\xf0\x9f\xa6"] {
            for session in [
                to(role, FIN | TEXT, tail),
                [to(role, TEXT, tail), to(role, FIN, b"")].concat(),
            ] {
                let mut end = open(role, Config::new());
                assert_eq!(
                    feed(&mut end, &session),
                    [Got::Error(ProtocolError::InvalidUtf8)]
                );
                assert_failed_with(&mut end, 1007);
            }
        }
    }
}

/// Proves: R6455-8.1-a
#[test]
fn large_text_is_checked_while_it_comes() {
    for role in ROLES {
        let mut long = "é".repeat(200_000).into_bytes();
        assert_eq!(
            feed(&mut open(role, Config::new()), &to(role, FIN | TEXT, &long)).len(),
            1
        );
        long[300_001] = b'x';
        let frame = to(role, FIN | TEXT, &long);
        let mut end = open(role, Config::new());
        assert_eq!(
            feed(&mut end, &frame[..350_000]),
            [Got::Error(ProtocolError::InvalidUtf8)]
        );
        assert_failed_with(&mut end, 1007);
    }
}

/// A reader that fills the room behind checked text cannot reach that text, nor count bytes that
/// never came.
///
/// Proves: R6455-10.7-a
#[test]
fn large_text_takes_only_what_was_read_behind_it() {
    let frame = unmasked(FIN | TEXT, &vec![b'a'; 100_000]);
    let mut client = client();
    assert_eq!(feed(&mut client, &frame[..40_000]), []);
    match client.read_buf() {
        wskit_proto::ReadBuf::Large(mut spare) => {
            assert_eq!(spare.copy_from(&frame[40_000..41_000]), 1000);
            assert_eq!(spare.init()[..1000], frame[40_000..41_000]);
        }
        wskit_proto::ReadBuf::Slab(_) => panic!("a message of 100 kB is read into its own buffer"),
    }
    client.filled_large(1000);
    assert_eq!(
        feed(&mut client, &frame[41_000..]),
        [Got::Text("a".repeat(100_000))]
    );
}

/// Proves: R6455-10.7-a
#[test]
fn span_of_an_earlier_text_lends_nothing() {
    let (mut inbound, mut outbox) = client().split();
    let read = |inbound: &mut wskit_proto::Inbound, bytes: &[u8]| match inbound.read_buf() {
        wskit_proto::ReadBuf::Slab(slab) => {
            slab[..bytes.len()].copy_from_slice(bytes);
            inbound.filled(bytes.len());
        }
        wskit_proto::ReadBuf::Large(_) => unreachable!(),
    };
    read(&mut inbound, &unmasked(FIN | TEXT, b"text"));
    let wskit_proto::Event::Message(span) = inbound
        .next(&mut outbox, std::time::Instant::now)
        .unwrap()
        .unwrap()
    else {
        panic!()
    };
    assert_eq!(inbound.message(span).as_text(), Some("text"));
    assert_eq!(
        inbound.message(span).as_text(),
        Some("text"),
        "twice is fine"
    );
    read(&mut inbound, &unmasked(FIN | BINARY, &[0xff; 4]));
    assert_eq!(inbound.message(span).as_text(), Some(""));
}

/// Proves: R6455-8.1-a
#[test]
fn pieces_of_invalid_text_stop_at_the_mistake() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        end.set_delivery(Delivery::Pieces);
        let good = to(role, TEXT, b"good \xe2");
        let first = Got::Piece {
            text: true,
            first: true,
            last: false,
            data: b"good \xe2".to_vec(),
        };
        assert_eq!(feed(&mut end, &good), [first]);
        assert_eq!(
            feed(&mut end, &to(role, FIN, b"\x28")),
            [Got::Error(ProtocolError::InvalidUtf8)]
        );
        assert_failed_with(&mut end, 1007);
    }
}

/// Proves: R6455-8.1-a
#[test]
fn streamed_text_that_is_no_text_is_refused() {
    let mut server = server();
    let outbox = server.outbox();
    outbox.begin(MessageKind::Text).unwrap();
    outbox.piece(b"caf\xc3", false).unwrap();
    assert_eq!(outbox.piece(b"x", false), Err(SendError::InvalidUtf8));
    assert_eq!(
        outbox.piece(b"", true),
        Err(SendError::InvalidUtf8),
        "it ends inside a character"
    );
    outbox.piece(b"\xa9", true).unwrap();
    assert_eq!(
        sent(&mut server),
        [(TEXT, b"caf\xc3".to_vec()), (FIN, b"\xa9".to_vec())]
    );
}
