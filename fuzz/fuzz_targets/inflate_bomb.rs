//! Messages that expand a thousandfold: each is taken up to the limit and not a byte further, and memory
//! stays within the limit and a constant whatever comes. Bytes are counted by the allocator.
//!
//! Input: flags (bit 0: client, 1: pieces, 2: streams of their own, 3 and 4: limit, 5: no takeover, 6: text),
//! where messages are cut into frames (8), where the bytes are cut (8), then messages: a kind (low two bits:
//! around the limit, of any length, raw, as many empty frames; above that, whether it is left unfinished),
//! a byte for its length, and the raw bytes.
#![no_main]

use std::collections::VecDeque;
use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use wskit_fuzz::{Cuts, Input, deflate_bomb, mask_keys};
use wskit_proto::deflate::{Budget, Config as DeflateConfig, Params, Role, Window};
use wskit_proto::{Config, Connection, Delivery, Event, ProtocolError};
use wskit_test::alloc::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let (fragments, reads) = (Cuts::new(&mut input), Cuts::new(&mut input));
    let limit = LIMITS[usize::from(flags >> 3 & 3)];
    let client = flags & 1 != 0;
    let (wire, mut expected) = script(&mut input, !client, fragments, limit, flags & 64 != 0);

    let before = alloc::live();
    let above = |bytes: isize| usize::try_from(bytes - before).unwrap_or(0);
    alloc::take_peak();
    let mut connection = connect(client, flags, limit);
    let pieces = flags & 2 != 0;
    let now = Instant::now();
    let (mut given, mut came, mut produced, mut failed) = (0, 0, 0, None);
    for piece in reads.pieces(&wire) {
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = connection.receive(rest);
            rest = &rest[taken..];
            given += taken;
            loop {
                match connection.poll_event(now) {
                    Ok(None) => break,
                    Ok(Some(event)) => {
                        let (data, last) = match &event {
                            Event::Message(message) => (message.as_bytes(), true),
                            Event::Piece(piece) => (piece.data, piece.last),
                            _ => continue,
                        };
                        came += data.len();
                        produced += data.len();
                        assert!(
                            came <= limit,
                            "{came} bytes of a message, the limit is {limit}"
                        );
                        if last {
                            if let Some(Some(len)) = expected.pop_front_if_known() {
                                assert_eq!(came, len, "a message of another length");
                                assert!(data.iter().all(|byte| *byte == b'0'));
                            }
                            came = 0;
                        }
                    }
                    Err(error) => failed = Some(error),
                }
            }
            // What comes out is handed on at once in pieces; else it is the message, in a buffer that doubles.
            let message = if pieces {
                0
            } else {
                limit.min(2 * RATIO * given)
            };
            let peak = above(alloc::take_peak());
            assert!(
                peak <= message + CONSTANT,
                "{peak} bytes in use after {given} bytes with a limit of {limit}"
            );
            while !connection.outbox().is_empty() {
                let len = connection.outbound().chunk().len();
                connection.advance(len);
            }
        }
        if flags & 128 != 0 {
            connection.release();
        }
    }
    assert!(
        produced <= RATIO * given,
        "{produced} bytes came out of {given}"
    );
    match expected.front() {
        // A message beyond the limit is refused as such; so the connection never is for one that fits.
        Some(Expected::TooBig) => assert_eq!(failed, Some(ProtocolError::MessageTooBig { limit })),
        Some(Expected::Anything) => {}
        Some(Expected::Unfinished) | None => assert_eq!(failed, None),
        Some(Expected::Message(len)) => panic!("a message of {len} bytes has not come: {failed:?}"),
    }
    connection.release();
    let left = above(alloc::live());
    assert!(pieces || left <= limit + CONSTANT, "{left} bytes are kept");
    drop(connection);
    let left = above(alloc::live());
    assert!(left <= POOLED, "{left} bytes are kept for ever");
});

/// What a message is by construction.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Message(usize),
    TooBig,
    /// It fits, and its end does not come.
    Unfinished,
    /// Raw bytes: then and afterwards only the bounds count.
    Anything,
}

trait PopKnown {
    fn pop_front_if_known(&mut self) -> Option<Option<usize>>;
}

impl PopKnown for VecDeque<Expected> {
    fn pop_front_if_known(&mut self) -> Option<Option<usize>> {
        match self.front() {
            Some(Expected::Anything) => None,
            Some(Expected::Message(len)) => {
                let len = *len;
                self.pop_front();
                Some(Some(len))
            }
            other => panic!("a message came where {other:?} was expected"),
        }
    }
}

fn script(
    input: &mut Input<'_>,
    masked: bool,
    cuts: Cuts,
    limit: usize,
    text: bool,
) -> (Vec<u8>, VecDeque<Expected>) {
    let mut wire = Vec::new();
    let mut expected = VecDeque::new();
    while !input.is_empty() && wire.len() < MOST {
        let (kind, size) = (input.byte(), input.byte());
        let unfinished = kind & 4 != 0;
        let len = match kind & 3 {
            0 => (limit + usize::from(size)).saturating_sub(128),
            _ => usize::from(size) * usize::from(size) * 67,
        };
        let payload = match kind & 3 {
            0 | 1 => deflate_bomb(len),
            2 => input.slice(usize::from(size)).to_vec(),
            _ => Vec::new(),
        };
        let what = match kind & 3 {
            0 | 1 if len > limit => Expected::TooBig,
            _ if unfinished && kind & 3 != 2 => Expected::Unfinished,
            0 | 1 => Expected::Message(len),
            2 => Expected::Anything,
            _ => Expected::Message(0),
        };
        expected.push_back(what);
        let mut opcode = 0x40 | if text { 1 } else { 2 };
        if kind & 3 == 3 {
            for _ in 0..usize::from(size) * 4 {
                frame(&mut wire, opcode, b"", masked);
                opcode = 0;
            }
        }
        let mut rest = &payload[..];
        for piece in cuts.pieces(&payload) {
            rest = &rest[piece.len()..];
            if !rest.is_empty() {
                frame(&mut wire, opcode, piece, masked);
                opcode = 0;
            } else if !unfinished {
                frame(&mut wire, opcode | 0x80, piece, masked);
            } else {
                frame(&mut wire, opcode, piece, masked);
            }
        }
        if payload.is_empty() && !unfinished {
            frame(&mut wire, opcode | 0x80, b"", masked);
        }
        if !matches!(what, Expected::Message(_)) {
            break;
        }
    }
    (wire, expected)
}

fn frame(wire: &mut Vec<u8>, first: u8, payload: &[u8], masked: bool) {
    let bit = if masked { 0x80 } else { 0 };
    wire.push(first);
    match payload.len() {
        len @ 0..126 => wire.push(bit | len as u8),
        len => {
            wire.push(bit | 126);
            wire.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    wire.extend_from_slice(if masked { &[0; 4] } else { &[] });
    wire.extend_from_slice(payload);
}

fn connect(client: bool, flags: u8, limit: usize) -> Connection {
    let window = Window {
        bits: 15,
        no_context_takeover: flags & 32 != 0,
    };
    let deflate = DeflateConfig::server()
        .dedicated(flags & 4 != 0)
        .budget(Budget::new(1 << 30));
    let config = Config::new().max_message_size(limit);
    let now = Instant::now();
    let (role, connection) = if client {
        (Role::Client, Connection::client(config, mask_keys(), now))
    } else {
        (Role::Server, Connection::server(config, now))
    };
    let mut connection = connection.with_deflate(Params::new(role, window, window), &deflate);
    if flags & 2 != 0 {
        connection.set_delivery(Delivery::Pieces);
    }
    connection
}

const LIMITS: [usize; 4] = [1 << 20, 1000, 20_000, 200_000];
/// DEFLATE expands to 1032 times its size at most (258 bytes by two bits); headers only add to it.
const RATIO: usize = 1040;
/// A read buffer (32 KiB), a stream (46 KiB), the history (32 KiB), a block (16 KiB), and a write buffer for the
/// Close (64 KiB).
const CONSTANT: usize = 256 << 10;
/// Read buffers and streams that the thread keeps for the next connection.
const POOLED: usize = 224 << 10;
const MOST: usize = 40 << 10;
