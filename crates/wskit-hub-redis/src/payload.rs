//! What is stored in Redis and published there, as bytes.
//!
//! A message is a byte of flags (1: text, 2: it has an id), the length of the id and the id, and the payload.
//! What is published begins with a letter for what it is. Numbers have the most significant byte first.

use bytes::{Buf, Bytes};
use wskit_hub::{Member, MessageKind, NodeId, Publication};

const TEXT: u8 = 1;
const HAS_ID: u8 = 2;
const MESSAGE: u8 = b'M';
const LIVE: u8 = b'L';
const JOINED: u8 = b'J';
const LEFT: u8 = b'X';
/// Before the number of a node that is gone.
pub(crate) const NODE_GONE: u8 = b'G';
const PROBE: u8 = b'P';

/// What was published.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    /// A message of a topic with a history.
    Message {
        /// What the hub that published it mixes epochs with.
        salt: u64,
        /// As it is in the data, without the salt.
        epoch: u64,
        offset: u64,
        publication: Publication,
    },
    /// A message of a topic without.
    Live(Publication),
    Joined(NodeId, Member),
    Left(NodeId, String),
    NodeGone(NodeId),
    /// A node asks itself whether it still hears something.
    Probe,
}

/// Returns a message as bytes, or `None` if its id is longer than 255 bytes.
pub(crate) fn message(publication: &Publication) -> Option<Vec<u8>> {
    let id = publication.get_id();
    let is_text = publication.kind() == MessageKind::Text;
    let flags = if is_text { TEXT } else { 0 } | if id.is_some() { HAS_ID } else { 0 };
    let payload = publication.payload();
    let mut bytes = Vec::with_capacity(payload.len() + id.map_or(0, str::len) + 2);
    bytes.push(flags);
    if let Some(id) = id {
        bytes.push(u8::try_from(id.len()).ok()?);
        bytes.extend(id.as_bytes());
    }
    bytes.extend(payload);
    Some(bytes)
}

/// Reads what [`message`] has written.
pub(crate) fn read_message(mut bytes: Bytes) -> Option<Publication> {
    let flags = bytes.try_get_u8().ok()?;
    if flags & !(TEXT | HAS_ID) != 0 {
        return None;
    }
    let id = if flags & HAS_ID == 0 {
        None
    } else {
        let len = usize::from(bytes.try_get_u8().ok()?);
        Some(text(&mut bytes, len)?)
    };
    let publication = if flags & TEXT == 0 {
        Publication::binary(bytes)
    } else {
        Publication::text(std::str::from_utf8(&bytes).ok()?)
    };
    Some(match id {
        Some(id) => publication.id(id),
        None => publication,
    })
}

/// Reads a message as it is stored: after the time when it came, in milliseconds.
pub(crate) fn read_stored(mut bytes: Bytes) -> Option<(u64, Publication)> {
    let time = bytes.try_get_u64().ok()?;
    Some((time, read_message(bytes)?))
}

fn text(bytes: &mut Bytes, len: usize) -> Option<String> {
    if bytes.len() < len {
        return None;
    }
    String::from_utf8(bytes.split_to(len).to_vec()).ok()
}

/// Returns what is published of a message of a live topic.
pub(crate) fn live(publication: &Publication) -> Option<Vec<u8>> {
    let mut bytes = message(publication)?;
    bytes.insert(0, LIVE);
    Some(bytes)
}

/// Returns what is published when a member enters.
pub(crate) fn joined(node: NodeId, member: &Member) -> Option<Vec<u8>> {
    let identity = member.identity().as_bytes();
    let mut bytes = vec![JOINED];
    bytes.extend(node.0.to_be_bytes());
    bytes.extend(u16::try_from(identity.len()).ok()?.to_be_bytes());
    bytes.extend(identity);
    bytes.extend(member.get_info());
    Some(bytes)
}

/// Returns what is published when a member leaves.
pub(crate) fn left(node: NodeId, identity: &str) -> Vec<u8> {
    let mut bytes = vec![LEFT];
    bytes.extend(node.0.to_be_bytes());
    bytes.extend(identity.as_bytes());
    bytes
}

/// Returns what is published when a node is gone.
pub(crate) fn node_gone(node: NodeId) -> Vec<u8> {
    let mut bytes = vec![NODE_GONE];
    bytes.extend(node.0.to_be_bytes());
    bytes
}

/// Returns what a node publishes to itself.
pub(crate) fn probe() -> Vec<u8> {
    vec![PROBE]
}

/// Returns the field under which a member is stored.
pub(crate) fn field(node: NodeId, identity: &str) -> Vec<u8> {
    let mut bytes = node.0.to_be_bytes().to_vec();
    bytes.extend(identity.as_bytes());
    bytes
}

/// Reads what [`field`] has written.
pub(crate) fn read_field(field: &[u8]) -> Option<(NodeId, &str)> {
    let (node, identity) = field.split_first_chunk()?;
    let identity = std::str::from_utf8(identity).ok()?;
    Some((NodeId(u64::from_be_bytes(*node)), identity))
}

/// Reads what was published.
pub(crate) fn read(mut bytes: Bytes) -> Option<Payload> {
    let kind = bytes.try_get_u8().ok()?;
    match kind {
        MESSAGE => {
            let salt = bytes.try_get_u64().ok()?;
            let epoch = bytes.try_get_u64().ok()?;
            let offset = bytes.try_get_u64().ok().filter(|offset| *offset > 0)?;
            let publication = read_message(bytes)?;
            Some(Payload::Message {
                salt,
                epoch,
                offset,
                publication,
            })
        }
        LIVE => read_message(bytes).map(Payload::Live),
        JOINED => {
            let node = NodeId(bytes.try_get_u64().ok()?);
            let len = usize::from(bytes.try_get_u16().ok()?);
            let identity = text(&mut bytes, len)?;
            Some(Payload::Joined(node, Member::new(identity).info(bytes)))
        }
        LEFT => {
            let node = NodeId(bytes.try_get_u64().ok()?);
            let len = bytes.len();
            Some(Payload::Left(node, text(&mut bytes, len)?))
        }
        NODE_GONE => {
            let node = NodeId(bytes.try_get_u64().ok()?);
            bytes.is_empty().then_some(Payload::NodeGone(node))
        }
        PROBE => bytes.is_empty().then_some(Payload::Probe),
        _ => None,
    }
}
