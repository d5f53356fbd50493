//! One client on one connection, as fast as it can.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::{TlsConnector, client::TlsStream};
use wskit_bench_load::tls;

use crate::BoxError;
use crate::tls::Stream;

/// What a library's client can do with one message that it has been given.
#[allow(
    async_fn_in_trait,
    reason = "every client is known when it is compiled"
)]
pub trait Client {
    /// Sends it now.
    async fn send(&mut self) -> Result<(), BoxError>;
    /// Queues it; sends it, where the library cannot queue.
    async fn feed(&mut self) -> Result<(), BoxError>;
    /// Sends what is queued.
    async fn flush(&mut self) -> Result<(), BoxError>;
    /// Receives one, and gives its length.
    async fn receive(&mut self) -> Result<usize, BoxError>;
    /// Sends a Close and waits for the server's.
    async fn close(&mut self) -> Result<(), BoxError>;
}

/// Runs a client that is made by a function of a stream, the URL and the message; of this task, if it is
/// parsed already. It is compiled for TCP and for TLS.
#[macro_export]
macro_rules! run {
    ($connect:path) => {
        let task = $crate::client::Task::parse();
        $crate::run!(task, $connect);
    };
    ($task:ident, $connect:path) => {
        if $task.tls.is_some() {
            $task.run(|| async {
                $connect($task.secure().await?, $task.url(), $task.payload()).await
            });
        } else {
            $task
                .run(|| async { $connect($task.tcp().await?, $task.url(), $task.payload()).await });
        }
    };
}

/// What a client is to do.
pub struct Task {
    address: String,
    work: Work,
    /// The settings, if it is to be inside TLS.
    pub tls: Option<Arc<ClientConfig>>,
    /// `--whole`: the library is to open the stream itself, where there is a choice.
    pub whole: bool,
}

enum Work {
    /// One connection, messages of this size.
    Messages {
        mode: String,
        size: usize,
        time: Duration,
    },
    /// `count` connections, `at_once` at a time.
    Dial { count: usize, at_once: usize },
}

const USAGE: &str = "ADDRESS send|feed|receive|echo SIZE SECONDS, or ADDRESS dial COUNT ATONCE; then ring or \
                     aws-lc for TLS; --whole";

impl Task {
    /// From the process's arguments; says what is wrong and ends the process otherwise.
    ///
    /// # Panics
    /// On what is no number.
    #[must_use]
    pub fn parse() -> Self {
        let (flags, words): (Vec<String>, Vec<String>) =
            std::env::args().skip(1).partition(|word| word == "--whole");
        let [address, mode, first, second, provider @ ..] = &words[..] else {
            eprintln!("{USAGE}");
            std::process::exit(2);
        };
        let first = first.parse().expect("a number");
        let work = if mode == "dial" {
            Work::Dial {
                count: first,
                at_once: second.parse().expect("a number"),
            }
        } else {
            Work::Messages {
                mode: mode.clone(),
                size: first,
                time: Duration::from_secs_f64(second.parse().expect("seconds")),
            }
        };
        let tls = provider.first().map(|name| tls::client(name));
        Self {
            address: address.clone(),
            work,
            tls: tls.map(|made| made.expect("settings for TLS")),
            whole: !flags.is_empty(),
        }
    }

    /// What the client connects to.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}/", self.address)
    }

    /// What it sends; nothing if it only dials.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        match self.work {
            Work::Messages { size, .. } => {
                (0..size).map(|index| (index * 131 % 251) as u8).collect()
            }
            Work::Dial { .. } => Vec::new(),
        }
    }

    /// A TCP connection.
    ///
    /// # Errors
    /// The socket's.
    pub async fn tcp(&self) -> Result<TcpStream, BoxError> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    /// TLS by tokio-rustls over it.
    ///
    /// # Errors
    /// The socket's, rustls'.
    pub async fn secure(&self) -> Result<TlsStream<TcpStream>, BoxError> {
        let config = self.tls.clone().ok_or("no provider is named")?;
        let tls = TlsConnector::from(config).connect(tls::name(), self.tcp().await?);
        Ok(tls.await?)
    }

    /// Makes the clients, measures them, and ends the process.
    ///
    /// # Panics
    /// There is no runtime.
    pub fn run<C: Client, F: Future<Output = Result<C, BoxError>>>(&self, connect: impl Fn() -> F) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let result = runtime.expect("a runtime").block_on(async {
            match &self.work {
                Work::Dial { count, at_once } => crate::dial::run(*count, *at_once, connect).await,
                Work::Messages { mode, size, time } => {
                    let mut client = connect().await?;
                    // A quarter to warm up.
                    drive(&mut client, mode, *size, *time / 4).await?;
                    drive(&mut client, mode, *size, *time).await
                }
            }
        });
        report(result)
    }
}

fn report(result: Result<String, BoxError>) {
    match result {
        Ok(line) => println!("{line}"),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
    // Not a word about closing: most servers here do not know how.
    std::process::exit(0);
}

async fn drive<C: Client>(
    client: &mut C,
    mode: &str,
    size: usize,
    time: Duration,
) -> Result<String, BoxError> {
    let (start, cpu) = (Instant::now(), cpu_nanos());
    let mut messages = 0_u64;
    while start.elapsed() < time {
        match mode {
            "send" => {
                for _ in 0..BATCH {
                    client.send().await?;
                }
            }
            "feed" => {
                for _ in 0..BATCH {
                    client.feed().await?;
                }
                client.flush().await?;
            }
            "receive" => {
                for _ in 0..BATCH {
                    if client.receive().await? != size {
                        return Err("a message of another length".into());
                    }
                }
            }
            _ => {
                for _ in 0..BATCH {
                    client.send().await?;
                    if client.receive().await? != size {
                        return Err("a message of another length".into());
                    }
                }
            }
        }
        messages += BATCH;
    }
    let (seconds, cpu) = (start.elapsed().as_secs_f64(), cpu_nanos() - cpu);
    Ok(format!(
        "messages={messages} per_second={:.0} nanos={:.1}",
        messages as f64 / seconds,
        cpu as f64 / messages as f64
    ))
}

const BATCH: u64 = 32;

/// Time that this process has run.
pub(crate) fn cpu_nanos() -> u64 {
    // SAFETY: the struct is valid and written by the call.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
        time
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// The least upgrade that works, for libraries that begin after it.
///
/// # Errors
/// The socket's.
pub async fn upgrade<S: Stream>(stream: &mut S) -> Result<(), BoxError> {
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte, since frames may follow at once.
        head.push(stream.read_u8().await?);
    }
    Ok(())
}
