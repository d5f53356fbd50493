//! What TLS asks of the transport below it, and what it holds: reads, writes, memory.
#![cfg(feature = "rustls-ring")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{self, IoSlice, Read, Write};
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::task::{JoinHandle, yield_now};
use wskit_handshake::OriginPolicy;
use wskit_suite::sockets::Authority;
use wskit_test::alloc::{self, Counting};
use wskit_tokio::tls::rustls::{ClientConfig, ClientConnection, pki_types::ServerName};
use wskit_tokio::tls::{Acceptor, Connector};
use wskit_tokio::{Error, Server};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What happened below TLS.
#[derive(Default)]
struct Below {
    /// Reads that brought bytes.
    reads: AtomicUsize,
    writes: AtomicUsize,
    /// Whether writes are refused.
    full: AtomicBool,
}

impl Below {
    fn reset(&self) {
        for count in [&self.reads, &self.writes] {
            count.store(0, Relaxed);
        }
    }
}

/// One direction of a pipe. It holds no memory while it is empty.
#[derive(Default)]
struct Lane {
    bytes: Vec<u8>,
    reader: Option<Waker>,
}

/// A transport in memory that counts.
#[derive(Clone, Default)]
struct Pipe {
    to_server: Arc<Mutex<Lane>>,
    to_client: Arc<Mutex<Vec<u8>>>,
    below: Arc<Below>,
}

impl Pipe {
    fn send(&self, bytes: &[u8]) {
        let mut lane = self.to_server.lock().unwrap();
        lane.bytes.extend_from_slice(bytes);
        if let Some(reader) = lane.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut lane = self.to_server.lock().unwrap();
        if lane.bytes.is_empty() {
            lane.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        self.below.reads.fetch_add(1, Relaxed);
        let n = lane.bytes.len().min(buf.remaining());
        buf.put_slice(&lane.bytes[..n]);
        lane.bytes = lane.bytes[n..].to_vec();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.below.full.load(Relaxed) {
            return Poll::Pending;
        }
        self.below.writes.fetch_add(1, Relaxed);
        let mut lane = self.to_client.lock().unwrap();
        let before = lane.len();
        for buf in bufs {
            lane.extend_from_slice(buf);
        }
        Poll::Ready(Ok(lane.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A client whose ciphertext is in the test's hands.
struct Peer {
    tls: ClientConnection,
    pipe: Pipe,
}

impl Peer {
    fn new(config: &Arc<ClientConfig>) -> Self {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = ClientConnection::new(config.clone(), name).unwrap();
        tls.set_buffer_limit(None);
        let pipe = Pipe::default();
        Self { tls, pipe }
    }

    /// Encrypts `plain` and returns the records, with what else is to be sent.
    fn encrypt(&mut self, plain: &[u8]) -> Vec<u8> {
        self.tls.writer().write_all(plain).unwrap();
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).unwrap();
        }
        records
    }

    fn send(&mut self, plain: &[u8]) {
        let records = self.encrypt(plain);
        self.pipe.send(&records);
    }

    /// Returns what has come, decrypted.
    fn receive(&mut self) -> Vec<u8> {
        let records = mem::take(&mut *self.pipe.to_client.lock().unwrap());
        let (mut came, mut plain) = (records.as_slice(), Vec::new());
        while !came.is_empty() {
            self.tls.read_tls(&mut came).unwrap();
            let state = self.tls.process_new_packets().unwrap();
            let mut part = vec![0; state.plaintext_bytes_to_read()];
            self.tls.reader().read_exact(&mut part).unwrap();
            plain.append(&mut part);
        }
        // A read that waits makes its buffer as small as that of an idle connection.
        let waits = self.tls.read_tls(&mut Waits).unwrap_err();
        assert_eq!(waits.kind(), io::ErrorKind::WouldBlock);
        plain
    }

    async fn shake_hands(&mut self) {
        while self.tls.is_handshaking() {
            self.send(b"");
            settle().await;
            assert_eq!(self.receive(), b"");
        }
        self.send(b"");
    }

    async fn open(&mut self) {
        self.shake_hands().await;
        self.send(REQUEST);
        settle().await;
        assert!(self.receive().starts_with(b"HTTP/1.1 101 "));
    }

    async fn echo(&mut self, size: usize, count: usize) {
        let (messages, echo) = frames(size, count);
        self.send(&messages);
        let mut came = 0;
        for _ in 0..1000 {
            settle().await;
            came += self.receive().len();
            if came == echo {
                return;
            }
        }
        panic!("{came} of {echo} bytes came back");
    }
}

struct Waits;

impl Read for Waits {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Returns `count` binary messages of `size` bytes, masked, and the length of their echo.
fn frames(size: usize, count: usize) -> (Vec<u8>, usize) {
    let mut frame = vec![0x82];
    let extended = match size {
        ..=125 => {
            frame.push(0x80 | u8::try_from(size).unwrap());
            0
        }
        126..=0xffff => {
            frame.push(0xfe);
            frame.extend(u16::try_from(size).unwrap().to_be_bytes());
            2
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend(u64::try_from(size).unwrap().to_be_bytes());
            8
        }
    };
    frame.extend([1, 2, 3, 4]);
    frame.resize(frame.len() + size, 7);
    (frame.repeat(count), (2 + extended + size) * count)
}

struct Tls {
    acceptor: Acceptor,
    config: Arc<ClientConfig>,
}

impl Tls {
    fn new() -> Self {
        let authority = Authority::new();
        let connector: Connector = authority.connector();
        Self {
            acceptor: authority.acceptor("localhost", |_| ()),
            config: connector.config().clone(),
        }
    }

    /// Returns the client of a server that accepts it and echoes.
    fn serve(&self) -> (Peer, JoinHandle<Result<(), Error>>) {
        let peer = Peer::new(&self.config);
        let (acceptor, pipe) = (self.acceptor.clone(), peer.pipe.clone());
        let task = tokio::spawn(async move {
            let stream = acceptor.accept(pipe).await?;
            let mut ws = Server::new(OriginPolicy::Any).accept(stream).await?;
            while let Some((message, out)) = ws.recv_ref().await? {
                out.feed(message)?;
            }
            Ok(())
        });
        (peer, task)
    }

    /// Returns how often a server reads and writes for an echo, once it has done it before.
    async fn calls_of_echo(&self, size: usize, count: usize) -> (usize, usize) {
        let (mut peer, _server) = self.serve();
        peer.open().await;
        for _ in 0..2 {
            peer.echo(size, count).await;
        }
        peer.pipe.below.reset();
        peer.echo(size, count).await;
        let Below { reads, writes, .. } = &*peer.pipe.below;
        (reads.load(Relaxed), writes.load(Relaxed))
    }
}

async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// 16 frames of 16 KiB are read 64 KiB at a time, and their echo is one write.
#[tokio::test]
async fn burst_of_16_kib_is_five_reads_and_one_write() {
    assert_eq!(Tls::new().calls_of_echo(16 << 10, 16).await, (5, 1));
}

/// A read for each 64 KiB of ciphertext, and a write for each 272 KiB.
#[tokio::test]
async fn message_of_1_mib_is_17_reads_and_4_writes() {
    assert_eq!(Tls::new().calls_of_echo(1 << 20, 1).await, (17, 4));
}

#[tokio::test]
async fn message_of_16_kib_is_one_read_and_one_write() {
    assert_eq!(Tls::new().calls_of_echo(16 << 10, 1).await, (1, 1));
}

#[tokio::test]
async fn burst_of_16_bytes_is_one_read_and_one_write() {
    assert_eq!(Tls::new().calls_of_echo(16, 16).await, (1, 1));
}

/// What is taken, encrypted, for a peer that does not read: 272 KiB.
#[tokio::test]
async fn peer_that_does_not_read_makes_tls_hold_272_kib_at_most() {
    let tls = Tls::new();
    let mut peer = Peer::new(&tls.config);
    let accepting = tls.acceptor.accept(peer.pipe.clone());
    let (stream, ()) = tokio::join!(accepting, peer.shake_hands());
    let mut stream = stream.unwrap();
    peer.pipe.below.full.store(true, Relaxed);
    let (taken, rise) = write_until_it_waits(&mut stream);
    assert!((200 << 10..=272 << 10).contains(&taken), "{taken} bytes");
    assert!(rise <= 288 << 10, "{rise} bytes");
}

/// A client takes less, so that glibc keeps the memory from flush to flush: 96 KiB.
#[tokio::test]
async fn server_that_does_not_read_makes_tls_hold_96_kib_at_most() {
    let tls = Tls::new();
    let (below_client, below_server) = tokio::io::duplex(1 << 10);
    let connector = Connector::from_config(tls.config.clone());
    let connecting = connector.connect("localhost", below_client);
    let accepting = tls.acceptor.accept(below_server);
    let (client, server) = tokio::join!(connecting, accepting);
    let (mut client, _server) = (client.unwrap(), server.unwrap());
    let (taken, rise) = write_until_it_waits(&mut client);
    // What the pipe and one record hold comes on top.
    assert!((80 << 10..=128 << 10).contains(&taken), "{taken} bytes");
    assert!(rise <= 112 << 10, "{rise} bytes");
}

/// Writes 16 KiB at a time, and returns how much was taken and how much memory that took.
fn write_until_it_waits(stream: &mut (impl AsyncWrite + Unpin)) -> (usize, isize) {
    let message = vec![7; 16 << 10];
    let mut taken = 0;
    let rise = alloc::rise(|| {
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(n) = Pin::new(&mut *stream).poll_write(&mut cx, &message) {
            taken += n.unwrap();
        }
    });
    println!("{taken} bytes taken, {rise} held");
    (taken, rise)
}

const MANY: usize = 24;
const MANY_BYTES: isize = 24;

/// Opens connections and does to each `more`; returns the bytes that one of them holds, those of its client
/// included.
async fn bytes_held(more: impl AsyncFn(&mut Peer)) -> isize {
    let tls = Tls::new();
    let mut peers = Vec::with_capacity(2 * MANY);
    let mut before = 0;
    for at in 0..2 * MANY {
        if at == MANY {
            before = alloc::live(); // pools have been filled
        }
        let (mut peer, server) = tls.serve();
        peer.open().await;
        more(&mut peer).await;
        settle().await;
        peers.push((peer, server));
    }
    let held = (alloc::live() - before) / MANY_BYTES;
    drop(peers);
    held
}

/// A connection that has received much and waits holds no more than one that has received little.
#[tokio::test]
async fn idle_connection_holds_no_buffer_after_large_messages() {
    let little = bytes_held(async |peer| peer.echo(16, 1).await).await;
    let much = bytes_held(async |peer| {
        peer.echo(300 << 10, 2).await;
        peer.echo(16 << 10, 8).await;
    })
    .await;
    println!("{little} bytes after little, {much} after much");
    assert!(much - little < 4 << 10, "{much} - {little} bytes");
}

/// The part of a record that has come lies in rustls' buffer, which is as large as a record at most.
#[tokio::test]
async fn peer_that_stops_within_a_record_makes_us_hold_a_record_at_most() {
    let idle = bytes_held(async |peer| peer.echo(100 << 10, 1).await).await;
    let stalled = bytes_held(async |peer| {
        peer.echo(100 << 10, 1).await;
        let (message, _) = frames(16 << 10, 1);
        let records = peer.encrypt(&message);
        peer.pipe.send(&records[..12 << 10]);
    })
    .await;
    println!("{idle} bytes idle, {stalled} within a record");
    assert!(stalled - idle < 20 << 10, "{stalled} - {idle} bytes");
}

/// Half of a large first message of the handshake, and then nothing.
#[tokio::test]
async fn peer_that_stops_within_the_tls_handshake_makes_us_hold_a_record_at_most() {
    let tls = Tls::new();
    let mut peers = Vec::new();
    // A record of 16 KiB with a hello of 16 KiB.
    let mut hello = vec![22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3];
    hello.resize(9_000, 0);
    let mut before = 0;
    for at in 0..2 * MANY {
        if at == MANY {
            before = alloc::live();
        }
        let (peer, server) = tls.serve();
        peer.pipe.send(&hello);
        settle().await;
        assert!(peer.pipe.to_server.lock().unwrap().bytes.is_empty());
        assert!(!server.is_finished());
        peers.push((peer, server));
    }
    let held = (alloc::live() - before) / MANY_BYTES;
    println!("{held} bytes within the handshake");
    assert!(held < 40 << 10, "{held} bytes");
}

/// An application that does not read: what has come and is not taken is in one buffer and in rustls'.
#[tokio::test]
async fn application_that_does_not_read_holds_64_kib_and_a_record_at_most() {
    let tls = Tls::new();
    let mut streams = Vec::with_capacity(2 * MANY);
    let mut before = 0;
    for at in 0..2 * MANY {
        if at == MANY {
            before = alloc::live();
        }
        let mut peer = Peer::new(&tls.config);
        let accepting = tls.acceptor.accept(peer.pipe.clone());
        let (stream, ()) = tokio::join!(accepting, peer.shake_hands());
        let mut stream = stream.unwrap();
        let records = peer.encrypt(&vec![7; 150 << 10]);
        peer.pipe.send(&records);
        drop(records);
        for _ in 0..2 {
            let n = stream.read(&mut [0; 1000]).await.unwrap();
            assert_eq!(n, 1000);
        }
        mem::take(&mut peer.pipe.to_server.lock().unwrap().bytes); // the kernel's
        streams.push((stream, peer));
    }
    let held = (alloc::live() - before) / MANY_BYTES;
    println!("{held} bytes unread");
    // With what an idle connection and its client hold.
    assert!(held < 128 << 10, "{held} bytes");
}

/// A task keeps the size of its largest part. So the handshake, with a TLS stream inside, is not in it.
#[test]
fn future_of_a_tls_handshake_is_small() {
    let tls = Tls::new();
    let connector = Connector::from_config(tls.config);
    let pipe = Pipe::default;
    assert!(size_of_val(&tls.acceptor.accept(pipe())) < 512);
    assert!(size_of_val(&connector.connect("localhost", pipe())) < 512);
}
