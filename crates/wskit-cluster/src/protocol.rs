//! The protocol of our own clients: one JSON object a message.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wskit::PreparedMessage;
use wskit::hub::{Event, Member, Publication, Subscribed, Wire};

/// What a client asks for.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub(crate) enum Wish {
    Subscribe {
        topic: String,
        after: Option<String>,
    },
    Publish {
        topic: String,
        id: String,
        pad: usize,
    },
    Enter {
        topic: String,
    },
    Leave {
        topic: String,
    },
    /// To withdraw one's own grant, as an application does that has second thoughts.
    Revoke {
        topic: String,
    },
    /// Who is present, and the newest position.
    Look {
        topic: String,
    },
}

/// Returns what is published: the name of the message, and something to fill it.
pub(crate) fn publication(id: &str, pad: usize) -> Publication {
    let text = json!({"id": id, "pad": "x".repeat(pad)}).to_string();
    Publication::text(text).id(id)
}

/// Returns the name of a message.
pub(crate) fn id_of(payload: &[u8]) -> String {
    let value: Value = serde_json::from_slice(payload).unwrap_or_default();
    value["id"].as_str().unwrap_or("?").to_owned()
}

/// How events look to our own clients: as they write them down, but for the padding.
pub(crate) fn wire() -> Wire {
    Wire::new(|event| Some(PreparedMessage::text(encode(event)?.to_string())))
}

fn encode(event: Event<'_>) -> Option<Value> {
    Some(match event {
        Event::Published { message, .. } => {
            let payload: Value = serde_json::from_slice(message.payload()).ok()?;
            json!({
                "ev": "msg", "topic": message.topic(), "pos": message.position().to_string(),
                "id": payload["id"], "pad": payload["pad"],
            })
        }
        Event::Subscribed { topic, subscribed } => {
            let (how, past) = match subscribed {
                Subscribed::All { missed, .. } => ("all", missed),
                Subscribed::Fresh { replayed, .. } => ("fresh", replayed),
                _ => ("gap", 0),
            };
            let pos = subscribed.position().to_string();
            json!({"ev": "sub", "topic": topic, "how": how, "pos": pos, "past": past})
        }
        Event::Present { topic, present } => {
            let names: Vec<_> = present.members.iter().map(Member::identity).collect();
            json!({"ev": "here", "topic": topic, "names": names})
        }
        Event::Joined { topic, member } => {
            json!({"ev": "join", "topic": topic, "name": member.identity()})
        }
        Event::Left { topic, member } => {
            json!({"ev": "left", "topic": topic, "name": member.identity()})
        }
        Event::Gap { topic, position } => {
            json!({"ev": "gap", "topic": topic, "pos": position.to_string()})
        }
        Event::Unsubscribed { topic } => json!({"ev": "unsub", "topic": topic}),
        // No topic of the proof has rules that skip messages.
        _ => return None,
    })
}
