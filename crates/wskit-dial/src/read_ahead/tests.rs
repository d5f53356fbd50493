use std::collections::VecDeque;
use std::io;
use std::task::Poll;

use proptest::prelude::*;

use super::{AHEAD, PATIENCE, POOL, ReadAhead, SMALL};

/// What a read is answered with: at most this number of bytes, or nothing now.
type Script = VecDeque<Option<usize>>;

/// A socket by a script, with what it was asked for. Its bytes count up.
#[derive(Default)]
struct Socket {
    script: Script,
    asked: Vec<usize>,
    sent: usize,
}

/// The byte at this place of the stream.
fn byte(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap()
}

impl Socket {
    fn read(&mut self, into: &mut [u8]) -> Poll<io::Result<usize>> {
        self.asked.push(into.len());
        let Some(Some(most)) = self.script.pop_front() else {
            return Poll::Pending;
        };
        let n = most.min(into.len());
        for place in into.iter_mut().take(n) {
            *place = byte(self.sent);
            self.sent += 1;
        }
        Poll::Ready(Ok(n))
    }
}

struct Reader {
    ahead: ReadAhead<Socket>,
    got: usize,
}

impl Reader {
    fn new(script: impl IntoIterator<Item = usize>) -> Self {
        let script = script.into_iter().map(Some).collect();
        let socket = Socket {
            script,
            ..Socket::default()
        };
        Self {
            ahead: ReadAhead::new(socket),
            got: 0,
        }
    }

    /// Asks for `n` bytes, and checks those that come. `None` if they are to be waited for.
    fn ask(&mut self, n: usize) -> Option<usize> {
        let mut out = vec![0; n];
        let Poll::Ready(n) = self.ahead.poll_fill(&mut out, Socket::read) else {
            return None;
        };
        let n = n.unwrap();
        for (place, at) in out[..n].iter().zip(self.got..) {
            assert_eq!(*place, byte(at));
        }
        self.got += n;
        Some(n)
    }

    /// Returns the size of the buffer that is held.
    fn held(&self) -> usize {
        self.ahead.unread.buffer.len()
    }
}

const RUSTLS: usize = 4 << 10;

/// Bursts of small messages: rustls' own buffer is read into.
#[test]
fn small_reads_go_without_a_buffer() {
    let mut reader = Reader::new([22, 374, 4095]);
    assert_eq!(reader.ask(RUSTLS), Some(22));
    assert_eq!(reader.ask(RUSTLS), Some(374));
    assert_eq!(reader.ask(RUSTLS), Some(4095));
    assert_eq!(reader.ask(RUSTLS), None);
    assert_eq!(reader.ahead.stream.asked, [RUSTLS; 4]);
    assert_eq!(reader.held(), 0);
}

/// 64 KiB of ciphertext behind the first 4 KiB: one read, and the buffer is gone when it is empty.
#[test]
fn read_that_fills_is_followed_by_one_of_64_kib() {
    let mut reader = Reader::new([RUSTLS, AHEAD]);
    assert_eq!(reader.ask(RUSTLS), Some(RUSTLS));
    let mut came = 0;
    while came < AHEAD {
        came += reader.ask(16 << 10).unwrap();
        assert_eq!(reader.held(), if came < AHEAD { AHEAD } else { 0 });
    }
    assert_eq!(reader.ahead.stream.asked, [RUSTLS, AHEAD]);
    assert_eq!(reader.ask(RUSTLS), None);
    assert_eq!(reader.held(), 0, "a read that waits gives its buffer back");
}

/// Messages of 16 KiB, one at a time: one read each.
#[test]
fn large_messages_one_by_one_are_one_read_each() {
    const MESSAGE: usize = 16_414;
    let mut reader = Reader::new([RUSTLS, MESSAGE - RUSTLS, MESSAGE, MESSAGE]);
    for reads in [2, 3, 4] {
        let to = reader.got + MESSAGE;
        while reader.got < to {
            assert!(reader.ask(RUSTLS).is_some());
        }
        assert_eq!(reader.ahead.stream.asked.len(), reads);
        assert_eq!(reader.held(), 0);
    }
}

/// The last piece of a message of 1 MiB is small, and the next message is large again.
#[test]
fn small_read_after_large_ones_is_forgiven_and_then_no_more() {
    let mut reader = Reader::new([RUSTLS, AHEAD]);
    while reader.got < RUSTLS + AHEAD {
        reader.ask(RUSTLS);
    }
    reader.ahead.stream.asked.clear();
    reader.ahead.stream.script = [Some(100); PATIENCE as usize + 1].into();
    for _ in 0..=PATIENCE {
        assert_eq!(reader.ask(RUSTLS), Some(100));
        assert_eq!(reader.held(), 0);
    }
    let asked = &reader.ahead.stream.asked;
    assert_eq!(asked[..PATIENCE.into()], [AHEAD; PATIENCE as usize]);
    assert_eq!(asked[PATIENCE as usize..], [RUSTLS]);
}

/// An application that stops reading.
#[test]
fn small_rest_has_a_buffer_of_its_own_size() {
    let mut reader = Reader::new([RUSTLS, RUSTLS + SMALL + 1]);
    reader.ask(RUSTLS);
    reader.ask(RUSTLS);
    assert_eq!(reader.held(), AHEAD);
    reader.ask(1);
    assert_eq!(reader.held(), SMALL);
    assert_eq!(reader.ask(SMALL - 10), Some(SMALL - 10));
    assert_eq!(reader.ask(RUSTLS), Some(10));
    assert_eq!(reader.held(), 0);
}

/// Also one that was dropped with unread bytes.
#[test]
fn buffer_goes_back_to_the_thread() {
    let pooled = || POOL.with_borrow(Vec::len);
    for _ in 0..3 {
        let mut reader = Reader::new([RUSTLS, AHEAD]);
        reader.ask(RUSTLS);
        reader.ask(RUSTLS);
        drop(reader);
        assert_eq!(pooled(), 1);
    }
}

/// The end of the stream and an error are passed on, whether there is a buffer or not.
#[test]
fn end_and_errors_are_passed_on() {
    for first in [10, RUSTLS] {
        let mut reader = Reader::new([first, 0]);
        assert_eq!(reader.ask(RUSTLS), Some(first));
        assert_eq!(reader.ask(RUSTLS), Some(0));
        let reset =
            |_: &mut Socket, _: &mut [u8]| Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        let polled = reader.ahead.poll_fill(&mut [0; RUSTLS], reset);
        assert!(matches!(polled, Poll::Ready(Err(error))
            if error.kind() == io::ErrorKind::ConnectionReset));
        assert_eq!(reader.held(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// `ask` compares every byte.
    #[test]
    fn bytes_come_whole_and_in_order(
        script in prop::collection::vec(prop::option::weighted(0.8, 1_usize..100_000), 0..20),
        asks in prop::collection::vec(1_usize..20_000, 1..60),
    ) {
        let mut reader = Reader::new([]);
        reader.ahead.stream.script = script.into();
        for ask in asks {
            let reads = reader.ahead.stream.asked.len();
            let came = reader.ask(ask);
            let unread = reader.ahead.stream.sent - reader.got;
            prop_assert!(reader.ahead.stream.asked.len() <= reads + 1);
            prop_assert!(unread < AHEAD);
            prop_assert_eq!(unread == 0, reader.held() == 0);
            prop_assert!(came != Some(0));
        }
    }
}
