//! What the runtime supplies: sockets and name lookup.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use smol::net::{TcpListener, TcpStream};
use smol::{block_on, spawn};
use wskit_handshake::OriginPolicy;
use wskit_proto::{CloseCode, Config, Message};
use wskit_smol::dial::Stage;
use wskit_smol::{Client, Connector, Server, connect};

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// Proves: R6455-4.1-e
#[test]
fn refused_port_is_one_error() {
    block_on(async {
        let (listener, url) = listen().await;
        drop(listener);
        let error = connect(url).await.unwrap_err();
        assert_eq!(error.stage(), Some(Stage::Tcp));
    });
}

/// The timer needs no runtime.
///
/// Proves: X-io-1
#[test]
fn server_that_never_answers_runs_into_the_deadline() {
    block_on(async {
        let (_listener, url) = listen().await;
        let limit = Duration::from_millis(20);
        let connector = Connector::new().config(Config::new().handshake_timeout(limit));
        let begun = Instant::now();
        let error = connector.connect(url).await.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(begun.elapsed() >= limit);
    });
}

/// Messages are written whole, so Nagle's algorithm could only delay them.
#[test]
fn client_and_server_set_nodelay() {
    block_on(async {
        let (listener, url) = listen().await;
        let server = spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut ws = Server::new(OriginPolicy::Any).accept(tcp).await.unwrap();
            assert!(ws.get_ref().get_ref().nodelay().unwrap());
            ws.recv().await.unwrap()
        });
        let mut ws = connect(url).await.unwrap();
        assert!(ws.get_ref().get_ref().tcp().nodelay().unwrap());
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
        assert_eq!(server.await, None);
    });
}

/// Eight tasks send to an echo, one receives and closes.
///
/// Proves: R6455-5.5.1-j
#[test]
fn halves_of_tcp_work_from_many_tasks() {
    block_on(async {
        let (listener, url) = listen().await;
        let server = spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let ws = Server::new(OriginPolicy::Any).accept(tcp).await.unwrap();
            let (mut reader, writer) = ws.split();
            while let Some(message) = reader.recv().await.unwrap() {
                writer.send(message).await.unwrap();
            }
        });
        let (mut reader, writer) = connect(url).await.unwrap().split();
        let senders = (0..8).map(|task| {
            let writer = writer.clone();
            spawn(async move {
                for n in 0..50 {
                    writer.send(format!("{task} {n}")).await.unwrap();
                }
            })
        });
        let senders = join_all(senders.collect::<Vec<_>>());
        let mut seen = [0; 8];
        for _ in 0..400 {
            let message = reader.recv().await.unwrap().unwrap();
            let (task, n) = message.as_text().unwrap().split_once(' ').unwrap();
            let task: usize = task.parse().unwrap();
            assert_eq!(seen[task].to_string(), n, "each task's messages in order");
            seen[task] += 1;
        }
        senders.await;
        let closing = spawn(async move { writer.close(CloseCode::NORMAL, "").await.unwrap() });
        assert!(reader.recv().await.unwrap().is_none());
        assert!(closing.await.is_clean());
        server.await;
    });
}

/// Larger than one read and than the buffers of sockets, both ways.
#[test]
fn large_message_comes_back_over_tcp() {
    block_on(async {
        let (listener, url) = listen().await;
        let limits = || Config::new().max_message_size(8 << 20);
        let server = spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let server = Server::new(OriginPolicy::Any).config(limits());
            let mut ws = server.accept(tcp).await.unwrap();
            while let Some((message, out)) = ws.recv_ref().await.unwrap() {
                out.feed(message).unwrap();
            }
        });
        let address = url.trim_start_matches("ws://");
        let tcp = TcpStream::connect(address).await.unwrap();
        let client = Client::new().config(limits());
        let (mut ws, _) = client.handshake(tcp, url.as_str()).await.unwrap();
        let large: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
        let large = Message::binary(large);
        ws.send(&large).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap(), large);
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
        server.await;
    });
}

/// The operating system knows the number of the interface that a zone names.
#[cfg(target_os = "linux")]
#[test]
fn zone_of_an_address_is_looked_up() {
    use std::net::SocketAddr;
    use wskit_dial::Net;

    let found = block_on(wskit_smol::Smol::lookup("fe80::1%lo", 80)).unwrap();
    let [SocketAddr::V6(address)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(address.ip().to_string(), "fe80::1");
    assert_ne!(address.scope_id(), 0);
}
