//! Clients of Centrifugo's protocol, by the crate `centrifuge-client`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use centrifuge::{Client, Error, EventDelivery, Protocol, StreamPosition};
use tokio::sync::broadcast::Receiver;
use tokio::time::{sleep, timeout};

use super::{Order, Work};
use crate::log::{How, Log, What, now};
use crate::protocol::id_of;
use crate::random::Random;

/// What such a client is to do.
#[derive(Debug)]
pub(super) struct Centrifuge {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) is_binary: bool,
    pub(super) topics: Vec<String>,
    pub(super) work: Option<Work>,
    pub(super) random: Random,
    pub(super) log: Arc<Log>,
}

/// The id of the connection, by which the client is present.
type Id = Arc<Mutex<String>>;

/// A position as it is in logs.
fn show(position: &StreamPosition) -> String {
    format!("{}-{}", position.epoch, position.offset)
}

impl Centrifuge {
    fn client(&self) -> Result<Client, Error> {
        let add = |what: fn(&str) -> What| {
            let (log, name, url) = (self.log.clone(), self.name.clone(), self.url.clone());
            move || log.add(&name, what(&url))
        };
        let id: Id = Arc::default();
        let (opened, known) = (
            add(|url| What::Open {
                node: url.to_owned(),
            }),
            id.clone(),
        );
        let (lost, ended) = (add(|_| What::Lost), add(|_| What::Lost));
        let is_first = Mutex::new(true);
        // For people who look for the cause of a violation.
        let (named, again, last) = (self.name.clone(), self.name.clone(), self.name.clone());
        let protocol = if self.is_binary {
            Protocol::Protobuf
        } else {
            Protocol::Json
        };
        let client = Client::builder(format!("{}/connection/websocket", self.url))
            .protocol(protocol)
            .name(self.name.clone())
            .token(self.name.clone())
            .min_reconnect_delay(Duration::from_millis(100))
            .max_reconnect_delay(Duration::from_secs(1))
            .event_delivery(EventDelivery::Inline)
            .on_connected(move |_, event| {
                *known.lock().unwrap_or_else(PoisonError::into_inner) = event.client_id;
                opened();
            })
            .on_error(move |_, event| eprintln!("{} {named}: {:?}", now(), event.error))
            .on_connecting(move |_, event| {
                eprintln!(
                    "{} {again}: connecting: {} {}",
                    now(),
                    event.code,
                    event.reason
                );
                let mut is_first = is_first.lock().unwrap_or_else(PoisonError::into_inner);
                if !std::mem::take(&mut *is_first) {
                    lost();
                }
            })
            .on_disconnected(move |_, event| {
                eprintln!(
                    "{} {last}: disconnected: {} {}",
                    now(),
                    event.code,
                    event.reason
                );
                ended();
            })
            .build()?;
        for topic in &self.topics {
            self.subscribe(&client, topic, id.clone())?;
        }
        client.connect()?;
        Ok(client)
    }

    fn subscribe(&self, client: &Client, topic: &str, id: Id) -> Result<(), Error> {
        /// The position of the last message that was delivered.
        type Last = Arc<Mutex<Option<StreamPosition>>>;
        let last: Last = Arc::default();
        let at = last.clone();
        let told = (self.log.clone(), self.name.clone(), topic.to_owned());
        let got = told.clone();
        let ended = told.clone();
        client
            .new_subscription(topic)
            .recoverable(true)
            .min_resubscribe_delay(Duration::from_millis(100))
            .max_resubscribe_delay(Duration::from_secs(1))
            .on_subscribed(move |_, event| {
                let (log, name, topic) = &told;
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                let position = event
                    .stream_position
                    .unwrap_or_else(|| StreamPosition::new(0, "?"));
                let how = match (event.was_recovering, event.recovered) {
                    (true, true) => How::All,
                    (true, false) => How::Gap,
                    (false, _) => How::Fresh,
                };
                log.add(
                    name,
                    What::Sub {
                        topic: topic.clone(),
                        how,
                        after: last.as_ref().map(show),
                        pos: show(&position),
                        past: None,
                    },
                );
                if how != How::All {
                    *last = Some(position);
                }
                let id = id.lock().unwrap_or_else(PoisonError::into_inner).clone();
                log.add(
                    name,
                    What::Enter {
                        topic: topic.clone(),
                        name: Some(id),
                    },
                );
            })
            .on_publication(move |_, event| {
                let (log, name, topic) = &got;
                let mut last = at.lock().unwrap_or_else(PoisonError::into_inner);
                // Publications tell their offset alone.
                let epoch = last.as_ref().map_or("?", |last| &last.epoch).to_owned();
                let position = StreamPosition::new(event.offset, epoch);
                log.add(
                    name,
                    What::Msg {
                        topic: topic.clone(),
                        pos: show(&position),
                        id: id_of(&event.data),
                    },
                );
                *last = Some(position);
            })
            .on_subscribing(move |_, event| {
                // From 2500 on the server has ended it, for now.
                if event.code >= 2500 {
                    let (log, name, topic) = &ended;
                    log.add(
                        name,
                        What::Unsub {
                            topic: topic.clone(),
                        },
                    );
                }
            })
            .build()?
            .subscribe();
        Ok(())
    }

    /// Runs until it is told to end.
    pub(super) async fn run(mut self, mut orders: Receiver<Order>) {
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => return eprintln!("{}: {error}", self.name),
        };
        let (mut number, mut is_stopped) = (0, false);
        let every = self
            .work
            .as_ref()
            .map_or(Duration::MAX, |work| work.every)
            .as_micros() as u64;
        loop {
            let pause = Duration::from_micros((every / 2).saturating_add(self.random.below(every)));
            tokio::select! {
                order = orders.recv() => match order {
                    Ok(Order::Stop) => is_stopped = true,
                    Ok(Order::Bye(name)) if name == self.name => break,
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => break,
                    _ => {}
                },
                () = sleep(pause), if self.work.is_some() && !is_stopped => {
                    self.publish(&client, number).await;
                    number += 1;
                }
            }
        }
        let _ = timeout(Duration::from_secs(2), client.close()).await;
        self.log.add(&self.name, What::Bye);
    }

    /// Publishes a message. One that fails is not published again: the protocol has no names for messages.
    async fn publish(&mut self, client: &Client, number: u64) {
        let Some(work) = &self.work else {
            return;
        };
        let topic = self.random.of(&work.topics).clone();
        let id = format!("{}#{number}", self.name);
        let data = serde_json::json!({"id": id, "pad": ""}).to_string();
        self.log.add(
            &self.name,
            What::Try {
                topic: topic.clone(),
                id: id.clone(),
            },
        );
        let what = match client.publish(&topic, data).await {
            Ok(()) => What::Ack {
                topic,
                id,
                pos: None,
            },
            Err(error) => {
                let why = error.to_string();
                What::Fail { topic, id, why }
            }
        };
        self.log.add(&self.name, what);
    }
}
