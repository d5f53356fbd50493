use std::sync::Arc;

use bytes::Bytes;
use wskit_proto::{Config, Role};

use crate::extensions::Agreed;
use crate::observe::PeerName;
use crate::settings::Settings;
use crate::shutdown::Joining;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// A connection whose opening handshake an HTTP library has carried, waiting for the library to hand over
/// its transport.
///
/// Made by [`UpgradeViaHttp::accept`](crate::UpgradeViaHttp::accept) and
/// [`RequestViaHttp::confirm`](crate::RequestViaHttp::confirm).
#[derive(Debug)]
#[must_use = "the connection is made by `open`"]
pub struct PendingWebSocket {
    pub(crate) role: Role,
    pub(crate) settings: Settings,
    pub(crate) agreed: Agreed,
    pub(crate) protocol: Option<String>,
    pub(crate) peer: PeerName,
    pub(crate) joining: Joining,
}

impl PendingWebSocket {
    /// Opens the connection over its transport. `leftover` holds the bytes that the library has read after
    /// the head: the start of the peer's frames.
    #[must_use]
    pub fn open<T: Transport>(mut self, io: T, leftover: Bytes) -> WebSocket<T> {
        let (protocol, agreed) = (self.protocol, self.agreed);
        let mut ws = self
            .settings
            .open(self.role, io, leftover, protocol, agreed, &self.peer);
        ws.engine.join(&mut self.joining);
        ws
    }

    /// Makes the connection follow a shutdown, which waits for it from
    /// [`Shutdown::joining`](crate::Shutdown::joining) on. If this is dropped before it is opened, the
    /// shutdown waits no longer.
    pub fn join(mut self, joining: Joining) -> Self {
        self.joining = joining;
        self
    }

    /// Returns the sub-protocol that was agreed on.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Returns the settings of the connection.
    pub fn settings(&self) -> &Arc<Config> {
        &self.settings.config
    }
}
