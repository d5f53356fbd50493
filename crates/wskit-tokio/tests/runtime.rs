//! What the runtime lends, and what happens when it does not.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use wskit_handshake::OriginPolicy;
use wskit_proto::{CloseCode, Config, Message, Role, TimeoutKind};
use wskit_tokio::dial::Stage;
use wskit_tokio::reconnect::{Event, Loss, Verdict};
use wskit_tokio::{
    ConnectionError, Connector, DialError, Error, Reconnect, Server, connect, from_parts,
};

#[test]
fn a_runtime_without_a_timer_is_a_typed_error() {
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let (ours, _theirs) = duplex(1024);
        let mut ws = from_parts(ours, Role::Server, Bytes::new(), Config::new());
        assert!(matches!(ws.recv().await, Err(ConnectionError::NoTimer(_))));
        // Nothing that needs a deadline: nothing that needs a timer.
        let (ours, mut theirs) = duplex(1024);
        let mut ws = from_parts(
            ours,
            Role::Server,
            Bytes::new(),
            Config::new().keepalive(None),
        );
        theirs
            .write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x'])
            .await
            .unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap(), Message::text("x"));
    });
}

/// A stream in memory needs no reactor, so the connection can outlive the runtime that it waited in.
///
/// Proves: X-io-1
#[test]
fn a_connection_outlives_its_runtime() {
    let runtime = || {
        let mut builder = Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let (ours, mut theirs) = duplex(1024);
    let mut ws = from_parts(ours, Role::Server, Bytes::new(), Config::new());
    let first = runtime();
    first.block_on(async {
        tokio::select! {
            biased;
            received = ws.recv() => panic!("{received:?}"),
            () = tokio::task::yield_now() => {}
        }
    });
    drop(first);
    runtime().block_on(async {
        // It is received, pinged, and given up for silence, all by the second runtime's clock.
        theirs
            .write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x'])
            .await
            .unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap(), Message::text("x"));
        let error = ws.recv().await.unwrap_err();
        assert!(
            matches!(error, ConnectionError::Timeout(TimeoutKind::Keepalive)),
            "{error:?}"
        );
        let mut ping = [0; 2];
        theirs.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping[0], 0x89);
    });
}

/// The same without another runtime's timer: an error, and no panic.
#[test]
fn a_connection_that_outlives_its_runtime_without_another_timer_is_a_typed_error() {
    let (ours, _theirs) = duplex(1024);
    let mut ws = from_parts(ours, Role::Server, Bytes::new(), Config::new());
    let first = Builder::new_current_thread().enable_time().build().unwrap();
    first.block_on(async {
        tokio::select! {
            biased;
            received = ws.recv() => panic!("{received:?}"),
            () = tokio::task::yield_now() => {}
        }
    });
    drop(first);
    let second = Builder::new_current_thread().build().unwrap();
    second.block_on(async {
        assert!(matches!(ws.recv().await, Err(ConnectionError::NoTimer(_))));
    });
}

#[test]
fn connecting_without_a_timer_is_a_typed_error() {
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        assert!(matches!(connect(url).await, Err(DialError::NoTimer(_))));
    });
}

/// There is no delay without a timer, so `classify` cannot ask for another attempt.
#[test]
fn reconnecting_without_a_timer_ends() {
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    runtime.block_on(async {
        let attempts = Arc::new(AtomicUsize::new(0));
        let made = attempts.clone();
        let mut client = Reconnect::<DuplexStream>::new(move || {
            made.fetch_add(1, Ordering::Relaxed);
            async { Err(Error::other("no ticket")) }
        })
        .classify(|_| Verdict::Retry);
        assert!(matches!(client.next().await, Ok(Some(Event::Lost { .. }))));
        let gave_up = client.next().await.unwrap_err();
        assert!(!gave_up.exhausted);
        assert!(matches!(
            gave_up.loss,
            Loss::NotOpened(Error::Connection(ConnectionError::NoTimer(_)))
        ));
        assert!(matches!(client.next().await, Ok(None)));
        assert_eq!(attempts.load(Ordering::Relaxed), 1);
    });
}

/// Proves: R6455-5.5.2-a
#[tokio::test]
async fn a_connection_from_parts_starts_with_the_leftover() {
    let (ours, mut theirs) = duplex(1024);
    let leftover = Bytes::from_static(&[0x89, 0x81, 1, 2, 3, 4, b'!' ^ 1, 0x82, 0x80, 0, 0, 0, 0]);
    let mut ws = from_parts(ours, Role::Server, leftover, Config::new());
    assert_eq!(
        ws.recv().await.unwrap().unwrap(),
        Message::binary(Bytes::new())
    );
    ws.flush().await.unwrap();
    let mut pong = [0; 3];
    theirs.read_exact(&mut pong).await.unwrap();
    assert_eq!(pong, [0x8a, 1, b'!']);
}

/// Proves: R6455-4.1-e
#[tokio::test]
async fn a_refused_port_is_one_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = connect(url).await.unwrap_err();
    assert_eq!(error.stage(), Some(Stage::Tcp));
}

/// Proves: R6455-4.1-a
#[tokio::test]
async fn a_bad_url_is_an_error_before_anything_is_dialled() {
    for url in [
        "http://127.0.0.1/",
        "ws://",
        "ws://127.0.0.1/#here",
        "ws://127.0.0.1:99999/",
    ] {
        assert!(
            matches!(connect(url).await, Err(DialError::Request(_))),
            "{url}"
        );
    }
}

/// Proves: X-io-1
#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_runs_into_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let connector =
        Connector::new().config(Config::new().handshake_timeout(Duration::from_secs(7)));
    let begun = tokio::time::Instant::now();
    let error = connector.connect(url).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(error.stage(), Some(Stage::Http));
    assert_eq!(begun.elapsed().as_secs(), 7);
}

#[cfg(not(feature = "rustls"))]
#[tokio::test]
async fn wss_without_tls_is_a_typed_error() {
    assert!(matches!(
        connect("wss://127.0.0.1:1/").await,
        Err(DialError::TlsUnavailable)
    ));
}

/// Messages are written whole, so Nagle's algorithm could only delay them.
#[tokio::test]
async fn both_ends_set_nodelay() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        assert!(!tcp.nodelay().unwrap());
        let mut ws = Server::new(OriginPolicy::Any).accept(tcp).await.unwrap();
        assert!(ws.get_ref().get_ref().nodelay().unwrap());
        ws.recv().await.unwrap()
    });
    let mut ws = connect(url).await.unwrap();
    assert!(ws.get_ref().get_ref().tcp().nodelay().unwrap());
    assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
    assert_eq!(server.await.unwrap(), None);
}

/// Proves: R6455-5.5.1-j
#[tokio::test]
async fn halves_of_tcp_work_from_two_threads() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let ws = Server::new(OriginPolicy::Any).accept(tcp).await.unwrap();
        let (mut reader, writer) = ws.split();
        while let Some(message) = reader.recv().await.unwrap() {
            writer.send(message).await.unwrap();
        }
    });
    let (mut reader, writer) = connect(url).await.unwrap().split();
    let many: Vec<_> = (0..8)
        .map(|task| {
            let writer = writer.clone();
            tokio::spawn(async move {
                for n in 0..50 {
                    writer.send(format!("{task} {n}")).await.unwrap();
                }
            })
        })
        .collect();
    let mut seen = [0; 8];
    for _ in 0..400 {
        let message = reader.recv().await.unwrap().unwrap();
        let (task, n) = message.as_text().unwrap().split_once(' ').unwrap();
        let task: usize = task.parse().unwrap();
        // Each task's messages come in its order.
        assert_eq!(seen[task].to_string(), n);
        seen[task] += 1;
    }
    for task in many {
        task.await.unwrap();
    }
    let closing = tokio::spawn(async move { writer.close(CloseCode::NORMAL, "").await.unwrap() });
    assert!(reader.recv().await.unwrap().is_none());
    assert!(closing.await.unwrap().is_clean());
}

/// The operating system knows the number of the interface that a zone names.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn zone_of_an_address_is_looked_up() {
    use std::net::SocketAddr;
    use wskit_dial::Net;

    let found = wskit_tokio::Tokio::lookup("fe80::1%lo", 80).await.unwrap();
    let [SocketAddr::V6(address)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(address.ip().to_string(), "fe80::1");
    assert_ne!(address.scope_id(), 0);
}
