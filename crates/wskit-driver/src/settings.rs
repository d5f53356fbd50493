use std::sync::Arc;

use bytes::Bytes;
use wskit_handshake::HeadLimits;
use wskit_proto::{Config, Role};

use crate::extensions::{Agreed, Extensions};
use crate::observe::{PeerName, TelemetryConfig};
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// What a client and a server are set up with alike.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) config: Arc<Config>,
    pub(crate) limits: HeadLimits,
    pub(crate) extensions: Extensions,
    pub(crate) telemetry: TelemetryConfig,
}

impl Settings {
    /// Returns the connection after its opening handshake.
    pub(crate) fn open<T: Transport>(
        &self,
        role: Role,
        io: T,
        leftover: Bytes,
        protocol: Option<String>,
        agreed: Agreed,
        peer: &PeerName,
    ) -> WebSocket<T> {
        let config = self.config.clone();
        let ws = WebSocket::build(io, role, leftover, config, |connection| {
            self.extensions.apply(agreed, connection)
        });
        ws.opened(protocol, agreed, &self.telemetry, peer)
    }
}
