//! Values as JSON messages, by the feature `json`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wskit_driver::{ConnectionError, WebSocket};
use wskit_proto::{CloseCode, Config, Message, Role};
use wskit_test::{Io, Simulated, join, pipe, run, wrap};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Move {
    x: i32,
    y: i32,
}

type Ws = WebSocket<Io<Simulated>>;

fn pair() -> (Ws, Ws) {
    let (near, far) = pipe(64 << 10);
    let end = |stream, role| {
        WebSocket::from_parts(
            wrap::<Simulated>(stream),
            role,
            Bytes::new(),
            Config::new().keepalive(None),
        )
    };
    (end(near, Role::Client), end(far, Role::Server))
}

#[test]
fn values_go_to_and_fro() {
    run::<Simulated>(async {
        let (mut client, server) = pair();
        let (mut reader, writer) = server.split();
        let serve = async {
            while let Some(Move { x, y }) = reader.recv_json().await.unwrap() {
                writer.send_json(&Move { x: y, y: x }).await.unwrap();
            }
        };
        let play = async {
            client.send_json(&Move { x: 1, y: 2 }).await.unwrap();
            let answer: Option<Move> = client.recv_json().await.unwrap();
            assert_eq!(answer, Some(Move { x: 2, y: 1 }));
            client.close(CloseCode::NORMAL, "").await.unwrap();
        };
        join(serve, play).await;
    });
}

/// A message of another shape is an error of its own: the next one is received.
#[test]
fn the_connection_goes_on_after_a_message_of_another_shape() {
    run::<Simulated>(async {
        let (mut client, mut server) = pair();
        client.send(r#"{"x": 1, "y": "two"}"#).await.unwrap();
        client.send_json(&Move { x: 1, y: 2 }).await.unwrap();
        let Err(ConnectionError::Json(error)) = server.recv_json::<Move>().await else {
            panic!("not refused")
        };
        assert_eq!(error.path(), Some("y"));
        assert_eq!(server.recv_json().await.unwrap(), Some(Move { x: 1, y: 2 }));
    });
}

/// Nothing of a value without a JSON form is sent.
#[test]
fn a_value_without_a_json_form_sends_nothing() {
    run::<Simulated>(async {
        let (mut client, mut server) = pair();
        let pairs = std::collections::HashMap::from([((1, 2), 3)]);
        let error = client.send_json(&pairs).await.unwrap_err();
        assert!(matches!(error, ConnectionError::Json(_)), "{error}");
        client.send("next").await.unwrap();
        assert_eq!(server.recv().await.unwrap(), Some(Message::text("next")));
    });
}
