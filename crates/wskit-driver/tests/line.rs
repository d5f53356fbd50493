//! Writers of a split connection that wait for room: they go on in the order in which they came, and each
//! that leaves the queue wakes the next.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::Future;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use futures_util::SinkExt;
use wskit_driver::{ConnectionError, Reader, WebSocket, Writer};
use wskit_proto::{CloseCode, Config, Message, MessageKind, Role, SendError};
use wskit_test::{Clock, PipeEnd, SimulatedIo, pipe};

/// A future that the test polls, and that is not polled when it is woken.
struct Waiting<'a, T> {
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<'a, T> Waiting<'a, T> {
    fn new(future: impl Future<Output = T> + 'a) -> Self {
        Self {
            future: Box::pin(future),
            woken: Arc::default(),
        }
    }

    /// Polls once, and forgets that it was woken.
    fn poll(&mut self) -> Option<T> {
        self.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(self.woken.clone());
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed)
    }
}

type Permit<'a> = wskit_driver::Permit<&'a Writer<SimulatedIo>>;

/// Returns halves with room for two permits of 4 KiB, and the other end, which does nothing.
fn halves() -> (Reader<SimulatedIo>, Writer<SimulatedIo>, PipeEnd) {
    halves_with(64 << 10, 6 << 10)
}

fn halves_with(
    pipe_size: usize,
    mark: usize,
) -> (Reader<SimulatedIo>, Writer<SimulatedIo>, PipeEnd) {
    let (near, far) = pipe(pipe_size);
    let config = Config::new().keepalive(None).write_high_water(mark);
    let io = SimulatedIo::new(near, Clock::new());
    let (reader, writer) = WebSocket::from_parts(io, Role::Server, Bytes::new(), config).split();
    (reader, writer, far)
}

/// Takes all the room that there is.
fn take_room(writer: &Writer<SimulatedIo>) -> [Permit<'_>; 2] {
    [(); 2].map(|()| Waiting::new(writer.reserve()).poll().unwrap().unwrap())
}

/// Returns `count` calls that wait, in this order.
fn waiting(
    writer: &Writer<SimulatedIo>,
    count: usize,
) -> Vec<Waiting<'_, Result<Permit<'_>, ConnectionError>>> {
    let mut line: Vec<_> = (0..count).map(|_| Waiting::new(writer.reserve())).collect();
    for each in &mut line {
        assert!(each.poll().is_none(), "there is no room");
    }
    line
}

/// When there is room, only the first call goes on, whichever is polled first: not later ones, and not
/// new ones.
///
/// Proves: X-io-3
#[test]
fn writers_are_let_in_in_the_order_in_which_they_came() {
    let (_reader, writer, _far) = halves();
    let room = take_room(&writer);
    let mut line = waiting(&writer, 3);
    drop(room);
    let mut late = Waiting::new(writer.feed("late"));
    assert!(late.poll().is_none(), "three wait before it");
    assert_eq!(writer.try_feed("later"), Err(SendError::QueueFull));
    let mut in_turn = Vec::new();
    while !line.is_empty() {
        for each in line.iter_mut().skip(1).rev() {
            assert!(each.poll().is_none(), "it is not its turn");
        }
        in_turn.push(line.remove(0).poll().unwrap().unwrap());
        if in_turn.len() == 2 {
            drop(in_turn.remove(0));
        }
    }
    assert!(late.poll().unwrap().is_ok());
    drop(in_turn);
    assert_eq!(writer.try_feed("later"), Ok(()), "no call waits any more");
}

/// There is room for two, and the second call is polled first, in vain. When the first goes on, the
/// second is woken again.
///
/// Proves: X-io-4
#[test]
fn writer_that_goes_in_wakes_the_next() {
    let (_reader, writer, _far) = halves();
    let room = take_room(&writer);
    let mut line = waiting(&writer, 2);
    drop(room);
    assert!(line[1].poll().is_none() && !line[1].is_woken());
    let first = line[0].poll().unwrap().unwrap();
    assert!(line[1].is_woken(), "there is room for it too");
    let second = line[1].poll().unwrap().unwrap();
    drop((first, second));
}

/// There is room, and the first call is dropped: the second is woken.
///
/// Proves: X-io-4
#[test]
fn writer_that_gives_up_wakes_the_next() {
    let (_reader, writer, _far) = halves();
    let room = take_room(&writer);
    let mut line = waiting(&writer, 2);
    drop(room);
    assert!(line[1].poll().is_none() && !line[1].is_woken());
    drop(line.remove(0));
    assert!(line[0].is_woken(), "its turn has come");
    assert!(line[0].poll().unwrap().is_ok());
}

/// A call that is dropped in the middle of the queue leaves no gap.
///
/// Proves: X-io-4
#[test]
fn writer_that_gives_up_in_the_middle_holds_up_no_other() {
    let (_reader, writer, _far) = halves();
    let room = take_room(&writer);
    let mut line = waiting(&writer, 3);
    drop(line.remove(1));
    drop(room);
    assert!(line[1].poll().is_none(), "one is still before it");
    let first = line[0].poll().unwrap().unwrap();
    assert!(line[1].is_woken());
    let third = line[1].poll().unwrap().unwrap();
    drop((first, third));
}

/// A permit that is dropped wakes a call that waits for its room.
///
/// Proves: X-io-4
#[test]
fn permit_that_is_given_back_wakes_the_line() {
    let (_reader, writer, _far) = halves();
    let [one, two] = take_room(&writer);
    let mut line = waiting(&writer, 1);
    drop(one);
    assert!(line[0].is_woken());
    let third = line[0].poll().unwrap().unwrap();
    drop((two, third));
}

/// A writer that waits for room is chosen to write for all of them. A close ends its wait: another one
/// that waits for the socket must be chosen in its place.
#[test]
fn close_is_woken_after_it_has_ended_the_wait_of_the_chosen_writer() {
    for drops_reader in [false, true] {
        let (reader, writer, mut far) = halves();
        let reader = (!drops_reader).then_some(reader);
        let large = vec![7; 100_000];
        assert!(
            Waiting::new(writer.feed(&large[..]))
                .poll()
                .unwrap()
                .is_ok()
        );
        let mut chosen = Waiting::new(writer.feed("a"));
        assert!(chosen.poll().is_none());
        let mut close = Waiting::new(writer.close(CloseCode::NORMAL, ""));
        assert!(close.poll().is_none());
        assert!(chosen.is_woken());
        assert!(matches!(
            chosen.poll(),
            Some(Err(ConnectionError::Send(SendError::Closed)))
        ));
        assert!(close.poll().is_none());
        make_room(&mut far);
        assert!(close.is_woken(), "the reader is dropped: {drops_reader}");
        drop(reader);
    }
}

/// A writer that waits for room is chosen to write for all of them, and gets room that another one gives
/// back: a flush must be chosen in its place.
#[test]
fn flush_is_woken_after_the_chosen_writer_has_got_room_without_writing() {
    let (reader, writer, mut far) = halves_with(16 << 10, 64 << 10);
    let permits = [(); 3].map(|()| Waiting::new(writer.reserve()).poll());
    let mut permits: Vec<_> = permits.into_iter().flatten().flatten().collect();
    let large = vec![7; 40_000];
    writer.try_feed(&large[..]).unwrap();
    while let Some(Ok(permit)) = Waiting::new(writer.reserve()).poll() {
        permits.push(permit);
    }
    let mut chosen = Waiting::new(writer.feed("a"));
    assert!(chosen.poll().is_none());
    let mut flush = Waiting::new(writer.flush());
    assert!(flush.poll().is_none());
    permits.clear();
    assert!(chosen.is_woken());
    assert!(chosen.poll().unwrap().is_ok());
    make_room(&mut far);
    assert!(flush.is_woken());
    drop(reader);
}

/// Reads what the pipe holds, which makes room in it.
fn make_room(far: &mut PipeEnd) {
    let mut cx = Context::from_waker(Waker::noop());
    let read = far.poll_read(&mut cx, &mut vec![0; 64 << 10]);
    assert!(matches!(read, Poll::Ready(Ok(n)) if n > 0));
}

/// A sink that waits is kept and not polled any more. It does not stand for a flush that comes later.
#[test]
fn flush_is_woken_although_a_sink_that_waits_is_not_polled_any_more() {
    let (reader, writer, mut far) = halves();
    drop(reader);
    let large = vec![7; 100_000];
    assert!(
        Waiting::new(writer.feed(&large[..]))
            .poll()
            .unwrap()
            .is_ok()
    );
    let mut sink = writer.clone();
    let mut flush = Waiting::new(SinkExt::<Message>::flush(&mut sink));
    assert!(flush.poll().is_none());
    drop(flush);
    let mut flush = Waiting::new(writer.flush());
    assert!(flush.poll().is_none());
    make_room(&mut far);
    assert!(flush.is_woken());
}

/// A message in pieces is kept after a write or a flush of it was dropped. It does not stand for a flush.
#[test]
fn flush_is_woken_although_a_message_in_pieces_is_not_written_any_more() {
    for writes in [true, false] {
        let (reader, writer, mut far) = halves();
        drop(reader);
        let begun = Waiting::new(writer.begin(MessageKind::Binary)).poll();
        let mut message = begun.unwrap().unwrap();
        let large = vec![7; 100_000];
        assert!(Waiting::new(message.write(&large)).poll().is_some());
        let waits = if writes {
            Waiting::new(message.write(&large)).poll().is_none()
        } else {
            Waiting::new(message.flush()).poll().is_none()
        };
        assert!(waits);
        let mut flush = Waiting::new(writer.flush());
        assert!(flush.poll().is_none());
        make_room(&mut far);
        assert!(flush.is_woken(), "after a write: {writes}");
    }
}

/// The reader was dropped, so the calls that wait read. One of them gets what it waits for: another reads
/// on.
#[test]
fn call_that_waits_reads_after_the_one_that_was_to_read_has_gone() {
    let (reader, writer, mut far) = halves();
    let room = take_room(&writer);
    let mut line = waiting(&writer, 2);
    drop(reader);
    let [one, two] = room;
    drop(one);
    let first = line[0].poll().unwrap().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let ping = [IoSlice::new(&[0x89, 0x80, 0, 0, 0, 0])];
    assert!(far.poll_write(&mut cx, &ping).is_ready());
    assert!(line[1].is_woken());
    assert!(line[1].poll().is_none());
    let mut pong = [0; 8];
    let read = far.poll_read(&mut cx, &mut pong);
    assert!(matches!(read, Poll::Ready(Ok(2))), "{read:?}");
    assert_eq!(pong[..2], [0x8a, 0]);
    drop((first, two));
}

/// The reader was dropped. A sink that closes is kept and not polled any more: another close learns of the
/// peer's Close.
#[test]
fn close_is_woken_although_a_sink_that_closes_is_not_polled_any_more() {
    let (reader, writer, mut far) = halves();
    drop(reader);
    let mut sink = writer.clone();
    let mut closing = Waiting::new(SinkExt::<Message>::close(&mut sink));
    assert!(closing.poll().is_none());
    drop(closing);
    let mut close = Waiting::new(writer.close(CloseCode::NORMAL, ""));
    assert!(close.poll().is_none());
    let mut cx = Context::from_waker(Waker::noop());
    let answer = [IoSlice::new(&[0x88, 0x82, 0, 0, 0, 0, 3, 0xe8])];
    assert!(far.poll_write(&mut cx, &answer).is_ready());
    assert!(close.is_woken());
    assert!(close.poll().unwrap().unwrap().is_clean());
}
