//! Responses of a server that does not open a WebSocket, complete or not: the client reports them.

use std::time::Duration;

use wskit_dial::{
    Connector, Error,
    reconnect::{Event, Loss},
};
use wskit_driver::{Client, OpenError};
use wskit_handshake::{ClientRequest, HandshakeError, Refusal};
use wskit_proto::Role;
use wskit_test::{
    Answer, Harness, Network, OnNetwork, Script, join, now, pipe, run, run_timed, sleep,
};

use crate::dial::connect::{AT_ONCE, connector, millis, server};
use crate::scene::{CAPACITY, config};

/// How long a client waits for the body after the head.
const BODY_WAIT: Duration = millis(500);

/// Responses whose body does not end, with their status.
const UNFINISHED: [(u16, &str); 5] = [
    (
        401,
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\n\r\n",
    ),
    (
        403,
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno",
    ),
    (
        503,
        "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ),
    (
        200,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    ),
    (302, "HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n"),
];

fn refusal(error: impl Into<Error>) -> Refusal {
    let error = error.into();
    let refusal = error.refusal().cloned();
    refusal.unwrap_or_else(|| panic!("{error:?}"))
}

fn passed<H: Harness>(start: std::time::Instant, time: Duration) {
    let passed = now::<H>() - start;
    assert!(
        passed >= time && passed < time + millis(100),
        "{passed:?} instead of {time:?}"
    );
}

/// Proves: R6455-4.1-x, X-io-1
pub fn refusal_without_an_end_is_told_soon<H: Harness>() {
    for (status, answer) in UNFINISHED {
        for chunks in [false, true] {
            run_timed::<H>(async {
                let (near, far) = pipe(CAPACITY);
                let probe = near.probe();
                let mut peer = Script::new(far, Role::Server);
                let client = Client::<H::Runtime>::new().config(config());
                let start = now::<H>();
                let script = async {
                    peer.head().await;
                    // The head arrives byte by byte; the wait begins after it.
                    let (most, last) = answer.split_at(answer.find("\r\n\r\n").unwrap());
                    peer.send(most).await;
                    sleep::<H>(millis(3000)).await;
                    peer.send(last).await;
                    // Bytes that keep coming do not extend the wait.
                    while chunks && peer.try_send("1\r\nx\r\n").await.is_ok() {
                        sleep::<H>(millis(90)).await;
                    }
                    let _ = peer.rest().await;
                };
                let dial = async {
                    let refused = client
                        .handshake(H::stream(near), "ws://example.com/")
                        .await
                        .unwrap_err();
                    passed::<H>(start, millis(3000) + BODY_WAIT);
                    let refusal = refusal(refused);
                    assert_eq!(refusal.status, status);
                    assert!(!refusal.body_is_complete);
                };
                join(dial, script).await;
                assert!(probe.is_dropped());
            });
        }
    }
}

/// Proves: R6455-4.1-x
pub fn refusal_that_is_cut_is_told_at_once<H: Harness>() {
    for (status, answer) in UNFINISHED {
        for reset in [false, true] {
            run::<H>(async {
                let (near, far) = pipe(CAPACITY);
                let mut peer = Script::new(far, Role::Server);
                let client = Client::<H::Runtime>::new().config(config());
                let (refused, ()) = join(
                    client.handshake(H::stream(near), "ws://example.com/"),
                    async {
                        peer.head().await;
                        peer.send(answer).await;
                        if reset {
                            peer.probe().reset();
                        } else {
                            peer.hang_up();
                        }
                    },
                )
                .await;
                let refusal = refusal(refused.unwrap_err());
                assert_eq!(refusal.status, status);
                // A body without a length ends with the stream.
                let framed = answer.contains("Length") || answer.contains("Encoding");
                assert_eq!(refusal.body_is_complete, !reset && !framed, "{answer}");
            });
        }
    }
}

/// A slow body that arrives in time is complete.
pub fn body_that_ends_in_time_is_whole<H: Harness>() {
    run_timed::<H>(async {
        let (near, far) = pipe(CAPACITY);
        let mut peer = Script::new(far, Role::Server);
        let client = Client::<H::Runtime>::new().config(config());
        let (refused, ()) = join(
            client.handshake(H::stream(near), "ws://example.com/"),
            async {
                peer.head().await;
                peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n")
                    .await;
                for byte in *b"nono" {
                    sleep::<H>(millis(100)).await;
                    peer.send([byte]).await;
                }
            },
        )
        .await;
        let refusal = refusal(refused.unwrap_err());
        assert_eq!(
            (&refusal.body[..], refusal.body_is_complete),
            (&b"nono"[..], true)
        );
    });
}

/// The handshake's own deadline ends the wait if it is earlier, and the refusal is still reported.
///
/// Proves: X-io-1
pub fn refusal_is_told_at_the_handshake_deadline<H: Harness>() {
    let limit = millis(1200);
    for (status, answer) in UNFINISHED {
        run_timed::<H>(async {
            let network = Network::new().at("192.0.2.1:80", Answer::Accept(millis(1000)));
            let connector: Connector<OnNetwork<H>> =
                connector::<H>().config(config().handshake_timeout(limit));
            let start = now::<H>();
            let (refused, ()) = join(connector.connect("ws://192.0.2.1/"), async {
                let mut script = server(&network).await;
                script.head().await;
                script.send(answer).await;
                let _ = script.rest().await;
            })
            .await;
            passed::<H>(start, limit);
            assert_eq!(refusal(refused.unwrap_err()).status, status);
        });
    }
}

/// A 401 is final and a `Retry-After` is obeyed, whether or not the body of the response ends.
pub fn unfinished_refusal_decides_what_comes_next<H: Harness>() {
    for (status, answer) in UNFINISHED {
        run_timed::<H>(async {
            let network = Network::new().at("192.0.2.1:80", Answer::Accept(AT_ONCE));
            let request = ClientRequest::new("ws://192.0.2.1/").unwrap();
            let mut client = connector::<H>().reconnect(request);
            let (event, ()) = join(client.next(), async {
                let mut script = server(&network).await;
                script.head().await;
                script.send(answer).await;
                let _ = script.rest().await;
            })
            .await;
            if status == 503 {
                let Ok(Some(Event::Lost { retry_in, .. })) = event else {
                    panic!("{event:?}");
                };
                let least = Duration::from_secs(7);
                assert!(least <= retry_in && retry_in <= least * 2, "{retry_in:?}");
                return;
            }
            let Loss::NotOpened(error) = event.unwrap_err().loss else {
                panic!("{status}: it had been open");
            };
            assert_eq!(refusal(error).status, status);
        });
    }
}

/// A server of another protocol is not reported as a lost connection.
pub fn server_of_another_protocol_is_told_at_once<H: Harness>() {
    for greeting in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "220 mail.example ESMTP\r\n",
        "-ERR unknown command\r\n",
        "\u{15}\u{3}\u{1}\0\u{2}\u{2}F",
        "x",
    ] {
        for hangs_up in [false, true] {
            run::<H>(async {
                let (near, far) = pipe(CAPACITY);
                let mut peer = Script::new(far, Role::Server);
                let client = Client::<H::Runtime>::new().config(config());
                let (failed, ()) = join(
                    client.handshake(H::stream(near), "ws://example.com/"),
                    async {
                        peer.send(greeting).await;
                        peer.head().await;
                        if hangs_up {
                            peer.hang_up();
                        }
                    },
                )
                .await;
                let error = failed.unwrap_err();
                assert!(
                    matches!(error, OpenError::Handshake(HandshakeError::NotHttp(_))),
                    "{error:?}"
                );
                assert!(!error.is_disconnect(), "{error:?}");
            });
        }
    }
}

/// An overloaded server responds before the request and disconnects: the request cannot be written, the
/// response can be read.
pub fn answer_before_the_request_is_heard<H: Harness>() {
    for (bytes, refuses) in [
        ("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", true),
        ("HTTP/1.1 503 Busy\r\n\r\n", true),
        ("-ERR too many clients\r\n", false),
        ("", false),
    ] {
        for reset in [false, true] {
            run::<H>(async {
                let (near, far) = pipe(CAPACITY);
                let mut peer = Script::new(far, Role::Server);
                peer.send(bytes).await;
                if reset {
                    peer.probe().reset();
                } else {
                    peer.hang_up();
                }
                let client = Client::<H::Runtime>::new().config(config());
                let connected = client.handshake(H::stream(near), "ws://example.com/").await;
                match connected.unwrap_err() {
                    OpenError::Handshake(HandshakeError::Refused(refusal)) => {
                        assert!(refuses && refusal.status == 503);
                    }
                    OpenError::Handshake(HandshakeError::NotHttp(_)) => {
                        assert!(!refuses && !bytes.is_empty());
                    }
                    error => assert!(bytes.is_empty() && error.is_disconnect(), "{error:?}"),
                }
            });
        }
    }
}
