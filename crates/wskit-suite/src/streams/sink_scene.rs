//! A connection taken apart into a stream and a sink, by every way to do so.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::thread;

use futures_util::{Sink, Stream, StreamExt, stream};
use wskit_driver::{ConnectionError, WebSocket};
use wskit_frame::OpCode;
use wskit_proto::{Message, Role};
use wskit_test::{Frame, Harness, Io, Probe, Script, pause, run, run_timed};

use crate::scene::{ROLES, pattern};

pub(super) type Receiving = Pin<Box<dyn Stream<Item = Result<Message, ConnectionError>>>>;
pub(super) type Sending = Pin<Box<dyn Sink<Message, Error = ConnectionError>>>;

/// How a connection is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Apart {
    /// By `futures`, which puts a lock around the connection.
    Locked,
    /// Into a reader and a writer.
    Halves,
}

pub(super) const WAYS: [Apart; 2] = [Apart::Locked, Apart::Halves];

pub(super) fn apart<H: Harness>(ws: WebSocket<Io<H>>, way: Apart) -> (Receiving, Sending) {
    match way {
        Apart::Locked => {
            let (sink, stream) = StreamExt::split(ws);
            (Box::pin(stream), Box::pin(sink))
        }
        Apart::Halves => {
            let (reader, writer) = ws.split();
            (Box::pin(reader), Box::pin(writer))
        }
    }
}

/// Runs a test in which time must not pass for both roles and each way.
pub(super) fn each<H: Harness, F: Future<Output = ()>>(test: impl Fn(Role, Apart) -> F) {
    cases(|role, way| run::<H>(test(role, way)));
}

/// Runs a test about time for both roles and each way.
pub(super) fn each_timed<H: Harness, F: Future<Output = ()>>(test: impl Fn(Role, Apart) -> F) {
    cases(|role, way| run_timed::<H>(test(role, way)));
}

fn cases(test: impl Fn(Role, Apart)) {
    for way in WAYS {
        for role in ROLES {
            let _case = Case(role, way);
            test(role, way);
        }
    }
}

/// Prints in which case a test failed.
struct Case(Role, Apart);

impl Drop for Case {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{:?}, {:?}", self.0, self.1);
        }
    }
}

/// A signal from one task to others.
#[derive(Default)]
pub(super) struct Signal {
    told: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Signal {
    pub(super) fn tell(&self) {
        self.told.set(true);
        self.waiting.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn wait(&self) -> impl Future<Output = ()> {
        poll_fn(|cx| {
            if self.told.get() {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(cx.waker().clone());
            Poll::Pending
        })
    }
}

/// Returns `count` distinct messages of this size.
pub(super) fn messages(count: usize, size: usize) -> Vec<Message> {
    (0..count).map(|at| message(at, size)).collect()
}

pub(super) fn message(at: usize, size: usize) -> Message {
    let mut data = pattern(size);
    let number = (at as u64).to_be_bytes();
    for (to, from) in data.iter_mut().zip(number.iter().rev()) {
        *to ^= from;
    }
    Message::binary(data)
}

/// Returns a stream of these messages with a wait before each, which ends once `end` is signalled.
pub(super) fn source(
    messages: Vec<Message>,
    end: &Signal,
) -> impl Stream<Item = Result<Message, ConnectionError>> {
    stream::unfold(messages.into_iter(), move |mut left| async move {
        pause().await;
        let Some(next) = left.next() else {
            end.wait().await;
            return None;
        };
        Some((Ok(next), left))
    })
}

/// Returns a stream of these messages, all ready at once.
pub(super) fn ready(
    messages: Vec<Message>,
) -> impl Stream<Item = Result<Message, ConnectionError>> + Unpin {
    stream::iter(messages.into_iter().map(Ok))
}

/// Returns the messages that are completely in the transport.
pub(super) fn written(role: Role, probe: &Probe) -> Vec<Message> {
    let frames = Frame::parse_all(role, &probe.written());
    let data = frames
        .into_iter()
        .filter(|frame| frame.opcode == OpCode::Binary);
    data.map(|frame| Message::binary(frame.payload)).collect()
}

/// Expects these messages.
pub(super) async fn expect_all(peer: &mut Script, messages: &[Message]) {
    for message in messages {
        peer.expect(OpCode::Binary, message.as_bytes()).await;
    }
}

/// Answers the Close that has come, and ends the transport as the role of the other end requires.
pub(super) async fn answer_close(peer: &mut Script, role: Role) {
    peer.send(peer.frames().close(1000, "")).await;
    if role == Role::Client {
        peer.finish().await;
    }
    peer.expect_end().await;
}

/// Receives to the end.
pub(super) async fn rest(stream: &mut Receiving) -> Vec<Message> {
    stream
        .map(|message| message.expect("a message"))
        .collect()
        .await
}
