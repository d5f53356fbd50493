//! A topic as a hub follows it.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::sleep;
use wskit_hub::{Command, Engine, EngineEvent, Page, Position};

use crate::node::{Message, Node, is_complete, names};

/// How long it waits before it tries again what has failed.
const RETRY: Duration = Duration::from_millis(200);

/// Follows a topic with a history as a hub does: keeps to the chain of positions, and reads what is missing.
#[derive(Debug)]
pub struct Follower {
    topic: String,
    limit: usize,
    at: Position,
    /// The messages since the beginning, with their positions.
    pub got: Vec<(Position, String)>,
    /// Where it was told that messages are missing: how many it had then.
    pub told: Vec<usize>,
}

impl Follower {
    /// Listens to a topic, and reads what it has.
    pub async fn new<E: Engine>(node: &mut Node<E>, topic: &str, limit: usize) -> Self {
        node.listen(&[topic]).await;
        let page = node.read(topic, None, limit).await;
        let at = Position {
            epoch: page.epoch,
            offset: page.after,
        };
        let mut this = Self {
            topic: topic.into(),
            limit,
            at,
            got: Vec::new(),
            told: Vec::new(),
        };
        this.take_page(page);
        this
    }

    /// Where it is.
    #[must_use]
    pub fn at(&self) -> Position {
        self.at
    }

    fn append(&mut self, position: Position, text: Option<&str>) {
        assert!(self.at.epoch == position.epoch && self.at.offset < position.offset);
        self.at = position;
        self.got.push((position, text.expect("a text").into()));
    }

    fn take_page(&mut self, page: Page) {
        if !is_complete(&page, self.at) {
            self.told.push(self.got.len());
            self.at = Position {
                epoch: page.epoch,
                offset: page.after,
            };
        }
        for (offset, publication) in page.messages {
            if offset > self.at.offset {
                let epoch = page.epoch;
                self.append(Position { epoch, offset }, publication.as_text());
            }
        }
        self.at.offset = self.at.offset.max(page.top);
    }

    /// Reads what is missing. It tries again if that fails, as a hub does.
    async fn repair<E: Engine>(&mut self, node: &mut Node<E>) {
        loop {
            let page = node.try_read(&self.topic, Some(self.at), self.limit).await;
            if let Ok(page) = page {
                return self.take_page(page);
            }
            sleep(RETRY).await;
        }
    }

    async fn listen_again<E: Engine>(&mut self, node: &mut Node<E>) {
        let topics = names(&[&self.topic]);
        while node
            .ask(Command::Listen {
                topics: topics.clone(),
            })
            .await
            .is_err()
        {
            sleep(RETRY).await;
        }
        self.repair(node).await;
    }

    async fn take<E: Engine>(&mut self, node: &mut Node<E>, message: Message) {
        let Message {
            position,
            before,
            publication,
        } = message;
        let before = before.expect("topics with a history have an order");
        if position.epoch == self.at.epoch && position.offset <= self.at.offset {
            return; // It is repeated, or was read.
        }
        if position.epoch == self.at.epoch && before == self.at.offset {
            self.append(position, publication.as_text());
        } else {
            self.repair(node).await;
        }
    }

    /// Follows until a message with this text has come.
    pub async fn until<E: Engine>(&mut self, node: &mut Node<E>, text: &str) {
        while !self.got.iter().rev().any(|(_, got)| got == text) {
            let what = format!("{text:?} in {}", self.topic);
            match node.next(&what).await {
                EngineEvent::Published {
                    topic,
                    position,
                    before,
                    publication,
                } if *topic == *self.topic => {
                    let message = Message {
                        position,
                        before,
                        publication,
                    };
                    self.take(node, message).await;
                }
                EngineEvent::Lost => self.repair(node).await,
                EngineEvent::Up => self.listen_again(node).await,
                _ => {}
            }
        }
    }

    /// Checks that each acknowledged message, of those given in order, is there once, or that it was told
    /// that some are missing before anything newer came. Its own beginning is no loss.
    pub fn check(&self, acknowledged: &[(Position, String)]) {
        let mut seen = HashSet::new();
        for (_, text) in &self.got {
            assert!(seen.insert(text), "{text} came twice");
        }
        let mut is_told = self.told.iter();
        let mut next = is_told.next();
        let mut expected = acknowledged.iter();
        for (number, got) in self.got.iter().enumerate() {
            let mut may_skip = false;
            while next.is_some_and(|told| *told <= number) {
                may_skip = true;
                next = is_told.next();
            }
            let Some(place) = expected.clone().position(|one| one.1 == got.1) else {
                continue; // It was not acknowledged.
            };
            let missing: Vec<_> = expected.clone().take(place).map(|one| &one.1).collect();
            assert!(
                place == 0 || may_skip,
                "{missing:?} are missing before {got:?}, untold (told at {:?})",
                self.told
            );
            expected.nth(place);
        }
        let rest: Vec<_> = expected.collect();
        let is_told_last = self.told.last() == Some(&self.got.len());
        assert!(
            rest.is_empty() || is_told_last,
            "{rest:?} never came, untold"
        );
    }
}
