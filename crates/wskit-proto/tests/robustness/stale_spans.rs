//! Spans that are kept after their bytes are gone: they never show invalid text, and never change
//! later messages.

use std::time::Instant;

use crate::wire::*;
use proptest::prelude::*;
use wskit_proto::deflate::{self, Params, Window};
use wskit_proto::{
    Config, Connection, Delivery, Event, Inbound, MessageKind, Outbound, ProtocolError, ReadBuf,
    Role, Span,
};

/// Returns the span of the next message.
fn next_span(inbound: &mut Inbound, outbox: &mut Outbound) -> Span {
    match inbound.next(outbox, Instant::now) {
        Ok(Some(Event::Message(span))) => span,
        other => panic!("no message: {other:?}"),
    }
}

fn give(inbound: &mut Inbound, bytes: &[u8]) {
    assert_eq!(inbound.receive(bytes), bytes.len());
}

/// Asserts that a message is empty, however its span is used.
fn assert_empty(inbound: &mut Inbound, span: Span) {
    assert_eq!(inbound.fast_message(span).as_bytes(), b"");
    assert_eq!(inbound.message(span).as_bytes(), b"");
    assert_eq!(inbound.message(span).into_owned().as_bytes(), b"");
}

/// Proves: R6455-8.1-a
#[test]
fn invalid_text_is_not_shown_by_the_span_of_the_text_before() {
    for role in ROLES {
        for (len, mask) in [(5, KEY), (5, [0; 4]), (200, KEY)] {
            let frame = |payload: &[u8]| match role {
                Role::Server => masked_with(mask, FIN | TEXT, payload),
                Role::Client => unmasked(FIN | TEXT, payload),
            };
            let (mut inbound, mut outbox) = open(role, Config::new()).split();
            give(&mut inbound, &frame(&vec![b'a'; len]));
            let hello = next_span(&mut inbound, &mut outbox);
            assert_eq!(inbound.message(hello).len(), len);
            assert!(inbound.next(&mut outbox, Instant::now).unwrap().is_none());
            give(&mut inbound, &frame(&vec![0xff; len]));
            assert_eq!(
                inbound.next(&mut outbox, Instant::now).unwrap_err(),
                ProtocolError::InvalidUtf8
            );
            assert_empty(&mut inbound, hello);
        }
    }
}

/// Reads without asking for the error: the fast path has looked at the frame already.
#[test]
fn text_that_is_none_is_not_shown_after_the_short_way() {
    for role in ROLES {
        let (mut inbound, mut outbox) = open(role, Config::new()).split();
        give(&mut inbound, &to(role, FIN | TEXT, b"hello"));
        let hello = inbound.next_fast().expect("a message");
        assert!(inbound.next(&mut outbox, Instant::now).unwrap().is_none());
        give(&mut inbound, &to(role, FIN | TEXT, &[0xff; 5]));
        assert_eq!(inbound.next_fast(), None);
        assert_empty(&mut inbound, hello);
    }
}

/// An assembled binary message lies in a buffer that the next message uses too: an old span must
/// not take the bytes of the next message.
#[test]
fn span_of_a_fragmented_message_does_not_take_bytes_of_the_next() {
    for role in ROLES {
        let (mut inbound, mut outbox) = open(role, Config::new()).split();
        give(&mut inbound, &to(role, BINARY, b"1"));
        give(&mut inbound, &to(role, FIN, b"2"));
        let old = next_span(&mut inbound, &mut outbox);
        assert_eq!(inbound.message(old).as_bytes(), b"12");
        // The first half of a character comes, and the old span is used.
        give(&mut inbound, &to(role, TEXT, &[0xc3]));
        assert!(inbound.next(&mut outbox, Instant::now).unwrap().is_none());
        assert_empty(&mut inbound, old);
        give(&mut inbound, &to(role, FIN, &[0xa9]));
        let text = next_span(&mut inbound, &mut outbox);
        assert_eq!(inbound.message(text).as_bytes(), "é".as_bytes());
    }
}

/// The end of the stream takes nothing from a message that was handed out before.
#[test]
fn latest_span_stays_valid_through_the_end_of_the_stream() {
    for role in ROLES {
        for cut in [false, true] {
            let (mut inbound, mut outbox) = open(role, Config::new()).split();
            if cut {
                give(&mut inbound, &to(role, TEXT, b"he"));
                give(&mut inbound, &to(role, FIN, b"llo"));
            } else {
                give(&mut inbound, &to(role, FIN | TEXT, b"hello"));
            }
            let hello = next_span(&mut inbound, &mut outbox);
            inbound.receive_eof(&mut outbox);
            assert_eq!(inbound.message(hello).as_text(), Some("hello"));
            assert!(inbound.next(&mut outbox, Instant::now).unwrap().is_none());
        }
    }
}

/// One frame of the random stream.
#[derive(Clone, Debug)]
enum Part {
    /// A message in fragments of these sizes.
    Message {
        text: bool,
        sizes: Vec<usize>,
    },
    /// A message that is compressed, if that was agreed on.
    Compressed {
        text: bool,
        len: usize,
    },
    Ping,
    /// An invalid text, in one frame or two.
    Broken {
        len: usize,
        cut: bool,
    },
    /// A reserved opcode.
    Wrong,
}

/// What is done to the connection.
#[derive(Clone, Debug)]
enum Op {
    /// Some bytes come, by copying or into the buffer.
    Read {
        most: usize,
        direct: bool,
    },
    /// This many events are taken.
    Take(usize),
    /// One message is taken by the fast path.
    Short,
    /// An old span is used.
    Use {
        which: usize,
        how: u8,
    },
    Release,
    Pieces(bool),
    Filled(usize),
    End,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0_usize..20,
        2 => 100_usize..200,
        1 => 7_000_usize..70_000,
    ]
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        8 => (any::<bool>(), prop::collection::vec(size(), 1..4))
            .prop_map(|(text, sizes)| Part::Message { text, sizes }),
        2 => (any::<bool>(), size()).prop_map(|(text, len)| Part::Compressed { text, len }),
        1 => Just(Part::Ping),
        1 => (size(), any::<bool>()).prop_map(|(len, cut)| Part::Broken { len, cut }),
        1 => Just(Part::Wrong),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (prop_oneof![1_usize..40, 1_usize..100_000], any::<bool>())
            .prop_map(|(most, direct)| Op::Read { most, direct }),
        4 => (1_usize..4).prop_map(Op::Take),
        2 => Just(Op::Short),
        8 => (any::<usize>(), any::<u8>()).prop_map(|(which, how)| Op::Use { which, how }),
        2 => Just(Op::Release),
        1 => any::<bool>().prop_map(Op::Pieces),
        1 => prop_oneof![0_usize..9, Just(usize::MAX)].prop_map(Op::Filled),
        1 => Just(Op::End),
    ]
}

/// Text in which most bytes are parts of characters, so that a wrong range is not UTF-8.
fn letters(len: usize) -> Vec<u8> {
    let mut bytes = "é".repeat(len / 2).into_bytes();
    bytes.resize(len, b'x');
    bytes
}

fn wire_of(role: Role, parts: &[Part], mut peer: Option<&mut Connection>) -> Vec<u8> {
    let mut wire = Vec::new();
    for part in parts {
        match part {
            Part::Message { text, sizes } => {
                let opcode = if *text { TEXT } else { BINARY };
                let all = letters(sizes.iter().sum());
                let mut rest = &all[..];
                for (at, size) in sizes.iter().enumerate() {
                    let (now, after) = rest.split_at(*size);
                    rest = after;
                    let fin = if at + 1 == sizes.len() { FIN } else { 0 };
                    let opcode = if at == 0 { opcode } else { CONTINUATION };
                    wire.extend(to(role, fin | opcode, now));
                }
            }
            Part::Compressed { text, len } => {
                let Some(peer) = peer.as_deref_mut() else {
                    continue;
                };
                let data = letters(*len);
                match core::str::from_utf8(&data) {
                    Ok(data) if *text => peer.feed(data).unwrap(),
                    _ => peer.feed(data).unwrap(),
                }
                wire.extend(peer.take_output());
            }
            Part::Ping => wire.extend(to(role, FIN | PING, b"?")),
            Part::Broken { len, cut: false } => {
                wire.extend(to(role, FIN | TEXT, &vec![0xff; len + 1]));
            }
            Part::Broken { len, cut: true } => {
                wire.extend(to(role, TEXT, &letters(*len)));
                wire.extend(to(role, FIN, &[0xc3]));
            }
            Part::Wrong => wire.extend(to(role, FIN | 0x3, b"")),
        }
    }
    wire
}

fn deflating(role: Role) -> Connection {
    let window = Window {
        bits: 10,
        no_context_takeover: false,
    };
    let side = match role {
        Role::Client => deflate::Role::Client,
        Role::Server => deflate::Role::Server,
    };
    open(role, Config::new()).with_deflate(
        Params::new(side, window, window),
        &deflate::Config::server().threshold(0),
    )
}

/// An `Inbound`, every span it has returned, and what it delivers compared to one whose spans are
/// not kept.
struct Keeper {
    inbound: Inbound,
    outbox: Outbound,
    messages: Vec<Span>,
    pieces: Vec<Span>,
    /// The kind of the latest event.
    latest: Vec<u8>,
    delivered: Vec<u8>,
}

impl Keeper {
    fn new(connection: Connection) -> Self {
        let (inbound, outbox) = connection.split();
        Self {
            inbound,
            outbox,
            messages: Vec::new(),
            pieces: Vec::new(),
            latest: Vec::new(),
            delivered: Vec::new(),
        }
    }

    fn message(&mut self, span: Span) {
        let message = self.inbound.message(span);
        assert!(!message.is_text() || core::str::from_utf8(message.as_bytes()).is_ok());
        self.latest = message.as_bytes().to_vec();
        self.delivered.extend_from_slice(message.as_bytes());
        self.messages.push(span);
    }

    fn take(&mut self) -> bool {
        match self.inbound.next(&mut self.outbox, Instant::now) {
            Ok(Some(Event::Message(span))) => self.message(span),
            Ok(Some(Event::Piece(piece))) => {
                let data = self.inbound.piece(piece).data;
                self.latest = data.to_vec();
                self.delivered.extend_from_slice(data);
                self.pieces.push(piece);
            }
            Ok(Some(_)) => {}
            Ok(None) => return false,
            Err(_) => self.delivered.push(b'!'),
        }
        true
    }

    fn read(&mut self, bytes: &[u8], direct: bool) -> usize {
        if !direct {
            return self.inbound.receive(bytes);
        }
        match self.inbound.read_buf() {
            ReadBuf::Slab(slab) => {
                let n = slab.len().min(bytes.len());
                slab[..n].copy_from_slice(&bytes[..n]);
                self.inbound.filled(n);
                n
            }
            ReadBuf::Large(mut spare) => {
                let room = spare.init();
                let n = room.len().min(bytes.len());
                room[..n].copy_from_slice(&bytes[..n]);
                self.inbound.filled_large(n);
                n
            }
        }
    }

    /// An old span of a text shows the latest text, or nothing.
    fn use_stale(&mut self, which: usize, how: u8) {
        if let Some(piece) = pick(&self.pieces, which) {
            // Binary data: any bytes.
            let _ = self.inbound.piece(piece).data.to_vec();
        }
        let Some(span) = pick(&self.messages, which) else {
            return;
        };
        let _ = self.inbound.piece(span).data.to_vec();
        let (message, bytes) = match how % 3 {
            0 => {
                let message = self.inbound.message(span);
                (message.kind(), message.as_bytes().to_vec())
            }
            1 => {
                let message = self.inbound.fast_message(span);
                (message.kind(), message.as_bytes().to_vec())
            }
            _ => {
                let message = self.inbound.message(span).into_owned();
                (message.kind(), message.as_bytes().to_vec())
            }
        };
        if message == MessageKind::Text {
            assert!(core::str::from_utf8(&bytes).is_ok(), "no text: {bytes:?}");
            assert!(bytes.is_empty() || bytes == self.latest, "another text");
        }
    }
}

fn pick<T: Copy>(all: &[T], which: usize) -> Option<T> {
    all.get(which.checked_rem(all.len())?).copied()
}

fn run(role: Role, compressed: bool, parts: &[Part], ops: &[Op]) {
    let connection = || {
        if compressed {
            deflating(role)
        } else {
            open(role, Config::new())
        }
    };
    let mut peer = compressed.then(|| deflating(other(role)));
    let wire = wire_of(role, parts, peer.as_mut());
    let mut keeper = Keeper::new(connection());
    let mut at = 0;
    // Whether the caller has kept to the contract, so that the delivered messages are the sent
    // ones.
    let mut proper = true;
    for op in ops {
        match op {
            Op::Read { most, direct } => {
                let most = wire.len().min(at + most);
                at += keeper.read(&wire[at..most], *direct);
            }
            Op::Take(most) => {
                for _ in 0..*most {
                    keeper.take();
                }
            }
            Op::Short => {
                if keeper.inbound.delivery() == Delivery::Whole {
                    if let Some(span) = keeper.inbound.next_fast() {
                        keeper.message(span);
                    }
                }
            }
            Op::Use { which, how } => keeper.use_stale(*which, *how),
            Op::Release => keeper.inbound.release(),
            Op::Pieces(on) => keeper.inbound.set_delivery(if *on {
                Delivery::Pieces
            } else {
                Delivery::Whole
            }),
            Op::Filled(n) => {
                // Nothing was read: any bytes in the buffer count as read.
                keeper.inbound.filled(*n);
                keeper.inbound.filled_large(*n);
                proper &= *n == 0;
            }
            Op::End => {
                keeper.inbound.receive_eof(&mut keeper.outbox);
                proper = false;
            }
        }
        for which in [0, keeper.messages.len().wrapping_sub(1)] {
            keeper.use_stale(which, 0);
        }
    }
    if !proper {
        return;
    }
    while keeper.take() {}
    while at < wire.len() {
        at += keeper.read(&wire[at..], false);
        while keeper.take() {}
    }
    let mut usual = Keeper::new(connection());
    at = 0;
    while at < wire.len() {
        at += usual.read(&wire[at..], false);
        while usual.take() {}
    }
    // Pieces of a message that breaks a rule are handed out before the error, a whole message is
    // not.
    let (kept, kept_errors) = without_errors(&keeper.delivered);
    let (usual, usual_errors) = without_errors(&usual.delivered);
    assert!(kept.starts_with(&usual), "other messages");
    assert_eq!(kept_errors, usual_errors);
    assert!(kept.len() == usual.len() || kept_errors == 1);
}

/// Returns the delivered messages and the number of errors. No message here contains the byte of an
/// error.
fn without_errors(delivered: &[u8]) -> (Vec<u8>, usize) {
    let data: Vec<u8> = delivered
        .iter()
        .copied()
        .filter(|byte| *byte != b'!')
        .collect();
    let errors = delivered.len() - data.len();
    (data, errors)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn stale_spans_show_the_latest_text_or_none_and_change_nothing(
        client in any::<bool>(),
        compressed in any::<bool>(),
        parts in prop::collection::vec(part(), 1..8),
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let role = if client { Role::Client } else { Role::Server };
        run(role, compressed, &parts, &ops);
    }
}
