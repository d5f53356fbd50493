//! A client that reconnects in a task of its own.

use std::time::Duration;

use wskit_dial::reconnect::{Backoff, Event};
use wskit_dial::{Connector, Error};
use wskit_driver::{Overflow, Server};
use wskit_handshake::{ClientRequest, OriginPolicy};
use wskit_test::join;

use super::run;
use crate::sockets::Sockets;

/// The runtime runs it, hook and all; the server drops its first connection and closes the second.
pub fn client_that_was_spawned_comes_back<S: Sockets>() {
    run::<S>(async {
        let (listener, port) = S::listen().await;
        let request = ClientRequest::new(format!("ws://127.0.0.1:{port}/")).expect("a URL");
        let soon = Backoff::new()
            .first(Duration::from_millis(20))
            .most(Duration::from_millis(100));
        let (mut events, handle) = Connector::<S::Net>::new()
            .reconnect(request)
            .on_open(|mut ws| async move { Ok(ws.send("subscribe").await?) })
            .backoff(soon)
            .spawn(16, Overflow::DropOldest);
        let serving = async {
            let server = Server::<S::Net>::new(OriginPolicy::Any);
            for life in ["first", "last"] {
                let (tcp, _) = S::accept(&listener).await;
                let mut ws = server.accept(tcp).await.expect("a client");
                for expected in ["subscribe", "by the handle"] {
                    let message = ws.recv().await.expect("a client").expect("a message");
                    assert_eq!(message.as_text(), Some(expected));
                }
                ws.send(life).await.expect("a client");
                if life == "last" {
                    // The client closes.
                    assert!(matches!(ws.recv().await, Ok(None)));
                }
            }
        };
        let using = async {
            let mut messages = Vec::new();
            while let Some(event) = events.next().await.expect("a server") {
                match event {
                    Event::Opened => handle.send("by the handle").await.expect("a server"),
                    Event::Message(message) => {
                        messages.push(message.as_text().expect("text").to_owned());
                        if messages.len() == 2 {
                            let closed = handle.close(1000.into(), "").await.expect("a server");
                            assert!(closed.expect("an outcome").is_clean());
                        }
                    }
                    _ => {}
                }
            }
            assert_eq!(messages, ["first", "last"]);
            let sent = handle.send("late").await;
            assert!(matches!(sent, Err(Error::Ended)));
        };
        join(serving, using).await;
    });
}
