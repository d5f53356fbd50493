//! The closed loop: each connection writes a window of messages, waits for all the answers, and
//! starts again.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use rustls::ClientConfig;

use crate::affinity;
use crate::arguments::Arguments;
use crate::connect::{self, Opened};
use crate::deflate::Agreed;
use crate::histogram::Histogram;
use crate::link::Link;
use crate::poll::Poll;
use crate::process;
use crate::reader::Reader;
use crate::tls;
use crate::traffic::{Kind, Traffic};

/// Runs it and prints one line of `name=value`.
///
/// # Errors
/// The command line, the sockets, or a wrong reply.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let plan = Plan::parse(arguments)?;
    let connections = plan.connect()?;
    let traffic = Arc::new(plan.traffic(&connections)?);
    let shared = Arc::new(Shared::default());
    let mut shares: Vec<Vec<Opened<Link>>> = (0..plan.threads).map(|_| Vec::new()).collect();
    for (index, connection) in connections.into_iter().enumerate() {
        shares[index % plan.threads].push(connection);
    }
    let start = Arc::new(Barrier::new(plan.threads + 1));
    let workers: Vec<_> = shares
        .into_iter()
        .enumerate()
        .map(|(index, share)| {
            let (traffic, shared, start) = (traffic.clone(), shared.clone(), start.clone());
            let cpus: Vec<usize> = plan
                .cpus
                .get(index % plan.cpus.len().max(1))
                .copied()
                .into_iter()
                .collect();
            let (windows, chunk) = (plan.windows, plan.chunk);
            std::thread::spawn(move || {
                affinity::pin(&cpus)?;
                start.wait();
                let mut worker = Worker::new(share, traffic, windows, chunk)?;
                let result = worker.run(&shared);
                shared.finished.fetch_add(1, Ordering::Release);
                result.map(|()| worker.latencies)
            })
        })
        .collect();
    start.wait();
    let begin = Instant::now();
    let mut from = Reading::take(&shared, plan.server);
    if plan.windows == 0 {
        std::thread::sleep(plan.warmup);
        shared.measuring.store(true, Ordering::Release);
        from = Reading::take(&shared, plan.server);
        let until = Instant::now() + plan.duration;
        while Instant::now() < until && !shared.someone_failed() {
            std::thread::sleep(Duration::from_millis(10).min(until - Instant::now().min(until)));
        }
    } else {
        shared.measuring.store(true, Ordering::Release);
        while shared.finished.load(Ordering::Acquire) < plan.threads as u64 {
            if begin.elapsed() > plan.limit {
                return Err("the messages took too long".into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let to = Reading::take(&shared, plan.server);
    shared.stop.store(true, Ordering::Release);
    let mut latencies = Histogram::default();
    for worker in workers {
        let counted: io::Result<Histogram> = worker.join().expect("a worker does not panic");
        latencies.merge(&counted?);
    }
    let messages = to.messages - from.messages;
    let seconds = (to.at - from.at).as_secs_f64();
    let cpu = to.cpu.saturating_sub(from.cpu);
    let own = to.own.saturating_sub(from.own);
    println!(
        "messages={messages} seconds={seconds:.6} per_second={:.0} bytes_in={} server_nanos={:.1} \
         server_share={:.3} server_faults={:.3} server_switches={:.6} load_nanos={:.1} p50_us={:.1} p99_us={:.1} \
         records={}",
        messages as f64 / seconds,
        to.bytes - from.bytes,
        cpu as f64 / messages.max(1) as f64,
        cpu as f64 / 1e9 / seconds,
        to.faults.saturating_sub(from.faults) as f64 / messages.max(1) as f64,
        to.switches.saturating_sub(from.switches) as f64 / messages.max(1) as f64,
        own as f64 / messages.max(1) as f64,
        latencies.quantile(0.5) as f64 / 1e3,
        latencies.quantile(0.99) as f64 / 1e3,
        to.records - from.records,
    );
    Ok(())
}

struct Plan {
    address: SocketAddr,
    server: u32,
    kind: Kind,
    size: usize,
    depth: usize,
    connections: usize,
    raw: bool,
    offer: Option<String>,
    tls: Option<Arc<ClientConfig>>,
    threads: usize,
    cpus: Vec<usize>,
    warmup: Duration,
    duration: Duration,
    /// Windows of each connection, or 0 for as many as the time allows.
    windows: u64,
    limit: Duration,
    /// The most bytes of one send.
    chunk: usize,
}

impl Plan {
    fn parse(arguments: &Arguments) -> Result<Self, Box<dyn std::error::Error>> {
        let connections = arguments.value("connections", 50)?;
        let cpus = affinity::parse(arguments.text("cpus").unwrap_or(""))?;
        Ok(Self {
            address: arguments.needed("address")?.parse()?,
            server: arguments.value("server", 0)?,
            kind: Kind::parse(arguments.text("kind").unwrap_or("binary"))?,
            size: arguments.value("size", 16)?,
            depth: arguments.value("depth", 1)?,
            connections,
            raw: arguments.flag("raw"),
            offer: arguments.text("offer").map(str::to_owned),
            tls: tls::asked(arguments)?,
            threads: arguments.value("threads", 2)?.min(connections),
            cpus,
            warmup: Duration::from_secs_f64(arguments.value("warmup", 0.2)?),
            duration: Duration::from_secs_f64(arguments.value("seconds", 0.6)?),
            windows: arguments.value("windows", 0)?,
            limit: Duration::from_secs_f64(arguments.value("limit", 120.0)?),
            chunk: arguments.value("chunk", usize::MAX)?,
        })
    }

    fn connect(&self) -> io::Result<Vec<Opened<Link>>> {
        let _ = process::lift_open_files();
        (0..self.connections)
            .map(|_| {
                let socket = TcpStream::connect(self.address)?;
                let (offer, tls) = (self.offer.as_deref(), self.tls.as_ref());
                connect::upgrade_link(socket, self.address, offer, tls)
            })
            .collect()
    }

    fn traffic(&self, connections: &[Opened<Link>]) -> Result<Traffic, String> {
        if self.offer.is_none() {
            return Ok(Traffic::plain(self.kind, self.size, self.depth, self.raw));
        }
        let answer = connections
            .first()
            .and_then(|first| first.extensions.as_deref());
        let agreed = Agreed::parse(answer.unwrap_or("")).ok_or("the server does not compress")?;
        Ok(Traffic::compressed(
            self.kind, self.size, self.depth, agreed,
        ))
    }
}

#[derive(Default)]
struct Shared {
    messages: AtomicU64,
    bytes: AtomicU64,
    /// TLS records.
    records: AtomicU64,
    finished: AtomicU64,
    measuring: AtomicBool,
    stop: AtomicBool,
}

impl Shared {
    fn someone_failed(&self) -> bool {
        self.finished.load(Ordering::Acquire) > 0
    }
}

struct Reading {
    at: Instant,
    messages: u64,
    bytes: u64,
    records: u64,
    cpu: u64,
    own: u64,
    faults: u64,
    switches: u64,
}

impl Reading {
    fn take(shared: &Shared, server: u32) -> Self {
        Self {
            at: Instant::now(),
            messages: shared.messages.load(Ordering::Acquire),
            bytes: shared.bytes.load(Ordering::Acquire),
            records: shared.records.load(Ordering::Acquire),
            cpu: process::cpu_nanos(server),
            own: process::cpu_nanos(std::process::id()),
            faults: process::minor_faults(server),
            switches: process::context_switches(server),
        }
    }
}

struct Connection {
    link: Link,
    reader: Reader,
    window: usize,
    written: usize,
    waiting: bool,
    since: Instant,
    windows: u64,
}

struct Worker {
    connections: Vec<Connection>,
    traffic: Arc<Traffic>,
    poll: Poll,
    windows: u64,
    chunk: usize,
    active: usize,
    latencies: Histogram,
    /// Room for a window as TLS records.
    spare: Vec<u8>,
}

impl Worker {
    fn new(
        share: Vec<Opened<Link>>,
        traffic: Arc<Traffic>,
        windows: u64,
        chunk: usize,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut connections = Vec::with_capacity(share.len());
        for (token, opened) in share.into_iter().enumerate() {
            poll.add(&opened.socket.socket, token)?;
            connections.push(Connection {
                link: opened.socket,
                reader: Reader::new(&traffic),
                window: 0,
                written: 0,
                waiting: false,
                since: Instant::now(),
                windows: 0,
            });
        }
        Ok(Self {
            active: connections.len(),
            connections,
            traffic,
            poll,
            windows,
            chunk,
            latencies: Histogram::default(),
            spare: Vec::new(),
        })
    }

    fn run(&mut self, shared: &Shared) -> io::Result<()> {
        let mut buffer = vec![0; 256 << 10];
        for token in 0..self.connections.len() {
            self.connections[token].since = Instant::now();
            self.write(token)?;
        }
        while !shared.stop.load(Ordering::Relaxed) && self.active > 0 {
            let ready = self.poll.wait(Duration::from_millis(50))?;
            let (mut messages, mut bytes, mut records) = (0, 0, 0);
            for index in 0..ready {
                let (token, input, room) = self.poll.event(index);
                if room {
                    self.write(token)?;
                }
                if !input {
                    continue;
                }
                let Connection { link, reader, .. } = &mut self.connections[token];
                let (mut ended, before) = (0, link.records());
                let came = link.receive(&mut buffer, &mut |piece| {
                    bytes += piece.len() as u64;
                    let (whole, windows) = reader.take(piece, &self.traffic)?;
                    messages += whole as u64;
                    ended += windows;
                    Ok(())
                })?;
                if came.is_none() {
                    continue;
                }
                records += link.records() - before;
                if !reader.answers.is_empty() {
                    let answers = std::mem::take(&mut reader.answers);
                    let connection = &mut self.connections[token];
                    // Between windows, so that it cannot fall into a frame.
                    if connection.written == self.traffic.windows[connection.window].len() {
                        let _ = connection.link.send(&answers, &mut self.spare)?;
                    }
                }
                if ended > 0 {
                    self.next_window(token, shared)?;
                }
            }
            if bytes > 0 {
                shared.messages.fetch_add(messages, Ordering::Relaxed);
                shared.bytes.fetch_add(bytes, Ordering::Relaxed);
                shared.records.fetch_add(records, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    fn next_window(&mut self, token: usize, shared: &Shared) -> io::Result<()> {
        let now = Instant::now();
        let connection = &mut self.connections[token];
        if shared.measuring.load(Ordering::Relaxed) {
            let nanos = (now - connection.since).as_nanos() as u64;
            self.latencies.record(nanos);
        }
        connection.windows += 1;
        if self.windows > 0 && connection.windows >= self.windows {
            self.active -= 1;
            return Ok(());
        }
        connection.window = (connection.window + 1) % self.traffic.windows.len();
        connection.written = 0;
        connection.since = now;
        self.write(token)
    }

    fn write(&mut self, token: usize) -> io::Result<()> {
        let connection = &mut self.connections[token];
        let window = &self.traffic.windows[connection.window];
        while connection.written < window.len() {
            let rest = &window[connection.written..];
            let rest = &rest[..rest.len().min(self.chunk)];
            match connection.link.send(rest, &mut self.spare)? {
                Some(n) => connection.written += n,
                None => break,
            }
        }
        let waiting = connection.written < window.len();
        if waiting != connection.waiting {
            self.poll
                .writable(&connection.link.socket, token, waiting)?;
            connection.waiting = waiting;
        }
        Ok(())
    }
}
