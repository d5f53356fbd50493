use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};
use std::time::Duration;

use async_nats::{
    ConnectErrorKind as NatsErrorKind, ConnectOptions, Event, ServerAddr, ServerError,
};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use wskit_hub::{Command, Engine, EngineEvent, Reply, RequestId};

use crate::api::Api;
use crate::error::{ConnectError, ConnectErrorKind, Failure};
use crate::events::Events;
use crate::heard::Heard;
use crate::listen::{self, Change};
use crate::nodes::{self, Nodes};
use crate::presence::{self, Presence, Step};
use crate::publish::{self, Publish};
use crate::session;
use crate::settings::{Auth, NatsBuilder};
use crate::shared::{Session, Shared};

/// NATS with JetStream, as the engine of a hub.
///
/// Give it to `HubBuilder::engine`. Dropping it, which the hub does when its last handle is dropped, ends its tasks and
/// tells the other hubs that this one's members are gone; that takes until the servers have answered, at most two
/// seconds, in which the runtime should go on.
pub struct Nats {
    shared: Arc<Shared>,
    publications: mpsc::Sender<Publish>,
    changes: mpsc::Sender<Change>,
    presence: mpsc::Sender<Step>,
    reads: mpsc::Sender<Read>,
    _dropped: oneshot::Sender<()>,
}

/// What is asked, and when.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) id: RequestId,
    command: Command,
    at: Instant,
}

/// How many commands of each kind wait at most. Publications are limited by their bytes too.
const WAITING: usize = 1 << 16;
/// How many commands that read are carried out at once.
const READS: usize = 128;
/// After how long a command that has not been begun is not carried out any more: the hub waits for 10 seconds.
const STALE: Duration = Duration::from_secs(8);
/// The messages that wait in a subscription of the client: more than publications may be without an answer.
const SUBSCRIPTION: usize = 2_560;

impl fmt::Debug for Nats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nats")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

impl Nats {
    /// Connects with the default settings to servers, by their URLs with commas between them.
    ///
    /// It must be called in a tokio runtime, which the engine's tasks run in from then on. If the future is
    /// dropped, no task stays.
    ///
    /// # Errors
    /// [`ConnectError`] says what is wrong and what to do.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn connect(servers: &str) -> Result<Self, ConnectError> {
        let servers = servers.split(',').map(str::trim);
        let servers = servers.filter(|server| !server.is_empty());
        let builder = servers.fold(Self::builder(), NatsBuilder::server);
        builder.connect().await
    }

    /// Returns the settings, to be changed before connecting.
    pub fn builder() -> NatsBuilder {
        NatsBuilder::new()
    }

    /// Connects. If `is_patient`, it does not wait for that.
    pub(crate) async fn open(
        settings: NatsBuilder,
        is_patient: bool,
    ) -> Result<Self, ConnectError> {
        let deadline = Instant::now() + settings.connect_deadline;
        let (events, mut received) = mpsc::channel(256);
        let client = client(&settings, events, is_patient, deadline).await?;
        let closed = |error| ConnectError::new(ConnectErrorKind::Unreachable, error);
        let inbox = client.new_inbox();
        let answers = client.subscribe(format!("{inbox}.*")).await;
        let answers = answers.map_err(|error| closed(error.to_string()))?;
        let alive = client.subscribe(nodes::all_alive(&settings)).await;
        let alive = alive.map_err(|error| closed(error.to_string()))?;
        let shared = Arc::new(Shared {
            settings,
            api: Api { client },
            events: Events::default(),
            heard: Heard::default(),
            nodes: Nodes::default(),
            sending: AtomicUsize::new(0),
            suspect: Notify::new(),
            session: watch::Sender::new(Session::Down("it is not set up yet".into())),
        });
        let mut up = None;
        while up.is_none() && !is_patient {
            match session::set_up(&shared, None).await {
                Ok((first, lease)) => up = Some((Arc::new(first), lease)),
                // A cluster that was just started takes a moment.
                Err(failure) => {
                    let denied = std::iter::from_fn(|| received.try_recv().ok());
                    if let Some(text) = denied.filter_map(denial).last() {
                        return Err(Failure::Denied(text).into());
                    }
                    let is_passing = failure.is_passing() || failure == Failure::Timeout;
                    if !is_passing || Instant::now() >= deadline {
                        return Err(failure.into());
                    }
                    sleep(Duration::from_millis(200)).await;
                }
            }
        }
        if let Some((up, _)) = &up {
            shared.session.send_replace(Session::Up(up.clone()));
        }
        let (dropped, is_dropped) = oneshot::channel();
        let (publications, to_publish) = mpsc::channel(WAITING);
        let (changes, to_change) = mpsc::channel(WAITING);
        let (presence, to_keep) = mpsc::channel(WAITING);
        let (reads, to_read) = mpsc::channel(WAITING);
        tokio::spawn(publish::publish(shared.clone(), inbox, answers, to_publish));
        tokio::spawn(listen::listen(shared.clone(), to_change));
        tokio::spawn(presence::keep(shared.clone(), to_keep, reads.clone()));
        tokio::spawn(read(shared.clone(), to_read));
        let supervisor = session::supervise(shared.clone(), up, received, is_dropped);
        let watch = nodes::watch(shared.clone(), alive);
        tokio::spawn(async move {
            tokio::select! {
                () = supervisor => {}
                () = watch => {}
            }
        });
        Ok(Self {
            shared,
            publications,
            changes,
            presence,
            reads,
            _dropped: dropped,
        })
    }

    /// Puts a command into a queue, or returns its number if that is full.
    fn queue(&self, id: RequestId, command: Command) -> Result<(), RequestId> {
        let at = Instant::now();
        let is_queued = match command {
            Command::Publish {
                topic,
                publication,
                history,
            } => {
                let bytes = publication.payload().len();
                if !self.shared.reserve(bytes) {
                    return Err(id);
                }
                let publish = Publish {
                    id,
                    topic,
                    publication,
                    history,
                    at,
                };
                let is_queued = self.publications.try_send(publish).is_ok();
                if !is_queued {
                    self.shared.release(bytes);
                }
                is_queued
            }
            Command::Listen { topics } => {
                let is_wanted = true;
                let change = Change {
                    id,
                    topics,
                    is_wanted,
                };
                self.changes.try_send(change).is_ok()
            }
            Command::Unlisten { topics } => {
                let is_wanted = false;
                let change = Change {
                    id,
                    topics,
                    is_wanted,
                };
                self.changes.try_send(change).is_ok()
            }
            Command::Enter { topic, member } => {
                let info = Some(member.get_info().clone());
                let identity = member.identity().into();
                let entered = Presence {
                    id,
                    topic,
                    identity,
                    info,
                };
                self.presence.try_send(Step::Change(entered)).is_ok()
            }
            Command::Leave { topic, identity } => {
                let info = None;
                let left = Presence {
                    id,
                    topic,
                    identity,
                    info,
                };
                self.presence.try_send(Step::Change(left)).is_ok()
            }
            Command::Members { ref topic } => {
                let topic = topic.clone();
                let read = Read { id, command, at };
                self.presence.try_send(Step::Members(topic, read)).is_ok()
            }
            command => self.reads.try_send(Read { id, command, at }).is_ok(),
        };
        if is_queued { Ok(()) } else { Err(id) }
    }
}

impl Engine for Nats {
    fn command(&self, id: RequestId, command: Command) {
        let result = self.shared.up().map(drop);
        // What is not wanted any more is noted also without a connection.
        let result = match (result, &command) {
            (Err(failure), command) if !matches!(command, Command::Unlisten { .. }) => Err(failure),
            _ => self.queue(id, command).map_err(|_| Failure::Full),
        };
        if let Err(failure) = result {
            self.shared.events.answer(id, Err(failure));
        }
    }

    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<EngineEvent> {
        self.shared.events.poll(cx)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.shared.events.close();
    }
}

/// Carries out commands that read, until the engine is dropped.
async fn read(shared: Arc<Shared>, mut reads: mpsc::Receiver<Read>) {
    let limit = Arc::new(Semaphore::new(READS));
    while let Some(Read { id, command, at }) = reads.recv().await {
        let permit = limit.clone().acquire_owned().await;
        let shared = shared.clone();
        tokio::spawn(async move {
            let _permit = permit;
            let result = match shared.up() {
                _ if at.elapsed() >= STALE => Err(Failure::Timeout),
                Ok(up) => shared.while_up(&up, carry_out(&shared, &up, command)).await,
                Err(failure) => Err(failure),
            };
            if matches!(result, Err(Failure::Timeout | Failure::NoResponders)) {
                shared.suspect.notify_one();
            }
            shared.events.answer(id, result);
        });
    }
}

async fn carry_out(
    shared: &Shared,
    up: &crate::shared::Up,
    command: Command,
) -> Result<Reply, Failure> {
    match command {
        Command::Tops { topics } => shared.tops(up, &topics).await.map(Reply::Tops),
        Command::Read {
            topic,
            after,
            limit,
        } => shared.page(up, &topic, after, limit).await.map(Reply::Read),
        Command::Members { topic } => shared.members(up, &topic).await.map(Reply::Members),
        _ => Err(Failure::Nonsense(
            "the hub asked for something that this engine does not know",
        )),
    }
}

/// Returns what the server says if it refuses something.
pub(crate) fn denial(event: Event) -> Option<String> {
    match event {
        Event::ServerError(ServerError::Other(text)) => Some(text),
        _ => None,
    }
}

/// Connects to a server.
async fn client(
    settings: &NatsBuilder,
    events: mpsc::Sender<Event>,
    is_patient: bool,
    deadline: Instant,
) -> Result<async_nats::Client, ConnectError> {
    let fault = |error: String| ConnectError::new(ConnectErrorKind::Settings, error);
    let mut servers = Vec::new();
    for server in &settings.servers {
        let address = server.parse::<ServerAddr>();
        // There may be a password before it.
        let host = server
            .rsplit_once('@')
            .map_or(server.as_str(), |(_, host)| host);
        let failed = |error| fault(format!("{host} is not a URL of NATS: {error}"));
        servers.push(address.map_err(failed)?);
    }
    let mut options = ConnectOptions::new()
        .name(&settings.name)
        .ping_interval(Duration::from_secs(10))
        .connection_timeout(Duration::from_secs(3))
        .request_timeout(None)
        .subscription_capacity(SUBSCRIPTION)
        .reconnect_delay_callback(|attempt| {
            let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
            Duration::from_millis(50).saturating_mul(attempt.min(20))
        })
        .event_callback(move |event| {
            // It is looked at from time to time too, should there be no room.
            let _ = events.try_send(event);
            std::future::ready(())
        });
    options = match &settings.auth {
        Auth::None => options,
        Auth::User(user, password) => options.user_and_password(user.clone(), password.clone()),
        Auth::Token(token) => options.token(token.clone()),
        Auth::File(path) => {
            let file = timeout(Duration::from_secs(10), options.credentials_file(path)).await;
            let file = file.map_err(|error| fault(error.to_string()))?;
            file.map_err(|error| {
                fault(format!(
                    "the credentials file {} cannot be used: {error}",
                    path.display()
                ))
            })?
        }
    };
    if is_patient {
        options = options.retry_on_initial_connect();
    }
    for path in &settings.root_certificates {
        options = options.add_root_certificates(path.clone());
    }
    let connecting = timeout_at(deadline, options.connect(servers.as_slice())).await;
    let connecting =
        connecting.map_err(|error| ConnectError::new(ConnectErrorKind::Unreachable, error))?;
    connecting.map_err(|error| {
        let kind = match error.kind() {
            NatsErrorKind::ServerParse => ConnectErrorKind::Settings,
            NatsErrorKind::Authentication | NatsErrorKind::AuthorizationViolation => {
                ConnectErrorKind::Credentials
            }
            NatsErrorKind::Tls => ConnectErrorKind::Tls,
            _ => ConnectErrorKind::Unreachable,
        };
        ConnectError::new(kind, error)
    })
}
