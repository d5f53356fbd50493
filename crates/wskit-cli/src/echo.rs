//! `wsk echo`.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncRead, AsyncWrite};
use wskit::tokio::{Shutdown, Tokio};
use wskit::{Error, Listener, Server, WebSocket};

use crate::exit::{Exit, Failure};
use crate::files::raise_limit;
use crate::serving::{Listening, Peer, ServerOptions, text_of};
use crate::signals::interrupt;

/// Run an echo server.
///
/// Each message is sent back as it is. Ctrl-C closes all connections with 1001.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    server: ServerOptions,
    /// How many threads serve. Default: one for each core
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Limits")]
    threads: Option<u16>,
    /// Print errors only
    #[arg(short, long)]
    quiet: bool,
}

/// Runs it.
pub(crate) fn run(options: Options) -> Result<Exit, Failure> {
    raise_limit();
    let mut runtime = match options.threads {
        Some(1) => tokio::runtime::Builder::new_current_thread(),
        threads => {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            if let Some(threads) = threads {
                runtime.worker_threads(threads.into());
            }
            runtime
        }
    };
    let runtime = runtime
        .enable_all()
        .build()
        .map_err(|error| Failure::of("the runtime", &error))?;
    let done = runtime.block_on(async {
        let server = options.server.server()?;
        match listen(&options).await? {
            Listening::Tcp(listener) => serve(&options, server, listener).await,
            #[cfg(unix)]
            Listening::Unix(listener) => serve(&options, server, listener).await,
        }
    });
    options.server.clean_up();
    done
}

async fn listen(options: &Options) -> Result<Listening, Failure> {
    let (listener, url) = options.server.listen().await?;
    if !options.quiet {
        let _ = writeln!(io::stderr(), "echoing on {url}");
    }
    Ok(listener)
}

async fn serve<L>(options: &Options, server: Server, listener: L) -> Result<Exit, Failure>
where
    L: Listener<Tokio, Addr: Peer, Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static>
        + 'static,
{
    let shutdown = Shutdown::new();
    let mut serving = server
        .serve(listener, |ws, _peer| echo(ws))
        .shutdown(&shutdown)
        .on_error(|error| {
            if let Some(text) = text_of(error) {
                let _ = writeln!(io::stderr(), "wsk: {text}");
            }
        });
    if let Some(most) = options.server.max_connections {
        serving = serving.max_connections(most);
    }
    if let Some(acceptor) = options.server.tls.acceptor()? {
        serving = serving.tls(acceptor);
    }
    tokio::select! {
        served = serving.into_future() => {
            served.map_err(|error| Failure::of("the server", &error))?;
        }
        () = interrupt() => {}
    }
    let report = shutdown.finish(Duration::from_secs(5));
    tokio::select! {
        _ = report => Ok(Exit::Clean),
        () = interrupt() => Ok(Exit::Interrupted),
    }
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin + 'static>(
    mut ws: WebSocket<S>,
) -> Result<(), Error> {
    while let Some((message, out)) = ws.recv_ref().await? {
        match out.feed(message) {
            // Too late for an answer.
            Err(wskit::SendError::Closed) => {}
            fed => fed.map_err(wskit::ConnectionError::from)?,
        }
    }
    Ok(())
}
