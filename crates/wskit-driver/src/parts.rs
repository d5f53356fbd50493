//! How a connection is made of its parts, and taken apart again.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
#[cfg(feature = "deflate")]
use wskit_proto::deflate;
use wskit_proto::{Config, Connection, Role};

use crate::engine::Engine;
use crate::extensions::Agreed;
use crate::keys::secure_keys;
use crate::link::Whole;
use crate::observe::{PeerName, TelemetryConfig};
use crate::rare::Rare;
use crate::tasks::Tasks;
use crate::transport::{Timer, Transport};
use crate::websocket::WebSocket;

/// What was agreed on in the opening handshake.
pub(crate) struct Terms {
    pub(crate) protocol: Option<Box<str>>,
    pub(crate) agreed: Agreed,
}

/// What remains of a connection that was taken apart by [`WebSocket::into_parts`].
#[non_exhaustive]
pub struct Parts<T> {
    /// The transport. Those of the bindings return their stream by `into_inner`. A stream that buffers, as
    /// TLS does, may hold bytes that were written before: flush it, even if `write_buf` is empty.
    pub io: T,
    /// This end's role.
    pub role: Role,
    /// Bytes that were read and not used: what the peer has sent after the last message received.
    pub read_buf: Bytes,
    /// Bytes that were queued and not written. They may begin inside a frame, so write them before
    /// anything else, and flush.
    pub write_buf: Bytes,
}

impl<T> fmt::Debug for Parts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("role", &self.role)
            .field("read_buf", &self.read_buf)
            .field("write_buf", &self.write_buf)
            .finish_non_exhaustive()
    }
}

/// The error of [`WebSocket::into_parts`]: the connection is in the middle of a message. It has the
/// connection.
pub struct IntoPartsError<T: Transport>(Box<WebSocket<T>>);

impl<T: Transport> IntoPartsError<T> {
    /// Returns the connection, which is as it was.
    #[must_use]
    pub fn into_websocket(self) -> WebSocket<T> {
        *self.0
    }
}

impl<T: Transport> fmt::Display for IntoPartsError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a message of this connection is partly received, partly sent, or waits to be received",
        )
    }
}

impl<T: Transport> fmt::Debug for IntoPartsError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IntoPartsError").field(&self.0).finish()
    }
}

impl<T: Transport> Error for IntoPartsError<T> {}

impl<T: Transport> WebSocket<T> {
    /// Creates a connection over a transport whose opening handshake is done.
    /// [`into_parts`](WebSocket::into_parts) is the reverse.
    ///
    /// `leftover` is what was read behind the handshake: the start of the frames.
    pub fn from_parts(io: T, role: Role, leftover: Bytes, config: impl Into<Arc<Config>>) -> Self {
        Self::build(io, role, leftover, config.into(), |connection| connection)
    }

    /// Creates a connection like [`from_parts`](WebSocket::from_parts), with the compression that was
    /// agreed on in the handshake (RFC 7692).
    #[cfg(feature = "deflate")]
    pub fn from_parts_with_deflate(
        io: T,
        role: Role,
        leftover: Bytes,
        config: impl Into<Arc<Config>>,
        agreed: deflate::Params,
        deflate: &deflate::Config,
    ) -> Self {
        let with = |connection: Connection| connection.with_deflate(agreed, deflate);
        let ws = Self::build(io, role, leftover, config.into(), with);
        let agreed = Agreed {
            deflate: Some(agreed),
        };
        ws.opened(None, agreed, &TelemetryConfig::default(), &PeerName::NONE)
    }

    pub(crate) fn build(
        io: T,
        role: Role,
        leftover: Bytes,
        config: Arc<Config>,
        with: impl FnOnce(Connection) -> Connection,
    ) -> Self {
        let (auto_pong, budget) = (config.get_auto_pong(), config.get_read_budget());
        let timer = io.timer();
        let now = timer.now();
        let connection = match role {
            Role::Client => Connection::client(config, secure_keys(), now),
            Role::Server => Connection::server(config, now),
        };
        let (inbound, outbox) = with(connection).split();
        Self {
            engine: Engine::new(inbound, timer, leftover, auto_pong, budget),
            link: Whole::new(io, outbox),
            terms: Rare::default(),
            tasks: Tasks::default(),
        }
    }

    /// Notes what was agreed on, and tells observers that the connection is open.
    pub(crate) fn opened(
        mut self,
        protocol: Option<String>,
        agreed: Agreed,
        telemetry: &TelemetryConfig,
        peer: &PeerName,
    ) -> Self {
        if protocol.is_some() || agreed.is_compressed() {
            let protocol = protocol.map(String::into_boxed_str);
            *self.terms = Some(Box::new(Terms { protocol, agreed }));
        }
        self.watched(telemetry, peer);
        self
    }

    pub(crate) fn watched(&mut self, telemetry: &TelemetryConfig, peer: &PeerName) {
        let (io, terms) = (&self.link.io, self.terms.as_deref());
        self.engine.telemetry.opened(
            telemetry,
            || peer.or_address(|| io.peer_addr()),
            self.link.outbox.role(),
            terms.and_then(|terms| terms.protocol.as_deref()),
            terms.is_some_and(|terms| terms.agreed.is_compressed()),
            &self.engine.timer,
        );
    }

    /// Takes the connection apart, to go on with its stream in another way, or in another process.
    /// [`from_parts`](WebSocket::from_parts) is the reverse.
    ///
    /// Nothing is written, and the peer is told nothing. Where compression with context takeover was
    /// agreed on, messages that come later refer to those before, so nothing else can go on.
    ///
    /// ```
    /// # use wskit_driver::{Transport, WebSocket};
    /// # fn doc<T: Transport>(ws: WebSocket<T>) {
    /// match ws.into_parts() {
    ///     Ok(parts) => println!("{} bytes were read ahead", parts.read_buf.len()),
    ///     Err(error) => drop(error.into_websocket()), // receive what is left, and try again
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// The connection is in the middle of a message: part of one was received or sent, or one that came
    /// while this end was sending waits to be received. The error has the connection.
    #[doc(alias = "into_inner")]
    pub fn into_parts(mut self) -> Result<Parts<T>, IntoPartsError<T>> {
        if self.link.outbox.is_message_open() {
            return Err(IntoPartsError(Box::new(self)));
        }
        let Some(read_buf) = self.engine.take_unread() else {
            return Err(IntoPartsError(Box::new(self)));
        };
        let Whole { io, mut outbox, .. } = self.link;
        Ok(Parts {
            io,
            role: outbox.role(),
            read_buf,
            write_buf: outbox.take_output().into(),
        })
    }
}
