//! A client that comes back: when, how often, and what it tells (RFC 6455 §7.2.3).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use wskit_driver::reconnect::{Backoff, Event, GaveUp, Loss, Open, Verdict};
use wskit_driver::{Error, Reconnect, WebSocket};
use wskit_frame::OpCode;
use wskit_handshake::{ClientRequest, HandshakeError};
use wskit_proto::{CloseCode, Message, Role, SendError};
use wskit_test::{
    Answer, Harness, Io, Network, PipeEnd, Script, TimerOf, join, now, once, pause, pipe,
    run_timed, timer, wrap,
};

use super::connect::{AT_ONCE, connector, server, welcome};
use crate::scene::config;

/// What comes of each attempt, in turn; and how many were made.
#[derive(Clone, Default)]
struct Attempts(Rc<RefCell<Plan>>);

#[derive(Default)]
struct Plan {
    left: VecDeque<Result<PipeEnd, Error>>,
    made: usize,
}

impl Attempts {
    fn made(&self) -> usize {
        self.0.borrow().made
    }

    /// So many are refused.
    fn refuse(&self, count: usize) {
        for _ in 0..count {
            self.fail(io::Error::from(io::ErrorKind::ConnectionRefused).into());
        }
    }

    fn fail(&self, error: Error) {
        self.0.borrow_mut().left.push_back(Err(error));
    }

    /// One succeeds; the server.
    fn succeed(&self) -> Script {
        let (near, far) = pipe(64 << 10);
        self.0.borrow_mut().left.push_back(Ok(near));
        Script::new(far, Role::Server)
    }

    fn client<H: Harness>(&self) -> Reconnect<impl Open<Transport = Io<H>>, TimerOf<H>> {
        let attempts = self.clone();
        Reconnect::new(timer::<H>(), move || {
            let next = {
                let mut plan = attempts.0.borrow_mut();
                plan.made += 1;
                plan.left.pop_front().expect("no further attempt")
            };
            async move {
                pause().await;
                let io = wrap::<H>(next?);
                Ok(WebSocket::from_parts(
                    io,
                    Role::Client,
                    Bytes::new(),
                    config(),
                ))
            }
        })
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn lost(event: Result<Option<Event>, GaveUp>) -> (Loss, Duration) {
    match event {
        Ok(Some(Event::Lost { loss, retry_in })) => (loss, retry_in),
        other => panic!("{other:?}"),
    }
}

fn message(event: Result<Option<Event>, GaveUp>) -> String {
    match event {
        Ok(Some(Event::Message(message))) => message.as_text().expect("text").to_owned(),
        other => panic!("{other:?}"),
    }
}

fn is_opened(event: Result<Option<Event>, GaveUp>) -> bool {
    matches!(event, Ok(Some(Event::Opened)))
}

/// Proves: R6455-7.2.3-a, R6455-7.2.3-b, R6455-7.2.3-c
pub fn delays_are_random_and_grow<H: Harness>() {
    let firsts: Vec<_> = (0..2)
        .map(|_| {
            let mut first = Duration::ZERO;
            run_timed::<H>(async {
                let attempts = Attempts::default();
                attempts.refuse(6);
                let _server = attempts.succeed();
                let mut client = attempts.client::<H>();
                let mut before = now::<H>();
                for (at, (low, high)) in [(0, 5), (5, 10), (10, 20), (20, 40), (30, 60), (30, 60)]
                    .into_iter()
                    .enumerate()
                {
                    let (loss, retry_in) = lost(client.next().await);
                    assert!(matches!(loss, Loss::NotOpened(Error::Io(_))), "{loss:?}");
                    assert!(
                        secs(low) <= retry_in && retry_in < secs(high),
                        "{retry_in:?}"
                    );
                    // The attempt was made when it had been said.
                    let begun = now::<H>();
                    assert_eq!(attempts.made(), at + 1);
                    assert!(
                        at > 0 || begun == before,
                        "the first attempt waits for nothing"
                    );
                    if at == 0 {
                        first = retry_in;
                    }
                    before = begun + retry_in;
                    assert!(once(client.next()).await.is_none());
                    assert_eq!(attempts.made(), at + 1, "it waits");
                    if at == 5 {
                        assert!(is_opened(client.next().await));
                        // Alarms of a runtime may be rounded up to a millisecond.
                        let late = now::<H>().saturating_duration_since(before);
                        assert!(now::<H>() >= before && late <= Duration::from_millis(2));
                    }
                }
            });
            first
        })
        .collect();
    assert!(firsts.iter().all(|first| *first < secs(5)));
    assert_ne!(firsts.first(), firsts.last(), "not random");
}

/// 1000: done. 1001, 1005 (none), 1011 to 1014: again. What was our own fault: given up.
pub fn close_codes_decide_what_comes_next<H: Harness>() {
    for code in [
        1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 4000,
    ] {
        run_timed::<H>(async {
            let attempts = Attempts::default();
            let mut server = attempts.succeed();
            let mut client = attempts.client::<H>();
            assert!(is_opened(client.next().await));
            let told = async {
                let hello = server.frames().text("hello");
                server.send(hello).await;
                let frames = server.frames();
                if code == 1005 {
                    server.send(frames.close_empty()).await;
                    server.expect(OpCode::Close, "").await;
                } else {
                    server.send(frames.close(code, "because")).await;
                    server.expect_close(code).await;
                }
                server.hang_up();
            };
            let ((first, second), ()) =
                join(async { (client.next().await, client.next().await) }, told).await;
            assert_eq!(message(first), "hello");
            match code {
                1000 => assert!(matches!(second, Ok(None)), "{second:?}"),
                1001 | 1005 | 1011..=1014 | 4000 => {
                    let Loss::Closed(outcome) = lost(second).0 else {
                        panic!("not by a Close");
                    };
                    let reason = if code == 1005 { "" } else { "because" };
                    assert_eq!((outcome.code().get(), outcome.reason()), (code, reason));
                }
                _ => {
                    let gave_up = second.unwrap_err();
                    assert!(!gave_up.exhausted);
                    assert!(gave_up.to_string().contains(&code.to_string()), "{gave_up}");
                }
            }
            if !matches!(code, 1001 | 1005 | 1011..=1014 | 4000) {
                // Told once, and then it is over.
                assert!(matches!(client.next().await, Ok(None)));
                assert_eq!(client.outcome().unwrap().code().get(), code);
            }
        });
    }
}

/// Proves: R6455-7.2.3-a
pub fn broken_connection_is_replaced<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut first = attempts.succeed();
        let mut second = attempts.succeed();
        let mut third = attempts.succeed();
        let mut fourth = attempts.succeed();
        let mut client = attempts.client::<H>();
        assert!(is_opened(client.next().await));
        first.hang_up();
        let (loss, _) = lost(client.next().await);
        assert!(
            matches!(loss, Loss::Broken(Error::Disconnected { .. })),
            "{loss:?}"
        );
        assert!(is_opened(client.next().await));
        let hello = second.frames().text("still here");
        second.send(hello).await;
        assert_eq!(message(client.next().await), "still here");
        second.hang_up();
        assert!(
            lost(client.next().await).1 >= secs(5),
            "the second in a row"
        );
        assert!(is_opened(client.next().await));
        // Something on the way has spoken: nothing is known about the next connection by that.
        third
            .send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            .await;
        let (loss, _) = lost(client.next().await);
        assert!(matches!(loss, Loss::Broken(Error::Protocol(_))), "{loss:?}");
        assert!(is_opened(client.next().await));
        // What is larger than we allow would come again.
        fourth.send(b"\x82\x7f\0\0\x7f\0\0\0\0\0").await;
        let gave_up = client.next().await.unwrap_err();
        assert!(matches!(gave_up.loss, Loss::Broken(Error::Protocol(_))));
        assert!(matches!(client.next().await, Ok(None)));
    });
}

/// A feed without an end, behind a proxy that ends idle connections with 1000.
pub fn normal_close_may_be_a_loss_too<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut servers = [attempts.succeed(), attempts.succeed()];
        let mut client = attempts.client::<H>().classify(Verdict::never_done);
        for (server, code) in servers.iter_mut().zip([1000, 1008]) {
            assert!(is_opened(client.next().await));
            let close = server.frames().close(code, "");
            server.send(close).await;
            server.finish().await;
            if code == 1000 {
                assert!(matches!(lost(client.next().await).0, Loss::Closed(_)));
            } else {
                // All else is as it was.
                assert!(client.next().await.is_err());
            }
        }
    });
}

/// 4xx is a decision, 5xx a state; `Retry-After` is obeyed.
pub fn refusal_decides_what_comes_next<H: Harness>() {
    for (answer, least) in [
        ("401 x\r\n", None),
        ("404 x\r\n", None),
        ("503 x\r\n", Some(AT_ONCE)),
        ("429 x\r\nRetry-After: 90\r\n", Some(secs(90))),
        ("503 x\r\nRetry-After: 999999\r\n", Some(secs(3600))),
        ("418 x\r\nRetry-After: 30\r\n", Some(secs(30))),
        (
            "429 x\r\nRetry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n",
            Some(secs(3600)),
        ),
        (
            "429 x\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            Some(AT_ONCE),
        ),
    ] {
        run_timed::<H>(async {
            let network = Network::new().at("192.0.2.1:80", Answer::Accept(AT_ONCE));
            let request = ClientRequest::new("ws://192.0.2.1/").unwrap();
            let mut client = connector::<H>().reconnect(request);
            let (event, ()) = join(client.next(), async {
                let mut script = server(&network).await;
                script.head().await;
                let head = format!("HTTP/1.1 {answer}Content-Length: 0\r\n\r\n");
                script.send(head).await;
            })
            .await;
            match least {
                None => {
                    let refused = event.unwrap_err().loss;
                    assert!(matches!(
                        refused,
                        Loss::NotOpened(Error::Handshake(HandshakeError::Refused(_)))
                    ));
                }
                Some(least) => {
                    let retry_in = lost(event).1;
                    assert!(
                        least <= retry_in && retry_in <= least + secs(5),
                        "{retry_in:?}"
                    );
                }
            }
        });
    }
}

/// Whoever logs in or subscribes does so on every connection, and before anything is told.
pub fn hook_runs_before_the_messages_of_each_connection<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut servers = [attempts.succeed(), attempts.succeed()];
        let mut client = attempts.client::<H>().on_open(async |ws| {
            ws.send("log in").await?;
            match ws.recv().await? {
                Some(answer) if answer.as_text() == Some("welcome") => {}
                other => panic!("{other:?}"),
            }
            ws.send("subscribe").await
        });
        let serve = async {
            for server in &mut servers {
                server.expect(OpCode::Text, "log in").await;
                // The answer to the log-in, and a message behind it already.
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

/// An error of the hook's counts as one of the attempt.
pub fn hook_that_fails_is_an_attempt_that_failed<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut first = attempts.succeed();
        let mut second = attempts.succeed();
        let mut client = attempts
            .client::<H>()
            .on_open(async |ws| match ws.recv().await? {
                Some(_) => Err(io::Error::from(io::ErrorKind::Unsupported).into()),
                None => Err(Error::Send(SendError::Closed)),
            });
        first.hang_up();
        let (loss, _) = lost(client.next().await);
        assert!(matches!(loss, Loss::NotOpened(Error::Disconnected { .. })));
        let no = second.frames().text("no");
        second.send(no).await;
        let gave_up = client.next().await.unwrap_err();
        assert!(
            matches!(gave_up.loss, Loss::NotOpened(Error::Io(_))),
            "{gave_up}"
        );
        // The connection went with it.
        assert!(second.rest().await.is_empty());
    });
}

/// Not after any connection: who is thrown out at once comes back more and more slowly.
pub fn good_connection_begins_the_delays_anew<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        attempts.refuse(3);
        let mut short = attempts.succeed();
        let mut long = attempts.succeed();
        let mut client = attempts.client::<H>().healthy_after(secs(10));
        for _ in 0..3 {
            lost(client.next().await);
        }
        assert!(is_opened(client.next().await));
        wskit_test::sleep::<H>(secs(9)).await;
        short.hang_up();
        let retry_in = lost(client.next().await).1;
        assert!(secs(20) <= retry_in && retry_in < secs(40), "{retry_in:?}");
        assert!(is_opened(client.next().await));
        wskit_test::sleep::<H>(secs(10)).await;
        long.hang_up();
        assert!(lost(client.next().await).1 < secs(5));
    });
}

/// Without a limit it never gives up; with one it says so.
pub fn retries_are_bounded<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        attempts.refuse(4);
        let backoff = Backoff::new().first(secs(1)).most(secs(2));
        let mut client = attempts.client::<H>().retries(3).backoff(backoff);
        for _ in 0..3 {
            assert!(lost(client.next().await).1 <= secs(2));
        }
        let gave_up = client.next().await.unwrap_err();
        assert!(gave_up.exhausted);
        assert_eq!(attempts.made(), 4);
        assert!(
            gave_up
                .to_string()
                .starts_with("given up after too many attempts: no connection")
        );
        assert!(matches!(client.next().await, Ok(None)));
    });
}

/// What the library cannot know.
pub fn caller_decides_what_a_loss_is<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        attempts.fail(Error::OriginRefused);
        attempts.fail(Error::TlsUnavailable);
        attempts.fail(Error::HandshakeTimeout);
        let mut client = attempts.client::<H>().classify(|loss| match loss.error() {
            Some(Error::OriginRefused) => Verdict::Retry,
            Some(Error::TlsUnavailable) => Verdict::RetryAfter(secs(1000)),
            Some(Error::HandshakeTimeout) => Verdict::Done,
            _ => Verdict::of(loss),
        });
        assert!(lost(client.next().await).1 < secs(5));
        assert_eq!(lost(client.next().await).1, secs(1000));
        assert!(matches!(client.next().await, Ok(None)));
    });
}

/// In a `select!` that always has something else to do, every attempt still comes to its end.
pub fn cut_next_goes_on_where_it_was<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        attempts.refuse(2);
        let mut server = attempts.succeed();
        let mut client = attempts.client::<H>().on_open(async |ws| {
            for _ in 0..5 {
                pause().await;
            }
            ws.send("subscribe").await
        });
        let cutting = async {
            let mut events = Vec::new();
            while events.len() < 5 {
                // Cut often within one instant, and then once a second.
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

/// Nothing is kept for the next connection.
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
        // The peer closes: what may not be sent any more has no connection either.
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

/// Who sends learns that there is no connection, who receives learns why, and what came before it.
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

/// Closing opens nothing any more, whatever was going on.
pub fn close_ends_it_in_every_state<H: Harness>() {
    run_timed::<H>(async {
        // Before anything, and while an attempt or a delay is going on.
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
            assert!(matches!(client.send("x").await, Err(Error::NotConnected)));
        }
        // The attempt that is going on is given up.
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let mut client = attempts
            .client::<H>()
            .on_open(async |_| std::future::pending().await);
        for _ in 0..3 {
            assert!(once(client.next()).await.is_none());
        }
        assert!(matches!(
            client.close(CloseCode::NORMAL, "").await,
            Ok(None)
        ));
        server.expect_end().await;
        drop(client);

        // An open connection is closed in order; also if the closing is cut and left to `next`.
        for cut in [false, true] {
            let attempts = Attempts::default();
            let mut server = attempts.succeed();
            let mut client = attempts.client::<H>();
            assert!(is_opened(client.next().await));
            let refused = client.close(CloseCode::NO_STATUS, "").await;
            assert!(matches!(
                refused,
                Err(Error::Send(SendError::InvalidCloseCode(_)))
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

/// With all that a connector does: names, TCP, the handshake.
pub fn connector_comes_back<H: Harness>() {
    run_timed::<H>(async {
        let network = Network::new()
            .name("example.com", &["192.0.2.1"])
            .at("192.0.2.1:80", Answer::Accept(AT_ONCE));
        let request = ClientRequest::new("ws://example.com/feed").unwrap();
        let mut client = connector::<H>()
            .reconnect(request)
            .on_open(async |ws| ws.send("subscribe").await);
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
