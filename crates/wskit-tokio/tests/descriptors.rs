//! The socket of a connection that is over is closed, although its writers and lanes are still held.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use wskit_driver::LaneConfig;
use wskit_proto::{CloseCode, Config, Keepalive, Role};
use wskit_tokio::{Lane, Reader, WebSocket, Writer, from_parts};

const CLIENTS: usize = 50;

/// One test at a time: descriptors belong to the process.
static ALONE: Mutex<()> = Mutex::new(());

/// Sockets that this process has open.
fn sockets() -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    descriptors
        .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

type Kept = (Writer<TcpStream>, Lane<TcpStream>);
type Socket = WebSocket<TcpStream>;

/// Runs clients one after the other, each to the end of its connection, and keeps a writer and
/// a lane of each.
fn run(config: &Config, to_the_end: impl AsyncFn(Reader<TcpStream>, &mut Kept, Socket)) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let before = sockets();
        let mut room: Vec<Kept> = Vec::new();
        for _ in 0..CLIENTS {
            let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
            let client = from_parts(near.unwrap(), Role::Client, Bytes::new(), config.clone());
            let server = from_parts(far.unwrap().0, Role::Server, Bytes::new(), config.clone());
            let (reader, writer) = server.split();
            let lane = writer.lane(LaneConfig::new());
            let mut kept = (writer, lane);
            let end = to_the_end(reader, &mut kept, client);
            tokio::time::timeout(Duration::from_secs(20), end)
                .await
                .unwrap();
            room.push(kept);
        }
        assert_eq!(
            sockets() - before,
            0,
            "{CLIENTS} clients have come and gone"
        );
        for (writer, lane) in &mut room {
            assert!(writer.outcome().is_some());
            assert!(lane.push("x").is_err());
            assert!(writer.send("x").await.unwrap_err().is_closed());
        }
    });
}

#[test]
fn socket_is_closed_after_a_clean_close() {
    run(&Config::new(), async |mut reader, _, mut client| {
        let close = client.close(CloseCode::NORMAL, "");
        let (closed, received) = tokio::join!(close, reader.recv());
        assert!(closed.unwrap().is_clean());
        assert!(received.unwrap().is_none());
    });
}

#[test]
fn socket_is_closed_when_the_client_is_gone() {
    run(&Config::new(), async |mut reader, _, client| {
        drop(client);
        reader.recv().await.unwrap_err();
    });
}

#[test]
fn socket_is_closed_when_the_client_has_vanished() {
    let keepalive = Keepalive {
        every: Duration::from_millis(1),
        answer_within: Duration::from_millis(1),
    };
    let config = Config::new().keepalive(Some(keepalive));
    run(&config, async |mut reader, _, client| {
        // It is there and answers nothing.
        reader.recv().await.unwrap_err();
        drop(client);
    });
}

#[test]
fn socket_is_closed_when_a_writer_sees_the_end() {
    run(&Config::new(), async |reader, (writer, _), mut client| {
        drop(reader);
        let close = client.close(CloseCode::NORMAL, "");
        let ended = writer.close(CloseCode::NORMAL, "");
        let (closed, ended) = tokio::join!(close, ended);
        assert!(closed.unwrap().is_clean() && ended.unwrap().is_clean());
    });
}
