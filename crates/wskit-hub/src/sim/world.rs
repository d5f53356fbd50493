use std::collections::{BTreeSet, HashMap};
use std::fmt::Debug;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::Kind as Of;
use super::check::{Asked, Checker};
use super::engine::{Cluster, Fate, UNORDERED};
use super::hub::{DIRECTORIES, FAST, Hub, Out, SHARDS, Socket, topic};
use super::op::{Kind, Op};
use crate::core::{Answer, Input, ShardId, Slot, Subscribe};
use crate::error::Error;
use crate::member::Member;
use crate::position::{Position, Since};
use crate::publication::Publication;
use crate::rules::{History, Rules, Slow};
use crate::wire::WireId;

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
    Present {
        hub: usize,
        topic: usize,
    },
}

/// Clients that are connected at the same time.
const CLIENTS: usize = 12;
/// The most commands that an engine is given before all has come to rest.
const RESTLESS: u64 = 20_000;

fn topics() -> Vec<(String, Rules)> {
    let stream = |last| Rules::stream(History::last(last));
    let half_a_minute = History::last(6).within(Duration::from_secs(30));
    let topics = [
        ("chat", stream(4).presence()),
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
        ("strict", stream(3).slow(Slow::Disconnect)),
        ("newest", stream(8).slow(Slow::Latest)),
    ];
    topics.map(|(name, rules)| (name.to_owned(), rules)).into()
}

impl World {
    pub(super) fn new(of: Of) -> Self {
        let nodes = match of {
            Of::Embedded => 1,
            Of::Cluster => 3,
        };
        let cluster = (of == Of::Cluster).then(|| Cluster::new(nodes));
        let seeds = 1..=nodes as u64;
        let mut hubs: Vec<_> = seeds
            .map(|seed| Hub::new(seed, cluster.is_some()))
            .collect();
        let idle = hubs.iter_mut().map(bytes).collect();
        Self {
            hubs,
            cluster,
            topics: topics(),
            clients: Vec::new(),
            checker: Checker::default(),
            now: Instant::now(),
            calls: HashMap::new(),
            asked: HashMap::new(),
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
            Kind::Detach | Kind::Subscribe | Kind::Unsubscribe | Kind::Enter | Kind::Leave
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
                let attached = self.clients.iter().filter(|client| client.is_attached);
                if attached.count() < CLIENTS {
                    note(&format!("client {} at hub {hub}", self.clients.len()));
                    self.attach(hub, b % SHARDS, if c % 3 == 0 { c % 8 } else { FAST });
                }
            }
            Kind::Detach => {
                if let Some(client) = self.client(op.a) {
                    note(&client);
                    self.detach(client, &mut out);
                }
            }
            Kind::Die => {
                if let Some(client) = self.client(op.a) {
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
            Kind::Subscribe => {
                if let Some(client) = self.client(op.a) {
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
                    self.subscribe(client, t, since, &mut out);
                }
            }
            Kind::Unsubscribe => {
                if let Some(client) = self.client(op.a) {
                    note(&(client, &name));
                    let Client {
                        hub, shard, slot, ..
                    } = self.clients[client];
                    self.clients[client].wants.remove(&t);
                    self.clients[client].unwanted.insert(t, self.next_call);
                    self.hubs[hub].with(directory, &mut out, |directory, out| {
                        if let Some(topic) = directory.find(&name) {
                            directory.unsubscribe(topic, shard, slot, out);
                        }
                    });
                }
            }
            Kind::Room => {
                if let Some(client) = self.client(op.a) {
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
                if let Some(client) = self.client(op.a) {
                    let identity = format!("i{}", c % 4);
                    note(&(client, &name, &identity));
                    self.enter(client, t, &identity, &mut out)?;
                }
            }
            Kind::Leave => {
                if let Some(client) = self.client(op.a) {
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
                    self.hubs[hub].directory(number).forget(1 + c * 8);
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

    fn attach(&mut self, hub: usize, shard: usize, room: usize) {
        let shard = ShardId(shard as u16);
        let slot = self.hubs[hub].seat(shard);
        let socket = Rc::new(Socket {
            client: self.clients.len(),
            room: room.into(),
            waits: false.into(),
            is_over: false.into(),
            closed: None.into(),
            writes: 0.into(),
            taken: Vec::new().into(),
        });
        let wire = WireId((self.clients.len() % 2) as u8);
        let connection = socket.clone();
        self.hubs[hub].send(
            shard,
            Input::Attach {
                slot,
                wire,
                connection,
            },
        );
        self.clients.push(Client {
            hub,
            shard,
            slot,
            socket,
            is_attached: true,
            wants: HashMap::new(),
            unwanted: HashMap::new(),
            entered: HashMap::new(),
        });
    }

    fn detach(&mut self, client: usize, out: &mut Out) {
        self.gone(client, out);
        let Client {
            hub, shard, slot, ..
        } = self.clients[client];
        self.clients[client].is_attached = false;
        self.hubs[hub].send(shard, Input::Detach { slot });
    }

    /// What a client was is over.
    fn gone(&mut self, client: usize, out: &mut Out) {
        self.clients[client].wants.clear();
        let topics: Vec<_> = self.clients[client].entered.keys().copied().collect();
        for t in topics {
            self.leave(client, t, out);
        }
    }

    fn subscribe(&mut self, client: usize, t: usize, since: Since, out: &mut Out) {
        let (name, rules) = self.topics[t].clone();
        let Client {
            hub, shard, slot, ..
        } = self.clients[client];
        let call = self.call(Call::Subscribe { client, topic: t });
        if self.clients[client].socket.is_over.get() {
            out.answers
                .push((call, Answer::Subscribed(Err(Error::Closed))));
            return;
        }
        let after = match since {
            Since::After(position) => Some(position),
            _ => None,
        };
        let is_latest = rules == Rules::latest();
        let asked = Asked {
            client,
            scope: self.scope(hub),
            after,
            is_latest,
            is_exact: self.cluster.is_none() && !is_latest && !rules.presence,
        };
        self.asked.insert(call, asked);
        let wire = WireId((client % 2) as u8);
        let subscribe = Subscribe {
            shard,
            slot,
            wire,
            since,
            call,
        };
        let now = self.now;
        self.hubs[hub].with(t % DIRECTORIES, out, |directory, out| {
            let topic = topic(directory, &name, &rules, now).unwrap();
            directory.subscribe(topic, subscribe, now, out);
        });
    }

    fn enter(
        &mut self,
        client: usize,
        t: usize,
        identity: &str,
        out: &mut Out,
    ) -> Result<(), String> {
        let (name, rules) = self.topics[t].clone();
        if self.clients[client].socket.is_over.get() {
            return Ok(());
        }
        let (hub, now) = (self.clients[client].hub, self.now);
        let member = Member::new(identity);
        let entered = self.hubs[hub].with(t % DIRECTORIES, out, |directory, out| {
            let topic = topic(directory, &name, &rules, now)?;
            directory.enter(topic, member, now, out)
        });
        match entered {
            Ok(()) => {
                let before = self.clients[client].entered.insert(t, identity.to_owned());
                if let Some(before) = before {
                    self.leave_as(hub, t, &before, out);
                }
                Ok(())
            }
            Err(Error::NoPresence) if !rules.presence => Ok(()),
            Err(error) => Err(format!("entering: {error}")),
        }
    }

    fn leave(&mut self, client: usize, t: usize, out: &mut Out) {
        if let Some(identity) = self.clients[client].entered.remove(&t) {
            self.leave_as(self.clients[client].hub, t, &identity, out);
        }
    }

    fn leave_as(&mut self, hub: usize, t: usize, identity: &str, out: &mut Out) {
        let (name, now) = (self.topics[t].0.clone(), self.now);
        self.hubs[hub].with(t % DIRECTORIES, out, |directory, out| {
            if let Some(topic) = directory.find(&name) {
                directory.leave(topic, identity, now, out);
            }
        });
    }

    fn present(&mut self, hub: usize, t: usize, out: &mut Out) {
        let (name, rules) = self.topics[t].clone();
        let now = self.now;
        let call = self.call(Call::Present { hub, topic: t });
        let present = self.hubs[hub].with(t % DIRECTORIES, out, |directory, out| {
            let topic = topic(directory, &name, &rules, now)?;
            directory.present(topic, || call, now, out)
        });
        answer(
            out,
            call,
            present,
            |present| Answer::Present(Ok(present)),
            |error| Answer::Present(Err(error)),
        );
    }

    /// The connection tells that it has room, if it was asked to.
    fn room(&mut self, client: usize) {
        let Client {
            hub, shard, slot, ..
        } = self.clients[client];
        let socket = &self.clients[client].socket;
        if socket.room.get() > 0 && socket.waits.replace(false) {
            self.hubs[hub].send(shard, Input::Room { slot });
        }
    }

    fn command(&mut self, hub: usize, fate: Fate) -> bool {
        let cluster = self.cluster.as_mut().unwrap();
        cluster.carry_out(hub, fate)
    }

    /// An answer or another event reaches a hub.
    fn event(
        &mut self,
        hub: usize,
        answers_first: bool,
        log: &mut dyn FnMut(String),
    ) -> Result<bool, String> {
        let link = &mut self.cluster.as_mut().unwrap().links[hub];
        let (first, second) = if answers_first {
            (&mut link.answers, &mut link.events)
        } else {
            (&mut link.events, &mut link.answers)
        };
        let Some(event) = first.pop_front().or_else(|| second.pop_front()) else {
            return Ok(false);
        };
        log(format!("    to hub {hub}: {event:?}"));
        use crate::engine::EngineEvent as E;
        let number = match &event {
            E::Done { id, .. } => {
                Some(crate::core::Directory::<super::hub::Sim>::number_of_request(*id))
            }
            E::Published { topic, .. } | E::Joined { topic, .. } | E::Left { topic, .. } => {
                let t = self.topics.iter().position(|(name, _)| **name == **topic);
                Some(t.unwrap() % DIRECTORIES)
            }
            _ => None,
        };
        let mut out = Out::default();
        let now = self.now;
        for directory in number.map_or(0..DIRECTORIES, |number| number..number + 1) {
            let event = event.clone();
            self.hubs[hub].with(directory, &mut out, |directory, out| {
                directory.handle_event(event, now, out);
            });
        }
        self.settle(hub, out, log)?;
        Ok(true)
    }

    fn fault(&mut self, fault: Kind, hub: usize, name: &str, b: usize, c: usize) {
        use crate::engine::EngineEvent as E;
        let cluster = self.cluster.as_mut().unwrap();
        let events = &mut cluster.links[hub].events;
        let i = b % events.len().max(1);
        match fault {
            Kind::Lose => {
                let is_told = c % 2 == 0;
                if !matches!(events.get(i), None | Some(E::Up | E::Down)) {
                    events.remove(i);
                    if is_told {
                        events.push_back(E::Lost);
                    }
                }
            }
            Kind::Repeat => {
                // Without an order a message that comes again is a new one.
                if let Some(
                    event @ E::Published {
                        before: Some(_), ..
                    },
                ) = events.get(i).cloned()
                {
                    let at = c % (events.len() + 1);
                    events.insert(at.max(i), event);
                }
            }
            Kind::Swap => {
                let j = c % events.len().max(1);
                let may = |event: Option<&E>| matches!(event, Some(E::Published { .. }));
                if may(events.get(i)) && may(events.get(j)) {
                    events.swap(i, j);
                }
            }
            Kind::Mute => {
                let answers = &mut cluster.links[hub].answers;
                answers.remove(b % answers.len().max(1));
            }
            Kind::Down => cluster.cut(hub),
            Kind::Up => cluster.connect(hub),
            Kind::Expire => {
                if !cluster.links[hub].is_up {
                    cluster.expire(hub);
                }
            }
            Kind::Forget if c % 4 == 0 => cluster.forget(name),
            Kind::Rewind => cluster.rewind(name, c as u64 % 4),
            Kind::Restart if c % 4 == 0 => cluster.restart(),
            _ => {}
        }
    }

    /// Does what hubs have put out, and looks at what they have written.
    fn settle(
        &mut self,
        hub: usize,
        mut out: Out,
        log: &mut dyn FnMut(String),
    ) -> Result<(), String> {
        loop {
            for client in std::mem::take(&mut out.gone) {
                self.gone(client, &mut out);
            }
            if let Some(cluster) = &mut self.cluster {
                cluster.links[hub].commands.extend(out.commands.drain(..));
            }
            if out.gone.is_empty() && out.answers.is_empty() {
                break;
            }
            for (call, answer) in std::mem::take(&mut out.answers) {
                self.answered(call, answer, log)?;
            }
        }
        for client in 0..self.clients.len() {
            let texts = std::mem::take(&mut *self.clients[client].socket.taken.borrow_mut());
            for text in texts {
                log(format!("    client {client}: {text}"));
                let asked = |call| self.asked[&call];
                self.checker
                    .received(client, &text, asked)
                    .map_err(|error| format!("client {client}: {text}: {error}"))?;
            }
        }
        Ok(())
    }

    fn answered(
        &mut self,
        id: u64,
        answer: Answer,
        log: &mut dyn FnMut(String),
    ) -> Result<(), String> {
        log(format!("    call {id}: {answer:?}"));
        let Some(call) = self.calls.remove(&id) else {
            return Err(format!("call {id} was answered twice"));
        };
        match (call, answer) {
            (
                Call::Publish {
                    hub,
                    topic,
                    payload,
                },
                Answer::Published(Ok(position)),
            ) => {
                let (scope, name) = (self.scope(hub), &self.topics[topic].0);
                self.checker.acknowledged(scope, name, position, &payload)?;
            }
            (Call::Subscribe { client, topic }, Answer::Subscribed(Ok(_))) => {
                // Unless it is gone meanwhile.
                let Client {
                    is_attached,
                    unwanted,
                    ..
                } = &self.clients[client];
                if *is_attached && unwanted.get(&topic).is_none_or(|call| *call < id) {
                    self.clients[client].wants.insert(topic, id);
                }
            }
            (Call::History { hub, topic }, Answer::History(Ok((messages, top)))) => {
                let scope = self.scope(hub);
                let mut last = 0;
                for message in messages {
                    let (position, payload) = (message.position(), message.publication());
                    if position.offset <= last
                        || position.epoch != top.epoch
                        || position.offset > top.offset
                    {
                        return Err(format!("{position} in a history after {last} up to {top}"));
                    }
                    last = position.offset;
                    let payload = payload.as_text().unwrap();
                    self.checker
                        .content(scope, &self.topics[topic].0, position, payload)?;
                }
            }
            (Call::Present { .. }, Answer::Present(Ok(_))) => {}
            (
                _,
                Answer::Published(Err(error))
                | Answer::Subscribed(Err(error))
                | Answer::History(Err(error))
                | Answer::Present(Err(error)),
            ) => match error {
                Error::Engine(_) | Error::AlreadySubscribed | Error::Closed | Error::NoPresence => {
                }
                error => return Err(format!("call {id}: {error}")),
            },
            (call, answer) => return Err(format!("{call:?} was answered {answer:?}")),
        }
        Ok(())
    }

    /// Lets time pass.
    fn advance(&mut self, time: Duration, log: &mut dyn FnMut(String)) -> Result<(), String> {
        let until = self.now + time;
        for hub in 0..self.hubs.len() {
            let mut timers = 0;
            while let Some(at) = self.hubs[hub].next_timeout().filter(|at| *at <= until) {
                timers += 1;
                if timers > 1000 {
                    return Err("a timer that has always something to do".into());
                }
                let mut out = Out::default();
                self.hubs[hub].handle_timeout(at.max(self.now), &mut out);
                self.settle(hub, out, log)?;
            }
        }
        self.now = until;
        Ok(())
    }

    /// All that is on its way arrives.
    fn rest(&mut self, log: &mut dyn FnMut(String)) -> Result<(), String> {
        let begun = self.cluster.as_ref().map_or(0, |cluster| cluster.commands);
        loop {
            let mut has_more = false;
            for hub in 0..self.hubs.len() {
                if let Some(cluster) = &self.cluster {
                    if cluster.commands - begun > RESTLESS {
                        return Err("the hubs never stop to ask the engine".into());
                    }
                    while self.command(hub, Fate::Done) {}
                    while self.event(hub, false, log)? {
                        has_more = true;
                    }
                }
                for shard in 0..SHARDS {
                    let mut out = Out::default();
                    let now = self.now;
                    has_more |= self.hubs[hub].turn(shard, 512, now, &mut out);
                    self.settle(hub, out, log)?;
                }
            }
            for client in 0..self.clients.len() {
                if self.clients[client].is_attached {
                    self.clients[client].socket.room.set(FAST);
                    has_more |= self.clients[client].socket.waits.get();
                    self.room(client);
                }
            }
            let commands = |cluster: &Cluster| cluster.links.iter().any(|l| !l.commands.is_empty());
            if !has_more && !self.cluster.as_ref().is_some_and(commands) {
                return Ok(());
            }
        }
    }

    /// Ends all faults, waits as long as it may take until all is well, and checks that it is.
    pub(super) fn heal(&mut self, log: &mut dyn FnMut(String)) -> Result<(), String> {
        log("healed".into());
        for hub in 0..self.hubs.len() {
            if let Some(cluster) = &mut self.cluster {
                cluster.connect(hub);
            }
        }
        // 25 s: the check of positions and 5 s more. Presence has a check of its own.
        for seconds in [0, 1, 2, 2, 10, 10] {
            self.advance(Duration::from_secs(seconds), log)?;
            self.rest(log)?;
        }
        if let Some(call) = self.calls.keys().min() {
            return Err(format!(
                "call {call} was not answered: {:?}",
                self.calls[call]
            ));
        }
        for client in self.clients.iter().filter(|client| client.is_attached) {
            for (topic, call) in &client.wants {
                if !client.socket.is_over.get() && !self.checker.has_begun(*call) {
                    return Err(format!("call {call} has begun no subscription to {topic}"));
                }
            }
        }
        let cluster = self.cluster.as_ref();
        let has_history = |topic: &str| {
            let rules = self.topics.iter().find(|(name, _)| name == topic);
            rules.is_some_and(|(_, rules)| rules.get_history().is_some())
        };
        let top = |_: usize, topic: &str| cluster?.top(topic).filter(|_| has_history(topic));
        let t = |topic: &str| {
            self.topics
                .iter()
                .position(|(name, _)| name == topic)
                .unwrap()
        };
        let wants = |client: usize, topic: &str| {
            let client = &self.clients[client];
            client.is_attached
                && !client.socket.is_over.get()
                && client.wants.contains_key(&t(topic))
        };
        self.checker
            .finish(top, wants, |topic| topic != UNORDERED)?;
        if cluster.is_some() {
            for seconds in [20, 20, 5] {
                self.advance(Duration::from_secs(seconds), log)?;
                self.rest(log)?;
            }
        }
        self.check_presence(log)
    }

    /// I5: presence is that of the clients that are there.
    fn check_presence(&mut self, log: &mut dyn FnMut(String)) -> Result<(), String> {
        for t in 0..self.topics.len() {
            let (name, rules) = self.topics[t].clone();
            if !rules.presence {
                continue;
            }
            let entered = self
                .clients
                .iter()
                .filter_map(|client| client.entered.get(&t));
            let entered: BTreeSet<String> = entered.cloned().collect();
            for hub in 0..self.hubs.len() {
                let mut out = Out::default();
                let now = self.now;
                let present = self.hubs[hub].with(t % DIRECTORIES, &mut out, |directory, out| {
                    let topic = topic(directory, &name, &rules, now)?;
                    directory.present(topic, || 0, now, out)
                });
                let mut present = present.map_err(|error| format!("{error}"))?;
                if let Some(cluster) = &mut self.cluster {
                    cluster.links[hub].commands.extend(out.commands.drain(..));
                    while cluster.carry_out(hub, Fate::Done) {}
                    while let Some(event) = cluster.links[hub].answers.pop_front() {
                        self.hubs[hub]
                            .directory(t % DIRECTORIES)
                            .handle_event(event, now, &mut out);
                    }
                }
                for (_, answer) in out.answers {
                    if let Answer::Present(Ok(answer)) = answer {
                        present = Some(answer);
                    }
                }
                let present = present.ok_or("who is present was not answered")?;
                let present = present.members.iter().map(|m| m.identity().to_owned());
                let present: BTreeSet<String> = present.collect();
                if present != entered {
                    return Err(format!(
                        "I5: at hub {hub} {present:?} are in {name}, not {entered:?}"
                    ));
                }
            }
            for (client, state) in self.clients.iter().enumerate() {
                let session = self.checker.session(client, &name);
                let session = session.filter(|s| !s.is_over && state.wants.contains_key(&t));
                let seen = session
                    .filter(|_| !state.socket.is_over.get())
                    .and_then(|s| s.present.as_ref());
                if seen.is_some_and(|seen| *seen != entered) {
                    log(format!("client {client}"));
                    return Err(format!(
                        "I5: client {client} sees {seen:?} in {name}, not {entered:?}"
                    ));
                }
            }
        }
        Ok(())
    }

    /// I6: bounded while something is there, and when all is gone as in the beginning.
    pub(super) fn clear(&mut self, log: &mut dyn FnMut(String)) -> Result<(), String> {
        // 7 topics with at most 8 messages and 12 members each, 12 clients with 7 subscriptions.
        let most = 64 * 1024;
        for hub in &mut self.hubs {
            let bytes = bytes(hub);
            if bytes > most {
                return Err(format!("I6: {bytes} bytes"));
            }
        }
        for client in 0..self.clients.len() {
            if self.clients[client].is_attached {
                let mut out = Out::default();
                self.detach(client, &mut out);
                self.settle(self.clients[client].hub, out, log)?;
            }
        }
        self.rest(log)?;
        for hub in &mut self.hubs {
            for number in 0..DIRECTORIES {
                hub.directory(number).forget(usize::MAX);
            }
        }
        // The grace of presence, what is kept without use, and the sweeps.
        for seconds in [3, 70, 10, 60, 30] {
            self.advance(Duration::from_secs(seconds), log)?;
            self.rest(log)?;
        }
        for (i, hub) in self.hubs.iter_mut().enumerate() {
            let (topics, bytes) = (hub.topics(), bytes(hub));
            if topics > 0 || bytes != self.idle[i] {
                return Err(format!(
                    "I6: {topics} topics, {bytes} bytes are left, not {}",
                    self.idle[i]
                ));
            }
            for delivery in &hub.shards {
                let stats = delivery.shard.stats();
                if (stats.peers, stats.subscriptions, stats.behind) != (0, 0, 0) {
                    return Err(format!("I6: {stats:?}"));
                }
            }
        }
        Ok(())
    }
}

fn bytes(hub: &mut Hub) -> usize {
    let directories = (0..DIRECTORIES)
        .map(|number| hub.directory(number).bytes())
        .sum::<usize>();
    let shards = hub.shards.iter().map(|delivery| delivery.shard.bytes());
    directories + shards.sum::<usize>()
}

/// Answers a call that was answered at once.
fn answer<T>(
    out: &mut Out,
    call: u64,
    result: Result<Option<T>, Error>,
    ok: impl FnOnce(T) -> Answer,
    err: impl FnOnce(Error) -> Answer,
) {
    match result {
        Ok(Some(answer)) => out.answers.push((call, ok(answer))),
        Ok(None) => {}
        Err(error) => out.answers.push((call, err(error))),
    }
}
