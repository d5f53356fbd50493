//! A shutdown, with connections at every stage.

use std::time::Duration;

use wskit_driver::{BoxError, Report, Request, Shutdown};
use wskit_frame::OpCode;
use wskit_handshake::Rejection;
use wskit_test::{Alarm, Script, join, pause};

use crate::scene::{Clients, Notes, REQUEST, echo, run, server, settle, spawn, talk};

const UNAVAILABLE: &str =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const PATIENCE: Duration = Duration::from_secs(10);

fn shutdown() -> Shutdown<Alarm> {
    Shutdown::new()
}

fn counts(report: Report) -> [usize; 4] {
    [
        report.clean,
        report.failed,
        report.timed_out,
        report.dropped,
    ]
}

/// Answers a Close with 1001 as a client does.
async fn close(client: &mut Script) {
    client.expect_close(1001).await;
    client.send(client.frames().close(1001, "")).await;
    client.expect_end().await;
    client.hang_up();
}

#[test]
fn open_connections_close_with_1001_and_nothing_is_accepted_any_more() {
    run(async {
        let clients = Clients::default();
        let (shutdown, notes) = (shutdown(), Notes::default());
        let ended = spawn(
            server()
                .serve(clients.listener(), echo)
                .shutdown(&shutdown)
                .on_error(notes.on_error()),
        );
        let mut ann = clients.open("ann").await;
        let mut bob = clients.open("bob").await;
        talk(&mut ann, "hello").await;
        assert_eq!(shutdown.connections(), 2);
        let ending = async {
            settle().await;
            assert_eq!(ended.take(), ["Ok(())"]);
            close(&mut ann).await;
            close(&mut bob).await;
        };
        let (report, ()) = join(shutdown.finish(PATIENCE), ending).await;
        assert_eq!(counts(report.unwrap()), [2, 0, 0, 0]);
        let late = clients.connect("late");
        settle().await;
        assert_eq!(clients.waiting(), 1);
        drop(late);
        assert!(notes.take().is_empty());
    });
}

/// `finish` waits until they have their answer, and does not count them: they were no connections yet.
#[test]
fn client_in_its_opening_handshake_is_answered_with_503() {
    run(async {
        let clients = Clients::default();
        let (shutdown, notes) = (shutdown(), Notes::default());
        spawn(
            server()
                .serve(clients.listener(), echo)
                .shutdown(&shutdown)
                .on_error(notes.on_error()),
        );
        let mut silent = clients.connect("silent");
        let mut half = clients.connect("half");
        half.send(&REQUEST[..40]).await;
        settle().await;
        assert_eq!(shutdown.connections(), 2);
        let answered = async {
            for client in [&mut silent, &mut half] {
                let answer = client.rest().await;
                assert_eq!(String::from_utf8(answer).unwrap(), UNAVAILABLE);
                assert_ne!(shutdown.connections(), 0);
                client.hang_up();
            }
        };
        let (report, ()) = join(shutdown.finish(PATIENCE), answered).await;
        assert_eq!(counts(report.unwrap()), [0, 0, 0, 0]);
        assert!(notes.take().is_empty());
    });
}

/// A task that was spawned and has not run yet is waited for.
#[test]
fn client_that_was_accepted_just_now_is_answered_too() {
    run(async {
        let clients = Clients::default();
        let shutdown = shutdown();
        let mut client = clients.connect("ann");
        spawn(server().serve(clients.listener(), echo).shutdown(&shutdown));
        pause().await;
        let answered = async {
            let answer = client.rest().await;
            assert_eq!(String::from_utf8(answer).unwrap(), UNAVAILABLE);
            client.hang_up();
        };
        let (report, ()) = join(shutdown.finish(PATIENCE), answered).await;
        assert_eq!(counts(report.unwrap()), [0, 0, 0, 0]);
    });
}

#[test]
fn client_in_its_tls_handshake_is_closed() {
    run(async {
        let clients = Clients::default();
        let (shutdown, notes) = (shutdown(), Notes::default());
        let secure = |stream| async move {
            std::future::pending::<()>().await;
            Ok::<_, BoxError>(stream)
        };
        spawn(
            server()
                .serve(clients.listener(), echo)
                .tls(secure)
                .shutdown(&shutdown)
                .on_error(notes.on_error()),
        );
        let mut client = clients.connect("ann");
        settle().await;
        let (report, ()) = join(shutdown.finish(PATIENCE), client.expect_end()).await;
        assert_eq!(counts(report.unwrap()), [0, 0, 0, 0]);
        assert!(notes.take().is_empty());
    });
}

/// A handler that has the request may still answer it.
#[test]
fn request_in_the_hands_of_a_handler_is_waited_for() {
    run(async {
        let clients = Clients::default();
        let (shutdown, go) = (shutdown(), shutdown());
        let decide = go.clone();
        spawn(
            server()
                .serve_requests(clients.listener(), |request, peer| async move {
                    let Request::WebSocket(upgrade) = request else {
                        return Ok(());
                    };
                    decide.requested().await;
                    if peer == "eve" {
                        return Ok(upgrade.reject(&Rejection::forbidden()).await?);
                    }
                    let mut ws = upgrade.accept().await?;
                    while ws.recv().await?.is_some() {}
                    Ok::<_, BoxError>(())
                })
                .shutdown(&shutdown),
        );
        let mut ann = clients.connect("ann");
        let mut eve = clients.connect("eve");
        ann.send(REQUEST).await;
        eve.send(REQUEST).await;
        settle().await;
        let rest = async {
            settle().await;
            assert_eq!(shutdown.connections(), 2);
            go.request();
            assert!(ann.head().await.starts_with("HTTP/1.1 101 "));
            close(&mut ann).await;
            assert!(eve.head().await.starts_with("HTTP/1.1 403 "));
            eve.hang_up();
        };
        let (report, ()) = join(shutdown.finish(PATIENCE), rest).await;
        assert_eq!(counts(report.unwrap()), [1, 0, 0, 0]);
    });
}

/// A page that is being sent is sent to its end.
#[test]
fn page_that_is_being_sent_is_waited_for() {
    run(async {
        let clients = Clients::default();
        let shutdown = shutdown();
        spawn(
            server()
                .serve(clients.listener(), echo)
                .http(|request, _| async move {
                    let page = http::Response::new(vec![b'x'; 200 << 10]);
                    request.respond(&page).await
                })
                .shutdown(&shutdown),
        );
        let mut browser = clients.connect("browser");
        browser.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        settle().await;
        let reading = async {
            settle().await;
            assert_eq!(shutdown.connections(), 1);
            assert!(browser.rest().await.len() > 200 << 10);
            browser.hang_up();
        };
        let (report, ()) = join(shutdown.finish(PATIENCE), reading).await;
        assert_eq!(counts(report.unwrap()), [0, 0, 0, 0]);
    });
}

#[test]
fn wait_after_a_failed_accept_and_the_wait_for_a_place_end_with_the_shutdown() {
    run(async {
        for full in [false, true] {
            let clients = Clients::default();
            let shutdown = shutdown();
            let ended = spawn(
                server()
                    .serve(clients.listener(), echo)
                    .max_connections(1)
                    .shutdown(&shutdown),
            );
            let ann = if full {
                Some(clients.open("ann").await)
            } else {
                clients.fail(std::io::Error::from_raw_os_error(24));
                None
            };
            settle().await;
            shutdown.request();
            for _ in 0..5 {
                pause().await;
            }
            assert_eq!(ended.take(), ["Ok(())"], "full: {full}");
            drop(ann);
        }
    });
}

/// It was no connection yet, so the report does not count it.
#[test]
fn client_that_keeps_its_503_open_is_given_up_in_time() {
    run(async {
        let clients = Clients::default();
        let shutdown = shutdown();
        spawn(server().serve(clients.listener(), echo).shutdown(&shutdown));
        let mut client = clients.connect("ann");
        settle().await;
        let finishing = shutdown.finish(Duration::from_secs(1));
        let (report, answer) = join(finishing, client.rest()).await;
        assert_eq!(String::from_utf8(answer).unwrap(), UNAVAILABLE);
        assert_eq!(counts(report.unwrap()), [0, 0, 0, 0]);
    });
}

/// The handler tracks what the server tracks already, or moves it to another shutdown.
#[test]
fn handler_that_tracks_its_connection_counts_it_once() {
    run(async {
        for moves in [false, true] {
            let clients = Clients::default();
            let (served, other, go) = (shutdown(), shutdown(), shutdown());
            let (tracked, decide) = (if moves { other } else { served.clone() }, go.clone());
            let last = tracked.clone();
            let handler = move |mut ws: crate::scene::Ws, peer| async move {
                decide.requested().await;
                ws.track(&tracked);
                echo(ws, peer).await
            };
            spawn(
                server()
                    .serve(clients.listener(), handler)
                    .shutdown(&served),
            );
            let mut ann = clients.open("ann").await;
            settle().await;
            let ending = async {
                settle().await;
                go.request();
                settle().await;
                last.request();
                close(&mut ann).await;
            };
            let (report, ()) = join(served.finish(PATIENCE), ending).await;
            let expected = if moves { [0; 4] } else { [1, 0, 0, 0] };
            assert_eq!(counts(report.unwrap()), expected, "moves: {moves}");
            let report = last.finish(PATIENCE).await.unwrap();
            assert_eq!(counts(report), [1, 0, 0, 0], "moves: {moves}");
        }
    });
}

#[test]
fn server_without_a_shutdown_tracks_nothing() {
    run(async {
        let clients = Clients::default();
        let shutdown = shutdown();
        spawn(server().serve(clients.listener(), echo));
        let mut client = clients.open("ann").await;
        assert_eq!(shutdown.connections(), 0);
        client
            .send(client.frames().frame(OpCode::Ping, true, b""))
            .await;
        client.expect(OpCode::Pong, "").await;
    });
}
