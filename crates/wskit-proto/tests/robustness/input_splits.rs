//! Events and replies do not depend on how the input is cut, and they equal those of a slow, simple
//! decoder.
#![allow(
    clippy::large_stack_arrays,
    reason = "payloads of the sizes where something changes"
)]

use crate::wire::*;
use proptest::prelude::*;
use wskit_proto::{Config, Connection, Delivery, FrameError, MessageKind, ProtocolError, Role};

const LIMIT: usize = 60_000;
const FRAMES: u32 = 40;

fn config() -> Config {
    Config::new().max_message_size(LIMIT).max_fragments(FRAMES)
}

/// The slow, simple decoder: the whole input at once, byte by byte.
fn model(role: Role, bytes: &[u8]) -> Vec<Got> {
    let mut got = Vec::new();
    if let Err(error) = decode(role, bytes, &mut got) {
        got.push(Got::Error(error));
    }
    got
}

fn decode(role: Role, bytes: &[u8], got: &mut Vec<Got>) -> Result<(), ProtocolError> {
    let mut at = 0;
    let mut open: Option<(u8, Vec<u8>, u32)> = None;
    loop {
        // A header, one byte after the other.
        let Some(&first) = bytes.get(at) else {
            return Ok(());
        };
        let (fin, opcode) = (first & 0x80 != 0, first & 0xf);
        if first & 0x30 != 0 {
            return Err(FrameError::ReservedBits.into());
        }
        if !matches!(opcode, 0 | 1 | 2 | 8 | 9 | 10) {
            return Err(FrameError::ReservedOpCode(opcode).into());
        }
        if first & 0x40 != 0 {
            return Err(FrameError::ReservedBits.into());
        }
        let control = opcode >= 8;
        if control && !fin {
            return Err(FrameError::FragmentedControl.into());
        }
        let Some(&second) = bytes.get(at + 1) else {
            return Ok(());
        };
        match (second & 0x80 != 0, role) {
            (false, Role::Server) => return Err(FrameError::MaskMissing.into()),
            (true, Role::Client) => return Err(FrameError::MaskUnexpected.into()),
            _ => {}
        }
        let code = second & 0x7f;
        at += 2;
        let len_size = match code {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        if control && code > 125 {
            return Err(FrameError::ControlTooLong(match opcode {
                8 => wskit_frame::OpCode::Close,
                9 => wskit_frame::OpCode::Ping,
                _ => wskit_frame::OpCode::Pong,
            })
            .into());
        }
        let Some(len_bytes) = bytes.get(at..at + len_size) else {
            return Ok(());
        };
        let long = len_bytes
            .iter()
            .fold(0_u128, |len, byte| len << 8 | u128::from(*byte));
        let len = if len_size == 0 {
            u128::from(code)
        } else {
            long
        };
        if len >= 1 << 63 {
            return Err(FrameError::LengthOverflow.into());
        }
        if (len_size == 2 && len < 126) || (len_size == 8 && len < 65_536) {
            return Err(FrameError::LengthNotMinimal.into());
        }
        at += len_size;
        let key = if role == Role::Server {
            let Some(key) = bytes.get(at..at + 4) else {
                return Ok(());
            };
            at += 4;
            key.to_vec()
        } else {
            vec![0; 4]
        };
        let unmask = |masked: &[u8]| {
            masked
                .iter()
                .zip(key.iter().cycle())
                .map(|(a, b)| a ^ b)
                .collect::<Vec<u8>>()
        };

        if control {
            let len = usize::try_from(len).unwrap();
            let Some(payload) = bytes.get(at..at + len) else {
                return Ok(());
            };
            let payload = unmask(payload);
            at += len;
            match opcode {
                9 => got.push(Got::Ping(payload)),
                10 => got.push(Got::Pong(payload)),
                _ => {
                    got.push(Got::Close(close_of(&payload)?));
                    return Ok(());
                }
            }
            continue;
        }

        let (kind, mut data, count) = match (open.take(), opcode) {
            (None, 0) => return Err(ProtocolError::UnexpectedContinuation),
            (None, kind) => (kind, Vec::new(), 0),
            (Some(message), 0) => message,
            (Some(_), kind) => {
                let begun = if kind == 1 {
                    MessageKind::Text
                } else {
                    MessageKind::Binary
                };
                return Err(ProtocolError::ExpectedContinuation { begun });
            }
        };
        if count + 1 > FRAMES {
            return Err(ProtocolError::TooManyFragments { limit: FRAMES });
        }
        if data.len() as u128 + len > LIMIT as u128 {
            return Err(ProtocolError::MessageTooBig { limit: LIMIT });
        }
        let len = usize::try_from(len).unwrap();
        let there = len.min(bytes.len() - at);
        data.extend(unmask(&bytes[at..at + there]));
        at += there;
        let ends = fin && there == len;
        if kind == 1 {
            match std::str::from_utf8(&data) {
                Err(error) if error.error_len().is_some() || ends => {
                    return Err(ProtocolError::InvalidUtf8);
                }
                _ => {}
            }
        }
        if there < len {
            return Ok(());
        }
        if !ends {
            open = Some((kind, data, count + 1));
        } else if kind == 1 {
            got.push(Got::Text(String::from_utf8(data).unwrap()));
        } else {
            got.push(Got::Binary(data));
        }
    }
}

fn close_of(payload: &[u8]) -> Result<Option<(u16, String)>, ProtocolError> {
    match payload {
        [] => Ok(None),
        [_] => Err(FrameError::CloseTooShort.into()),
        [a, b, reason @ ..] => {
            let code = u16::from_be_bytes([*a, *b]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(FrameError::CloseCode(code).into());
            }
            let reason = std::str::from_utf8(reason).map_err(|_| FrameError::CloseReasonUtf8)?;
            Ok(Some((code, reason.to_owned())))
        }
    }
}

/// The result of one run.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    got: Vec<Got>,
    output: Vec<u8>,
}

/// How one chunk is passed in.
#[derive(Clone, Copy, Debug)]
struct Hand {
    len: usize,
    by_read_buf: bool,
    poll_after: bool,
    release_after: bool,
}

const PLAINLY: Hand = Hand {
    len: usize::MAX,
    by_read_buf: false,
    poll_after: true,
    release_after: false,
};

/// Passes `bytes` in the chunks of `hands`, repeatedly; all output is taken at the end.
fn run(mut end: Connection, mut bytes: &[u8], hands: &[Hand]) -> Run {
    let mut got = Vec::new();
    let mut hands = hands.iter().cycle();
    while !bytes.is_empty() {
        let hand = hands.next().unwrap();
        let (mut chunk, rest) = bytes.split_at(hand.len.clamp(1, bytes.len()));
        bytes = rest;
        let mut stuck = 0;
        while !chunk.is_empty() {
            let n = if hand.by_read_buf {
                push_by_read_buf(&mut end, chunk)
            } else {
                end.receive(chunk)
            };
            chunk = &chunk[n..];
            stuck = if n == 0 { stuck + 1 } else { 0 };
            assert!(stuck < 2, "no room although all events are taken");
            if n == 0 || hand.poll_after {
                got.extend(poll(&mut end));
            }
        }
        if hand.release_after {
            end.release();
        }
    }
    got.extend(poll(&mut end));
    Run {
        got,
        output: end.take_output(),
    }
}

/// Joins pieces to messages again; `first` and `last` must be right.
fn joined(got: Vec<Got>) -> Vec<Got> {
    let mut whole = Vec::new();
    let mut open: Option<(bool, Vec<u8>)> = None;
    for got in got {
        let Got::Piece {
            text,
            first,
            last,
            data,
        } = got
        else {
            whole.push(got);
            continue;
        };
        assert_eq!(
            first,
            open.is_none(),
            "first says whether the message begins"
        );
        let (kind, mut so_far) = open.take().unwrap_or((text, Vec::new()));
        assert_eq!(kind, text, "the kind stays");
        assert!(
            first || last || !data.is_empty(),
            "no empty piece in the middle"
        );
        so_far.extend(data);
        if !last {
            open = Some((kind, so_far));
        } else if text {
            whole.push(Got::Text(String::from_utf8(so_far).unwrap()));
        } else {
            whole.push(Got::Binary(so_far));
        }
    }
    whole
}

fn rich_session(role: Role) -> Vec<u8> {
    [
        to(role, FIN | TEXT, "grüße".as_bytes()),
        to(role, FIN | BINARY, b""),
        to(role, FIN | PING, b"ping"),
        to(role, TEXT, "日".as_bytes()),
        to(role, CONTINUATION, &"本".as_bytes()[..1]),
        to(role, FIN | PONG, b""),
        to(role, CONTINUATION, b""),
        to(role, FIN | PING, b""),
        to(role, FIN, &"本".as_bytes()[1..]),
        to(role, FIN | BINARY, &[1; 126]),
        to(role, BINARY, &[2; 130]),
        to(role, FIN, &[3; 200]),
        to(role, FIN | TEXT, b""),
        to(role, FIN | CLOSE, &close_body(1001, "é")),
        to(role, FIN | TEXT, b"never seen"),
    ]
    .concat()
}

/// Proves: R6455-5.2-i, R6455-6.2-c
#[test]
fn rich_session_cut_in_two_anywhere_is_the_same() {
    for role in ROLES {
        let bytes = rich_session(role);
        let whole = run(open(role, config()), &bytes, &[PLAINLY]);
        assert_eq!(whole.got, model(role, &bytes));
        assert_eq!(whole.got.len(), 10);
        for cut in 1..bytes.len() {
            for by_read_buf in [false, true] {
                for release_after in [false, true] {
                    for poll_after in [false, true] {
                        let first = Hand {
                            len: cut,
                            by_read_buf,
                            poll_after,
                            release_after,
                        };
                        let rest = Hand {
                            len: usize::MAX,
                            ..first
                        };
                        assert_eq!(
                            run(open(role, config()), &bytes, &[first, rest]),
                            whole,
                            "cut at {cut}"
                        );
                    }
                }
            }
        }
    }
}

/// Proves: R6455-5.2-i, R6455-6.2-c
#[test]
fn rich_session_byte_by_byte_is_the_same() {
    for role in ROLES {
        let bytes = rich_session(role);
        let whole = run(open(role, config()), &bytes, &[PLAINLY]);
        for release_after in [false, true] {
            let hand = Hand {
                len: 1,
                release_after,
                ..PLAINLY
            };
            assert_eq!(run(open(role, config()), &bytes, &[hand]), whole);
        }
        let pieces = || {
            let mut end = open(role, config());
            end.set_delivery(Delivery::Pieces);
            end
        };
        for len in 1..40 {
            assert_eq!(
                joined(run(pieces(), &bytes, &[Hand { len, ..PLAINLY }]).got),
                whole.got
            );
        }
    }
}

/// Proves: R6455-5.2-i, X-mem-2
#[test]
fn surplus_behind_a_large_message_is_kept_in_order() {
    for role in ROLES {
        let mut end = open(role, config());
        let large = to(role, FIN | BINARY, &[1; 50_000]);
        let small: Vec<u8> = (0..200)
            .flat_map(|i| to(role, FIN | BINARY, &[i; 220]))
            .collect();
        assert_eq!(feed(&mut end, &large[..30_000]), []);
        let rest = large.len() - 30_000;
        let surplus = match end.read_buf() {
            wskit_proto::ReadBuf::Large(mut spare) => {
                let both = [&large[30_000..], &small].concat();
                spare.copy_from(&both) - rest
            }
            wskit_proto::ReadBuf::Slab(_) => panic!("50 kB are read into their own buffer"),
        };
        assert!(surplus > 0, "a read may reach into the next frame");
        end.filled_large(rest + surplus);
        let mut got = poll(&mut end);
        got.extend(feed(&mut end, &small[surplus..]));
        let expected: Vec<Got> = (0..200).map(|i| Got::Binary(vec![i; 220])).collect();
        assert_eq!(got[0], Got::Binary(vec![1; 50_000]));
        assert!(got[1..] == expected);
    }
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![8 => 0..20_usize, 3 => 120..140_usize, 1 => 8_000..40_000_usize, 1 => 32_700..32_800_usize];
    (len, 0..4_u8, any::<u8>()).prop_map(|(len, kind, seed)| match kind {
        0 => (0..len).map(|i| (i as u8).wrapping_mul(seed)).collect(),
        1 => vec![b'a' + seed % 26; len],
        _ => "aé日🦀"
            .bytes()
            .cycle()
            .skip(usize::from(seed))
            .take(len)
            .collect(),
    })
}

fn frame() -> impl Strategy<Value = (u8, Vec<u8>)> {
    prop_oneof![
        6 => (prop_oneof![Just(FIN | TEXT), Just(FIN | BINARY)], payload()),
        3 => (prop_oneof![Just(TEXT), Just(BINARY)], payload()),
        5 => (prop_oneof![Just(CONTINUATION), Just(CONTINUATION), Just(FIN)], payload()),
        3 => (prop_oneof![Just(FIN | PING), Just(FIN | PONG)], proptest::collection::vec(any::<u8>(), 0..126)),
        1 => (Just(FIN | CLOSE), Just(close_body(1000, "bye"))),
        1 => (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..10)),
    ]
}

/// Frames that follow the rules of fragmentation most of the time.
fn session() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    (proptest::collection::vec(frame(), 1..25), any::<bool>()).prop_map(|(mut frames, lawful)| {
        let mut open = false;
        if lawful {
            for (first, _) in &mut frames {
                match *first & 0xf {
                    TEXT | BINARY if open => *first &= 0xf0,
                    CONTINUATION if !open => *first |= BINARY,
                    _ => {}
                }
                if *first & 0xf <= BINARY {
                    open = *first & FIN == 0;
                }
            }
        }
        frames
    })
}

fn hands() -> impl Strategy<Value = Vec<Hand>> {
    let len = prop_oneof![3 => 1..12_usize, 2 => 1..300_usize, 2 => 1..70_000_usize];
    let hand = (len, any::<bool>(), prop::bool::weighted(0.7), any::<bool>()).prop_map(
        |(len, by_read_buf, poll_after, release_after)| Hand {
            len,
            by_read_buf,
            poll_after,
            release_after,
        },
    );
    proptest::collection::vec(hand, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    /// Proves: R6455-5.2-i, R6455-6.2-a, R6455-6.2-b, R6455-6.2-c, R6455-10.7-a, X-api-1, X-api-2
    #[test]
    fn any_cutting_of_any_input_gives_what_the_model_says(
        frames in session(),
        keys in any::<[u8; 4]>(),
        mutations in prop_oneof![
            2 => Just(vec![]),
            1 => proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
        ],
        hands in hands(),
        as_client in any::<bool>(),
    ) {
        let role = ROLES[usize::from(as_client)];
        let mut bytes: Vec<u8> = frames.iter().flat_map(|(first, payload)| match role {
            Role::Server => masked_with(keys, *first, payload),
            Role::Client => unmasked(*first, payload),
        }).collect();
        for (index, flip) in mutations {
            let at = index.index(bytes.len());
            bytes[at] ^= flip;
        }
        let expected = model(role, &bytes);
        let whole = run(open(role, config()), &bytes, &[PLAINLY]);
        prop_assert!(whole.got == expected, "whole: {:.400?}\nmodel: {:.400?}", whole.got, expected);
        let cut = run(open(role, config()), &bytes, &hands);
        prop_assert!(cut.got == expected, "cut: {:.400?}\nmodel: {:.400?}", cut.got, expected);
        prop_assert!(cut.output == whole.output, "the answers are the same");

        let mut end = open(role, config());
        end.set_delivery(Delivery::Pieces);
        let pieces = run(end, &bytes, &hands);
        prop_assert!(joined(pieces.got) == expected, "in pieces");
        prop_assert!(pieces.output == whole.output);
    }
}
