//! Whole connections one after the other: TCP, TLS, the upgrade, Close, and the end.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::affinity;
use crate::arguments::Arguments;
use crate::connect;
use crate::poll;
use crate::process;
use crate::tls;
use crate::traffic;

/// Opens and closes connections, and prints how many, and what they cost the server.
///
/// # Errors
/// The command line, the sockets, TLS.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = arguments.needed("address")?.parse()?;
    let server: u32 = arguments.value("server", 0)?;
    let warmup = Duration::from_secs_f64(arguments.value("warmup", 0.2)?);
    let duration = Duration::from_secs_f64(arguments.value("seconds", 0.6)?);
    let tls = tls::asked(arguments)?;
    affinity::pin(&affinity::parse(arguments.text("cpus").unwrap_or(""))?)?;
    // 1000, normal closure.
    let close = traffic::frame(8, 0x80, &[0x03, 0xE8]);
    let mut buffer = vec![0; 32 << 10];
    let mut one = || -> io::Result<()> {
        let socket = TcpStream::connect(address)?;
        let mut link = connect::upgrade_link(socket, address, None, tls.as_ref())?.socket;
        link.socket.set_nonblocking(false)?;
        link.send_all(&close)?;
        let mut answer = Vec::new();
        while answer.len() < 4 {
            match link.receive_some(&mut buffer, &mut answer) {
                // A server may close without an answer.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                result => result?,
            }
        }
        // Reset rather than closed, or the ports run out.
        poll::reset_on_close(&link.socket)?;
        Ok(())
    };
    let until = Instant::now() + warmup;
    while Instant::now() < until {
        one()?;
    }
    let (start, cpu, mut count) = (Instant::now(), process::cpu_nanos(server), 0_u64);
    while start.elapsed() < duration {
        one()?;
        count += 1;
    }
    let (seconds, cpu) = (
        start.elapsed().as_secs_f64(),
        process::cpu_nanos(server) - cpu,
    );
    println!(
        "connections={count} per_second={:.0} server_nanos={:.1}",
        count as f64 / seconds,
        cpu as f64 / count as f64,
    );
    Ok(())
}
