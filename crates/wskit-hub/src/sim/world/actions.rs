//! What clients do, and what goes wrong with the engine.

use std::collections::HashMap;
use std::rc::Rc;

use super::{Call, Client, World, topic};
use crate::core::{Answer, Input, ShardId, Subscribe};
use crate::engine::EngineEvent as E;
use crate::error::Error;
use crate::member::Member;
use crate::position::Since;
use crate::rules::Rules;
use crate::sim::check::Asked;
use crate::sim::engine::Fate;
use crate::sim::hub::{DIRECTORIES, Out, Sim, Socket};
use crate::sim::op::Kind;
use crate::wire::WireId;

impl World {
    pub(super) fn attach(&mut self, hub: usize, shard: usize, room: usize) {
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

    pub(super) fn detach(&mut self, client: usize, out: &mut Out) {
        self.gone(client, out);
        let Client {
            hub, shard, slot, ..
        } = self.clients[client];
        self.clients[client].is_attached = false;
        self.hubs[hub].send(shard, Input::Detach { slot });
    }

    /// What a client was is over.
    pub(super) fn gone(&mut self, client: usize, out: &mut Out) {
        self.clients[client].wants.clear();
        let topics: Vec<_> = self.clients[client].entered.keys().copied().collect();
        for t in topics {
            self.leave(client, t, out);
        }
    }

    pub(super) fn subscribe(&mut self, client: usize, t: usize, since: Since, out: &mut Out) {
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
            is_held: false,
            call,
        };
        let now = self.now;
        self.hubs[hub].with(t % DIRECTORIES, out, |directory, out| {
            let topic = topic(directory, &name, &rules, now).unwrap();
            directory.subscribe(topic, subscribe, now, out);
        });
    }

    pub(super) fn unsubscribe(&mut self, client: usize, t: usize, out: &mut Out) {
        let (name, next_call) = (self.topics[t].0.clone(), self.next_call);
        let client = &mut self.clients[client];
        let Client {
            hub, shard, slot, ..
        } = *client;
        client.wants.remove(&t);
        client.unwanted.insert(t, next_call);
        self.hubs[hub].with(t % DIRECTORIES, out, |directory, out| {
            if let Some(topic) = directory.find(&name) {
                directory.unsubscribe(topic, shard, slot, false, out);
            }
        });
    }

    pub(super) fn enter(
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

    pub(super) fn leave(&mut self, client: usize, t: usize, out: &mut Out) {
        if let Some(identity) = self.clients[client].entered.remove(&t) {
            self.leave_as(self.clients[client].hub, t, &identity, out);
        }
    }

    pub(super) fn leave_as(&mut self, hub: usize, t: usize, identity: &str, out: &mut Out) {
        let (name, now) = (self.topics[t].0.clone(), self.now);
        self.hubs[hub].with(t % DIRECTORIES, out, |directory, out| {
            if let Some(topic) = directory.find(&name) {
                directory.leave(topic, identity, now, out);
            }
        });
    }

    pub(super) fn present(&mut self, hub: usize, t: usize, out: &mut Out) {
        let (name, rules) = self.topics[t].clone();
        let now = self.now;
        let call = self.call(Call::Present);
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
    pub(super) fn room(&mut self, client: usize) {
        let Client {
            hub, shard, slot, ..
        } = self.clients[client];
        let socket = &self.clients[client].socket;
        if socket.room.get() > 0 && socket.waits.replace(false) {
            self.hubs[hub].send(shard, Input::Room { slot });
        }
    }

    pub(super) fn command(&mut self, hub: usize, fate: Fate) -> bool {
        let cluster = self.cluster.as_mut().unwrap();
        cluster.carry_out(hub, fate)
    }

    /// An answer or another event reaches a hub.
    pub(super) fn event(
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
        let number = match &event {
            E::Done { id, .. } => Some(crate::core::Directory::<Sim>::number_of_request(*id)),
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

    pub(super) fn fault(&mut self, fault: Kind, hub: usize, name: &str, b: usize, c: usize) {
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
            Kind::Expire if !cluster.links[hub].is_up => cluster.expire(hub),
            Kind::Forget if c % 4 == 0 => cluster.forget(name),
            Kind::Rewind => cluster.rewind(name, c as u64 % 4),
            Kind::Restart if c % 4 == 0 => cluster.restart(),
            _ => {}
        }
    }
}

/// Answers a call that was answered at once.
pub(super) fn answer<T>(
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
