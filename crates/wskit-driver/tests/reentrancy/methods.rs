//! Every method of the halves of a connection, and of its shutdown.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use wskit_driver::{Lane, LaneConfig, Overflow, Reader, Shutdown, WeakWriter, Writer};
use wskit_proto::{CloseCode, Message, MessageKind, PreparedMessage};
use wskit_test::Alarm;

use super::scene::Io;

/// A handle of each kind to one connection.
pub(crate) struct Handles {
    pub(crate) writer: Writer<Io>,
    pub(crate) weak: WeakWriter<Io>,
    /// A lane that waits for room.
    pub(crate) lane: Lane<Io>,
    /// A lane in which each message replaces the one before.
    pub(crate) latest: Lane<Io>,
    /// `None` if the test polls the reader itself, or has dropped it.
    pub(crate) reader: Option<Reader<Io>>,
    pub(crate) shutdown: Shutdown<Alarm>,
}

impl Handles {
    pub(crate) fn new(
        writer: &Writer<Io>,
        reader: Option<Reader<Io>>,
        shutdown: &Shutdown<Alarm>,
    ) -> Self {
        Self {
            writer: writer.clone(),
            weak: writer.downgrade(),
            lane: writer.lane(LaneConfig::new()),
            latest: writer.lane(LaneConfig::new().overflow(Overflow::LatestOnly)),
            reader,
            shutdown: shutdown.clone(),
        }
    }
}

pub(crate) type Method = fn(&mut Handles);

/// Polls once and drops the future.
pub(crate) fn once<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn sink(h: &mut Handles) -> Pin<&mut Writer<Io>> {
    Pin::new(&mut h.writer)
}

fn read(h: &mut Handles, f: impl FnOnce(&mut Reader<Io>)) {
    if let Some(reader) = &mut h.reader {
        f(reader);
    }
}

/// Every method. Their results depend on the test and are ignored: they only have to return.
pub(crate) const METHODS: &[(&str, Method)] = &[
    ("Writer::try_feed", |h| _ = h.writer.try_feed("x")),
    ("Writer::queued", |h| _ = h.writer.queued()),
    ("Writer::buffered", |h| _ = h.writer.buffered()),
    ("Writer::state", |h| _ = h.writer.state()),
    ("Writer::outcome", |h| _ = h.writer.outcome()),
    ("Writer::protocol", |h| _ = h.writer.protocol()),
    ("Writer::round_trip", |h| _ = h.writer.round_trip()),
    ("Writer::fmt", |h| _ = format!("{:?}", h.writer)),
    ("Writer::clone", |h| drop(h.writer.clone())),
    ("Writer::lane", |h| drop(h.writer.lane(LaneConfig::new()))),
    ("Writer::downgrade", |h| drop(h.writer.downgrade())),
    ("WeakWriter::clone", |h| drop(h.weak.clone())),
    ("WeakWriter::upgrade", |h| drop(h.weak.upgrade())),
    ("WeakWriter::fmt", |h| _ = format!("{:?}", h.weak)),
    ("Writer::batch", |h| {
        _ = h.writer.batch(&[&PreparedMessage::text("x")]);
    }),
    ("Writer::wake_when_room", |h| {
        h.writer.wake_when_room(Waker::noop());
    }),
    ("Writer::wake_when_closed", |h| {
        h.writer.wake_when_closed(Waker::noop());
    }),
    ("WeakWriter::batch", |h| {
        _ = h.weak.batch(&[&PreparedMessage::binary(vec![1; 20_000])]);
    }),
    ("WeakWriter::wake_when_room", |h| {
        h.weak.wake_when_room(Waker::noop());
    }),
    ("WeakWriter::wake_when_closed", |h| {
        h.weak.wake_when_closed(Waker::noop());
    }),
    ("Writer::start_close", |h| {
        _ = h.writer.start_close(CloseCode::NORMAL, "");
    }),
    ("Writer::feed", |h| _ = once(h.writer.feed("x"))),
    ("Writer::send", |h| _ = once(h.writer.send(vec![1; 20_000]))),
    ("Writer::flush", |h| _ = once(h.writer.flush())),
    ("Writer::ping", |h| _ = once(h.writer.ping(b"x"))),
    ("Writer::close", |h| {
        _ = once(h.writer.close(CloseCode::NORMAL, ""));
    }),
    ("Writer::reserve", |h| drop(once(h.writer.reserve()))),
    ("Permit::send", |h| {
        if let Some(Ok(permit)) = once(h.writer.reserve()) {
            permit.send("x");
        }
    }),
    ("Writer::begin", |h| {
        drop(once(h.writer.begin(MessageKind::Text)));
    }),
    ("MessageWriter", |h| {
        if let Some(Ok(mut message)) = once(h.writer.begin(MessageKind::Text)) {
            _ = once(message.write("x"));
            _ = once(message.flush());
            _ = once(message.finish());
        }
    }),
    ("Sink::start_send", |h| {
        let mut cx = Context::from_waker(Waker::noop());
        if sink(h).poll_ready(&mut cx).is_ready() {
            _ = sink(h).start_send(Message::text("x"));
        }
    }),
    ("Sink::poll_flush", |h| {
        _ = sink(h).poll_flush(&mut Context::from_waker(Waker::noop()));
    }),
    ("Sink::poll_close", |h| {
        _ = sink(h).poll_close(&mut Context::from_waker(Waker::noop()));
    }),
    ("Lane::push", |h| _ = h.lane.push("x")),
    ("Lane::push in place of another", |h| {
        _ = h.latest.push("x");
        _ = h.latest.push("y");
    }),
    ("Lane::feed", |h| _ = once(h.lane.feed("x"))),
    ("Lane::send", |h| _ = once(h.lane.send("x"))),
    ("Lane::flush", |h| _ = once(h.lane.flush())),
    ("Lane::buffered", |h| _ = h.lane.buffered()),
    ("Lane::dropped", |h| _ = h.lane.dropped()),
    ("Lane::fmt", |h| _ = format!("{:?}", h.lane)),
    ("Reader::state", |h| read(h, |reader| _ = reader.state())),
    ("Reader::outcome", |h| {
        read(h, |reader| _ = reader.outcome());
    }),
    ("Reader::protocol", |h| {
        read(h, |reader| _ = reader.protocol());
    }),
    ("Reader::round_trip", |h| {
        read(h, |reader| _ = reader.round_trip());
    }),
    ("Reader::writer", |h| {
        read(h, |reader| drop(reader.writer()));
    }),
    ("Reader::fmt", |h| {
        read(h, |reader| _ = format!("{reader:?}"));
    }),
    ("Reader::recv", |h| {
        read(h, |reader| _ = once(reader.recv()));
    }),
    ("Reader::recv_ref", |h| {
        read(h, |reader| _ = once(reader.recv_ref()));
    }),
    ("Reader::recv_event", |h| {
        read(h, |reader| _ = once(reader.recv_event()));
    }),
    ("Reader::recv_piece", |h| {
        read(h, |reader| _ = once(reader.recv_piece()));
    }),
    ("Stream::poll_next", |h| {
        let mut cx = Context::from_waker(Waker::noop());
        read(h, |reader| _ = Pin::new(reader).poll_next(&mut cx));
    }),
    ("Reader::track", |h| {
        let shutdown = h.shutdown.clone();
        read(h, |reader| reader.track(&shutdown));
    }),
    ("Reader::drop", |h| drop(h.reader.take())),
    ("Shutdown::request", |h| h.shutdown.request()),
    ("Shutdown::is_requested", |h| {
        _ = h.shutdown.is_requested();
    }),
    ("Shutdown::connections", |h| _ = h.shutdown.connections()),
    ("Shutdown::fmt", |h| _ = format!("{:?}", h.shutdown)),
    ("Shutdown::clone", |h| drop(h.shutdown.clone())),
    ("Shutdown::requested", |h| _ = once(h.shutdown.requested())),
    ("Shutdown::until_requested", |h| {
        _ = once(h.shutdown.until_requested(std::future::pending::<()>()));
    }),
    ("Shutdown::finish", |h| {
        _ = once(h.shutdown.finish(Duration::from_secs(1)));
    }),
];
