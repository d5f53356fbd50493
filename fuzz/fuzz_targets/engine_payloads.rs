//! What hubs write into NATS and Redis for each other, and what other programs may have written there.
//!
//! Whatever is read as a message, a member or a topic is written again, and reads as the same; what is not is passed
//! over. A topic is one token of a subject, and no other topic has it.
//!
//! Input: a byte for what it is, then its bytes.
#![no_main]
#![allow(dead_code, unused_imports, unreachable_pub, reason = "the engines use the rest")]

#[path = "../../crates/wskit-hub-nats/src/codec.rs"]
mod codec;
#[path = "../../crates/wskit-hub-redis/src/payload.rs"]
mod payload;
#[path = "../../crates/wskit-hub-nats/src/subject.rs"]
mod subject;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use payload::Payload;
use wskit_hub::Publication;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else {
        return;
    };
    match kind % 5 {
        0 => subjects(bytes),
        1 => nats(bytes),
        2 => published(Bytes::copy_from_slice(bytes)),
        3 => stored(Bytes::copy_from_slice(bytes)),
        _ => fields(bytes),
    }
});

fn subjects(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let token = subject::encode(text);
    assert!(!token.is_empty());
    let is_special = |c: char| ".*> ".contains(c) || c.is_control() || !c.is_ascii();
    assert!(!token.contains(is_special), "{token:?}");
    assert_eq!(subject::decode(&token).as_deref(), Some(text));
    if let Some(decoded) = subject::decode(text) {
        assert_eq!(subject::encode(&decoded), text, "one token for each topic");
    }
}

/// The first byte says which headers there are: 1 an id, 2 the kind, 4 the kind of bytes. Then the id, a zero byte, and
/// the payload.
fn nats(bytes: &[u8]) {
    let Some((flags, rest)) = bytes.split_first() else {
        return;
    };
    let mut parts = rest.splitn(2, |byte| *byte == 0);
    let id = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let headers = codec::Headers {
        id: (flags & 1 != 0).then_some(id),
        kind: (flags & 2 != 0).then(|| if flags & 4 != 0 { "binary" } else { "else" }.to_owned()),
    };
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    let publication = codec::decode("chat:1", headers, body.clone());
    assert_eq!(publication.payload(), &body, "the payload is as it is");
    let again = codec::encode("chat:1", &publication);
    assert_eq!(codec::decode("chat:1", again, body), publication);
}

fn published(bytes: Bytes) {
    let again = match payload::read(bytes.clone()) {
        None => return,
        Some(Payload::Message {
            salt,
            epoch,
            offset,
            publication,
        }) => {
            let mut again = vec![b'M'];
            again.extend(salt.to_be_bytes());
            again.extend(epoch.to_be_bytes());
            again.extend(offset.to_be_bytes());
            again.extend(written(&publication));
            again
        }
        Some(Payload::Live(publication)) => payload::live(&publication).expect("it was read"),
        Some(Payload::Joined(node, member)) => payload::joined(node, &member).expect("it was read"),
        Some(Payload::Left(node, identity)) => payload::left(node, &identity),
        Some(Payload::NodeGone(node)) => payload::node_gone(node),
        Some(Payload::Probe) => payload::probe(),
    };
    assert_eq!(again, bytes);
}

fn stored(bytes: Bytes) {
    let Some((time, publication)) = payload::read_stored(bytes.clone()) else {
        return;
    };
    let mut again = time.to_be_bytes().to_vec();
    again.extend(written(&publication));
    assert_eq!(again, bytes);
}

fn written(publication: &Publication) -> Vec<u8> {
    payload::message(publication).expect("its id is not longer than what was read")
}

fn fields(bytes: &[u8]) {
    if let Some((node, identity)) = payload::read_field(bytes) {
        assert_eq!(payload::field(node, identity), bytes);
    }
}
