//! A room: its document, who is there, and what a frame of a client does to them.
//!
//! This code uses no socket and no runtime. The protocol is y-sync: a frame is one message, and begins with its
//! kind. It is spoken by `y-websocket`.

use std::collections::HashMap;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::IgnoredAny;
use wskit::CloseCode;
use yrs::block::ClientID;
use yrs::sync::{Awareness, AwarenessUpdate, Message, SyncMessage};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{Doc, ReadTxn, StateVector, Transact, Update, WriteTxn, diff_updates_v1};

use crate::check::{self, Brings};

/// The largest message. A client that has all of a document must be able to send it in one.
pub const MESSAGE: usize = 2 << 20;
/// How large a document may become, as the file that is kept of it.
pub const DOCUMENT: usize = 1 << 20;
/// Shared types inside others, in one document. `yrs` recurses as deep as they are nested, with 1.1 KB of stack for
/// each level where it is not optimised, and a thread of tokio has 2 MiB.
const TYPES: usize = 500;
/// The largest awareness message, and the most that one connection may keep: names, colours and cursors.
const AWARENESS: usize = 64 << 10;
/// States of awareness that one connection may keep. A page has one.
const STATES: usize = 16;
/// How many states that have ended are remembered, so that no repetition brings them back.
const ENDED: usize = 1000;

/// A document that several write to, and who they are.
#[derive(Debug)]
pub struct Room {
    awareness: Awareness,
    /// Which connection each state of awareness is from.
    owners: HashMap<ClientID, Seat>,
    /// How many states have ended that `awareness` may still remember.
    ended: usize,
    /// What the document has told about its last change.
    changes: Arc<Mutex<Vec<u8>>>,
    /// About how large the document is.
    size: usize,
    types: usize,
    /// Whether the document has changed since it was saved.
    pub unsaved: bool,
}

/// The number of a connection in its room.
pub type Seat = u64;

/// What follows from a frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What the sender gets.
    pub reply: Option<Vec<u8>>,
    /// What everyone in the room gets, the sender too.
    pub publish: Option<Vec<u8>>,
}

/// Why a frame was refused. It ends its connection, and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// It is not a whole message of the protocol.
    Torn,
    /// It is of a kind that clients do not send.
    Kind,
    /// The document is as large as documents may become.
    Full,
    /// It brings more states of awareness than a connection may keep, or larger ones.
    States,
    /// `yrs` panicked. The document may be damaged: open the room again from what was saved.
    Panicked,
    /// The room was damaged, and cannot be opened again.
    Closed,
}

impl Bad {
    /// The Close that tells the client. `y-websocket` comes back after each but those from 4400 to 4499.
    #[must_use]
    pub fn close(self) -> (CloseCode, &'static str) {
        match self {
            Self::Torn => (CloseCode::INVALID_PAYLOAD, "not a message of y-sync"),
            Self::Kind => (CloseCode::UNSUPPORTED_DATA, "not a message for a server"),
            Self::Full => (CloseCode::new(4413), "this document is full"),
            Self::States => (CloseCode::POLICY_VIOLATION, "too many states"),
            Self::Panicked => (CloseCode::INVALID_PAYLOAD, "this update cannot be applied"),
            Self::Closed => (CloseCode::INTERNAL_ERROR, "the room cannot be opened"),
        }
    }
}

impl Room {
    /// Opens a room with what [`snapshot`](Room::snapshot) returned, or with nothing.
    ///
    /// # Errors
    /// It is not what was saved.
    pub fn open(saved: &[u8]) -> Result<Self, Bad> {
        let (doc, changes) = (Doc::new(), Arc::<Mutex<Vec<u8>>>::default());
        let mut room = Self {
            awareness: Awareness::new(doc),
            owners: HashMap::new(),
            ended: 0,
            changes: changes.clone(),
            size: 0,
            types: 0,
            unsaved: false,
        };
        if !saved.is_empty() {
            let brings = check::update(saved).ok_or(Bad::Torn)?;
            let applied = catch_unwind(AssertUnwindSafe(|| room.apply(saved, &brings)));
            if !applied.unwrap_or(Err(Bad::Panicked))? {
                return Err(Bad::Torn);
            }
            room.unsaved = false;
        }
        let doc = room.awareness.doc();
        doc.observe_update_v1("room", move |_, event| {
            changes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone_from(&event.update);
        })
        .map_err(|_| Bad::Panicked)?;
        Ok(room)
    }

    /// What a client that comes is sent: what the server has, so that it sends the rest, and who is there.
    #[must_use]
    pub fn greeting(&self) -> Vec<Vec<u8>> {
        let mut greeting = vec![self.question()];
        if !self.owners.is_empty() {
            greeting.extend(self.states(self.owners.keys().copied()));
        }
        greeting
    }

    /// Asks for what the document lacks: the first step of a synchronisation.
    #[must_use]
    pub fn question(&self) -> Vec<u8> {
        let have = self.awareness.doc().transact().state_vector();
        Message::Sync(SyncMessage::SyncStep1(have)).encode_v1()
    }

    /// The whole document, as the file that is kept, and as `Y.applyUpdate` takes it.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let doc = self.awareness.doc().transact();
        doc.encode_state_as_update_v1(&StateVector::default())
    }

    /// The whole document, for a client that has missed something.
    #[must_use]
    pub fn everything(&self) -> Vec<u8> {
        Message::Sync(SyncMessage::Update(self.snapshot())).encode_v1()
    }

    /// Takes a frame of a client.
    ///
    /// # Errors
    /// The frame is refused.
    pub fn receive(&mut self, from: Seat, frame: &[u8]) -> Result<Outcome, Bad> {
        let handled = catch_unwind(AssertUnwindSafe(|| self.handle(from, frame)));
        handled.unwrap_or(Err(Bad::Panicked))
    }

    fn handle(&mut self, from: Seat, frame: &[u8]) -> Result<Outcome, Bad> {
        let mut outcome = Outcome::default();
        match message(frame)? {
            Message::Sync(SyncMessage::SyncStep1(theirs)) => {
                let doc = self.awareness.doc().transact();
                let lacks = doc.encode_state_as_update_v1(&theirs);
                outcome.reply = Some(Message::Sync(SyncMessage::SyncStep2(lacks)).encode_v1());
            }
            Message::Sync(SyncMessage::SyncStep2(update)) => {
                outcome.publish = self.change(&update)?.1;
            }
            Message::Sync(SyncMessage::Update(update)) => {
                let (is_whole, publish) = self.change(&update)?;
                outcome.publish = publish;
                // Something before it has not come: its sender has that too.
                outcome.reply = (!is_whole).then(|| self.question());
            }
            Message::Awareness(update) => {
                outcome.publish = self.aware(from, update)?;
            }
            Message::AwarenessQuery => {
                outcome.reply = self.states(self.owners.keys().copied());
            }
            Message::Auth(_) | Message::Custom(..) => return Err(Bad::Kind),
        }
        Ok(outcome)
    }

    /// Removes the states of a client that has gone. Returns what tells the others.
    pub fn leave(&mut self, seat: Seat) -> Option<Vec<u8>> {
        let owned = |(client, owner): (&ClientID, &Seat)| (*owner == seat).then_some(*client);
        let gone: Vec<_> = self.owners.iter().filter_map(owned).collect();
        for client in &gone {
            self.awareness.remove_state(*client);
            self.owners.remove(client);
        }
        let ended = gone.len();
        let told = (ended > 0).then(|| self.states(gone))?;
        self.forget(ended);
        told
    }

    /// Counts states that have ended. `Awareness` remembers each, so it is replaced when they are many.
    fn forget(&mut self, ended: usize) {
        self.ended += ended;
        if self.ended > ENDED || self.owners.is_empty() {
            let mut awareness = Awareness::new(self.awareness.doc().clone());
            let live = self.awareness.update();
            if live.and_then(|live| awareness.apply_update(live)).is_ok() {
                self.awareness = awareness;
                self.ended = 0;
            }
        }
    }

    /// Applies an update. Returns whether all of it could be, and what is new in it, for everyone.
    fn change(&mut self, update: &[u8]) -> Result<(bool, Option<Vec<u8>>), Bad> {
        let brings = check::update(update).ok_or(Bad::Torn)?;
        let full = |room: &Self| {
            // What only deletes is always taken: a document that is full can be made smaller.
            room.types + brings.types > TYPES
                || room.size + update.len() > DOCUMENT && !brings.starts.is_empty()
        };
        if full(self) {
            // Perhaps what came before was known already.
            let snapshot = self.snapshot();
            self.size = snapshot.len();
            self.types = check::update(&snapshot).ok_or(Bad::Full)?.types;
            if full(self) {
                return Err(Bad::Full);
            }
        }
        let is_whole = self.apply(update, &brings)?;
        let new = std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner));
        let news = Message::Sync(SyncMessage::Update(new.clone()));
        Ok((is_whole, (!new.is_empty()).then(|| news.encode_v1())))
    }

    /// Applies what is new in an update. Returns whether all of it could be.
    ///
    /// `yrs` 0.28 reads memory that it has freed when it knows some of a block already. So it gets only the rest of
    /// each, nothing with a hole before it, and what depends on blocks that are missing is discarded.
    fn apply(&mut self, update: &[u8], brings: &Brings) -> Result<bool, Bad> {
        let doc = self.awareness.doc();
        let have = doc.transact().state_vector();
        let mut starts = brings.starts.iter();
        if brings.holes || starts.any(|(client, start)| *start > have.get(&ClientID::new(*client)))
        {
            return Ok(false);
        }
        let new = diff_updates_v1(update, &have.encode_v1()).map_err(|_| Bad::Torn)?;
        let new = Update::decode_v1(&new).map_err(|_| Bad::Torn)?;
        // A transaction commits when it is dropped. If that were to panic while another panic unwinds, the
        // process would end; so it is kept from the first, and dropped on its own.
        let mut change = ManuallyDrop::new(doc.transact_mut());
        let applied = catch_unwind(AssertUnwindSafe(|| {
            let applied = change.apply_update(new);
            applied.map(|()| change.prune_pending().is_none())
        }));
        let committed = catch_unwind(AssertUnwindSafe(|| {
            drop(ManuallyDrop::into_inner(change));
        }));
        let (Ok(Ok(is_whole)), Ok(())) = (applied, committed) else {
            return Err(Bad::Panicked);
        };
        self.size += update.len();
        self.types += brings.types;
        self.unsaved = true;
        Ok(is_whole)
    }

    /// Takes states of awareness: the newer one counts, and is its sender's. Others only repeat it.
    fn aware(&mut self, from: Seat, mut update: AwarenessUpdate) -> Result<Option<Vec<u8>>, Bad> {
        let (owners, known) = (&self.owners, &self.awareness);
        update.clients.retain(|client, state| {
            let at = known.meta(*client).map(|(clock, _)| clock);
            match &*state.json {
                // It ends one's own.
                "null" => owners.get(client) == Some(&from) && at <= Some(state.clock),
                _ => at < Some(state.clock),
            }
        });
        // Each page reads the others' states.
        let is_json = |json: &str| serde_json::from_str::<IgnoredAny>(json).is_ok();
        if !update.clients.values().all(|state| is_json(&state.json)) {
            return Err(Bad::Torn);
        }
        self.may_keep(from, &update)?;
        let summary = self.awareness.apply_update_summary(update);
        let Some(summary) = summary.map_err(|_| Bad::Torn)? else {
            return Ok(None);
        };
        for client in &summary.removed {
            self.owners.remove(client);
        }
        for client in summary.added.iter().chain(&summary.updated) {
            self.owners.insert(*client, from);
        }
        let news = self.states(summary.all_changes());
        self.forget(summary.removed.len());
        Ok(news)
    }

    /// Checks what a connection would keep with an update: these states, and those of its own that stay as they are.
    fn may_keep(&self, from: Seat, update: &AwarenessUpdate) -> Result<(), Bad> {
        let owned = |(client, owner): (&ClientID, &Seat)| {
            (*owner == from && !update.clients.contains_key(client)).then_some(*client)
        };
        let stay = self.owners.iter().filter_map(owned);
        let stay = self.awareness.update_with_clients(stay);
        let stay = stay.map_err(|_| Bad::States)?.clients;
        let states = stay.values().chain(update.clients.values());
        let sizes = states.filter(|state| &*state.json != "null");
        let (count, size) = sizes.fold((0, 0), |(count, size), state| {
            (count + 1, size + state.json.len())
        });
        (count <= STATES && size <= AWARENESS)
            .then_some(())
            .ok_or(Bad::States)
    }

    fn states(&self, of: impl IntoIterator<Item = ClientID>) -> Option<Vec<u8>> {
        let states = self.awareness.update_with_clients(of).ok()?;
        Some(Message::Awareness(states).encode_v1())
    }
}

#[cfg(test)]
impl Room {
    /// Lets the next change panic inside `yrs`, when it has been applied.
    pub(crate) fn break_it(&self) {
        let doc = self.awareness.doc();
        doc.observe_update_v1("broken", |_, _| panic!("a bug"))
            .expect("no change is under way");
    }
}

/// Reads a frame: exactly one message, as `y-websocket` sends them.
fn message(frame: &[u8]) -> Result<Message, Bad> {
    // Every kind but a question for awareness is a length and that many bytes, behind its numbers.
    let rest = match frame {
        [0, 0..=2, rest @ ..] | [1, rest @ ..] => rest,
        [3] => return Ok(Message::AwarenessQuery),
        [0 | 3, ..] | [] => return Err(Bad::Torn),
        _ => return Err(Bad::Kind),
    };
    let payload = check::buffer(rest).ok_or(Bad::Torn)?;
    let fits = match frame {
        [0, 0, ..] => check::vector(payload),
        [1, ..] => payload.len() <= AWARENESS && check::awareness(payload),
        _ => true, // updates are checked when they are applied
    };
    if !fits {
        return Err(Bad::Torn);
    }
    Message::decode_v1(frame).map_err(|_| Bad::Torn)
}
