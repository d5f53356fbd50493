//! RFC 6455 §6: what one end sends, the other receives.
#![allow(
    clippy::needless_borrows_for_generic_args,
    reason = "lending a message is what is tested"
)]

use crate::wire::*;
use bytes::Bytes;
use core::num::NonZeroUsize;
use proptest::prelude::*;
use wskit_proto::{
    Config, Connection, Event, Message, MessageKind, MessageRef, Outgoing, PreparedMessage, Role,
    SendError,
};

#[derive(Clone, Copy, Debug)]
enum Way {
    Lent,
    Own,
    Shared,
    SharedElsewhere,
    Prepared,
    Streamed(usize),
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::Lent),
        Just(Way::Own),
        Just(Way::Shared),
        Just(Way::SharedElsewhere),
        Just(Way::Prepared),
        (1_usize..30_000).prop_map(Way::Streamed),
    ]
}

/// Text or bytes, of every size where something changes.
fn message() -> impl Strategy<Value = Message> {
    let len = prop_oneof![
        Just(0_usize),
        1..200_usize,
        65_500..65_600_usize,
        16_370..16_400_usize,
        0..100_000_usize
    ];
    (len, any::<u8>(), any::<bool>()).prop_map(|(len, seed, text)| {
        if text {
            let part = if seed % 2 == 0 {
                "grüße, 日本 "
            } else {
                "plain "
            };
            let mut whole = part.repeat(len / part.len() + 1);
            while whole.len() > len {
                whole.pop();
            }
            Message::text(whole)
        } else {
            Message::binary(
                (0..len)
                    .map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed))
                    .collect::<Vec<u8>>(),
            )
        }
    })
}

fn send(end: &mut Connection, message: &Message, way: Way) -> Result<(), SendError> {
    let data = message.as_bytes();
    match way {
        Way::Lent => match message.as_text() {
            Some(text) => end.feed(text),
            None => end.feed(data),
        },
        Way::Own => match message.as_text() {
            Some(text) => end.feed(text.to_owned()),
            None => end.feed(data.to_vec()),
        },
        Way::Shared => match message {
            Message::Text(text) => end.feed(wskit_proto::Utf8Bytes::from(&**text)),
            Message::Binary(data) => end.feed(Bytes::copy_from_slice(data)),
        },
        Way::SharedElsewhere => end.feed(message),
        Way::Prepared => end.feed(&PreparedMessage::new(message)),
        Way::Streamed(size) => {
            end.outbox().begin(message.kind())?;
            for piece in data.chunks(size) {
                end.outbox().piece(piece, false)?;
            }
            end.outbox().piece(b"", true)
        }
    }
}

fn got(message: &Message) -> Got {
    match message {
        Message::Text(text) => Got::Text(text.to_string()),
        Message::Binary(data) => Got::Binary(data.to_vec()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Proves: R6455-6.1-b, R6455-6.1-c, R6455-6.1-d, R6455-6.2-a, R6455-5.4-i
    #[test]
    fn what_is_sent_is_received(
        messages in proptest::collection::vec((message(), way()), 1..6),
        fragment in prop_oneof![Just(None), (1_usize..20).prop_map(Some), (1_000_usize..40_000).prop_map(Some)],
        from_client in any::<bool>(),
    ) {
        let role = ROLES[usize::from(from_client)];
        let fragment = fragment.and_then(NonZeroUsize::new);
        let config = Config::new().fragment_size(fragment);
        let mut sender = open(role, config);
        let mut receiver = open(other(role), Config::new());
        for (message, way) in &messages {
            send(&mut sender, message, *way).unwrap();
            let output = sender.take_output();
            let frames = frames(&output);
            let opcode = if message.is_text() { TEXT } else { BINARY };
            for (i, (first, payload)) in frames.iter().enumerate() {
                // Only the first frame has the type, only the last has FIN.
                prop_assert_eq!(first & 0xf, if i == 0 { opcode } else { CONTINUATION });
                prop_assert_eq!(first & FIN != 0, i + 1 == frames.len());
                prop_assert!(fragment.is_none_or(|most| payload.len() <= most.get()));
            }
            prop_assert_eq!(feed(&mut receiver, &output), [got(message)]);
        }
        sender.release();
        prop_assert_eq!(sender.buffer_bytes(), 0);
    }
}

/// Proves: R6455-6.1-c, R6455-5.4-i
#[test]
fn fragment_size_cuts_messages() {
    let size = NonZeroUsize::new(2);
    let mut server = open(Role::Server, Config::new().fragment_size(size));
    server.feed("Hello").unwrap();
    server.feed("ab").unwrap();
    server.feed(vec![1, 2, 3]).unwrap();
    let expected = [
        unmasked(TEXT, b"He"),
        unmasked(CONTINUATION, b"ll"),
        unmasked(FIN, b"o"),
        unmasked(FIN | TEXT, b"ab"),
        unmasked(BINARY, &[1, 2]),
        unmasked(FIN, &[3]),
    ];
    assert_eq!(server.take_output(), expected.concat());
}

/// Proves: R6455-6.1-d
#[test]
fn streamed_message_that_is_given_up_ends_with_the_close() {
    let mut server = server();
    server.outbox().begin(MessageKind::Text).unwrap();
    server.outbox().piece(b"half", false).unwrap();
    server.close(None).unwrap();
    let output = server.take_output();
    assert_eq!(
        frames(&output),
        [(TEXT, b"half".to_vec()), (FIN | CLOSE, vec![])]
    );
    assert_eq!(
        feed(&mut client(), &output),
        [Got::Close(None)],
        "never delivered as whole"
    );
}

/// A message that has a buffer of its own is answered by moving that buffer.
///
/// Proves: R6455-6.1-b
#[test]
fn echo_gives_back_what_came() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        for payload in [vec![1; 5], vec![2; 40_000], vec![3; 300_000]] {
            let frame = to(role, FIN | BINARY, &payload);
            let mut rest = &frame[..];
            while !rest.is_empty() {
                rest = &rest[end.receive(rest)..];
                while let Some((Event::Message(message), outbox)) = end
                    .poll_event_and_outbox(std::time::Instant::now())
                    .unwrap()
                {
                    outbox.feed(message).unwrap();
                }
            }
            assert_eq!(sent(&mut end), [(FIN | BINARY, payload)]);
        }
        end.release();
        assert_eq!(end.buffer_bytes(), 0);
    }
}

/// Proves: R6455-6.1-b
#[test]
fn lent_message_is_answered_through_the_outbox_beside_it() {
    for role in ROLES {
        let mut end = open(role, Config::new());
        let frame = to(role, FIN | TEXT, b"hi");
        let now = std::time::Instant::now();
        assert!(end.poll_event_and_outbox(now).unwrap().is_none());
        assert_eq!(end.receive(&frame), frame.len());
        let Some((Event::Message(message), outbox)) = end.poll_event_and_outbox(now).unwrap()
        else {
            panic!("no message")
        };
        assert_eq!(message.as_text(), Some("hi"));
        outbox.feed(message).unwrap();
        assert!(end.poll_event_and_outbox(now).unwrap().is_none());
        assert_eq!(end.take_output(), to(other(role), FIN | TEXT, b"hi"));
    }
}

/// Proves: R6455-6.1-b
#[test]
fn everything_that_can_be_sent_converts() {
    fn kind_and_len<'a>(message: impl Into<Outgoing<'a>>) -> (bool, usize) {
        let message = message.into();
        (format!("{message:?}").contains("Text"), message.len())
    }
    let (text, data) = (String::from("ab"), vec![0; 2]);
    assert_eq!(kind_and_len("ab"), (true, 2));
    assert_eq!(kind_and_len(&text), (true, 2));
    assert_eq!(kind_and_len(String::from("ab")), (true, 2));
    assert_eq!(kind_and_len(data.as_slice()), (false, 2));
    assert_eq!(kind_and_len(&[0; 2]), (false, 2));
    assert_eq!(kind_and_len(vec![0; 2]), (false, 2));
    assert_eq!(kind_and_len(&data), (false, 2));
    assert_eq!(kind_and_len(Bytes::new()), (false, 0));
    assert_eq!(kind_and_len(Message::text("ab")), (true, 2));
    assert_eq!(kind_and_len(&Message::binary(vec![1])), (false, 1));
    assert_eq!(kind_and_len(&PreparedMessage::text("ab")), (true, 2));
    assert!(Outgoing::from("").is_empty());
}

/// Proves: R6455-6.2-c
#[test]
fn message_can_be_kept() {
    let now = std::time::Instant::now();
    for payload in ["small".to_owned(), "large ".repeat(20_000)] {
        let mut client = client();
        let frame = unmasked(FIN | TEXT, payload.as_bytes());
        let mut rest = &frame[..];
        let mut kept = None;
        while !rest.is_empty() {
            rest = &rest[client.receive(rest)..];
            if let Some(Event::Message(message)) = client.poll_event(now).unwrap() {
                kept = Some(MessageRef::into_owned(message));
            }
        }
        assert_eq!(kept, Some(Message::text(payload)));
        assert_eq!(poll(&mut client), []);
        client.release();
        assert_eq!(client.buffer_bytes(), 0);
    }
}
