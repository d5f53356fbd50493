use std::collections::VecDeque;
use std::fmt::Display;
use std::future::IntoFuture;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use wskit_driver::{ConnectionError, ServeError, Server, StreamListener, WebSocket};
use wskit_handshake::OriginPolicy;
use wskit_proto::{Config, Role};
use wskit_test::{Executor, PipeEnd, Script, Simulated, SimulatedIo, pause, pipe};

pub(super) const REQUEST: &str = "GET /chat HTTP/1.1\r\nHost: server.test\r\nUpgrade: websocket\r\n\
     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
     Sec-WebSocket-Version: 13\r\n\r\n";

/// A connection, with the name of its client for an address.
pub(super) type Accepted = io::Result<(PipeEnd, &'static str)>;
pub(super) type Ws = WebSocket<SimulatedIo>;

/// A stream of connections, fed by the test. Clones feed the same.
#[derive(Clone, Default)]
pub(super) struct Clients(Arc<Mutex<Queue>>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Accepted>,
    ended: bool,
    waker: Option<Waker>,
}

impl Clients {
    /// Connects a client.
    pub(super) fn connect(&self, name: &'static str) -> Script {
        let (near, far) = pipe(64 << 10);
        self.push(Ok((far, name)));
        Script::new(near, Role::Client)
    }

    /// Connects a client, which opens a WebSocket.
    pub(super) async fn open(&self, name: &'static str) -> Script {
        let mut client = self.connect(name);
        client.send(REQUEST).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    pub(super) fn fail(&self, error: io::Error) {
        self.push(Err(error));
    }

    pub(super) fn end(&self) {
        let mut queue = self.0.lock().unwrap();
        queue.ended = true;
        queue.waker.take().into_iter().for_each(Waker::wake);
    }

    /// Returns how many clients have not been accepted.
    pub(super) fn waiting(&self) -> usize {
        self.0.lock().unwrap().waiting.len()
    }

    pub(super) fn listener(&self) -> StreamListener<Self> {
        StreamListener::new(self.clone())
    }

    fn push(&self, accepted: Accepted) {
        let mut queue = self.0.lock().unwrap();
        queue.waiting.push_back(accepted);
        queue.waker.take().into_iter().for_each(Waker::wake);
    }
}

impl Stream for Clients {
    type Item = Accepted;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Accepted>> {
        let mut queue = self.0.lock().unwrap();
        queue.waker = Some(cx.waker().clone());
        match queue.waiting.pop_front() {
            Some(next) => Poll::Ready(Some(next)),
            None if queue.ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

/// A list of texts that tasks write. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(super) fn add(&self, text: impl Display) {
        self.0.lock().unwrap().push(text.to_string());
    }

    pub(super) fn take(&self) -> Vec<String> {
        core::mem::take(&mut self.0.lock().unwrap())
    }

    /// Returns what is to be given to `on_error`: notes each error, and whether it is a disconnect.
    pub(super) fn on_error(&self) -> impl Fn(&ServeError<&'static str>) + Send + Sync + 'static {
        let notes = self.clone();
        move |error| {
            let gone = if error.is_disconnect() { " (gone)" } else { "" };
            notes.add(format_args!("{error}{gone}"));
        }
    }
}

pub(super) fn server() -> Server<Simulated> {
    Server::new(OriginPolicy::Any).config(Config::new().keepalive(None))
}

/// Runs a test.
pub(super) fn run(test: impl Future<Output = ()>) {
    Executor::new().block_on(test);
}

/// Runs a server, which ends as `Notes` say.
pub(super) fn spawn<S>(serve: S) -> Notes
where
    S: IntoFuture<Output = io::Result<()>>,
    S::IntoFuture: 'static,
{
    let (ended, serving) = (Notes::default(), serve.into_future());
    let notes = ended.clone();
    Executor::spawn_on_current(async move { notes.add(format_args!("{:?}", serving.await)) });
    ended
}

pub(super) async fn echo(mut ws: Ws, _peer: &'static str) -> Result<(), ConnectionError> {
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}

/// Sends a text and expects it back.
pub(super) async fn talk(client: &mut Script, text: &str) {
    client.send(client.frames().text(text)).await;
    client.expect(wskit_frame::OpCode::Text, text).await;
}

/// Closes, and reads to the end.
pub(super) async fn leave(mut client: Script) {
    client.send(client.frames().close(1000, "")).await;
    client.expect_close(1000).await;
    client.expect_end().await;
    client.hang_up();
    settle().await;
}

/// Lets all tasks run as far as they can.
pub(super) async fn settle() {
    for _ in 0..20 {
        pause().await;
    }
}
