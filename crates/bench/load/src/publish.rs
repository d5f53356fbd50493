//! The subscribers of a publisher, and the one who asks it to publish: a closed loop of bursts.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::affinity;
use crate::arguments::Arguments;
use crate::connect::{self, Opened};
use crate::deflate::Agreed;
use crate::histogram::Histogram;
use crate::poll::{self, Poll};
use crate::process;
use crate::traffic;

/// Opens `--connections` that subscribe, and one more. For each number of `--bursts` it asks for that many
/// publications on the latter and waits until all have come to all, again and again for `--seconds`, three
/// times at least. Prints a line for each.
///
/// # Errors
/// The command line, the sockets, too few files; a message that differs from the first.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = arguments.needed("address")?.parse()?;
    let count: usize = arguments.value("connections", 2000)?;
    let size: usize = arguments.value("size", 128)?;
    let server: u32 = arguments.value("server", 0)?;
    let duration = Duration::from_secs_f64(arguments.value("seconds", 0.6)?);
    let bursts = arguments.text("bursts").unwrap_or("1");
    affinity::pin(&affinity::parse(arguments.text("cpus").unwrap_or(""))?)?;
    let files = process::lift_open_files() as usize;
    if files < count + 50 {
        return Err(format!(
            "{count} connections take more than {files} open files: raise the hard limit (ulimit -Hn)"
        )
        .into());
    }
    let mut crowd = Crowd::open(count, address, arguments.text("offer"))?;
    let publisher = connect::open(address, None)?.socket;
    for burst in bursts.split(',') {
        let burst: usize = burst.parse()?;
        let mut once = || -> Result<Duration, Box<dyn std::error::Error>> {
            let start = Instant::now();
            // Masked by zeros.
            let asked = burst.to_string();
            let mut frame = vec![0x81, 0x80 | asked.len() as u8, 0, 0, 0, 0];
            frame.extend_from_slice(asked.as_bytes());
            poll::send(&publisher, &frame)?;
            crowd.receive(burst, size)?;
            Ok(start.elapsed())
        };
        once()?;
        let mut times = Histogram::default();
        let (start, cpu) = (Instant::now(), process::cpu_nanos(server));
        let mut rounds = 0;
        while rounds < 3 || start.elapsed() < duration {
            times.record(once()?.as_nanos() as u64);
            rounds += 1;
        }
        let cpu = process::cpu_nanos(server) - cpu;
        let seconds = start.elapsed().as_secs_f64();
        let deliveries = (rounds * burst * count) as f64;
        println!(
            "burst={burst} rounds={rounds} seconds={seconds:.3} per_second={:.0} server_nanos={:.1} \
             server_share={:.3} p50_us={:.0} p99_us={:.0} bytes={}",
            deliveries / seconds,
            cpu as f64 / deliveries,
            cpu as f64 / 1e9 / seconds,
            times.quantile(0.5) as f64 / 1e3,
            times.quantile(0.99) as f64 / 1e3,
            crowd.frame.len(),
        );
    }
    Ok(())
}

struct Crowd {
    poll: Poll,
    /// Each with the bytes that are still to come of this burst.
    streams: Vec<(TcpStream, usize)>,
    agreed: Option<Agreed>,
    /// The first message that came; all have to begin as it does. Empty before.
    frame: Vec<u8>,
    buffer: Vec<u8>,
}

impl Crowd {
    fn open(count: usize, address: SocketAddr, offer: Option<&str>) -> io::Result<Self> {
        let (poll, mut agreed) = (Poll::new()?, None);
        let mut streams = Vec::with_capacity(count);
        for opened in connect::open_many(count, address, offer)? {
            let Opened {
                socket,
                extensions,
                leftover,
            } = opened;
            if !leftover.is_empty() {
                return Err(io::Error::other("a message that was not asked for"));
            }
            agreed = extensions.as_deref().and_then(Agreed::parse);
            if offer.is_some() && agreed.is_none() {
                return Err(io::Error::other("compression was refused"));
            }
            poll.add(&socket, streams.len())?;
            streams.push((socket, 0));
        }
        Ok(Self {
            poll,
            streams,
            agreed,
            frame: Vec::new(),
            buffer: vec![0; 256 << 10],
        })
    }

    /// Reads until `burst` messages have come on each connection.
    fn receive(&mut self, burst: usize, size: usize) -> Result<(), Box<dyn std::error::Error>> {
        let (until, mut left) = (Instant::now() + Duration::from_secs(60), self.streams.len());
        for (_, left) in &mut self.streams {
            *left = burst * self.frame.len();
        }
        while left > 0 {
            if Instant::now() > until {
                return Err("messages are missing after a minute".into());
            }
            for index in 0..self.poll.wait(Duration::from_millis(100))? {
                let (token, ..) = self.poll.event(index);
                let Some(n) = poll::receive(&self.streams[token].0, &mut self.buffer)? else {
                    continue;
                };
                if self.frame.is_empty() {
                    self.learn(n, size)?;
                    for (_, left) in &mut self.streams {
                        *left = burst * self.frame.len();
                    }
                }
                let (whole, stream) = (self.frame.len(), &mut self.streams[token].1);
                // Where the next message begins in what was read.
                let next = *stream % whole;
                let compared = n.saturating_sub(next).min(whole);
                if n > *stream || self.buffer[next.min(n)..][..compared] != self.frame[..compared] {
                    return Err("a message that differs from the first".into());
                }
                *stream -= n;
                left -= usize::from(*stream == 0);
            }
        }
        Ok(())
    }

    /// Takes the first message from the first `n` bytes, and looks whether it is what was to be sent.
    fn learn(&mut self, n: usize, size: usize) -> Result<(), Box<dyn std::error::Error>> {
        let read = &self.buffer[..n];
        let header = match read {
            [_, 0..126, ..] => 2,
            _ => 4,
        };
        let length = match read {
            [_, 126, high, low, ..] => usize::from(u16::from_be_bytes([*high, *low])),
            [_, length, ..] => usize::from(*length),
            _ => 0,
        };
        let frame = read.get(..header + length).ok_or("a message in pieces")?;
        let payload = &frame[header..];
        let plain = match self.agreed {
            Some(agreed) if frame[0] & 0x40 != 0 => {
                agreed.decompressor().decompress(payload, size)?
            }
            _ => payload.to_vec(),
        };
        if plain.len() != size || (self.agreed.is_some() && frame[0] != 0xC1) {
            return Err("a message of another length, or not compressed".into());
        }
        self.frame = frame.to_vec();
        if self.agreed.is_none() && *self.frame != traffic::frame(1, 0, &plain) {
            return Err("a frame that is no plain text".into());
        }
        Ok(())
    }
}
