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
        let until = Instant::now() + Duration::from_secs(60);
        let mut left = self.streams.len();
        for (_, bytes) in &mut self.streams {
            *bytes = burst * self.frame.len();
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
                    let Some(frame) = first(&self.buffer[..n], size, self.agreed)? else {
                        continue;
                    };
                    self.frame = frame;
                    for (_, bytes) in &mut self.streams {
                        *bytes = burst * self.frame.len();
                    }
                }
                let bytes = &mut self.streams[token].1;
                if *bytes > 0 {
                    *bytes = rest(&self.buffer[..n], &self.frame, *bytes)?;
                    left -= usize::from(*bytes == 0);
                } else {
                    rest(&self.buffer[..n], &self.frame, 0)?;
                }
            }
        }
        Ok(())
    }
}

/// Takes the first message from the first bytes of a connection, and looks whether it is what was to be sent.
fn first(
    read: &[u8],
    size: usize,
    agreed: Option<Agreed>,
) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error>> {
    let read = without_pings(read);
    let (header, length) = match read {
        [] => return Ok(None),
        [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([*high, *low]))),
        [_, length, ..] => (2, usize::from(*length)),
        _ => return Err("a message in pieces".into()),
    };
    let frame = read.get(..header + length).ok_or("a message in pieces")?;
    let plain = match agreed {
        Some(agreed) if frame[0] == 0xC1 => {
            agreed.decompressor().decompress(&frame[header..], size)?
        }
        Some(_) => return Err("a message that is not compressed".into()),
        None => frame[header..].to_vec(),
    };
    if plain.len() != size || (agreed.is_none() && frame != traffic::frame(1, 0, &plain)) {
        return Err("a message that is not what was to be sent".into());
    }
    Ok(Some(frame.to_vec()))
}

/// Returns how much is still to come of `bytes`, after what was read: messages that are all like the first.
fn rest(
    mut read: &[u8],
    frame: &[u8],
    mut bytes: usize,
) -> Result<usize, Box<dyn std::error::Error>> {
    loop {
        let within = bytes % frame.len();
        if within == 0 {
            read = without_pings(read);
        }
        if read.is_empty() {
            return Ok(bytes);
        }
        let part = match within {
            0 => frame,
            left => &frame[frame.len() - left..],
        };
        let n = part.len().min(read.len());
        if n > bytes || read[..n] != part[..n] {
            return Err(format!("{:x?} instead of {:x?}", &read[..n], &part[..n]).into());
        }
        (read, bytes) = (&read[n..], bytes - n);
    }
}

/// Servers send pings to quiet connections, which ours are while a slow machine opens the others.
fn without_pings(mut read: &[u8]) -> &[u8] {
    while let [0x89, length @ 0..126, after @ ..] = read
        && let Some(after) = after.get(usize::from(*length)..)
    {
        read = after;
    }
    read
}
