//! Settings for WebSockets over HTTP/2.

use std::error::Error;
use std::fmt;

use hyper_util::server::conn::auto;

/// The stream window that [`http2_settings`] sets: how many bytes the peer may send on one
/// WebSocket before they are read.
pub const HTTP2_STREAM_WINDOW: u32 = 64 << 10;

/// The connection window that [`http2_settings`] sets. It lets the 200 streams that hyper allows
/// fill their windows, so that none of them ever stops the others. With it h2 accepts 35,000 small
/// unread DATA frames instead of 2,241.
pub const HTTP2_CONNECTION_WINDOW: u32 = 16 << 20;

/// Configures hyper-util's builder for WebSockets over HTTP/2: extended CONNECT,
/// [`HTTP2_STREAM_WINDOW`] and [`HTTP2_CONNECTION_WINDOW`].
///
/// h2 ends a connection with all its streams when too many small DATA frames are unread: frames
/// below 256 bytes count as 256, and they may add up to half of the *connection's* window. With
/// hyper's own windows of 1 MiB this allows 2,241 messages of 16 bytes, which a connection can
/// receive in one read. For hyper's own builder (`hyper::server::conn::http2`) call its methods of
/// the same names.
///
/// ```
/// use hyper_util::{rt::TokioExecutor, server::conn::auto};
///
/// let mut builder = auto::Builder::new(TokioExecutor::new());
/// wskit_hyper::http2_settings(&mut builder);
/// // builder.serve_connection_with_upgrades(io, service).await
/// ```
pub fn http2_settings<E>(builder: &mut auto::Builder<E>) {
    builder
        .http2()
        .enable_connect_protocol()
        .initial_stream_window_size(HTTP2_STREAM_WINDOW)
        .initial_connection_window_size(HTTP2_CONNECTION_WINDOW);
}

/// What happens over HTTP/2 with messages that arrive while the application does not receive.
///
/// They cannot stay in h2, which ends the whole connection with all its WebSockets if many small
/// messages are unread ([`http2_settings`]). A task on tokio's runtime reads them ahead for each
/// WebSocket over HTTP/2, into a buffer that exists only while it holds something. Over HTTP/1.1
/// there is neither task nor buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadAhead {
    /// Reads small frames, below 256 bytes, ahead until this number of bytes is unread. Then this
    /// WebSocket ends, with [`ReadAheadFull`] after the data received before, and the other
    /// WebSockets continue. After frames that are not small, reading ahead stops at half of it, and
    /// the window of the stream holds the peer back. At least 64 KiB; the default is 1 MiB.
    EndAt(usize),
    /// Stops reading ahead at 64 KiB. The window of the stream then holds the peer back, whatever
    /// it sends.
    ///
    /// **Use it only with the windows of [`http2_settings`]**: with hyper's own, h2 ends the
    /// connection at the 2,242nd unread frame of 22 bytes after that. With those windows, twelve
    /// WebSockets on a connection can be flooded with such frames at the same time.
    HoldBack,
}

impl Default for ReadAhead {
    fn default() -> Self {
        Self::EndAt(1 << 20)
    }
}

/// The application left more unread over HTTP/2 than [`ReadAhead::EndAt`] allows, so this WebSocket
/// was ended.
///
/// It is inside the `io::Error` of `ConnectionError::Io`:
///
/// ```
/// use wskit_hyper::{ConnectionError, ReadAheadFull};
///
/// fn was_too_slow(error: &ConnectionError) -> bool {
///     matches!(error, ConnectionError::Io(io) if io.get_ref().is_some_and(|inner| inner.is::<ReadAheadFull>()))
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadAheadFull {
    /// The limit that was reached, in bytes.
    pub limit: usize,
}

impl fmt::Display for ReadAheadFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        write!(
            f,
            "the application left {limit} bytes of small messages over HTTP/2 unread: receive in time, \
             raise `ReadAhead::EndAt`, or use `ReadAhead::HoldBack` with the windows of `http2_settings`"
        )
    }
}

impl Error for ReadAheadFull {}
