use std::io;

use hyper::upgrade::OnUpgrade;
use wskit_driver::{Error, within};
use wskit_tokio::TokioTimer;

use crate::WebSocket;
#[cfg(feature = "http2")]
use crate::http2::ReadAhead;
use crate::io::Io;

/// A connection that is agreed on, and that hyper hands over once the response has been written.
///
/// Return the response first, or from another task: [`open`](Self::open) waits for it. Dropping this
/// drops the connection as soon as hyper hands it over.
#[derive(Debug)]
#[must_use = "dropping it drops the connection"]
pub struct PendingWebSocket {
    pub(crate) handover: Handover,
    pub(crate) opening: wskit_driver::PendingWebSocket,
}

/// hyper's promise of a connection, and how that is to be read.
#[derive(Debug)]
pub(crate) struct Handover {
    pub(crate) on_upgrade: OnUpgrade,
    /// Set over HTTP/2.
    #[cfg(feature = "http2")]
    pub(crate) read_ahead: Option<ReadAhead>,
}

impl Handover {
    pub(crate) fn http1(on_upgrade: OnUpgrade) -> Self {
        Self {
            on_upgrade,
            #[cfg(feature = "http2")]
            read_ahead: None,
        }
    }
}

impl PendingWebSocket {
    /// Waits for the connection, at most `Config::handshake_timeout`.
    ///
    /// **If another response is returned, drop this.** hyper does not look at what the response says:
    /// it keeps the connection for HTTP then, and hands it over when HTTP on it has ended.
    ///
    /// # Errors
    /// [`Error::Io`] when hyper does not hand the connection over: the response was not sent after all
    /// or the peer went away (`ConnectionAborted`, which [`Error::is_disconnect`] knows), or hyper
    /// serves without upgrades (`Unsupported`; see `with_upgrades` and
    /// `serve_connection_with_upgrades`). [`Error::HandshakeTimeout`], [`Error::NoTimer`].
    ///
    /// Over HTTP/2 it spawns a task on tokio's runtime, which reads ahead (`ReadAhead`), and outside
    /// such a runtime that is an [`Error::Io`].
    ///
    /// # Cancel safety
    /// A dropped open drops the connection.
    pub async fn open(self) -> Result<WebSocket, Error> {
        let limit = self.opening.settings().get_handshake_timeout();
        let Self {
            mut handover,
            opening,
        } = self;
        let upgraded = within(TokioTimer::default(), limit, &mut handover.on_upgrade).await?;
        let upgraded = upgraded.map_err(not_handed_over)?;
        #[cfg(feature = "http2")]
        if let Some(read_ahead) = handover.read_ahead {
            let io = Io::read_ahead(upgraded, read_ahead)?;
            return Ok(opening.open(io, bytes::Bytes::new()));
        }
        let (io, leftover) = Io::new(upgraded);
        Ok(opening.open(io, leftover))
    }

    /// Sets what happens over HTTP/2 with messages that come while the application does not receive.
    #[cfg(feature = "http2")]
    pub fn read_ahead(mut self, read_ahead: ReadAhead) -> Self {
        if let Some(set) = &mut self.handover.read_ahead {
            *set = read_ahead;
        }
        self
    }

    /// The sub-protocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.opening.protocol()
    }
}

fn not_handed_over(error: hyper::Error) -> Error {
    let kind = if error.is_user() {
        io::ErrorKind::Unsupported
    } else {
        io::ErrorKind::ConnectionAborted
    };
    Error::Io(io::Error::new(kind, error))
}
