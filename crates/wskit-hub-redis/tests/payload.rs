//! What is stored and published, both ways.

#[path = "../src/payload.rs"]
#[allow(dead_code, unreachable_pub, reason = "the engine uses the rest")]
mod payload;

use bytes::Bytes;
use payload::Payload;
use proptest::prelude::*;
use wskit_hub::{Member, NodeId, Publication};

fn publications() -> impl Strategy<Value = Publication> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..100).prop_map(Publication::binary);
    let text = ".{0,50}".prop_map(Publication::text);
    let id = proptest::option::of(".{0,60}");
    (prop_oneof![bytes, text], id).prop_map(|(publication, id)| match id {
        Some(id) => publication.id(id),
        None => publication,
    })
}

/// As the script puts it together.
fn published(salt: u64, epoch: u64, offset: u64, publication: &Publication) -> Vec<u8> {
    let mut bytes = vec![b'M'];
    bytes.extend(salt.to_be_bytes());
    bytes.extend(epoch.to_be_bytes());
    bytes.extend(offset.to_be_bytes());
    bytes.extend(payload::message(publication).unwrap());
    bytes
}

proptest! {
    #[test]
    fn what_was_written_is_read(
        publication in publications(),
        (salt, epoch, offset, node) in (any::<u64>(), any::<u64>(), 1..=u64::MAX, any::<u64>()),
        identity in ".{0,60}",
        info in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let message = payload::message(&publication).unwrap();
        prop_assert_eq!(payload::read_message(message.clone().into()), Some(publication.clone()));
        let mut stored = epoch.to_be_bytes().to_vec();
        stored.extend(&message);
        prop_assert_eq!(payload::read_stored(stored.into()), Some((epoch, publication.clone())));
        let field = payload::field(NodeId(node), &identity);
        prop_assert_eq!(payload::read_field(&field), Some((NodeId(node), identity.as_str())));
        let node = NodeId(node);
        let member = Member::new(identity.as_str()).info(info);
        for (bytes, expected) in [
            (
                published(salt, epoch, offset, &publication),
                Payload::Message { salt, epoch, offset, publication: publication.clone() },
            ),
            (payload::live(&publication).unwrap(), Payload::Live(publication)),
            (payload::joined(node, &member).unwrap(), Payload::Joined(node, member)),
            (payload::left(node, &identity), Payload::Left(node, identity.clone())),
            (payload::node_gone(node), Payload::NodeGone(node)),
            (payload::probe(), Payload::Probe),
        ] {
            prop_assert_eq!(payload::read(bytes.into()), Some(expected));
        }
    }

    /// Whatever is read would be written like that: no two forms are one thing.
    #[test]
    fn any_bytes_are_read_without_a_panic(
        kind in proptest::sample::select(b"MLJXGPz".to_vec()),
        rest in proptest::collection::vec(prop_oneof![Just(0), Just(1), Just(2), Just(3), any::<u8>()], 0..40),
    ) {
        let mut bytes = vec![kind];
        bytes.extend(rest);
        let bytes = Bytes::from(bytes);
        let written = match payload::read(bytes.clone()) {
            None => return Ok(()),
            Some(Payload::Message { salt, epoch, offset, publication }) => published(salt, epoch, offset, &publication),
            Some(Payload::Live(publication)) => payload::live(&publication).unwrap(),
            Some(Payload::Joined(node, member)) => payload::joined(node, &member).unwrap(),
            Some(Payload::Left(node, identity)) => payload::left(node, &identity),
            Some(Payload::NodeGone(node)) => payload::node_gone(node),
            Some(Payload::Probe) => payload::probe(),
        };
        prop_assert_eq!(Bytes::from(written), bytes);
    }
}

#[test]
fn what_is_cut_off_is_nothing() {
    let publication = Publication::text("text").id("id");
    let message = published(0, 1, 2, &publication);
    for len in 0..29 {
        assert_eq!(payload::read(message[..len].to_vec().into()), None, "{len}");
    }
    assert!(payload::read(message[..29].to_vec().into()).is_some());
}

#[test]
fn an_id_is_at_most_255_bytes() {
    let id = |len| Publication::text("").id("i".repeat(len));
    assert!(payload::message(&id(255)).is_some());
    assert_eq!(payload::message(&id(256)), None);
}

#[test]
fn an_offset_of_0_is_none() {
    let message = published(0, 1, 0, &Publication::text(""));
    assert_eq!(payload::read(message.into()), None);
}

#[test]
fn text_that_is_not_utf_8_is_nothing() {
    assert_eq!(payload::read_message(Bytes::from_static(&[1, 0xff])), None);
    assert_eq!(
        payload::read_message(Bytes::from_static(&[3, 1, 0xff])),
        None
    );
    assert!(payload::read_message(Bytes::from_static(&[0, 0xff])).is_some());
}
