//! Quiet connections: each sends a small message at a fixed rate, and the time until its answer is
//! counted.
//!
//! The model is open. A message leaves at its time whether or not the one before was answered, and its
//! latency counts from that time, so a server that stands still cannot keep others from being counted.
//! What is not answered at the end counts with the time that it has waited.
//!
//! The server's CPU time in between is counted too: what it did before it answered, however much of the
//! machine others have.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::connect;
use crate::histogram::Histogram;
use crate::poll::{self, Poll};
use crate::process::{self, CpuClock};
use crate::traffic::{Kind, frame};

/// Opens `--connections`, prints `ready`, sends `--rate` messages a second on each, and prints one line
/// of `name=value` at the end.
///
/// # Errors
/// The command line, the sockets, or a wrong reply.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = arguments.needed("address")?.parse()?;
    let count: usize = arguments.value("connections", 100)?;
    let rate: f64 = arguments.value("rate", 50.0)?;
    let warmup = Duration::from_secs_f64(arguments.value("warmup", 0.5)?);
    let duration = Duration::from_secs_f64(arguments.value("seconds", 1.5)?);
    let size: usize = arguments.value("size", 16)?;
    let server = CpuClock::of(arguments.value("server", std::process::id())?);
    let _ = process::lift_open_files();
    let mut poll = Poll::new()?;
    let mut connections = Vec::with_capacity(count);
    for token in 0..count {
        let socket = connect::open(address, arguments.text("offer"))?.socket;
        poll.add(&socket, token)?;
        connections.push(Connection {
            socket,
            sent: VecDeque::new(),
            held: Vec::new(),
        });
    }
    let first = process::go_first();
    println!("ready");
    io::stdout().flush()?;

    let message = frame(2, 0x80, &Kind::Binary.payload(size, 0));
    let begin = Instant::now();
    let (from, to) = (begin + warmup, begin + warmup + duration);
    let gap = Duration::from_secs_f64(1.0 / (rate * count as f64));
    let (mut due, mut turn) = (begin, 0);
    let mut latencies = Histogram::default();
    let (mut work, mut lateness) = (Histogram::default(), Histogram::default());
    let mut buffer = vec![0; 16 << 10];
    loop {
        let mut now = Instant::now();
        while due <= now && due < to {
            let connection = &mut connections[turn % count];
            let before = server.nanos();
            if poll::send(&connection.socket, &message)? != Some(message.len()) {
                return Err("a quiet connection takes no message any more".into());
            }
            connection.sent.push_back((due, before));
            if due >= from {
                lateness.record((now - due).as_nanos() as u64);
            }
            turn += 1;
            due += gap;
            now = Instant::now();
        }
        if now >= to {
            break;
        }
        let ready = poll.wait_until(due.min(to))?;
        for index in 0..ready {
            let connection = &mut connections[poll.event(index).0];
            let Some(n) = poll::receive(&connection.socket, &mut buffer)? else {
                continue;
            };
            let (now, worked) = (Instant::now(), server.nanos());
            for _ in 0..connection.answers(&buffer[..n])? {
                let sent = connection.sent.pop_front();
                let (sent, before) = sent.ok_or("an answer to nothing")?;
                if sent >= from {
                    latencies.record((now - sent).as_nanos() as u64);
                    work.record(worked - before);
                }
            }
        }
    }
    let (now, worked) = (Instant::now(), server.nanos());
    let waiting = connections.iter().flat_map(|connection| &connection.sent);
    let mut unanswered = 0;
    for (sent, before) in waiting.filter(|(sent, _)| *sent >= from) {
        latencies.record((now - *sent).as_nanos() as u64);
        work.record(worked - before);
        unanswered += 1;
    }
    let micros = |histogram: &Histogram, share| histogram.quantile(share) as f64 / 1e3;
    println!(
        "p50_us={:.1} p99_us={:.1} p999_us={:.1} work_us={:.1} late_us={:.1} unanswered={unanswered} first={}",
        micros(&latencies, 0.5),
        micros(&latencies, 0.99),
        micros(&latencies, 0.999),
        micros(&work, 0.99),
        micros(&lateness, 0.99),
        u8::from(first),
    );
    Ok(())
}

struct Connection {
    socket: TcpStream,
    /// When the messages that are not answered were due, and the server's CPU time when they were sent.
    sent: VecDeque<(Instant, u64)>,
    /// The beginning of a frame.
    held: Vec<u8>,
}

impl Connection {
    /// Takes bytes in and gives the number of answers that ended with them. Only their headers are looked
    /// at, because they may be compressed.
    fn answers(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        let (mut at, mut ended) = (0, 0);
        while let Some(&[first, length]) = self.held.get(at..at + 2) {
            let next = at + 2 + usize::from(length);
            // Pings, which no measurement lasts long enough for, would have to be answered.
            if first & 0x8F != 0x82 || length > 125 {
                return Err(io::Error::other(format!(
                    "a header {first:02x} {length:02x}"
                )));
            }
            if next > self.held.len() {
                break;
            }
            at = next;
            ended += 1;
        }
        self.held.drain(..at);
        Ok(ended)
    }
}
