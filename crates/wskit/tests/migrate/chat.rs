//! `server.rs`: what a client sends goes to all others.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use wskit::driver::{self, Transport};
use wskit::{ConnectionError, Error, LaneConfig, OriginPolicy, Overflow, Server};

/// A queue for each client, which drops the oldest messages for one that does not read.
pub(super) type Room<T> = Arc<Mutex<HashMap<SocketAddr, driver::Lane<T>>>>;

pub(super) async fn stay<T: Transport + 'static>(
    room: Room<T>,
    ws: driver::WebSocket<T>,
    peer: SocketAddr,
) -> Result<(), ConnectionError> {
    let (mut reader, writer) = ws.split(); // the other way round than `StreamExt::split`
    let lane = writer.lane(LaneConfig::new().overflow(Overflow::DropOldest));
    room.lock().unwrap().insert(peer, lane);
    let left = loop {
        match reader.recv().await {
            Ok(Some(message)) => {
                for (other, lane) in room.lock().unwrap().iter_mut() {
                    if *other != peer {
                        let _ = lane.push(&message); // that connection's own task sees its end
                    }
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    room.lock().unwrap().remove(&peer);
    left
}

async fn server(listener: TcpListener) -> std::io::Result<()> {
    let room = Room::default();
    Server::new(OriginPolicy::Any)
        .serve(listener, move |ws, peer| stay(room, ws, peer))
        .on_error(|error| eprintln!("{error}"))
        .await
}

/// Two clients, each of which gets the other's message.
pub(super) async fn talk(url: &str) -> Result<(), Error> {
    let mut speaker = wskit::connect(url).await?;
    let mut hearer = wskit::connect(url).await?;
    let mut again = tokio::time::interval(Duration::from_millis(10));
    // A message before the other one is in the room reaches no one.
    let message = loop {
        tokio::select! {
            message = speaker.recv() => break message?.unwrap(),
            _ = again.tick() => hearer.send("I am here").await?,
        }
    };
    assert_eq!(message.to_text(), Ok("I am here"));
    speaker.send(&b"hello"[..]).await?;
    assert_eq!(hearer.recv().await?.unwrap().to_text(), Ok("hello"));
    Ok(())
}

#[tokio::test]
async fn others_get_the_message() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(server(listener));
    talk(&url).await.unwrap();
    server.abort();
}
