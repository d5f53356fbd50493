//! What one endpoint wants, and what it spends on it.

use crate::budget::Budget;

/// What one endpoint wants from permessage-deflate and what it may spend.
///
/// Start from [`Config::server`] or [`Config::client`]; they differ in what they
/// keep for receiving. The defaults and their reasons:
///
/// | | server | client | why |
/// | --- | --- | --- | --- |
/// | [`level`](Self::level) | 1 | 1 | with history, level 6 makes small messages a twentieth smaller and large ones a third, for two to six times the time |
/// | [`server_max_window_bits`](Self::server_max_window_bits) | 15 | 15 | a server's stream is borrowed, so a large window costs it nothing between messages; a client has few connections |
/// | [`client_max_window_bits`](Self::client_max_window_bits) | 12 | 15 | a server keeps what a client may refer back to: 4 KiB instead of 32 KiB |
/// | [`deflate_history`](Self::deflate_history) | 1 KiB | 1 KiB | the first half KiB gives nine tenths of what a full window gives to small messages |
/// | [`threshold`](Self::threshold) | 64 B | 64 B | below, headers outweigh what could be saved |
/// | [`threshold_without_takeover`](Self::threshold_without_takeover) | 512 B | 512 B | a lone message of 238 bytes shrinks by a tenth only |
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) level: u8,
    pub(crate) server_no_context_takeover: bool,
    pub(crate) client_no_context_takeover: bool,
    pub(crate) server_max_window_bits: u8,
    pub(crate) client_max_window_bits: u8,
    pub(crate) deflate_history: u16,
    pub(crate) threshold: u32,
    pub(crate) threshold_without_takeover: u32,
    pub(crate) dedicated: bool,
    pub(crate) budget: Budget,
}

impl Config {
    /// The defaults of a server, with many connections.
    pub fn server() -> Self {
        Self {
            client_max_window_bits: 12,
            ..Self::client()
        }
    }

    /// The defaults of a client, with few connections.
    pub fn client() -> Self {
        Self {
            level: 1,
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
            deflate_history: 1024,
            threshold: 64,
            threshold_without_takeover: 512,
            dedicated: false,
            budget: Budget::process().clone(),
        }
    }

    /// How hard to compress, 1 (fastest) to 9 (smallest). Values outside count
    /// as the nearest.
    ///
    /// Level 1 writes no block as it is: data that does not compress (images,
    /// archives, random bytes) grows by up to 6 %. Send such messages without
    /// compression, or take level 2, where they grow by less than 1 %.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level.clamp(1, 9);
        self
    }

    /// Whether the server starts each message with an empty window
    /// (RFC 7692 §7.1.1.1). A client asks for it, a server announces it.
    #[must_use]
    pub fn server_no_context_takeover(mut self, yes: bool) -> Self {
        self.server_no_context_takeover = yes;
        self
    }

    /// Whether the client starts each message with an empty window
    /// (RFC 7692 §7.1.1.2). A server asks for it, a client announces it.
    #[must_use]
    pub fn client_no_context_takeover(mut self, yes: bool) -> Self {
        self.client_no_context_takeover = yes;
        self
    }

    /// The largest window of the server, 9 to 15 bits (RFC 7692 §7.1.2.1);
    /// values outside count as the nearest.
    ///
    /// A client keeps as much of what it received, unless the server gives up
    /// context takeover; it asks for one or the other when this is below 15.
    #[must_use]
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = bits.clamp(9, 15);
        self
    }

    /// The largest window of the client, 9 to 15 bits (RFC 7692 §7.1.2.2);
    /// values outside count as the nearest.
    ///
    /// A server keeps as much of what it received. If a client does not say that
    /// it can obey a limit, the server asks it to give up context takeover.
    #[must_use]
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_max_window_bits = bits.clamp(9, 15);
        self
    }

    /// Bytes of sent plain text to keep as context for the next message, at most
    /// 32 KiB and at most the agreed window; 0 for none.
    ///
    /// Cheaper than a stream (146 to 371 KiB) and nearly as good: on JSON
    /// messages of 238 bytes 512 bytes give nine tenths of the ratio. More history
    /// costs time too, as it is read anew for every message.
    #[must_use]
    pub fn deflate_history(mut self, bytes: usize) -> Self {
        self.deflate_history = bytes.min(1 << 15) as u16;
        self
    }

    /// Send messages shorter than this uncompressed, where context takeover is
    /// in force.
    ///
    /// It does not matter whether there is history yet: a message that is sent
    /// uncompressed does not become history (RFC 7692 §7.2.1), so skipping small
    /// messages until there is some would skip them forever.
    #[must_use]
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = u32::try_from(bytes).unwrap_or(u32::MAX);
        self
    }

    /// Send messages shorter than this uncompressed, where every message starts
    /// with an empty window.
    #[must_use]
    pub fn threshold_without_takeover(mut self, bytes: usize) -> Self {
        self.threshold_without_takeover = u32::try_from(bytes).unwrap_or(u32::MAX);
        self
    }

    /// Gives every connection streams of its own instead of history: four times as
    /// fast on small messages while they are in the CPU's caches, and slower than
    /// history once a thread serves hundreds of them in turn. It takes 146 to
    /// 371 KiB for sending and 46 KiB for receiving. For few, busy connections.
    #[must_use]
    pub fn dedicated(mut self, yes: bool) -> Self {
        self.dedicated = yes;
        self
    }

    /// The bound on messages that are half-way; [`Budget::process`] unless set.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}
