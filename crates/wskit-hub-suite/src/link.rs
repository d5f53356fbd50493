//! A TCP proxy with faults.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy to a server on loopback, for any number of connections. It runs in a thread of its own, and ends,
/// with all connections, when it is dropped.
#[derive(Debug)]
pub struct Link {
    addr: SocketAddr,
    state: Arc<watch::Sender<State>>,
    connections: Arc<AtomicUsize>,
    left: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    mode: Mode,
    /// Connections that saw a smaller number are cut.
    cuts: u64,
    /// Cut by FIN and not by RST.
    by_fin: bool,
    is_refusing: bool,
    /// The link was dropped.
    is_over: bool,
}

/// What becomes of bytes, in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Pass,
    Stall,
    Trickle,
    Delay(Duration),
    /// All connections are cut after some bytes from the server.
    CutAfter,
}

impl Link {
    /// Starts a proxy to a server.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind(super::servers::loopback(0)).expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let (state, _) = watch::channel(State {
            mode: Mode::Pass,
            cuts: 0,
            by_fin: false,
            is_refusing: false,
            is_over: false,
        });
        let state = Arc::new(state);
        let left = Arc::new(AtomicUsize::new(0));
        let connections = Arc::new(AtomicUsize::new(0));
        let proxy = Proxy {
            server,
            state: state.clone(),
            connections: connections.clone(),
            left: left.clone(),
        };
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(proxy.run(listener));
        });
        Self {
            addr,
            state,
            connections,
            left,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The port where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.addr.port()
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn mode(&self, mode: Mode) {
        self.state.send_modify(|state| {
            state.mode = mode;
            state.is_refusing = false;
        });
    }

    /// Passes everything on, from the beginning and again after a fault.
    pub fn pass(&self) {
        self.mode(Mode::Pass);
    }

    /// Passes nothing on any more, and reads nothing. Connections stay open, and new ones are accepted.
    pub fn stall(&self) {
        self.mode(Mode::Stall);
    }

    /// Passes on one byte at a time.
    pub fn trickle(&self) {
        self.mode(Mode::Trickle);
    }

    /// Passes on each piece after a pause.
    pub fn delay(&self, pause: Duration) {
        self.mode(Mode::Delay(pause));
    }

    /// Passes on `bytes` bytes from the server, then ends all connections with RST. Those that come later
    /// are not concerned.
    pub fn cut_after(&self, bytes: usize) {
        self.left.store(bytes, Ordering::SeqCst);
        self.mode(Mode::CutAfter);
    }

    /// Ends all connections with RST. New ones are accepted.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cut(false));
    }

    /// Ends all connections with FIN. New ones are accepted.
    pub fn finish(&self) {
        self.state.send_modify(|state| state.cut(true));
    }

    /// Ends all connections with RST, and new ones too, until [`pass`](Self::pass).
    pub fn refuse(&self) {
        self.state.send_modify(|state| {
            state.is_refusing = true;
            state.cut(false);
        });
    }
}

impl State {
    fn cut(&mut self, by_fin: bool) {
        self.cuts += 1;
        self.by_fin = by_fin;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.state.send_modify(|state| state.is_over = true);
    }
}

/// What the tasks of a link have.
struct Proxy {
    server: SocketAddr,
    state: Arc<watch::Sender<State>>,
    connections: Arc<AtomicUsize>,
    /// What is left of [`Mode::CutAfter`].
    left: Arc<AtomicUsize>,
}

impl Proxy {
    async fn run(self, listener: std::net::TcpListener) {
        let listener = TcpListener::from_std(listener).expect("a listener");
        let mut state = self.state.subscribe();
        let this = Arc::new(self);
        loop {
            tokio::select! {
                accepted = listener.accept() => if let Ok((client, _)) = accepted {
                    tokio::spawn(this.clone().connection(client));
                },
                _ = state.wait_for(|state| state.is_over) => return,
            }
        }
    }

    async fn connection(self: Arc<Self>, client: TcpStream) {
        let mut state = self.state.subscribe();
        let cuts = state.borrow_and_update().cuts;
        if state.borrow().is_refusing {
            return reset(&client);
        }
        let Ok(server) = TcpStream::connect(self.server).await else {
            return reset(&client);
        };
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        self.connections.fetch_add(1, Ordering::SeqCst);
        let (mut client, mut server) = (client.into_split(), server.into_split());
        let is_cut = |state: &State| state.cuts != cuts;
        tokio::select! {
            _ = state.wait_for(is_cut) => {}
            () = async {
                tokio::join!(
                    self.pump(&mut client.0, &mut server.1, false),
                    self.pump(&mut server.0, &mut client.1, true),
                );
            } => {}
        }
        // Without RST, dropping both ends sends FIN.
        let state = *self.state.borrow();
        if is_cut(&state) && !state.by_fin {
            for (read, write) in [client, server] {
                reset(read.as_ref());
                // It would send FIN first.
                write.forget();
            }
        }
        self.connections.fetch_sub(1, Ordering::SeqCst);
    }

    /// Passes on what comes, until the end.
    async fn pump(&self, from: &mut OwnedReadHalf, to: &mut OwnedWriteHalf, is_from_server: bool) {
        let mut state = self.state.subscribe();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let Ok(_) = state.wait_for(|state| state.mode != Mode::Stall).await else {
                return;
            };
            let len = tokio::select! {
                len = from.read(&mut buffer) => len,
                _ = state.wait_for(|state| state.mode == Mode::Stall) => continue,
            };
            let Some(bytes) = len.ok().and_then(|len| buffer.get(..len)) else {
                return;
            };
            if bytes.is_empty() {
                let _ = to.shutdown().await;
                return;
            }
            if !self.pass_on(bytes, to, is_from_server).await {
                return;
            }
        }
    }

    async fn pass_on(&self, bytes: &[u8], to: &mut OwnedWriteHalf, is_from_server: bool) -> bool {
        let mut state = self.state.subscribe();
        let mut rest = bytes;
        while !rest.is_empty() {
            // What is in hand waits too.
            let Ok(mode) = state
                .wait_for(|state| state.mode != Mode::Stall)
                .await
                .map(|state| state.mode)
            else {
                return false;
            };
            let len = match mode {
                Mode::Trickle => 1,
                Mode::CutAfter if is_from_server => {
                    let left = self.left.load(Ordering::SeqCst).min(rest.len());
                    if self.left.fetch_sub(left, Ordering::SeqCst) == left {
                        let _ = to.write_all(&rest[..left]).await;
                        self.state.send_modify(|state| {
                            state.mode = Mode::Pass;
                            state.cut(false);
                        });
                        return false;
                    }
                    left
                }
                Mode::Delay(pause) => {
                    tokio::time::sleep(pause).await;
                    rest.len()
                }
                _ => rest.len(),
            };
            if to.write_all(&rest[..len]).await.is_err() {
                return false;
            }
            rest = &rest[len..];
        }
        true
    }
}

/// The next end of this connection is by RST.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
