use std::io;

use hyper::upgrade::OnUpgrade;
use wskit_driver::{Error, within};
use wskit_tokio::TokioTimer;

use crate::WebSocket;
use crate::io::Io;

/// A connection that is agreed on, and that hyper hands over once the response has been written.
///
/// Return the response first, or from another task: [`open`](Self::open) waits for it. Dropping this
/// drops the connection as soon as hyper hands it over.
#[derive(Debug)]
#[must_use = "dropping it drops the connection"]
pub struct Opening {
    pub(crate) on_upgrade: OnUpgrade,
    pub(crate) opening: wskit_driver::Opening,
}

impl Opening {
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
    /// # Cancel safety
    /// A dropped open drops the connection.
    pub async fn open(self) -> Result<WebSocket, Error> {
        let limit = self.opening.settings().handshake_deadline();
        let upgraded = within(TokioTimer::default(), limit, self.on_upgrade).await?;
        let (io, leftover) = Io::new(upgraded.map_err(not_handed_over)?);
        Ok(self.opening.open(io, leftover))
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
