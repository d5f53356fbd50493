//! The receivers of a fan-out: they count what comes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::connect;
use crate::poll::{self, Poll};
use crate::process;
use crate::traffic;

/// Opens the connections, reads all that comes, counts messages of `--size` bytes.
///
/// # Errors
/// The command line, the sockets, a message of another length.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = arguments.needed("address")?.parse()?;
    let count: usize = arguments.value("connections", 2000)?;
    let size: usize = arguments.value("size", 128)?;
    let server: u32 = arguments.value("server", 0)?;
    let warmup = Duration::from_secs_f64(arguments.value("warmup", 0.5)?);
    let duration = Duration::from_secs_f64(arguments.value("seconds", 1.5)?);
    let _ = process::lift_open_files();
    let mut poll = Poll::new()?;
    // What lies on each stream after the header is not looked at, but the header is, wherever a
    // read ends.
    let frame = traffic::frame(1, 0, &vec![b'.'; size]);
    let (header, frame) = (frame.len() - size, frame);
    let mut streams = Vec::with_capacity(count);
    for token in 0..count {
        let opened = connect::open(address, None)?;
        poll.add(&opened.socket, token)?;
        streams.push((opened.socket, opened.leftover.len()));
    }
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0_u64;
    let start = Instant::now();
    let mut from = None;
    loop {
        let now = Instant::now();
        if from.is_none() && now - start >= warmup {
            from = Some((now, bytes, process::cpu_nanos(server)));
        }
        if let Some((at, before, cpu)) = from
            && now - at >= duration
        {
            let cpu = process::cpu_nanos(server) - cpu;
            let messages = (bytes - before) as f64 / frame.len() as f64;
            let seconds = (now - at).as_secs_f64();
            println!(
                "deliveries={messages:.0} seconds={seconds:.3} per_second={:.0} \
                     server_nanos={:.1} server_share={:.3}",
                messages / seconds,
                cpu as f64 / messages.max(1.0),
                cpu as f64 / 1e9 / seconds,
            );
            return Ok(());
        }
        let ready = poll.wait(Duration::from_millis(50))?;
        for index in 0..ready {
            let (token, ..) = poll.event(index);
            let (socket, at) = &mut streams[token];
            let Some(n) = poll::receive(socket, &mut buffer)? else {
                continue;
            };
            let next = (frame.len() - *at % frame.len()) % frame.len();
            if n >= next + header && buffer[next + 1..next + header] != frame[1..header] {
                return Err("a message of another length".into());
            }
            *at = (*at + n) % frame.len();
            bytes += n as u64;
        }
    }
}
