//! A whole connection and a slow reference model, side by side: whatever is done to both, in whatever
//! order, events, errors, state, what is left to do and every byte written are the same. Tokens of messages and
//! pieces are kept and used at any time: what they show as text is text, and nothing changes by it.
//!
//! Input: flags (bit 0: client, 1: pieces, 2: no automatic pongs, 3: fragmented output, 4: a small queue,
//! 5 and 6: limits), compression (as in `connection`), then one operation after another: a byte for what and how,
//! most often followed by a size and a filling.
#![no_main]

use core::num::NonZeroUsize;
use core::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wskit_fuzz::{
    ConnectionModel, Input, MinizDeflate, ModelCause, ModelSettings, Rules, Seen, Terms,
    frame_script, mask_keys, read_stream,
};
use wskit_proto::deflate::{Config as DeflateConfig, Params, Role, Window};
use wskit_proto::{
    Cause, CloseCode, CloseFrame, Config, Connection, Delivery, Ending, Event, Inbound, Initiator,
    MessageKind, MessageRef, Outbound, Outgoing, PreparedMessage, ProtocolError, SendError, Span,
    State,
};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let mut pair = Pair::new(flags, terms(input.byte()));
    for _ in 0..OPERATIONS {
        if input.is_empty() || pair.came > MOST {
            break;
        }
        pair.operate(&mut input);
        pair.compare();
    }
    pair.finish();
});

struct Pair {
    inbound: Inbound,
    outbox: Outbound,
    /// Tokens of messages and pieces that are gone, and where the next one replaces one.
    messages: Vec<Span>,
    tokens: Vec<Span>,
    kept: usize,
    model: ConnectionModel,
    terms: Option<Terms>,
    peer: Option<MinizDeflate>,
    client: bool,
    pieces: bool,
    /// What we send goes in fragments.
    fragmented: bool,
    /// What the peer has written and the connection not read.
    incoming: Vec<u8>,
    came: usize,
    partial: Vec<u8>,
    /// What left, and what the model says should have.
    output: Vec<u8>,
    expected: Vec<u8>,
    now: Instant,
    deadline: Option<Instant>,
    numbers: u8,
}

impl Pair {
    fn new(flags: u8, terms: Option<Terms>) -> Self {
        let client = flags & 1 != 0;
        let (max_message_size, max_fragments) =
            [(1 << 20, 1 << 17), (300, 3), (5000, 9), (126, 1)][usize::from(flags >> 5 & 3)];
        // The queue is counted in bytes, which compression changes.
        let queue_limit = if flags & 16 != 0 && terms.is_none() {
            500
        } else {
            1 << 30
        };
        let fragment = (flags & 8 != 0).then_some(FRAGMENT);
        let pongs = flags & 4 == 0;
        let config = Config::new()
            .max_message_size(max_message_size)
            .max_fragments(max_fragments)
            .auto_pong(pongs)
            .fragment_size(fragment.and_then(NonZeroUsize::new))
            .write_queue_limit(queue_limit)
            .close_timeout(CLOSE)
            .keepalive(None);
        let now = Instant::now();
        let (role, mut connection) = if client {
            (Role::Client, Connection::client(config, mask_keys(), now))
        } else {
            (Role::Server, Connection::server(config, now))
        };
        if let Some(terms) = terms {
            let window = Window {
                bits: terms.bits,
                no_context_takeover: terms.no_context_takeover,
            };
            connection = connection.with_deflate(
                Params::new(role, window, window),
                &DeflateConfig::server()
                    .dedicated(terms.dedicated)
                    .threshold(20),
            );
        }
        let (mut inbound, outbox) = connection.split();
        let pieces = flags & 2 != 0;
        if pieces {
            inbound.set_delivery(Delivery::Pieces);
        }
        let rules = Rules {
            masked: !client,
            max_message_size,
            max_fragments,
            deflate: terms,
        };
        let settings = ModelSettings {
            client,
            rules,
            pongs,
            fragment,
            queue_limit,
        };
        Self {
            inbound,
            outbox,
            messages: Vec::new(),
            tokens: Vec::new(),
            kept: 0,
            model: ConnectionModel::new(settings),
            terms,
            peer: terms.map(|terms| MinizDeflate::new(6, terms.no_context_takeover)),
            client,
            pieces,
            fragmented: fragment.is_some(),
            incoming: Vec::new(),
            came: 0,
            partial: Vec::new(),
            output: Vec::new(),
            expected: Vec::new(),
            now,
            deadline: None,
            numbers: 0,
        }
    }

    fn operate(&mut self, input: &mut Input<'_>) {
        let op = input.byte();
        let how = op >> 4;
        match op & 15 {
            0 => self.deliver(usize::MAX, how),
            1 => self.deliver(input.size(), how),
            2 => {
                let len = usize::from(input.byte());
                self.incoming.extend_from_slice(input.slice(len));
            }
            3 | 4 => {
                let len = 2 + usize::from(how);
                let mut script = Input::new(input.slice(len));
                let wire = frame_script(&mut script, !self.client, self.peer.as_mut());
                self.incoming.extend_from_slice(&wire);
                if op & 15 == 3 {
                    self.deliver(usize::MAX, how);
                }
            }
            5 => self.feed(MessageKind::Text, how, input.size()),
            6 => self.feed(MessageKind::Binary, how, input.size()),
            7 => self.stream(how, input.size()),
            8 => {
                let payload = self.payload(usize::from(input.byte()) % 130);
                if how & 1 == 0 {
                    let expected = self.model.ping(&payload);
                    assert_eq!(self.outbox.ping(&payload), expected);
                } else {
                    let expected = self.model.pong(&payload);
                    assert_eq!(self.outbox.pong(&payload), expected);
                }
            }
            9 => self.close(input),
            10 => self.write(input.size(), how),
            11 => self.write(usize::MAX, how),
            12 => {
                self.model.set_blocked(how & 1 != 0);
                self.outbox.set_blocked(how & 1 != 0);
            }
            13 => self.transport(how),
            14 => {
                let due = self.inbound.next_timeout(self.outbox.state(), || self.now);
                if self.model.state() == State::Closing {
                    self.deadline.get_or_insert(self.now + CLOSE);
                }
                let expected = (self.model.state() == State::Closing)
                    .then_some(self.deadline)
                    .flatten();
                assert_eq!(due, expected, "the close deadline is the only one");
                self.now += Duration::from_millis(600 * u64::from(how));
                let late = expected.is_some_and(|deadline| deadline <= self.now);
                if late {
                    self.model.give_up(false);
                }
                let clean = self
                    .model
                    .outcome()
                    .is_none_or(|(cause, ..)| cause == ModelCause::Closed);
                assert_eq!(
                    self.inbound
                        .handle_timeout(&mut self.outbox, self.now)
                        .is_ok(),
                    !late || clean
                );
            }
            _ => {
                self.inbound.release();
                self.outbox.advance(0);
                self.take_stale(how.into());
            }
        }
        self.look_at_stale();
    }

    /// Keeps a token, in the place of an older one.
    fn keep<T>(all: &mut Vec<T>, kept: &mut usize, token: T) {
        if all.len() < KEPT {
            all.push(token);
        } else {
            *kept += 1;
            all[*kept % KEPT] = token;
        }
    }

    /// What old tokens show as text is text.
    fn look_at_stale(&mut self) {
        for item in &self.messages {
            check_text(&self.inbound.fast_message(*item));
            check_text(&self.inbound.message(*item));
        }
        for piece in &self.tokens {
            // No text, but bytes that can be read.
            let _ = self.inbound.piece(*piece).data.to_vec();
        }
    }

    /// An old token takes along what it stands for.
    fn take_stale(&mut self, which: usize) {
        if let Some(item) = self.messages.get(which) {
            let message = self.inbound.message(*item);
            check_text(&message);
            let _ = message.into_owned();
        }
    }

    /// Some of what the peer wrote arrives.
    fn deliver(&mut self, most: usize, how: u8) {
        let rest = self.incoming.split_off(most.min(self.incoming.len()));
        let bytes = core::mem::replace(&mut self.incoming, rest);
        self.came += bytes.len();
        let (expected, error) = self.model.receive(&bytes);
        let (mut events, mut failed) = (Vec::new(), None);
        let mut given = &bytes[..];
        loop {
            let most = if how & 1 == 0 {
                given.len()
            } else {
                given.len().min(7)
            };
            let taken = self.inbound.receive(&given[..most]);
            given = &given[taken..];
            self.poll(&mut events, &mut failed, how);
            if given.is_empty() {
                break;
            }
        }
        assert_eq!(events, expected, "other events");
        assert_eq!(
            failed.map(plain_error),
            error.map(plain_error),
            "another error"
        );
    }

    fn poll(&mut self, events: &mut Vec<Seen>, failed: &mut Option<ProtocolError>, how: u8) {
        loop {
            while how & 2 != 0 && !self.pieces {
                let Some(item) = self.inbound.next_fast() else {
                    break;
                };
                let message = self.inbound.fast_message(item);
                check_text(&message);
                events.push(Seen::Message(message.kind(), message.as_bytes().to_vec()));
                Self::keep(&mut self.messages, &mut self.kept, item);
            }
            let ready = match self.inbound.next(&mut self.outbox, || self.now) {
                Ok(None) => return,
                Ok(Some(ready)) => ready,
                Err(error) => {
                    self.look_at_stale();
                    assert_eq!(failed.replace(error), None, "an error is returned once");
                    continue;
                }
            };
            assert_eq!(*failed, None, "nothing follows an error");
            events.push(match ready {
                Event::Message(item) => {
                    assert!(!self.pieces);
                    let message = self.inbound.message(item);
                    check_text(&message);
                    let seen = Seen::Message(message.kind(), message.as_bytes().to_vec());
                    Self::keep(&mut self.messages, &mut self.kept, item);
                    seen
                }
                Event::Piece(token) => {
                    Self::keep(&mut self.tokens, &mut self.kept, token);
                    let piece = self.inbound.piece(token);
                    self.partial.extend_from_slice(piece.data);
                    if !piece.last {
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
            });
            self.look_at_stale();
        }
    }

    fn feed(&mut self, kind: MessageKind, how: u8, len: usize) {
        // Of a message in fragments the reference reads all again at each.
        let len = if self.fragmented { len.min(3000) } else { len };
        let data = self.payload(len);
        let text = core::str::from_utf8(&data).expect("it is ASCII");
        let prepared = match kind {
            MessageKind::Text => PreparedMessage::text(text),
            MessageKind::Binary => PreparedMessage::binary(&data),
        };
        let outgoing: Outgoing<'_> = match (kind, how & 3) {
            (MessageKind::Text, 0) => text.into(),
            (MessageKind::Text, 1) => text.to_owned().into(),
            (MessageKind::Binary, 0) => (&data).into(),
            (MessageKind::Binary, 1) => data.clone().into(),
            (MessageKind::Binary, 2) => Bytes::from(data.clone()).into(),
            _ => (&prepared).into(),
        };
        let outgoing = if how & 4 == 0 {
            outgoing
        } else {
            outgoing.uncompressed()
        };
        let expected = self.model.feed(kind, &data);
        assert_eq!(self.outbox.feed(outgoing), expected);
    }

    fn stream(&mut self, how: u8, len: usize) {
        let kind = if how & 1 == 0 {
            MessageKind::Text
        } else {
            MessageKind::Binary
        };
        if how & 8 != 0 {
            let expected = self.model.begin(kind);
            assert_eq!(self.outbox.begin(kind), expected);
        }
        let most = if self.terms.is_some() { 300 } else { 2000 };
        let mut data = self.payload(len.min(most));
        if how & 4 != 0 {
            // Half a character, or a wrong one when it follows another half.
            data.insert(0, 0xa9);
            data.push(0xc3);
            if how & 2 == 0 {
                data.remove(0);
            }
        }
        let last = how & 2 != 0;
        let expected = self.model.piece(&data, last);
        assert_eq!(self.outbox.piece(&data, last), expected);
    }

    fn close(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        // Seldom: closing ends the game.
        if choice < 128 {
            return;
        }
        let code = match choice & 7 {
            0 => None,
            1 => Some(1000),
            2 => Some(4999),
            3 => Some(1005),
            _ => Some(u16::from_be_bytes(input.array())),
        };
        let reason = "é".repeat(usize::from(input.byte()) % 63);
        let close = code.map(|code| CloseFrame::new(CloseCode::new(code), reason.clone()));
        let sendable =
            code.is_none_or(|code| matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999));
        let expected = match code {
            Some(code) if !sendable => Err(SendError::InvalidCloseCode(CloseCode::new(code))),
            Some(_) if reason.len() > 123 => Err(SendError::ReasonTooLong),
            _ => {
                self.model.close(code.map(|code| (code, reason)));
                Ok(())
            }
        };
        assert_eq!(self.outbox.close(close), expected);
    }

    fn write(&mut self, most: usize, how: u8) {
        if self.terms.is_some() {
            // Frames have other sizes: only all of it can be compared, at the end.
            while !self.outbox.is_empty() {
                let chunk = self.outbox.chunk();
                let n = chunk.len();
                self.output.extend_from_slice(chunk);
                self.outbox.advance(n);
            }
            self.expected.extend(self.model.write(usize::MAX));
            return;
        }
        let mut left = most.min(self.outbox.queued());
        let expected = self.model.write(left);
        let from = self.output.len();
        while left > 0 {
            let mut chunks = [std::io::IoSlice::new(&[]); 4];
            let slices = 1 + usize::from(how) % 4;
            let used = self.outbox.chunks(&mut chunks[..slices]);
            let bytes: Vec<u8> = chunks[..used]
                .iter()
                .flat_map(|chunk| chunk.to_vec())
                .collect();
            let n = bytes.len().min(left);
            assert!(n > 0, "there is something to write");
            self.output.extend_from_slice(&bytes[..n]);
            self.outbox.advance(n);
            left -= n;
        }
        assert!(self.output[from..] == expected, "other bytes are written");
    }

    fn transport(&mut self, how: u8) {
        match how {
            0..6 => {
                if self.outbox.ending() == Ending::ShutDown {
                    self.outbox.transport_shut_down();
                    self.model.shut_down();
                }
            }
            6..12 => {
                self.incoming.clear();
                self.inbound.receive_eof(&mut self.outbox);
                self.model.end_of_stream();
            }
            _ => {
                self.incoming.clear();
                self.inbound.stop();
                self.outbox
                    .transport_failed(std::io::ErrorKind::ConnectionReset);
                self.model.give_up(true);
            }
        }
    }

    fn compare(&mut self) {
        assert_eq!(self.outbox.state(), self.model.state());
        assert_eq!(self.outbox.ending(), self.model.ending());
        assert_eq!(self.outbox.check(), self.model.check());
        assert_eq!(self.outbox.is_control_full(), self.model.is_control_full());
        if self.terms.is_none() {
            assert_eq!(self.outbox.queued(), self.model.queued());
        }
        let outcome = self.outbox.outcome().map(|outcome| {
            let cause = match outcome.cause {
                Cause::Closed => ModelCause::Closed,
                Cause::Protocol(error) => ModelCause::Protocol(plain_error(error)),
                Cause::Timeout(_) => ModelCause::Timeout,
                Cause::Disconnected => ModelCause::Disconnected,
                Cause::Transport(_) => ModelCause::Transport,
                _ => unreachable!("no other cause exists"),
            };
            (
                cause,
                outcome.initiator.map(|by| by == Initiator::Local),
                outcome
                    .received
                    .map(|close| close.map(|close| (close.code.get(), close.reason.to_string()))),
                outcome.sent.map(|code| code.map(CloseCode::get)),
            )
        });
        let expected = self.model.outcome().map(|(cause, by_us, received, sent)| {
            let cause = match cause {
                ModelCause::Protocol(error) => ModelCause::Protocol(plain_error(error)),
                cause => cause,
            };
            (cause, by_us, received, sent)
        });
        assert_eq!(outcome, expected, "another outcome");
    }

    fn finish(mut self) {
        self.deliver(usize::MAX, 0);
        self.write(usize::MAX, 3);
        self.compare();
        let Some(terms) = self.terms else { return };
        if self.fragmented {
            assert!(largest_frame(&self.output) <= FRAGMENT);
        }
        // What the peer reads of it. An encoder may hold back part of a message that has not ended.
        let rules = |deflate| Rules {
            masked: self.client,
            max_message_size: usize::MAX >> 1,
            max_fragments: u32::MAX,
            deflate,
        };
        let output = read_stream(&self.output, rules(Some(terms)));
        let expected = read_stream(&self.expected, rules(None));
        assert_eq!(output.error, None, "the output breaks a rule");
        assert_eq!(output.events, expected.events, "other messages are written");
        assert!(expected.partial.starts_with(&output.partial));
    }

    /// ASCII that no other message has.
    fn payload(&mut self, len: usize) -> Vec<u8> {
        self.numbers = self.numbers.wrapping_add(1);
        let number = self.numbers;
        (0..len)
            .map(|at| b'a' + ((at as u8) ^ number.wrapping_mul((at >> 4) as u8 | 1)) % 26)
            .collect()
    }
}

/// Text as bytes, looked at by another library: `as_text` makes a `str` of them without a look.
fn check_text(message: &MessageRef<'_>) {
    if message.is_text() {
        assert!(core::str::from_utf8(message.as_bytes()).is_ok(), "no text");
    }
}

/// The most payload of a frame of data.
fn largest_frame(mut bytes: &[u8]) -> usize {
    let mut largest = 0;
    while let [first, second, rest @ ..] = bytes {
        let (len, size) = match (second & 0x7f, rest) {
            (126, [high, low, ..]) => (usize::from(u16::from_be_bytes([*high, *low])), 2),
            (127, _) => return usize::MAX,
            (len, _) => (len.into(), 0),
        };
        if first & 8 == 0 {
            largest = largest.max(len);
        }
        let head = size + if second & 0x80 == 0 { 0 } else { 4 };
        bytes = rest.get(head + len..).unwrap_or_default();
    }
    largest
}

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

const OPERATIONS: usize = 100;
/// The most payload of a frame of data, where messages are cut.
const FRAGMENT: usize = 40;
/// Old tokens of either kind.
const KEPT: usize = 8;
const MOST: usize = 60 << 10;
const CLOSE: Duration = Duration::from_secs(5);
