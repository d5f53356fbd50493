//! The clients' process: each connection talks for a while, ends in one of several ways, and is
//! opened anew until the time is over.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use wskit::{CloseCode, ConnectionError, Connector, Event, Initiator, Message, MessageKind};

use crate::dice::Dice;
use crate::ledger::{End, Ledger};
use crate::serve::config;
use crate::talk::{CLOSE_PLEASE, Talk};

type WebSocket = wskit::WebSocket<wskit::ClientStream>;

/// All clients of a run.
#[derive(Debug)]
pub struct Clients {
    tasks: Vec<JoinHandle<()>>,
    /// What they do.
    pub ledger: Arc<Ledger>,
}

impl Clients {
    /// Sets `count` clients going against a port, until then.
    pub fn start(runtime: &Runtime, port: u16, count: usize, until: Instant) -> Self {
        let ledger = Arc::new(Ledger::default());
        // Every client has a port of its own, and a port that was in use rests for a minute.
        let addresses = count / 2500 + 8;
        let connectors: Vec<[Connector; 2]> = (0..addresses)
            .map(|n| {
                let from = Ipv4Addr::new(127, 0, 0, (2 + n % 250) as u8);
                let plain = Connector::new()
                    .config(config())
                    .local_address(from)
                    .max_concurrent(64);
                let deflating = plain.clone().deflate(wskit::deflate::Config::client());
                [plain, deflating]
            })
            .collect();
        let url = format!("ws://127.0.0.1:{port}/");
        let tasks = (0..count)
            .map(|n| {
                let client = Client {
                    connector: connectors[n % addresses][n / addresses % 2].clone(),
                    url: url.clone(),
                    ledger: ledger.clone(),
                    dice: Dice::new(n as u64),
                    // 5,000 exchanges a second, whatever the number of connections.
                    pause: Duration::from_secs_f64(count as f64 / 5000.0),
                    until,
                };
                runtime.spawn(client.run())
            })
            .collect();
        Self { tasks, ledger }
    }

    /// Waits until every client has ended its last connection; false if that takes too long or one
    /// has panicked.
    pub fn join(self, runtime: &Runtime, patience: Duration) -> bool {
        runtime.block_on(async {
            let all = async {
                let mut well = true;
                for task in self.tasks {
                    well &= task.await.is_ok();
                }
                well
            };
            tokio::time::timeout(patience, all).await.unwrap_or(false)
        })
    }
}

struct Client {
    connector: Connector,
    url: String,
    ledger: Arc<Ledger>,
    dice: Dice,
    pause: Duration,
    until: Instant,
}

/// What went wrong: words for the log.
struct Wrong(String);

impl From<ConnectionError> for Wrong {
    fn from(error: ConnectionError) -> Self {
        Self(error.to_string())
    }
}

impl Client {
    async fn run(mut self) {
        while Instant::now() < self.until {
            match self.connector.connect(self.url.as_str()).await {
                Ok((ws, _)) => {
                    self.ledger.open();
                    let end = self.session(ws).await.unwrap_or_else(|wrong| {
                        eprintln!("client: {}", wrong.0);
                        End::Wrong
                    });
                    self.ledger.end(end);
                }
                Err(error) => {
                    eprintln!("client: connect: {error}");
                    self.ledger.open();
                    self.ledger.end(End::Wrong);
                    tokio::time::sleep(self.pause).await;
                }
            }
        }
    }

    async fn session(&mut self, mut ws: WebSocket) -> Result<End, Wrong> {
        for _ in 0..self.dice.between(2, 40) {
            let pause = self.pause.mul_f64(self.dice.between(0, 200) as f64 / 100.0);
            // To receive is also to answer the server's pings, and nothing else may come.
            if let Ok(event) = tokio::time::timeout(pause, pong_or_message(&mut ws)).await {
                return Err(Wrong(format!("came unasked: {:?}", event?)));
            }
            self.exchange(&mut ws).await?;
            if Instant::now() >= self.until {
                break;
            }
        }
        let end = End::roll(&mut self.dice);
        self.end(ws, end).await?;
        Ok(end)
    }

    async fn exchange(&mut self, ws: &mut WebSocket) -> Result<(), Wrong> {
        match Talk::roll(&mut self.dice) {
            Talk::Text(text) => {
                ws.send(&text).await?;
                self.echo(ws, text.as_bytes()).await
            }
            Talk::Binary(bytes) => {
                ws.send(&bytes).await?;
                self.echo(ws, &bytes).await
            }
            Talk::Fragments(pieces) => {
                let mut message = ws.begin(MessageKind::Text).await?;
                for piece in &pieces {
                    message.write(piece).await?;
                }
                message.finish().await?;
                self.echo(ws, pieces.concat().as_bytes()).await
            }
            Talk::Burst(count) => {
                let words: Vec<String> = (0..count).map(|n| format!("{n} of {count}")).collect();
                for word in &words {
                    ws.feed(word).await?;
                }
                for word in &words {
                    self.echo(ws, word.as_bytes()).await?;
                }
                Ok(())
            }
            Talk::Ping(number) => {
                let payload = number.to_le_bytes();
                ws.ping(&payload).await?;
                match pong_or_message(ws).await? {
                    Some(Event::Pong(pong)) if *pong == payload => Ok(()),
                    other => Err(Wrong(format!("instead of the pong came {other:?}"))),
                }
            }
        }
    }

    async fn echo(&self, ws: &mut WebSocket, sent: &[u8]) -> Result<(), Wrong> {
        match ws.recv().await? {
            Some(message) if message.as_bytes() == sent => {
                self.ledger.message();
                Ok(())
            }
            Some(_) => Err(Wrong("the echo differs from what was sent".into())),
            None => Err(Wrong("the server closed early".into())),
        }
    }

    async fn end(&mut self, mut ws: WebSocket, end: End) -> Result<(), Wrong> {
        match end {
            End::ByClient => {
                let outcome = ws.close(CloseCode::NORMAL, "bye").await?;
                if outcome.is_clean() && outcome.initiator == Some(Initiator::Local) {
                    return Ok(());
                }
                Err(Wrong(format!("our close: {outcome:?}")))
            }
            End::ByServer => {
                ws.send(CLOSE_PLEASE).await?;
                let rest = ws.recv().await?;
                match (rest, ws.outcome()) {
                    (None, Some(outcome))
                        if outcome.is_clean()
                            && outcome.initiator == Some(Initiator::Peer)
                            && outcome.reason() == "as asked" =>
                    {
                        Ok(())
                    }
                    other => Err(Wrong(format!("the server's close: {other:?}"))),
                }
            }
            End::Vanished => {
                // Half of them with an answer under way, half of those by a reset.
                if self.dice.between(0, 1) == 0 {
                    ws.send(&vec![7; self.dice.between(1, 100_000)]).await?;
                    if self.dice.between(0, 1) == 0 {
                        let reset = ws.get_ref().get_ref().tcp().set_zero_linger();
                        reset.map_err(|error| Wrong(error.to_string()))?;
                    }
                }
                Ok(())
            }
            End::Breach => {
                // A frame without a mask (RFC 6455 §5.1).
                let sent = ws.get_ref().get_ref().tcp().try_write(b"\x81\x02hi");
                if !matches!(sent, Ok(4)) {
                    return Err(Wrong(format!("the broken frame: {sent:?}")));
                }
                let rest = ws.recv().await;
                let outcome = ws.outcome();
                match &outcome {
                    Some(told) if told.code() == CloseCode::PROTOCOL_ERROR => Ok(()),
                    _ => Err(Wrong(format!(
                        "the answer to a breach: {rest:?}, {outcome:?}"
                    ))),
                }
            }
            End::Wrong => Err(Wrong("no roll gives this ending".into())),
        }
    }
}

/// What comes next that is not a keepalive ping of the server's.
async fn pong_or_message(ws: &mut WebSocket) -> Result<Option<Event<Message>>, ConnectionError> {
    loop {
        match ws.recv_event().await? {
            Some(Event::Ping(_)) => {}
            other => return Ok(other),
        }
    }
}
