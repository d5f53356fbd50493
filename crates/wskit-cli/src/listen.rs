//! `wsk listen`.

use std::collections::HashMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use wskit::tokio::{Shutdown, Tokio};
use wskit::{AnyWriter, Event, Listener, Message, Outcome, Server, WebSocket};

use crate::control::Command;
use crate::exit::{Exit, Failure};
use crate::files::raise_limit;
use crate::input::{Framing, Lines};
use crate::output::{OutputOptions, Printer};
use crate::serving::{Listening, Peer, ServerOptions, text_of};
use crate::signals::interrupt;

/// Run a server that prints what it receives and sends lines to all clients.
///
/// Messages are printed with the number of their client. Each line of standard input is sent to all
/// clients; its end ends nothing. Ctrl-C closes all connections with 1001.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    server: ServerOptions,
    #[command(flatten)]
    framing: Framing,
    #[command(flatten)]
    output: OutputOptions,
}

/// What the tasks of connections tell the one that prints.
enum Told {
    Open(u64, [(&'static str, Option<String>); 3]),
    Message(u64, Message),
    Control(u64, &'static str, Vec<u8>),
    Closed(u64, Outcome),
    Error(String),
}

/// The clients by their numbers.
type Clients = Arc<watch::Sender<HashMap<u64, AnyWriter>>>;

/// Runs it.
pub(crate) fn run(options: Options) -> Result<Exit, Failure> {
    raise_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::of("the runtime", &error))?;
    let done = runtime.block_on(async {
        let server = options.server.server()?;
        let (listener, url) = options.server.listen().await?;
        match listener {
            Listening::Tcp(listener) => serve(&options, server, listener, &url).await,
            #[cfg(unix)]
            Listening::Unix(listener) => serve(&options, server, listener, &url).await,
        }
    });
    options.server.clean_up();
    done
}

async fn serve<L>(
    options: &Options,
    server: Server,
    listener: L,
    url: &str,
) -> Result<Exit, Failure>
where
    L: Listener<Tokio, Addr: Peer, Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static>
        + 'static,
{
    let (tell, mut told) = mpsc::channel(256);
    let clients = Clients::default();
    let numbers = Arc::new(AtomicU64::new(0));
    let shutdown = Shutdown::new();
    let (attending, errors) = ((tell.clone(), clients.clone()), tell.clone());
    let mut serving = server
        .serve(listener, move |ws, peer: L::Addr| async move {
            let client = numbers.fetch_add(1, Ordering::Relaxed) + 1;
            let (tell, clients) = attending;
            attend(ws, client, peer.name(), tell, clients).await;
        })
        .shutdown(&shutdown)
        .on_error(move |error| {
            if let Some(text) = text_of(error) {
                let _ = errors.try_send(Told::Error(text)); // one of many, if there is no room
            }
        });
    if let Some(most) = options.server.max_connections {
        serving = serving.max_connections(most);
    }
    if let Some(acceptor) = options.server.tls.acceptor()? {
        serving = serving.tls(acceptor);
    }
    let mut printer = Printer::new(&options.output, &options.framing);
    printer.listening(url)?;
    printer.flush()?;
    let mut serving = pin!(serving.into_future());
    let mut sending = pin!(send_to_all(options.framing.read_stdin(), &clients, &tell));
    let mut interrupted = pin!(interrupt());
    let mut all_sent = false;
    loop {
        tokio::select! {
            Some(first) = told.recv() => {
                print(&mut printer, first)?;
                // Flushed once for all that has come.
                while let Ok(next) = told.try_recv() {
                    print(&mut printer, next)?;
                }
            }
            () = &mut sending, if !all_sent => all_sent = true,
            served = &mut serving => {
                served.map_err(|error| Failure::of("the server", &error))?;
                break;
            }
            () = &mut interrupted => break,
        }
        printer.flush()?;
    }
    // The ends of the connections are told too.
    let mut finishing = pin!(shutdown.finish(Duration::from_secs(5)));
    let mut interrupted = pin!(interrupt());
    loop {
        tokio::select! {
            biased;
            Some(next) = told.recv() => print(&mut printer, next)?,
            () = &mut interrupted => return Ok(Exit::Interrupted),
            _ = &mut finishing => break,
        }
        printer.flush()?;
    }
    while let Ok(next) = told.try_recv() {
        print(&mut printer, next)?;
    }
    printer.flush()?;
    Ok(Exit::Clean)
}

/// Prints what the task of a connection has told.
fn print(printer: &mut Printer, told: Told) -> io::Result<()> {
    match told {
        Told::Open(client, facts) => {
            printer.open(Some(client), &format!("{client}: connected"), &facts)
        }
        Told::Message(client, message) => printer.message(Some(client), &message),
        Told::Control(client, kind, payload) => printer.control(kind, Some(client), &payload, None),
        Told::Closed(client, outcome) => printer.close(Some(client), &outcome),
        Told::Error(text) => printer.error(&text, &[]),
    }
}

/// Receives from a client until it has gone.
async fn attend<S>(
    ws: WebSocket<S>,
    client: u64,
    address: Option<String>,
    tell: mpsc::Sender<Told>,
    clients: Clients,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let facts = [
        ("address", address),
        ("sub-protocol", ws.protocol().map(str::to_owned)),
        (
            "compression",
            ws.deflate().map(|_| "permessage-deflate".to_owned()),
        ),
    ];
    let (mut reader, writer) = ws.split();
    clients.send_modify(|clients| drop(clients.insert(client, writer.erase())));
    let _seat = Seat(client, clients);
    // The one that prints takes what is told, or the program ends.
    let _ = tell.send(Told::Open(client, facts)).await;
    loop {
        let told = match reader.recv_event().await {
            Ok(Some(Event::Message(message))) => Told::Message(client, message),
            Ok(Some(Event::Ping(payload))) => Told::Control(client, "ping", payload.to_vec()),
            Ok(Some(Event::Pong(payload))) => Told::Control(client, "pong", payload.to_vec()),
            Ok(Some(_)) => continue,
            Ok(None) | Err(_) => break,
        };
        let _ = tell.send(told).await;
    }
    if let Some(outcome) = reader.outcome() {
        let _ = tell.send(Told::Closed(client, outcome)).await;
    }
}

/// Takes the client out of the map when its task ends.
struct Seat(u64, Clients);

impl Drop for Seat {
    fn drop(&mut self) {
        self.1.send_modify(|clients| drop(clients.remove(&self.0)));
    }
}

/// Sends each line to all clients, at the pace of the slowest, and waits while there is none.
async fn send_to_all(mut lines: Lines, clients: &Clients, tell: &mpsc::Sender<Told>) {
    let mut connected = clients.subscribe();
    while let Some(line) = lines.recv().await {
        let command = match line {
            Ok(command) => command,
            Err(bad) => {
                let _ = tell.send(Told::Error(bad.text)).await;
                continue;
            }
        };
        let Ok(writers) = connected
            .wait_for(|clients| !clients.is_empty())
            .await
            .map(|clients| clients.values().cloned().collect::<Vec<_>>())
        else {
            return; // the map is there as long as this future
        };
        for writer in writers {
            // A client that has gone says so where it is received from.
            let _ = match &command {
                // Lines that come together leave together.
                Command::Send(message) if lines.is_empty() => writer.send(message).await,
                Command::Send(message) => writer.feed(message).await,
                Command::Ping(payload) => writer.ping(payload).await,
                Command::Close(code, reason) => writer.start_close(*code, reason.clone()),
            };
        }
    }
}
