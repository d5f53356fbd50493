//! Connections that are taken apart, and put together again.

use wskit_driver::{Parts, WebSocket};
use wskit_frame::OpCode;
use wskit_proto::{Message, Role};
use wskit_test::{Harness, Io, join, once, run};

use crate::scene::{ROLES, config, facing, facing_through};

/// Puts together again what was taken apart.
fn again<H: Harness>(parts: Parts<Io<H>>) -> WebSocket<Io<H>> {
    WebSocket::from_parts(parts.io, parts.role, parts.read_buf, config())
}

/// Two messages, and the start of a third at every byte, are read at once.
pub fn parts_have_what_was_read_and_not_used<H: Harness>() {
    for role in ROLES {
        for cut in 0..6 {
            run::<H>(async {
                let (mut ws, mut peer, _) = facing::<H>(role, config());
                let frames = peer.frames();
                let (second, third) = (frames.text("two"), frames.ping(b"three"));
                let mut bytes = frames.text("one");
                bytes.extend(&second);
                bytes.extend(&third[..cut]);
                peer.send(bytes).await;
                assert!(ws.recv().await.unwrap().is_some());
                let parts = ws.into_parts().unwrap();
                assert_eq!(parts.role, role);
                assert_eq!(parts.read_buf, [&second, &third[..cut]].concat());
                assert!(parts.write_buf.is_empty());
                let mut ws = again::<H>(parts);
                peer.send(&third[cut..]).await;
                let message = ws.recv().await.unwrap().unwrap();
                assert_eq!(message, Message::text("two"));
                assert!(once(ws.recv()).await.is_none());
                peer.expect(OpCode::Pong, "three").await;
            });
        }
    }
}

/// The same, with the start of a frame set aside by a receive that waited.
pub fn parts_have_the_start_of_a_header<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, _) = facing::<H>(Role::Server, config());
        let frame = peer.frames().text("hello");
        peer.send(&frame[..1]).await;
        assert!(once(ws.recv()).await.is_none());
        let parts = ws.into_parts().unwrap();
        assert_eq!(parts.read_buf, frame[..1]);
        let mut ws = again::<H>(parts);
        peer.send(&frame[1..]).await;
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
    });
}

/// What was read behind the opening handshake, and not parsed yet.
pub fn parts_have_the_leftover_of_the_handshake<H: Harness>() {
    run::<H>(async {
        let (ws, peer, _) = facing::<H>(Role::Server, config());
        let mut parts = ws.into_parts().unwrap();
        let bytes = [peer.frames().text("one"), peer.frames().text("two")].concat();
        parts.read_buf = bytes.clone().into();
        let parts = again::<H>(parts).into_parts().unwrap();
        assert_eq!(parts.read_buf, bytes);
        let mut ws = again::<H>(parts);
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("one")));
        let parts = ws.into_parts().unwrap();
        assert_eq!(parts.read_buf, peer.frames().text("two"));
    });
}

/// Bytes that are queued, the rest of a frame of which the pipe has taken some.
pub fn parts_have_what_was_not_written<H: Harness>() {
    run::<H>(async {
        let (mut ws, mut peer, probe) = facing_through::<H>(Role::Server, config(), 10);
        ws.feed(vec![5; 20]).await.unwrap();
        assert!(once(ws.flush()).await.is_none());
        ws.feed("next").await.unwrap();
        ws.feed(vec![6; 20_000]).await.unwrap();
        let parts = ws.into_parts().unwrap();
        let mut all = vec![0x82, 20];
        all.extend([5; 20]);
        all.extend([0x81, 4, b'n', b'e', b'x', b't', 0x82, 126, 0x4E, 0x20]);
        all.extend(vec![6; 20_000]);
        assert_eq!(probe.written(), all[..10]);
        assert_eq!(parts.write_buf, all[10..]);
        peer.forget();
    });
}

/// Part of a message, one that waits to be received, and one that is being sent in pieces.
pub fn connection_inside_a_message_is_given_back<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut ws, mut peer, _) = facing::<H>(role, config());
            let frame = peer.frames().text("hello");
            let (start, end) = frame.split_at(frame.len() - 2);
            peer.send(start).await;
            assert!(once(ws.recv()).await.is_none());
            let mut ws = ws.into_parts().unwrap_err().into_websocket();
            peer.send(end).await;
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));

            // It comes while this end waits for room.
            let (mut ws, mut peer, _) = facing_through::<H>(role, config(), 20);
            peer.send(&frame).await;
            let out = vec![1; 100];
            let (sent, ()) = join(ws.send(&out[..]), peer.expect(OpCode::Binary, &out)).await;
            sent.unwrap();
            let mut ws = ws.into_parts().unwrap_err().into_websocket();
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));

            let out = ws.outbox();
            out.begin(wskit_proto::MessageKind::Text).unwrap();
            out.piece(b"piece", false).unwrap();
            let error = ws.into_parts().unwrap_err();
            assert!(error.to_string().contains("partly sent"), "{error}");
            let mut ws = error.into_websocket();
            ws.outbox().piece(b"", true).unwrap();
            assert!(ws.into_parts().is_ok());
        });
    }
}
