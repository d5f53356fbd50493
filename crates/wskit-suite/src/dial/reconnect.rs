//! A client that reconnects: after which losses, when, and how often (RFC 6455 §7.2.3).

use std::time::Duration;

use wskit_dial::reconnect::{Backoff, Loss, Verdict};
use wskit_dial::{DialError, Error};
use wskit_driver::{ConnectionError, OpenError};
use wskit_frame::OpCode;
use wskit_handshake::ClientRequest;
use wskit_test::{Answer, Harness, Network, join, now, once, run_timed};

use super::connect::{AT_ONCE, connector, server};
use super::reconnect_scene::{Attempts, is_opened, lost, message, secs};

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
                    assert!(
                        matches!(
                            loss,
                            Loss::NotOpened(Error::Connection(ConnectionError::Io(_)))
                        ),
                        "{loss:?}"
                    );
                    assert!(
                        secs(low) <= retry_in && retry_in < secs(high),
                        "{retry_in:?}"
                    );
                    // The attempt was made before its loss was reported.
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

/// 1000 ends the client, 1001, 1005 (none) and 1011 to 1014 reconnect, codes for our own faults give up.
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
                // The error is reported once.
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
            matches!(
                loss,
                Loss::Broken(Error::Connection(ConnectionError::Disconnected { .. }))
            ),
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
        // An intermediary has answered, which says nothing about the next connection.
        third
            .send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            .await;
        let (loss, _) = lost(client.next().await);
        assert!(
            matches!(
                loss,
                Loss::Broken(Error::Connection(ConnectionError::Protocol(_)))
            ),
            "{loss:?}"
        );
        assert!(is_opened(client.next().await));
        // A message above our limit would come again.
        fourth.send(b"\x82\x7f\0\0\x7f\0\0\0\0\0").await;
        let gave_up = client.next().await.unwrap_err();
        assert!(matches!(
            gave_up.loss,
            Loss::Broken(Error::Connection(ConnectionError::Protocol(_)))
        ));
        assert!(matches!(client.next().await, Ok(None)));
    });
}

/// An endless feed behind a proxy that ends idle connections with 1000.
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
                // The default decides all other codes.
                assert!(client.next().await.is_err());
            }
        }
    });
}

/// A 4xx is final, a 5xx is retried, and `Retry-After` is obeyed.
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
                    assert!(matches!(refused, Loss::NotOpened(error) if error.refusal().is_some()));
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

/// Only a connection that lasted resets the delays: one that is closed at once lengthens them.
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

/// Without a limit it never gives up; with one the error says that it was reached.
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

/// `classify` overrides the default verdict.
pub fn caller_decides_what_a_loss_is<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        attempts.fail(OpenError::OriginRefused.into());
        attempts.fail(DialError::TlsUnavailable.into());
        attempts.fail(DialError::from(OpenError::Timeout).into());
        let mut client = attempts.client::<H>().classify(|loss| match loss.error() {
            Some(Error::Open(OpenError::OriginRefused)) => Verdict::Retry,
            Some(Error::Dial(DialError::TlsUnavailable)) => Verdict::RetryAfter(secs(1000)),
            Some(Error::Dial(error)) if error.is_timeout() => Verdict::Done,
            _ => Verdict::of(loss),
        });
        assert!(lost(client.next().await).1 < secs(5));
        assert_eq!(lost(client.next().await).1, secs(1000));
        assert!(matches!(client.next().await, Ok(None)));
    });
}
