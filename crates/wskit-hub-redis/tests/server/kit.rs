//! An engine without a hub, and what it reports.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use wskit_hub::{
    Command, Engine, EngineError, EngineEvent, Epoch, History, Member, Page, Position, Publication,
    Reply, RequestId,
};
use wskit_hub_redis::{Builder, Fault, Redis};
use wskit_hub_suite::servers::redis::Redis as Server;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    engine: Redis,
    /// What has come while something else was waited for.
    events: Vec<EngineEvent>,
    next: u64,
}

impl Node {
    pub(crate) async fn new(server: &Server) -> Self {
        Self::with(Redis::server(server.url())).await
    }

    pub(crate) async fn with(builder: Builder) -> Self {
        let engine = builder.connect().await.expect("a server");
        Self {
            engine,
            events: Vec::new(),
            next: 0,
        }
    }

    pub(crate) fn begin(&mut self, command: Command) -> RequestId {
        self.next += 1;
        let id = RequestId(self.next);
        self.engine.command(id, command);
        id
    }

    /// Waits for an event that `take` makes something of.
    pub(crate) async fn until<T>(&mut self, take: impl Fn(&EngineEvent) -> Option<T>) -> T {
        let search = async {
            for i in 0..self.events.len() {
                if let Some(taken) = take(&self.events[i]) {
                    self.events.remove(i);
                    return taken;
                }
            }
            loop {
                let event = poll_fn(|cx| self.engine.poll_event(cx)).await;
                if let Some(taken) = take(&event) {
                    return taken;
                }
                self.events.push(event);
            }
        };
        let found = timeout(PATIENCE, pin!(search)).await;
        found.expect("an event that was waited for")
    }

    pub(crate) async fn answer(&mut self, id: RequestId) -> Result<Reply, EngineError> {
        self.until(|event| match event {
            EngineEvent::Done { id: done, result } if *done == id => Some(result.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn ask(&mut self, command: Command) -> Result<Reply, EngineError> {
        let id = self.begin(command);
        self.answer(id).await
    }

    pub(crate) async fn publish(&mut self, topic: &str, text: &str, last: usize) -> Position {
        let publication = Publication::text(text);
        self.try_publish(topic, publication, Some(History::last(last)))
            .await
            .expect("a position")
    }

    pub(crate) async fn try_publish(
        &mut self,
        topic: &str,
        publication: Publication,
        history: Option<History>,
    ) -> Result<Position, EngineError> {
        let command = publishes(topic, publication, history);
        self.ask(command).await.map(|reply| match reply {
            Reply::Published(position) => position,
            other => panic!("{other:?}"),
        })
    }

    pub(crate) async fn listen(&mut self, topics: &[&str]) {
        let topics = topics.iter().map(|topic| Arc::from(*topic)).collect();
        self.ask(Command::Listen { topics })
            .await
            .expect("it listens");
    }

    pub(crate) async fn read(
        &mut self,
        topic: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Page {
        let topic = topic.into();
        let command = Command::Read {
            topic,
            after,
            limit,
        };
        match self.ask(command).await {
            Ok(Reply::Read(page)) => page,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn tops(&mut self, topics: &[&str]) -> Vec<Option<Position>> {
        let topics = topics.iter().map(|topic| Arc::from(*topic)).collect();
        match self.ask(Command::Tops { topics }).await {
            Ok(Reply::Tops(tops)) => tops,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn enter(&mut self, topic: &str, member: Member) {
        let topic = topic.into();
        let entered = self.ask(Command::Enter { topic, member }).await;
        entered.expect("it enters");
    }

    /// The identities of the members on other hubs.
    pub(crate) async fn members(&mut self, topic: &str) -> Vec<String> {
        self.try_members(topic).await.expect("members")
    }

    async fn try_members(&mut self, topic: &str) -> Result<Vec<String>, EngineError> {
        let topic = topic.into();
        match self.ask(Command::Members { topic }).await? {
            Reply::Members(members) => {
                let all = members
                    .iter()
                    .map(|(_, member)| member.identity().to_owned());
                let mut all: Vec<_> = all.collect();
                all.sort();
                Ok(all)
            }
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the next message, and returns its position, that of the one before, and the text.
    pub(crate) async fn message(&mut self) -> (Position, Option<u64>, String) {
        self.until(|event| match event {
            EngineEvent::Published {
                position,
                before,
                publication,
                ..
            } => {
                let text = publication.as_text().unwrap_or_default().to_owned();
                Some((*position, *before, text))
            }
            _ => None,
        })
        .await
    }

    pub(crate) async fn until_down(&mut self) {
        self.until(|event| matches!(event, EngineEvent::Down).then_some(()))
            .await;
    }

    /// Whether it was up all the time, as far as was waited for anything.
    pub(crate) fn was_up(&self) -> bool {
        let mut events = self.events.iter();
        !events.any(|event| matches!(event, EngineEvent::Down))
    }

    /// Whether a message of an epoch has come that was not waited for.
    pub(crate) fn has_heard(&self, epoch: Epoch) -> bool {
        let mut events = self.events.iter();
        events.any(|event| {
            matches!(event, EngineEvent::Published { position, .. } if position.epoch == epoch)
        })
    }

    pub(crate) async fn until_up(&mut self) {
        self.until(|event| matches!(event, EngineEvent::Up).then_some(()))
            .await;
    }

    /// Waits until these are the members, also if the engine is down in between.
    pub(crate) async fn until_members(&mut self, topic: &str, expected: &[&str]) {
        let search = async {
            while self.try_members(topic).await.unwrap_or_default() != expected {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(PATIENCE, search).await.expect("these members");
    }
}

pub(crate) fn publishes(
    topic: &str,
    publication: Publication,
    history: Option<History>,
) -> Command {
    let topic = topic.into();
    Command::Publish {
        topic,
        publication,
        history,
    }
}

/// The texts of a page, with their offsets.
pub(crate) fn texts(page: &Page) -> Vec<(u64, &str)> {
    let messages = page.messages.iter();
    messages
        .map(|(offset, publication)| (*offset, publication.as_text().unwrap_or_default()))
        .collect()
}

/// What Redis has refused.
pub(crate) fn fault(error: &EngineError) -> Fault {
    let source = std::error::Error::source(error).expect("a source");
    let fault: &Fault = source.downcast_ref().expect("a fault of Redis");
    fault.clone()
}
