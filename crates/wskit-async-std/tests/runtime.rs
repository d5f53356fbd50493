//! What the runtime lends: sockets, and an alarm that needs no runtime.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::poll_fn;
use std::time::{Duration, Instant};

use async_std::io::ReadExt;
use async_std::net::{TcpListener, TcpStream};
use async_std::task::{block_on, spawn};
use bytes::Bytes;
use futures_util::future::join;
use futures_util::io::{AsyncRead, AsyncWrite};
use wskit_async_std::dial::Stage;
use wskit_async_std::{
    AsyncIoTimer, Client, ConnectionError, Connector, DialError, Server, WebSocket, connect,
    from_parts,
};
use wskit_driver::Timer;
use wskit_handshake::OriginPolicy;
use wskit_proto::{CloseCode, Config, Keepalive, Message, Role, TimeoutKind};

/// Two ends of a TCP connection.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ours, theirs) = join(TcpStream::connect(address), listener.accept()).await;
    (ours.unwrap(), theirs.unwrap().0)
}

#[test]
fn an_alarm_set_later_does_not_go_off_early() {
    block_on(async {
        let mut timer = AsyncIoTimer::default();
        let first = timer.now() + Duration::from_millis(5);
        let later = first + Duration::from_millis(5);
        let mut polled = 0;
        poll_fn(|cx| {
            polled += 1;
            timer.poll_until(cx, if polled == 1 { first } else { later })
        })
        .await
        .unwrap();
        assert!(timer.now() >= later);
        // It is past for every later question too.
        poll_fn(|cx| timer.poll_until(cx, first)).await.unwrap();
        poll_fn(|cx| timer.poll_until(cx, later)).await.unwrap();
    });
}

#[test]
fn an_alarm_set_earlier_goes_off_early() {
    block_on(async {
        let mut timer = AsyncIoTimer::default();
        let soon = timer.now() + Duration::from_millis(5);
        let mut polled = 0;
        poll_fn(|cx| {
            polled += 1;
            let hour = Duration::from_secs(3600);
            let first = timer.poll_until(cx, soon + hour);
            assert!(first.is_pending());
            timer.poll_until(cx, soon)
        })
        .await
        .unwrap();
        assert!(timer.clone().now() >= soon);
    });
}

/// Proves: R6455-5.5.2-a
#[test]
fn a_connection_from_parts_starts_with_the_leftover() {
    block_on(async {
        let (ours, mut theirs) = pair().await;
        let leftover =
            Bytes::from_static(&[0x89, 0x81, 1, 2, 3, 4, b'!' ^ 1, 0x82, 0x80, 0, 0, 0, 0]);
        let mut ws = from_parts(ours, Role::Server, leftover, Config::new());
        assert_eq!(
            ws.recv().await.unwrap().unwrap(),
            Message::binary(Bytes::new())
        );
        ws.flush().await.unwrap();
        let mut pong = [0; 3];
        theirs.read_exact(&mut pong).await.unwrap();
        assert_eq!(pong, [0x8a, 1, b'!']);
    });
}

/// Proves: R6455-4.1-e
#[test]
fn a_refused_port_is_one_error() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = connect(url).await.unwrap_err();
        assert_eq!(error.stage(), Some(Stage::Tcp));
    });
}

/// Proves: R6455-4.1-a
#[test]
fn a_bad_url_is_an_error_before_anything_is_dialled() {
    block_on(async {
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
    });
}

/// Proves: X-io-1
#[test]
fn a_server_that_never_answers_runs_into_the_deadline() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let limit = Duration::from_millis(20);
        let connector = Connector::new().config(Config::new().handshake_timeout(limit));
        let begun = Instant::now();
        let error = connector.connect(url).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(begun.elapsed() >= limit);
    });
}

#[cfg(not(feature = "rustls"))]
#[test]
fn wss_without_tls_is_a_typed_error() {
    assert!(matches!(
        block_on(connect("wss://127.0.0.1:1/")),
        Err(DialError::TlsUnavailable)
    ));
}

/// Messages are written whole, so Nagle's algorithm could only delay them.
#[test]
fn a_client_sets_nodelay() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let server = spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut ws = Server::new(OriginPolicy::Any).accept(tcp).await.unwrap();
            ws.recv().await.unwrap()
        });
        let mut ws = connect(url).await.unwrap();
        assert!(ws.get_ref().get_ref().tcp().nodelay().unwrap());
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
        assert_eq!(server.await, None);
    });
}

/// Proves: R6455-5.5.1-j
#[test]
fn halves_of_tcp_work_from_two_threads() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let ws = Server::new(OriginPolicy::Any).accept(tcp).await.unwrap();
            let (mut reader, writer) = ws.split();
            while let Some(message) = reader.recv().await.unwrap() {
                writer.send(message).await.unwrap();
            }
        });
        talk_from_many_tasks(connect(url).await.unwrap()).await;
    });
}

/// smol's sockets, on smol: the halves are behind a lock, and work.
///
/// Proves: R6455-5.5.1-j
#[test]
fn halves_of_smol_tcp_work_from_two_threads() {
    smol::block_on(async {
        let listener = smol::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = smol::spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let ws = Server::new(OriginPolicy::Any).accept(tcp).await.unwrap();
            let (mut reader, writer) = ws.split();
            while let Some(message) = reader.recv().await.unwrap() {
                writer.send(message).await.unwrap();
            }
        });
        let tcp = smol::net::TcpStream::connect(address).await.unwrap();
        let client = Client::new();
        let (ws, _) = client.handshake(tcp, "ws://here/").await.unwrap();
        talk_from_many_tasks(ws).await;
        server.await;
    });
}

/// Eight tasks send to an echo, one receives and closes.
async fn talk_from_many_tasks<S>(ws: WebSocket<S>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut reader, writer) = ws.split();
    let many: Vec<_> = (0..8)
        .map(|task| {
            let writer = writer.clone();
            spawn(async move {
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
        task.await;
    }
    let closing = spawn(async move { writer.close(CloseCode::NORMAL, "").await.unwrap() });
    assert!(reader.recv().await.unwrap().is_none());
    assert!(closing.await.is_clean());
}

/// Larger than what is read at once, and than what sockets hold, both ways.
#[test]
fn a_large_message_comes_back_over_tcp() {
    block_on(async {
        let (ours, theirs) = pair().await;
        let server = spawn(async move {
            let server =
                Server::new(OriginPolicy::Any).config(Config::new().max_message_size(8 << 20));
            let mut ws = server.accept(ours).await.unwrap();
            while let Some((message, out)) = ws.recv_ref().await.unwrap() {
                out.feed(message).unwrap();
            }
        });
        let client = Client::new().config(Config::new().max_message_size(8 << 20));
        let (mut ws, _) = client.handshake(theirs, "ws://here/").await.unwrap();
        let large: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
        let large = Message::binary(large);
        ws.send(&large).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap(), large);
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
        server.await;
    });
}

/// The deadline's alarm is async-io's: it goes off under any executor.
///
/// Proves: X-io-2
#[test]
fn keepalive_gives_up_a_silent_peer_without_a_runtime() {
    smol::block_on(async {
        let (ours, mut theirs) = pair().await;
        let keepalive = Keepalive {
            every: Duration::from_millis(10),
            answer_within: Duration::from_millis(10),
        };
        let config = Config::new().keepalive(Some(keepalive));
        let mut ws = from_parts(ours, Role::Server, Bytes::new(), config);
        let error = ws.recv().await.unwrap_err();
        assert!(
            matches!(error, ConnectionError::Timeout(TimeoutKind::Keepalive)),
            "{error:?}"
        );
        let mut ping = [0; 1];
        theirs.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping, [0x89]);
    });
}

/// The operating system knows the number of the interface that a zone names.
#[cfg(target_os = "linux")]
#[test]
fn zone_of_an_address_is_looked_up() {
    use std::net::SocketAddr;
    use wskit_dial::Net;

    let found = block_on(wskit_async_std::AsyncStd::lookup("fe80::1%lo", 80)).unwrap();
    let [SocketAddr::V6(address)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(address.ip().to_string(), "fe80::1");
    assert_ne!(address.scope_id(), 0);
}
