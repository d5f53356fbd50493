//! A shard with its surroundings: what a directory and a hub do for it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use wskit_proto::{CloseCode, PreparedMessage};

use crate::core::shard::{Shard, Turn};
use crate::core::{Connection, Gone, Host, Input, Notice, Slot, Start, TopicId};
use crate::entry::{Content, Entry};
use crate::member::Member;
use crate::position::{Epoch, Position, Subscribed};
use crate::publication::{Publication, Published};
use crate::rules::Slow;
use crate::wire::{Encoded, Event, Wire, WireId};

pub(super) struct Fake;

impl Host for Fake {
    type Connection = Conn;
    type Call = ();
}

/// A connection that takes as many messages as it has `room` for.
#[derive(Clone)]
pub(super) struct Conn(pub(super) Rc<RefCell<State>>);

pub(super) struct State {
    pub(super) room: usize,
    pub(super) is_over: bool,
    pub(super) got: Vec<String>,
    /// How many messages each write brought, those with none apart.
    pub(super) writes: Vec<usize>,
    pub(super) waits: bool,
    pub(super) closed: Option<CloseCode>,
}

impl Connection for Conn {
    fn write(&self, messages: &[&PreparedMessage]) -> Result<usize, Gone> {
        let mut state = self.0.borrow_mut();
        if state.is_over || state.closed.is_some() {
            return Err(Gone);
        }
        let taken = messages.len().min(state.room);
        state.room -= taken;
        if !messages.is_empty() {
            state.writes.push(messages.len());
        }
        for message in &messages[..taken] {
            let text = String::from_utf8(message.as_bytes().to_vec()).unwrap();
            state.got.push(text);
        }
        Ok(taken)
    }

    fn wait_for_room(&self) {
        self.0.borrow_mut().waits = true;
    }

    fn close(&self, code: CloseCode, _reason: &'static str) {
        self.0.borrow_mut().closed = Some(code);
    }
}

impl Conn {
    /// Returns what has come since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.borrow_mut().got)
    }

    pub(super) fn writes(&self) -> Vec<usize> {
        std::mem::take(&mut self.0.borrow_mut().writes)
    }

    pub(super) fn closed(&self) -> Option<CloseCode> {
        self.0.borrow().closed
    }
}

pub(super) struct World {
    pub(super) shard: Shard<Fake>,
    pub(super) conns: Vec<Conn>,
    wire: Wire,
    next: HashMap<u32, u64>,
    /// Subscriptions that have ended.
    pub(super) released: Vec<TopicId>,
    /// Peers whose connections are over.
    pub(super) gone: usize,
    /// Notices begin with the number of their topic.
    pub(super) names_topics: bool,
    /// Notices are kept back while this is set.
    pub(super) holds_notices: bool,
    pub(super) held: Vec<Input<Fake>>,
}

pub(super) const WIRE: WireId = WireId(3);
pub(super) const ENOUGH: usize = usize::MAX;

impl World {
    /// Creates one with `peers` peers, whose connections take everything.
    pub(super) fn new(peers: usize) -> Self {
        let wire = Wire::new(|event| {
            let text = match event {
                Event::Published { message, past } => {
                    let text = message.publication().as_text().unwrap();
                    assert_ne!(text, "panic", "asked for");
                    if text == "nothing" {
                        return None;
                    }
                    format!("{}{text}", if past { "past " } else { "" })
                }
                Event::Skipped { topic, count } => format!("{topic}skipped {count}"),
                Event::Unsubscribed { topic } => format!("{topic}unsubscribed"),
                Event::Joined { member, .. } => format!("joined {}", member.identity()),
                other => format!("{other:?}"),
            };
            Some(PreparedMessage::text(text))
        });
        let mut world = Self {
            shard: Shard::new(),
            conns: Vec::new(),
            wire,
            next: HashMap::new(),
            released: Vec::new(),
            gone: 0,
            names_topics: false,
            holds_notices: false,
            held: Vec::new(),
        };
        for slot in 0..peers {
            world.attach(slot);
        }
        world
    }

    /// Attaches a peer, also where one was.
    pub(super) fn attach(&mut self, slot: usize) {
        let conn = Conn(Rc::new(RefCell::new(State {
            room: ENOUGH,
            is_over: false,
            got: Vec::new(),
            writes: Vec::new(),
            waits: false,
            closed: None,
        })));
        if self.conns.len() <= slot {
            self.conns.push(conn.clone());
        } else {
            self.conns[slot] = conn.clone();
        }
        self.input(Input::Attach {
            slot: Slot(slot as u32),
            wire: WIRE,
            connection: conn,
        });
    }

    /// Hands an input to the shard, and takes what the turn leaves.
    pub(super) fn input(&mut self, input: Input<Fake>) {
        let mut turn = Turn::default();
        self.shard.handle(input, &mut turn);
        self.finish(turn);
    }

    fn finish(&mut self, turn: Turn<Fake>) {
        self.released
            .extend(turn.released.iter().map(|(_, topic)| *topic));
        self.gone += turn.gone.len();
        for wanted in turn.notices {
            let input = Input::Notice {
                slot: wanted.slot,
                topic: wanted.topic,
                notice: wanted.notice,
                message: self.wire.encode(wanted.event()),
            };
            self.held.push(input);
        }
    }

    /// Runs one turn, and returns whether there is more to do.
    pub(super) fn turn(&mut self, most: usize) -> bool {
        if !self.holds_notices {
            for input in std::mem::take(&mut self.held) {
                self.input(input);
            }
        }
        let mut turn = Turn::default();
        let has_more = self.shard.deliver(most, &mut turn);
        self.finish(turn);
        has_more || !self.holds_notices && !self.held.is_empty()
    }

    /// Runs turns until there is nothing left to do.
    pub(super) fn run(&mut self) {
        while self.turn(512) {}
    }

    pub(super) fn subscribe(&mut self, slot: usize, topic: u32, slow: Slow) {
        self.start(slot, topic, slow, &[], None);
    }

    /// Subscribes a peer that gets `hello` and messages of the past first.
    pub(super) fn start(
        &mut self,
        slot: usize,
        topic: u32,
        slow: Slow,
        past: &[&str],
        hello: Option<&str>,
    ) {
        let past = past.iter().map(|text| {
            let entry = Entry::new(0, content(topic, text), Instant::now());
            entry.encode((WIRE, &self.wire), true, false, &Arc::default());
            entry
        });
        let start = Start {
            slot: Slot(slot as u32),
            wire: WIRE,
            topic: TopicId(topic),
            name: if self.names_topics {
                format!("{topic} ")
            } else {
                String::new()
            }
            .into(),
            slow,
            window: match slow {
                Slow::DropOldest(messages) => messages,
                Slow::Latest => 1,
                _ => 4,
            },
            subscribed: Subscribed::Fresh {
                replayed: past.len(),
                position: position(0),
            },
            is_held: false,
            past: past.collect(),
            present: None,
            is_alone: false,
            next: self.next.get(&topic).copied().unwrap_or(0),
            call: (),
            hello: hello.map_or(Encoded::Nothing, |text| {
                Encoded::Message(PreparedMessage::text(text))
            }),
            members: Encoded::Nothing,
        };
        self.input(Input::Start(Box::new(start)));
    }

    /// Publishes a message. `nothing` has no message on the wire, `panic` panics there.
    pub(super) fn publish(&mut self, topic: u32, text: &str) {
        self.happens(topic, content(topic, text));
    }

    pub(super) fn join(&mut self, topic: u32, identity: &str) {
        self.happens(topic, Content::Joined("t".into(), Member::new(identity)));
    }

    fn happens(&mut self, topic: u32, content: Content) {
        let next = self.next.entry(topic).or_default();
        let entry = Entry::new(*next, content, Instant::now());
        *next += 1;
        if self.shard.wires(TopicId(topic)).0 & 1 << WIRE.0 != 0 {
            entry.encode((WIRE, &self.wire), false, false, &Arc::default());
        }
        let topic = TopicId(topic);
        self.input(Input::Entry { topic, entry });
    }

    pub(super) fn unsubscribe(&mut self, slot: usize, topic: u32) {
        self.input(Input::Stop {
            slot: Slot(slot as u32),
            topic: TopicId(topic),
            is_revoked: false,
        });
    }

    /// Sets how many messages a connection takes, without telling the shard.
    pub(super) fn set_room(&mut self, slot: usize, room: usize) {
        self.conns[slot].0.borrow_mut().room = room;
    }

    /// A connection takes `room` more messages, and the shard is told if it waits for that.
    pub(super) fn room(&mut self, slot: usize, room: usize) {
        self.set_room(slot, room);
        if std::mem::take(&mut self.conns[slot].0.borrow_mut().waits) {
            self.input(Input::Room {
                slot: Slot(slot as u32),
            });
        }
    }

    pub(super) fn detach(&mut self, slot: usize) {
        self.input(Input::Detach {
            slot: Slot(slot as u32),
        });
    }

    pub(super) fn is_subscribed(&mut self, slot: usize, topic: u32) -> bool {
        self.shard.find(Slot(slot as u32), TopicId(topic)).is_some()
    }

    /// Checks that the lists of peers and topics refer to each other, and the counts.
    pub(super) fn check(&self) {
        let Shard { peers, topics, .. } = &self.shard;
        let mut subscriptions = 0;
        for (slot, peer) in peers.iter().enumerate() {
            for (i, sub) in peer.iter().flat_map(|peer| &peer.subs).enumerate() {
                let local = topics[sub.topic as usize].as_ref().unwrap();
                assert_eq!(local.subscribers[sub.place()], (slot as u32, i as u32));
                assert!(!local.is_spread.get() || sub.is_linked() || sub.is_lagging());
                subscriptions += 1;
            }
        }
        let lists = topics.iter().flatten().map(|local| local.subscribers.len());
        assert_eq!(lists.sum::<usize>(), subscriptions);
        assert_eq!(self.shard.stats.subscriptions, subscriptions as u64);
        let entries = topics.iter().flatten().map(|local| local.window.len());
        assert_eq!(entries.sum::<usize>(), self.shard.entries);
        for local in topics.iter().flatten() {
            let lagging = local.subscribers.iter().filter(|(slot, i)| {
                peers[*slot as usize].as_ref().unwrap().subs[*i as usize].is_lagging()
            });
            assert_eq!(lagging.count(), local.lagging as usize);
        }
        let behind = peers.iter().flatten().filter(|peer| peer.is_behind);
        assert_eq!(behind.count() as u64, self.shard.stats.behind);
    }
}

fn position(offset: u64) -> Position {
    Position {
        epoch: Epoch::new(1),
        offset,
    }
}

fn content(topic: u32, text: &str) -> Content {
    Content::Message(Published {
        topic: Arc::from(format!("{topic}")),
        position: position(1),
        publication: Publication::text(text),
    })
}

/// Notices that come for a subscription which is not the one they were made for.
pub(super) fn late(notice: Notice, slot: usize, topic: u32) -> Input<Fake> {
    Input::Notice {
        slot: Slot(slot as u32),
        topic: TopicId(topic),
        notice,
        message: Encoded::Message(PreparedMessage::text("late")),
    }
}
