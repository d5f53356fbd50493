//! The settings of one endpoint.

use crate::budget::Budget;

/// The settings of one endpoint for permessage-deflate.
///
/// Start from [`Config::server`] or [`Config::client`]. They differ in the
/// memory kept for receiving. The defaults and their reasons:
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
#[must_use]
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
    /// Returns the defaults of a server, with many connections.
    pub fn server() -> Self {
        Self {
            client_max_window_bits: 12,
            ..Self::client()
        }
    }

    /// Returns the defaults of a client, with few connections.
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

    /// Sets the compression level, 1 (fastest) to 9 (smallest). Values outside
    /// are clamped.
    ///
    /// Level 1 stores no block uncompressed: data that does not compress
    /// (images, archives, random bytes) grows by up to 6 %. Send such messages
    /// uncompressed, or use level 2, where they grow by less than 1 %.
    pub fn level(mut self, level: u8) -> Self {
        self.level = level.clamp(1, 9);
        self
    }

    /// Sets whether the server starts each message with an empty window (RFC
    /// 7692 §7.1.1.1). A client requests it, a server announces it.
    pub fn server_no_context_takeover(mut self, yes: bool) -> Self {
        self.server_no_context_takeover = yes;
        self
    }

    /// Sets whether the client starts each message with an empty window (RFC
    /// 7692 §7.1.1.2). A server requests it, a client announces it.
    pub fn client_no_context_takeover(mut self, yes: bool) -> Self {
        self.client_no_context_takeover = yes;
        self
    }

    /// Sets the largest window of the server, 9 to 15 bits (RFC 7692 §7.1.2.1).
    /// Values outside are clamped.
    ///
    /// A client keeps as many of the received bytes, unless the server gives up
    /// context takeover. It requests one or the other if this is below 15.
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = bits.clamp(9, 15);
        self
    }

    /// Sets the largest window of the client, 9 to 15 bits (RFC 7692 §7.1.2.2).
    /// Values outside are clamped.
    ///
    /// A server keeps as many of the received bytes. If a client does not offer
    /// to obey a limit, the server requests that it gives up context takeover.
    pub fn client_max_window_bits(mut self, bits: u8) -> Self {
        self.client_max_window_bits = bits.clamp(9, 15);
        self
    }

    /// Sets how many bytes of sent uncompressed text are kept as context for
    /// the next message: at most 32 KiB and at most the agreed window; 0 for
    /// none.
    ///
    /// This is cheaper than a stream (146 to 371 KiB) and nearly as good: on JSON messages of 238
    /// bytes, 512 bytes give nine tenths of the ratio. More history also costs time, as it is read
    /// again for every message.
    pub fn deflate_history(mut self, bytes: usize) -> Self {
        self.deflate_history = bytes.min(1 << 15) as u16;
        self
    }

    /// Sets the length in bytes below which messages are sent uncompressed
    /// while context takeover is in use.
    ///
    /// It applies even without history. A message that is sent uncompressed
    /// does not become history (RFC 7692 §7.2.1), so skipping small messages
    /// until there is history would skip them forever.
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = u32::try_from(bytes).unwrap_or(u32::MAX);
        self
    }

    /// Sets the length in bytes below which messages are sent uncompressed
    /// while every message starts with an empty window.
    pub fn threshold_without_takeover(mut self, bytes: usize) -> Self {
        self.threshold_without_takeover = u32::try_from(bytes).unwrap_or(u32::MAX);
        self
    }

    /// Sets whether every connection has streams of its own instead of history. For few, busy
    /// connections: it is four times as fast on small messages while they are in the CPU's caches,
    /// and slower than history once a thread serves hundreds of them in turn. It takes 146 to 371
    /// KiB for sending and 46 KiB for receiving.
    pub fn dedicated(mut self, yes: bool) -> Self {
        self.dedicated = yes;
        self
    }

    /// Sets the limit on incomplete messages. [`Budget::process`] by default.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}
