//! Chat rooms: topics of a hub. The hub keeps what was said and who is here, and writes to the connections.
//!
//! This code uses no socket and no runtime. The hub encodes a message once for all. It disconnects a person
//! who reads so slowly that the room no longer remembers what comes next; the page then comes back.
//!
//! Rooms may be shared with other processes, by an engine of the hub. Then names are unique among all of them.

mod names;
mod serve;

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use wskit::PreparedMessage;
use wskit::hub::{
    Access, Event, History, Hub, HubBuilder, Peer, Position, Publication, Rules, Slow, Subscribed,
    Wire,
};

use names::{info, name_of};
pub use serve::{serve, server};

/// How long a room remembers.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// All rooms of a server. Spawn `chat.hub.drive(sleep)`.
#[derive(Debug)]
pub struct Chat {
    /// Where each room is a topic.
    pub hub: Hub,
    wire: Wire,
}

/// Why a request was refused: the `code` and `text` of the protocol.
#[derive(Debug)]
pub struct Refused(pub &'static str, pub String);

/// One person in one room.
#[derive(Debug)]
struct Seat {
    room: String,
    /// Who it is. Others never learn it, as it gives a person who comes back the same name.
    identity: String,
    name: String,
}

/// A request of a person.
#[derive(Debug)]
enum Wish {
    Join {
        room: String,
        name: String,
        key: Option<String>,
        after: Option<Position>,
    },
    Say(String),
    Nick(String),
}

impl Wish {
    /// Reads a message of the chat protocol.
    fn parse(text: &str) -> Result<Self, Refused> {
        let bad = || refused("bad-message", "That is not a message of this chat.");
        let message: Value = serde_json::from_str(text).map_err(|_| bad())?;
        let field = |name: &str| {
            let text = message.get(name).and_then(Value::as_str);
            text.map(str::to_owned).ok_or_else(bad)
        };
        let optional = |name: &str| message.get(name).map(|_| field(name)).transpose();
        match field("type")?.as_str() {
            "join" => Ok(Self::Join {
                room: field("room")?,
                name: field("name")?,
                key: optional("key")?,
                after: optional("after")?
                    .map(|after| after.parse())
                    .transpose()
                    .map_err(|_| bad())?,
            }),
            "say" => Ok(Self::Say(field("text")?)),
            "nick" => Ok(Self::Nick(field("name")?)),
            _ => Err(bad()),
        }
    }
}

/// Begins to build the hub of a chat. Rooms of all names exist, and are open to everyone. One that is empty is
/// forgotten after a day.
pub fn rooms() -> HubBuilder {
    let room = Rules::stream(History::last(50).within(DAY))
        .presence()
        .slow(Slow::Disconnect)
        .subscribe(Access::Everyone)
        .publish(Access::Everyone);
    Hub::builder(move |topic| names::rules(topic).unwrap_or_else(|| room.clone()))
}

impl Default for Chat {
    /// Returns a chat of this process alone.
    fn default() -> Self {
        Self::new(rooms().build())
    }
}

/// Puts what happens in a room into the chat protocol.
fn encode(event: Event<'_>) -> Option<Value> {
    Some(match event {
        Event::Published { message, past } => {
            let mut said: Value = serde_json::from_slice(message.payload()).ok()?;
            said["position"] = message.position().to_string().into();
            if past {
                said["past"] = true.into();
            }
            said
        }
        // The second is of an engine that has lost messages.
        Event::Subscribed {
            subscribed: Subscribed::Gap { .. },
            ..
        }
        | Event::Gap { .. } => json!({"type": "gap"}),
        Event::Present { present, .. } => {
            let names: Vec<_> = present.members.iter().map(name_of).collect();
            json!({"type": "here", "names": names})
        }
        Event::Joined { member, .. } => match &info(member)["was"] {
            Value::Null => json!({"type": "joined", "name": name_of(member), "time": now()}),
            old => json!({"type": "renamed", "old": old, "new": name_of(member), "time": now()}),
        },
        Event::Left { member, .. } => {
            json!({"type": "left", "name": name_of(member), "time": now()})
        }
        _ => return None,
    })
}

impl Chat {
    /// Creates a chat on a hub from [`rooms`].
    pub fn new(hub: Hub) -> Self {
        Self {
            hub,
            wire: Wire::new(|event| Some(PreparedMessage::text(encode(event)?.to_string()))),
        }
    }

    /// Seats a person in a room. A key that is here, or was two seconds ago, gets its place back.
    async fn join(
        &self,
        peer: &Peer,
        room: &str,
        name: &str,
        key: Option<String>,
    ) -> Result<Seat, Refused> {
        let room =
            title(room, 32).ok_or_else(|| refused("bad-room", "A room has 1 to 32 characters."))?;
        let identity = match key {
            Some(key) => format!("key {key}"),
            // Random, so that no other process has the same one.
            None => format!("guest {:x}", RandomState::new().hash_one(0)),
        };
        let name = self.take_name(peer, &room, &identity, name).await?;
        Ok(Seat {
            room,
            identity,
            name,
        })
    }
}

/// Sends a text to all people in the room.
async fn say(peer: &Peer, seat: &Seat, text: &str) -> Result<(), Refused> {
    if text.trim().is_empty() || text.chars().count() > 4000 {
        return Err(refused("bad-text", "A message has 1 to 4000 characters."));
    }
    let said = json!({"type": "said", "from": seat.name, "text": text, "time": now()});
    peer.publish(&seat.room, Publication::text(said.to_string()))
        .await?;
    Ok(())
}

fn refused(code: &'static str, text: &str) -> Refused {
    Refused(code, text.to_owned())
}

impl<E: std::error::Error> From<E> for Refused {
    fn from(error: E) -> Self {
        Self("refused", error.to_string())
    }
}

fn title(text: &str, most: usize) -> Option<String> {
    let text = text.trim();
    let fits = (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

fn now() -> u64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
