//! The opening handshake through `Server` and `Client`.

use std::time::Duration;

use wskit_driver::{Client, OpenError, Request, Server};
use wskit_frame::OpCode;
use wskit_handshake::{HandshakeError, OriginPolicy, Rejection, accept_key};
use wskit_proto::{Message, Role};
use wskit_test::{
    Faults, Frames, Harness, PipeEnd, Script, join, now, once, pipe, run, run_timed, sleep,
};

use crate::scene::{CAPACITY, config};

/// Returns the request of RFC 6455 §1.3 with these lines added.
pub(crate) fn request(more: &str) -> String {
    format!(
        "GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
    )
}

/// Returns the 101 response to the request `head`, with the lines `more` added.
pub(crate) fn answer(head: &str, more: &str) -> String {
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("a key");
    let accept = accept_key(key.trim().as_bytes());
    let accept = std::str::from_utf8(&accept).unwrap();
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

pub(crate) fn server<H: Harness>() -> Server<H::Runtime> {
    Server::new(OriginPolicy::Any).config(config())
}

pub(crate) fn client<H: Harness>() -> Client<H::Runtime> {
    Client::new().config(config())
}

/// Proves: R6455-4.1-af
pub fn client_and_server_agree<H: Harness>() {
    for faults in [Faults::none(), Faults::slow()] {
        run::<H>(async {
            let (near, far) = pipe(CAPACITY);
            near.probe().set_faults(faults);
            far.probe().set_faults(faults);
            let request = wskit_handshake::ClientRequest::new("ws://example.com/chat")
                .unwrap()
                .protocol("b")
                .unwrap()
                .protocol("a");
            let server = server::<H>().protocols(["a", "b"]);
            let (accepted, connected) = join(
                server.accept(H::stream(far)),
                client::<H>().handshake(H::stream(near), request.unwrap()),
            )
            .await;
            let (mut server, (mut client, response)) = (accepted.unwrap(), connected.unwrap());
            assert_eq!(
                (server.protocol(), client.protocol()),
                (Some("b"), Some("b"))
            );
            assert_eq!(response.status(), 101);
            client.send("hello").await.unwrap();
            assert_eq!(server.recv().await.unwrap(), Some(Message::text("hello")));
        });
    }
}

/// Proves: R6455-4.2.2-p
pub fn server_reads_frames_behind_the_request<H: Harness>() {
    let frames = Frames::from(Role::Client);
    let mut bytes = request("").into_bytes();
    let head = bytes.len();
    bytes.extend(frames.text("first"));
    bytes.extend(frames.ping(b"?"));
    bytes.extend(frames.text("second"));
    for cut in 0..=bytes.len() {
        run::<H>(async {
            let (near, far) = pipe(CAPACITY);
            let probe = near.probe();
            let mut peer = Script::new(far, Role::Client);
            let script = async {
                peer.send(&bytes[..cut]).await;
                while probe.unread() > 0 {
                    wskit_test::pause().await;
                }
                peer.send(&bytes[cut..]).await;
                assert!(peer.head().await.starts_with("HTTP/1.1 101 "));
                peer.expect(OpCode::Pong, "?").await;
            };
            let serve = async {
                let mut ws = server::<H>().accept(H::stream(near)).await.unwrap();
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("first")));
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("second")));
                assert!(once(ws.recv()).await.is_none());
                ws
            };
            join(serve, script).await;
        });
    }
    assert!(head > 0);
}

/// Proves: R6455-4.1-ag, R6455-4.2.2-o
pub fn client_reads_frames_behind_the_answer<H: Harness>() {
    let frames = Frames::from(Role::Server);
    let mut behind = frames.text("first");
    behind.extend(frames.text("second"));
    let length = answer("Sec-WebSocket-Key: x", "").len() + behind.len();
    for cut in 0..=length {
        run::<H>(async {
            let (near, far) = pipe(CAPACITY);
            let probe = near.probe();
            let mut peer = Script::new(far, Role::Server);
            let script = async {
                let head = peer.head().await;
                // The client sends only its request before the response.
                assert!(once(peer.read()).await.is_none());
                let mut bytes = answer(&head, "").into_bytes();
                bytes.extend(&behind);
                peer.send(&bytes[..cut]).await;
                while probe.unread() > 0 {
                    wskit_test::pause().await;
                }
                peer.send(&bytes[cut..]).await;
            };
            let dial = async {
                let (mut ws, _) = client::<H>()
                    .handshake(H::stream(near), "ws://example.com/")
                    .await
                    .unwrap();
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("first")));
                assert_eq!(ws.recv().await.unwrap(), Some(Message::text("second")));
            };
            join(dial, script).await;
        });
    }
}

/// Every refusal is complete HTTP, says `Connection: close`, and ends the connection. Bytes behind the
/// request are not read as another one.
///
/// Proves: R6455-4.2.1-a, R6455-7.1.7-b, R6455-7.2.2-a, X-http-5
pub fn server_refuses_what_is_no_handshake<H: Harness>() {
    let cases = [
        (
            "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n".to_owned(),
            "426",
        ),
        (request("").replace("Version: 13", "Version: 8"), "426"),
        (
            request("").replace("dGhlIHNhbXBsZSBub25jZQ==", "short"),
            "400",
        ),
        (request("").replace("Host: example.com\r\n", ""), "400"),
        (request("Content-Length: 5\r\n") + "hello", "400"),
        (request("").replace("HTTP/1.1", "HTTP/1.0"), "505"),
        (request("").replace("Host: ", "Host : "), "400"),
        (request("Origin: https://evil.example\r\n"), "403"),
    ];
    for (bytes, status) in cases {
        run::<H>(async {
            let (near, far) = pipe(CAPACITY);
            let probe = near.probe();
            let mut peer = Script::new(far, Role::Client);
            let script = async {
                peer.send(&bytes).await;
                peer.send(request("")).await;
                let head = peer.head().await;
                assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
                let lower = head.to_ascii_lowercase();
                let connection = lower
                    .lines()
                    .find_map(|line| line.strip_prefix("connection: "))
                    .expect("a Connection header");
                assert!(
                    connection.split(',').any(|token| token.trim() == "close"),
                    "{head}"
                );
                let rest = peer.rest().await;
                assert!(
                    !String::from_utf8_lossy(&rest).contains("HTTP/1.1 "),
                    "a second answer: {rest:?}"
                );
                peer.hang_up();
            };
            let server = Server::<H::Runtime>::new(OriginPolicy::SameOrigin).config(config());
            let (refused, ()) = join(server.accept(H::stream(near)), script).await;
            match refused {
                Err(OpenError::OriginRefused) => assert_eq!(status, "403"),
                Err(OpenError::Handshake(_)) => assert_ne!(status, "403"),
                other => panic!("{status}: {other:?}"),
            }
            assert!(probe.is_dropped());
        });
    }
}

/// A client that disconnects before it reads its refusal is still reported with the reason.
pub fn refusal_is_reported_although_the_peer_has_gone<H: Harness>() {
    run::<H>(async {
        for (more, origin) in [
            ("Origin: https://evil.example\r\n", true),
            ("Upgrade: other\r\nContent-Length: 5\r\n", false),
        ] {
            let (near, far) = pipe(CAPACITY);
            let mut peer = Script::new(far, Role::Client);
            peer.send(request(more)).await;
            peer.hang_up();
            let server = Server::<H::Runtime>::new(OriginPolicy::SameOrigin).config(config());
            match server.accept(H::stream(near)).await {
                Err(OpenError::OriginRefused) => assert!(origin),
                Err(OpenError::Handshake(_)) => assert!(!origin),
                other => panic!("{other:?}"),
            }
        }
    });
}

/// The application inspects the request for as long as it likes, then accepts or refuses.
///
/// Proves: R6455-4.2.2-f
pub fn server_decides_later<H: Harness>() {
    for accept in [true, false] {
        run_timed::<H>(async {
            let (near, far) = pipe(CAPACITY);
            let mut peer = Script::new(far, Role::Client);
            let script = async {
                peer.send(request("")).await;
                let head = peer.head().await;
                let expected = if accept {
                    "HTTP/1.1 101 "
                } else {
                    "HTTP/1.1 404 "
                };
                assert!(head.starts_with(expected), "{head}");
                if accept {
                    assert!(
                        head.contains("\r\nset-cookie: a=b\r\n")
                            || head.contains("\r\nSet-Cookie: a=b\r\n"),
                        "{head}"
                    );
                    peer.expect(OpCode::Text, "welcome").await;
                }
                peer.hang_up();
            };
            let serve = async {
                let Request::WebSocket(upgrade) =
                    server::<H>().receive(H::stream(near)).await.unwrap()
                else {
                    panic!("a WebSocket was asked for")
                };
                assert_eq!((upgrade.path(), upgrade.query()), ("/chat", Some("room=1")));
                sleep::<H>(Duration::from_secs(3600)).await;
                if accept {
                    let mut ws = upgrade
                        .accept_with(|accept| accept.cookie("a=b"))
                        .await
                        .unwrap();
                    ws.send("welcome").await.unwrap();
                } else {
                    upgrade.reject(&Rejection::not_found()).await.unwrap();
                }
            };
            join(serve, script).await;
        });
    }
}

/// The server hands over plain HTTP requests on the same port.
pub fn server_hands_over_ordinary_http<H: Harness>() {
    run::<H>(async {
        let (near, far) = pipe(CAPACITY);
        let mut peer = Script::new(far, Role::Client);
        let script = async {
            peer.send("GET /health HTTP/1.1\r\nHost: example.com\r\n\r\n")
                .await;
            let head = peer.head().await;
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            assert_eq!(peer.rest().await, b"fine");
            peer.hang_up();
        };
        let serve = async {
            let Request::Http(http) = server::<H>().receive(H::stream(near)).await.unwrap() else {
                panic!("no WebSocket was asked for")
            };
            assert_eq!(http.request().uri(), "/health");
            http.respond(&http::Response::new("fine")).await.unwrap();
        };
        join(serve, script).await;
    });
}

/// Proves: R6455-4.1-w, R6455-7.2.1-a
pub fn client_is_refused<H: Harness>() {
    for status in [
        "403 Forbidden",
        "503 Service Unavailable",
        "302 Found",
        "200 OK",
    ] {
        run::<H>(async {
            let (near, far) = pipe(CAPACITY);
            let probe = near.probe();
            let mut peer = Script::new(far, Role::Server);
            let script = async {
                peer.head().await;
                peer.send(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"))
                    .await;
                peer.expect_end().await;
            };
            let (refused, ()) = join(
                client::<H>().handshake(H::stream(near), "ws://example.com/"),
                script,
            )
            .await;
            assert!(
                matches!(
                    refused,
                    Err(OpenError::Handshake(HandshakeError::Refused(_)))
                ),
                "{refused:?}"
            );
            assert!(probe.is_dropped());
        });
    }
}

/// The stream ends or is reset at every byte of either head.
///
/// Proves: R6455-7.2.1-a, R6455-7.2.2-a
pub fn handshake_cut_at_every_byte_is_an_error<H: Harness>() {
    for reset in [false, true] {
        let request = request("");
        for cut in 0..request.len() {
            run::<H>(async {
                let (near, far) = pipe(CAPACITY);
                let mut peer = Script::new(far, Role::Client);
                peer.send(&request.as_bytes()[..cut]).await;
                if reset {
                    peer.probe().reset();
                } else {
                    peer.finish().await;
                }
                let (refused, ()) = join(server::<H>().accept(H::stream(near)), async {
                    if !reset {
                        let _ = peer.rest().await;
                    }
                    peer.hang_up();
                })
                .await;
                match refused {
                    Err(OpenError::Io(_)) => assert!(reset),
                    Err(OpenError::Handshake(_)) => assert!(!reset),
                    other => panic!("{other:?}"),
                }
            });
        }
        let length = answer("Sec-WebSocket-Key: x", "").len();
        for cut in 0..length {
            run::<H>(async {
                let (near, far) = pipe(CAPACITY);
                let mut peer = Script::new(far, Role::Server);
                let script = async {
                    let head = peer.head().await;
                    peer.send(&answer(&head, "").as_bytes()[..cut]).await;
                    if reset {
                        peer.probe().reset();
                    } else {
                        peer.finish().await;
                    }
                };
                let (refused, ()) = join(
                    client::<H>().handshake(H::stream(near), "ws://example.com/"),
                    script,
                )
                .await;
                match refused {
                    Err(OpenError::Io(_)) => assert!(reset),
                    Err(OpenError::Handshake(_)) => assert!(!reset),
                    other => panic!("{other:?}"),
                }
            });
        }
    }
}

/// A response of this size to a client that reads 40 KB a second.
const PAGE: usize = 300_000;

async fn serve_page<H: Harness>(end: PipeEnd) -> Result<(), OpenError> {
    let Request::Http(http) = server::<H>().receive(H::stream(end)).await? else {
        panic!("no WebSocket was asked for")
    };
    http.respond(&http::Response::new(vec![b'x'; PAGE])).await
}

/// Proves: X-io-1
pub fn slow_client_gets_the_whole_answer<H: Harness>() {
    run_timed::<H>(async {
        let (near, far) = pipe(CAPACITY);
        let mut peer = Script::new(far, Role::Client);
        let script = async {
            peer.send("GET /page HTTP/1.1\r\nHost: example.com\r\n\r\n")
                .await;
            while peer.read().await.unwrap() > 0 {
                sleep::<H>(Duration::from_millis(100)).await;
            }
            peer.head().await;
            let page = peer.rest().await;
            assert!(page.len() == PAGE, "{} bytes came", page.len());
            peer.hang_up();
        };
        let (answered, ()) = join(serve_page::<H>(near), script).await;
        answered.unwrap();
    });
}

/// Proves: X-io-1
pub fn answer_that_is_cut_is_an_error<H: Harness>() {
    for (taken, reset) in [(0, false), (100_000, false), (100_000, true)] {
        run_timed::<H>(async {
            let (near, far) = pipe(CAPACITY);
            let mut peer = Script::new(far, Role::Client);
            let script = async {
                peer.send("GET /page HTTP/1.1\r\nHost: example.com\r\n\r\n")
                    .await;
                let mut left: usize = taken;
                while left > 0 {
                    left = left.saturating_sub(peer.read().await.unwrap());
                }
                if reset {
                    peer.hang_up();
                }
            };
            let begun = now::<H>();
            let (answered, ()) = join(serve_page::<H>(near), script).await;
            match answered {
                Err(OpenError::Io(_)) => assert!(reset),
                Err(OpenError::Timeout) => assert!(!reset),
                other => panic!("{taken} taken, reset {reset}: {other:?}"),
            }
            // The wait is bounded.
            assert!(now::<H>() - begun < Duration::from_secs(60));
        });
    }
}
