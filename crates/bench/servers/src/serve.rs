//! The listener and the runtime, the same for every server.

use std::future::Future;
use std::io::Write;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use crate::options::Options;
use crate::{BoxError, counting};

/// Accepts connections until SIGTERM or the end of the lifetime and runs `connection` for each in a
/// task of its own. Prints `listening ADDRESS` when it does, and what was counted at SIGUSR1 and at the end.
pub fn serve<C, F>(options: &'static Options, connection: C)
where
    C: Fn(TcpStream) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    if std::env::var_os("BENCH_VERBOSE").is_some() {
        eprintln!("a connection's future takes {} B", size_of::<F>());
    }
    // Before there is any other thread, so that all of them leave the signals to this one.
    watch_signals(options.lifetime);
    let mut builder = match options.threads {
        0 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if options.threads > 0 {
        builder.worker_threads(options.threads);
    }
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let listener = listen(&options.address)
            .await
            .expect("an address to listen at");
        say(&format!(
            "listening {}",
            listener.local_addr().expect("an address")
        ));
        let accepting = async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    continue;
                };
                let _ = stream.set_nodelay(true);
                // Spawned as it is: a block around it would hold it twice.
                tokio::spawn(connection(stream));
            }
        };
        // The listener too belongs on a worker thread, if there are any.
        if options.threads > 0 {
            let _ = tokio::spawn(accepting).await;
        } else {
            accepting.await
        }
    });
}

/// Lifts the limit of open files to what this user may have.
pub(crate) fn lift_open_files() {
    // SAFETY: the calls get a valid struct.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}

async fn listen(address: &str) -> std::io::Result<TcpListener> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address.parse().map_err(std::io::Error::other)?)?;
    // For clients that open 10,000 connections at once.
    socket.listen(4096)
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// A thread of its own waits for signals, so that the runtime does nothing for them.
fn watch_signals(lifetime: Duration) {
    // SAFETY: sets of signals are plain data; the calls get valid pointers to them.
    let signals = unsafe {
        let mut signals: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut signals);
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGUSR1] {
            libc::sigaddset(&raw mut signals, signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const signals, std::ptr::null_mut());
        signals
    };
    lift_open_files();
    let end = Instant::now() + lifetime;
    let waiting = move || loop {
        let left = end.saturating_duration_since(Instant::now());
        let time = libc::timespec {
            tv_sec: left.as_secs() as i64,
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        // SAFETY: as above.
        let signal = unsafe {
            libc::sigtimedwait(&raw const signals, std::ptr::null_mut(), &raw const time)
        };
        say(&counting::line());
        if signal != libc::SIGUSR1 {
            std::process::exit(0);
        }
    };
    let thread = std::thread::Builder::new().stack_size(64 << 10);
    thread.spawn(waiting).expect("a thread");
}
