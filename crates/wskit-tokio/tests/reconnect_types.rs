//! What a program does with the types of a client that reconnects: all of it has to compile.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use wskit_dial::Net;
use wskit_driver::{Overflow, Runtime, Spawn, Transport};
use wskit_handshake::ClientRequest;
use wskit_tokio::reconnect::{Events, GaveUp, OnOpen, OnOpenError, Open, Verdict};
use wskit_tokio::{
    ClientStream, Connector, Error, Io, Reconnect, ReconnectHandle, Tokio, WebSocket,
};

/// A port on which nothing listens.
const CLOSED: &str = "ws://127.0.0.1:1/";

fn request() -> ClientRequest {
    ClientRequest::new(CLOSED).unwrap()
}

/// The type has a name: a function can return it.
fn make() -> Reconnect {
    Connector::new().reconnect(request()).retries(0)
}

fn make_by_closure() -> Reconnect {
    Reconnect::new(|| async { Ok(wskit_tokio::connect(CLOSED).await?) }).retries(0)
}

/// An implementation of one's own.
struct Never(Arc<AtomicUsize>);

impl Open for Never {
    type Transport = Io<ClientStream>;

    fn poll_open(&mut self, _: &mut Context<'_>) -> Poll<Result<WebSocket<ClientStream>, Error>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Err(Error::other("no connection today")))
    }

    fn cancel(&mut self) {}
}

/// A struct can hold it.
struct Feed {
    client: Reconnect,
}

impl Feed {
    async fn run(mut self) -> Result<(), GaveUp> {
        while self.client.next().await?.is_some() {}
        Ok(())
    }
}

struct Running {
    events: Events,
    handle: ReconnectHandle,
}

/// Code that is generic over the runtime, and spawns.
fn pump<R: Net>(mut feed: wskit_dial::Reconnect<R>) -> tokio::task::JoinHandle<bool> {
    tokio::spawn(async move { feed.next().await.is_err() })
}

fn run<R: Net + Spawn>(feed: wskit_dial::Reconnect<R>) -> Events {
    feed.on_open(|mut ws| async move { Ok(ws.send("subscribe").await?) })
        .spawn(16, Overflow::Wait)
        .0
}

/// Code that is generic over the stream.
fn run_over<S>(feed: Reconnect<S>) -> Events
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    Tokio: Runtime<S, Transport = Io<S>>,
    Io<S>: Transport<Read: Send, Write: Send, Timer: Send> + Send,
{
    feed.spawn(16, Overflow::Wait).0
}

#[derive(Debug)]
struct LoginRefused;

impl fmt::Display for LoginRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("login refused")
    }
}

impl std::error::Error for LoginRefused {}

async fn log_in(ws: &mut WebSocket<ClientStream>) -> Result<(), LoginRefused> {
    ws.send("let me in").await.map_err(|_| LoginRefused)
}

async fn subscribe(
    mut ws: OnOpen<Io<ClientStream>>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    log_in(&mut ws).await?;
    ws.send("subscribe").await?;
    std::fs::read("/nowhere").map(drop)?;
    Ok(())
}

fn is_spawnable<T: Send + 'static>(_: &T) {}

fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}

#[tokio::test]
async fn client_can_be_named_stored_and_spawned() {
    let mut client = make();
    let spawned = tokio::spawn(async move { client.next().await.is_err() });
    assert!(spawned.await.unwrap());

    let feed = Feed {
        client: make_by_closure(),
    };
    is_spawnable(&feed);
    let gave_up = tokio::spawn(feed.run()).await.unwrap().unwrap_err();
    assert!(gave_up.exhausted);

    assert!(pump(make()).await.unwrap());
    assert!(run(make()).next().await.is_err());
    assert!(run_over(make()).next().await.is_err());
}

#[tokio::test]
async fn client_takes_an_open_of_ones_own() {
    let polled = Arc::new(AtomicUsize::new(0));
    let mut client: Reconnect = Reconnect::over(Never(polled.clone())).retries(0);
    let gave_up = client.next().await.unwrap_err();
    assert_eq!(
        gave_up.to_string(),
        "given up after too many attempts: no connection: no connection today"
    );
    assert_eq!(polled.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn hooks_return_any_error() {
    let client = make()
        .on_open(subscribe)
        .on_open(|mut ws| async move {
            log_in(&mut ws).await?;
            if ws.recv().await?.is_none() {
                return Err(LoginRefused.into());
            }
            Err(io::Error::other("no"))?;
            Ok(())
        })
        .on_open_timeout(Duration::from_secs(3))
        .classify(|loss| match loss.other::<LoginRefused>() {
            Some(LoginRefused) => Verdict::GiveUp,
            None if loss.other::<OnOpenError>().is_some() => Verdict::GiveUp,
            None => Verdict::of(loss),
        });
    let (events, handle) = client.spawn(100, Overflow::DropOldest);
    is_shared(&handle);
    let mut running = Running { events, handle };
    is_spawnable(&running);
    assert!(running.events.next().await.is_err());
    assert!(running.handle.wait_connected().await.is_err());
}
