//! A node: an engine, polled by a scenario.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use wskit_hub::{
    Command, Engine, EngineError, EngineEvent, History, Member, NodeId, Page, Position,
    Publication, Reply, RequestId,
};

use crate::bench::{Bench, Line};

/// An engine whose events a scenario takes.
pub struct Node<E> {
    /// The engine.
    pub engine: E,
    /// What disturbs its connections.
    pub line: Box<dyn Line>,
    patience: Duration,
    requests: u64,
    results: HashMap<RequestId, Result<Reply, EngineError>>,
    events: VecDeque<EngineEvent>,
}

impl<E> fmt::Debug for Node<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("requests", &self.requests)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

/// A message that a node was told of.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its position.
    pub position: Position,
    /// The offset of the one before it.
    pub before: Option<u64>,
    /// The message.
    pub publication: Publication,
}

impl<E: Engine> Node<E> {
    /// Creates a node.
    pub async fn new<B: Bench<Engine = E>>(bench: &B) -> Self {
        let (engine, line) = bench.engine().await;
        Self {
            engine,
            line,
            patience: bench.patience(),
            requests: 0,
            results: HashMap::new(),
            events: VecDeque::new(),
        }
    }

    /// Begins a command.
    pub fn send(&mut self, command: Command) -> RequestId {
        self.requests += 1;
        let id = RequestId(self.requests);
        self.engine.command(id, command);
        id
    }

    /// Takes the next event of the engine.
    async fn poll(&mut self, what: &str) {
        let event = poll_fn(|cx| self.engine.poll_event(cx));
        let Ok(event) = tokio::time::timeout(self.patience, event).await else {
            let last: Vec<_> = self.events.iter().rev().take(5).collect();
            panic!("waited too long for {what}; events before, the newest first: {last:?}");
        };
        match event {
            EngineEvent::Done { id, result } => {
                assert!(id.0 <= self.requests, "an answer to no request: {id:?}");
                let old = self.results.insert(id, result);
                assert!(old.is_none(), "a second answer to {id:?}: {old:?}");
            }
            event => self.events.push_back(event),
        }
    }

    /// Waits for the answer to a command.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn answer(&mut self, id: RequestId) -> Result<Reply, EngineError> {
        loop {
            if let Some(result) = self.results.remove(&id) {
                return result;
            }
            self.poll("the answer to a command").await;
        }
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn ask(&mut self, command: Command) -> Result<Reply, EngineError> {
        let id = self.send(command);
        self.answer(id).await
    }

    async fn done(&mut self, command: Command) {
        let asked = format!("{command:?}");
        let reply = self.ask(command).await;
        assert!(matches!(reply, Ok(Reply::Done)), "{asked}: {reply:?}");
    }

    /// Begins to publish.
    pub fn send_publish(
        &mut self,
        topic: &str,
        publication: Publication,
        history: Option<History>,
    ) -> RequestId {
        self.send(Command::Publish {
            topic: topic.into(),
            publication,
            history,
        })
    }

    /// Waits until a message is published.
    pub async fn published(&mut self, id: RequestId) -> Position {
        match self.answer(id).await {
            Ok(Reply::Published(position)) => position,
            other => panic!("a publish was answered by {other:?}"),
        }
    }

    /// Publishes a message.
    pub async fn publish(
        &mut self,
        topic: &str,
        publication: Publication,
        history: Option<History>,
    ) -> Position {
        let id = self.send_publish(topic, publication, history);
        self.published(id).await
    }

    /// Publishes a text to a topic with a history of this many messages.
    pub async fn say(&mut self, topic: &str, text: &str, last: usize) -> Position {
        let text = Publication::text(text.to_owned());
        self.publish(topic, text, Some(History::last(last))).await
    }

    /// Publishes numbers as texts, many at once, and returns their positions. Offsets rise with each.
    pub async fn count(
        &mut self,
        topic: &str,
        numbers: std::ops::Range<usize>,
        last: usize,
    ) -> Vec<Position> {
        let numbers: Vec<_> = numbers.collect();
        let mut positions: Vec<Position> = Vec::new();
        for numbers in numbers.chunks(128) {
            let ids: Vec<_> = numbers
                .iter()
                .map(|number| {
                    let text = Publication::text(number.to_string());
                    self.send_publish(topic, text, Some(History::last(last)))
                })
                .collect();
            for id in ids {
                let position = self.published(id).await;
                if let Some(before) = positions.last() {
                    assert_eq!(before.epoch, position.epoch, "the epoch changed");
                    assert!(before.offset < position.offset, "{before} then {position}");
                }
                positions.push(position);
            }
        }
        positions
    }

    /// Listens to topics.
    pub async fn listen(&mut self, topics: &[&str]) {
        let topics = names(topics);
        self.done(Command::Listen { topics }).await;
    }

    /// Ends listening.
    pub async fn unlisten(&mut self, topics: &[&str]) {
        let topics = names(topics);
        self.done(Command::Unlisten { topics }).await;
    }

    /// Asks for the newest positions of topics.
    pub async fn tops(&mut self, topics: &[&str]) -> Vec<Option<Position>> {
        let topics = names(topics);
        match self.ask(Command::Tops { topics }).await {
            Ok(Reply::Tops(tops)) => tops,
            other => panic!("tops were answered by {other:?}"),
        }
    }

    /// Reads a topic.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn try_read(
        &mut self,
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
        match self.ask(read).await? {
            Reply::Read(page) => {
                check(&page, limit);
                Ok(page)
            }
            other => panic!("a read was answered by {other:?}"),
        }
    }

    /// Reads a topic.
    pub async fn read(&mut self, topic: &str, after: Option<Position>, limit: usize) -> Page {
        self.try_read(topic, after, limit).await.expect("a page")
    }

    /// Adds a member of this node.
    pub async fn enter(&mut self, topic: &str, member: Member) {
        let topic = topic.into();
        self.done(Command::Enter { topic, member }).await;
    }

    /// Removes a member of this node.
    pub async fn leave(&mut self, topic: &str, identity: &str) {
        let (topic, identity) = (topic.into(), identity.into());
        self.done(Command::Leave { topic, identity }).await;
    }

    /// Asks for the members on other nodes, and sorts them.
    pub async fn members(&mut self, topic: &str) -> Vec<(NodeId, Member)> {
        let topic = topic.into();
        match self.ask(Command::Members { topic }).await {
            Ok(Reply::Members(mut members)) => {
                let key =
                    |(node, member): &(NodeId, Member)| (member.identity().to_owned(), node.0);
                members.sort_by_key(key);
                members
            }
            other => panic!("members were answered by {other:?}"),
        }
    }

    /// Asks for the identities of the members on other nodes, sorted.
    pub async fn identities(&mut self, topic: &str) -> Vec<String> {
        let members = self.members(topic).await;
        let identity = |(_, member): &(NodeId, Member)| member.identity().to_owned();
        members.iter().map(identity).collect()
    }

    /// Asks for the members until they are these, sorted.
    pub async fn until_members(&mut self, topic: &str, expected: &[&str], within: Duration) {
        let start = tokio::time::Instant::now();
        loop {
            let members = self.identities(topic).await;
            if members == expected {
                return;
            }
            let waited = start.elapsed();
            assert!(
                waited < within,
                "members {members:?}, not {expected:?}, for {waited:?}"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits for an event, of those that have come and were not waited for yet too.
    pub async fn event<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&EngineEvent) -> Option<T>,
    ) -> T {
        let mut seen = 0;
        loop {
            while let Some(event) = self.events.get(seen) {
                if let Some(picked) = pick(event) {
                    self.events.remove(seen);
                    return picked;
                }
                seen += 1;
            }
            self.poll(what).await;
        }
    }

    /// Waits for the next event.
    pub async fn next(&mut self, what: &str) -> EngineEvent {
        while self.events.is_empty() {
            self.poll(what).await;
        }
        self.events.pop_front().expect("an event")
    }

    /// Takes all events that have come.
    pub fn take_events(&mut self) -> Vec<EngineEvent> {
        self.events.drain(..).collect()
    }

    /// Waits for the next message of a topic.
    pub async fn message(&mut self, topic: &str) -> Message {
        let what = format!("a message of {topic}");
        self.event(&what, |event| match event {
            EngineEvent::Published {
                topic: other,
                position,
                before,
                publication,
            } if **other == *topic => Some(Message {
                position: *position,
                before: *before,
                publication: publication.clone(),
            }),
            _ => None,
        })
        .await
    }

    /// Waits for [`EngineEvent::Down`].
    pub async fn down(&mut self) {
        let is_down = |event: &EngineEvent| matches!(event, EngineEvent::Down).then_some(());
        self.event("Down", is_down).await;
    }

    /// Waits for [`EngineEvent::Up`].
    pub async fn up(&mut self) {
        let is_up = |event: &EngineEvent| matches!(event, EngineEvent::Up).then_some(());
        self.event("Up", is_up).await;
    }

    /// Waits until commands are carried out.
    pub async fn until_it_answers(&mut self) {
        let start = tokio::time::Instant::now();
        loop {
            let topics = names(&["whatever"]);
            match self.ask(Command::Tops { topics }).await {
                Ok(_) => return,
                Err(error) => assert!(start.elapsed() < self.patience, "no answers: {error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Names of topics as commands have them.
#[must_use]
pub fn names(topics: &[&str]) -> Vec<Arc<str>> {
    topics.iter().map(|topic| Arc::from(*topic)).collect()
}

/// What is true of each page.
fn check(page: &Page, limit: usize) {
    assert!(
        page.messages.len() <= limit,
        "more than the limit: {page:?}"
    );
    let offsets: Vec<_> = page.messages.iter().map(|(offset, _)| *offset).collect();
    assert!(
        offsets.is_sorted_by(|a, b| a < b),
        "not in order: {offsets:?}"
    );
    if let (Some(first), Some(last)) = (offsets.first(), offsets.last()) {
        assert!(
            page.after < *first,
            "after {} begins with {first}",
            page.after
        );
        assert!(
            *last <= page.top,
            "{last} is newer than the top {}",
            page.top
        );
    }
}

/// The texts of a page.
#[must_use]
pub fn texts(page: &Page) -> Vec<String> {
    let text =
        |(_, publication): &(u64, Publication)| publication.as_text().expect("a text").to_owned();
    page.messages.iter().map(text).collect()
}

/// Whether a page says, as a hub understands it, that nothing after a position is missing from it.
#[must_use]
pub fn is_complete(page: &Page, after: Position) -> bool {
    let last = page.messages.last();
    let end = last.map_or(page.after, |(offset, _)| *offset);
    let begin = if end < page.top { page.top } else { page.after };
    page.epoch == after.epoch && begin <= after.offset
}
