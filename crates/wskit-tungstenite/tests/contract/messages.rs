use std::collections::HashSet;

use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wskit_tungstenite::error::{CapacityError, Error, ProtocolError};
use wskit_tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use wskit_tungstenite::protocol::frame::{CloseFrame, Frame, FrameHeader, FrameSocket};
use wskit_tungstenite::protocol::{Message, Role, WebSocketConfig};
use wskit_tungstenite::{Utf8Bytes, WebSocketStream};

use crate::pair;

#[tokio::test]
async fn ping_is_returned_and_answered_with_the_next_read_or_flush() {
    let (mut client, mut server) = pair().await;
    client.send(Message::Ping("p".into())).await.unwrap();
    assert_eq!(
        server.next().await.unwrap().unwrap(),
        Message::Ping("p".into())
    );
    server.flush().await.unwrap();
    assert_eq!(
        client.next().await.unwrap().unwrap(),
        Message::Pong("p".into())
    );

    client.send(Message::Ping("q".into())).await.unwrap();
    client.send("text".into()).await.unwrap();
    assert_eq!(
        server.next().await.unwrap().unwrap(),
        Message::Ping("q".into())
    );
    assert_eq!(server.next().await.unwrap().unwrap(), "text".into());
    assert_eq!(
        client.next().await.unwrap().unwrap(),
        Message::Pong("q".into())
    );
}

/// A pong of the program's own takes the place of the answer that was not sent yet.
#[tokio::test]
async fn own_pong_replaces_the_answer() {
    let (mut client, mut server) = pair().await;
    client.send(Message::Ping("p".into())).await.unwrap();
    server.next().await.unwrap().unwrap();
    server.send(Message::Pong("own".into())).await.unwrap();
    server.send("text".into()).await.unwrap();
    assert_eq!(
        client.next().await.unwrap().unwrap(),
        Message::Pong("own".into())
    );
    assert_eq!(client.next().await.unwrap().unwrap(), "text".into());
}

#[test]
fn defaults_are_theirs() {
    let ours = WebSocketConfig::default();
    let theirs = theirs::protocol::WebSocketConfig::default();
    assert_eq!(ours.read_buffer_size, theirs.read_buffer_size);
    assert_eq!(ours.write_buffer_size, theirs.write_buffer_size);
    assert_eq!(ours.max_write_buffer_size, theirs.max_write_buffer_size);
    assert_eq!(ours.max_message_size, theirs.max_message_size);
    assert_eq!(ours.max_frame_size, theirs.max_frame_size);
    assert_eq!(ours.accept_unmasked_frames, theirs.accept_unmasked_frames);
    assert!(ours.deflate.is_none());
    assert!(ours.idle_timeout.is_none() && ours.keepalive.is_none());
    assert!(ours.handshake_timeout.is_none());
}

#[tokio::test]
async fn limits_are_on_messages_and_on_frames() {
    let config = WebSocketConfig::default()
        .max_message_size(Some(10))
        .max_frame_size(Some(8));
    for (frames, limit) in [(vec![9], 8), (vec![8, 3], 10)] {
        let (client, mut server) = tokio::io::duplex(1 << 16);
        let mut client = WebSocketStream::from_raw_socket(client, Role::Client, Some(config)).await;
        for (at, len) in frames.iter().enumerate() {
            let last = at + 1 == frames.len();
            let first = if at == 0 { 2 } else { 0 } | if last { 0x80 } else { 0 };
            server.write_all(&[first, *len]).await.unwrap();
            server.write_all(&vec![7; usize::from(*len)]).await.unwrap();
        }
        match client.next().await.unwrap() {
            Err(Error::Capacity(CapacityError::MessageTooLong { size, max_size })) => {
                assert_eq!((size, max_size), (limit + 1, limit));
            }
            other => panic!("{other:?}"),
        }
        // The peer is told why.
        let mut close = [0; 8];
        server.read_exact(&mut close).await.unwrap();
        assert_eq!(close[..2], [0x88, 0x82]);
    }
}

#[tokio::test]
async fn unmasked_frames_are_taken_on_request() {
    for yes in [false, true] {
        let config = WebSocketConfig::default().accept_unmasked_frames(yes);
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let mut server = WebSocketStream::from_raw_socket(server, Role::Server, Some(config)).await;
        client.write_all(&[0x81, 1, b'a']).await.unwrap();
        match server.next().await.unwrap() {
            Ok(message) if yes => assert_eq!(message, "a".into()),
            Err(Error::Protocol(ProtocolError::UnmaskedFrameFromClient)) if !yes => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Fragments that a program makes itself arrive as one message.
#[tokio::test]
async fn frames_of_the_program_are_sent_as_they_are() {
    let (mut client, mut server) = pair().await;
    let fragments = [
        Frame::message("frag", OpCode::Data(Data::Text), false),
        Frame::message("men", OpCode::Data(Data::Continue), false),
        Frame::message("ts", OpCode::Data(Data::Continue), true),
    ];
    for (from, to) in [(0, 1), (1, 0)] {
        let ends = [&mut client, &mut server];
        for frame in fragments.clone() {
            ends[from].send(Message::Frame(frame)).await.unwrap();
        }
        assert_eq!(ends[to].next().await.unwrap().unwrap(), "fragments".into());
    }
}

#[tokio::test]
async fn bytes_read_behind_the_handshake_come_first() {
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let large = [&[0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0][..], &vec![7; 65_535]].concat();
    let part = [&[0x81, 0x81, 0, 0, 0, 0, b'a'][..], &large].concat();
    let (part, rest) = part.split_at(part.len() - 5);
    let mut server =
        WebSocketStream::from_partially_read(server, part.to_vec(), Role::Server, None).await;
    client.write_all(rest).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), "a".into());
    assert_eq!(server.next().await.unwrap().unwrap().len(), 65_535);
}

#[tokio::test]
async fn stream_is_reached_and_taken_back() {
    let (mut client, mut server) = pair().await;
    client
        .get_mut()
        .write_all(&[0x81, 0x80, 0, 0, 0, 0])
        .await
        .unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), "".into());
    let _: &tokio::io::DuplexStream = server.get_ref();
    assert_eq!(server.get_config().max_frame_size, Some(16 << 20));
    let mut raw = server.into_inner();
    raw.write_all(&[0x81, 0]).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), "".into());
}

#[test]
fn messages_are_made_of_and_into_what_they_carry() {
    assert_eq!(Message::from("a"), Message::Text("a".into()));
    assert_eq!(Message::from("a".to_owned()), Message::text("a"));
    assert_eq!(Message::from(vec![1]), Message::Binary(vec![1].into()));
    assert_eq!(Message::from(&[1_u8][..]), Message::binary(vec![1]));
    assert_eq!(
        Message::from(Bytes::from_static(b"a")),
        Message::binary("a")
    );
    assert_eq!(Message::text("grüße").len(), 7);
    assert_eq!(Bytes::from(Message::text("a")), "a");
    assert_eq!(Message::binary("a").into_text().unwrap(), "a");
    assert_eq!(Message::binary("a").to_text().unwrap(), "a");
    let invalid = Message::binary(vec![0xff]);
    assert_eq!(invalid.to_string(), "Binary Data<length=1>");
    assert!(matches!(invalid.to_text(), Err(Error::Utf8(_))));
    assert!(matches!(invalid.into_text(), Err(Error::Utf8(_))));
    let close = Message::Close(Some(CloseFrame {
        code: CloseCode::Library(4001),
        reason: "why".into(),
    }));
    assert_eq!((close.len(), close.to_text().unwrap()), (3, "why"));
    assert_eq!(
        format!(
            "{}",
            CloseFrame {
                code: 1000.into(),
                reason: "r".into()
            }
        ),
        "r (1000)"
    );
    assert!(Message::Close(None).is_empty() && Message::Close(None).is_close());
    assert_eq!(Message::Frame(Frame::pong("x")).len(), 3);
}

#[test]
fn text_compares_converts_and_hashes_as_str() {
    let text = Utf8Bytes::from_static("foo");
    assert_eq!(text, "foo");
    assert_eq!(text, "foo".to_owned());
    assert_eq!(text, std::borrow::Cow::from("foo"));
    assert_eq!(Utf8Bytes::try_from(vec![b'f', b'o', b'o']).unwrap(), text);
    assert_eq!(Utf8Bytes::try_from(BytesMut::from("foo")).unwrap(), text);
    let error = Utf8Bytes::try_from(Bytes::from_static(b"ab\xff")).unwrap_err();
    assert_eq!(error.valid_up_to(), 2);
    assert!(HashSet::from([text.clone()]).contains("foo"));
    let bytes: &Bytes = text.as_ref();
    assert_eq!(bytes, "foo");
    let theirs = theirs::Utf8Bytes::from_static("foo");
    assert_eq!(format!("{text:?} {text}"), format!("{theirs:?} {theirs}"));
}

#[test]
fn close_codes_are_numbers_and_back() {
    for code in 0..=u16::MAX {
        let ours = CloseCode::from(code);
        let theirs = theirs::protocol::frame::coding::CloseCode::from(code);
        assert_eq!(u16::from(ours), code);
        assert_eq!(format!("{ours:?} {ours}"), format!("{theirs:?} {theirs}"));
        assert_eq!(ours.is_allowed(), theirs.is_allowed());
    }
}

/// Headers and frames have the same bytes, and the same text.
#[test]
fn frames_are_formatted_and_parsed_like_theirs() {
    for len in [0, 1, 125, 126, 65_535, 65_536] {
        for mask in [None, Some([1, 2, 3, 4])] {
            for opcode in 0..16 {
                let header = FrameHeader {
                    rsv2: true,
                    is_final: len % 2 == 0,
                    opcode: opcode.into(),
                    mask,
                    ..FrameHeader::default()
                };
                let other = theirs::protocol::frame::FrameHeader {
                    rsv2: true,
                    is_final: len % 2 == 0,
                    opcode: opcode.into(),
                    mask,
                    ..Default::default()
                };
                let payload = Bytes::from(vec![7; len]);
                let ours = Frame::from_payload(header, payload.clone());
                let theirs = theirs::protocol::frame::Frame::from_payload(other, payload);
                assert_eq!(ours.len(), theirs.len());
                assert_eq!(ours.to_string(), theirs.to_string());
                let (mut a, mut b) = (Vec::new(), Vec::new());
                ours.clone().format(&mut a).unwrap();
                theirs.format(&mut b).unwrap();
                assert_eq!(a, b);
                let reserved = !matches!(opcode, 0..=2 | 8..=10);
                match FrameSocket::new(&a[..]).read(None) {
                    Ok(Some(read)) if !reserved => assert_eq!(read.header(), ours.header()),
                    Err(Error::Protocol(ProtocolError::InvalidOpcode(_))) if reserved => {}
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}
