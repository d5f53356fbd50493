//! Values as JSON messages from a client that reconnects, by the feature `json`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use bytes::Bytes;
use wskit_dial::reconnect::Event;
use wskit_dial::{Error, Reconnect};
use wskit_driver::{ConnectionError, Overflow, WebSocket};
use wskit_frame::OpCode;
use wskit_proto::{CloseCode, Config, Role};
use wskit_test::{OnNetwork, PipeEnd, Script, Simulated, join, pipe, run_timed, wrap};

/// Returns a client of one connection, and its server.
fn client() -> (Reconnect<OnNetwork<Simulated>>, Script) {
    let (near, far): (PipeEnd, PipeEnd) = pipe(64 << 10);
    let mut near = Some(near);
    let client = Reconnect::new(move || {
        let near = near.take().expect("one connection");
        async move {
            let io = wrap::<Simulated>(near);
            let config = Config::new().keepalive(None);
            Ok(WebSocket::from_parts(
                io,
                Role::Client,
                Bytes::new(),
                config,
            ))
        }
    });
    (client, Script::new(far, Role::Server))
}

/// A list is no key of a JSON object.
fn no_json() -> BTreeMap<[u8; 1], u8> {
    BTreeMap::from([([1], 2)])
}

fn is_json(error: &Error) -> bool {
    matches!(error, Error::Connection(ConnectionError::Json(_)))
}

#[test]
fn value_is_sent_on_the_connection_that_is_open() {
    run_timed::<Simulated>(async {
        let (mut client, mut server) = client();
        let early = client.send_json(&[1]).await;
        assert!(matches!(early, Err(Error::NotConnected)), "{early:?}");
        assert!(matches!(client.next().await, Ok(Some(Event::Opened))));
        client.send_json(&["a", "b"]).await.unwrap();
        server.expect(OpCode::Text, r#"["a","b"]"#).await;
        let error = client.send_json(&no_json()).await.unwrap_err();
        assert!(is_json(&error), "{error:?}");
        client.send_json("still open").await.unwrap();
        server.expect(OpCode::Text, r#""still open""#).await;
    });
}

#[test]
fn handle_sends_values_and_says_when_the_client_has_ended() {
    run_timed::<Simulated>(async {
        let (client, mut server) = client();
        let (events, handle, run) = client.into_parts(8, Overflow::Wait);
        let using = async {
            handle.wait_connected().await.unwrap();
            handle.send_json(&["a", "b"]).await.unwrap();
            server.expect(OpCode::Text, r#"["a","b"]"#).await;
            let error = handle.send_json(&no_json()).await.unwrap_err();
            assert!(is_json(&error), "{error:?}");
            let serving = async {
                server.expect_close(1000).await;
                let close = server.frames().close(1000, "");
                server.send(close).await;
                server.finish().await;
            };
            let (closed, ()) = join(handle.close(CloseCode::NORMAL, ""), serving).await;
            assert!(closed.unwrap().is_some());
            let late = handle.send_json(&[1]).await;
            assert!(matches!(late, Err(Error::Ended)), "{late:?}");
            drop(events);
        };
        join(using, run).await;
    });
}
