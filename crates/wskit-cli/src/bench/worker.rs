//! A thread of `wsk bench`, with its connections.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::LocalSet;
use wskit::dial::Dial;
use wskit::{
    ClientRequest, CloseCode, ConnectCause, ConnectionError, Connector, DialError, Stage, WebSocket,
};

use super::open::Pacer;
use super::payload::Payloads;
use super::stats::{Count, Live, Stats};
use super::{Expect, Model, closed};
use crate::exit::Exit;

/// What the connections are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Be opened.
    Opening,
    /// Send and receive.
    Running,
    /// Send nothing more, and wait for answers.
    Draining,
    /// Close.
    Closing,
}

/// What all threads have in common.
pub(crate) struct Shared {
    pub(crate) model: Model,
    pub(crate) expect: Expect,
    pub(crate) payloads: Payloads,
    pub(crate) connections: u32,
    pub(crate) threads: u32,
    pub(crate) ramp: Option<Duration>,
    phase: watch::Sender<Phase>,
    epoch: Instant,
    /// The time that is measured, in nanoseconds since the epoch. Messages count that were sent in it.
    pub(crate) window_begin: AtomicU64,
    pub(crate) window_end: AtomicU64,
    live: Vec<Live>,
}

impl Shared {
    pub(crate) fn new(
        model: Model,
        expect: Expect,
        payloads: Payloads,
        connections: u32,
        threads: u32,
        ramp: Option<Duration>,
    ) -> Self {
        // In a ramp each connection sends as soon as it is open.
        let phase = if ramp.is_some() {
            Phase::Running
        } else {
            Phase::Opening
        };
        Self {
            model,
            expect,
            payloads,
            connections,
            threads,
            ramp,
            phase: watch::Sender::new(phase),
            epoch: Instant::now(),
            window_begin: AtomicU64::new(u64::MAX),
            window_end: AtomicU64::new(u64::MAX),
            live: (0..threads).map(|_| Live::default()).collect(),
        }
    }

    /// Returns the nanoseconds since the start.
    pub(crate) fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    /// Returns the moment that is this many nanoseconds after the start.
    pub(crate) fn instant(&self, nanos: u64) -> Instant {
        self.epoch + Duration::from_nanos(nanos)
    }

    /// Returns whether a message counts that was sent at this time, or should have been.
    pub(crate) fn is_measured(&self, sent: u64) -> bool {
        sent >= self.window_begin.load(Ordering::Relaxed)
            && sent < self.window_end.load(Ordering::Relaxed)
    }

    /// Returns the sum of a number over all threads.
    pub(crate) fn total(&self, number: impl Fn(&Live) -> &Count) -> u64 {
        self.live.iter().map(|live| number(live).get()).sum()
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.send_replace(phase);
    }

    /// Returns whether messages are still to be sent.
    pub(crate) fn is_sending(&self) -> bool {
        *self.phase.borrow() < Phase::Draining
    }

    /// Waits for a phase.
    pub(crate) async fn reached(&self, phase: Phase) {
        let mut phases = self.phase.subscribe();
        let _ = phases.wait_for(|now| *now >= phase).await; // the sender is in `self`
    }
}

/// What the connections of a thread have in common.
pub(crate) struct Thread {
    pub(crate) shared: Arc<Shared>,
    number: usize,
    pub(crate) stats: RefCell<Stats>,
}

impl Thread {
    pub(crate) fn live(&self) -> &Live {
        &self.shared.live[self.number]
    }

    /// Counts an answer to a message that was sent at this time.
    pub(crate) fn answered(&self, sent: u64, size: usize, now: u64) {
        self.received(size);
        if self.shared.is_measured(sent) {
            self.stats.borrow_mut().latency(now.saturating_sub(sent));
        }
    }

    /// Counts a message that has come.
    pub(crate) fn received(&self, size: usize) {
        let live = self.live();
        live.received.add(1);
        live.bytes_received.add(size as u64);
    }

    /// Counts a message that was sent.
    pub(crate) fn sent(&self, size: usize) {
        let live = self.live();
        live.sent.add(1);
        live.bytes_sent.add(size as u64);
    }

    pub(crate) fn error(&self, kind: String, exit: Exit) {
        self.live().errors.add(1);
        self.stats.borrow_mut().error(kind, exit);
    }
}

/// Runs the connections of a thread until they are closed.
pub(crate) fn run<D>(
    number: u32,
    shared: &Arc<Shared>,
    request: &ClientRequest,
    connectors: &[Connector<D>],
) -> io::Result<Stats>
where
    D: Dial<Stream: AsyncRead + AsyncWrite + Unpin> + Clone + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let thread = Rc::new(Thread {
        shared: shared.clone(),
        number: number as usize,
        stats: RefCell::new(Stats::new()),
    });
    let pacer = Rc::new(Pacer::new(thread.clone()));
    let way = Rc::new((request.clone(), connectors.to_vec()));
    let set = LocalSet::new();
    let mut tasks = Vec::new();
    for index in (number..shared.connections).step_by(shared.threads as usize) {
        let (thread, pacer, way) = (thread.clone(), pacer.clone(), way.clone());
        tasks.push(set.spawn_local(async move {
            // There is one for each local address, and at least one.
            if let Some(connector) = way.1.get(index as usize % way.1.len()) {
                connection(index, &thread, &pacer, connector, &way.0).await;
            }
        }));
    }
    set.block_on(&runtime, async {
        if let Model::Open { rate } = shared.model {
            let pacer = pacer.clone();
            tokio::task::spawn_local(async move { pacer.run(rate).await });
        }
        for task in tasks {
            let _ = task.await;
        }
    });
    drop(set);
    Ok(thread.stats.take())
}

/// Opens a connection, and uses it until it is to be closed.
async fn connection<D>(
    index: u32,
    thread: &Rc<Thread>,
    pacer: &Rc<Pacer<D::Stream>>,
    connector: &Connector<D>,
    request: &ClientRequest,
) where
    D: Dial<Stream: AsyncRead + AsyncWrite + Unpin> + 'static,
{
    let shared = &thread.shared;
    let live = thread.live();
    let opening = async {
        if let Some(ramp) = shared.ramp {
            let share = f64::from(index) / f64::from(shared.connections);
            tokio::time::sleep_until((shared.epoch + ramp.mul_f64(share)).into()).await;
        }
        connector.connect(request.clone()).await
    };
    // Boxed, so that an open connection does not keep room for what opened it.
    let opened = Box::pin(async {
        tokio::select! {
            opened = opening => Some(opened),
            () = shared.reached(Phase::Draining) => None,
        }
    });
    let Some(opened) = opened.await else {
        return;
    };
    live.settled.add(1);
    let ws = match opened {
        Ok((ws, _)) => ws,
        Err(error) => {
            let (kind, exit) = kind_of_dial(&error);
            return thread.error(kind, exit);
        }
    };
    live.opened.add(1);
    live.open.add(1);
    let ended = use_it(ws, thread, pacer).await;
    live.open.less_one();
    if let Err((kind, exit)) = ended {
        thread.error(kind, exit);
    }
}

/// How a connection ended too early: the kind of error.
pub(crate) type Early = (String, Exit);

async fn use_it<S>(
    mut ws: WebSocket<S>,
    thread: &Rc<Thread>,
    pacer: &Rc<Pacer<S>>,
) -> Result<(), Early>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let shared = &thread.shared;
    tokio::select! {
        ended = hold(&mut ws, thread) => return ended,
        () = shared.reached(Phase::Running) => {}
    }
    // Boxed, so that a connection has room for its own model alone.
    match (shared.model, shared.expect) {
        (Model::Closed { burst }, Expect::Echo) => {
            let exchange = closed::Exchange::new(thread, burst);
            Box::pin(exchange.run(&mut ws)).await?;
        }
        (Model::Closed { .. }, Expect::None) => {
            return Box::pin(closed::send_only(ws, thread)).await;
        }
        (Model::Open { .. }, _) => return Box::pin(pacer.take_part(ws)).await,
        (Model::Idle, _) => {
            tokio::select! {
                ended = hold(&mut ws, thread) => return ended,
                () = shared.reached(Phase::Closing) => {}
            }
        }
    }
    let _ = ws.close(CloseCode::NORMAL, "").await; // it was measured before
    Ok(())
}

/// Receives what comes until the connection has ended.
async fn hold<S>(ws: &mut WebSocket<S>, thread: &Thread) -> Result<(), Early>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    while let Some((message, _)) = ws.recv_ref().await.map_err(|error| kind_of(&error))? {
        thread.received(message.len());
    }
    Err(closed_early(ws.outcome().as_ref()))
}

/// Returns the kind of error of a server that closed.
pub(crate) fn closed_early(outcome: Option<&wskit::Outcome>) -> Early {
    match outcome {
        Some(outcome) => {
            let code = outcome.code();
            let text = match outcome.reason() {
                "" => format!("the server closed with {code}"),
                reason => format!("the server closed with {code}: {}", reason.escape_debug()),
            };
            (text, Exit::Closed)
        }
        None => ("the connection ended".into(), Exit::Lost),
    }
}

/// Returns the kind of an error of an open connection.
pub(crate) fn kind_of(error: &ConnectionError) -> Early {
    let kind = match error {
        ConnectionError::Io(error) => format!("lost: {}", error.kind()),
        error => format!("lost: {error}"),
    };
    (kind, Exit::of_connection(error))
}

/// Returns the kind of an error of connecting: without what differs from one connection to the next.
fn kind_of_dial(error: &DialError) -> Early {
    let exit = Exit::of_dial(error);
    let DialError::Connect(connect) = error else {
        return (format!("connect: {error}"), exit);
    };
    let kind = match connect.cause() {
        ConnectCause::Timeout => format!("connect: timed out during {}", connect.stage()),
        ConnectCause::Io(error) if error.raw_os_error() == Some(24) => {
            "connect: too many open files; the limit is that of `ulimit -n`".into()
        }
        ConnectCause::Io(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {
            "connect: no local port is free; give several addresses to --local-addr".into()
        }
        ConnectCause::Io(error) if connect.stage() == Stage::Tcp => format!("connect: {error}"),
        ConnectCause::Io(error) => format!("connect: {} failed: {error}", connect.stage()),
        ConnectCause::Open(open) => match open.refusal() {
            Some(refusal) => format!("connect: HTTP {}", refusal.status),
            None => format!("connect: {open}"),
        },
        _ => error.to_string(),
    };
    (kind, exit)
}
