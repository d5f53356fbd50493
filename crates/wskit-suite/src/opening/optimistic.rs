//! Bytes sent before the transition to WebSocket is confirmed (RFC 9931): a client sends none, and a server
//! takes those of another client for frames only once it has accepted.

use std::time::Duration;

use wskit_dial::{ConnectCause, Proxy, ProxyError};
use wskit_driver::{OpenError, Request};
use wskit_frame::OpCode;
use wskit_handshake::{HandshakeError, OriginPolicy, Rejection};
use wskit_proto::{Message, Role};
use wskit_test::{Answer, Frames, Harness, Network, Script, join, pipe, run, run_timed, sleep};

use super::handshake::{answer, client, request, server};
use crate::dial::connect::{AT_ONCE, connector};
use crate::scene::{CAPACITY, config};

/// Responses that refuse, and would leave the connection to further requests.
const REFUSALS: [&str; 4] = [
    "HTTP/1.1 401 Unauthorized\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno",
    "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n",
];

/// Proves: R9931-6.2-a, R6455-4.1-w
pub fn client_sends_nothing_before_the_answer<H: Harness>() {
    run_timed::<H>(async {
        let (near, far) = pipe(CAPACITY);
        let probe = near.probe();
        let mut peer = Script::new(far, Role::Server);
        let script = async {
            let head = peer.head().await;
            assert_eq!(probe.written(), head.as_bytes());
            sleep::<H>(Duration::from_secs(5)).await;
            peer.send("HTTP/1.1 103 Early Hints\r\n\r\n").await;
            sleep::<H>(Duration::from_secs(3)).await;
            assert_eq!(probe.written(), head.as_bytes());
            peer.send(answer(&head, "")).await;
            peer.expect(OpCode::Text, "now").await;
        };
        let connect = async {
            let client = client::<H>();
            let opening = client.handshake(H::stream(near), "ws://example.com/chat");
            let mut ws = opening.await.unwrap().0;
            ws.send("now").await.unwrap();
            ws
        };
        join(connect, script).await;
    });
}

/// A refused client sends nothing more on that connection, although the response would allow it to.
///
/// Proves: R9931-4.1-a
pub fn client_sends_nothing_after_a_refusal<H: Harness>() {
    for refusal in REFUSALS {
        run_timed::<H>(async {
            let (near, far) = pipe(CAPACITY);
            let mut peer = Script::new(far, Role::Server);
            let script = async {
                peer.head().await;
                peer.send(refusal).await;
                peer.expect_end().await;
            };
            let connect = async {
                let client = client::<H>();
                let opening = client.handshake(H::stream(near), "ws://example.com/chat");
                let error = opening.await.unwrap_err();
                assert!(
                    matches!(error, OpenError::Handshake(HandshakeError::Refused(_))),
                    "{error:?}"
                );
            };
            join(connect, script).await;
        });
    }
}

/// A client that is redirected asks on a new connection.
///
/// Proves: R9931-4.1-a
pub fn client_follows_a_redirect_on_a_new_connection<H: Harness>() {
    run_timed::<H>(async {
        let network = Network::new()
            .name("example.com", &["192.0.2.1"])
            .at("192.0.2.1:80", Answer::Accept(AT_ONCE));
        let connector = connector::<H>().redirects(1);
        let (connected, ()) = join(connector.connect("ws://example.com/chat"), async {
            let mut first = Script::new(network.accept().await.1, Role::Server);
            first.head().await;
            first.send(REFUSALS[3]).await;
            let mut second = Script::new(network.accept().await.1, Role::Server);
            let head = second.head().await;
            assert!(head.starts_with("GET /there HTTP/1.1\r\n"), "{head}");
            first.expect_end().await;
            second.send(answer(&head, "")).await;
        })
        .await;
        connected.unwrap();
    });
}

/// Proves: R9931-8-a
pub fn client_sends_nothing_before_the_proxy_has_answered<H: Harness>() {
    for refusal in [
        "",
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
    ] {
        run_timed::<H>(async {
            let network = Network::new()
                .name("proxy.example", &["192.0.2.9"])
                .at("192.0.2.9:3128", Answer::Accept(AT_ONCE));
            let proxy = Proxy::new("http://proxy.example:3128").unwrap();
            let connector = connector::<H>().proxy(proxy);
            let (connected, ()) = join(connector.connect("ws://example.com/chat"), async {
                let mut peer = Script::new(network.accept().await.1, Role::Server);
                let head = peer.head().await;
                assert!(head.starts_with("CONNECT example.com:80 "), "{head}");
                sleep::<H>(Duration::from_secs(5)).await;
                if refusal.is_empty() {
                    peer.send("HTTP/1.1 200 OK\r\n\r\n").await;
                    let head = peer.head().await;
                    assert!(head.starts_with("GET /chat "), "{head}");
                    peer.send(answer(&head, "")).await;
                } else {
                    peer.send(refusal).await;
                    peer.expect_end().await;
                }
            })
            .await;
            match connected {
                Ok(_) => assert!(refusal.is_empty()),
                Err(error) => match error.cause() {
                    Some(ConnectCause::Proxy(
                        ProxyError::CredentialsRequired | ProxyError::Status(_),
                    )) => assert!(!refusal.is_empty()),
                    _ => panic!("{error:?}"),
                },
            }
        });
    }
}

/// Bytes behind the request are frames if the server accepts. If it refuses, they are nothing: neither a
/// message nor a second request that is answered.
///
/// Proves: R9931-3-a
pub fn server_takes_early_bytes_for_frames_only_once_it_has_accepted<H: Harness>() {
    let smuggled = b"POST /admin HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n";
    for early in [
        Frames::from(Role::Client).text("early"),
        smuggled.to_vec(),
        request("").into_bytes(),
    ] {
        for accept in [true, false] {
            run_timed::<H>(async {
                let (near, far) = pipe(CAPACITY);
                let mut peer = Script::new(far, Role::Client);
                let is_frame = early[0] == 0x81;
                let script = async {
                    peer.send([request("").as_bytes(), &early].concat()).await;
                    let head = peer.head().await;
                    if accept {
                        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
                        if is_frame {
                            peer.expect(OpCode::Text, "heard").await;
                        } else {
                            peer.expect_close(1002).await;
                        }
                    } else {
                        assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
                        let rest = peer.rest().await;
                        assert!(!rest.windows(5).any(|five| five == b"HTTP/"), "{rest:?}");
                    }
                    peer.hang_up();
                };
                let serve = async {
                    let received = server::<H>().receive(H::stream(near)).await.unwrap();
                    let Request::WebSocket(upgrade) = received else {
                        panic!("a WebSocket was asked for")
                    };
                    // Nothing of it is read as a frame while the application decides.
                    sleep::<H>(Duration::from_secs(5)).await;
                    if !accept {
                        let unauthorized = Rejection::new(http::StatusCode::UNAUTHORIZED).unwrap();
                        upgrade.reject(&unauthorized).await.unwrap();
                        return;
                    }
                    let mut ws = upgrade.accept().await.unwrap();
                    if is_frame {
                        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("early")));
                        ws.send("heard").await.unwrap();
                    } else {
                        ws.recv().await.unwrap_err();
                    }
                };
                join(serve, script).await;
            });
        }
    }
}

/// A request whose origin is refused, with a frame or another request behind it.
///
/// Proves: R9931-3-a
pub fn server_ignores_what_is_behind_a_request_that_it_refuses<H: Harness>() {
    run::<H>(async {
        let (near, far) = pipe(CAPACITY);
        let mut peer = Script::new(far, Role::Client);
        let script = async {
            let foreign = request("Origin: https://evil.example\r\n");
            peer.send(foreign.clone() + &request("")).await;
            assert!(peer.head().await.starts_with("HTTP/1.1 403 "));
            let rest = peer.rest().await;
            assert!(!rest.windows(5).any(|five| five == b"HTTP/"), "{rest:?}");
            peer.hang_up();
        };
        let serve = async {
            let origin = OriginPolicy::SameOrigin;
            let server = wskit_driver::Server::<H::Runtime>::new(origin).config(config());
            let error = server.accept(H::stream(near)).await.unwrap_err();
            assert!(matches!(error, OpenError::OriginRefused), "{error:?}");
        };
        join(serve, script).await;
    });
}
