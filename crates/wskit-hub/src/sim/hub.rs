//! A hub in one thread: directories, delivery shards, and connections that take as much as they are told to.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::rc::Rc;
use std::time::Instant;

use wskit_proto::{CloseCode, PreparedMessage};

use crate::core::{
    Answer, Connection, Directory, Gone, Host, Input, Outputs, Shard, ShardId, Slot, Turn,
};
use crate::engine::{Command, RequestId};
use crate::error::Error;
use crate::limits::Limits;
use crate::member::Member;
use crate::position::Subscribed;
use crate::rules::Rules;
use crate::wire::{Encoded, Event, Wire, WireId};

/// How many directories and shards a hub has.
pub(super) const DIRECTORIES: usize = 2;
pub(super) const SHARDS: usize = 2;

/// The number of a call of the application.
pub(crate) type Call = u64;

#[derive(Debug)]
pub(crate) struct Sim;

impl Host for Sim {
    type Connection = Rc<Socket>;
    type Call = Call;
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Socket {
    /// The number of the client.
    pub(super) client: usize,
    /// How many messages it takes before it has no more room.
    pub(super) room: Cell<usize>,
    pub(super) waits: Cell<bool>,
    pub(super) is_over: Cell<bool>,
    pub(super) closed: Cell<Option<CloseCode>>,
    pub(super) writes: Cell<u64>,
    /// What it has taken, for the checker.
    pub(super) taken: RefCell<Vec<String>>,
}

/// A connection that always has room.
pub(super) const FAST: usize = usize::MAX;

impl Connection for Rc<Socket> {
    fn write(&self, messages: &[&PreparedMessage]) -> Result<usize, Gone> {
        if self.is_over.get() {
            return Err(Gone);
        }
        self.writes.set(self.writes.get() + 1);
        let taken = messages.len().min(self.room.get());
        if self.room.get() != FAST {
            self.room.set(self.room.get() - taken);
        }
        let texts = messages[..taken].iter();
        let texts = texts.map(|message| String::from_utf8(message.as_bytes().to_vec()).unwrap());
        self.taken.borrow_mut().extend(texts);
        Ok(taken)
    }

    fn wait_for_room(&self) {
        self.waits.set(true);
    }

    fn close(&self, code: CloseCode, _: &'static str) {
        self.closed.set(Some(code));
        self.is_over.set(true);
    }
}

/// Returns what a subscription begins with, as the wire has it.
pub(super) fn text(subscribed: Subscribed) -> String {
    let position = subscribed.position();
    match subscribed {
        Subscribed::All { missed, .. } => format!("{position} A {missed}"),
        Subscribed::Gap { .. } => format!("{position} G 0"),
        Subscribed::Fresh { replayed, .. } => format!("{position} F {replayed}"),
    }
}

/// Two wires of the same form, so that entries are encoded for each.
fn wire() -> Wire {
    Wire::new(|event| {
        let mut text = String::new();
        let written = match event {
            Event::Published { message, past } => {
                let payload = message.publication().as_text()?;
                let past = u8::from(past);
                write!(
                    text,
                    "P {} {} {past} {payload}",
                    message.topic(),
                    message.position()
                )
            }
            Event::Subscribed { topic, subscribed } => {
                write!(text, "S {topic} {}", self::text(subscribed))
            }
            Event::Present { topic, present } => {
                let members: Vec<_> = present.members.iter().map(Member::identity).collect();
                write!(text, "M {topic} {}", members.join(","))
            }
            Event::Joined { topic, member } => write!(text, "J {topic} {}", member.identity()),
            Event::Left { topic, member } => write!(text, "L {topic} {}", member.identity()),
            Event::Skipped { topic, count } => write!(text, "K {topic} {count}"),
            Event::Gap { topic, position } => write!(text, "G {topic} {position}"),
            Event::Unsubscribed { topic } => write!(text, "U {topic}"),
        };
        written.ok()?;
        Some(PreparedMessage::text(text))
    })
}

/// A hub.
pub(super) struct Hub {
    directories: Vec<Directory<Sim>>,
    pub(super) shards: Vec<Delivery>,
    wires: [Wire; 2],
}

pub(super) struct Delivery {
    pub(super) shard: Shard<Sim>,
    inputs: Vec<Input<Sim>>,
    /// They are being encoded. Other inputs may be faster.
    notices: Vec<Input<Sim>>,
    next: u32,
    pub(super) turns: u64,
}

/// What a hub has put out.
#[derive(Default)]
pub(crate) struct Out {
    inputs: Vec<(ShardId, Input<Sim>)>,
    pub(super) commands: Vec<(RequestId, Command)>,
    pub(super) answers: Vec<(Call, Answer)>,
    /// Clients whose connections are over.
    pub(super) gone: Vec<usize>,
}

impl Outputs<Sim> for Out {
    fn deliver(&mut self, shard: ShardId, input: Input<Sim>) {
        self.inputs.push((shard, input));
    }

    fn command(&mut self, id: RequestId, command: Command) {
        self.commands.push((id, command));
    }

    fn answer(&mut self, call: Call, answer: Answer) {
        self.answers.push((call, answer));
    }
}

impl Hub {
    pub(super) fn new(seed: u64, has_engine: bool) -> Self {
        let delivery = || Delivery {
            shard: Shard::new(),
            inputs: Vec::new(),
            notices: Vec::new(),
            next: 0,
            turns: 0,
        };
        let directory = |number: u8| {
            let seed = seed.wrapping_mul(1 << 32) + (u64::from(number) << 20);
            Directory::new(number, seed, has_engine, &Limits::new())
        };
        Self {
            directories: (0..DIRECTORIES as u8).map(directory).collect(),
            shards: (0..SHARDS).map(|_| delivery()).collect(),
            wires: [wire(), wire()],
        }
    }

    pub(super) fn directory(&mut self, number: usize) -> &mut Directory<Sim> {
        &mut self.directories[number]
    }

    /// Calls `f` with the directory of a topic.
    pub(super) fn with<R>(
        &mut self,
        number: usize,
        out: &mut Out,
        f: impl FnOnce(&mut Directory<Sim>, &mut Out) -> R,
    ) -> R {
        let result = f(&mut self.directories[number], out);
        self.deliver(out);
        result
    }

    fn deliver(&mut self, out: &mut Out) {
        for (shard, input) in out.inputs.drain(..) {
            self.shards[usize::from(shard.0)].inputs.push(input);
        }
    }

    pub(super) fn send(&mut self, shard: ShardId, input: Input<Sim>) {
        self.shards[usize::from(shard.0)].inputs.push(input);
    }

    /// Gives out a place in a shard.
    pub(super) fn seat(&mut self, shard: ShardId) -> Slot {
        let delivery = &mut self.shards[usize::from(shard.0)];
        // A place is free when nothing names its peer. Here that is never.
        delivery.next += 1;
        Slot(delivery.next - 1)
    }

    pub(super) fn topics(&self) -> usize {
        self.directories.iter().map(Directory::len).sum()
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let timeouts = self.directories.iter().filter_map(Directory::next_timeout);
        timeouts.min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, out: &mut Out) {
        for directory in &mut self.directories {
            if directory.next_timeout().is_some_and(|at| at <= now) {
                directory.handle_timeout(now, out);
            }
        }
        self.deliver(out);
    }

    /// Runs a turn of a shard. Returns whether there is more to do.
    pub(super) fn turn(&mut self, number: usize, most: usize, now: Instant, out: &mut Out) -> bool {
        let delivery = &mut self.shards[number];
        delivery.turns += 1;
        let mut inputs = Vec::new();
        if !delivery.shard.is_full() {
            inputs = std::mem::take(&mut delivery.inputs);
            inputs.append(&mut delivery.notices);
        }
        for input in &mut inputs {
            encode(&self.wires, input);
        }
        let mut turn = Turn::default();
        for input in inputs {
            delivery.shard.handle(input, &mut turn);
        }
        let has_more = delivery.shard.deliver(most, &mut turn);
        out.answers.extend(turn.answers);
        for wanted in turn.notices {
            let message = self.wires[usize::from(wanted.wire.0)].encode(wanted.event());
            delivery.notices.push(Input::Notice {
                slot: wanted.slot,
                topic: wanted.topic,
                notice: wanted.notice,
                message,
            });
        }
        out.gone
            .extend(turn.gone.iter().map(|socket| socket.client));
        let has_more = has_more || !delivery.inputs.is_empty() || !delivery.notices.is_empty();
        for (_, topic) in turn.released {
            let directory = &mut self.directories[Directory::<Sim>::number_of(topic)];
            directory.release(topic, ShardId(number as u16), now);
        }
        has_more
    }
}

/// Encodes what an input brings. The call stands before what a subscription begins with.
fn encode(wires: &[Wire], input: &mut Input<Sim>) {
    match input {
        Input::Entry { entry, .. } => {
            for (id, wire) in (0..).zip(wires) {
                entry.encode((WireId(id), wire), false, false, &std::sync::Arc::default());
            }
        }
        Input::Start(start) => {
            let wire = &wires[usize::from(start.wire.0)];
            let hello = wire.encode(Event::Subscribed {
                topic: &start.name,
                subscribed: start.subscribed,
            });
            if let Encoded::Message(hello) = hello {
                let text = String::from_utf8(hello.as_bytes().to_vec()).unwrap();
                let text = format!("{text} {}", start.call);
                start.hello = Encoded::Message(PreparedMessage::text(text));
            }
            for entry in &start.past {
                entry.encode((start.wire, wire), true, false, &std::sync::Arc::default());
            }
            if let Some(present) = &start.present {
                start.members = wire.encode(Event::Present {
                    topic: &start.name,
                    present,
                });
            }
        }
        _ => {}
    }
}

/// Returns the topic of a name, which is added if it is not there.
pub(super) fn topic(
    directory: &mut Directory<Sim>,
    name: &str,
    rules: &Rules,
    now: Instant,
) -> Result<crate::core::TopicId, Error> {
    directory.insert(name, rules.clone(), now)
}
