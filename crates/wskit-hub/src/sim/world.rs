mod actions;
mod rest;

use std::collections::HashMap;
use std::fmt::Debug;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::check::{Asked, Checker};
use super::engine::{Cluster, Fate, UNORDERED};
use super::hub::{DIRECTORIES, FAST, Hub, Out, SHARDS, Socket, topic};
use super::op::{Kind, Op};
use super::{Kind as Mode, Of};
use crate::core::{Answer, Input, ShardId, Slot};
use crate::position::{Position, Since};
use crate::publication::Publication;
use crate::rules::{History, Rules, Slow};
use actions::answer;
use rest::bytes;

/// Hubs, an engine and clients.
pub(super) struct World {
    hubs: Vec<Hub>,
    cluster: Option<Cluster>,
    topics: Vec<(String, Rules)>,
    pub(super) clients: Vec<Client>,
    checker: Checker,
    now: Instant,
    calls: HashMap<u64, Call>,
    asked: HashMap<u64, Asked>,
    /// What calls to subscribe were answered.
    subscribed: HashMap<u64, String>,
    next_call: u64,
    next_payload: u64,
    /// What was published under a name.
    named: Vec<(usize, String)>,
    /// Bytes at the beginning.
    idle: Vec<usize>,
}

#[derive(Debug)]
pub(super) struct Client {
    hub: usize,
    shard: ShardId,
    slot: Slot,
    pub(super) socket: Rc<Socket>,
    is_attached: bool,
    /// The topics that it wants, and by which call.
    wants: HashMap<usize, u64>,
    /// The calls up to this one are undone.
    unwanted: HashMap<usize, u64>,
    /// The topics that it is present in, and as whom.
    entered: HashMap<usize, String>,
}

#[derive(Debug)]
enum Call {
    Publish {
        hub: usize,
        topic: usize,
        payload: String,
    },
    Subscribe {
        client: usize,
        topic: usize,
    },
    History {
        hub: usize,
        topic: usize,
    },
    Present,
}

/// Clients that are connected at the same time.
const CLIENTS: usize = 6;

fn topics() -> Vec<(String, Rules)> {
    let stream = |last| Rules::stream(History::last(last));
    let half_a_minute = History::last(6).within(Duration::from_secs(30));
    let topics = [
        ("chat", stream(8).presence()),
        (
            "log",
            Rules::stream(half_a_minute).slow(Slow::DropOldest(2)),
        ),
        ("price", Rules::latest()),
        (
            "ordered",
            Rules::live().slow(Slow::DropOldest(3)).presence(),
        ),
        (UNORDERED, Rules::live().slow(Slow::Disconnect)),
        ("strict", stream(5).slow(Slow::Disconnect)),
        ("newest", stream(8).slow(Slow::Latest)),
    ];
    topics.map(|(name, rules)| (name.to_owned(), rules)).into()
}

impl World {
    pub(super) fn new(of: Of) -> Self {
        let nodes = match of.kind {
            Mode::Embedded => 1,
            Mode::Cluster => 3,
        };
        let mut topics = topics();
        topics.rotate_left(usize::from(of.topics.0) % 7);
        topics.truncate(usize::from(of.topics.1));
        let cluster = (of.kind == Mode::Cluster).then(|| Cluster::new(nodes));
        let seeds = 1..=nodes as u64;
        let mut hubs: Vec<_> = seeds
            .map(|seed| Hub::new(seed, cluster.is_some()))
            .collect();
        let idle = hubs.iter_mut().map(bytes).collect();
        Self {
            hubs,
            cluster,
            topics,
            clients: Vec::new(),
            checker: Checker::default(),
            now: Instant::now(),
            calls: HashMap::new(),
            asked: HashMap::new(),
            subscribed: HashMap::new(),
            next_call: 0,
            next_payload: 0,
            named: Vec::new(),
            idle,
        }
    }

    /// Topics of hubs without an engine are not the same.
    fn scope(&self, hub: usize) -> usize {
        if self.cluster.is_some() { 0 } else { hub }
    }

    fn call(&mut self, call: Call) -> u64 {
        self.next_call += 1;
        self.calls.insert(self.next_call, call);
        self.next_call
    }

    /// Returns a client that is attached.
    fn client(&self, a: u8) -> Option<usize> {
        let attached = (0..self.clients.len()).filter(|i| self.clients[*i].is_attached);
        let attached: Vec<_> = attached.collect();
        attached
            .get(usize::from(a) % attached.len().max(1))
            .copied()
    }

    /// Carries out an operation.
    pub(super) fn operate(&mut self, op: Op, log: &mut dyn FnMut(String)) -> Result<(), String> {
        let (a, b, c) = (usize::from(op.a), usize::from(op.b), usize::from(op.c));
        let is_of_client = matches!(
            op.kind,
            Kind::Detach
                | Kind::Die
                | Kind::Subscribe
                | Kind::Again
                | Kind::Unsubscribe
                | Kind::Room
                | Kind::Enter
                | Kind::Leave
        );
        let client = self.client(op.a).filter(|_| is_of_client);
        let hub = client.map_or(a % self.hubs.len(), |client| self.clients[client].hub);
        let t = b % self.topics.len();
        let (name, rules) = self.topics[t].clone();
        let directory = t % DIRECTORIES;
        let now = self.now;
        let mut out = Out::default();
        let mut note = |text: &dyn Debug| log(format!("{:?}: {text:?}", op.kind));
        match op.kind {
            Kind::Attach => {
                let over = |client: &Client| client.is_attached && client.socket.is_over.get();
                if let Some(client) = self.clients.iter().position(over) {
                    let mut out = Out::default();
                    self.detach(client, &mut out);
                    self.settle(self.clients[client].hub, out, log)?;
                }
                let mut note = |text: &dyn Debug| log(format!("{:?}: {text:?}", op.kind));
                let attached = self.clients.iter().filter(|client| client.is_attached);
                if attached.count() < CLIENTS {
                    note(&format!("client {} at hub {hub}", self.clients.len()));
                    self.attach(hub, b % SHARDS, if c % 2 == 0 { c % 8 } else { FAST });
                }
            }
            Kind::Detach => {
                if let Some(client) = client {
                    note(&client);
                    self.detach(client, &mut out);
                }
            }
            Kind::Die => {
                if let Some(client) = client {
                    note(&client);
                    let Client { shard, slot, .. } = self.clients[client];
                    let input = if c % 2 == 0 {
                        self.clients[client].socket.is_over.set(true);
                        Input::Room { slot }
                    } else {
                        let code = wskit_proto::CloseCode::NORMAL;
                        Input::Close {
                            slot,
                            code,
                            reason: "",
                        }
                    };
                    let hub = self.clients[client].hub;
                    self.hubs[hub].send(shard, input);
                }
            }
            Kind::Subscribe | Kind::Again => {
                if let Some(client) = client {
                    let last = self.checker.session(client, &name).and_then(|s| s.last);
                    // A client that comes back knows what another one has seen.
                    let elsewhere = (0..self.clients.len()).rev();
                    let mut elsewhere =
                        elsewhere.filter_map(|i| self.checker.session(i, &name)?.last);
                    let since = match c % 8 {
                        0 => Since::Now,
                        1 => Since::Start,
                        2..=4 => elsewhere.nth(c / 8 % 4).map_or(Since::Start, Since::After),
                        5 => Since::After(Position {
                            epoch: crate::position::Epoch::new(u64::from(op.c)),
                            offset: u64::from(op.c) / 16,
                        }),
                        _ => last.map_or(Since::Start, Since::After),
                    };
                    note(&(client, &name, since));
                    if op.kind == Kind::Again {
                        self.unsubscribe(client, t, &mut out);
                    }
                    self.subscribe(client, t, since, &mut out);
                }
            }
            Kind::Unsubscribe => {
                if let Some(client) = client {
                    note(&(client, &name));
                    self.unsubscribe(client, t, &mut out);
                }
            }
            Kind::Room => {
                if let Some(client) = client {
                    note(&(client, b % 8));
                    let socket = &self.clients[client].socket;
                    if socket.room.get() != FAST {
                        socket.room.set(b % 8);
                    }
                    self.room(client);
                }
            }
            Kind::Publish => {
                let mut named = None;
                let payload = match self.named.get(c % 64) {
                    // Again, under the same name.
                    Some((of, payload)) if *of == t => {
                        named = Some(payload.clone());
                        payload.clone()
                    }
                    _ => {
                        self.next_payload += 1;
                        let payload = format!("m{}", self.next_payload);
                        if c % 4 == 0 {
                            self.named.push((t, payload.clone()));
                            named = Some(payload.clone());
                        }
                        payload
                    }
                };
                note(&(hub, &name, &payload, named.is_some()));
                let mut publication = Publication::text(payload.clone());
                if let Some(name) = named {
                    publication = publication.id(name);
                }
                let call = self.call(Call::Publish {
                    hub,
                    topic: t,
                    payload,
                });
                let published = self.hubs[hub].with(directory, &mut out, |directory, out| {
                    let topic = topic(directory, &name, &rules, now)?;
                    directory.publish(topic, publication, || call, now, out)
                });
                answer(
                    &mut out,
                    call,
                    published,
                    |position| Answer::Published(Ok(position)),
                    |error| Answer::Published(Err(error)),
                );
            }
            Kind::Enter => {
                if let Some(client) = client {
                    let identity = format!("i{}", c % 4);
                    note(&(client, &name, &identity));
                    self.enter(client, t, &identity, &mut out)?;
                }
            }
            Kind::Leave => {
                if let Some(client) = client {
                    note(&(client, &name));
                    self.leave(client, t, &mut out);
                }
            }
            Kind::Turn => {
                note(&(hub, b % SHARDS, c % 8));
                let most = if c % 2 == 0 { 512 } else { c % 8 };
                self.hubs[hub].turn(b % SHARDS, most, now, &mut out);
            }
            Kind::Advance => {
                let millis = [10, 100, 500, 1000, 2000, 5000, 21_000, 75_000];
                let millis = millis[c % 8].min(if a % 4 == 0 { u64::MAX } else { 2000 });
                note(&millis);
                self.advance(Duration::from_millis(millis), log)?;
            }
            Kind::History => {
                let since = match c % 3 {
                    0 => Since::Now,
                    1 => Since::Start,
                    _ => {
                        let mut seen = (0..self.clients.len())
                            .filter_map(|i| self.checker.session(i, &name)?.last);
                        seen.next().map_or(Since::Start, Since::After)
                    }
                };
                note(&(hub, &name, since));
                let call = self.call(Call::History { hub, topic: t });
                let page = self.hubs[hub].with(directory, &mut out, |directory, out| {
                    let topic = topic(directory, &name, &rules, now)?;
                    directory.history(topic, since, 3, || call, now, out)
                });
                answer(
                    &mut out,
                    call,
                    page,
                    |page| Answer::History(Ok(page)),
                    |error| Answer::History(Err(error)),
                );
            }
            Kind::Present => {
                note(&(hub, &name));
                self.present(hub, t, &mut out);
            }
            Kind::Shed => {
                note(&hub);
                for number in 0..DIRECTORIES {
                    let now = self.now;
                    self.hubs[hub].directory(number).forget(now, 1 + c * 8);
                }
            }
            _ if self.cluster.is_none() => {}
            Kind::Commands => {
                note(&(hub, 1 + c % 8));
                for _ in 0..=c % 8 {
                    self.command(hub, Fate::Done);
                }
            }
            Kind::Fail => {
                note(&(hub, c % 2));
                self.command(
                    hub,
                    if c % 2 == 0 {
                        Fate::Refused
                    } else {
                        Fate::Unanswered
                    },
                );
            }
            Kind::Events => {
                note(&(hub, 1 + b % 8, c % 4));
                for i in 0..=b % 8 {
                    self.event(hub, c >> i & 1 == 0, log)?;
                }
            }
            fault => {
                note(&(hub, &name, c));
                self.fault(fault, hub, &name, b, c);
            }
        }
        self.settle(hub, out, log)
    }
}
