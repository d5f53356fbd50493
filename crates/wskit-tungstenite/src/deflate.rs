use wskit_proto::deflate::Config;

/// Settings of compression by permessage-deflate (RFC 7692), for
/// [`WebSocketConfig::deflate`](crate::protocol::WebSocketConfig::deflate).
///
/// The defaults are wskit's: level 1, and windows that keep the memory of a server small.
///
/// ```
/// use wskit_tungstenite::{Deflate, protocol::WebSocketConfig};
/// let config = WebSocketConfig::default().deflate(Deflate::default().level(6));
/// # assert!(config.deflate.is_some());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deflate {
    level: Option<u8>,
    threshold: Option<u32>,
    no_context_takeover: bool,
}

impl Deflate {
    /// Sets the level, 1 (fastest) to 9 (smallest). Values outside are clamped.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = Some(level);
        self
    }

    /// Sets the size in bytes below which messages are sent uncompressed.
    #[must_use]
    pub fn threshold(mut self, bytes: u32) -> Self {
        self.threshold = Some(bytes);
        self
    }

    /// Sets whether each message is compressed on its own, in both directions: connections then keep no
    /// history, and small messages hardly shrink.
    #[must_use]
    pub fn no_context_takeover(mut self, yes: bool) -> Self {
        self.no_context_takeover = yes;
        self
    }

    /// The settings as those of wskit.
    pub(crate) fn to_proto(self, mut config: Config) -> Config {
        if let Some(level) = self.level {
            config = config.level(level);
        }
        if let Some(bytes) = self.threshold {
            config = config
                .threshold(bytes as usize)
                .threshold_without_takeover(bytes as usize);
        }
        config
            .server_no_context_takeover(self.no_context_takeover)
            .client_no_context_takeover(self.no_context_takeover)
    }
}
