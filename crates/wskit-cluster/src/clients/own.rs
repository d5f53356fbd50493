//! Our own clients: they keep their positions, publish again what was not acknowledged, and go to another
//! node when theirs is gone.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wskit::{BoxError, CloseCode, Config, Connector, Keepalive, SocketOptions, WebSocket};

use super::{Order, Work};
use crate::log::{How, Log, What};
use crate::protocol::Wish;
use crate::random::Random;
use crate::topics::SECRET;

type Ws = WebSocket<wskit::ClientStream>;

/// What a client of ours is to do.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) name: String,
    pub(super) urls: Arc<[String]>,
    pub(super) topics: Vec<String>,
    /// Where it is present.
    pub(super) enters: Option<String>,
    pub(super) knows_secret: bool,
    /// How it publishes, if it does.
    pub(super) work: Option<Work>,
    pub(super) random: Random,
    pub(super) log: Arc<Log>,
}

/// Its state beyond connections.
struct State {
    own: Own,
    positions: HashMap<String, String>,
    /// What was given with each subscription that is not answered.
    asked: HashMap<String, Option<String>>,
    pending: HashMap<String, Pending>,
    /// What is to be sent, and when.
    due: VecDeque<(Instant, Wish)>,
    next: Instant,
    number: u64,
    is_stopped: bool,
}

struct Pending {
    topic: String,
    pad: usize,
    sent: Instant,
}

/// Why a connection has ended.
enum End {
    Lost,
    Bye,
}

/// After so long without an answer it is published again.
const PATIENCE: Duration = Duration::from_secs(15);

impl Own {
    /// Runs until it is told to end.
    pub(super) async fn run(mut self, mut orders: Receiver<Order>) {
        let mut node = self.random.below(self.urls.len() as u64) as usize;
        let first = self.random.below(1000);
        let mut state = State {
            next: Instant::now() + Duration::from_millis(first),
            own: self,
            positions: HashMap::new(),
            asked: HashMap::new(),
            pending: HashMap::new(),
            due: VecDeque::new(),
            number: 0,
            is_stopped: false,
        };
        loop {
            let url = state.own.urls[node % state.own.urls.len()].clone();
            node += 1;
            if let Ok(ws) = state.connect(&url).await {
                state.add(What::Open { node: url });
                let end = state.talk(ws, &mut orders).await;
                if let End::Bye = end {
                    state.add(What::Bye);
                    return;
                }
                state.add(What::Lost);
            }
            let pause = 100 + state.own.random.below(400);
            let until = Instant::now() + Duration::from_millis(pause);
            // Orders count without a connection too.
            loop {
                tokio::select! {
                    () = sleep_until(until) => break,
                    order = orders.recv() => if let Some(End::Bye) = state.order(order).await {
                        state.add(What::Bye);
                        return;
                    },
                }
            }
        }
    }
}

impl State {
    fn add(&self, what: What) {
        self.own.log.add(&self.own.name, what);
    }

    async fn connect(&self, url: &str) -> Result<Ws, BoxError> {
        let secret = if self.own.knows_secret {
            "&secret=1"
        } else {
            ""
        };
        let url = format!("{url}/own?name={}{secret}", self.own.name);
        let keepalive = Keepalive {
            every: Duration::from_secs(2),
            answer_within: Duration::from_secs(5),
        };
        let config = Config::new().keepalive(Some(keepalive));
        let connector = Connector::new()
            .config(config)
            .socket_options(SocketOptions::new().receive_buffer(16 << 10));
        let (ws, _) = timeout(Duration::from_secs(5), connector.connect(&url)).await??;
        Ok(ws)
    }

    fn later(&mut self, millis: u64, wish: Wish) {
        let at = Instant::now() + Duration::from_millis(millis);
        self.due.push_back((at, wish));
    }

    fn subscribe(&mut self, topic: &str, millis: u64) {
        let after = self.positions.get(topic).cloned();
        self.asked.insert(topic.to_owned(), after.clone());
        let topic = topic.to_owned();
        self.later(millis, Wish::Subscribe { topic, after });
    }

    /// Does its work on one connection.
    async fn talk(&mut self, mut ws: Ws, orders: &mut Receiver<Order>) -> End {
        self.due.clear();
        for topic in self.own.topics.clone() {
            self.subscribe(&topic, 0);
        }
        if let Some(topic) = self.own.enters.clone() {
            self.later(0, Wish::Enter { topic });
        }
        let again: Vec<_> = self.pending.keys().cloned().collect();
        for id in again {
            self.publish(&id, 0);
        }
        loop {
            let due = self.due.iter().map(|(at, _)| *at).min();
            let work = (self.own.work.is_some() && !self.is_stopped).then_some(self.next);
            let wake = due.into_iter().chain(work).min();
            let wake = wake.unwrap_or_else(|| Instant::now() + Duration::from_secs(1));
            tokio::select! {
                message = ws.recv() => match message {
                    Ok(Some(message)) => {
                        let value = message.as_text().and_then(|text| serde_json::from_str(text).ok());
                        self.told(&value.unwrap_or_default());
                    }
                    _ => return End::Lost,
                },
                () = sleep_until(wake) => {
                    self.work();
                    if self.send(&mut ws).await.is_err() {
                        return End::Lost;
                    }
                }
                order = orders.recv() => match self.order(order).await {
                    Some(End::Bye) => {
                        let _ = ws.close(CloseCode::NORMAL, "bye").await;
                        return End::Bye;
                    }
                    Some(End::Lost) => return End::Lost,
                    None => {}
                },
            }
        }
    }

    /// Obeys an order, unless it is for others.
    async fn order(&mut self, order: Result<Order, RecvError>) -> Option<End> {
        match order {
            Ok(Order::Stop) => self.is_stopped = true,
            Ok(Order::Stall(name, time)) if name == self.own.name => sleep(time).await,
            Ok(Order::Bye(name)) if name == self.own.name => return Some(End::Bye),
            Ok(Order::Revoke) if self.own.knows_secret => {
                let topic = SECRET.to_owned();
                self.later(0, Wish::Revoke { topic });
            }
            Ok(Order::Absent(name)) if name == self.own.name => {
                if let Some(topic) = self.own.enters.clone() {
                    self.later(
                        0,
                        Wish::Leave {
                            topic: topic.clone(),
                        },
                    );
                    self.later(3000, Wish::Enter { topic });
                }
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Some(End::Bye),
        }
        None
    }

    /// Publishes something new, if it is time, and again what was not answered.
    fn work(&mut self) {
        let now = Instant::now();
        let late = self
            .pending
            .iter()
            .filter(|(_, pending)| pending.sent + PATIENCE < now);
        let late: Vec<_> = late.map(|(id, _)| id.clone()).collect();
        for id in late {
            self.publish(&id, 0);
        }
        let Some(work) = &self.own.work else {
            return;
        };
        if self.is_stopped || now < self.next {
            return;
        }
        let random = &mut self.own.random;
        let wait = work.every.as_micros() as u64;
        self.next = now + Duration::from_micros(wait / 2 + random.below(wait));
        if self.pending.len() >= 20 {
            return;
        }
        // One topic is busier than the others, and has large messages.
        let is_hot = random.below(4) == 0;
        let topic = if is_hot {
            &work.topics[0]
        } else {
            random.of(&work.topics)
        };
        let pad = if is_hot {
            500 + random.below(3000)
        } else {
            random.below(200)
        };
        let id = format!("{}#{}", self.own.name, self.number);
        self.number += 1;
        let pending = Pending {
            topic: topic.clone(),
            pad: pad as usize,
            sent: now,
        };
        self.pending.insert(id.clone(), pending);
        self.publish(&id, 0);
    }

    fn publish(&mut self, id: &str, millis: u64) {
        let Some(pending) = self.pending.get_mut(id) else {
            return;
        };
        pending.sent = Instant::now();
        let (topic, pad) = (pending.topic.clone(), pending.pad);
        let id = id.to_owned();
        self.later(millis, Wish::Publish { topic, id, pad });
    }

    /// Sends what is due.
    async fn send(&mut self, ws: &mut Ws) -> Result<(), BoxError> {
        let now = Instant::now();
        for _ in 0..self.due.len() {
            let Some((at, wish)) = self.due.pop_front() else {
                break;
            };
            if at > now {
                self.due.push_back((at, wish));
                continue;
            }
            if let Wish::Publish { topic, id, .. } = &wish {
                let (topic, id) = (topic.clone(), id.clone());
                self.add(What::Try { topic, id });
            }
            ws.send(serde_json::to_string(&wish)?).await?;
        }
        Ok(())
    }

    /// It was told something by its node.
    fn told(&mut self, value: &Value) {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let names = || {
            let names = value["names"].as_array().into_iter().flatten();
            names
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect()
        };
        let topic = text("topic");
        let what = match text("ev").as_str() {
            "sub" => {
                let how = match text("how").as_str() {
                    "all" => How::All,
                    "fresh" => How::Fresh,
                    _ => How::Gap,
                };
                if how != How::All {
                    self.positions.insert(topic.clone(), text("pos"));
                }
                What::Sub {
                    after: self.asked.remove(&topic).flatten(),
                    topic,
                    how,
                    pos: text("pos"),
                    past: value["past"].as_u64(),
                }
            }
            "msg" => {
                let (pos, id) = (text("pos"), text("id"));
                self.positions.insert(topic.clone(), pos.clone());
                What::Msg { topic, pos, id }
            }
            "gap" => {
                let pos = text("pos");
                self.positions.insert(topic.clone(), pos.clone());
                What::Gap { topic, pos }
            }
            "unsub" => {
                self.subscribe(&topic, 50);
                What::Unsub { topic }
            }
            "nosub" => return self.subscribe(&topic, 500),
            "denied" => What::Denied { topic },
            "here" => What::Here {
                topic,
                names: names(),
            },
            "join" => What::Join {
                topic,
                name: text("name"),
            },
            "left" => What::Left {
                topic,
                name: text("name"),
            },
            "enter" => What::Enter { topic, name: None },
            "noenter" => return self.later(500, Wish::Enter { topic }),
            "leave" => What::Leave { topic },
            "ack" => {
                let id = text("id");
                self.pending.remove(&id);
                let pos = Some(text("pos"));
                What::Ack { topic, id, pos }
            }
            "fail" => {
                let (id, why) = (text("id"), text("why"));
                self.publish(&id, 500);
                What::Fail { topic, id, why }
            }
            _ => return,
        };
        self.add(what);
    }
}
