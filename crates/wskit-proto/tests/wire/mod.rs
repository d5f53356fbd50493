//! Helpers of the tests: frames as bytes, and events as values that can be compared.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of the vocabulary"
)]
#![allow(clippy::decimal_bitwise_operands, reason = "a length is a number")]

use std::cell::Cell;
use std::time::Instant;

use wskit_proto::{
    CloseFrame, Config, Connection, Event, MaskKeys, MessageRef, Piece, ProtocolError, ReadBuf,
    Role,
};

pub const CONTINUATION: u8 = 0x0;
pub const TEXT: u8 = 0x1;
pub const BINARY: u8 = 0x2;
pub const CLOSE: u8 = 0x8;
pub const PING: u8 = 0x9;
pub const PONG: u8 = 0xa;
pub const FIN: u8 = 0x80;

/// The key of the RFC's samples (§5.7).
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// An event, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    Text(String),
    Binary(Vec<u8>),
    Piece {
        text: bool,
        first: bool,
        last: bool,
        data: Vec<u8>,
    },
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
    Error(ProtocolError),
}

/// Returns the header of a frame, with the length in its shortest form.
pub fn header(first: u8, mask: Option<[u8; 4]>, len: u64) -> Vec<u8> {
    let bit = if mask.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(bit | u8::try_from(len).unwrap()),
        126..=0xffff => {
            bytes.push(bit | 126);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        _ => {
            bytes.push(bit | 127);
            bytes.extend(len.to_be_bytes());
        }
    }
    bytes.extend(mask.into_iter().flatten());
    bytes
}

/// Returns a frame as a server sends it.
pub fn unmasked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, None, payload.len() as u64);
    bytes.extend(payload);
    bytes
}

/// Returns a frame as a client sends it.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    masked_with(KEY, first, payload)
}

pub fn masked_with(key: [u8; 4], first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, Some(key), payload.len() as u64);
    bytes.extend(
        payload
            .iter()
            .zip(key.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// Returns a frame as this role receives it.
pub fn to(role: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    match role {
        Role::Server => masked(first, payload),
        Role::Client => unmasked(first, payload),
    }
}

/// Returns the body of a Close.
pub fn close_body(code: u16, reason: &str) -> Vec<u8> {
    let mut body = code.to_be_bytes().to_vec();
    body.extend(reason.as_bytes());
    body
}

/// Returns a Close as this role receives it.
pub fn close_to(role: Role, code: u16) -> Vec<u8> {
    to(role, FIN | CLOSE, &close_body(code, ""))
}

pub const ROLES: [Role; 2] = [Role::Server, Role::Client];

pub const fn other(role: Role) -> Role {
    match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    }
}

thread_local! {
    static DRAWN: Cell<u32> = const { Cell::new(0) };
}

/// Draws keys that differ, in the same order in each run: 0, 1, 2 ... spread over four bytes.
pub fn counted_key() -> [u8; 4] {
    let n = DRAWN.get();
    DRAWN.set(n + 1);
    n.wrapping_mul(0x9e37_79b9)
        .wrapping_add(0x0102_0304)
        .to_be_bytes()
}

/// Returns how many keys were drawn on this thread.
pub fn keys_drawn() -> u32 {
    DRAWN.get()
}

pub fn restart_keys() {
    DRAWN.set(0);
}

pub fn sample_key() -> [u8; 4] {
    KEY
}

/// Returns a connection of this role whose masking keys are all [`KEY`].
pub fn open(role: Role, config: Config) -> Connection {
    open_at(role, config, Instant::now())
}

pub fn open_at(role: Role, config: Config, now: Instant) -> Connection {
    match role {
        Role::Server => Connection::server(config, now),
        Role::Client => Connection::client(config, MaskKeys::new(sample_key), now),
    }
}

pub fn server() -> Connection {
    open(Role::Server, Config::new())
}

pub fn client() -> Connection {
    open(Role::Client, Config::new())
}

pub fn owned(event: Event<MessageRef<'_>, Piece<'_>>) -> Got {
    let close_of = |close: CloseFrame| (close.code.get(), close.reason.to_string());
    match event {
        Event::Message(message) => owned_message(&message),
        Event::Piece(piece) => Got::Piece {
            text: piece.kind == wskit_proto::MessageKind::Text,
            first: piece.first,
            last: piece.last,
            data: piece.data.to_vec(),
        },
        Event::Ping(payload) => Got::Ping(payload.to_vec()),
        Event::Pong(payload) => Got::Pong(payload.to_vec()),
        Event::Close(close) => Got::Close(close.map(close_of)),
        other => panic!("an event the tests do not know: {other:?}"),
    }
}

pub fn owned_message(message: &MessageRef<'_>) -> Got {
    match message.as_text() {
        Some(text) => Got::Text(text.to_owned()),
        None => Got::Binary(message.as_bytes().to_vec()),
    }
}

/// Takes all events that are there.
pub fn poll(connection: &mut Connection) -> Vec<Got> {
    let now = Instant::now();
    let mut got = Vec::new();
    loop {
        match connection.poll_event(now) {
            Ok(Some(event)) => got.push(owned(event)),
            Ok(None) => return got,
            Err(error) => got.push(Got::Error(error)),
        }
    }
}

/// Passes the bytes, however many calls that takes, and collects the events.
pub fn feed(connection: &mut Connection, mut bytes: &[u8]) -> Vec<Got> {
    let mut got = poll(connection);
    while !bytes.is_empty() {
        let n = connection.receive(bytes);
        assert!(
            n > 0,
            "the connection takes no bytes although all events are taken"
        );
        bytes = &bytes[n..];
        got.extend(poll(connection));
    }
    got
}

/// Passes the bytes through `read_buf` with `filled` and `filled_large`, and collects the events.
pub fn push_by_read_buf(connection: &mut Connection, bytes: &[u8]) -> usize {
    match connection.read_buf() {
        ReadBuf::Slab(slab) => {
            let n = slab.len().min(bytes.len());
            slab[..n].copy_from_slice(&bytes[..n]);
            connection.filled(n);
            n
        }
        ReadBuf::Large(mut spare) => {
            // Both ways of filling it, alternately.
            let n = if bytes.len() % 2 == 0 {
                spare.copy_from(bytes)
            } else {
                let room = spare.init();
                let n = room.len().min(bytes.len());
                room[..n].copy_from_slice(&bytes[..n]);
                n
            };
            connection.filled_large(n);
            n
        }
    }
}

/// Parses one frame by the RFC: (first byte, payload unmasked, was masked, bytes used).
pub fn take_frame(bytes: &[u8]) -> (u8, Vec<u8>, bool, usize) {
    let masked = bytes[1] & 0x80 != 0;
    let (len, mut at) = match bytes[1] & 0x7f {
        126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
        127 => (
            usize::try_from(u64::from_be_bytes(bytes[2..10].try_into().unwrap())).unwrap(),
            10,
        ),
        short => (usize::from(short), 2),
    };
    let key: [u8; 4] = if masked {
        at += 4;
        bytes[at - 4..at].try_into().unwrap()
    } else {
        [0; 4]
    };
    let payload = bytes[at..at + len]
        .iter()
        .zip(key.iter().cycle())
        .map(|(byte, key)| byte ^ key);
    (bytes[0], payload.collect(), masked, at + len)
}

/// Returns the frames of an output, each as its first byte and its payload.
pub fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (first, payload, _, used) = take_frame(bytes);
        frames.push((first, payload));
        bytes = &bytes[used..];
    }
    frames
}

/// Takes the frames that wait to be written.
pub fn sent(connection: &mut Connection) -> Vec<(u8, Vec<u8>)> {
    frames(&connection.take_output())
}

/// Asserts that the connection has just failed with this code and is silent from now on.
pub fn assert_failed_with(connection: &mut Connection, code: u16) {
    assert_eq!(
        sent(connection),
        [(FIN | CLOSE, code.to_be_bytes().to_vec())]
    );
}

pub fn text(text: &str) -> Got {
    Got::Text(text.to_owned())
}

pub fn close(code: u16) -> Got {
    Got::Close(Some((code, String::new())))
}
