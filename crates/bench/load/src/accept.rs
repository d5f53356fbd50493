//! Handshakes: connects, upgrades and disconnects again and again.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::affinity;
use crate::arguments::Arguments;
use crate::connect;
use crate::poll;
use crate::process;

/// Opens connections as fast as the server takes them, and prints how many that were.
///
/// # Errors
/// The command line.
pub fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let address: SocketAddr = arguments.needed("address")?.parse()?;
    let server: u32 = arguments.value("server", 0)?;
    let threads: usize = arguments.value("threads", 16)?;
    let warmup = Duration::from_secs_f64(arguments.value("warmup", 0.3)?);
    let duration = Duration::from_secs_f64(arguments.value("seconds", 1.0)?);
    // 0 for as many as the time allows.
    let total: u64 = arguments.value("count", 0)?;
    affinity::pin(&affinity::parse(arguments.text("cpus").unwrap_or(""))?)?;
    let _ = process::lift_open_files();
    let (done, stop) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (done, stop) = (done.clone(), stop.clone());
            std::thread::spawn(move || -> std::io::Result<()> {
                let request = connect::request(address, None);
                let mut buffer = [0; 2048];
                while !stop.load(Ordering::Relaxed) {
                    if total > 0 && done.fetch_add(1, Ordering::Relaxed) >= total {
                        break;
                    }
                    let mut socket = TcpStream::connect(address)?;
                    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
                    socket.write_all(&request)?;
                    let mut got = 0;
                    while connect::end_of_head(&buffer[..got]).is_none() {
                        match socket.read(&mut buffer[got..])? {
                            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
                            n => got += n,
                        }
                    }
                    if total == 0 {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                    // Reset rather than closed, or the ports run out.
                    poll::reset_on_close(&socket)?;
                    let _ = socket.shutdown(Shutdown::Both);
                }
                Ok(())
            })
        })
        .collect();
    let (mut at, mut before, mut cpu) = (Instant::now(), 0, process::cpu_nanos(server));
    if total == 0 {
        std::thread::sleep(warmup);
        (at, before, cpu) = (
            Instant::now(),
            done.load(Ordering::Relaxed),
            process::cpu_nanos(server),
        );
        std::thread::sleep(duration);
        let seconds = at.elapsed().as_secs_f64();
        let messages = done.load(Ordering::Relaxed) - before;
        let cpu = process::cpu_nanos(server) - cpu;
        stop.store(true, Ordering::Relaxed);
        println!(
            "handshakes={messages} seconds={seconds:.3} per_second={:.0} server_nanos={:.1} server_share={:.3}",
            messages as f64 / seconds,
            cpu as f64 / messages.max(1) as f64,
            cpu as f64 / 1e9 / seconds,
        );
    }
    let _ = (at, before, cpu);
    for worker in workers {
        worker.join().expect("a worker does not panic")?;
    }
    if total > 0 {
        println!("handshakes={total}");
    }
    Ok(())
}
