//! Real servers on loopback, in folders of their own.
//!
//! They are found by the environment variables `NATS_SERVER` and `REDIS_SERVER`, or on `PATH`, or in `/usr/sbin`.
//! Each is killed when its value is dropped, and also when the process that started it ends in any way. If
//! a test panics, what the server has logged is printed.
//!
//! All calls block, for at most a minute, and panic if they fail.

pub mod nats;
mod process;
pub mod redis;
pub mod resp;

use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use std::{env, mem, thread};

/// How long a server may take for what it is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// The address of a port on this machine.
#[must_use]
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Returns a port that nothing uses, and that no other process of these tests is given while this one runs.
///
/// It is below those that the system gives to outgoing connections. From there, a client that tries to reach
/// a stopped server could be given the server's own port, and so keep it from coming back.
#[must_use]
pub fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const PORTS: u16 = 22_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    if NEXT.load(Ordering::Relaxed) == 0 {
        let start = RandomState::new().hash_one(std::process::id()) as u16;
        let _ = NEXT.compare_exchange(0, start.max(1), Ordering::Relaxed, Ordering::Relaxed);
    }
    loop {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS;
        // A server needs a moment until it listens. The UDP port of the same number, which no server here
        // uses, is kept until this process ends, so that another process looks further.
        if let (Ok(claim), Ok(_)) = (
            UdpSocket::bind(loopback(port)),
            TcpListener::bind(loopback(port)),
        ) {
            mem::forget(claim);
            return port;
        }
    }
}

/// Asks until there is an answer.
///
/// # Panics
/// After a minute.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Finds a program.
fn find(variable: &str, program: &str, package: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        assert!(
            path.is_file(),
            "{variable}={}: no such file",
            path.display()
        );
        return path;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .unwrap_or_else(|| {
            panic!("{program} is missing: install the Debian package {package}, or set {variable}")
        })
}
