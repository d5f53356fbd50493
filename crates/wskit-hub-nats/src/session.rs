use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::Event;
use async_nats::connection::State;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::error::Failure;
use crate::log::{Log, random};
use crate::nats::denial;
use crate::nodes;
use crate::shared::{Session, Shared, Up};

/// How often the connection is looked at. Its events say more, but may be lost.
const TICK: Duration = Duration::from_millis(500);
/// How often the stream is looked at.
const CHECK: Duration = Duration::from_secs(10);
/// How often it is asked again when it seems to have gone back.
const DOUBT: Duration = Duration::from_secs(1);
/// How often it has to seem so.
const DOUBTS: u32 = 4;
/// For how long the stream may have no leader until the engine is down.
const PAUSE: Duration = Duration::from_secs(15);
/// For how long it stays with a server that it has gone to.
const MOVE: Duration = Duration::from_secs(3);
/// For how long the end of an engine may take.
const END: Duration = Duration::from_secs(2);

/// Follows the connection and the stream.
struct Supervisor {
    shared: Arc<Shared>,
    up: Option<Arc<Up>>,
    /// The last session, of which something may be left.
    last: Option<Arc<Up>>,
    /// The offset of this hub's lease.
    lease: u64,
    /// When it ends, if it is not renewed.
    lease_end: Instant,
    /// Since when the stream has had no leader that answers.
    paused: Option<Instant>,
    connects: u64,
    next_check: Instant,
    next_lease: Instant,
    unanswered: u32,
    doubts: u32,
    next_doubt: Instant,
    /// When it may go to another server. Servers say more than once that they will end.
    next_move: Instant,
}

/// Finds or creates all that is needed. Returns also the offset of the hub's lease.
pub(crate) async fn set_up(shared: &Shared, last: Option<&Up>) -> Result<(Up, u64), Failure> {
    let (api, settings) = (&shared.api, &shared.settings);
    let (mut log, mut extent) = Log::find_or_create(api, settings).await?;
    // What was seen of it is still true.
    let known = last
        .map(|last| &last.log)
        .filter(|known| known.is_same(&log));
    for _ in 0..DOUBTS {
        if known.is_none_or(|known| {
            extent.last >= known.seen() || known.has_gone_back.load(Ordering::Relaxed)
        }) {
            break;
        }
        // A new leader may not know all yet. But if it stays so, messages were lost.
        sleep(DOUBT).await;
        (log, extent) = Log::read(api, settings, &log.name).await?;
    }
    let log = match known {
        Some(known) if known.is_same(&log) => {
            if extent.last < known.seen() || known.has_gone_back.load(Ordering::Relaxed) {
                known.renew(api).await?;
                nodes::tell_renewed(api, settings).await;
                return Err(Failure::NewEpoch);
            }
            known.clone()
        }
        _ => Arc::new(log),
    };
    log.see(extent.last);
    nodes::prepare(api, settings).await?;
    if let Some(last) = last {
        nodes::remove(api, settings, last.node).await?;
    }
    let has_batches = api.client.is_server_compatible(2, 11, 0);
    shared.read_nodes(has_batches).await?;
    let node = random();
    let lease = nodes::renew(api, settings, node, None).await?;
    let up = Up {
        log,
        node,
        max_payload: api.client.server_info().max_payload,
        has_batches,
        entered: AtomicU64::new(0),
    };
    Ok((up, lease))
}

/// Keeps the engine going, until it is dropped.
pub(crate) async fn supervise(
    shared: Arc<Shared>,
    up: Option<(Arc<Up>, u64)>,
    mut events: mpsc::Receiver<Event>,
    mut dropped: oneshot::Receiver<()>,
) {
    let now = Instant::now();
    let (up, lease) = up.map_or((None, 0), |(up, lease)| (Some(up), lease));
    let mut supervisor = Supervisor {
        connects: up.is_some().into(),
        last: up.clone(),
        up,
        lease,
        lease_end: now + shared.settings.lease,
        paused: None,
        next_check: now + CHECK,
        next_lease: now + shared.settings.lease / 3,
        unanswered: 0,
        doubts: 0,
        next_doubt: now,
        next_move: now,
        shared: shared.clone(),
    };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let work = async {
        loop {
            let mut is_suspect = false;
            tokio::select! {
                // Without the client's task there are none.
                Some(event) = events.recv() => supervisor.event(event).await,
                () = shared.suspect.notified() => is_suspect = true,
                _ = ticks.tick() => {}
            }
            supervisor.turn(is_suspect).await;
        }
    };
    tokio::select! {
        biased;
        _ = &mut dropped => {}
        () = work => {}
    }
    // Other hubs need not wait for the lease to end.
    if let Some(last) = supervisor.last {
        let _ = timeout(END, async {
            nodes::remove(&shared.api, &shared.settings, last.node).await?;
            let _ = shared.api.client.flush().await;
            Ok::<_, Failure>(())
        })
        .await;
    }
    shared
        .session
        .send_replace(Session::Down("the engine was dropped".into()));
}

impl Supervisor {
    async fn event(&mut self, event: Event) {
        match event {
            // They may be late, when the connection is there again and set up: its state and number are looked at.
            Event::Disconnected | Event::Connected => {}
            Event::LameDuckMode => {
                // With one server there is nowhere to go: it is used until it ends.
                let others = self.shared.api.client.server_info().connect_urls.len();
                let is_alone = others <= 1 && self.shared.settings.servers.len() <= 1;
                if !is_alone && self.next_move <= Instant::now() {
                    self.next_move = Instant::now() + MOVE;
                    trace("the server is about to end: another one is used");
                    let _ = self.shared.api.client.force_reconnect().await;
                }
            }
            Event::SlowConsumer(_) => self.shared.events.lost(),
            Event::Closed => self.down("the connection was closed for good"),
            Event::ClientError(error) if self.up.is_none() => self.down(&error.to_string()),
            event => {
                if let Some(text) = denial(event) {
                    trace(&text);
                }
            }
        }
    }

    fn down(&mut self, reason: &str) {
        let was_up = self.up.take().is_some();
        self.shared.session.send_if_modified(|session| {
            if matches!(session, Session::Down(old) if **old == *reason) {
                return false;
            }
            trace(reason);
            *session = Session::Down(reason.into());
            true
        });
        if was_up {
            self.shared.events.down();
        }
    }

    async fn turn(&mut self, is_suspect: bool) {
        let client = &self.shared.api.client;
        let is_connected = client.connection_state() == State::Connected;
        let connects = client.statistics().connects.load(Ordering::Relaxed);
        if self.connects != connects || !is_connected {
            self.connects = connects;
            if self.up.is_some() {
                self.down("the connection was lost");
            }
        }
        if !is_connected {
            return;
        }
        let Some(up) = self.up.clone() else {
            return self.try_up().await;
        };
        let now = Instant::now();
        if self.next_lease <= now {
            self.renew(&up).await;
            if self.unanswered == 0 && self.up.is_some() {
                self.shared.look_after_nodes(up.node).await;
            }
        }
        if self.up.is_some() && (is_suspect || self.next_check <= now) {
            if self.next_check <= now && self.doubts == 0 {
                up.log.settle();
            }
            self.next_check = now + CHECK;
            self.check(&up.log).await;
            if self.up.is_some() && nodes::has_lost(&self.shared, &up).await {
                self.down("the members of all hubs were lost");
            }
        }
        if self.up.is_none() {
            self.try_up().await;
        }
    }

    async fn try_up(&mut self) {
        match set_up(&self.shared, self.last.as_deref()).await {
            Ok((up, lease)) => {
                // If the connection was lost meanwhile, this comes again.
                let last = self.last.as_ref();
                if last.is_some_and(|last| !last.log.is_same(&up.log)) {
                    trace("the stream is another one: there is a new epoch");
                    self.shared.heard.forget();
                }
                let now = Instant::now();
                let up = Arc::new(up);
                self.lease = lease;
                self.lease_end = now + self.shared.settings.lease;
                self.paused = None;
                self.next_lease = now + self.shared.settings.lease / 3;
                self.next_check = now + CHECK;
                self.unanswered = 0;
                self.doubts = 0;
                self.last = Some(up.clone());
                self.up = Some(up.clone());
                self.shared.session.send_replace(Session::Up(up));
                self.shared.events.up();
            }
            Err(failure) => {
                let reason = failure.to_string();
                let reason = reason.strip_prefix("NATS: ").unwrap_or(&reason);
                self.down(reason);
            }
        }
    }

    /// Renews the lease.
    async fn renew(&mut self, up: &Up) {
        let (api, settings) = (&self.shared.api, &self.shared.settings);
        let now = Instant::now();
        match nodes::renew(api, settings, up.node, Some(self.lease)).await {
            Ok(lease) => {
                self.unanswered = 0;
                self.lease = lease;
                self.lease_end = now + settings.lease;
                self.next_lease = Instant::now() + settings.lease / 3;
            }
            // The last answer may have been lost. If there is no lease, it is over.
            Err(Failure::Api { code: 10071, .. }) => {
                let subject = nodes::lease_subject(settings, up.node);
                let newest = api.newest(&nodes::nodes_stream(settings), &subject).await;
                match newest {
                    Ok(Some(lease)) => self.lease = lease.offset,
                    _ => self.down("the hub's lease is over"),
                }
            }
            // The stream has no leader now: there is time until the lease ends.
            Err(failure) if failure.is_passing() && now + DOUBT < self.lease_end => {
                let subject = nodes::lease_subject(settings, up.node);
                let newest = api.newest(&nodes::nodes_stream(settings), &subject).await;
                self.next_lease = Instant::now() + DOUBT;
                if matches!(newest, Err(Failure::Api { code: 10059, .. })) {
                    self.down("the stream of leases is gone");
                }
            }
            // Other hubs may have removed this one's members.
            Err(Failure::Api { .. } | Failure::NoResponders | Failure::NoJetStream) => {
                self.down("the hub's lease is over");
            }
            Err(_) => {
                self.next_lease = Instant::now() + DOUBT;
                self.unanswered();
            }
        }
    }

    /// It may be a pause. But a connection may also be dead without an end.
    fn unanswered(&mut self) {
        self.unanswered += 1;
        if self.unanswered >= 2 {
            self.down("JetStream does not answer");
        }
    }

    /// Looks whether the stream is what it was.
    async fn check(&mut self, log: &Log) {
        let shared = self.shared.clone();
        match Log::read(&shared.api, &shared.settings, &log.name).await {
            Ok((now, _)) if !log.is_same(&now) => self.down("the stream was created again"),
            Ok((_, extent)) => {
                self.unanswered = 0;
                self.paused = None;
                if extent.last >= log.seen() && !log.has_gone_back.load(Ordering::Relaxed) {
                    log.see(extent.last);
                    self.doubts = 0;
                    return;
                }
                // A new leader may not know all yet. But if it stays so, messages were lost.
                let now = Instant::now();
                if self.next_doubt <= now {
                    self.doubts += 1;
                    self.next_doubt = now + DOUBT;
                    self.next_check = self.next_doubt;
                }
                if self.doubts >= DOUBTS || log.has_gone_back.load(Ordering::Relaxed) {
                    trace("the stream went back to an older state: there is a new epoch");
                    if log.renew(&shared.api).await.is_ok() {
                        nodes::tell_renewed(&shared.api, &shared.settings).await;
                        self.down("the stream went back to an older state");
                    }
                }
            }
            Err(Failure::Timeout) => {
                self.next_check = Instant::now() + DOUBT;
                self.unanswered();
            }
            // A new leader is chosen, which publications wait for too.
            Err(failure)
                if failure.is_passing() && self.paused.is_none_or(|at| at.elapsed() < PAUSE) =>
            {
                let now = Instant::now();
                self.paused.get_or_insert(now);
                self.next_check = now + DOUBT;
            }
            Err(failure) => {
                let reason = failure.to_string();
                self.down(reason.strip_prefix("NATS: ").unwrap_or(&reason));
            }
        }
    }
}

#[cfg(feature = "tracing")]
pub(crate) fn trace(what: &str) {
    tracing::warn!(target: "wskit", "NATS: {what}");
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn trace(_: &str) {}
