//! Chat rooms: their people, their history, and a bounded mailbox for each person.
//!
//! This code uses no socket and no runtime. A message to a room is encoded once and shared. A person
//! whose mailbox is full is removed, so that one slow tab cannot delay the others.

mod serve;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use wskit::PreparedMessage;

pub use serve::{serve, server};

/// All rooms of a server.
#[derive(Debug, Default)]
pub struct Rooms(Mutex<HashMap<String, Room>>);

#[derive(Debug, Default)]
struct Room {
    people: Vec<Person>,
    history: VecDeque<Value>,
}

#[derive(Debug)]
struct Person {
    name: String,
    mailbox: mpsc::Sender<PreparedMessage>,
}

/// Messages that may wait for one person before they count as too slow.
const MAILBOX: usize = 256;
/// Messages that a room remembers.
const HISTORY: usize = 50;

/// Why a request was refused: the `code` and `text` of the protocol.
#[derive(Debug)]
pub struct Refused(pub &'static str, pub &'static str);

/// One person in one room. Dropping it leaves the room.
#[derive(Debug)]
pub struct Seat {
    rooms: Arc<Rooms>,
    room: String,
    name: String,
}

/// A request of a person.
#[derive(Debug)]
pub enum Wish {
    /// To join a room: room and name.
    Join(String, String),
    /// To send a text to the room.
    Say(String),
    /// To change the name.
    Nick(String),
}

impl Wish {
    /// Reads a message of the chat protocol.
    ///
    /// # Errors
    /// The rule of the protocol that it breaks.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let bad = || Refused("bad-message", "That is not a message of this chat.");
        let message: Value = serde_json::from_str(text).map_err(|_| bad())?;
        let field = |name: &str| {
            message
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(bad)
        };
        match field("type")?.as_str() {
            "join" => Ok(Self::Join(field("room")?, field("name")?)),
            "say" => Ok(Self::Say(field("text")?)),
            "nick" => Ok(Self::Nick(field("name")?)),
            _ => Err(bad()),
        }
    }
}

impl Rooms {
    /// Adds a person, tells the room, and returns the seat with the mailbox to forward. The mailbox begins
    /// with the welcome and the history, and ends when it was too full.
    ///
    /// # Errors
    /// A room or name that is not allowed.
    pub fn join(
        self: &Arc<Self>,
        room: &str,
        name: &str,
    ) -> Result<(Seat, mpsc::Receiver<PreparedMessage>), Refused> {
        let room_name =
            title(room, 32).ok_or(Refused("bad-room", "A room has 1 to 32 characters."))?;
        let name = title(name, 24).ok_or(BAD_NAME)?;
        let (mailbox, mail) = mpsc::channel(MAILBOX);
        let mut rooms = self.lock();
        let room = rooms.entry(room_name.clone()).or_default();
        let name = room.free_name(&name, None);
        room.tell(&json!({"type": "joined", "name": name, "time": now()}));
        let welcome = json!({"type": "welcome", "room": room_name, "name": name});
        for message in std::iter::once(&welcome).chain(&room.history) {
            // The mailbox is empty and larger than the history.
            let _ = mailbox.try_send(prepare(message));
        }
        let others = room.people.iter().map(|person| person.name.as_str());
        let names: Vec<_> = others.chain([name.as_str()]).collect();
        let _ = mailbox.try_send(prepare(&json!({"type": "here", "names": names})));
        room.people.push(Person {
            name: name.clone(),
            mailbox,
        });
        drop(rooms);
        Ok((
            Seat {
                rooms: self.clone(),
                room: room_name,
                name,
            },
            mail,
        ))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Room>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Sends a text to all people in the room.
    ///
    /// # Errors
    /// Text that is blank or too long.
    pub fn say(&self, text: &str) -> Result<(), Refused> {
        if text.trim().is_empty() || text.chars().count() > 4000 {
            return Err(Refused("bad-text", "A message has 1 to 4000 characters."));
        }
        self.with_room(|room| {
            let mut said = json!({"type": "said", "from": self.name, "text": text, "time": now()});
            room.tell(&said);
            said["past"] = true.into();
            room.history.push_back(said);
            if room.history.len() > HISTORY {
                room.history.pop_front();
            }
        });
        Ok(())
    }

    /// Takes another name, made unique.
    ///
    /// # Errors
    /// A name that is not allowed.
    pub fn rename(&mut self, name: &str) -> Result<(), Refused> {
        let name = title(name, 24).ok_or(BAD_NAME)?;
        let old = self.name.clone();
        self.name = self.with_room(|room| {
            let new = room.free_name(&name, Some(&old));
            if new != old {
                if let Some(person) = room.people.iter_mut().find(|person| person.name == old) {
                    person.name.clone_from(&new);
                }
                room.tell(&json!({"type": "renamed", "old": old, "new": new, "time": now()}));
            }
            new
        });
        Ok(())
    }

    fn with_room<R>(&self, f: impl FnOnce(&mut Room) -> R) -> R {
        f(self.rooms.lock().entry(self.room.clone()).or_default())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut rooms = self.rooms.lock();
        if let Some(room) = rooms.get_mut(&self.room) {
            room.people.retain(|person| person.name != self.name);
            room.tell(&json!({"type": "left", "name": self.name, "time": now()}));
            if room.people.is_empty() && room.history.is_empty() {
                rooms.remove(&self.room);
            }
        }
    }
}

impl Room {
    fn tell(&mut self, message: &Value) {
        let message = prepare(message);
        // A person that is too slow loses the mailbox; the connection notices and leaves.
        for person in &mut self.people {
            if person.mailbox.try_send(message.clone()).is_err() {
                person.mailbox = mpsc::channel(1).0;
            }
        }
    }

    /// Returns the name, with a number behind it if it is taken.
    fn free_name(&self, name: &str, mine: Option<&str>) -> String {
        let taken = |name: &str| {
            self.people
                .iter()
                .any(|person| person.name == name && mine != Some(name))
        };
        let numbered = (2..).map(|n| format!("{name} {n}"));
        std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|name| !taken(name))
            .unwrap_or_default()
    }
}

/// Returns the message that reports a refusal.
#[must_use]
pub fn refusal(refused: &Refused) -> String {
    json!({"type": "error", "code": refused.0, "text": refused.1}).to_string()
}

const BAD_NAME: Refused = Refused("bad-name", "A name has 1 to 24 characters.");

fn title(text: &str, most: usize) -> Option<String> {
    let text = text.trim();
    let fits = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

fn prepare(message: &Value) -> PreparedMessage {
    PreparedMessage::text(message.to_string())
}

fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
