//! What lies between a node and its engine: a TCP link with faults. It knows enough of both protocols to lose
//! messages without a trace, as an engine may.

mod frames;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use self::frames::Frames;
use crate::engine::Kind;

/// A link for any number of connections.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    kind: Kind,
    masks: bool,
    state: Mutex<State>,
    /// Connections that saw a smaller number are cut.
    cuts: watch::Sender<u64>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    server: SocketAddr,
    mode: Mode,
    lost: u64,
    seen: u64,
}

/// What becomes of what passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// A byte at a time, in both directions.
    Trickle,
    /// One of this many messages that the node follows is lost.
    Lose(u64),
}

impl Link {
    /// Starts a link to a server.
    ///
    /// If it `masks`, all servers of Redis look like one process: without that salt of their epochs, a failover
    /// goes unnoticed.
    pub(crate) async fn start(
        kind: Kind,
        server: SocketAddr,
        masks: bool,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let state = State {
            server,
            mode: Mode::Pass,
            lost: 0,
            seen: 0,
        };
        let shared = Arc::new(Shared {
            kind,
            masks,
            state: Mutex::new(state),
            cuts: watch::Sender::new(0),
        });
        let this = shared.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(this.clone().connection(client));
            }
        });
        Ok(Self { port, shared })
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.shared.state().mode = mode;
    }

    /// Leads to another server from now on, and ends what there is.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.shared.state().server = server;
        self.shared.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// How many messages were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.shared.state().lost
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connection(self: Arc<Self>, client: TcpStream) {
        let server = self.state().server;
        let mut cuts = self.cuts.subscribe();
        let Ok(server) = TcpStream::connect(server).await else {
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            _ = self.copy(from_client, to_server, None) => {}
            _ = self.copy(from_server, to_client, Some(Frames::new(self.kind, self.masks))) => {}
            _ = cuts.changed() => {}
        }
    }

    async fn copy(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        mut frames: Option<Frames>,
    ) -> std::io::Result<()> {
        let mut buffer = vec![0; 16 << 10];
        loop {
            let read = from.read(&mut buffer).await?;
            if read == 0 {
                return Ok(());
            }
            let mut bytes = buffer[..read].to_vec();
            if let Some(frames) = &mut frames {
                bytes = frames.pass(&bytes, || self.is_lost());
            }
            self.write(&mut to, &bytes).await?;
        }
    }

    async fn write(&self, to: &mut OwnedWriteHalf, bytes: &[u8]) -> std::io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let is_slow = self.state().mode == Mode::Trickle;
            let (part, others) = rest.split_at(if is_slow { 1 } else { rest.len() });
            to.write_all(part).await?;
            rest = others;
            if is_slow {
                // Some thousand bytes a second.
                tokio::time::sleep(Duration::from_micros(200)).await;
            }
        }
        Ok(())
    }

    /// Whether the next message is lost.
    fn is_lost(&self) -> bool {
        let mut state = self.state();
        let Mode::Lose(each) = state.mode else {
            return false;
        };
        state.seen += 1;
        let is_lost = state.seen % each == 0;
        state.lost += u64::from(is_lost);
        is_lost
    }
}
