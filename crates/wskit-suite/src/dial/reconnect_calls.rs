//! The calls of a client that reconnects, on each connection and between two.

use std::io;

use wskit_dial::Error;
use wskit_dial::reconnect::{Event, Loss};
use wskit_driver::ConnectionError;
use wskit_frame::OpCode;
use wskit_handshake::ClientRequest;
use wskit_proto::{CloseCode, Message, SendError};
use wskit_test::{Answer, Harness, Network, join, once, pause, run_timed};

use super::connect::{AT_ONCE, connector, server, welcome};
use super::reconnect_scene::{Attempts, is_opened, lost, message, secs};

/// `on_open`, which may log in and subscribe, runs on every connection before its first event.
pub fn hook_runs_before_the_messages_of_each_connection<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut servers = [attempts.succeed(), attempts.succeed()];
        let mut client = attempts.client::<H>().on_open(|mut ws| async move {
            ws.send("log in").await?;
            match ws.recv().await? {
                Some(answer) if answer.as_text() == Some("welcome") => {}
                other => panic!("{other:?}"),
            }
            Ok(ws.send("subscribe").await?)
        });
        let serve = async {
            for server in &mut servers {
                server.expect(OpCode::Text, "log in").await;
                // The answer to the log-in and a message behind it.
                let frames = server.frames();
                server
                    .send([frames.text("welcome"), frames.text("news")].concat())
                    .await;
                server.expect(OpCode::Text, "subscribe").await;
                server.hang_up();
            }
        };
        let used = async {
            for _ in 0..2 {
                assert!(is_opened(client.next().await));
                assert_eq!(message(client.next().await), "news");
                lost(client.next().await);
            }
        };
        join(used, serve).await;
        assert_eq!(attempts.made(), 2);
    });
}

/// An error of the hook counts as a failed attempt.
pub fn hook_that_fails_is_an_attempt_that_failed<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut first = attempts.succeed();
        let mut second = attempts.succeed();
        let mut client = attempts.client::<H>().on_open(|mut ws| async move {
            match ws.recv().await? {
                Some(_) => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
                None => Err(SendError::Closed.into()),
            }
        });
        first.hang_up();
        let (loss, _) = lost(client.next().await);
        assert!(matches!(
            loss,
            Loss::NotOpened(Error::Connection(ConnectionError::Disconnected { .. }))
        ));
        let no = second.frames().text("no");
        second.send(no).await;
        let gave_up = client.next().await.unwrap_err();
        assert!(
            matches!(
                gave_up.loss,
                Loss::NotOpened(Error::Connection(ConnectionError::Io(_)))
            ),
            "{gave_up}"
        );
        // The connection was dropped with it.
        assert!(second.rest().await.is_empty());
    });
}

/// In a `select!` whose other branch is always ready, every attempt still completes.
pub fn cut_next_goes_on_where_it_was<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        attempts.refuse(2);
        let mut server = attempts.succeed();
        let mut client = attempts.client::<H>().on_open(|mut ws| async move {
            for _ in 0..5 {
                pause().await;
            }
            Ok(ws.send("subscribe").await?)
        });
        let cutting = async {
            let mut events = Vec::new();
            while events.len() < 5 {
                // Dropped often within one instant, and then once a second.
                let mut event = once(client.next()).await;
                if event.is_none() {
                    pause().await;
                    event = once(client.next()).await;
                }
                match event {
                    Some(event) => events.push(event.unwrap().unwrap()),
                    None => wskit_test::sleep::<H>(secs(1)).await,
                }
            }
            events
        };
        let serving = async {
            server.expect(OpCode::Text, "subscribe").await;
            let frames = server.frames();
            server
                .send([frames.text("one"), frames.text("two")].concat())
                .await;
        };
        let (events, ()) = join(cutting, serving).await;
        assert_eq!(attempts.made(), 3, "no attempt was begun twice");
        let [
            Event::Lost { .. },
            Event::Lost { .. },
            Event::Opened,
            Event::Message(one),
            Event::Message(two),
        ] = &events[..]
        else {
            panic!("{events:?}");
        };
        assert_eq!((one.as_text(), two.as_text()), (Some("one"), Some("two")));
    });
}

/// A message that cannot be sent is not kept for the next connection.
pub fn send_needs_a_connection<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        attempts.refuse(1);
        let mut server = attempts.succeed();
        let mut client = attempts.client::<H>();
        assert!(matches!(
            client.send("early").await,
            Err(Error::NotConnected)
        ));
        assert_eq!(attempts.made(), 0);
        lost(client.next().await);
        assert!(matches!(
            client.send("between").await,
            Err(Error::NotConnected)
        ));
        assert!(client.connection().is_none());
        assert!(is_opened(client.next().await));
        client.send("now").await.unwrap();
        server.expect(OpCode::Text, "now").await;
        client.connection().unwrap().ping(b"?").await.unwrap();
        server.expect(OpCode::Ping, "?").await;
        // The peer closes: `send` then reports that there is no connection.
        let close = server.frames().close(1001, "");
        server.send(close).await;
        let (event, ()) = join(client.next(), async {
            server.expect_close(1001).await;
            server.hang_up();
        })
        .await;
        lost(event);
        assert!(matches!(
            client.send("late").await,
            Err(Error::NotConnected)
        ));
    });
}

/// `send` reports that there is no connection; `next` reports why, after the messages before the loss.
pub fn failed_send_leaves_the_reason_to_next<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let _next = attempts.succeed();
        let mut client = attempts.client::<H>();
        assert!(is_opened(client.next().await));
        let last = server.frames().text("last words");
        server.send(last).await;
        server.hang_up();
        let mut sent = client.send("x").await;
        while sent.is_ok() {
            sent = client.send("x").await;
        }
        assert!(matches!(sent, Err(Error::NotConnected)), "{sent:?}");
        assert_eq!(message(client.next().await), "last words");
        let (loss, _) = lost(client.next().await);
        assert!(matches!(loss, Loss::Broken(_)), "{loss:?}");
        assert!(is_opened(client.next().await));
    });
}

/// `close` in any state prevents further attempts.
pub fn close_ends_it_in_every_state<H: Harness>() {
    run_timed::<H>(async {
        // Before the first attempt, during an attempt, and during a delay.
        for polls in 0..4 {
            let attempts = Attempts::default();
            attempts.refuse(1);
            let mut client = attempts.client::<H>();
            for _ in 0..polls {
                let _ = once(client.next()).await;
            }
            let closed = client.close(CloseCode::NORMAL, "bye").await;
            assert!(matches!(closed, Ok(None)), "{polls}: {closed:?}");
            assert!(matches!(client.next().await, Ok(None)));
            assert!(matches!(client.send("x").await, Err(Error::Ended)));
        }
        // The outcome of the connection before is not that of the close.
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let mut client = attempts.client::<H>();
        assert!(is_opened(client.next().await));
        let close = server.frames().close(1001, "");
        server.send(close).await;
        server.finish().await;
        lost(client.next().await);
        for _ in 0..2 {
            let closed = client.close(CloseCode::NORMAL, "bye").await;
            assert!(matches!(closed, Ok(None)), "{closed:?}");
            assert!(client.outcome().is_none());
        }
        // An open connection that breaks instead has an outcome all the same, for each call.
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let mut client = attempts.client::<H>();
        assert!(is_opened(client.next().await));
        assert!(once(client.close(CloseCode::NORMAL, "")).await.is_none());
        server.hang_up();
        assert!(matches!(client.next().await, Ok(None)));
        for _ in 0..2 {
            let outcome = client.close(CloseCode::NORMAL, "").await.unwrap();
            assert!(!outcome.expect("an outcome").is_clean());
        }
        // The attempt in progress is dropped.
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let mut client = attempts.client::<H>().on_open(|_| std::future::pending());
        for _ in 0..3 {
            assert!(once(client.next()).await.is_none());
        }
        assert!(matches!(
            client.close(CloseCode::NORMAL, "").await,
            Ok(None)
        ));
        server.expect_end().await;
        drop(client);

        // An open connection is closed cleanly, also if `close` is dropped and `next` finishes it.
        for cut in [false, true] {
            let attempts = Attempts::default();
            let mut server = attempts.succeed();
            let mut client = attempts.client::<H>();
            assert!(is_opened(client.next().await));
            let refused = client.close(CloseCode::NO_STATUS, "").await;
            assert!(matches!(
                refused,
                Err(Error::Connection(ConnectionError::Send(
                    SendError::InvalidCloseCode(_)
                )))
            ));
            if cut {
                assert!(
                    once(client.close(CloseCode::GOING_AWAY, "bye"))
                        .await
                        .is_none()
                );
            }
            let client = async {
                if cut {
                    let end = client.next().await;
                    assert!(matches!(end, Ok(None)), "{end:?}");
                } else {
                    let outcome = client.close(CloseCode::GOING_AWAY, "bye").await.unwrap();
                    assert!(outcome.unwrap().is_clean());
                }
                client
            };
            let (mut client, ()) = join(client, async {
                let frame = server.frame().await;
                assert_eq!(
                    (frame.opcode, &frame.payload[..]),
                    (OpCode::Close, &b"\x03\xe9bye"[..])
                );
                let close = server.frames().close(1001, "bye");
                server.send(close).await;
                server.finish().await;
            })
            .await;
            assert!(matches!(client.next().await, Ok(None)));
            assert!(client.outcome().unwrap().is_clean());
            assert_eq!(attempts.made(), 1);
        }
    });
}

/// A connector repeats every step: lookup, TCP, handshake.
pub fn connector_comes_back<H: Harness>() {
    run_timed::<H>(async {
        let network = Network::new()
            .name("example.com", &["192.0.2.1"])
            .at("192.0.2.1:80", Answer::Accept(AT_ONCE));
        let request = ClientRequest::new("ws://example.com/feed").unwrap();
        let mut client = connector::<H>()
            .reconnect(request)
            .on_open(|mut ws| async move { Ok(ws.send("subscribe").await?) });
        let serving = async {
            for _ in 0..3 {
                let mut script = server(&network).await;
                let head = welcome(&mut script).await;
                assert!(head.starts_with("GET /feed HTTP/1.1\r\n"));
                script.expect(OpCode::Text, "subscribe").await;
            }
        };
        let using = async {
            for _ in 0..3 {
                assert!(is_opened(client.next().await));
                let Ok(Some(Event::Message(hello))) = client.next().await else {
                    panic!("no message");
                };
                assert_eq!(hello, Message::text("hello"));
                lost(client.next().await);
            }
        };
        join(using, serving).await;
        // A new key and a new lookup each time.
        assert_eq!(network.lookups().len(), 3);
    });
}
