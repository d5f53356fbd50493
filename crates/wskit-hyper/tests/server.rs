//! A hyper server and wskit's own client, over loopback.

mod net;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use net::{Serve, bounded, exchange, hyper_server, raw, read_to_end, request};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use wskit_driver::PollWrite as _;
use wskit_handshake::{ClientRequest, HandshakeError, OriginPolicy};
use wskit_hyper::{Attempt, OpenError, Refused, Server, Shutdown, upgrade};
use wskit_proto::{CloseCode, Config, Message, deflate};

fn any() -> Server {
    Server::new(OriginPolicy::Any)
}

/// Echoes until the client closes, on any accepted connection.
async fn echo(serve: Serve, server: Server) -> String {
    hyper_server(serve, move |mut request| {
        let (response, opening) = match upgrade(&mut request, &server) {
            Ok(accepted) => accepted,
            Err(refused) => return Some(refused.into_response()),
        };
        tokio::spawn(async move {
            let mut ws = opening.open().await.unwrap();
            while let Some((message, out)) = ws.recv_ref().await.unwrap() {
                out.feed(message).unwrap();
            }
        });
        Some(response.map(|()| "".into()))
    })
    .await
}

/// Proves: R6455-4.2.2-k, R6455-4.2.2-n, R6455-4.2.2-o
#[tokio::test]
async fn server_agrees_on_protocol_and_compression() {
    for serve in Serve::ALL {
        bounded(async {
            let server = any()
                .protocols(["chat", "superchat"])
                .deflate(deflate::Config::server());
            let url = echo(serve, server).await;
            let request = ClientRequest::new(&url)
                .and_then(|request| request.protocols(["other", "superchat", "chat"]))
                .unwrap();
            let (mut ws, response) = wskit_tokio::Connector::new()
                .deflate(deflate::Config::client())
                .connect(request)
                .await
                .unwrap();
            assert_eq!(ws.protocol(), Some("superchat"));
            assert!(ws.deflate().is_some());
            assert_eq!(response.headers()["sec-websocket-protocol"], "superchat");
            let text = "compressible ".repeat(1000);
            ws.send(text.as_str()).await.unwrap();
            assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some(&*text));
            ws.close(CloseCode::NORMAL, "").await.unwrap();
        })
        .await;
    }
}

/// The server's end knows the agreement. A TCP connection is unboxed, with `TCP_NODELAY`.
#[tokio::test]
async fn server_takes_the_socket_out_of_its_box() {
    for serve in Serve::ALL {
        bounded(async {
            let (ends, mut opened) = mpsc::unbounded_channel();
            let server = any().protocols(["chat"]).deflate(deflate::Config::server());
            let url = hyper_server(serve, move |mut request| {
                let (response, opening) = upgrade(&mut request, &server).unwrap();
                assert_eq!(opening.protocol(), Some("chat"));
                let ends = ends.clone();
                tokio::spawn(async move { ends.send(opening.open().await.unwrap()) });
                Some(response.map(|()| "".into()))
            })
            .await;
            let request = ClientRequest::new(&url).and_then(|request| request.protocol("chat"));
            let (mut client, _) = wskit_tokio::Connector::new()
                .deflate(deflate::Config::client())
                .connect(request.unwrap())
                .await
                .unwrap();
            let ws = opened.recv().await.unwrap();
            assert_eq!(ws.protocol(), Some("chat"));
            assert!(ws.deflate().is_some());
            match serve {
                Serve::Http1 | Serve::Auto => {
                    assert!(ws.get_ref().tcp().unwrap().nodelay().unwrap());
                    assert!(ws.peer_addr().is_some());
                    assert_eq!(ws.peer_addr(), client.local_addr());
                    assert_eq!(ws.local_addr(), client.peer_addr());
                    let is_known = ws.get_ref().unacknowledged().is_some();
                    assert_eq!(is_known, cfg!(target_os = "linux"));
                }
                _ => {
                    assert!(ws.get_ref().tcp().is_none());
                    assert_eq!(ws.peer_addr(), None);
                }
            }
            let known = ws.peer_addr();
            let (reader, writer) = ws.split();
            assert_eq!(writer.peer_addr(), known);
            let (mut reader, writer) = reader.reunite(writer).unwrap().split();
            let sent = tokio::spawn(async move { writer.send("from a half").await });
            let received = client.recv().await.unwrap().unwrap();
            assert_eq!(received.as_text(), Some("from a half"));
            sent.await.unwrap().unwrap();
            client.send("to a half").await.unwrap();
            let received = reader.recv().await.unwrap().unwrap();
            assert_eq!(received.as_text(), Some("to a half"));
        })
        .await;
    }
}

/// Proves: R6455-4.2.2-p
#[tokio::test]
async fn server_reads_frames_right_behind_the_request() {
    for serve in Serve::ALL {
        bounded(async {
            let url = echo(serve, any()).await;
            let mut tcp = raw(&url).await;
            // Two text frames "a" and "b", masked with zeros, and a Close 1000.
            let frames = b"\x81\x81\0\0\0\0a\x81\x81\0\0\0\0b\x88\x82\0\0\0\0\x03\xE8";
            let mut bytes = request("").into_bytes();
            bytes.extend_from_slice(frames);
            tcp.write_all(&bytes).await.unwrap();
            let (head, frames) = read_to_end(tcp).await;
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            assert_eq!(frames, b"\x81\x01a\x81\x01b\x88\x02\x03\xE8", "{serve:?}");
        })
        .await;
    }
}

/// Proves: R6455-4.2.2-d, R6455-4.2.2-e, R6455-4.4-a, R6455-10.2-a
#[tokio::test]
async fn server_refuses_and_closes() {
    bounded(async {
        let url = echo(Serve::Http1, Server::new(OriginPolicy::SameOrigin)).await;
        let good = request("");
        for (request, status, line) in [
            (
                request("Origin: https://evil.example\r\n"),
                403,
                "origin not allowed",
            ),
            (
                good.replace("Version: 13", "Version: 8"),
                426,
                "sec-websocket-version: 13\r\n",
            ),
            (good.replace("Upgrade: websocket\r\n", ""), 426, "Upgrade"),
            (
                good.replace("Sec-WebSocket-Key", "X"),
                400,
                "Sec-WebSocket-Key",
            ),
            (good.replace("GET", "POST"), 405, "allow: GET\r\n"),
            (good.replace("HTTP/1.1", "HTTP/1.0"), 505, "HTTP/1.1"),
        ] {
            let mut tcp = raw(&url).await;
            // Frames after a refused request are not read as another request.
            let request = request + "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
            let (answer, rest) = exchange(&mut tcp, &request).await;
            assert!(answer.contains(&format!(" {status} ")), "{answer}");
            assert!(answer.contains("connection: close"), "{answer}");
            let whole = answer + &String::from_utf8(rest).unwrap();
            assert!(whole.contains(line), "{whole}");
            assert_eq!(
                whole.matches("HTTP/1.").count(),
                1 + usize::from(status == 505)
            );
        }
        let error = wskit_tokio::connect(
            ClientRequest::new(&url)
                .and_then(|request| request.origin("null"))
                .unwrap(),
        );
        match error.await {
            Err(error) if error.refusal().is_some() => {
                let refusal = error.refusal().unwrap();
                assert_eq!(refusal.status, 403);
                assert_eq!(refusal.body, "origin not allowed\n");
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
}

#[tokio::test]
async fn server_serves_pages_beside() {
    bounded(async {
        let url = hyper_server(Serve::Http1, |mut request| {
            match Attempt::from_request(&mut request) {
                Err(Refused::Handshake(HandshakeError::MissingUpgrade)) => {
                    Some(Response::new("a page".into()))
                }
                other => panic!("{other:?}"),
            }
        })
        .await;
        let mut tcp = raw(&url).await;
        let page = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let (answer, body) = exchange(&mut tcp, page).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert_eq!(body, b"a page");
    })
    .await;
}

#[tokio::test]
async fn server_looks_at_the_request_and_sets_a_cookie() {
    bounded(async {
        let url = hyper_server(Serve::Http1, |mut request| {
            let attempt = Attempt::from_request(&mut request).unwrap();
            assert_eq!(attempt.path(), "/chat");
            let upgrade = attempt.check(&any()).unwrap();
            let bad = |accept: wskit_handshake::Accept| accept.header("upgrade", "h2c");
            if upgrade.header_str("x-bad").is_some() {
                let refused = upgrade.accept_with(bad).unwrap_err();
                return Some(refused.into_response());
            }
            let (response, opening) = upgrade
                .accept_with(|accept| accept.cookie("id=1")?.header("x-more", "2"))
                .unwrap();
            tokio::spawn(opening.open());
            Some(response.map(|()| "".into()))
        })
        .await;
        let (answer, _) = exchange(&mut raw(&url).await, &request("")).await;
        assert!(answer.contains("set-cookie: id=1\r\nx-more: 2"), "{answer}");
        let (answer, _) = exchange(&mut raw(&url).await, &request("X-Bad: 1\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    })
    .await;
}

/// A dropped [`wskit_hyper::PendingWebSocket`] leaves no connection behind.
#[tokio::test]
async fn client_sees_the_end_when_the_opening_is_dropped() {
    bounded(async {
        let url = hyper_server(Serve::Http1, |mut request| {
            let (response, _) = upgrade(&mut request, &any()).unwrap();
            Some(response.map(|()| "".into()))
        })
        .await;
        let mut ws = wskit_tokio::connect(url).await.unwrap();
        let error = ws.recv().await.unwrap_err();
        assert!(error.is_disconnect(), "{error:?}");
    })
    .await;
}

/// Returns the result of [`wskit_hyper::PendingWebSocket::open`] if the request was answered by
/// `answer`.
async fn error_after(
    server: Server,
    answer: impl Fn(Response<()>) -> Option<Response<Bytes>> + Send + Sync + 'static,
    serve: Serve,
) -> OpenError {
    let (errors, mut told) = mpsc::unbounded_channel();
    let respond = move |mut request| {
        let (response, opening) = upgrade(&mut request, &server).unwrap();
        let errors = errors.clone();
        tokio::spawn(async move { errors.send(opening.open().await.unwrap_err()) });
        answer(response)
    };
    let url = hyper_server(serve, respond).await;
    let mut tcp = raw(&url).await;
    tcp.write_all(request("").as_bytes()).await.unwrap();
    tcp.shutdown().await.unwrap();
    told.recv().await.unwrap()
}

#[tokio::test]
async fn server_learns_that_the_client_has_gone() {
    bounded(async {
        // The response has not been returned yet.
        let error = error_after(any(), |_| None, Serve::Http1).await;
        assert!(error.is_disconnect(), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn server_learns_that_hyper_serves_without_upgrades() {
    bounded(async {
        let whole = |response: Response<()>| Some(response.map(|()| Bytes::new()));
        let error = error_after(any(), whole, Serve::WithoutUpgrades).await;
        let kind = std::io::ErrorKind::Unsupported;
        assert!(
            matches!(&error, OpenError::Io(io) if io.kind() == kind),
            "{error:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn server_does_not_wait_for_ever_for_the_response() {
    bounded(async {
        let limit = Duration::from_millis(10);
        let server = any().config(Config::new().handshake_timeout(limit));
        let (errors, mut told) = mpsc::unbounded_channel();
        // hyper keeps the connection for HTTP after another response.
        let url = hyper_server(Serve::Http1, move |mut request| {
            let (_, opening) = upgrade(&mut request, &server).unwrap();
            let errors = errors.clone();
            tokio::spawn(async move { errors.send(opening.open().await.unwrap_err()) });
            Some(Response::new("no".into()))
        })
        .await;
        let mut tcp = raw(&url).await;
        tcp.write_all(request("").as_bytes()).await.unwrap();
        let error = told.recv().await.unwrap();
        assert!(matches!(error, OpenError::Timeout), "{error:?}");
    })
    .await;
}

#[test]
fn request_without_a_connection_is_refused_last() {
    let request = |key: &str| {
        Request::get("/")
            .header("host", "a")
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", key)
            .body(())
            .unwrap()
    };
    // Faults of the client come first.
    let refused = upgrade(&mut request("short"), &any()).unwrap_err();
    assert!(matches!(refused, Refused::Handshake(_)), "{refused}");
    let good = "dGhlIHNhbXBsZSBub25jZQ==";
    let mut foreign = request(good);
    let origin = "https://evil.example".parse().unwrap();
    foreign.headers_mut().insert("origin", origin);
    let refused = upgrade(&mut foreign, &Server::new(OriginPolicy::SameOrigin)).unwrap_err();
    assert!(matches!(refused, Refused::Origin(_)), "{refused}");
    let refused = upgrade(&mut request(good), &any()).unwrap_err();
    assert!(matches!(refused, Refused::NotUpgradable), "{refused}");
    let response = refused.into_response();
    assert_eq!(response.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(response.headers()["upgrade"], "websocket");
}

#[tokio::test]
async fn many_clients_are_served() {
    bounded(async {
        let url = echo(Serve::Auto, any()).await;
        let mut clients = Vec::new();
        for _ in 0..20 {
            clients.push(wskit_tokio::connect(&url).await.unwrap());
        }
        for (at, ws) in clients.iter_mut().enumerate() {
            ws.send(Message::text(at.to_string())).await.unwrap();
        }
        for (at, ws) in clients.iter_mut().enumerate() {
            let echo = ws.recv().await.unwrap().unwrap();
            assert_eq!(echo.as_text(), Some(&*at.to_string()));
        }
    })
    .await;
}

/// The connections that a shutdown waits for are those of requests that can still become one.
#[test]
fn request_counts_until_it_is_refused_or_dropped() {
    let shutdown = Shutdown::new();
    let attempt = |origin: &str| {
        let mut request = Request::get("/chat")
            .header("host", "example.com")
            .header("upgrade", "websocket")
            .header("connection", "upgrade")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("origin", origin)
            .body(())
            .unwrap();
        let attempt = Attempt::from_request(&mut request).unwrap();
        attempt.shutdown(&shutdown)
    };
    let server = Server::new(OriginPolicy::SameOrigin);

    let dropped = attempt("https://example.com");
    assert_eq!(shutdown.connections(), 1);
    drop(dropped);
    assert_eq!(shutdown.connections(), 0);

    attempt("https://evil.example").check(&server).unwrap_err();
    assert_eq!(shutdown.connections(), 0);

    let checked = attempt("https://example.com").check(&server).unwrap();
    assert_eq!(shutdown.connections(), 1);
    // There is no connection to upgrade.
    checked.accept().unwrap_err();
    assert_eq!(shutdown.connections(), 0);
}

/// A request that its handler still has when time is up.
#[tokio::test]
async fn request_that_is_never_answered_counts_as_timed_out() {
    let shutdown = Shutdown::new();
    let mut request = Request::get("/chat")
        .header("host", "example.com")
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(())
        .unwrap();
    let attempt = Attempt::from_request(&mut request).unwrap();
    let attempt = attempt.shutdown(&shutdown);
    let report = shutdown.finish(Duration::ZERO).await.unwrap();
    assert_eq!((report.timed_out, report.total()), (1, 1), "{report}");
    drop(attempt);
    // The report that was given does not change.
    let later = shutdown.finish(Duration::ZERO).await.unwrap();
    assert_eq!(later, report);
}

/// The shutdown is requested before the response is returned, and told to the connection when it opens.
#[tokio::test]
async fn accepted_connection_follows_a_shutdown_from_its_response_on() {
    bounded(async {
        let shutdown = Shutdown::new();
        let followed = shutdown.clone();
        let url = hyper_server(Serve::Http1, move |mut request| {
            let (response, opening) = upgrade(&mut request, &any()).unwrap();
            let opening = opening.shutdown(&followed);
            assert_eq!(followed.connections(), 1);
            followed.request();
            tokio::spawn(async move {
                let mut ws = opening.open().await.unwrap();
                assert!(ws.recv().await.unwrap().is_none());
            });
            Some(response.map(|()| "".into()))
        })
        .await;
        let mut ws = wskit_tokio::connect(url).await.unwrap();
        assert!(ws.recv().await.unwrap().is_none());
        assert_eq!(ws.outcome().unwrap().code(), CloseCode::GOING_AWAY);
        let report = shutdown.finish(Duration::from_secs(10)).await.unwrap();
        assert_eq!((report.clean, report.total()), (1, 1), "{report}");
    })
    .await;
}
