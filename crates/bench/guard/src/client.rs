//! The client: deterministic, and invisible to what counts.
//!
//! It lives in the server's thread as one more task, so that nothing depends on which of two
//! processes is faster. In its turn it takes all replies, checks every byte, writes the next burst
//! to each connection in one call, and then rings a bell that only itself listens to. The runtime
//! sees all connections become readable and then the bell, in one wake; it runs the server's tasks
//! and then the client again. What it costs the runtime (the bell's event and the task's poll) is in
//! every figure, a few hundred instructions a round, raw TCP's too.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram as Ring;
use std::task::Poll;

use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpSocket, TcpStream, UnixDatagram as Bell};

use crate::cell::{Cell, Server};
use crate::count::{counting, mark};
use crate::frames::Burst;
use crate::tls::Session;

/// The receive buffer of every socket, here and in the server: fixed, because one that the kernel
/// tunes depends on the time. It is what Linux allows every process by default.
pub const RECEIVE_BUFFER: u32 = 212_992;

/// The client's side of all connections of a run.
#[derive(Debug)]
pub struct Client {
    connections: Vec<Connection>,
    burst: Burst,
    buffer: Vec<u8>,
    ring: Ring,
    rounds: usize,
    round: usize,
    idle_turns: usize,
}

#[derive(Debug)]
struct Connection {
    socket: std::net::TcpStream,
    /// Bytes that have come back of this round.
    came: usize,
    tls: Option<Session>,
    /// Records that the socket has not taken yet.
    unsent: Vec<u8>,
}

impl Client {
    /// Connects and, where the server speaks WebSocket, shakes hands.
    pub async fn connect(address: SocketAddr, cell: Cell) -> io::Result<(Self, Bell)> {
        let burst = Burst::new(cell);
        let mut connections = Vec::new();
        for _ in 0..Cell::CONNECTIONS {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
            let mut stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            let mut tls = match cell.server {
                Server::Tls => Some(Session::open(&mut stream).await?),
                _ => None,
            };
            if cell.server != Server::Raw {
                open(&mut stream, tls.as_mut()).await?;
            }
            connections.push(Connection {
                socket: stream.into_std()?,
                came: burst.echo.len(),
                tls,
                unsent: Vec::new(),
            });
        }
        let (ring, bell) = Ring::pair()?;
        bell.set_nonblocking(true)?;
        let client = Self {
            buffer: vec![0; 1 << 18],
            connections,
            burst,
            ring,
            rounds: cell.rounds(),
            round: 0,
            idle_turns: 0,
        };
        Ok((client, Bell::from_std(bell)?))
    }

    /// Takes turns until all rounds are done: as many that do not count, then those that do.
    pub async fn run(mut self, bell: Bell) {
        wskit_guard_client(&mut self, bell.as_raw_fd());
        std::future::poll_fn(move |cx| {
            while bell.poll_recv_ready(cx).is_ready() {
                // This turn takes this ring; the runtime waits for the next one.
                let taken: io::Result<()> =
                    bell.try_io(Interest::READABLE, || Err(io::ErrorKind::WouldBlock.into()));
                debug_assert!(taken.is_err());
                if wskit_guard_client(&mut self, bell.as_raw_fd()) {
                    return Poll::Ready(());
                }
            }
            Poll::Pending
        })
        .await;
    }

    fn turn(&mut self, bell: RawFd) -> bool {
        while receive(bell, &mut self.buffer).is_some() {}
        let mut idle = true;
        for connection in &mut self.connections {
            idle &= !connection.send_rest();
            idle &= !connection.receive(&self.burst.echo, &mut self.buffer);
        }
        let echo = self.burst.echo.len();
        if self.connections.iter().all(|one| one.came == echo) {
            if self.round == self.rounds || self.round == 2 * self.rounds {
                mark();
            }
            if self.round == 2 * self.rounds {
                return true;
            }
            self.round += 1;
            for connection in &mut self.connections {
                connection.send(&self.burst.bytes);
            }
            idle = false;
        }
        // A server that waits for something else than its connections would let this spin for ever.
        self.idle_turns = if idle { self.idle_turns + 1 } else { 0 };
        assert!(self.idle_turns < 100_000, "the server does not answer");
        send(self.ring.as_raw_fd(), &[0]);
        false
    }
}

impl Connection {
    /// Receives what has come of the echo, and returns whether it was anything.
    fn receive(&mut self, echo: &[u8], buffer: &mut [u8]) -> bool {
        let before = self.came;
        while self.came < echo.len() {
            let Some(n) = receive(self.socket.as_raw_fd(), buffer) else {
                break;
            };
            let mut check = |plain: &[u8]| {
                let expected = echo.get(self.came..self.came + plain.len());
                assert!(
                    expected == Some(plain),
                    "the echo differs from what was sent"
                );
                self.came += plain.len();
            };
            assert!(n > 0, "the server closed a connection");
            match &mut self.tls {
                Some(tls) => tls.decrypt(&buffer[..n], check),
                None => check(&buffer[..n]),
            }
        }
        self.came > before
    }

    fn send(&mut self, burst: &[u8]) {
        self.came = 0;
        match &mut self.tls {
            Some(tls) => {
                self.unsent = tls.encrypt(burst);
                self.send_rest();
            }
            None => send(self.socket.as_raw_fd(), burst),
        }
    }

    /// Sends what the socket takes now, and returns whether it was anything.
    fn send_rest(&mut self) -> bool {
        if self.unsent.is_empty() {
            return false;
        }
        let n = send_some(self.socket.as_raw_fd(), &self.unsent).unwrap_or(0);
        self.unsent.drain(..n);
        n > 0
    }
}

/// Shakes hands as a WebSocket client.
async fn open(stream: &mut TcpStream, mut tls: Option<&mut Session>) -> io::Result<()> {
    match &mut tls {
        Some(tls) => stream.write_all(&tls.encrypt(REQUEST.as_bytes())).await?,
        None => stream.write_all(REQUEST.as_bytes()).await?,
    }
    let (mut head, mut buffer) = (Vec::new(), vec![0; 1 << 12]);
    while !head.ends_with(b"\r\n\r\n") {
        let n = stream.read(&mut buffer).await?;
        match &mut tls {
            _ if n == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Some(tls) => tls.decrypt(&buffer[..n], |plain| head.extend_from_slice(plain)),
            None => head.extend_from_slice(&buffer[..n]),
        }
    }
    if head.starts_with(b"HTTP/1.1 101 ") {
        Ok(())
    } else {
        let head = String::from_utf8_lossy(&head).into_owned();
        Err(io::Error::other(head))
    }
}

/// The function whose name callgrind gets: what happens inside does not count.
#[allow(unsafe_code, reason = "a function name for a tool")]
#[unsafe(no_mangle)]
#[inline(never)]
extern "Rust" fn wskit_guard_client(client: &mut Client, bell: RawFd) -> bool {
    counting(false);
    let done = client.turn(bell);
    counting(true);
    done
}

/// One `recvmsg`, which the server never makes; `None` when there is nothing.
#[allow(unsafe_code, reason = "a system call that std does not make")]
fn receive(socket: RawFd, buffer: &mut [u8]) -> Option<usize> {
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // SAFETY: a message of one part that lies in `buffer`, and nothing else.
    let n = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        libc::recvmsg(socket, &raw mut message, libc::MSG_DONTWAIT)
    };
    if let Ok(n) = usize::try_from(n) {
        return Some(n);
    }
    let error = io::Error::last_os_error();
    assert!(
        error.kind() == io::ErrorKind::WouldBlock,
        "recvmsg: {error}"
    );
    None
}

/// Sends everything at once, or fails.
fn send(socket: RawFd, bytes: &[u8]) {
    let n = send_some(socket, bytes);
    assert!(
        n == Some(bytes.len()),
        "a burst of {} bytes does not fit the socket's buffer: {n:?}",
        bytes.len(),
    );
}

/// One `sendmsg`, which the server never makes; `None` if the socket takes nothing.
#[allow(unsafe_code, reason = "a system call that std does not make")]
fn send_some(socket: RawFd, bytes: &[u8]) -> Option<usize> {
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: a message of one part that lies in `bytes`, which is only read.
    let n = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        libc::sendmsg(
            socket,
            &raw const message,
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
        )
    };
    if let Ok(n) = usize::try_from(n) {
        return Some(n);
    }
    let error = io::Error::last_os_error();
    assert!(
        error.kind() == io::ErrorKind::WouldBlock,
        "sendmsg: {error}"
    );
    None
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
