#[cfg(feature = "deadlines")]
use std::time::Duration;

#[cfg(feature = "deflate")]
use crate::Deflate;

/// The settings of a connection.
///
/// The fields can be set, or chained by the methods of the same names:
///
/// ```
/// use wskit_tungstenite::protocol::WebSocketConfig;
/// let config = WebSocketConfig::default().max_message_size(Some(1 << 20));
/// assert_eq!(config.max_frame_size, Some(16 << 20));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct WebSocketConfig {
    /// Kept so that programs compile unchanged, and not used: connections borrow their read buffer from a
    /// pool while bytes move, and an idle one holds none. 128 KiB by default.
    pub read_buffer_size: usize,
    /// How many bytes may wait before a message is written without a flush. 0 writes each at once. 128 KiB
    /// by default.
    pub write_buffer_size: usize,
    /// How many bytes may wait at most, because the stream takes none. A message beyond that is given back
    /// in [`Error::WriteBufferFull`](crate::Error::WriteBufferFull). No limit by default. It must be more
    /// than `write_buffer_size`.
    pub max_write_buffer_size: usize,
    /// The largest message in bytes, after decompression; `None` for no limit. 64 MiB by default.
    pub max_message_size: Option<usize>,
    /// The largest payload of one frame in bytes; `None` for no limit. 16 MiB by default.
    pub max_frame_size: Option<usize>,
    /// Whether a server takes frames without a mask, which RFC 6455 §5.1 forbids. Off by default.
    pub accept_unmasked_frames: bool,
    /// Compression, if the peer agrees. `None` by default.
    #[cfg(feature = "deflate")]
    pub deflate: Option<Deflate>,
    /// How long the opening handshake may take, with tokio. No limit by default.
    #[cfg(feature = "deadlines")]
    pub handshake_timeout: Option<Duration>,
    /// How long the peer may send nothing, with tokio. No limit by default.
    #[cfg(feature = "deadlines")]
    pub idle_timeout: Option<Duration>,
    /// How often a ping is sent, with tokio; the connection ends if nothing comes for as long again. None
    /// by default.
    #[cfg(feature = "deadlines")]
    pub keepalive: Option<Duration>,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self {
            read_buffer_size: 128 << 10,
            write_buffer_size: 128 << 10,
            max_write_buffer_size: usize::MAX,
            max_message_size: Some(64 << 20),
            max_frame_size: Some(16 << 20),
            accept_unmasked_frames: false,
            #[cfg(feature = "deflate")]
            deflate: None,
            #[cfg(feature = "deadlines")]
            handshake_timeout: None,
            #[cfg(feature = "deadlines")]
            idle_timeout: None,
            #[cfg(feature = "deadlines")]
            keepalive: None,
        }
    }
}

impl WebSocketConfig {
    /// Sets [`read_buffer_size`](Self::read_buffer_size).
    #[must_use]
    pub fn read_buffer_size(mut self, bytes: usize) -> Self {
        self.read_buffer_size = bytes;
        self
    }

    /// Sets [`write_buffer_size`](Self::write_buffer_size).
    #[must_use]
    pub fn write_buffer_size(mut self, bytes: usize) -> Self {
        self.write_buffer_size = bytes;
        self
    }

    /// Sets [`max_write_buffer_size`](Self::max_write_buffer_size).
    #[must_use]
    pub fn max_write_buffer_size(mut self, bytes: usize) -> Self {
        self.max_write_buffer_size = bytes;
        self
    }

    /// Sets [`max_message_size`](Self::max_message_size).
    #[must_use]
    pub fn max_message_size(mut self, bytes: Option<usize>) -> Self {
        self.max_message_size = bytes;
        self
    }

    /// Sets [`max_frame_size`](Self::max_frame_size).
    #[must_use]
    pub fn max_frame_size(mut self, bytes: Option<usize>) -> Self {
        self.max_frame_size = bytes;
        self
    }

    /// Sets [`accept_unmasked_frames`](Self::accept_unmasked_frames).
    #[must_use]
    pub fn accept_unmasked_frames(mut self, yes: bool) -> Self {
        self.accept_unmasked_frames = yes;
        self
    }

    /// Offers permessage-deflate (RFC 7692), or accepts an offer of it. It takes effect where this crate
    /// performs the handshake.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        self.deflate = Some(deflate);
        self
    }

    /// Sets [`handshake_timeout`](Self::handshake_timeout).
    #[cfg(feature = "deadlines")]
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = Some(timeout);
        self
    }

    /// Sets [`idle_timeout`](Self::idle_timeout).
    #[cfg(feature = "deadlines")]
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    /// Sets [`keepalive`](Self::keepalive).
    #[cfg(feature = "deadlines")]
    #[must_use]
    pub fn keepalive(mut self, every: Duration) -> Self {
        self.keepalive = Some(every);
        self
    }

    pub(crate) fn assert_valid(&self) {
        assert!(
            self.max_write_buffer_size > self.write_buffer_size,
            "WebSocketConfig::max_write_buffer_size must be greater than write_buffer_size"
        );
    }

    /// The settings as those of wskit. Replies and bounds of the queue are up to `WebSocketContext`.
    pub(crate) fn to_proto(self) -> wskit_proto::Config {
        let config = wskit_proto::Config::new()
            .max_message_size(self.max_message_size.unwrap_or(usize::MAX))
            .max_frame_size(self.max_frame_size.unwrap_or(usize::MAX))
            .max_fragments(u32::MAX)
            .accept_unmasked(self.accept_unmasked_frames)
            .auto_pong(false)
            .keepalive(None)
            .write_high_water(usize::MAX)
            .write_queue_limit(usize::MAX);
        #[cfg(feature = "deadlines")]
        let config = config
            .idle_timeout(self.idle_timeout)
            .keepalive(self.keepalive.map(|every| wskit_proto::Keepalive {
                every,
                answer_within: every,
            }));
        config
    }
}
