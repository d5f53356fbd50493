//! A client and a server as drivers over a pipe that cuts, delays and fails, in tasks whose futures are
//! dropped half-way: what arrives is what was sent, in order; what was surely sent arrives unless the pipe
//! failed; every end is told once; and no task waits for a wake-up that does not come.
//!
//! Input: flags (bit 0: the client is split, 1: the server is, 2: compression, 3: fragmented output,
//! 4: small queues), the pipe's room (1), faults of each end (2 each: kind and habits, then when), then
//! operations: a byte for who and what, one for when it is dropped (low half) and its size.
#![no_main]

use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::num::NonZeroUsize;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;

use bytes::Bytes;
use futures_util::SinkExt;
use libfuzzer_sys::fuzz_target;
use wskit_driver::{ConnectionError, Reader, WebSocket, Writer};
use wskit_fuzz::Input;
use wskit_proto::deflate::{Config as DeflateConfig, Params, Role as DeflateRole, Window};
use wskit_proto::{CloseCode, Config, Event, Message, MessageKind, Outcome, Outgoing, Role, SendError};
use wskit_test::{Clock, Executor, Fault, Faults, PipeEnd, SimulatedIo, join, pause, pipe};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let (near, far) = pipe(1 + input.size());
    let mut fatal = false;
    let mut probes = Vec::new();
    for end in [&near, &far] {
        let faults = faults(&mut input);
        end.probe().set_faults(faults);
        probes.push((end.probe(), faults));
    }
    let mut scripts = [Vec::new(), Vec::new()];
    while !input.is_empty() && scripts.iter().all(|script| script.len() < 24) {
        let (op, rest) = (input.byte(), input.byte());
        scripts[usize::from(op & 1)].push(Op {
            what: op >> 1 & 15,
            polls: usize::from(rest & 15),
            size: [0, 5, 100, 126, 700, 3000, 17_000, 40][usize::from(rest >> 5)],
            text: rest & 16 != 0,
        });
    }
    let [one, two] = scripts;
    let ends = [
        End::new(Role::Client, one, flags),
        End::new(Role::Server, two, flags),
    ];

    let executor = Executor::new();
    let start = executor.clock().now();
    let clock = executor.clock().clone();
    let (first, second) =
        executor.block_on(async { join(ends[0].run(near), ends[1].run(far)).await });
    for (probe, faults) in probes {
        fatal |= probe.has_struck() && faults.at.is_some_and(|(fault, _)| !fault.is_harmless());
    }
    if !fatal {
        assert_eq!(
            clock.now(),
            start,
            "a wake-up was lost: a deadline had to help"
        );
        for outcome in [&first, &second] {
            let outcome = outcome.as_ref().expect("an outcome at the end");
            assert!(outcome.is_clean(), "{outcome:?}");
        }
    }
    for (end, other) in [(&ends[0], &ends[1]), (&ends[1], &ends[0])] {
        end.sent
            .borrow()
            .arrived(&other.came.borrow(), fatal, end.role);
    }
});

struct Op {
    what: u8,
    /// It is dropped after this number of polls.
    polls: usize,
    size: usize,
    text: bool,
}

struct End {
    role: Role,
    script: Vec<Op>,
    flags: u8,
    sent: RefCell<Sent>,
    came: RefCell<Came>,
}

/// What was handed to the connection.
#[derive(Default)]
struct Sent {
    /// Its number, and whether it was taken for certain (`Some(false)`: certainly not).
    messages: Vec<(MessageKind, Vec<u8>, Option<bool>)>,
}

#[derive(Default)]
struct Came {
    messages: Vec<(MessageKind, Vec<u8>)>,
    partial: Vec<u8>,
    errors: usize,
    over: bool,
}

impl End {
    fn new(role: Role, script: Vec<Op>, flags: u8) -> Self {
        Self {
            role,
            script,
            flags,
            sent: RefCell::default(),
            came: RefCell::default(),
        }
    }

    async fn run(&self, end: PipeEnd) -> Option<Outcome> {
        let io = SimulatedIo::new(end, Clock::current());
        let mut config = Config::new().keepalive(None).close_timeout(CLOSE);
        if self.flags & 8 != 0 {
            config = config.fragment_size(NonZeroUsize::new(300));
        }
        if self.flags & 16 != 0 {
            config = config.write_high_water(1000).write_queue_limit(4000);
        }
        let ws = if self.flags & 4 == 0 {
            WebSocket::from_parts(io, self.role, Bytes::new(), config)
        } else {
            let role = match self.role {
                Role::Client => DeflateRole::Client,
                Role::Server => DeflateRole::Server,
            };
            let agreed = Params::new(role, Window::FULL, Window::FULL);
            let deflate = DeflateConfig::server().threshold(50);
            WebSocket::from_parts_with_deflate(
                io,
                self.role,
                Bytes::new(),
                config,
                agreed,
                &deflate,
            )
        };
        let split = self.flags & if self.role == Role::Client { 1 } else { 2 } != 0;
        if split {
            let (reader, writer) = ws.split();
            let ((), outcome) = join(self.read(reader), self.write(&writer)).await;
            outcome
        } else {
            self.whole(ws).await
        }
    }

    async fn whole(&self, mut ws: WebSocket<SimulatedIo>) -> Option<Outcome> {
        for op in &self.script {
            let polls = 1 + op.polls;
            match op.what {
                0..=2 => {
                    let message = self.message(op);
                    let done = nudge(ws.send(outgoing(&message)), polls).await;
                    self.note(message, done);
                }
                3 | 4 => {
                    let message = self.message(op);
                    let done = nudge(ws.feed(outgoing(&message)), polls).await;
                    self.note(message, done);
                }
                5 => {
                    let message = self.message(op);
                    match nudge(ws.reserve(), polls).await {
                        Some(Ok(permit)) => {
                            permit.send(outgoing(&message));
                            self.note(message, Some(Ok(())));
                        }
                        Some(Err(error)) => self.note(message, Some(Err(error))),
                        // Nothing is queued before the permit is used.
                        None => {}
                    }
                }
                6 => self.failed(nudge(ws.flush(), polls).await),
                7 => {
                    self.failed(nudge(ws.ping(b"?"), polls).await);
                }
                8 => {
                    let received = nudge(ws.recv_event(), polls).await;
                    self.received(received.map(|received| {
                        received.map(|event| match event {
                            Some(Event::Message(message)) => {
                                Some(Some((message.kind(), message.as_bytes().to_vec())))
                            }
                            Some(_) => Some(None),
                            None => None,
                        })
                    }));
                }
                9 => {
                    let piece = nudge(
                        async { ws.recv_piece().await.map(|piece| piece.map(owned)) },
                        polls,
                    )
                    .await;
                    self.pieces(piece, &mut ws).await;
                }
                10 => {
                    // Answered where it is lent.
                    let message = self.message(op);
                    let received = nudge(
                        async {
                            ws.recv_ref().await.map(|lent| {
                                lent.map(|(lent, out)| {
                                    let came = (lent.kind(), lent.as_bytes().to_vec());
                                    (came, out.feed(outgoing(&message)))
                                })
                            })
                        },
                        polls,
                    )
                    .await;
                    if let Some(Ok(Some((_, fed)))) = &received {
                        self.note(message, Some(fed.map_err(ConnectionError::from)));
                    }
                    self.received(
                        received
                            .map(|received| received.map(|came| came.map(|(came, _)| Some(came)))),
                    );
                }
                11 => {
                    let message = self.message(op);
                    let done = nudge(SinkExt::send(&mut ws, owned_message(&message)), polls).await;
                    self.note(message, done);
                }
                _ => {
                    let received = nudge(ws.recv(), polls).await;
                    self.received(received.map(|received| {
                        received.map(|message| {
                            message
                                .map(|message| Some((message.kind(), message.as_bytes().to_vec())))
                        })
                    }));
                }
            }
        }
        ws.start_close(CloseCode::NORMAL, "")
            .expect("a right Close");
        loop {
            let received = ws.recv().await;
            let over = matches!(received, Ok(None));
            self.received(Some(received.map(|message| {
                message.map(|message| Some((message.kind(), message.as_bytes().to_vec())))
            })));
            if over {
                break;
            }
        }
        assert!(self.came.borrow().errors <= 1, "an ending is returned once");
        assert!(matches!(ws.recv().await, Ok(None)), "and it stays");
        assert!(ws.send("late").await.is_err(), "nothing is sent any more");
        ws.outcome()
    }

    /// A message that is taken in pieces is taken to its end so.
    async fn pieces(
        &self,
        first: Option<Result<Option<OwnedPiece>, ConnectionError>>,
        ws: &mut WebSocket<SimulatedIo>,
    ) {
        let Some(mut piece) = first else { return };
        loop {
            match piece {
                Ok(Some((kind, first, last, data))) => {
                    let mut came = self.came.borrow_mut();
                    assert_eq!(first, came.partial.is_empty() && (first || data.is_empty()));
                    came.partial.extend_from_slice(&data);
                    if last {
                        let data = core::mem::take(&mut came.partial);
                        came.messages.push((kind, data));
                        return;
                    }
                }
                Ok(None) => {
                    self.came.borrow_mut().partial.clear();
                    return self.received(Some(Ok(None)));
                }
                Err(error) => {
                    self.came.borrow_mut().partial.clear();
                    return self.failed(Some(Err(error)));
                }
            }
            piece = ws.recv_piece().await.map(|piece| piece.map(owned));
        }
    }

    async fn read(&self, mut reader: Reader<SimulatedIo>) {
        loop {
            let received = reader.recv().await;
            let over = matches!(received, Ok(None));
            self.received(Some(received.map(|message| {
                message.map(|message| Some((message.kind(), message.as_bytes().to_vec())))
            })));
            if over {
                break;
            }
        }
        assert!(matches!(reader.recv().await, Ok(None)), "the end stays");
    }

    async fn write(&self, writer: &Writer<SimulatedIo>) -> Option<Outcome> {
        // It outlives its operations, so that one takes up what another has left.
        let mut sink = writer.clone();
        for op in &self.script {
            // The reader reads, so that every wait has an end: dropped early, or not at all.
            let polls = if op.polls == 15 {
                usize::MAX
            } else {
                1 + op.polls
            };
            match op.what {
                0..=4 => {
                    let message = self.message(op);
                    let done = nudge(writer.send(outgoing(&message)), polls).await;
                    self.note(message, done);
                }
                5..=8 => {
                    let message = self.message(op);
                    let done = nudge(writer.feed(outgoing(&message)), polls).await;
                    self.note(message, done);
                }
                9 | 10 => {
                    let message = self.message(op);
                    match nudge(writer.reserve(), polls).await {
                        Some(Ok(permit)) => {
                            // Even then the end may come before it leaves.
                            permit.send(outgoing(&message));
                        }
                        Some(Err(error)) => self.note(message, Some(Err(error))),
                        None => {}
                    }
                }
                11 => {
                    drop(nudge(writer.ping(b"?"), polls).await);
                }
                12 => {
                    // Two at once, from two writers.
                    let (one, two) = (self.message(op), self.message(op));
                    let other = writer.clone();
                    let (first, second) = join(
                        nudge(writer.send(outgoing(&one)), polls),
                        nudge(other.send(outgoing(&two)), polls),
                    )
                    .await;
                    self.note(one, first);
                    self.note(two, second);
                }
                13 => {
                    let message = self.message(op);
                    let done = nudge(sink.send(owned_message(&message)), polls).await;
                    self.note(message, done);
                }
                14 => {
                    let message = self.message(op);
                    let done = nudge(sink.feed(owned_message(&message)), polls).await;
                    assert!(
                        !matches!(done, Some(Err(ConnectionError::Send(SendError::QueueFull)))),
                        "a sink was ready"
                    );
                    self.note(message, done);
                    self.failed(nudge(SinkExt::<Message>::flush(&mut sink), polls).await);
                }
                _ => drop(nudge(writer.flush(), polls).await),
            }
        }
        let outcome = writer.close(CloseCode::NORMAL, "").await;
        outcome.ok()
    }

    /// A message that no other is equal to, noted as perhaps sent.
    fn message(&self, op: &Op) -> (usize, MessageKind, Vec<u8>) {
        let kind = if op.text {
            MessageKind::Text
        } else {
            MessageKind::Binary
        };
        let mut sent = self.sent.borrow_mut();
        let number = sent.messages.len();
        let mut data = format!("{number:04} ").into_bytes();
        data.extend((0..op.size).map(|at| b' ' + ((at * 7 + at / 90 + number) % 90) as u8));
        sent.messages.push((kind, data.clone(), None));
        (number, kind, data)
    }

    fn note(&self, (number, _, _): (usize, MessageKind, Vec<u8>), done: Option<Result<(), ConnectionError>>) {
        match done {
            Some(Ok(())) => self.sent.borrow_mut().messages[number].2 = Some(true),
            // Queued and then overtaken by the end, or not even queued.
            Some(Err(error)) => self.failed(Some(Err(error))),
            None => {}
        }
    }

    fn failed(&self, done: Option<Result<(), ConnectionError>>) {
        // A queue that is full refuses what the caller feeds, and goes on.
        let ends = |error: ConnectionError| {
            !error.is_closed() && !matches!(error, ConnectionError::Send(SendError::QueueFull))
        };
        if done.is_some_and(|done| done.is_err_and(ends)) {
            self.came.borrow_mut().errors += 1;
        }
    }

    #[allow(clippy::type_complexity)]
    fn received(&self, received: Option<Result<Option<Option<(MessageKind, Vec<u8>)>>, ConnectionError>>) {
        let mut came = self.came.borrow_mut();
        match received {
            Some(Ok(Some(Some(message)))) => {
                assert!(!came.over, "a message after the end");
                came.messages.push(message);
            }
            Some(Ok(None)) => came.over = true,
            Some(Err(error)) => {
                assert!(!error.is_closed(), "receives tell how it ended");
                came.errors += 1;
            }
            _ => {}
        }
    }
}

impl Sent {
    /// Each at most once, whole, in order; without a failure, those that were taken for certain.
    fn arrived(&self, came: &Came, fatal: bool, role: Role) {
        let mut next = 0;
        for (kind, data) in &came.messages {
            let at = (next..self.messages.len())
                .find(|at| self.messages[*at].1 == *data && self.messages[*at].0 == *kind);
            let Some(at) = at else {
                panic!(
                    "{role:?}: message {next} or later was changed, doubled or overtaken: {}",
                    data[..data.len().min(40)].escape_ascii()
                )
            };
            if !fatal {
                assert!(
                    self.messages[next..at]
                        .iter()
                        .all(|sent| sent.2 != Some(true)),
                    "{role:?}: a message before {at} was lost"
                );
            }
            next = at + 1;
        }
        if !fatal {
            assert!(
                self.messages[next..]
                    .iter()
                    .all(|sent| sent.2 != Some(true)),
                "{role:?}: a message after {next} was lost"
            );
        }
    }
}

fn outgoing((_, kind, data): &(usize, MessageKind, Vec<u8>)) -> Outgoing<'_> {
    match kind {
        MessageKind::Text => core::str::from_utf8(data).expect("it is ASCII").into(),
        MessageKind::Binary => data.into(),
    }
}

fn owned_message((_, kind, data): &(usize, MessageKind, Vec<u8>)) -> Message {
    match kind {
        MessageKind::Text => Message::text(core::str::from_utf8(data).expect("it is ASCII")),
        MessageKind::Binary => Message::binary(data.clone()),
    }
}

/// Kind, first, last, data.
type OwnedPiece = (MessageKind, bool, bool, Vec<u8>);

fn owned(piece: wskit_proto::Piece<'_>) -> OwnedPiece {
    (piece.kind, piece.first, piece.last, piece.data.to_vec())
}

fn faults(input: &mut Input<'_>) -> Faults {
    let (kind, when) = (input.byte(), input.byte());
    let at = match kind & 7 {
        kind @ 0..6 => Some((Fault::ALL[usize::from(kind)], usize::from(when))),
        _ => None,
    };
    Faults {
        at,
        one_byte_reads: kind & 32 != 0,
        one_byte_writes: kind & 64 != 0,
        pending_first: kind & 128 != 0,
        abrupt_end: kind & 16 != 0,
    }
}

/// Polls a few times, whether it is woken or not, then drops it; or awaits it as it should be.
async fn nudge<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    if polls == usize::MAX {
        return Some(future.await);
    }
    for _ in 0..polls {
        let mut polled = None;
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                polled = Some(output);
            }
            Poll::Ready(())
        })
        .await;
        if polled.is_some() {
            return polled;
        }
        pause().await;
    }
    None
}

const CLOSE: Duration = Duration::from_secs(5);
