//! The server's process: echoes, writes down how each connection ended, and answers on standard
//! input and output what it has written down and what memory it takes.

use std::fmt;
use std::io::{self, BufRead};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use wskit::{CloseCode, Config, Error, Keepalive, Message, OriginPolicy, Server, WebSocket};

use crate::ledger::{Account, End, Ledger};
use crate::talk::CLOSE_PLEASE;
use crate::{heap, process};

/// What a process says about itself when asked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Bytes of heap in use.
    pub heap: usize,
    /// Resident bytes.
    pub resident: usize,
    /// Files and sockets open.
    pub files: usize,
    /// Tasks that the runtime has.
    pub tasks: usize,
    /// The connections.
    pub account: Account,
}

/// Runs the server: prints its port, then answers each line of standard input with a [`Sample`]. The
/// line `end` stops the runtime first, and with its threads goes what they had pooled.
pub fn run() -> io::Result<()> {
    let runtime = runtime()?;
    let ledger = Arc::new(Ledger::default());
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    println!("{}", listener.local_addr()?.port());
    runtime.spawn(accept(listener, ledger.clone()));
    for line in io::stdin().lock().lines() {
        let sample = Sample::take(&runtime, &ledger);
        if line? == "end" {
            println!("{}", sample.after(runtime));
            break;
        }
        println!("{sample}");
    }
    Ok(())
}

/// Two threads: connections move between them, and what one allocates the other frees.
pub fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

/// Patient, because the machine may be busy; and with pings of its own.
pub fn config() -> Config {
    let patience = Duration::from_secs(90);
    Config::new()
        .handshake_timeout(patience)
        .close_timeout(patience)
        .keepalive(Some(Keepalive {
            every: Duration::from_secs(5),
            answer_within: patience,
        }))
}

async fn accept(listener: TcpListener, ledger: Arc<Ledger>) {
    let server = Server::new(OriginPolicy::SameOrigin)
        .config(config())
        .deflate(wskit::deflate::Config::server());
    for number in 0_u64.. {
        let (stream, _) = listener.accept().await.expect("a connection to accept");
        let (server, ledger) = (server.clone(), ledger.clone());
        tokio::spawn(async move {
            match server.accept(stream).await {
                Ok(ws) => {
                    ledger.open();
                    let how = converse(ws, number, &ledger).await;
                    ledger.end(how);
                }
                // No client here leaves a handshake unfinished.
                Err(error) => {
                    eprintln!("server: handshake: {error}");
                    ledger.open();
                    ledger.end(End::Wrong);
                }
            }
        });
    }
}

/// Each third of the connections is written as another kind of server would.
async fn converse(mut ws: WebSocket<TcpStream>, number: u64, ledger: &Ledger) -> End {
    // A send that fails ends the sending only: how the connection ends is known when all has been received.
    let (result, outcome) = match number % 3 {
        2 => {
            let (mut reader, writer) = ws.split();
            let result = split(&mut reader, writer, ledger).await;
            while result.is_err() && matches!(reader.recv().await, Ok(Some(_))) {}
            (result, reader.outcome())
        }
        way => {
            let result = if way == 0 {
                lend(&mut ws, ledger).await
            } else {
                own(&mut ws, ledger).await
            };
            while result.is_err() && matches!(ws.recv().await, Ok(Some(_))) {}
            (result, ws.outcome())
        }
    };
    let how = End::of_server(outcome.as_ref());
    if how == End::Wrong {
        eprintln!("server: {result:?}, {outcome:?}");
    }
    how
}

async fn lend(ws: &mut WebSocket<TcpStream>, ledger: &Ledger) -> Result<(), Error> {
    while let Some((message, out)) = ws.recv_ref().await? {
        if message.as_text() == Some(CLOSE_PLEASE) {
            ws.close(CloseCode::NORMAL, "as asked").await?;
            break;
        }
        out.feed(message)?;
        ledger.message();
    }
    Ok(())
}

async fn own(ws: &mut WebSocket<TcpStream>, ledger: &Ledger) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        if asks_to_close(&message) {
            ws.close(CloseCode::NORMAL, "as asked").await?;
            break;
        }
        ws.send(message).await?;
        ledger.message();
    }
    Ok(())
}

async fn split(
    reader: &mut wskit::Reader<TcpStream>,
    writer: wskit::Writer<TcpStream>,
    ledger: &Ledger,
) -> Result<(), Error> {
    while let Some(message) = reader.recv().await? {
        if asks_to_close(&message) {
            writer.start_close(CloseCode::NORMAL, "as asked")?;
            continue;
        }
        writer.feed(message).await?;
        ledger.message();
    }
    Ok(())
}

fn asks_to_close(message: &Message) -> bool {
    message.as_text() == Some(CLOSE_PLEASE)
}

impl Sample {
    /// Takes one of this process.
    pub fn take(runtime: &tokio::runtime::Runtime, ledger: &Ledger) -> Self {
        let me = std::process::id();
        Self {
            heap: heap::live(),
            resident: process::resident(me),
            files: process::open_files(me),
            tasks: runtime.metrics().num_alive_tasks(),
            account: ledger.account(),
        }
    }

    /// The same with the heap that is left when the runtime has gone.
    #[must_use]
    pub fn after(self, runtime: tokio::runtime::Runtime) -> Self {
        runtime.shutdown_timeout(Duration::from_secs(30));
        Self {
            heap: heap::live(),
            ..self
        }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            heap,
            resident,
            files,
            tasks,
            account,
        } = self;
        write!(f, "{heap} {resident} {files} {tasks} {account}")
    }
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let wrong = || format!("not a sample: {line:?}");
        let mut words = line.trim().splitn(5, ' ');
        let mut number = || words.next()?.parse().ok();
        let (heap, resident) = (number().ok_or_else(wrong)?, number().ok_or_else(wrong)?);
        let (files, tasks) = (number().ok_or_else(wrong)?, number().ok_or_else(wrong)?);
        Ok(Self {
            heap,
            resident,
            files,
            tasks,
            account: words.next().ok_or_else(wrong)?.parse()?,
        })
    }
}
