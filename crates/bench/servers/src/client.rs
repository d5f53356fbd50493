//! One client on one connection, as fast as it can.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::BoxError;

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

/// Runs a client: `ADDRESS send|feed|receive|echo SIZE SECONDS` or `ADDRESS dial COUNT ATONCE`. `connect`
/// gets the stream, the URL and the message.
pub fn run<C: Client + 'static, F: Future<Output = Result<C, BoxError>>>(
    connect: impl Fn(TcpStream, String, Vec<u8>) -> F + 'static,
) {
    let connect = Rc::new(connect);
    run_dialling(move |url, payload| {
        let connect = connect.clone();
        async move {
            let address = url.trim_start_matches("ws://").trim_end_matches('/');
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            connect(stream, url, payload).await
        }
    });
}

/// Does what [`run`] does, with a library that opens the stream itself: `dial` gets the URL and the message.
pub fn run_dialling<C: Client + 'static, F: Future<Output = Result<C, BoxError>> + 'static>(
    dial: impl Fn(String, Vec<u8>) -> F + 'static,
) {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != WHOLE)
        .collect();
    let [address, mode, size, seconds] = &words[..] else {
        eprintln!("ADDRESS send|feed|receive|echo SIZE SECONDS, or ADDRESS dial COUNT ATONCE");
        std::process::exit(2);
    };
    let size: usize = size.parse().expect("a size");
    let (url, number) = (format!("ws://{address}/"), seconds.parse::<f64>());
    let number = number.expect("a number");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime.expect("a runtime").block_on(async {
        if mode == "dial" {
            return crate::dial::run(size, number as usize, move || dial(url.clone(), Vec::new()))
                .await;
        }
        let seconds = Duration::from_secs_f64(number);
        let payload = (0..size).map(|index| (index * 131 % 251) as u8).collect();
        let mut client = dial(url, payload).await?;
        // A quarter to warm up.
        drive(&mut client, mode, size, seconds / 4).await?;
        drive(&mut client, mode, size, seconds).await
    });
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

/// Makes a client of [`run_dialling`] open its own stream, where there is a choice.
pub const WHOLE: &str = "--whole";

/// Returns whether [`WHOLE`] was asked for.
#[must_use]
pub fn whole() -> bool {
    std::env::args().any(|word| word == WHOLE)
}

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
pub async fn upgrade(stream: &mut TcpStream) -> Result<(), BoxError> {
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // Byte by byte, since frames may follow at once.
        head.push(stream.read_u8().await?);
    }
    Ok(())
}
