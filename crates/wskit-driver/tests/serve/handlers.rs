//! What handlers get and return.

use std::future::{Ready, pending};
use std::sync::Arc;

use http::{Response, StatusCode};
use wskit_driver::{BoxError, Request};
use wskit_frame::OpCode;
use wskit_handshake::Rejection;

use crate::scene::{Clients, Notes, REQUEST, Ws, echo, leave, run, server, settle, spawn, talk};

const PAGE: &str = "GET /index.html HTTP/1.1\r\nHost: server.test\r\n\r\n";

#[test]
fn handlers_are_closures_functions_and_async_closures_with_state_of_their_own() {
    async fn nothing(_: Ws, _: &'static str) {}
    run(async {
        let clients = Clients::default();
        spawn(server().serve(clients.listener(), nothing));
        spawn(server().serve(clients.listener(), async |mut ws: Ws, _| {
            ws.recv().await.map(drop)
        }));
        spawn(
            server().serve(clients.listener(), |_, _| -> Ready<Result<(), BoxError>> {
                std::future::ready(Err("no".into()))
            }),
        );
        let clients = Clients::default();
        let greeting: Arc<str> = "welcome".into();
        // Moved into the future, so it is cloned for each connection.
        spawn(
            server().serve(clients.listener(), move |mut ws, _| async move {
                ws.send(&*greeting).await?;
                drop(greeting);
                while ws.recv().await?.is_some() {}
                Ok::<_, BoxError>(())
            }),
        );
        for name in ["ann", "bob"] {
            let mut client = clients.open(name).await;
            client.expect(OpCode::Text, "welcome").await;
            leave(client).await;
        }
    });
}

#[test]
fn request_without_an_upgrade_gets_426_and_is_reported() {
    run(async {
        let clients = Clients::default();
        let notes = Notes::default();
        spawn(
            server()
                .serve(clients.listener(), echo)
                .on_error(notes.on_error()),
        );
        let mut client = clients.connect("ann");
        client.send(PAGE).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 426 "), "{head}");
        client.hang_up();
        settle().await;
        let notes = notes.take();
        assert!(
            notes[0].starts_with("\"ann\": the opening handshake failed: "),
            "{notes:?}"
        );
    });
}

#[test]
fn pages_are_answered_on_the_same_port() {
    run(async {
        let clients = Clients::default();
        let notes = Notes::default();
        let visitors = notes.clone();
        spawn(
            server()
                .serve(clients.listener(), echo)
                .http(move |request, peer| async move {
                    visitors.add(format_args!("{peer} {}", request.request().uri()));
                    request.respond(&Response::new("<h1>Hi</h1>")).await
                })
                .on_error(notes.on_error()),
        );
        for _ in 0..2 {
            let mut browser = clients.connect("browser");
            browser.send(PAGE).await;
            let page = browser.rest().await;
            assert_eq!(
                String::from_utf8(page).unwrap(),
                "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\n<h1>Hi</h1>"
            );
            browser.hang_up();
        }
        let mut client = clients.open("ann").await;
        talk(&mut client, "hello").await;
        leave(client).await;
        assert_eq!(notes.take(), ["browser /index.html", "browser /index.html"]);
    });
}

#[test]
fn page_that_fails_or_panics_is_reported() {
    run(async {
        let clients = Clients::default();
        let notes = Notes::default();
        spawn(
            server()
                .serve(clients.listener(), echo)
                .http(move |_, peer| async move {
                    assert!(peer != "bob", "no page for bob");
                    Err("out of paper")
                })
                .on_error(notes.on_error()),
        );
        for name in ["ann", "bob"] {
            let mut browser = clients.connect(name);
            browser.send(PAGE).await;
            browser.expect_end().await;
        }
        settle().await;
        assert_eq!(
            notes.take(),
            [
                "\"ann\": out of paper",
                "\"bob\": the handler panicked: no page for bob"
            ]
        );
    });
}

#[test]
fn request_is_looked_at_before_it_is_answered() {
    run(async {
        let clients = Clients::default();
        let notes = Notes::default();
        spawn(
            server()
                .serve_requests(clients.listener(), |request, peer| async move {
                    match request {
                        Request::WebSocket(upgrade) if upgrade.path() == "/chat" => {
                            echo(upgrade.accept().await?, peer).await?;
                        }
                        Request::WebSocket(upgrade) => {
                            upgrade.reject(&Rejection::not_found()).await?;
                        }
                        Request::Http(http) => {
                            let mut gone = Response::new("");
                            *gone.status_mut() = StatusCode::GONE;
                            http.respond(&gone).await?;
                        }
                    }
                    Ok::<_, BoxError>(())
                })
                .on_error(notes.on_error()),
        );
        let mut client = clients.open("ann").await;
        talk(&mut client, "hello").await;
        leave(client).await;
        for (request, status) in [(REQUEST.replace("/chat", "/"), "404"), (PAGE.into(), "410")] {
            let mut client = clients.connect("ann");
            client.send(request).await;
            let head = client.head().await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
            client.hang_up();
        }
        settle().await;
        assert!(notes.take().is_empty());
    });
}

/// The connection of the handler that panicked ends, and no other.
#[test]
fn handler_that_panics_is_reported_and_others_live_on() {
    run(async {
        let clients = Clients::default();
        let notes = Notes::default();
        let ended = spawn(
            server()
                .serve(clients.listener(), move |mut ws, peer| {
                    assert!(peer != "ann", "at once");
                    async move {
                        while let Some(message) = ws.recv().await? {
                            assert!(message.as_text() != Some("panic"), "later: {peer}");
                            ws.send(message).await?;
                        }
                        Ok::<_, BoxError>(())
                    }
                })
                .max_connections(2)
                .on_error(notes.on_error()),
        );
        let mut other = clients.open("other").await;
        let mut ann = clients.open("ann").await;
        ann.expect_end().await;
        let mut bob = clients.open("bob").await;
        bob.send(bob.frames().text("panic")).await;
        bob.expect_end().await;
        settle().await;
        assert_eq!(
            notes.take(),
            [
                "\"ann\": the handler panicked: at once",
                "\"bob\": the handler panicked: later: bob",
            ]
        );
        talk(&mut other, "still here").await;
        leave(clients.open("eve").await).await;
        leave(other).await;
        assert!(ended.take().is_empty());
    });
}

/// A handler that never ends holds up no other connection.
#[test]
fn handler_that_waits_for_ever_holds_up_no_other() {
    run(async {
        let clients = Clients::default();
        spawn(server().serve(clients.listener(), |ws, peer| async move {
            if peer == "stuck" {
                pending::<()>().await;
            }
            echo(ws, peer).await
        }));
        let stuck = clients.open("stuck").await;
        let mut client = clients.open("ann").await;
        talk(&mut client, "hello").await;
        leave(client).await;
        drop(stuck);
    });
}
