use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::sync::oneshot;
use wskit_hub::{
    Command, Engine, EngineError, EngineEvent, History, Member, NodeId, Page, Position,
    Publication, Reply, RequestId,
};
use wskit_hub_nats::{Nats, NatsBuilder};
use wskit_hub_suite::servers::nats::{self, Nats as Server};

type Answers = Arc<Mutex<HashMap<RequestId, oneshot::Sender<Result<Reply, EngineError>>>>>;

/// An engine with what a hub would do for it.
pub(crate) struct Node {
    engine: Option<Arc<Nats>>,
    answers: Answers,
    events: Arc<Mutex<Vec<EngineEvent>>>,
    next: AtomicU64,
    polling: tokio::task::JoinHandle<()>,
}

/// Starts a server of each version.
pub(crate) fn servers(change: impl Fn(nats::Builder) -> nats::Builder) -> Vec<Server> {
    let old = Some(change(Server::builder()).start());
    let new = nats::newest().map(|program| change(Server::builder()).program(program).start());
    old.into_iter().chain(new).collect()
}

pub(crate) fn settings(server: &Server) -> NatsBuilder {
    Nats::builder().server(server.url()).max_bytes(32 << 20)
}

/// Polls an engine.
fn poll(
    engine: Arc<Nats>,
    answers: Answers,
    events: Arc<Mutex<Vec<EngineEvent>>>,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            match poll_fn(|cx| engine.poll_event(cx)).await {
                EngineEvent::Done { id, result } => {
                    let call = answers.lock().unwrap().remove(&id);
                    let _ = call.expect("an answer of a command").send(result);
                }
                event => events.lock().unwrap().push(event),
            }
        }
    })
}

/// Waits for a condition, for longer than it ever takes.
pub(crate) async fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(Instant::now() < until, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

impl Node {
    pub(crate) async fn connect(settings: NatsBuilder) -> Self {
        let engine = settings.connect().await;
        Self::new(engine.unwrap_or_else(|error| panic!("{error:?}")))
    }

    fn new(engine: Nats) -> Self {
        let engine = Arc::new(engine);
        let answers: Answers = Arc::default();
        let events: Arc<Mutex<Vec<EngineEvent>>> = Arc::default();
        let polling = poll(engine.clone(), answers.clone(), events.clone());
        Self {
            engine: Some(engine),
            answers,
            events,
            next: AtomicU64::new(0),
            polling,
        }
    }

    /// Does not poll until [`resume`](Self::resume).
    pub(crate) async fn pause(&mut self) {
        self.polling.abort();
        let _ = (&mut self.polling).await;
    }

    pub(crate) fn resume(&mut self) {
        let engine = self.engine.clone().unwrap();
        self.polling = poll(engine, self.answers.clone(), self.events.clone());
    }

    /// Begins a command. The future is its answer.
    pub(crate) fn ask(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Reply, EngineError>> + use<> {
        let id = RequestId(self.next.fetch_add(1, Ordering::Relaxed));
        let (call, answer) = oneshot::channel();
        self.answers.lock().unwrap().insert(id, call);
        self.engine.as_ref().unwrap().command(id, command);
        async move {
            let answer = tokio::time::timeout(Duration::from_secs(30), answer).await;
            answer.expect("an answer in time").expect("an answer")
        }
    }

    pub(crate) fn begin_publish(
        &self,
        topic: &str,
        publication: Publication,
        history: Option<History>,
    ) -> impl Future<Output = Result<Position, EngineError>> + use<> {
        let answer = self.ask(Command::Publish {
            topic: topic.into(),
            publication,
            history,
        });
        async move {
            answer.await.map(|reply| match reply {
                Reply::Published(position) => position,
                reply => panic!("{reply:?}"),
            })
        }
    }

    /// Publishes a text to a topic with a history of 100.
    pub(crate) async fn publish(&self, topic: &str, text: &str) -> Position {
        let history = Some(History::last(100));
        let published = self
            .begin_publish(topic, Publication::text(text), history)
            .await;
        published.unwrap_or_else(|error| panic!("{error:?}"))
    }

    pub(crate) async fn listen(&self, topics: &[&str]) {
        let topics = topics.iter().map(|topic| (*topic).into()).collect();
        let done = self.ask(Command::Listen { topics }).await;
        assert!(matches!(done, Ok(Reply::Done)), "{done:?}");
    }

    pub(crate) async fn unlisten(&self, topics: &[&str]) {
        let topics = topics.iter().map(|topic| (*topic).into()).collect();
        let done = self.ask(Command::Unlisten { topics }).await;
        assert!(matches!(done, Ok(Reply::Done)), "{done:?}");
    }

    pub(crate) async fn try_read(
        &self,
        topic: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page, EngineError> {
        let topic = topic.into();
        let read = Command::Read {
            topic,
            after,
            limit,
        };
        self.ask(read).await.map(|reply| match reply {
            Reply::Read(page) => page,
            reply => panic!("{reply:?}"),
        })
    }

    pub(crate) async fn read(&self, topic: &str, after: Option<Position>) -> Page {
        self.try_read(topic, after, 100).await.unwrap()
    }

    pub(crate) async fn tops(&self, topics: &[&str]) -> Vec<Option<Position>> {
        let topics = topics.iter().map(|topic| (*topic).into()).collect();
        match self.ask(Command::Tops { topics }).await {
            Ok(Reply::Tops(tops)) => tops,
            reply => panic!("{reply:?}"),
        }
    }

    pub(crate) async fn enter(&self, topic: &str, member: Member) {
        let topic = topic.into();
        let done = self.ask(Command::Enter { topic, member }).await;
        assert!(matches!(done, Ok(Reply::Done)), "{done:?}");
    }

    pub(crate) async fn leave(&self, topic: &str, identity: &str) {
        let (topic, identity) = (topic.into(), identity.into());
        let done = self.ask(Command::Leave { topic, identity }).await;
        assert!(matches!(done, Ok(Reply::Done)), "{done:?}");
    }

    pub(crate) async fn members(&self, topic: &str) -> Vec<(NodeId, Member)> {
        match self
            .ask(Command::Members {
                topic: topic.into(),
            })
            .await
        {
            Ok(Reply::Members(members)) => members,
            reply => panic!("{reply:?}"),
        }
    }

    /// Returns what it has reported.
    pub(crate) fn events(&self) -> Vec<EngineEvent> {
        self.events.lock().unwrap().clone()
    }

    pub(crate) fn forget_events(&self) {
        self.events.lock().unwrap().clear();
    }

    /// Waits for an event.
    pub(crate) async fn event(
        &self,
        what: &str,
        is_it: impl Fn(&EngineEvent) -> bool,
    ) -> EngineEvent {
        wait_for(what, || self.events().into_iter().find(&is_it)).await
    }

    pub(crate) async fn up(&self) {
        self.event("Up", |event| matches!(event, EngineEvent::Up))
            .await;
    }

    /// Returns the messages of a topic that have come: offset, offset before, text.
    pub(crate) fn heard(&self, topic: &str) -> Vec<(u64, Option<u64>, String)> {
        let events = self.events();
        let heard = events.into_iter().filter_map(|event| match event {
            EngineEvent::Published {
                topic: other,
                position,
                before,
                publication,
            } if *other == *topic => Some((
                position.offset,
                before,
                String::from_utf8_lossy(publication.payload()).into_owned(),
            )),
            _ => None,
        });
        heard.collect()
    }

    /// Waits until a text has come.
    pub(crate) async fn hears(&self, topic: &str, text: &str) {
        wait_for(text, || {
            self.heard(topic)
                .iter()
                .any(|(.., heard)| heard == text)
                .then_some(())
        })
        .await;
    }

    /// Drops the engine.
    pub(crate) async fn end(mut self) {
        self.pause().await;
        let engine = self.engine.take().unwrap();
        drop(Arc::into_inner(engine).expect("nothing else has it"));
    }
}

pub(crate) fn texts(page: &Page) -> Vec<String> {
    let messages = page.messages.iter();
    let texts = messages.map(|(_, publication)| publication.as_text().unwrap_or("?").to_owned());
    texts.collect()
}

/// Returns an error with all that is behind it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Sends messages as any program may.
pub(crate) struct Raw {
    client: async_nats::Client,
    /// The subject of the topic `t` under `hub.out`.
    out: String,
}

impl Raw {
    /// Connects. `node` publishes one message, `first`, to the topic `t`.
    pub(crate) async fn connect(server: &Server, node: &Node) -> (Self, Position) {
        let client = async_nats::connect(server.url()).await.unwrap();
        let mut heard = client.subscribe("hub.out.*.t").await.unwrap();
        client.flush().await.unwrap();
        let first = node.publish("t", "first").await;
        let out = heard.next().await.unwrap().subject.to_string();
        (Self { client, out }, first)
    }

    /// Publishes on `hub.out`, or `hub.in`, with headers.
    pub(crate) async fn publish(&self, branch: &str, headers: &[(&str, &str)], text: &str) {
        let mut map = async_nats::HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, *value);
        }
        let subject = self.out.replace("hub.out", &format!("hub.{branch}"));
        let client = &self.client;
        client
            .publish_with_headers(subject, map, text.to_owned().into())
            .await
            .unwrap();
        client.flush().await.unwrap();
    }

    /// Has the hubs believe that the stream has come to an offset.
    pub(crate) async fn pretend(&self, stream: &str, offset: u64) {
        let (offset, before) = (offset.to_string(), (offset - 1).to_string());
        let headers = [
            ("Nats-Stream", stream),
            ("Nats-Sequence", &*offset),
            ("Nats-Last-Sequence", &*before),
        ];
        self.publish("out", &headers, "pretended").await;
    }
}
