//! `interval-server.rs`: an echo, and a message each second.

use std::time::Duration;

use tokio::net::TcpListener;
use wskit::{Error, OriginPolicy, Server, ServerStream, WebSocket};

/// One task and no split: each arm of a `select!` can be dropped without losing a message.
async fn serve(mut ws: WebSocket<ServerStream>) -> Result<(), Error> {
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            received = ws.recv() => match received? {
                Some(message) => ws.send(message).await?,
                None => return Ok(()),
            },
            _ = interval.tick() => ws.send("tick").await?,
        }
    }
}

#[tokio::test]
async fn ticks_and_echoes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let server = Server::new(OriginPolicy::Any)
        .serve(listener, |ws, _| serve(ws))
        .on_error(|error| {
            if !error.is_disconnect() {
                eprintln!("{error}");
            }
        });
    let server = tokio::spawn(async move { server.await });
    let mut ws = wskit::connect(&url).await.unwrap();
    ws.send("echo").await.unwrap();
    let mut missing = vec!["echo", "tick"]; // the first tick comes at once
    while !missing.is_empty() {
        let message = ws.recv().await.unwrap().unwrap();
        missing.retain(|text| message.as_text() != Some(text));
    }
    server.abort();
}
