//! A whole connection, fed the same bytes in two cuttings and by different calls: events, error,
//! ending and output must be those of the other run, and the events those of a plain reference.
//!
//! Input: flags (bit 0: client, 1: the bytes are a frame script, 2: the stream ends, 3: messages in
//! pieces, 4 and 5: limits, 6: no automatic pongs, 7: fragmented output), compression (bit 0: on, 1 to 3:
//! window, 4: no takeover, 5: streams of their own), what to do after each event (4), two times calls (1)
//! and cuts (8), then what the peer sends.
#![no_main]

use std::time::Instant;

use core::num::NonZeroUsize;
use libfuzzer_sys::fuzz_target;
use wskit_fuzz::{
    Cuts, Input, MinizDeflate, Reading, Rules, Seen, Terms, frame_script, mask_keys, read_stream,
};
use wskit_proto::deflate::{Config as DeflateConfig, Params, Role, Window};
use wskit_proto::{
    CloseCode, CloseFrame, Config, Connection, Delivery, Ending, Event, Message, MessageKind,
    Outbox, Outcome, PreparedMessage, ProtocolError, ReadBuf, State,
};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let deflate = terms(input.byte());
    let actions = input.array();
    let (one, one_cuts) = (input.byte(), Cuts::new(&mut input));
    let (other, other_cuts) = (input.byte(), Cuts::new(&mut input));
    let client = flags & 1 != 0;
    let script = if flags & 2 == 0 {
        None
    } else {
        let mut packer = deflate.map(|terms| MinizDeflate::new(6, terms.no_context_takeover));
        Some(frame_script(&mut input, !client, packer.as_mut()))
    };
    let wire = script.as_deref().unwrap_or(input.rest());
    let (max_message_size, max_fragments) = LIMITS[usize::from(flags >> 4 & 3)];
    let rules = Rules {
        masked: !client,
        max_message_size,
        max_fragments,
        deflate,
    };
    let setting = Setting {
        client,
        eof: flags & 4 != 0,
        pieces: flags & 8 != 0,
        pongs: flags & 64 == 0,
        fragments: flags & 128 != 0,
        actions,
        rules,
    };

    let first = Run::new(setting, one).over(wire, one_cuts);
    let second = Run::new(setting, other).over(wire, other_cuts);
    assert_eq!(first.events, second.events, "events depend on the cuts");
    assert_eq!(
        first.error.clone().map(plain_error),
        second.error.clone().map(plain_error),
        "errors depend on the cuts"
    );
    assert_eq!(first.ended, second.ended, "the ending depends on the cuts");
    assert!(
        first.output == second.output,
        "the output depends on the cuts"
    );

    let reading = read_stream(wire, rules);
    for run in [&first, &second] {
        assert_eq!(run.events, reading.events, "the reference saw other events");
        assert_eq!(
            run.error.clone().map(plain_error),
            reading.error.clone().map(plain_error),
            "the reference saw another error"
        );
        assert!(
            reading.partial.starts_with(&run.partial),
            "pieces are those of the message"
        );
        run.check_output(setting);
    }
});

fn terms(choice: u8) -> Option<Terms> {
    let no_context_takeover = choice & 16 != 0;
    (choice & 1 != 0).then_some(Terms {
        bits: 15 - (choice >> 1 & 7) % 7,
        no_context_takeover,
        dedicated: choice & 32 != 0 && !no_context_takeover,
    })
}

/// Data that is both broken and no text may be refused for either: the Close is the same.
fn plain_error(error: ProtocolError) -> ProtocolError {
    match error {
        ProtocolError::Deflate(error) => {
            assert_eq!(error.close_code(), 1007, "{error}");
            ProtocolError::InvalidUtf8
        }
        error => error,
    }
}

/// One fragment a message, three, many; bytes below and above what lies in a read buffer.
const LIMITS: [(usize, u32); 4] = [(1 << 20, 1 << 17), (300, 3), (20_000, 1 << 17), (70_000, 1)];

#[derive(Clone, Copy)]
struct Setting {
    client: bool,
    eof: bool,
    pieces: bool,
    pongs: bool,
    fragments: bool,
    actions: [u8; 4],
    rules: Rules,
}

/// How a connection ended up: all that may be asked of it.
#[derive(Debug, PartialEq)]
struct Ended {
    state: State,
    ending: Ending,
    outcome: Option<Outcome>,
}

struct Run {
    connection: Connection,
    setting: Setting,
    /// Which calls feed it: bit 0 buffers, bit 2 release, bit 3 one event a time.
    calls: u8,
    now: Instant,
    events: Vec<Seen>,
    /// Of a message handed out in pieces, what has come so far.
    partial: Vec<u8>,
    piece_open: bool,
    error: Option<ProtocolError>,
    /// Bytes given so far.
    given: usize,
    output: Vec<u8>,
    /// What was fed, and the Close if we began it.
    fed: Vec<Seen>,
    closed: bool,
    ended: Option<Ended>,
    /// Nothing of the output was dropped.
    complete: bool,
}

impl Run {
    fn new(setting: Setting, calls: u8) -> Self {
        let config = Config::new()
            .max_message_size(setting.rules.max_message_size)
            .max_fragments(setting.rules.max_fragments)
            .auto_pong(setting.pongs)
            .fragment_size(if setting.fragments {
                NonZeroUsize::new(700)
            } else {
                None
            });
        let now = Instant::now();
        // Keys are drawn while it runs: the runs go one after the other.
        let keys = mask_keys();
        let mut connection = if setting.client {
            Connection::client(config, keys, now)
        } else {
            Connection::server(config, now)
        };
        if let Some(terms) = setting.rules.deflate {
            let window = Window {
                bits: terms.bits,
                no_context_takeover: terms.no_context_takeover,
            };
            let role = if setting.client {
                Role::Client
            } else {
                Role::Server
            };
            connection = connection.with_deflate(
                Params::new(role, window, window),
                &DeflateConfig::server().dedicated(terms.dedicated),
            );
        }
        if setting.pieces {
            connection.set_delivery(Delivery::Pieces);
        }
        Self {
            connection,
            setting,
            calls,
            now,
            events: Vec::new(),
            partial: Vec::new(),
            piece_open: false,
            error: None,
            given: 0,
            output: Vec::new(),
            fed: Vec::new(),
            closed: false,
            ended: None,
            complete: true,
        }
    }

    fn over(mut self, wire: &[u8], cuts: Cuts) -> Self {
        for piece in cuts.pieces(wire) {
            let mut rest = piece;
            let mut refused = 0;
            while !rest.is_empty() {
                let taken = self.give(rest);
                rest = &rest[taken..];
                self.given += taken;
                self.poll();
                refused = if taken == 0 { refused + 1 } else { 0 };
                assert!(refused < 3, "a connection without events takes bytes");
            }
            if self.calls & 4 != 0 {
                self.connection.release();
                self.check_memory();
                if self.events.is_empty() {
                    self.poll();
                }
            }
        }
        if self.setting.eof {
            if self.setting.actions[3] & 0x80 == 0 {
                self.flush();
            }
            self.complete = self.connection.outbox().is_empty();
            self.connection.receive_eof();
            self.poll();
        }
        self.flush();
        self.end();
        self.connection.release();
        assert!(self.connection.take_output().is_empty());
        self
    }

    /// Gives some of the bytes; says how many.
    fn give(&mut self, bytes: &[u8]) -> usize {
        if self.calls & 1 == 0 {
            return self.connection.receive(bytes);
        }
        match self.connection.read_buf() {
            ReadBuf::Slab(slab) => {
                let len = slab.len().min(bytes.len());
                slab[..len].copy_from_slice(&bytes[..len]);
                self.connection.filled(len);
                len
            }
            ReadBuf::Large(mut spare) => {
                assert!(spare.len() > 0, "room for what may be read");
                let len = if bytes.len().is_multiple_of(2) {
                    spare.copy_from(bytes)
                } else {
                    let room = spare.init();
                    let len = room.len().min(bytes.len());
                    room[..len].copy_from_slice(&bytes[..len]);
                    len
                };
                self.connection.filled_large(len);
                len
            }
        }
    }

    fn poll(&mut self) {
        loop {
            self.check_memory();
            match self.connection.poll_event_and_outbox(self.now) {
                Err(error) => {
                    assert_eq!(self.error.replace(error), None, "an error is returned once");
                    continue;
                }
                Ok(None) => return,
                Ok(Some((event, outbox))) => {
                    assert_eq!(self.error, None, "nothing follows an error");
                    let seen = match event {
                        Event::Message(message) => {
                            assert!(!self.setting.pieces);
                            if let Some(text) = message.as_text() {
                                assert!(
                                    core::str::from_utf8(text.as_bytes()).is_ok(),
                                    "text is text"
                                );
                            }
                            Seen::Message(message.kind(), message.as_bytes().to_vec())
                        }
                        Event::Piece(piece) => {
                            assert!(self.setting.pieces);
                            assert_eq!(piece.first, !self.piece_open, "a message begins once");
                            self.piece_open = !piece.last;
                            self.partial.extend_from_slice(piece.data);
                            if !piece.last {
                                assert!(!piece.data.is_empty(), "a piece says something");
                                continue;
                            }
                            Seen::Message(piece.kind, core::mem::take(&mut self.partial))
                        }
                        Event::Ping(payload) => Seen::Ping(payload.to_vec()),
                        Event::Pong(payload) => Seen::Pong(payload.to_vec()),
                        Event::Close(close) => Seen::Close(
                            close.map(|close| (close.code.get(), close.reason.as_str().to_owned())),
                        ),
                        _ => unreachable!("no other event exists"),
                    };
                    let reply = Fed::of(self.setting.actions, self.events.len(), &seen);
                    reply.feed(outbox, &mut self.fed, &mut self.closed);
                    self.events.push(seen);
                    if reply.flush() {
                        self.flush();
                    }
                }
            }
        }
    }

    fn flush(&mut self) {
        self.output.extend(self.connection.take_output());
        assert!(self.connection.outbox().is_empty());
    }

    /// What comes in holds at most a message and a read buffer, in pieces not even the message; and
    /// of a message never much more than has come of it, whatever is announced.
    fn check_memory(&mut self) {
        let all = self.connection.buffer_bytes();
        let outgoing = self.connection.outbox().buffer_bytes();
        let message = if self.setting.pieces {
            0
        } else {
            // Room for at most twice what has come.
            self.setting.rules.max_message_size.min(3 * self.given)
        };
        let deflate = if self.setting.rules.deflate.is_some() {
            INFLATE
        } else {
            0
        };
        let message = if deflate > 0 && !self.setting.pieces {
            // What came may stand for a thousand times as much.
            self.setting.rules.max_message_size.min(2100 * self.given)
        } else {
            message
        };
        assert!(
            all - outgoing <= message + INBOUND + deflate,
            "{} bytes held of what came",
            all - outgoing
        );
        let queued = self.connection.outbox().queued();
        assert!(
            outgoing <= 2 * queued + OUTBOUND + if deflate > 0 { DEFLATE } else { 0 },
            "{outgoing} bytes held for {queued} queued"
        );
    }

    /// Ends the transport as the connection asks for.
    fn end(&mut self) {
        for _ in 0..4 {
            match self.connection.ending() {
                Ending::ShutDown => self.connection.transport_shut_down(),
                Ending::Drain if self.setting.eof => self.connection.receive_eof(),
                Ending::NotYet | Ending::Drain | Ending::Done => break,
            }
        }
        let ended = Ended {
            state: self.connection.state(),
            ending: self.connection.ending(),
            outcome: self.connection.outcome(),
        };
        assert_eq!(ended.state == State::Closed, ended.outcome.is_some());
        assert_eq!(ended.state == State::Closed, ended.ending == Ending::Done);
        if self.setting.eof {
            assert_eq!(ended.state, State::Closed, "nothing is left to wait for");
        }
        if let Some(outcome) = &ended.outcome {
            let close = self.events.iter().find_map(|event| match event {
                Seen::Close(close) => Some(close.as_ref().map_or(1005, |(code, _)| *code)),
                _ => None,
            });
            assert_eq!(outcome.code().get(), close.unwrap_or(1006));
            let failed = matches!(outcome.cause, wskit_proto::Cause::Protocol(_));
            assert_eq!(failed, self.error.is_some());
            assert_eq!(
                outcome.is_clean(),
                close.is_some() && !failed,
                "{outcome:?}"
            );
        }
        if self.connection.ending() == Ending::Done && self.connection.outbox().is_empty() {
            self.connection.release();
            let held = self.connection.buffer_bytes();
            assert!(
                held == 0 || self.setting.rules.deflate.is_some(),
                "a connection that is over holds nothing"
            );
        }
        self.ended = Some(ended);
    }

    /// The peer can read what was written: all that was fed, then nothing but a Close.
    fn check_output(&self, setting: Setting) {
        let rules = Rules {
            masked: setting.client,
            max_message_size: usize::MAX >> 1,
            max_fragments: u32::MAX,
            // What is written keeps to the window in any case: see `deflate_engines`.
            deflate: setting.rules.deflate,
        };
        let Reading {
            events,
            error,
            whole,
            ..
        } = read_stream(&self.output, rules);
        assert_eq!(error, None, "the output breaks a rule");
        // §5.5.1 forbids data after a Close; §5.5.2 wants pings answered until the peer's Close comes.
        let after = read_stream(&self.output[whole..], rules);
        assert_eq!(after.whole, self.output.len() - whole, "whole frames");
        assert!(
            after.events.is_empty() || self.closed,
            "the Close was the last thing to say"
        );
        assert!(
            after
                .events
                .iter()
                .all(|event| matches!(event, Seen::Pong(_))),
            "after a Close: {:?}",
            after.events
        );
        if !self.complete {
            return;
        }
        let is_pong = |event: &Seen| matches!(event, Seen::Pong(_));
        let pings = self
            .events
            .iter()
            .chain(&self.fed)
            .filter_map(|event| match event {
                Seen::Ping(payload) | Seen::Pong(payload) => Some(payload),
                _ => None,
            });
        let pings: Vec<_> = pings.collect();
        for event in events.iter().filter(|event| is_pong(event)) {
            let Seen::Pong(payload) = event else { continue };
            assert!(pings.contains(&payload), "a pong that was not asked for");
        }
        let messages = |events: &[Seen]| {
            events
                .iter()
                .filter(|event| matches!(event, Seen::Message(..)))
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(
            messages(&events),
            messages(&self.fed),
            "what was fed is what is written"
        );
        let close = match events.last() {
            Some(Seen::Close(close)) => Some(close.as_ref().map(|(code, _)| *code)),
            _ => None,
        };
        let answered = self.events.iter().find_map(|event| match event {
            Seen::Close(close) => Some(close.as_ref().map(|(code, _)| *code)),
            _ => None,
        });
        let expected = if self.closed {
            Some(Some(CLOSE))
        } else if let Some(error) = &self.error {
            Some(Some(error.close_code().get()))
        } else {
            answered
        };
        assert_eq!(close, expected, "the Close says what happened");
    }
}

/// What to do after an event.
struct Fed {
    action: u8,
    message: Option<(MessageKind, Vec<u8>)>,
}

impl Fed {
    fn of(actions: [u8; 4], at: usize, seen: &Seen) -> Self {
        let action = actions[at % 4] & 15;
        let message = match seen {
            Seen::Message(kind, data) => Some((*kind, data.clone())),
            _ => None,
        };
        Self { action, message }
    }

    fn flush(&self) -> bool {
        matches!(self.action, 3 | 5 | 9)
    }

    fn feed(&self, outbox: &mut Outbox, fed: &mut Vec<Seen>, closed: &mut bool) {
        let owned = self.message.as_ref();
        let open = outbox.state() == State::Open;
        match (self.action, owned) {
            (1 | 5, Some((MessageKind::Binary, data))) => {
                self.feed_one(outbox.feed(data), data, fed)
            }
            (1 | 5, Some((MessageKind::Text, data))) => {
                let text = core::str::from_utf8(data).expect("text is text");
                self.feed_one(outbox.feed(text), data, fed);
            }
            (6, Some((MessageKind::Binary, data))) => {
                self.feed_one(outbox.feed(data.clone()), data, fed)
            }
            (7, Some((MessageKind::Binary, data))) => {
                self.feed_one(outbox.feed(Message::binary(data.clone())), data, fed)
            }
            (8 | 9, Some((MessageKind::Binary, data))) => {
                self.feed_one(outbox.feed(&PreparedMessage::binary(data)), data, fed)
            }
            (8 | 9, Some((MessageKind::Text, data))) => {
                let text = core::str::from_utf8(data).expect("text is text");
                self.feed_one(outbox.feed(&PreparedMessage::text(text)), data, fed);
            }
            (2, _) => {
                let pinged = outbox.ping(b"are you there?");
                assert!(open || pinged.is_err());
            }
            (4, _) => {
                outbox
                    .close(Some(CloseFrame::new(CloseCode::new(CLOSE), "enough")))
                    .expect("a right Close");
                *closed |= open;
            }
            (10, _) => {
                let queued = outbox.pong(b"I am here").ok();
                fed.extend(queued.map(|()| Seen::Pong(b"I am here".to_vec())));
            }
            _ => {}
        }
    }

    fn feed_one<E>(&self, result: Result<(), E>, data: &[u8], fed: &mut Vec<Seen>) {
        if let (Ok(()), Some((kind, _))) = (result, &self.message) {
            fed.push(Seen::Message(*kind, data.to_vec()));
        }
    }
}

const CLOSE: u16 = 4711;
/// A read buffer (32 KiB), and as much again of what lies behind a large message.
const INBOUND: usize = 128 << 10;
/// A decompressing stream and 32 KiB of history.
const INFLATE: usize = 96 << 10;
/// A compressing stream and its history.
const DEFLATE: usize = 420 << 10;
/// Write buffers that are not full (64 KiB each), and pings and pongs.
const OUTBOUND: usize = 256 << 10;
