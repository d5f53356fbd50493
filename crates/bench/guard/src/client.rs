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
use tokio::net::{TcpSocket, UnixDatagram as Bell};

use crate::cell::{Cell, Server};
use crate::count::{counting, mark};
use crate::frames::Burst;

/// The receive buffer of every socket, here and in the server: fixed, because one that the kernel
/// tunes depends on the time. It is what Linux allows every process by default.
pub const RECEIVE_BUFFER: u32 = 212_992;

/// The client's side of all connections of a run.
#[derive(Debug)]
pub struct Client {
    sockets: Vec<std::net::TcpStream>,
    burst: Burst,
    /// Bytes that have come back of this round, by connection.
    came: Vec<usize>,
    buffer: Vec<u8>,
    ring: Ring,
    rounds: usize,
    round: usize,
    idle_turns: usize,
}

impl Client {
    /// Connects and, where the server speaks WebSocket, shakes hands.
    pub async fn connect(address: SocketAddr, cell: Cell) -> io::Result<(Self, Bell)> {
        let mut sockets = Vec::new();
        for _ in 0..Cell::CONNECTIONS {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
            let mut stream = socket.connect(address).await?;
            stream.set_nodelay(true)?;
            if cell.server != Server::Raw {
                stream.write_all(REQUEST.as_bytes()).await?;
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    if stream.read_buf(&mut head).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                if !head.starts_with(b"HTTP/1.1 101 ") {
                    return Err(io::Error::other(
                        String::from_utf8_lossy(&head).into_owned(),
                    ));
                }
            }
            sockets.push(stream.into_std()?);
        }
        let (ring, bell) = Ring::pair()?;
        bell.set_nonblocking(true)?;
        let burst = Burst::new(cell);
        let client = Self {
            came: vec![burst.echo.len(); sockets.len()],
            buffer: vec![0; 1 << 18],
            sockets,
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
        for (socket, came) in self.sockets.iter().zip(&mut self.came) {
            while *came < self.burst.echo.len() {
                let Some(n) = receive(socket.as_raw_fd(), &mut self.buffer) else {
                    break;
                };
                assert!(n > 0, "the server closed a connection");
                let expected = self.burst.echo.get(*came..*came + n);
                assert!(
                    expected == self.buffer.get(..n),
                    "the echo differs from what was sent"
                );
                *came += n;
                idle = false;
            }
        }
        if self.came.iter().all(|came| *came == self.burst.echo.len()) {
            if self.round == self.rounds || self.round == 2 * self.rounds {
                mark();
            }
            if self.round == 2 * self.rounds {
                return true;
            }
            self.round += 1;
            for (socket, came) in self.sockets.iter().zip(&mut self.came) {
                send(socket.as_raw_fd(), &self.burst.bytes);
                *came = 0;
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

/// One `sendmsg`, which the server never makes, and which takes everything or fails.
#[allow(unsafe_code, reason = "a system call that std does not make")]
fn send(socket: RawFd, bytes: &[u8]) {
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
    assert!(
        usize::try_from(n) == Ok(bytes.len()),
        "a burst of {} bytes does not fit the socket's buffer: {n}, {}",
        bytes.len(),
        io::Error::last_os_error()
    );
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
