//! A client and a server against each other in memory: whatever both do and however the bytes are
//! cut, every message arrives once, whole and in order, and the end is clean.
//!
//! Input: flags (bit 0: fragmented output, 1: small queues, 2: keepalive, 3: who closes, 4: with a
//! streamed message open, 5 and 6: pieces), then one operation after another: a byte for what and
//! who, most often followed by a size.
#![no_main]

use core::num::NonZeroUsize;
use core::time::Duration;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Instant;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wskit_fuzz::{Input, mask_keys};
use wskit_proto::{
    CloseCode, CloseFrame, Config, Connection, Delivery, Ending, Event, Keepalive, Message,
    MessageKind, PreparedMessage, ReadBuf, Role, SendError, State, Utf8Bytes,
};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let mut session = Session::new(flags);
    for _ in 0..OPERATIONS {
        if input.is_empty() || session.numbers > MESSAGES || session.total > TOTAL {
            break;
        }
        session.operate(&mut input);
    }
    session.finish(flags);
});

struct Session {
    ends: [End; 2],
    /// What each end has written and the other not read.
    wires: [VecDeque<u8>; 2],
    now: Instant,
    /// Messages and pings are told apart by their number.
    numbers: u32,
    total: usize,
    queue_limit: usize,
}

struct End {
    connection: Connection,
    /// Messages that the other end has yet to receive.
    owed: VecDeque<(MessageKind, Vec<u8>)>,
    /// The message that is being streamed.
    open: Option<(MessageKind, Vec<u8>)>,
    /// Pings and unasked pongs sent, not yet seen by the other end.
    pings: VecDeque<Vec<u8>>,
    pongs: VecDeque<Vec<u8>>,
    /// The latest ping of the application's own, until it is answered.
    unanswered: Option<Vec<u8>>,
    /// It has sent a pong that was not asked for.
    /// What came of a message in pieces.
    partial: Option<(MessageKind, Vec<u8>)>,
    /// The first Close that this end sent, of its own accord or as an answer.
    close: Option<Option<CloseFrame>>,
    received_close: bool,
}

impl Session {
    fn new(flags: u8) -> Self {
        let now = Instant::now();
        let (queue_limit, high_water) = if flags & 2 == 0 {
            (1 << 20, 256 << 10)
        } else {
            (3000, 1000)
        };
        let config = Config::new()
            .max_message_size(LARGEST)
            .fragment_size(if flags & 1 == 0 {
                None
            } else {
                NonZeroUsize::new(1000)
            })
            .write_queue_limit(queue_limit)
            .write_high_water(high_water)
            .close_timeout(FOREVER)
            .keepalive((flags & 4 != 0).then_some(Keepalive {
                every: Duration::from_secs(1),
                answer_within: FOREVER,
            }));
        let mut client = Connection::client(config.clone(), mask_keys(), now);
        let mut server = Connection::server(config, now);
        if flags & 32 != 0 {
            client.set_delivery(Delivery::Pieces);
        }
        if flags & 64 != 0 {
            server.set_delivery(Delivery::Pieces);
        }
        Self {
            ends: [End::new(client), End::new(server)],
            wires: Default::default(),
            now,
            numbers: 0,
            total: 0,
            queue_limit,
        }
    }

    fn operate(&mut self, input: &mut Input<'_>) {
        let op = input.byte();
        let who = usize::from(op & 1);
        match op >> 1 & 15 {
            0 | 1 => self.send(who, MessageKind::Text, op >> 5, input.size()),
            2 | 3 => self.send(who, MessageKind::Binary, op >> 5, input.size()),
            4 => self.stream(who, op >> 5, input.size()),
            5 => self.ping(who, input.byte()),
            6 => self.write(who, usize::from(op >> 5), input.size()),
            7 => self.write(who, 6, usize::MAX),
            8 => self.read(who, op >> 5, input.size()),
            9 | 10 => self.read(who, op >> 5, usize::MAX),
            11 => {
                let end = &mut self.ends[who];
                end.connection.release();
                let mode = if op >> 5 & 1 == 0 {
                    Delivery::Whole
                } else {
                    Delivery::Pieces
                };
                if op >> 5 & 2 != 0 {
                    end.connection.set_delivery(mode);
                }
            }
            12 => {
                self.now += Duration::from_millis(700);
                for end in &mut self.ends {
                    end.connection.next_timeout(self.now);
                    assert_eq!(
                        end.connection.handle_timeout(self.now),
                        Ok(()),
                        "nothing is late"
                    );
                }
            }
            13 => self.pong(who, input.byte()),
            14 => self.echo_nothing(who),
            _ => {
                // Closing ends the game: seldom, and the more so the later.
                if input.byte() >= 200 {
                    self.close(who, op >> 5);
                }
            }
        }
    }

    /// What an end may do now, by the rules and what we know.
    fn expected(&mut self, who: usize) -> Result<(), SendError> {
        let limit = self.queue_limit;
        let end = &mut self.ends[who];
        let result = end.connection.outbox().check();
        match result {
            Err(SendError::Closed) => assert_ne!(end.connection.state(), State::Open),
            Err(SendError::MessageOpen) => assert!(end.open.is_some()),
            Err(SendError::QueueFull) => assert!(end.connection.outbox().queued() >= limit),
            Err(error) => panic!("{error}"),
            Ok(()) => assert!(end.connection.state() == State::Open && end.open.is_none()),
        }
        result
    }

    fn send(&mut self, who: usize, kind: MessageKind, how: u8, len: usize) {
        let expected = self.expected(who);
        let data = self.payload(kind, len);
        let connection = &mut self.ends[who].connection;
        let text = || String::from_utf8(data.clone()).expect("text is text");
        let result = match (kind, how & 3) {
            (MessageKind::Text, 0) => connection.feed(text().as_str()),
            (MessageKind::Text, 1) => connection.feed(text()),
            (MessageKind::Text, 2) => connection.feed(Utf8Bytes::from(text())),
            (MessageKind::Text, _) => connection.feed(&PreparedMessage::text(&text())),
            (MessageKind::Binary, 0) => connection.feed(&data),
            (MessageKind::Binary, 1) => connection.feed(data.clone()),
            (MessageKind::Binary, 2) => {
                // Held twice: a client must not mask it in place.
                let shared = Bytes::from(data.clone());
                let message = Message::binary(shared.clone());
                let result = connection.feed(&message);
                assert_eq!(shared, data, "a shared payload was changed");
                result
            }
            (MessageKind::Binary, _) => connection.feed(Bytes::from(data.clone())),
        };
        assert_eq!(result, expected, "feed does what check says");
        if result.is_ok() {
            self.total += data.len();
            self.ends[who].owed.push_back((kind, data));
        }
    }

    /// Begins, continues or ends a streamed message.
    fn stream(&mut self, who: usize, how: u8, len: usize) {
        let kind = if how & 1 == 0 {
            MessageKind::Text
        } else {
            MessageKind::Binary
        };
        if self.ends[who].open.is_none() {
            let expected = self.expected(who);
            assert_eq!(self.ends[who].connection.outbox().begin(kind), expected);
            if expected.is_err() {
                return;
            }
            self.ends[who].open = Some((kind, Vec::new()));
        }
        let Some((kind, before)) = self.ends[who].open.clone() else {
            return;
        };
        let last = how & 2 != 0 || before.len() > LARGEST / 3;
        let mut data = self.payload(kind, len);
        if kind == MessageKind::Text {
            let broken = self.ends[who].connection.outbox().piece(b"\xff", false);
            assert!(matches!(
                broken,
                Err(SendError::InvalidUtf8 | SendError::QueueFull | SendError::Closed)
            ));
        }
        if how & 4 != 0 && kind == MessageKind::Text && !last {
            // Cut inside a character: the next piece brings the rest.
            data.extend_from_slice("é".as_bytes());
            let end = data.split_off(data.len() - 1);
            if self.piece(who, &data, false) {
                // Should the queue be full just now, the message stays unfinished until the end.
                self.piece(who, &end, false);
            }
            return;
        }
        self.piece(who, &data, last);
    }

    fn piece(&mut self, who: usize, data: &[u8], last: bool) -> bool {
        let limit = self.queue_limit;
        let end = &mut self.ends[who];
        let full = end.connection.outbox().queued() >= limit;
        match end.connection.outbox().piece(data, last) {
            Ok(()) => {
                self.total += data.len();
                let Some((kind, mut message)) = end.open.take() else {
                    panic!("no message is open")
                };
                message.extend_from_slice(data);
                if last {
                    end.owed.push_back((kind, message));
                } else {
                    end.open = Some((kind, message));
                }
                true
            }
            Err(SendError::QueueFull) => {
                assert!(full);
                false
            }
            // After half a character a piece that begins anew is wrong, and so is an end.
            Err(SendError::InvalidUtf8) => {
                let (kind, mut message) = end.open.clone().expect("a message is open");
                message.extend_from_slice(data);
                assert!(kind == MessageKind::Text && core::str::from_utf8(&message).is_err());
                false
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn ping(&mut self, who: usize, len: u8) {
        let payload = self.control(b'P', len);
        let end = &mut self.ends[who];
        match end.connection.outbox().ping(&payload) {
            Ok(()) => {
                end.unanswered = Some(payload.clone());
                end.pings.push_back(payload);
            }
            Err(SendError::QueueFull) => assert!(end.connection.outbound().is_control_full()),
            Err(error) => {
                assert!(error == SendError::Closed && end.connection.state() != State::Open)
            }
        }
    }

    fn pong(&mut self, who: usize, len: u8) {
        let payload = self.control(b'U', len);
        let end = &mut self.ends[who];
        match end.connection.outbox().pong(&payload) {
            Ok(()) => {
                end.pongs.push_back(payload);
            }
            Err(error) => {
                let full = end.connection.outbound().is_control_full();
                let open = end.connection.state() == State::Open;
                assert!(match error {
                    SendError::QueueFull => full && open,
                    error => error == SendError::Closed && !open,
                });
            }
        }
    }

    /// Asks for what must change nothing.
    fn echo_nothing(&mut self, who: usize) {
        let end = &mut self.ends[who];
        let queued = end.connection.outbox().queued();
        assert!(end.connection.outbox().ping(&[0; 126]).is_err());
        assert!(
            end.connection
                .outbox()
                .close(Some(CloseFrame::new(CloseCode::new(1006), "")))
                .is_err()
        );
        assert!(
            end.connection
                .outbox()
                .close(Some(CloseFrame::new(CloseCode::NORMAL, "x".repeat(124))))
                .is_err()
        );
        if end.open.is_none() {
            assert!(end.connection.outbox().piece(b"x", true).is_err());
        }
        end.connection.advance(0);
        assert_eq!(end.connection.outbox().queued(), queued);
    }

    /// Writes at most `most` bytes of at most `slices` slices.
    fn write(&mut self, who: usize, slices: usize, most: usize) {
        let end = &mut self.ends[who];
        let queued = end.connection.outbox().queued();
        let mut chunks = [IoSlice::new(&[]); 6];
        let slices = slices.clamp(1, 6);
        let used = end.connection.chunks(&mut chunks[..slices]);
        assert!(
            used <= slices && (used > 0) == (queued > 0),
            "{used} slices of {queued} bytes"
        );
        let bytes: Vec<u8> = chunks[..used]
            .iter()
            .flat_map(|chunk| chunk.iter().copied())
            .collect();
        assert!(chunks[..used].iter().all(|chunk| !chunk.is_empty()));
        assert!(bytes.len() <= queued);
        let first = chunks[..used].first().map_or(0, |chunk| chunk.len());
        assert_eq!(
            end.connection.outbound().chunk(),
            &bytes[..first],
            "the first slice is the chunk"
        );
        let written = bytes.len().min(most);
        end.connection.advance(written);
        assert_eq!(
            end.connection.outbox().queued(),
            queued - written,
            "what is written leaves the queue, nothing else"
        );
        self.wires[who].extend(&bytes[..written]);
        if slices < 3 {
            end.connection.outbound().set_blocked(written < bytes.len());
        }
        let held = end.connection.outbox().buffer_bytes();
        let left = end.connection.outbox().queued();
        assert!(
            held <= 2 * left + (512 << 10),
            "{held} bytes held for {left} queued"
        );
    }

    /// Reads at most `most` bytes and takes the events.
    fn read(&mut self, who: usize, how: u8, most: usize) {
        let from = 1 - who;
        let mut left = most.min(self.wires[from].len());
        while left > 0 {
            let bytes = self.wires[from].make_contiguous();
            let bytes = &bytes[..left];
            let connection = &mut self.ends[who].connection;
            let taken = if how & 1 == 0 {
                connection.receive(bytes)
            } else {
                match connection.read_buf() {
                    ReadBuf::Slab(slab) => {
                        let len = slab.len().min(bytes.len());
                        slab[..len].copy_from_slice(&bytes[..len]);
                        connection.filled(len);
                        len
                    }
                    ReadBuf::Large(mut spare) => {
                        let len = spare.copy_from(bytes);
                        connection.filled_large(len);
                        len
                    }
                }
            };
            self.wires[from].drain(..taken);
            left -= taken;
            while self.poll(who) {}
            assert!(taken > 0 || left == 0 || self.ends[who].connection.buffer_bytes() > 0);
            if how & 2 != 0 {
                self.ends[who].connection.release();
            }
        }
    }

    /// Takes one event and compares it with what the other end sent.
    fn poll(&mut self, who: usize) -> bool {
        let now = self.now;
        let [client, server] = &mut self.ends;
        let (end, other) = if who == 0 {
            (client, server)
        } else {
            (server, client)
        };
        let event = match end.connection.poll_event(now) {
            Ok(Some(event)) => event,
            Ok(None) => return false,
            Err(error) => panic!("our own peer breaks a rule: {error}"),
        };
        match event {
            Event::Message(message) => {
                assert!(end.partial.is_none(), "a message inside another");
                let expected = other.owed.pop_front().expect("no peer sent this message");
                assert_eq!(message.kind(), expected.0);
                assert!(
                    message.as_bytes() == expected.1,
                    "a message arrives as it was sent"
                );
            }
            Event::Piece(piece) => {
                assert_eq!(piece.first, end.partial.is_none());
                let (kind, mut data) = end.partial.take().unwrap_or((piece.kind, Vec::new()));
                assert_eq!(kind, piece.kind);
                data.extend_from_slice(piece.data);
                if piece.last {
                    let expected = other.owed.pop_front().expect("no peer sent this message");
                    assert!((kind, data) == expected, "a message arrives as it was sent");
                } else {
                    end.partial = Some((kind, data));
                }
            }
            Event::Ping(payload) => {
                if payload.first() != Some(&b'P') {
                    assert_eq!(payload.len(), 4, "a keepalive's ping");
                    return true;
                }
                // The Close may have overtaken some of those before; none comes twice.
                let at = other
                    .pings
                    .iter()
                    .position(|ping| **ping == *payload)
                    .expect("no peer sent this ping");
                assert!(at == 0, "a ping was lost or overtaken");
                other.pings.pop_front();
            }
            Event::Pong(payload) => {
                if payload.first() == Some(&b'U') {
                    let at = other
                        .pongs
                        .iter()
                        .position(|pong| **pong == *payload)
                        .expect("no peer sent this pong");
                    other.pongs.drain(..=at);
                } else {
                    assert_eq!(
                        payload.first(),
                        Some(&b'P'),
                        "a keepalive's pong is not handed out"
                    );
                    if end.unanswered.as_deref() == Some(&*payload) {
                        end.unanswered = None;
                    }
                }
            }
            Event::Close(close) => {
                assert!(!end.received_close, "one Close a connection");
                assert_eq!(
                    Some(&close),
                    other.close.as_ref(),
                    "a Close arrives as it was sent"
                );
                end.received_close = true;
                end.open = None;
                end.close.get_or_insert(close);
            }
            _ => unreachable!("no other event exists"),
        }
        true
    }

    fn close(&mut self, who: usize, how: u8) {
        let close = match how & 3 {
            0 => None,
            1 => Some(CloseFrame::new(CloseCode::NORMAL, "")),
            2 => Some(CloseFrame::new(CloseCode::new(4999), "é".repeat(61))),
            _ => Some(CloseFrame::new(CloseCode::GOING_AWAY, "bye")),
        };
        let end = &mut self.ends[who];
        end.connection.close(close.clone()).expect("a right Close");
        assert_ne!(end.connection.state(), State::Open);
        end.open = None;
        end.close.get_or_insert(close);
    }

    /// Moves bytes until nothing is left to move.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 4096, "the two never come to rest");
            for who in [0, 1] {
                while self.poll(who) {}
                self.write(who, 3, usize::MAX);
            }
            if self.wires.iter().all(VecDeque::is_empty) {
                break;
            }
            for who in [0, 1] {
                self.read(who, round as u8, usize::MAX);
            }
        }
        assert!(
            self.ends
                .iter_mut()
                .all(|end| end.connection.outbox().is_empty())
        );
    }

    fn finish(mut self, flags: u8) {
        self.settle();
        for end in &self.ends {
            assert!(
                end.owed.is_empty(),
                "{} messages have not arrived",
                end.owed.len()
            );
        }
        if self.ends.iter().all(|end| end.close.is_none()) {
            for who in [0, 1] {
                let end = &self.ends[who];
                assert!(end.pings.is_empty(), "pings have not arrived");
                // §5.5.3: of those that wait, only the latest ping must be answered. A keepalive's may
                // have come later.
                if flags & 4 == 0 {
                    assert_eq!(end.unanswered, None, "the latest ping is answered");
                }
                assert_eq!(end.connection.outcome(), None);
            }
            for who in [0, 1] {
                if flags & 16 == 0 && self.ends[who].open.is_some() {
                    let whole = self.ends[who]
                        .open
                        .as_ref()
                        .is_some_and(|(_, data)| core::str::from_utf8(data).is_ok());
                    let rest: &[u8] = if whole { b"" } else { b"\xa9" };
                    let binary = self.ends[who]
                        .open
                        .as_ref()
                        .is_some_and(|(kind, _)| *kind == MessageKind::Binary);
                    assert!(
                        self.piece(who, if binary { b"." } else { rest }, true),
                        "the queue is empty"
                    );
                }
            }
            self.close(usize::from(flags >> 3 & 1), flags);
        }
        // The other end answers the Close.
        self.settle();
        let mut ended = [false; 2];
        for _ in 0..4 {
            for who in [0, 1] {
                let ending = self.ends[who].connection.ending();
                if ending == Ending::ShutDown {
                    self.ends[who].connection.transport_shut_down();
                }
                // Shut down or dropped: either way the other reads the end of the stream.
                if matches!(ending, Ending::ShutDown | Ending::Done)
                    && !core::mem::replace(&mut ended[who], true)
                {
                    self.ends[1 - who].connection.receive_eof();
                }
            }
        }
        for end in &mut self.ends {
            assert!(
                end.owed.is_empty(),
                "{} messages have not arrived",
                end.owed.len()
            );
            assert!(end.received_close);
            let role = if end.connection.outbox().role() == Role::Client {
                "client"
            } else {
                "server"
            };
            assert_eq!(
                (end.connection.ending(), end.connection.state()),
                (Ending::Done, State::Closed),
                "{role}"
            );
            let outcome = end.connection.outcome().expect("it is over");
            assert!(outcome.is_clean(), "{role}: {outcome:?}");
            assert_eq!(
                outcome.sent,
                end.close
                    .as_ref()
                    .map(|close| close.as_ref().map(|close| close.code))
            );
            end.connection.release();
            assert_eq!(
                end.connection.buffer_bytes(),
                0,
                "a connection that is over holds nothing"
            );
        }
    }

    /// A payload that no other message has, of about `len` bytes.
    fn payload(&mut self, kind: MessageKind, len: usize) -> Vec<u8> {
        self.numbers += 1;
        let mut data = Vec::new();
        if len > 0 {
            data.extend_from_slice(self.numbers.to_string().as_bytes());
        }
        let mut next = self.numbers;
        while data.len() < len {
            next = next.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
            match (kind, next >> 24) {
                (MessageKind::Binary, _) => data.extend_from_slice(&next.to_be_bytes()),
                (_, 0..10) => data.extend_from_slice("\u{1f600}".as_bytes()),
                (_, 10..20) => data.extend_from_slice("é".as_bytes()),
                _ => data.extend_from_slice(b"text "),
            }
        }
        data
    }

    fn control(&mut self, mark: u8, len: u8) -> Vec<u8> {
        self.numbers += 1;
        let mut payload = vec![mark];
        payload.extend_from_slice(&self.numbers.to_be_bytes());
        payload.resize(usize::from(len % 126).max(5), b'.');
        payload
    }
}

impl End {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            owed: VecDeque::new(),
            open: None,
            pings: VecDeque::new(),
            pongs: VecDeque::new(),
            unanswered: None,
            partial: None,
            close: None,
            received_close: false,
        }
    }
}

const OPERATIONS: usize = 300;
const MESSAGES: u32 = 300;
const TOTAL: usize = 1 << 20;
const LARGEST: usize = 256 << 10;
const FOREVER: Duration = Duration::from_secs(1 << 30);
