//! The agreed parameters.

use crate::{Compressor, Config, Decompressor};

/// The role of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It sent the offer and compresses with the client's window.
    Client,
    /// It sent the response and compresses with the server's window.
    Server,
}

/// The agreed window of one sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Base-2 logarithm of the largest distance the sender may refer back,
    /// 8 to 15 (RFC 7692 §7.1.2).
    pub bits: u8,
    /// Whether the sender starts each message with an empty window (§7.1.1).
    pub no_context_takeover: bool,
}

impl Window {
    /// The default: 15 bits (32 KiB), kept from message to message.
    pub const FULL: Self = Self {
        bits: 15,
        no_context_takeover: false,
    };

    /// Returns the size in bytes, `1 << bits`.
    pub fn size(self) -> usize {
        1 << self.bits.clamp(8, 15)
    }
}

/// The agreed parameters of one endpoint: the result of the negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Params {
    role: Role,
    server: Window,
    client: Window,
}

impl Params {
    /// Creates parameters that were agreed by other means than this crate's
    /// negotiation. Window bits outside 8 to 15 are clamped.
    pub fn new(role: Role, server: Window, client: Window) -> Self {
        let clamp = |window: Window| Window {
            bits: window.bits.clamp(8, 15),
            ..window
        };
        Self {
            role,
            server: clamp(server),
            client: clamp(client),
        }
    }

    /// Returns the role of this endpoint.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Returns the window of messages from the server.
    pub fn server(&self) -> Window {
        self.server
    }

    /// Returns the window of messages from the client.
    pub fn client(&self) -> Window {
        self.client
    }

    /// Returns the window of messages that this endpoint sends.
    pub fn outgoing(&self) -> Window {
        match self.role {
            Role::Client => self.client,
            Role::Server => self.server,
        }
    }

    /// Returns the window of messages that this endpoint receives.
    pub fn incoming(&self) -> Window {
        match self.role {
            Role::Client => self.server,
            Role::Server => self.client,
        }
    }

    /// Creates a compressor and a decompressor for a connection. Neither
    /// allocates before its first message.
    pub fn codec(&self, config: &Config) -> (Compressor, Decompressor) {
        (
            Compressor::new(self.outgoing(), config),
            Decompressor::new(self.incoming(), config),
        )
    }
}
