//! What the two endpoints agreed on.

use crate::{Compressor, Config, Decompressor};

/// Which endpoint this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It made the offer, and sends with the client's window.
    Client,
    /// It gave the answer, and sends with the server's window.
    Server,
}

/// What is agreed for the messages of one sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Base-2 logarithm of the largest distance the sender may refer back,
    /// 8 to 15 (RFC 7692 §7.1.2).
    pub bits: u8,
    /// Whether the sender starts each message with an empty window (§7.1.1).
    pub no_context_takeover: bool,
}

impl Window {
    /// What holds unless something else is agreed: 15 bits (32 KiB), kept from
    /// message to message.
    pub const FULL: Self = Self {
        bits: 15,
        no_context_takeover: false,
    };

    /// Bytes, `1 << bits`.
    pub fn size(self) -> usize {
        1 << self.bits.clamp(8, 15)
    }
}

/// Agreed parameters, as seen by one endpoint: the result of the negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Params {
    role: Role,
    server: Window,
    client: Window,
}

impl Params {
    /// Parameters that were agreed on by other means than this crate's
    /// negotiation. Window bits outside 8 to 15 count as the nearest.
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

    /// Which endpoint these parameters are for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What holds for messages from the server.
    pub fn server(&self) -> Window {
        self.server
    }

    /// What holds for messages from the client.
    pub fn client(&self) -> Window {
        self.client
    }

    /// What holds for messages that this endpoint sends.
    pub fn outgoing(&self) -> Window {
        match self.role {
            Role::Client => self.client,
            Role::Server => self.server,
        }
    }

    /// What holds for messages that this endpoint receives.
    pub fn incoming(&self) -> Window {
        match self.role {
            Role::Client => self.server,
            Role::Server => self.client,
        }
    }

    /// The two halves of a connection with these parameters. Neither allocates
    /// before its first message.
    pub fn codec(&self, config: &Config) -> (Compressor, Decompressor) {
        (
            Compressor::new(self.outgoing(), config),
            Decompressor::new(self.incoming(), config),
        )
    }
}
