use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use wskit_proto::{Config, Role};

use crate::extensions::{Agreed, Extensions};
use crate::observe::{PeerName, TelemetryConfig};
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// A connection whose opening handshake an HTTP library has carried, waiting for the library to hand over
/// its transport.
///
/// Made by [`UpgradeViaHttp::accept`](crate::UpgradeViaHttp::accept) and
/// [`RequestViaHttp::confirm`](crate::RequestViaHttp::confirm).
#[must_use = "the connection is made by `open`"]
pub struct PendingWebSocket {
    pub(crate) role: Role,
    pub(crate) config: Arc<Config>,
    pub(crate) extensions: Extensions,
    pub(crate) agreed: Agreed,
    pub(crate) protocol: Option<String>,
    pub(crate) telemetry: TelemetryConfig,
    pub(crate) peer: PeerName,
}

impl PendingWebSocket {
    /// Opens the connection over its transport. `leftover` holds the bytes that the library has read after
    /// the head: the start of the peer's frames.
    #[must_use]
    pub fn open<T: Transport>(self, io: T, leftover: Bytes) -> WebSocket<T> {
        let ws = WebSocket::build(io, self.role, leftover, self.config, |connection| {
            self.extensions.apply(self.agreed, connection)
        });
        ws.opened(self.protocol, self.agreed, &self.telemetry, &self.peer)
    }

    /// Returns the sub-protocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Returns the settings of the connection.
    #[must_use]
    pub fn settings(&self) -> &Arc<Config> {
        &self.config
    }
}

impl fmt::Debug for PendingWebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingWebSocket")
            .field("role", &self.role)
            .field("protocol", &self.protocol)
            .finish_non_exhaustive()
    }
}
