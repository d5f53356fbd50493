//! Random sequences of what a peer sends and of what a program calls.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::end::{End, Got, Send, Settings, Side, WOULD_BLOCK, ours, theirs};
use crate::wire::{close_body, frame, frames};

/// A step of a scenario.
#[derive(Clone, Debug)]
enum Step {
    /// A frame of the peer arrives, in reads of at most `n` bytes.
    Arrives(Peer, usize),
    /// The first part of a frame arrives, a read is tried, then the rest arrives.
    ArrivesInTwo(Peer, prop::sample::Index),
    Eof,
    Read,
    Write(Send),
    Flush,
    Close(Option<(u16, String)>),
    /// From now on the stream takes nothing, or all.
    Blocked(bool),
    Takes(usize),
}

/// A frame of the peer, with at most one fault.
#[derive(Clone, Debug)]
enum Peer {
    Data(u8, bool, Bytes),
    Ping(Bytes),
    Pong(Bytes),
    Close(Option<(u16, String)>),
    WrongMask(Bytes),
    /// Reserved bits or a reserved opcode.
    First(u8),
    FragmentedControl,
    LongControl,
    CloseOfOneByte,
    CloseNotUtf8,
}

impl Peer {
    fn bytes(&self, side: Side) -> Vec<u8> {
        let masked = side == Side::Server;
        match self {
            Self::Data(opcode, last, data) => {
                frame(opcode | if *last { 0x80 } else { 0 }, masked, data)
            }
            Self::Ping(data) => frame(0x89, masked, data),
            Self::Pong(data) => frame(0x8a, masked, data),
            Self::Close(None) => frame(0x88, masked, b""),
            Self::Close(Some((code, reason))) => frame(0x88, masked, &close_body(*code, reason)),
            Self::WrongMask(data) => frame(0x82, !masked, data),
            Self::First(first) => frame(*first, masked, b"x"),
            Self::FragmentedControl => frame(0x09, masked, b""),
            Self::LongControl => frame(0x89, masked, &[7; 126]),
            Self::CloseOfOneByte => frame(0x88, masked, b"x"),
            Self::CloseNotUtf8 => frame(0x88, masked, &[3, 232, 0xff]),
        }
    }
}

fn payload() -> impl Strategy<Value = Bytes> {
    let text = prop::sample::select(vec!["", "a", "grüße", "€", "\u{10348}", "plain ascii text"]);
    let text = vec(text, 0..4).prop_map(|parts| Bytes::from(parts.concat()));
    let sizes = prop::sample::select(vec![
        124, 125, 126, 127, 200, 300, 16_384, 65_535, 65_536, 90_000,
    ]);
    let long = (sizes, any::<u8>()).prop_map(|(len, byte)| Bytes::from(vec![byte % 128; len]));
    prop_oneof![
        6 => text,
        1 => vec(any::<u8>(), 0..12).prop_map(Bytes::from),
        // The halves of a character, for fragments that cut it.
        1 => Just(Bytes::from_static(b"\xe2\x82")),
        1 => Just(Bytes::from_static(b"\xac")),
        2 => long,
    ]
}

fn small() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=125).prop_map(Bytes::from)
}

fn close() -> impl Strategy<Value = Option<(u16, String)>> {
    let codes = prop::sample::select(vec![1000, 1001, 1002, 1003, 1007, 1011, 1013, 3000, 4999]);
    prop::option::of((codes, "[a-z]{0,10}"))
}

fn peer() -> impl Strategy<Value = Peer> {
    let data = (
        prop::sample::select(vec![1, 1, 2, 0]),
        any::<bool>(),
        payload(),
    );
    prop_oneof![
        20 => data.prop_map(|(opcode, last, data)| Peer::Data(opcode, last, data)),
        10 => payload().prop_map(|data| Peer::Data(2, true, data)),
        6 => small().prop_map(Peer::Ping),
        2 => small().prop_map(Peer::Pong),
        2 => close().prop_map(Peer::Close),
        1 => small().prop_map(Peer::WrongMask),
        1 => prop::sample::select(vec![0xc1, 0xa2, 0x91, 0xc9, 0x83, 0x87, 0x8b, 0x8f]).prop_map(Peer::First),
        1 => prop::sample::select(vec![Peer::FragmentedControl, Peer::LongControl, Peer::CloseOfOneByte, Peer::CloseNotUtf8]),
    ]
}

fn send() -> impl Strategy<Value = Send> {
    let text = payload().prop_map(|data| String::from_utf8_lossy(&data).into_owned());
    prop_oneof![
        4 => text.prop_map(Send::Text),
        4 => payload().prop_map(Send::Binary),
        1 => small().prop_map(Send::Ping),
        1 => small().prop_map(Send::Pong),
        1 => (0_u8..3, any::<bool>(), payload()).prop_map(|(opcode, last, data)| Send::Frame(opcode, last, data)),
        1 => close().prop_map(Send::Close),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop::sample::select(vec![1, 2, 7, 100, 5000, usize::MAX]);
    prop_oneof![
        8 => (peer(), size).prop_map(|(peer, size)| Step::Arrives(peer, size)),
        2 => (peer(), any::<prop::sample::Index>()).prop_map(|(peer, at)| Step::ArrivesInTwo(peer, at)),
        10 => Just(Step::Read),
        6 => send().prop_map(Step::Write),
        4 => Just(Step::Flush),
        1 => close().prop_map(Step::Close),
        1 => Just(Step::Eof),
        2 => any::<bool>().prop_map(Step::Blocked),
        1 => prop::sample::select(vec![0, 1, 3, 1000]).prop_map(Step::Takes),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let limit =
        || prop::sample::select(vec![None, Some(10), Some(300), Some(80_000), Some(1 << 20)]);
    let write = prop::sample::select(vec![0, 10, 1000, 128 << 10]);
    let room = prop::sample::select(vec![200, 1000, 100_000, usize::MAX]);
    // Below 126 theirs counts control frames too.
    let frame = limit().prop_map(|limit| limit.map(|limit| limit.max(200)));
    (write, room, limit(), frame, any::<bool>()).prop_map(
        |(write_buffer, room, max_message, max_frame, unmasked)| Settings {
            write_buffer,
            max_write_buffer: room.saturating_add(write_buffer),
            max_message,
            max_frame,
            unmasked,
        },
    )
}

struct Both {
    side: Side,
    ours: Box<dyn End>,
    theirs: Box<dyn End>,
    /// Whether the peer has sent its Close: what comes behind it is a known difference.
    peer_closed: bool,
    blocked: bool,
    /// Whether the stream took nothing for a while.
    pressed: bool,
    /// Whether the connection has ended for one of them.
    over: bool,
}

impl Both {
    fn new(side: Side, settings: Settings) -> Self {
        Self {
            side,
            ours: ours(side, settings),
            theirs: theirs(side, settings),
            peer_closed: false,
            blocked: false,
            pressed: false,
            over: false,
        }
    }

    fn each(&mut self, call: impl Fn(&mut dyn End) -> Got) -> (Got, Got) {
        let both = (call(&mut *self.ours), call(&mut *self.theirs));
        self.settle(both.clone());
        both
    }

    /// A Close is queued even if the queue is full. They lose it then.
    fn closes(&mut self, call: impl Fn(&mut dyn End) -> Got) {
        let both = (call(&mut *self.ours), call(&mut *self.theirs));
        if matches!(both, (Got::Done | WOULD_BLOCK, Got::Full(_))) {
            self.over = true;
        } else {
            self.settle(both);
        }
    }

    fn arrives(&mut self, bytes: &[u8], size: usize) {
        for chunk in bytes.chunks(size) {
            for end in [&mut self.ours, &mut self.theirs] {
                end.script().input.push_back(chunk.to_vec());
            }
        }
    }

    /// Compares what a call returned.
    fn settle(&mut self, (ours, theirs): (Got, Got)) {
        let fails = |got: &Got| {
            matches!(got, Got::Utf8 | Got::TooLong(_))
                || matches!(got, Got::Error(text) if !text.contains("AlreadyClosed") && !text.contains("SendAfterClosing"))
        };
        if ours != theirs && theirs == WOULD_BLOCK && fails(&ours) {
            // A fault is seen as soon as it has come. They see it with the end of the frame.
            self.over = true;
            return;
        }
        if self.blocked && (&ours, &theirs) == (&WOULD_BLOCK, &Got::Closed) {
            // They report the end of a server's connection before its Close is out.
            self.over = true;
            return;
        }
        if self.blocked && (&ours, &theirs) == (&WOULD_BLOCK, &Got::Done) {
            // A pong that finds the queue full waits beside it. Ours replaces the one before.
            self.over = true;
            return;
        }
        assert_eq!(ours, theirs, "ours and theirs");
        self.over |= fails(&ours);
        if !self.over {
            assert_eq!(self.ours.can(), self.theirs.can(), "can_read and can_write");
        }
    }

    fn run(mut self, steps: &[Step]) {
        for step in steps {
            if self.over {
                break;
            }
            let side = self.side;
            match step {
                Step::Arrives(peer, size) if !self.peer_closed => {
                    self.note(peer);
                    self.arrives(&peer.bytes(side), *size);
                }
                Step::ArrivesInTwo(peer, at) if !self.peer_closed => {
                    self.note(peer);
                    let bytes = peer.bytes(side);
                    let (head, tail) = bytes.split_at(at.index(bytes.len()));
                    self.arrives(head, usize::MAX);
                    self.drain();
                    self.arrives(tail, usize::MAX);
                }
                Step::Arrives(..) | Step::ArrivesInTwo(..) => {}
                Step::Eof => {
                    self.ours.script().eof = true;
                    self.theirs.script().eof = true;
                    self.peer_closed = true;
                }
                Step::Read => drop(self.each(|end| end.read())),
                Step::Write(Send::Close(close)) => {
                    self.closes(|end| end.write(Send::Close(close.clone())));
                }
                Step::Write(message) => drop(self.each(|end| end.write(message.clone()))),
                Step::Flush => drop(self.each(|end| end.flush())),
                Step::Close(close) => self.closes(|end| end.close(close.clone())),
                Step::Blocked(yes) => self.block(*yes),
                Step::Takes(bytes) => {
                    self.ours.script().takes = *bytes;
                    self.theirs.script().takes = *bytes;
                }
            }
        }
        self.block(false);
        self.drain();
        if !self.over {
            let _ = self.each(|end| end.flush());
            self.compare_output();
        }
    }

    fn note(&mut self, peer: &Peer) {
        self.peer_closed |= matches!(peer, Peer::Close(_));
    }

    fn block(&mut self, yes: bool) {
        self.blocked = yes;
        self.pressed |= yes;
        self.ours.script().blocked = yes;
        self.theirs.script().blocked = yes;
    }

    /// Reads until there is nothing more.
    fn drain(&mut self) {
        for _ in 0..100 {
            if self.over {
                return;
            }
            let (ours, _) = self.each(|end| end.read());
            if matches!(ours, Got::Io(_) | Got::Closed | Got::Error(_)) {
                return;
            }
        }
    }

    /// Data, and control frames of each kind, in order. Only where a pong goes between data differs: here it
    /// goes first.
    fn compare_output(&mut self) {
        let ours = frames(&self.ours.script().output);
        let theirs = frames(&self.theirs.script().output);
        let data = &[0, 1, 2, 9, 8][..];
        // While the stream takes nothing, a newer pong replaces an older one. Pongs that wait when the
        // peer's Close comes are not sent any more.
        let all = [data, &[10]];
        let same = if self.pressed || self.peer_closed {
            1
        } else {
            2
        };
        for kinds in &all[..same] {
            let only = |frames: &[(u8, Vec<u8>)]| -> Vec<_> {
                let of_kind = |(first, _): &&(u8, Vec<u8>)| kinds.contains(&(first & 0xf));
                frames.iter().filter(of_kind).cloned().collect()
            };
            assert_eq!(only(&ours), only(&theirs), "what was written");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn same_calls_and_bytes_give_the_same(
        server in any::<bool>(),
        settings in settings(),
        steps in vec(step(), 1..40),
    ) {
        let side = if server { Side::Server } else { Side::Client };
        Both::new(side, settings).run(&steps);
    }
}
