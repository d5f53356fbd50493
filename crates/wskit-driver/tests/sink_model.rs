//! The contract of `Sink` on random connections: operations in any order, each dropped at any poll, by one
//! task or several, against a peer that reads and answers as it likes and ends as it likes.
//!
//! Held against it, whatever happens: what arrives is what was fed, once and in order; what an `Ok` of a
//! flush or a close covers is in the transport; a sink that was ready takes its message; nothing fails
//! before the end; a close that says `Ok` was answered; what the peer says before its Close is received; and
//! nothing waits for a wake-up that does not come: the executor polls a task only when it was woken, in an
//! order that the seed decides, and no time may pass.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use futures_util::{Sink, SinkExt, StreamExt};
use wskit_driver::{Error, PollRead, PollWrite, Runtime, WebSocket};
use wskit_frame::OpCode;
use wskit_proto::{Config, Message, Role, SendError};
use wskit_test::{
    Executor, Frame, Frames, PipeRead, PipeWrite, Probe, Simulated, SimulatedIo, cut, pause, pipe,
};

#[test]
fn whole_connection_in_one_task() {
    explore(true, false);
}

#[test]
fn whole_connection_in_two_tasks() {
    explore(true, true);
}

#[test]
fn halves_in_one_task() {
    explore(false, false);
}

#[test]
fn clones_of_a_writer_in_tasks_of_their_own() {
    explore(false, true);
}

fn explore(whole: bool, tasks: bool) {
    for end in [End::None, End::Ours, End::Peers, End::Gone] {
        for seed in 0..250 {
            let plan = Plan {
                seed,
                end,
                whole,
                tasks,
            };
            plan.run();
        }
    }
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Not at all: at last all sinks are dropped, and all is quiet.
    None,
    /// By one of its sinks.
    Ours,
    /// By the peer's Close.
    Peers,
    /// By a reset.
    Gone,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    end: End,
    /// One connection behind a lock, as `futures` splits it, or a reader and writers.
    whole: bool,
    /// Whether each half has a task of its own.
    tasks: bool,
}

impl Plan {
    fn run(self) {
        let _case = Case(self);
        let mut dice = Dice::new(self.seed);
        let role = dice.pick(&[Role::Client, Role::Server]);
        let (near, far) = pipe(dice.pick(&[1, 13, 100, 1000, 4096, 65_536]));
        let sinks = if self.whole || !self.tasks {
            1
        } else {
            1 + dice.below(3)
        };
        let world = Rc::new(World {
            plan: self,
            role,
            near: near.probe(),
            far: far.probe(),
            sinks: (0..sinks).map(|_| Account::default()).collect(),
            jobs: RefCell::default(),
            peer: RefCell::default(),
            main: RefCell::default(),
            answers_sent: Cell::default(),
            answers_received: Cell::default(),
            ending: Cell::default(),
            peer_closes: Cell::default(),
            received_all: Cell::default(),
            peer_read_all: Cell::default(),
        });
        let config = Config::new()
            .keepalive(None)
            .write_high_water(dice.pick(&[1, 50, 500, 5000]))
            .write_queue_limit(dice.pick(&[1, 100, 10_000]));
        let executor = Executor::with_seed(self.seed).most_polls(200_000);
        executor.block_on(async {
            let ws = WebSocket::from_parts(Simulated::wrap(near), role, Bytes::new(), config);
            let (stream, mut sending) = apart(ws, self.whole, sinks);
            let (read, write) = far.split();
            executor.spawn(peer_reads(world.clone(), read, dice.fork()));
            executor.spawn(peer_writes(world.clone(), write, dice.fork()));
            executor.spawn(peer_ends(world.clone(), dice.fork()));
            let closes = dice.below(sinks);
            let mut watched = sending.drain(..).enumerate().map(|(who, inner)| Watched {
                inner,
                who,
                ready: false,
                world: world.clone(),
            });
            if self.tasks {
                for sink in watched {
                    let closes = self.end == End::Ours && sink.who == closes;
                    let (world, dice) = (world.clone(), dice.fork());
                    executor.spawn(async move { world.operate(sink, closes, dice).await });
                }
                let world = world.clone();
                executor.spawn(async move { world.receive(stream).await });
            } else {
                let sink = watched.next().unwrap();
                executor.spawn(alone(world.clone(), stream, sink, dice.fork()));
            }
            poll_fn(|cx| world.poll_done(cx)).await;
        });
        world.check();
        assert!(
            executor.clock().elapsed().is_zero(),
            "a wake-up was lost: a deadline had to help"
        );
    }
}

/// Says which plan failed.
struct Case(Plan);

impl Drop for Case {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{:?}", self.0);
        }
    }
}

type Receiving = Pin<Box<dyn Stream<Item = Result<Message, Error>>>>;
type Sending = Pin<Box<dyn Sink<Message, Error = Error>>>;

fn apart(ws: WebSocket<SimulatedIo>, whole: bool, sinks: usize) -> (Receiving, Vec<Sending>) {
    if whole {
        let lock = Locked(Rc::new(RefCell::new(ws)));
        return (Box::pin(lock.clone()), vec![Box::pin(lock)]);
    }
    let (reader, writer) = ws.split();
    let mut sending: Vec<Sending> = Vec::new();
    for _ in 0..sinks {
        sending.push(Box::pin(writer.clone()));
    }
    (Box::pin(reader), sending)
}

/// A connection under a lock that is held for one poll: what `futures` splits into, without the message that
/// its sink keeps back.
#[derive(Clone)]
struct Locked(Rc<RefCell<WebSocket<SimulatedIo>>>);

impl Stream for Locked {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_next(cx)
    }
}

impl Sink<Message> for Locked {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Pin::new(&mut *self.0.borrow_mut()).start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_close(cx)
    }
}

/// What is known of a run.
struct World {
    plan: Plan,
    role: Role,
    near: Probe,
    far: Probe,
    sinks: Vec<Account>,
    /// What the peer has to write.
    jobs: RefCell<VecDeque<Job>>,
    peer: RefCell<Option<Waker>>,
    main: RefCell<Option<Waker>>,
    answers_sent: Cell<usize>,
    answers_received: Cell<usize>,
    /// Some end has begun: things may fail.
    ending: Cell<bool>,
    /// Its Close is queued, and nothing goes behind it.
    peer_closes: Cell<bool>,
    received_all: Cell<bool>,
    peer_read_all: Cell<bool>,
}

/// Of one sink, messages that were
#[derive(Default)]
struct Account {
    fed: Cell<usize>,
    /// fed before its last flush or close began,
    asked: Cell<usize>,
    /// and received by the peer.
    arrived: Cell<usize>,
    done: Cell<bool>,
}

enum Job {
    Frame(Vec<u8>),
    Close,
    Finish,
}

impl World {
    /// All that has to happen has happened.
    fn poll_done(&self, cx: &mut Context<'_>) -> Poll<()> {
        *self.main.borrow_mut() = Some(cx.waker().clone());
        let operated = self.sinks.iter().all(|sink| sink.done.get());
        let came = match self.plan.end {
            End::None => {
                let left = |sink: &Account| sink.arrived.get() < sink.asked.get();
                !self.sinks.iter().any(left)
                    && self.answers_received == self.answers_sent
                    && self.jobs.borrow().is_empty()
            }
            End::Ours | End::Peers => self.received_all.get() && self.peer_read_all.get(),
            End::Gone => self.received_all.get(),
        };
        if operated && came {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn changed(&self) {
        self.main.take().into_iter().for_each(Waker::wake);
    }

    /// What must be true at the end.
    fn check(&self) {
        if matches!(self.plan.end, End::Ours | End::Peers) {
            for (who, sink) in self.sinks.iter().enumerate() {
                assert_eq!(sink.arrived, sink.fed, "sink {who}: not all has arrived");
            }
            assert_eq!(self.answers_received, self.answers_sent, "answers are lost");
        }
    }

    fn job(&self, job: Job) {
        match job {
            Job::Frame(_) if self.peer_closes.get() => return,
            Job::Close if self.peer_closes.replace(true) => return,
            _ => {}
        }
        self.jobs.borrow_mut().push_back(job);
        self.peer.take().into_iter().for_each(Waker::wake);
    }

    fn answer(&self) {
        if !self.peer_closes.get() {
            let number = self.answers_sent.get();
            self.answers_sent.set(number + 1);
            self.job(Job::Frame(Frames::to(self.role).text(&number.to_string())));
        }
    }

    /// Messages of this sink that are wholly in the transport.
    fn written(&self, who: usize) -> usize {
        let frames = Frame::parse_all(self.role, &self.near.written());
        let its = |frame: &&Frame| frame.opcode == OpCode::Binary && frame.payload[0] == who as u8;
        frames.iter().filter(its).count()
    }

    /// Runs a sink of its own task.
    async fn operate(&self, mut sink: Watched, closes: bool, mut dice: Dice) {
        let steps = 1 + dice.below(20);
        let close_at = dice.below(steps);
        for step in 0..steps {
            if closes && step == close_at {
                for _ in 0..dice.below(3) {
                    cut(sink.close(), 1).await;
                }
                sink.close().await.unwrap();
            }
            sink.step(&mut dice).await;
            for _ in 0..dice.below(4) {
                pause().await;
            }
        }
        if matches!(self.plan.end, End::Peers | End::Gone) && dice.below(2) == 0 {
            let closed = sink.close().await;
            self.may_fail(closed);
        }
        let account = sink.account(self);
        drop(sink);
        account.done.set(true);
        self.changed();
    }

    /// Only a connection that was reset may end in an error. (It may have been closed before.)
    fn may_fail(&self, closed: Result<(), Error>) {
        if let Err(error) = closed {
            assert_eq!(self.plan.end, End::Gone, "{error:?}");
        }
    }

    async fn receive(&self, mut stream: Receiving) {
        while let Some(received) = stream.next().await {
            self.received(received);
        }
        self.received_end();
        // A stream that has ended stays there: sinks need not be told that it is gone.
        std::future::pending::<()>().await;
    }

    fn received(&self, received: Result<Message, Error>) {
        match received {
            Ok(message) => {
                let number = self.answers_received.get();
                assert_eq!(message.as_text(), Some(&*number.to_string()), "an answer");
                self.answers_received.set(number + 1);
                self.changed();
            }
            Err(error) => self.may_fail(Err(error)),
        }
    }

    fn received_end(&self) {
        assert!(self.ending.get(), "the stream ended by itself");
        self.received_all.set(true);
        self.changed();
    }
}

/// One task that sends, looks whether something came, and sends on.
async fn alone(world: Rc<World>, mut stream: Receiving, mut sink: Watched, mut dice: Dice) {
    let mut over = false;
    for _ in 0..1 + dice.below(20) {
        sink.step(&mut dice).await;
        for _ in 0..dice.below(4) {
            match cut(stream.next(), 1).await {
                Some(Some(received)) => world.received(received),
                Some(None) => over = true,
                None => pause().await,
            }
        }
    }
    let closes = match world.plan.end {
        End::None => false,
        End::Ours => true,
        End::Peers | End::Gone => dice.below(2) == 0,
    };
    let mut sink = Some(sink);
    if !closes {
        sink = None;
        world.sinks[0].done.set(true);
        world.changed();
    }
    poll_fn(|cx| {
        // The closing and the stream in one task: each has to be polled for the other to go on.
        if let Some(closing) = &mut sink {
            if let Poll::Ready(closed) = closing.poll_close_unpin(cx) {
                world.may_fail(closed);
                world.sinks[0].done.set(true);
                sink = None;
            }
        }
        while !over {
            match stream.poll_next_unpin(cx) {
                Poll::Ready(Some(received)) => world.received(received),
                Poll::Ready(None) => {
                    over = true;
                    // What the sink waits for may have come with it.
                    cx.waker().wake_by_ref();
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        if sink.is_some() {
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
    world.received_end();
    std::future::pending::<()>().await;
}

/// A sink of sizes that holds each answer against what was fed; it makes the messages itself.
struct Watched {
    inner: Sending,
    who: usize,
    ready: bool,
    world: Rc<World>,
}

impl Watched {
    fn account<'a>(&self, world: &'a World) -> &'a Account {
        &world.sinks[self.who]
    }

    /// One operation, dropped after some polls or not at all.
    async fn step(&mut self, dice: &mut Dice) {
        let polls = dice.pick(&[1, 1, 2, 3, usize::MAX]);
        let size = dice.pick(&[3, 3, 10, 130, 700]);
        let done = match dice.below(10) {
            0 => cut(poll_fn(|cx| Pin::new(&mut *self).poll_ready(cx)), polls).await,
            1 => {
                poll_fn(|cx| Poll::Ready(self.start_if_ready(cx, size))).await;
                None
            }
            2 => cut(poll_fn(|cx| Pin::new(&mut *self).poll_flush(cx)), 1).await,
            3 => cut(self.feed(size), polls).await,
            4 | 5 => cut(self.send(size), polls).await,
            6 => cut(self.flush(), polls).await,
            8 => {
                // It stays ready, whatever the others do meanwhile.
                let ready = poll_fn(|cx| Pin::new(&mut *self).poll_ready(cx)).await;
                for _ in 0..dice.below(10) {
                    pause().await;
                }
                Some(ready.and_then(|()| Pin::new(&mut *self).start_send(size)))
            }
            7 => {
                let mut source = source(1 + dice.below(4), size, true);
                cut(self.send_all(&mut source), polls).await
            }
            _ => {
                let source = source(dice.below(4), size, false);
                cut(source.forward(&mut *self), 1 + dice.below(6)).await
            }
        };
        self.allowed(done);
    }

    fn start_if_ready(&mut self, cx: &mut Context<'_>, size: usize) {
        if let Poll::Ready(Ok(())) = Pin::new(&mut *self).poll_ready(cx) {
            let done = Pin::new(&mut *self).start_send(size);
            self.allowed(Some(done));
        }
    }

    fn poll_close_unpin(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(self).poll_close(cx)
    }

    /// Nothing fails before the end has begun.
    fn allowed(&self, done: Option<Result<(), Error>>) {
        if let Some(Err(error)) = done {
            assert!(self.world.ending.get(), "sink {}: {error:?}", self.who);
        }
    }

    /// All that was fed is in the transport.
    fn check_written(&self, said: &str) {
        let fed = self.account(&self.world).fed.get();
        let written = self.world.written(self.who);
        assert_eq!(written, fed, "sink {}: {said} said Ok", self.who);
    }
}

impl Sink<usize> for Watched {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let polled = self.inner.as_mut().poll_ready(cx);
        self.ready = matches!(polled, Poll::Ready(Ok(())));
        polled
    }

    fn start_send(mut self: Pin<&mut Self>, size: usize) -> Result<(), Error> {
        assert!(
            core::mem::take(&mut self.ready),
            "a test that keeps no rule"
        );
        let number = self.account(&self.world).fed.get();
        let data = data(self.who, number, size);
        let started = self.inner.as_mut().start_send(Message::binary(data));
        match &started {
            Ok(()) => self.account(&self.world).fed.set(number + 1),
            Err(error) => assert!(
                !matches!(error, Error::Send(SendError::QueueFull)),
                "it was ready"
            ),
        }
        started
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let account = self.account(&self.world);
        account.asked.set(account.fed.get());
        let polled = self.inner.as_mut().poll_flush(cx);
        if let Poll::Ready(Ok(())) = polled {
            self.check_written("a flush");
        }
        polled
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let account = self.account(&self.world);
        account.asked.set(account.fed.get());
        self.world.ending.set(true);
        let polled = self.inner.as_mut().poll_close(cx);
        if let Poll::Ready(Ok(())) = polled {
            self.check_written("a close");
            assert!(self.world.peer_closes.get(), "the peer has not closed");
        }
        polled
    }
}

/// The message of this number, in which a changed byte shows.
fn data(who: usize, number: usize, size: usize) -> Vec<u8> {
    let mut data = vec![who as u8, number as u8, (number >> 8) as u8];
    data.extend((3..size).map(|at| (at * 7 + number * 31 + who) as u8));
    data
}

/// So many messages with waits between, which then ends, or waits for ever and keeps its task awake.
fn source(
    mut count: usize,
    size: usize,
    ends: bool,
) -> impl Stream<Item = Result<usize, Error>> + Unpin {
    let mut waits = false;
    stream::poll_fn(move |cx| {
        waits = !waits;
        if waits || (count == 0 && !ends) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if count == 0 {
            return Poll::Ready(None);
        }
        count -= 1;
        Poll::Ready(Some(Ok(size)))
    })
}

/// Reads in bits, with rests, and has an answer now and then.
async fn peer_reads(world: Rc<World>, mut read: PipeRead, mut dice: Dice) {
    let frames = Frames::to(world.role);
    let mut unread = Vec::new();
    loop {
        let rests = dice.pick(&[0, 0, 1, 3, 30]);
        for _ in 0..rests {
            pause().await;
        }
        let mut buf = vec![0; dice.pick(&[1, 10, 500, 4096])];
        let n = poll_fn(|cx| PollRead::poll_read(&mut read, cx, &mut buf)).await;
        let Ok(n @ 1..) = n else {
            world.peer_read_all.set(true);
            return world.changed();
        };
        unread.extend_from_slice(&buf[..n]);
        while let Some((frame, size)) = Frame::parse(world.role, &unread) {
            unread.drain(..size);
            match frame.opcode {
                OpCode::Binary => {
                    let who = usize::from(frame.payload[0]);
                    let number = world.sinks[who].arrived.get();
                    assert!(
                        frame.payload == data(who, number, frame.payload.len()),
                        "sink {who}: {frame:?} for {number}"
                    );
                    world.sinks[who].arrived.set(number + 1);
                    match dice.below(6) {
                        0 => world.job(Job::Frame(frames.ping(b"?"))),
                        1 | 2 => world.answer(),
                        _ => {}
                    }
                }
                OpCode::Close => {
                    for _ in 0..dice.below(3) {
                        world.answer();
                    }
                    world.job(Job::Close);
                    world.job(Job::Finish);
                }
                _ => {}
            }
        }
        world.changed();
    }
}

/// Writes what there is to write.
async fn peer_writes(world: Rc<World>, mut write: PipeWrite, mut dice: Dice) {
    loop {
        let job = poll_fn(|cx| match world.jobs.borrow_mut().pop_front() {
            Some(job) => Poll::Ready(job),
            None => {
                *world.peer.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        })
        .await;
        for _ in 0..dice.pick(&[0, 1, 10]) {
            pause().await;
        }
        let bytes = match job {
            Job::Frame(bytes) => bytes,
            Job::Close => {
                world.ending.set(true);
                Frames::to(world.role).close(1000, "")
            }
            Job::Finish => {
                let _ = poll_fn(|cx| PollWrite::poll_shutdown(&mut write, cx)).await;
                return;
            }
        };
        let mut left = &bytes[..];
        while !left.is_empty() {
            let chunk = [IoSlice::new(left)];
            let written = poll_fn(|cx| PollWrite::poll_write(&mut write, cx, &chunk)).await;
            let Ok(n) = written else { return };
            left = &left[n..];
        }
    }
}

/// Ends the connection at some time, if it is the peer who does.
async fn peer_ends(world: Rc<World>, mut dice: Dice) {
    for _ in 0..dice.below(300) {
        pause().await;
    }
    match world.plan.end {
        End::Peers => world.job(Job::Close),
        End::Gone => {
            world.ending.set(true);
            world.far.reset();
        }
        End::None | End::Ours => {}
    }
}

/// Numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn fork(&mut self) -> Self {
        Self::new(self.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}
