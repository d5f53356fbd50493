use std::io;

use hyper::upgrade::OnUpgrade;
use wskit_driver::{OpenError, within};
use wskit_tokio::TokioTimer;

#[cfg(feature = "http2")]
use crate::http2::ReadAhead;
use crate::io::Io;
use crate::{Shutdown, WebSocket};

/// An accepted connection that hyper hands over once the response has been written.
///
/// Return the response first, or from another task: [`open`](Self::open) waits for it. Dropping
/// this drops the connection as soon as hyper hands it over.
#[derive(Debug)]
#[must_use = "dropping it drops the connection"]
pub struct PendingWebSocket {
    pub(crate) handover: Handover,
    pub(crate) opening: wskit_driver::PendingWebSocket,
}

/// The connection that hyper will hand over, and how to read it.
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
    /// Waits for the connection, at most for `Config::handshake_timeout`.
    ///
    /// **Drop this if you return another response.** hyper does not look at the response: it would
    /// keep the connection for HTTP, and hand it over when HTTP on it has ended.
    ///
    /// # Errors
    /// [`OpenError::Io`] if hyper does not hand the connection over: the response was not sent or the
    /// peer disconnected (`ConnectionAborted`, which [`OpenError::is_disconnect`] recognizes), or hyper
    /// serves without upgrades (`Unsupported`; see `with_upgrades` and
    /// `serve_connection_with_upgrades`). [`OpenError::Timeout`], [`OpenError::NoTimer`].
    ///
    /// Over HTTP/2 it spawns a task on tokio's runtime, which reads ahead (`ReadAhead`). Outside
    /// such a runtime it returns [`OpenError::Io`].
    ///
    /// # Cancel safety
    /// Dropping the future drops the connection.
    pub async fn open(self) -> Result<WebSocket, OpenError> {
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

    /// Sets what happens over HTTP/2 with messages that arrive while the application does not
    /// receive.
    #[cfg(feature = "http2")]
    pub fn read_ahead(mut self, read_ahead: ReadAhead) -> Self {
        if let Some(set) = &mut self.handover.read_ahead {
            *set = read_ahead;
        }
        self
    }

    /// Makes the connection follow a shutdown. [`Shutdown::finish`] waits from now on until the connection
    /// has ended, or this is dropped. Call it before the response is returned: with
    /// [`WebSocket::track`](wskit_driver::WebSocket::track) alone, a connection that has not been handed
    /// over yet is not waited for.
    pub fn shutdown(mut self, shutdown: &Shutdown) -> Self {
        self.opening = self.opening.join(shutdown.joining());
        self
    }

    /// Returns the selected subprotocol.
    pub fn protocol(&self) -> Option<&str> {
        self.opening.protocol()
    }
}

fn not_handed_over(error: hyper::Error) -> OpenError {
    let kind = if error.is_user() {
        io::ErrorKind::Unsupported
    } else {
        io::ErrorKind::ConnectionAborted
    };
    OpenError::Io(io::Error::new(kind, error))
}
