//! What subscribers are told, and how members of topics are kept in the hub.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use wskit_hub::{Event, Member, PreparedMessage, Published, Wire};

use crate::codec::Codec;
use crate::codes::{DisconnectCode, UnsubscribeCode};
use crate::message::{ClientInfo, Coming, Publication, Push, Reply, Unsubscribe};

/// Who has asked for a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    /// Clients do not subscribe again by themselves to what the server has subscribed them to: when messages are
    /// missed, they have to connect again.
    Server,
}

/// Gaps that were told. A client that was told of one subscribes again, though its subscription in the hub
/// goes on.
static GAPS: AtomicU64 = AtomicU64::new(0);

pub(crate) fn gaps() -> u64 {
    GAPS.load(Ordering::Acquire)
}

/// Returns the wire of an encoding. A message is encoded once for each, whatever the number of sessions.
pub(crate) fn wire(codec: Codec, side: Side) -> &'static Wire {
    static JSON: [OnceLock<Wire>; 2] = [const { OnceLock::new() }; 2];
    #[cfg(feature = "protobuf")]
    static PROTOBUF: [OnceLock<Wire>; 2] = [const { OnceLock::new() }; 2];
    let [client, server] = match codec {
        Codec::Json => &JSON,
        #[cfg(feature = "protobuf")]
        Codec::Protobuf => &PROTOBUF,
    };
    let place = match side {
        Side::Client => client,
        Side::Server => server,
    };
    place.get_or_init(|| {
        Wire::new(move |event| {
            let push = push(event, side)?;
            let reply = Reply {
                push: Some(push),
                ..Reply::default()
            };
            Some(PreparedMessage::new(&codec.encode(&reply)))
        })
    })
}

fn push(event: Event<'_>, side: Side) -> Option<Push> {
    let (topic, push) = match event {
        Event::Published { message, .. } => (
            message.topic(),
            Push {
                r#pub: Some(publication(message)),
                ..Push::default()
            },
        ),
        Event::Joined { topic, member } => (
            topic,
            Push {
                join: Some(coming(member)),
                ..Push::default()
            },
        ),
        Event::Left { topic, member } => (
            topic,
            Push {
                leave: Some(coming(member)),
                ..Push::default()
            },
        ),
        Event::Unsubscribed { topic } => (topic, missed(side)),
        Event::Gap { topic, .. } => {
            GAPS.fetch_add(1, Ordering::AcqRel);
            (topic, missed(side))
        }
        _ => return None,
    };
    let channel = match &push.disconnect {
        Some(_) => String::new(),
        None => topic.to_owned(),
    };
    Some(Push { channel, ..push })
}

/// Messages were missed: has the client come again.
fn missed(side: Side) -> Push {
    match side {
        Side::Client => Push {
            unsubscribe: Some(UnsubscribeCode::InsufficientState.into()),
            ..Push::default()
        },
        Side::Server => Push {
            disconnect: Some(DisconnectCode::InsufficientState.into()),
            ..Push::default()
        },
    }
}

impl From<UnsubscribeCode> for Unsubscribe {
    fn from(code: UnsubscribeCode) -> Self {
        Self {
            code: code.get(),
            reason: code.text().to_owned(),
        }
    }
}

pub(crate) fn publication(message: &Published) -> Publication {
    Publication {
        data: message.payload().clone(),
        offset: message.position().offset,
    }
}

fn coming(member: &Member) -> Coming {
    Coming {
        info: Some(info_of(member)),
    }
}

/// What begins the info of members that are sessions. No text begins with it.
const SESSION: u8 = 0;

/// Returns the member that a session is in a topic: of its own id, as each session of a user is told of.
pub(crate) fn member(info: &ClientInfo) -> Member {
    let mut bytes = vec![SESSION];
    for part in [info.user.as_bytes(), &info.conn_info] {
        // More than a hub takes.
        let len = u16::try_from(part.len()).unwrap_or(u16::MAX);
        bytes.extend(len.to_be_bytes());
        bytes.extend(part);
    }
    bytes.extend(&info.chan_info);
    Member::new(info.client.as_str()).info(bytes)
}

/// Returns what clients are told of a member. One that the application has made is a user and a client of its
/// identity.
pub(crate) fn info_of(member: &Member) -> ClientInfo {
    let info = member.get_info();
    parts(info).map_or_else(
        || ClientInfo {
            user: member.identity().to_owned(),
            client: member.identity().to_owned(),
            conn_info: info.clone(),
            chan_info: Bytes::new(),
        },
        |(user, conn_info, chan_info)| ClientInfo {
            user,
            client: member.identity().to_owned(),
            conn_info,
            chan_info,
        },
    )
}

fn parts(info: &Bytes) -> Option<(String, Bytes, Bytes)> {
    let mut rest = info.clone();
    if rest.first() != Some(&SESSION) {
        return None;
    }
    let _ = rest.split_to(1);
    let mut part = || {
        let (len, _) = rest.split_first_chunk::<2>()?;
        let len = usize::from(u16::from_be_bytes(*len));
        if rest.len() < len + 2 {
            return None;
        }
        let _ = rest.split_to(2);
        Some(rest.split_to(len))
    };
    let user = String::from_utf8(part()?.into()).ok()?;
    let conn_info = part()?;
    Some((user, conn_info, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_the_same_after_it_was_a_member() {
        let info = ClientInfo {
            user: "ann".to_owned(),
            client: "c1".to_owned(),
            conn_info: Bytes::from_static(b"{}"),
            chan_info: Bytes::from_static(b"[1]"),
        };
        assert_eq!(info_of(&member(&info)), info);
        assert_eq!(
            info_of(&member(&ClientInfo::default())),
            ClientInfo::default()
        );
    }

    #[test]
    fn members_of_the_application_are_told_of_too() {
        for info in [
            &b"\"x\""[..],
            b"",
            b"\0",
            b"\0\0\x09ann",
            b"\0\0\x01\xff\0\0",
        ] {
            let info = info_of(&Member::new("ann").info(info));
            assert_eq!((&*info.user, &*info.client), ("ann", "ann"));
        }
    }
}
