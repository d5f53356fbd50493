//! A hub in virtual time, its clients over pipes, and the check of what they receive.

use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use wskit_driver::{ConnectionError, WebSocket};
use wskit_hub::{
    Access, Event, Hub, HubBuilder, Peer, Position, PreparedMessage, Publication, Rules, Wire,
};
use wskit_proto::{CloseFrame, Config, Role};
use wskit_test::{Clock, Executor, PipeEnd, Probe, Simulated, SimulatedIo, pipe, wrap};

/// Builds a hub whose topics all have these rules. It is on the clock of the running test.
pub(crate) fn hub(rules: Rules) -> HubBuilder {
    let clock = Clock::current();
    Hub::builder(move |_| rules.clone())
        .clock(move || clock.now())
        .shards(2)
}

/// Opens rules to everyone.
pub(crate) fn open(rules: Rules) -> Rules {
    rules.subscribe(Access::Everyone).publish(Access::Everyone)
}

/// Spawns a driver of the hub.
pub(crate) fn drive(hub: &Hub) {
    Executor::spawn_on_current(hub.drive(sleep));
}

pub(crate) async fn sleep(time: Duration) {
    wskit_test::sleep::<Simulated>(time).await;
}

/// Lets all other tasks do what they can.
pub(crate) async fn settle() {
    for _ in 0..100 {
        wskit_test::pause().await;
    }
}

/// The wire that tells everything in lines that [`Seen`] reads.
pub(crate) fn lines() -> Wire {
    static LINES: OnceLock<Wire> = OnceLock::new();
    LINES.get_or_init(new_lines).clone()
}

fn new_lines() -> Wire {
    Wire::new(|event| {
        Some(PreparedMessage::text(match event {
            Event::Published { message, .. } => {
                let payload = message.publication().as_text().unwrap_or("?");
                format!("+ {} {} {payload}", message.topic(), message.position())
            }
            Event::Subscribed { topic, subscribed } => {
                let start = match subscribed {
                    wskit_hub::Subscribed::All { missed, .. } => missed,
                    wskit_hub::Subscribed::Fresh { replayed, .. } => replayed,
                    _ => 0,
                };
                format!("= {topic} {} {start}", subscribed.position())
            }
            Event::Skipped { topic, count } => format!("- {topic} {count}"),
            Event::Gap { topic, position } => format!("! {topic} {position}"),
            Event::Unsubscribed { topic } => format!("x {topic}"),
            Event::Joined { topic, member } => format!("> {topic} {}", member.identity()),
            Event::Left { topic, member } => format!("< {topic} {}", member.identity()),
            Event::Present { topic, present } => format!("p {topic} {}", present.count),
            _ => return None,
        }))
    })
}

/// A client, and what the hub has of it.
pub(crate) struct Guest {
    pub(crate) client: WebSocket<SimulatedIo>,
    pub(crate) peer: Peer,
    /// Of the server's end.
    pub(crate) probe: Probe,
    pub(crate) seen: Seen,
}

impl Guest {
    /// Connects with a pipe of 64 KiB.
    pub(crate) fn new(hub: &Hub, wire: &Wire) -> Self {
        Self::narrow(hub, wire, 64 << 10, Config::new())
    }

    pub(crate) fn narrow(hub: &Hub, wire: &Wire, pipe_size: usize, config: Config) -> Self {
        let (near, far) = pipe(pipe_size);
        let (peer, probe) = serve(hub, wire, far, config);
        let io = wrap::<Simulated>(near);
        let client = WebSocket::from_parts(io, Role::Client, bytes::Bytes::new(), Config::new());
        Self {
            client,
            peer,
            probe,
            seen: Seen::default(),
        }
    }

    /// Receives until a message with this text was published, and checks all up to it.
    pub(crate) async fn until(&mut self, payload: &str) {
        loop {
            let line = self.line().await.expect("a message");
            if line.starts_with('+') && line.ends_with(&format!(" {payload}")) {
                return;
            }
        }
    }

    /// Receives a line, and checks it.
    pub(crate) async fn line(&mut self) -> Option<String> {
        let message = self.client.recv().await.ok()??;
        let line = message.as_text().unwrap().to_owned();
        self.seen.take(&line);
        Some(line)
    }

    /// Receives to the end, and returns how the server has closed.
    pub(crate) async fn end(&mut self) -> Option<CloseFrame> {
        while self.line().await.is_some() {}
        self.client.outcome()?.received.flatten()
    }
}

/// Attaches a server's end, and reads from it.
pub(crate) fn serve(hub: &Hub, wire: &Wire, end: PipeEnd, config: Config) -> (Peer, Probe) {
    let probe = end.probe();
    let io = wrap::<Simulated>(end);
    let server = WebSocket::from_parts(io, Role::Server, bytes::Bytes::new(), config);
    let (mut reader, writer) = server.split();
    let peer = hub.attach(&writer, wire).unwrap();
    Executor::spawn_on_current(async move {
        while let Ok(Some(_)) = recv(&mut reader).await {}
        drop(writer);
    });
    (peer, probe)
}

async fn recv(
    reader: &mut wskit_driver::Reader<SimulatedIo>,
) -> Result<Option<wskit_proto::Message>, ConnectionError> {
    reader.recv().await
}

/// What a client has seen of its topics: offsets rise by one, and what is missing was reported before.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    topics: HashMap<String, Topic>,
}

#[derive(Debug, Default)]
struct Topic {
    next: Option<Position>,
    replays: u64,
    messages: u64,
    skipped: u64,
}

impl Seen {
    pub(crate) fn messages(&self, topic: &str) -> u64 {
        self.topics.get(topic).map_or(0, |topic| topic.messages)
    }

    pub(crate) fn skipped(&self, topic: &str) -> u64 {
        self.topics.get(topic).map_or(0, |topic| topic.skipped)
    }

    pub(crate) fn take(&mut self, line: &str) {
        let mut words = line.split(' ');
        let kind = words.next().unwrap();
        let topic = words.next().unwrap();
        let topic = self.topics.entry(topic.to_owned()).or_default();
        let position = |word: Option<&str>| word.unwrap().parse::<Position>().unwrap();
        match kind {
            "=" => {
                let mut at = position(words.next());
                topic.replays = words.next().unwrap().parse().unwrap();
                at.offset = at.offset + 1 - topic.replays;
                topic.next = Some(at);
            }
            "+" => {
                let at = position(words.next());
                let next = topic.next.as_mut().expect("a subscription");
                assert_eq!(at, *next, "{line}");
                next.offset += 1;
                topic.messages += 1;
            }
            "-" => {
                let count: u64 = words.next().unwrap().parse().unwrap();
                topic.skipped += count;
                topic.next.as_mut().expect("a subscription").offset += count;
            }
            "!" => {
                let mut at = position(words.next());
                at.offset += 1;
                topic.next = Some(at);
            }
            "x" => topic.next = None,
            _ => {}
        }
    }
}

/// Publishes texts that are numbers.
pub(crate) async fn publish(hub: &Hub, topic: &str, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        let publication = Publication::text(number.to_string());
        hub.publish(topic, publication).await.unwrap();
    }
}
