//! The types that go in and out: texts, messages, outgoing messages.

use std::borrow::{Borrow, Cow};
use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use crate::wire::*;
use bytes::Bytes;
use proptest::prelude::*;
use wskit_proto::{
    Config, Event, Message, MessageKind, Outgoing, PreparedMessage, Role, Utf8Bytes,
};

#[test]
fn text_is_the_str_that_it_was_made_from() {
    const CONSTANT: Utf8Bytes = Utf8Bytes::from_static("grüße");
    for text in [
        CONSTANT,
        Utf8Bytes::from("grüße"),
        Utf8Bytes::from("grüße".to_owned()),
        Utf8Bytes::try_from(Bytes::from("grüße")).unwrap(),
    ] {
        assert_eq!(text, *"grüße");
        assert_eq!(text, "grüße");
        assert!(text != *"other" && text != "other");
        assert_eq!(AsRef::<str>::as_ref(&text), "grüße");
        assert_eq!(AsRef::<[u8]>::as_ref(&text), "grüße".as_bytes());
        assert_eq!(format!("{text} {text:?}"), "grüße \"grüße\"");
        assert_eq!(text.len(), 7);
        assert_eq!(String::from(text.clone()), "grüße");
        assert_eq!(Bytes::from(text.clone()), "grüße".as_bytes());
        assert_eq!(text.into_bytes(), "grüße".as_bytes());
    }
}

#[test]
fn text_is_found_by_a_str() {
    let rooms = HashMap::from([(Utf8Bytes::from("lobby"), 1)]);
    assert_eq!(rooms.get("lobby"), Some(&1));
    assert_eq!(rooms.get("other"), None);
    let text: &str = rooms.keys().next().unwrap().borrow();
    assert_eq!(text, "lobby");
}

proptest! {
    #[test]
    fn text_is_made_of_utf8_alone(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
        let made = Utf8Bytes::try_from(Bytes::from(bytes.clone()));
        match std::str::from_utf8(&bytes) {
            Ok(text) => prop_assert_eq!(made.unwrap(), text),
            Err(_) => prop_assert_eq!(made.unwrap_err(), bytes, "given back"),
        }
    }
}

#[test]
fn message_keeps_kind_and_payload() {
    let text: [Message; 4] = [
        "hi".into(),
        "hi".to_owned().into(),
        Utf8Bytes::from("hi").into(),
        Message::text("hi"),
    ];
    for message in text {
        assert_eq!(message.kind(), MessageKind::Text);
        assert_eq!((message.is_text(), message.as_text()), (true, Some("hi")));
        assert_eq!((message.len(), message.is_empty()), (2, false));
        assert_eq!(message.as_bytes(), b"hi");
        assert_eq!(message.into_data(), "hi");
    }
    let binary: [Message; 4] = [
        Bytes::from_static(b"\xffhi").into(),
        b"\xffhi".to_vec().into(),
        b"\xffhi".as_slice().into(),
        Message::binary(&b"\xffhi"[..]),
    ];
    for message in binary {
        assert_eq!(message.kind(), MessageKind::Binary);
        assert_eq!((message.is_text(), message.as_text()), (false, None));
        assert_eq!((message.len(), message.is_empty()), (3, false));
        assert_eq!(message.as_bytes(), b"\xffhi");
        assert_eq!(message.into_data(), &b"\xffhi"[..]);
    }
    assert!(Message::text("").is_empty() && Message::binary(Bytes::new()).is_empty());
}

#[test]
fn lent_message_is_what_it_is_kept_as() {
    for (first, payload, kind) in [
        (TEXT, "hi", MessageKind::Text),
        (TEXT, "", MessageKind::Text),
        (BINARY, "hi", MessageKind::Binary),
        (BINARY, "", MessageKind::Binary),
    ] {
        let frame = masked(FIN | first, payload.as_bytes());
        let mut server = open(Role::Server, Config::new());
        assert_eq!(server.receive(&frame), frame.len());
        let Ok(Some(Event::Message(message))) = server.poll_event(Instant::now()) else {
            panic!("no message")
        };
        let text = (kind == MessageKind::Text).then_some(payload);
        assert_eq!((message.kind(), message.as_text()), (kind, text));
        assert_eq!(message.is_text(), text.is_some());
        assert_eq!(message.is_binary(), text.is_none());
        assert_eq!(message.len(), payload.len());
        assert_eq!(message.is_empty(), payload.is_empty());
        let shown = (format!("{message}"), format!("{message:?}"));
        let owned = message.into_owned();
        assert_eq!((format!("{owned}"), format!("{owned:?}")), shown);
        assert_eq!((owned.kind(), owned.as_bytes()), (kind, payload.as_bytes()));
    }
}

#[test]
fn what_is_sent_keeps_kind_and_payload() {
    let owned = "hi".to_owned();
    let prepared = PreparedMessage::text("hi");
    let message = Message::text("hi");
    let shared: Arc<str> = Arc::from("hi");
    let text: [Outgoing<'_>; 13] = [
        "hi".into(),
        Cow::Borrowed("hi").into(),
        Cow::<str>::Owned(owned.clone()).into(),
        Box::<str>::from("hi").into(),
        (&shared).into(),
        shared.clone().into(),
        (&Utf8Bytes::from("hi")).into(),
        (&owned).into(),
        owned.clone().into(),
        Utf8Bytes::from("hi").into(),
        message.clone().into(),
        (&message).into(),
        (&prepared).into(),
    ];
    for outgoing in text {
        sends(outgoing, &unmasked(FIN | TEXT, b"hi"));
    }
    let bytes = b"hi".to_vec();
    let prepared = PreparedMessage::new(&Message::binary(bytes.clone()));
    let message = Message::binary(bytes.clone());
    let shared: Arc<[u8]> = Arc::from(bytes.as_slice());
    let binary: [Outgoing<'_>; 14] = [
        bytes.as_slice().into(),
        b"hi".into(),
        (*b"hi").into(),
        Cow::Borrowed(bytes.as_slice()).into(),
        Cow::<[u8]>::Owned(bytes.clone()).into(),
        Box::<[u8]>::from(bytes.as_slice()).into(),
        (&shared).into(),
        shared.clone().into(),
        (&Bytes::from_static(b"hi")).into(),
        (&bytes).into(),
        bytes.clone().into(),
        Bytes::from_static(b"hi").into(),
        (&message).into(),
        (&prepared).into(),
    ];
    for outgoing in binary {
        sends(outgoing, &unmasked(FIN | BINARY, b"hi"));
    }
    assert!(Outgoing::from("").is_empty());
    assert!(PreparedMessage::binary(b"").is_empty());
}

/// A large shared payload is queued without a copy, whatever its type is.
#[test]
fn a_large_shared_payload_is_not_copied() {
    let text: Arc<str> = "x".repeat(100_000).into();
    let data: Arc<[u8]> = vec![7; 100_000].into();
    let bytes = Bytes::from(vec![7; 100_000]);
    let utf8 = Utf8Bytes::from("x".repeat(100_000));
    let (lent_text, lent_data) = (text.as_ptr(), data.as_ptr());
    let queued: [(Outgoing<'_>, *const u8); 4] = [
        (text.into(), lent_text),
        (data.into(), lent_data),
        ((&bytes).into(), bytes.as_ptr()),
        ((&utf8).into(), utf8.as_ptr()),
    ];
    for (outgoing, address) in queued {
        let mut server = open(Role::Server, Config::new());
        server.feed(outgoing).unwrap();
        let mut chunks = [IoSlice::new(&[]); 4];
        let outbound = server.outbound();
        let n = outbound.chunks(&mut chunks);
        assert!(chunks[..n].iter().any(|chunk| chunk.as_ptr() == address));
    }
}

#[test]
fn messages_are_made_of_every_type_that_can_be_sent() {
    let hi = "hi".to_owned();
    for message in [
        Message::from("hi"),
        Message::from(&hi),
        Message::from(hi.clone()),
        Message::from(Box::<str>::from("hi")),
        Message::from(Cow::Borrowed("hi")),
        Message::from(Utf8Bytes::from("hi")),
        Message::from(&Utf8Bytes::from("hi")),
    ] {
        assert_eq!(message, Message::Text(Utf8Bytes::from_static("hi")));
    }
    for message in [
        Message::from(b"hi"),
        Message::from(*b"hi"),
        Message::from(b"hi".as_slice()),
        Message::from(b"hi".to_vec()),
        Message::from(Box::<[u8]>::from(*b"hi")),
        Message::from(Bytes::from_static(b"hi")),
        Message::from(&Bytes::from_static(b"hi")),
    ] {
        assert_eq!(message, Message::Binary(Bytes::from_static(b"hi")));
    }
}

/// Text in a binary message is text for a program that does not care (`to_text`), and is not for one that
/// does (`as_text`).
#[test]
fn binary_messages_are_read_as_text_if_they_are_utf8() {
    let text = Message::text("grüße");
    let binary = Message::binary("grüße");
    assert_eq!(
        (text.to_text(), text.as_text()),
        (Ok("grüße"), Some("grüße"))
    );
    assert_eq!((binary.to_text(), binary.as_text()), (Ok("grüße"), None));
    assert_eq!(text.into_text().unwrap(), "grüße");
    assert_eq!(binary.into_text().unwrap(), "grüße");
    let cut = Message::from(b"gr\xc3");
    assert_eq!(cut.to_text().unwrap_err().valid_up_to(), 2);
    assert_eq!(cut.into_text().unwrap_err().valid_up_to(), 2);
}

fn sends(outgoing: Outgoing<'_>, frame: &[u8]) {
    assert_eq!((outgoing.len(), outgoing.is_empty()), (2, false));
    let mut server = open(Role::Server, Config::new());
    server.feed(outgoing).unwrap();
    assert_eq!(server.take_output(), frame);
}

#[test]
fn settings_are_read_as_they_were_set() {
    use std::time::Duration;
    let config = Config::new();
    assert!(config.get_auto_pong());
    assert_eq!(config.get_handshake_timeout(), Duration::from_secs(10));
    assert_eq!(config.get_close_timeout(), Duration::from_secs(5));
    let config = config
        .auto_pong(false)
        .handshake_timeout(Duration::from_secs(3))
        .close_timeout(Duration::from_secs(4));
    assert!(!config.get_auto_pong());
    assert_eq!(config.get_handshake_timeout(), Duration::from_secs(3));
    assert_eq!(config.get_close_timeout(), Duration::from_secs(4));
    assert_eq!(config.max_fragments(0).get_limits().max_fragments, 1);
}
