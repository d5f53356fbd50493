//! What is reported, of whom, and whether it is to be logged.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use wskit_driver::{BoxError, ConnectionError, Elapsed, ServeFault};
use wskit_proto::{JsonError, Message};
use wskit_test::{Alarm, Script};

use crate::collector::{assert_lines, heard};
use crate::scene::{Clients, Notes, REQUEST, Ws, echo, leave, run, server, settle, spawn};

/// What was reported when `client` did its part.
fn reported<F>(client: impl FnOnce(Script) -> F, handler: fn() -> Result<(), BoxError>) -> String
where
    F: Future<Output = Script>,
{
    let notes = Notes::default();
    run(async {
        let clients = Clients::default();
        let handler = move |mut ws: Ws, _| async move {
            while ws.recv().await?.is_some() {}
            handler()
        };
        spawn(
            server()
                .serve(clients.listener(), handler)
                .on_error(notes.on_error()),
        );
        let mut client = client(clients.connect("ann")).await;
        client.hang_up();
        settle().await;
    });
    notes.take().join("\n")
}

async fn opened(mut client: Script) -> Script {
    client.send(REQUEST).await;
    client.head().await;
    client
}

async fn closed(client: Script) -> Script {
    let mut client = opened(client).await;
    client.send(client.frames().close(1000, "")).await;
    client.expect_close(1000).await;
    client.expect_end().await;
    client
}

/// As `eprintln` does when its pipe is closed.
#[test]
fn callback_that_panics_leaves_the_server_alone() {
    run(async {
        let clients = Clients::default();
        let server = server().serve(clients.listener(), echo);
        let ended = spawn(server.on_error(|_| panic!("a callback of this test")));
        clients.fail(io::ErrorKind::ConnectionAborted.into());
        clients.connect("bob").hang_up();
        settle().await;
        leave(clients.open("ann").await).await;
        assert!(ended.take().is_empty());
    });
}

/// Clones are made for each connection, by code of the program.
#[test]
fn handler_whose_clone_panics_leaves_the_server_alone() {
    struct Once(Arc<std::sync::atomic::AtomicBool>);
    impl Clone for Once {
        fn clone(&self) -> Self {
            let before = self.0.swap(true, std::sync::atomic::Ordering::Relaxed);
            assert!(before, "a clone of this test");
            Self(self.0.clone())
        }
    }
    run(async {
        let (clients, notes, once) = (Clients::default(), Notes::default(), Once(Arc::default()));
        let handler = move |ws: Ws, peer| {
            let Once(_) = &once; // moves it into the closure
            echo(ws, peer)
        };
        let server = server().serve(clients.listener(), handler);
        spawn(server.on_error(notes.on_error()));
        let mut bob = clients.connect("bob");
        bob.expect_end().await;
        assert_eq!(
            notes.take(),
            ["\"bob\": the handler panicked: a clone of this test"]
        );
        leave(clients.open("ann").await).await;
    });
}

#[test]
fn connection_that_closes_is_no_error() {
    assert_eq!(reported(closed, || Ok(())), "");
}

#[test]
fn client_that_goes_away_is_a_disconnect() {
    assert_eq!(
        reported(opened, || Ok(())),
        "\"ann\": the peer went away without a Close (gone)"
    );
    let before_its_request = reported(|client| async { client }, || Ok(()));
    assert!(
        before_its_request.ends_with(" (gone)"),
        "{before_its_request}"
    );
}

#[test]
fn request_that_breaks_the_rules_is_reported_and_was_answered() {
    let sent = |mut client: Script| async {
        client.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 400 "));
        client
    };
    let said = reported(sent, || Ok(()));
    assert!(
        said.starts_with("\"ann\": the opening handshake failed: "),
        "{said}"
    );
    assert!(!said.ends_with(" (gone)"), "{said}");
}

/// A message that is not the expected JSON: `on_error` is told all, and a log what the client has not written.
#[test]
fn text_of_a_client_is_not_logged() {
    fn json() -> JsonError {
        let message = Message::text("{\"hunter2\": \"hunter2\"}");
        message.json::<HashMap<String, u8>>().unwrap_err()
    }
    let handlers: [fn() -> Result<(), BoxError>; 2] = [
        || Err(json().into()),
        || Err(ConnectionError::from(json()).into()),
    ];
    for handler in handlers {
        let mut told = String::new();
        let lines = heard(async { told = reported(closed, handler) });
        assert!(told.contains("hunter2"), "{told}");
        assert!(
            lines.iter().all(|line| !line.contains("hunter2")),
            "{lines:#?}"
        );
        let failed: Vec<_> = lines
            .into_iter()
            .filter(|line| line.contains("failed"))
            .collect();
        let text = "\"ann\": JSON of another shape than expected, at line 1 column 21";
        assert_lines(&failed, &[text]);
    }
}

#[test]
fn error_of_a_handler_is_reported_as_it_is() {
    assert_eq!(
        reported(closed, || Err("out of tea".into())),
        "\"ann\": out of tea"
    );
}

/// An error of a program, with what it says and its source.
#[derive(Debug)]
struct Own(BoxError);

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the game ended")
    }
}

impl Error for Own {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

#[test]
fn disconnect_is_recognised_inside_other_errors() {
    fn lost() -> io::Error {
        io::ErrorKind::ConnectionReset.into()
    }
    fn fault() -> io::Error {
        io::Error::from_raw_os_error(13)
    }
    let cases: [(fn() -> io::Error, bool); 2] = [(lost, true), (fault, false)];
    for (inside, gone) in cases {
        let errors: [BoxError; 6] = [
            inside().into(),
            ConnectionError::Io(inside()).into(),
            Own(inside().into()).into(),
            Own(ConnectionError::Io(inside()).into()).into(),
            io::Error::other(ConnectionError::Io(inside())).into(),
            io::Error::other(Own(io::Error::other(inside()).into())).into(),
        ];
        for error in errors {
            let text = error.to_string();
            let next = std::sync::Mutex::new(Some(error));
            let notes = Notes::default();
            run(async {
                let clients = Clients::default();
                let next = Arc::new(next);
                let handler = move |_: Ws, _| async move {
                    let error = next.lock().unwrap().take();
                    error.map_or(Ok(()), Err)
                };
                spawn(
                    server()
                        .serve(clients.listener(), handler)
                        .on_error(notes.on_error()),
                );
                opened(clients.connect("ann")).await;
                settle().await;
            });
            let said = notes.take().join("\n");
            assert_eq!(said.ends_with(" (gone)"), gone, "{text}");
        }
    }
}

#[test]
fn tls_that_fails_or_takes_too_long_is_reported() {
    run(async {
        let clients = Clients::default();
        let notes = Notes::default();
        let faults = Notes::default();
        let (told, kinds) = (notes.on_error(), faults.clone());
        let secure = |mut stream: wskit_test::PipeEnd| async move {
            let mut first = [0];
            std::future::poll_fn(|cx| stream.poll_read(cx, &mut first)).await?;
            if first == *b"T" {
                Ok(stream)
            } else {
                Err(io::Error::new(io::ErrorKind::InvalidData, "not TLS"))
            }
        };
        spawn(
            server()
                .serve(clients.listener(), echo)
                .tls(secure)
                .on_error(move |error| {
                    let ServeFault::Tls(fault) = error.fault() else {
                        panic!("{error:?}");
                    };
                    kinds.add(fault.downcast_ref::<Elapsed>().is_some());
                    assert_eq!(error.peer(), Some(&"ann"));
                    told(error);
                }),
        );
        let mut client = clients.connect("ann");
        client.send("GET").await;
        client.expect_end().await;
        settle().await;
        assert_eq!(notes.take(), ["\"ann\": TLS: not TLS"]);
        let start = wskit_driver::Timer::now(&Alarm::default());
        let mut silent = clients.connect("ann");
        silent.expect_end().await;
        let passed = wskit_driver::Timer::now(&Alarm::default()) - start;
        assert_eq!(passed, Duration::from_secs(10));
        assert_eq!(notes.take(), ["\"ann\": TLS: the time limit has passed"]);
        assert_eq!(faults.take(), ["false", "true"]);
        let mut client = clients.connect("ann");
        client.send("T").await;
        opened(client).await;
    });
}

/// A log that prints the whole chain says everything once.
#[test]
fn no_text_is_told_again_by_its_source() {
    let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "the port is closed");
    for fault in [
        ServeFault::Accept(refused()),
        ServeFault::Tls(refused().into()),
        ServeFault::Open(refused().into()),
        ServeFault::Handler(Own(refused().into()).into()),
        ServeFault::Panic("the port is closed".into()),
    ] {
        let mut texts = vec![fault.to_string()];
        let mut next = fault.source();
        while let Some(source) = next {
            texts.push(source.to_string());
            next = source.source();
        }
        for (at, text) in texts.iter().enumerate() {
            assert!(
                !texts[..at].iter().any(|told| told.contains(text)),
                "{texts:?}"
            );
        }
    }
}
