//! The same bytes to wskit and to tungstenite: both accept them or both refuse them, and see the same
//! messages, pings, pongs and Close. What differs on purpose is in [`Difference`] and nowhere else, each with
//! its row of `docs/checklist.md`.
//!
//! Input: flags (bit 0: client, 1: the bytes are a frame script, 2 and 3: limits, 4: they write to each
//! other instead), cuts (8), then what the peer sends, or messages: a kind and a size each.
#![no_main]

use std::io::{self, Cursor, Read, Write};
use std::time::Instant;

use core::num::NonZeroUsize;
use libfuzzer_sys::fuzz_target;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};
use wskit_fuzz::{Cuts, Input, Rules, Seen, frame_script, mask_keys, read_stream};
use wskit_proto::{Config, Connection, Event, FrameError, MessageKind, ProtocolError};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let cuts = Cuts::new(&mut input);
    let client = flags & 1 != 0;
    let (limit, fragments) = LIMITS[usize::from(flags >> 2 & 3)];
    if flags & 16 != 0 {
        write_to_each_other(&mut input, client, cuts);
        return;
    }
    let script = (flags & 2 != 0).then(|| frame_script(&mut input, !client, None));
    let wire = script.as_deref().unwrap_or(input.rest());
    let ours = read_ours(connection(client, limit, fragments), wire, cuts);
    let theirs = read_theirs(client, limit, wire);
    compare(wire, client, &ours, &theirs, limit, fragments);
});

/// Where the two differ, and which one is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    /// R6455-5.2-e, R6455-5.5-a: tungstenite takes lengths that are not in their shortest form, of control frames too.
    LongLength,
    /// R6455-7.4.1-a to -d, R6455-7.4.2-a: tungstenite makes a Close with 1002 of one with a code that may not be
    /// sent, and reports it as the peer's; here it is the broken rule that it is.
    CloseCode,
    /// R6455-7.4.2-a: 1014 is registered, and taken here; tungstenite does not know it.
    BadGateway,
    /// R6455-5.2-b, R6455-8.1-a, R6455-10.4-a: here a frame fails with its first wrong byte, there when it is whole.
    Early,
    /// R6455-10.4-b: tungstenite does not count fragments.
    Fragments,
}

/// What one of the two made of the bytes.
#[derive(Debug)]
struct Verdict<E> {
    events: Vec<Seen>,
    error: Option<E>,
}

fn compare(
    wire: &[u8],
    client: bool,
    ours: &Verdict<ProtocolError>,
    theirs: &Verdict<Error>,
    limit: usize,
    fragments: u32,
) {
    let common = ours.events.len();
    if let Some(Difference::BadGateway) = close_differs(ours, theirs) {
        return;
    }
    assert!(
        theirs.events.len() >= common && theirs.events[..common] == ours.events,
        "other events: {ours:?} {theirs:?}"
    );
    let Some(error) = &ours.error else {
        assert_eq!(
            theirs.events.len(),
            common,
            "more events: {ours:?} {theirs:?}"
        );
        let closed = matches!(ours.events.last(), Some(Seen::Close(_)));
        // After a Close both are done; tungstenite's client may still find fault with what follows.
        let open = theirs.error.is_none();
        assert!(
            closed || open,
            "they refuse what we take: {ours:?} {theirs:?}"
        );
        return;
    };
    let rules = Rules {
        masked: !client,
        max_message_size: limit,
        max_fragments: fragments,
        deflate: None,
    };
    let frame = &wire[read_stream(wire, rules).whole..];
    let refused = theirs.error.is_some() && theirs.events.len() == common;
    match difference(error, frame) {
        None => assert!(refused, "they take what we refuse: {ours:?} {theirs:?}"),
        Some(Difference::Early) => assert_eq!(theirs.events.len(), common, "{ours:?} {theirs:?}"),
        Some(Difference::CloseCode) => assert!(
            refused
                || theirs.events[common..]
                    == [Seen::Close(Some((1002, "Protocol violation".into())))],
            "{ours:?} {theirs:?}"
        ),
        Some(Difference::LongLength | Difference::Fragments | Difference::BadGateway) => {}
    }
}

fn close_differs(ours: &Verdict<ProtocolError>, theirs: &Verdict<Error>) -> Option<Difference> {
    let at = ours.events.len().checked_sub(1)?;
    let same = theirs.events.len() == ours.events.len() && theirs.events[..at] == ours.events[..at];
    match (&ours.events[at], theirs.events.get(at)?) {
        (Seen::Close(Some((1014, _))), Seen::Close(Some((1002, _)))) if same => {
            Some(Difference::BadGateway)
        }
        _ => None,
    }
}

/// Why tungstenite may have taken this frame, which we refused.
fn difference(error: &ProtocolError, frame: &[u8]) -> Option<Difference> {
    let (header, len) = lenient(frame).unwrap_or((frame.len() + 1, 0));
    let whole = frame.len() as u64 >= (header as u64).saturating_add(len);
    match error {
        ProtocolError::Frame(FrameError::LengthNotMinimal) => Some(Difference::LongLength),
        ProtocolError::Frame(FrameError::ControlTooLong(_)) if len <= 125 => {
            Some(Difference::LongLength)
        }
        ProtocolError::TooManyFragments { .. } => Some(Difference::Fragments),
        // It looks at limits and opcodes as soon as a header is whole, at everything else with the frame.
        _ if !whole => Some(Difference::Early),
        ProtocolError::Frame(FrameError::CloseCode(_)) => Some(Difference::CloseCode),
        _ => None,
    }
}

/// Size of a header and length of its payload, whatever they are.
fn lenient(frame: &[u8]) -> Option<(usize, u64)> {
    let second = *frame.get(1)?;
    let (size, len) = match second & 127 {
        126 => (
            4,
            u64::from(u16::from_be_bytes(frame.get(2..4)?.try_into().ok()?)),
        ),
        127 => (10, u64::from_be_bytes(frame.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    Some((size + if second & 128 == 0 { 0 } else { 4 }, len))
}

fn connection(client: bool, limit: usize, fragments: u32) -> Connection {
    let config = Config::new()
        .max_message_size(limit)
        .max_fragments(fragments);
    let now = Instant::now();
    if client {
        Connection::client(config, mask_keys(), now)
    } else {
        Connection::server(config, now)
    }
}

fn read_ours(mut connection: Connection, wire: &[u8], cuts: Cuts) -> Verdict<ProtocolError> {
    let now = Instant::now();
    let mut verdict = Verdict {
        events: Vec::new(),
        error: None,
    };
    for piece in cuts.pieces(wire) {
        let mut rest = piece;
        while !rest.is_empty() {
            let taken = connection.receive(rest);
            rest = &rest[taken..];
            loop {
                match connection.poll_event(now) {
                    Ok(None) => break,
                    Ok(Some(event)) => verdict.events.push(match event {
                        Event::Message(message) => {
                            Seen::Message(message.kind(), message.as_bytes().to_vec())
                        }
                        Event::Ping(payload) => Seen::Ping(payload.to_vec()),
                        Event::Pong(payload) => Seen::Pong(payload.to_vec()),
                        Event::Close(close) => Seen::Close(
                            close.map(|close| (close.code.get(), close.reason.to_string())),
                        ),
                        _ => unreachable!("no other event exists"),
                    }),
                    Err(error) => verdict.error = Some(error),
                }
            }
        }
    }
    verdict
}

fn read_theirs(client: bool, limit: usize, wire: &[u8]) -> Verdict<Error> {
    let role = if client { Role::Client } else { Role::Server };
    let config = WebSocketConfig::default()
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit))
        .read_buffer_size(4096);
    let stream = Memory {
        input: Cursor::new(wire),
        output: Vec::new(),
    };
    let mut socket = WebSocket::from_raw_socket(stream, role, Some(config));
    let mut verdict = Verdict {
        events: Vec::new(),
        error: None,
    };
    loop {
        let seen = match socket.read() {
            Ok(message) => seen(message),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return verdict,
            Err(error) => {
                verdict.error = Some(error);
                return verdict;
            }
        };
        let closed = matches!(seen, Seen::Close(_));
        verdict.events.push(seen);
        if closed {
            return verdict;
        }
    }
}

fn seen(message: Message) -> Seen {
    match message {
        Message::Text(text) => Seen::Message(MessageKind::Text, text.as_bytes().to_vec()),
        Message::Binary(data) => Seen::Message(MessageKind::Binary, data.to_vec()),
        Message::Ping(payload) => Seen::Ping(payload.to_vec()),
        Message::Pong(payload) => Seen::Pong(payload.to_vec()),
        Message::Close(close) => {
            Seen::Close(close.map(|close| (close.code.into(), close.reason.to_string())))
        }
        Message::Frame(_) => unreachable!("it is not read raw"),
    }
}

/// What one writes the other reads.
fn write_to_each_other(input: &mut Input<'_>, client: bool, cuts: Cuts) {
    let config = Config::new().fragment_size(NonZeroUsize::new(usize::from(input.byte()) * 16));
    let now = Instant::now();
    let mut ours = if client {
        Connection::client(config, mask_keys(), now)
    } else {
        Connection::server(config, now)
    };
    let role = if client { Role::Client } else { Role::Server };
    let stream = Memory {
        input: Cursor::new(&[][..]),
        output: Vec::new(),
    };
    let mut theirs = WebSocket::from_raw_socket(stream, role, None);
    let mut sent = Vec::new();
    while !input.is_empty() && sent.len() < 100 {
        let (kind, len) = (input.byte(), input.size());
        let text: String = "wort \u{4e16}\u{1f600}"
            .chars()
            .cycle()
            .take(len / 3)
            .collect();
        let data: Vec<u8> = (0..len).map(|at| at as u8 ^ kind).collect();
        let control = &data[..len.min(125)];
        let (event, message) = match kind & 7 {
            0 | 1 => {
                ours.feed(text.as_str()).expect("there is room");
                (
                    Seen::Message(MessageKind::Text, text.clone().into_bytes()),
                    Message::text(text),
                )
            }
            2 | 3 => {
                ours.feed(&data).expect("there is room");
                (
                    Seen::Message(MessageKind::Binary, data.clone()),
                    Message::binary(data),
                )
            }
            4 => {
                ours.outbox().ping(control).expect("there is room");
                (
                    Seen::Ping(control.to_vec()),
                    Message::Ping(control.to_vec().into()),
                )
            }
            _ => {
                ours.outbox().pong(control).expect("there is room");
                (
                    Seen::Pong(control.to_vec()),
                    Message::Pong(control.to_vec().into()),
                )
            }
        };
        // One at a time, so that no ping goes before a message.
        sent.push((event, ours.take_output()));
        theirs.write(message).expect("memory takes everything");
        theirs.flush().expect("memory takes everything");
    }
    let wire: Vec<u8> = sent.iter().flat_map(|(_, wire)| wire.clone()).collect();
    let events: Vec<Seen> = sent.into_iter().map(|(event, _)| event).collect();
    let read = read_theirs(!client, 1 << 20, &wire);
    assert!(read.error.is_none(), "{read:?}");
    assert_eq!(read.events, events, "what we write they read");
    let read = read_ours(
        connection(!client, 1 << 20, 1 << 17),
        &theirs.get_ref().output,
        cuts,
    );
    assert_eq!(read.error, None);
    assert_eq!(read.events, events, "what they write we read");
}

struct Memory<'a> {
    input: Cursor<&'a [u8]>,
    output: Vec<u8>,
}

impl Read for Memory<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buf)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes and frames of one message; the bytes are a limit of a frame too, so above 125.
const LIMITS: [(usize, u32); 4] = [(1 << 20, 1 << 17), (300, 3), (5000, 1 << 17), (126, 1)];
