//! A hub on an engine, and clients of it.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::DuplexStream;
use tokio::time::{sleep, timeout};
use wskit_hub::{
    Access, Error, Event, History, Hub, Member, Peer, Position, PreparedMessage, Publication,
    Rules, Since, Subscribed, Wire,
};
use wskit_proto::{Config, Role};
use wskit_tokio::WebSocket;

use crate::bench::{Bench, Line};

/// A hub, and what disturbs the connections of its engine.
pub struct HubNode {
    /// The hub.
    pub hub: Hub,
    /// What disturbs its engine.
    pub line: Box<dyn Line>,
    patience: Duration,
}

/// The rules of topics by the first part of their names: `stream` keeps 1,000 messages, `short` keeps 5, `latest`
/// and `live` are what they say, and `room` is a stream with presence.
fn rules(topic: &str) -> Rules {
    let rules = match topic.split(':').next() {
        Some("stream") => Rules::stream(History::last(1000)),
        Some("short") => Rules::stream(History::last(5)),
        Some("room") => Rules::stream(History::last(100)).presence(),
        Some("latest") => Rules::latest(),
        Some("live") => Rules::live(),
        _ => Rules::unknown(),
    };
    rules.subscribe(Access::Everyone).publish(Access::Everyone)
}

impl HubNode {
    /// Creates a hub with an engine of its own, and drives it.
    pub async fn new<B: Bench>(bench: &B) -> Self {
        let (engine, line) = bench.engine().await;
        let hub = Hub::builder(rules).engine(engine).shards(2).build();
        tokio::spawn(hub.drive(sleep));
        Self {
            hub,
            line,
            patience: bench.patience(),
        }
    }

    /// Publishes a text, again and again until it is acknowledged.
    pub async fn say(&self, topic: &str, text: &str) -> Position {
        let publish = async {
            loop {
                let message = Publication::text(text.to_owned()).id(text);
                match self.hub.publish(topic, message).await {
                    Ok(position) => return position,
                    Err(Error::Engine(_)) => sleep(Duration::from_millis(50)).await,
                    Err(error) => panic!("publishing {text} failed: {error:?}"),
                }
            }
        };
        let published = timeout(self.patience, publish).await;
        published.unwrap_or_else(|_| panic!("{text} was not published in time"))
    }

    /// Reads the texts of a topic, again and again until that succeeds.
    pub async fn texts(&self, topic: &str) -> Vec<String> {
        let read = async {
            loop {
                match self.hub.history(topic, Since::Start, 10_000).await {
                    Ok((messages, _)) => return messages,
                    Err(Error::Engine(_)) => sleep(Duration::from_millis(50)).await,
                    Err(error) => panic!("reading {topic} failed: {error:?}"),
                }
            }
        };
        let messages = timeout(self.patience, read)
            .await
            .expect("a history in time");
        let text = |message: &wskit_hub::Published| {
            message.publication().as_text().expect("a text").to_owned()
        };
        messages.iter().map(text).collect()
    }

    /// Waits until as many members are present.
    pub async fn until_present(&self, topic: &str, identities: &[&str], within: Duration) {
        let mut last = None;
        let present = async {
            loop {
                if let Ok(present) = self.hub.present(topic).await {
                    let members: Vec<_> = present.members.iter().map(Member::identity).collect();
                    if members == identities {
                        return;
                    }
                    last = Some(present);
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        let done = timeout(within, present).await.is_ok();
        assert!(done, "{last:?} are present, not {identities:?}");
    }
}

impl fmt::Debug for HubNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubNode")
            .field("hub", &self.hub)
            .finish_non_exhaustive()
    }
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A message.
    Message(String),
    /// Messages are missing.
    Gap,
    /// The subscription has begun.
    Begin,
    /// How many members were present then.
    Present(usize),
    /// A member came, or changed.
    Joined(String),
    /// A member left.
    Left(String),
    /// Anything else.
    Other(String),
}

/// The wire that tells everything in lines.
fn lines() -> Wire {
    static LINES: OnceLock<Wire> = OnceLock::new();
    let lines = LINES.get_or_init(|| {
        Wire::new(|event| {
            Some(PreparedMessage::text(match event {
                Event::Published { message, .. } => {
                    format!("+{}", message.publication().as_text().unwrap_or("?"))
                }
                Event::Subscribed { .. } => "=".to_owned(),
                Event::Present { present, .. } => format!("p{}", present.count),
                Event::Joined { member, .. } => format!(">{}", member.identity()),
                Event::Left { member, .. } => format!("<{}", member.identity()),
                Event::Gap { .. } => "!".to_owned(),
                other => format!("?{other:?}"),
            }))
        })
    });
    lines.clone()
}

/// A client of a hub, over a connection in memory.
pub struct Guest {
    client: WebSocket<DuplexStream>,
    /// The hub's side.
    pub peer: Peer,
    /// All that it was told.
    pub told: Vec<Told>,
    patience: Duration,
}

impl Guest {
    /// Connects to a hub.
    #[must_use]
    pub fn new(node: &HubNode) -> Self {
        let (near, far) = tokio::io::duplex(64 << 10);
        let connect =
            |stream, role| wskit_tokio::from_parts(stream, role, Bytes::new(), Config::new());
        let (mut reader, writer) = connect(far, Role::Server).split();
        let peer = node.hub.attach(&writer, &lines()).expect("a peer");
        tokio::spawn(async move {
            while let Ok(Some(_)) = reader.recv().await {}
            drop(writer);
        });
        Self {
            client: connect(near, Role::Client),
            peer,
            told: Vec::new(),
            patience: node.patience,
        }
    }

    /// Subscribes, again and again until the engine can.
    pub async fn subscribe(&self, topic: &str, since: Since) -> Subscribed {
        let subscribe = async {
            loop {
                match self.peer.subscribe(topic, since).await {
                    Ok(subscribed) => return subscribed,
                    Err(Error::Engine(_)) => sleep(Duration::from_millis(50)).await,
                    Err(error) => panic!("subscribing to {topic} failed: {error:?}"),
                }
            }
        };
        let subscribed = timeout(self.patience, subscribe).await;
        subscribed.unwrap_or_else(|_| panic!("no subscription to {topic} in time"))
    }

    /// Connects and subscribes.
    pub async fn on(node: &HubNode, topic: &str, since: Since) -> (Self, Subscribed) {
        let guest = Self::new(node);
        let subscribed = guest.subscribe(topic, since).await;
        (guest, subscribed)
    }

    /// Receives until it was told this, and returns what came before.
    pub async fn until(&mut self, expected: &Told) -> Vec<Told> {
        let begin = self.told.len();
        loop {
            let Ok(told) = timeout(self.patience, self.receive()).await else {
                panic!("no {expected:?} in time, but {:?}", &self.told[begin..]);
            };
            self.told.push(told);
            if self.told.last() == Some(expected) {
                return self.told[begin..self.told.len() - 1].to_vec();
            }
        }
    }

    /// Waits until it is told anything.
    pub async fn next(&mut self) {
        let told = timeout(self.patience, self.receive()).await;
        self.told.push(told.expect("something in time"));
    }

    async fn receive(&mut self) -> Told {
        let message = match self.client.recv().await {
            Ok(Some(message)) => message,
            end => panic!("the connection ended: {end:?}"),
        };
        let (kind, rest) = message.as_text().expect("a text").split_at(1);
        let rest = rest.to_owned();
        match kind {
            "+" => Told::Message(rest),
            "!" => Told::Gap,
            "=" => Told::Begin,
            "p" => Told::Present(rest.parse().expect("a number")),
            ">" => Told::Joined(rest),
            "<" => Told::Left(rest),
            _ => Told::Other(rest),
        }
    }

    /// Receives until a message came, and returns what came before.
    pub async fn until_message(&mut self, text: &str) -> Vec<Told> {
        self.until(&Told::Message(text.to_owned())).await
    }

    /// The texts of all messages.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        self.told
            .iter()
            .filter_map(|told| match told {
                Told::Message(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest")
            .field("told", &self.told)
            .finish_non_exhaustive()
    }
}
