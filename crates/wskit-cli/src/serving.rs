//! What all servers have in common: where they listen, whom they accept, and what they limit.

use std::fmt::{Debug, Display};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
#[cfg(unix)]
use std::{path::PathBuf, sync::Arc};

use clap::Args;
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;
use wskit::{Config, OriginPolicy, ServeError, ServeFault, Server, deflate};

use crate::exit::{Exit, Failure};
use crate::tls::ServerTls;
use crate::units;

/// Where a server listens, and whom it accepts.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServerOptions {
    /// Where to listen: HOST:PORT, or a port of 127.0.0.1; port 0 is chosen by the system
    #[arg(default_value = "127.0.0.1:8080")]
    address: String,
    /// Listen on this Unix socket instead
    #[cfg(unix)]
    #[arg(long, value_name = "PATH", conflicts_with = "address")]
    pub(crate) unix: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) tls: ServerTls,
    /// Speak this sub-protocol; may be repeated
    #[arg(
        short = 's',
        long = "subprotocol",
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Handshake"
    )]
    subprotocols: Vec<String>,
    /// Accept compression (permessage-deflate)
    #[arg(short = 'z', long, help_heading = "Handshake")]
    compress: bool,
    /// Accept pages of this origin; may be repeated. Default: pages of the same host, and all programs
    #[arg(
        short = 'o',
        long = "origin",
        value_name = "URL",
        help_heading = "Handshake"
    )]
    origins: Vec<String>,
    /// Accept pages of every origin
    #[arg(long, conflicts_with = "origins", help_heading = "Handshake")]
    any_origin: bool,
    /// Refuse larger messages (bytes, or with k, M or G)
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "64M", help_heading = "Limits")]
    max_message: usize,
    /// Serve at most this many connections; others wait
    #[arg(long, value_name = "NUMBER", help_heading = "Limits")]
    pub(crate) max_connections: Option<usize>,
    /// Close connections on which no message was sent for this time
    #[arg(long, value_name = "TIME", value_parser = units::duration, help_heading = "Limits")]
    idle_timeout: Option<Duration>,
}

/// What a server listens on.
pub(crate) enum Listening {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl ServerOptions {
    /// Returns the server with these options.
    pub(crate) fn server(&self) -> Result<Server, Failure> {
        let origins = if self.any_origin {
            OriginPolicy::Any
        } else if self.origins.is_empty() {
            OriginPolicy::SameOrigin
        } else {
            let failed = |error| Failure::usage(format_args!("--origin: {error}"));
            OriginPolicy::list(&self.origins).map_err(failed)?
        };
        let config = Config::new()
            .max_message_size(self.max_message)
            .idle_timeout(self.idle_timeout);
        let server = Server::new(origins)
            .config(config)
            .protocols(self.subprotocols.iter().cloned());
        Ok(if self.compress {
            server.deflate(deflate::Config::server())
        } else {
            server
        })
    }

    /// Begins to listen. Returns the listener, and its URL.
    pub(crate) async fn listen(&self) -> Result<(Listening, String), Failure> {
        #[cfg(unix)]
        if let Some(path) = &self.unix {
            let failed = |error| of_listening(path.display(), &error);
            let listener = UnixListener::bind(path).map_err(failed)?;
            return Ok((
                Listening::Unix(listener),
                format!("unix:{}", path.display()),
            ));
        }
        let address = if self.address.parse::<u16>().is_ok() {
            format!("127.0.0.1:{}", self.address)
        } else {
            self.address.clone()
        };
        let failed = |error| of_listening(&address, &error);
        let listener = TcpListener::bind(&address).await.map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        let scheme = if self.tls.is_given() { "wss" } else { "ws" };
        Ok((Listening::Tcp(listener), format!("{scheme}://{local}/")))
    }

    /// Removes the Unix socket that was made.
    pub(crate) fn clean_up(&self) {
        #[cfg(unix)]
        if let Some(path) = &self.unix {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn of_listening(at: impl Display, error: &io::Error) -> Failure {
    Failure::new(
        Exit::Unreachable,
        format_args!("cannot listen on {at}: {error}"),
    )
}

/// The address of a client, for people.
pub(crate) trait Peer: Clone + Debug + Send + Sync + 'static {
    fn name(&self) -> Option<String>;
}

impl Peer for SocketAddr {
    fn name(&self) -> Option<String> {
        Some(self.to_string())
    }
}

#[cfg(unix)]
impl Peer for Arc<tokio::net::unix::SocketAddr> {
    fn name(&self) -> Option<String> {
        None // clients have none
    }
}

/// Returns what is worth telling about an error of serving; `None` for clients that went away.
pub(crate) fn text_of<A: Peer>(error: &ServeError<A>) -> Option<String> {
    if error.is_disconnect() {
        return None;
    }
    let hint = match error.fault() {
        ServeFault::Open(wskit::OpenError::OriginRefused) => " (see --origin and --any-origin)",
        ServeFault::Accept(error) if error.raw_os_error() == Some(24) => {
            " (see ulimit -n: the limit of open files)"
        }
        _ => "",
    };
    let peer = error.peer().and_then(Peer::name);
    let peer = peer.map_or_else(String::new, |peer| format!("{peer}: "));
    Some(format!("{peer}{}{hint}", error.fault()))
}
