//! Settings for WebSockets over HTTP/2.

use std::error::Error;
use std::fmt;

use hyper_util::server::conn::auto;

/// The window of a stream that [`http2_settings`] sets: how many bytes the peer may send on one
/// WebSocket before they are read.
pub const HTTP2_STREAM_WINDOW: u32 = 64 << 10;

/// The window of a connection that [`http2_settings`] sets. It lets the 200 streams that hyper allows
/// fill their windows, so that one of them never stops the others, and with it h2 accepts 35,000 small
/// DATA frames which nothing has read yet, instead of 2,241.
pub const HTTP2_CONNECTION_WINDOW: u32 = 16 << 20;

/// Sets what WebSockets over HTTP/2 need on hyper-util's builder: extended CONNECT,
/// [`HTTP2_STREAM_WINDOW`] and [`HTTP2_CONNECTION_WINDOW`].
///
/// h2 ends a connection, with every stream on it, when too many small DATA frames wait to be read: those
/// below 256 bytes count as 256, and half of the *connection's* window is what they may come to. With
/// hyper's own windows of 1 MiB that is 2,241 messages of 16 bytes, which a connection can bring in one
/// read. For hyper's own builder (`hyper::server::conn::http2`) call its methods of the same names.
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

/// What happens over HTTP/2 with messages that come while the application does not receive.
///
/// They cannot stay where they are: h2 ends the whole connection, all WebSockets on it, when many small
/// ones do ([`http2_settings`]). So for each WebSocket over HTTP/2 a task on tokio's runtime reads them
/// ahead into a buffer, which exists only while there is something in it. Over HTTP/1.1 there is neither
/// task nor buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadAhead {
    /// Small frames, below 256 bytes, are read ahead until this number of bytes is unread; then this
    /// WebSocket ends, with [`ReadAheadFull`] behind what had come, and its neighbours live on. After
    /// frames that are not small, reading ahead stops at half of it, and the stream's window holds the
    /// peer back. At least 64 KiB; the default is 1 MiB.
    EndAt(usize),
    /// Reading ahead stops at 64 KiB, and the stream's window holds the peer back, whatever it sends.
    ///
    /// **Only with the windows of [`http2_settings`]**: with hyper's own h2 ends the connection at the
    /// 2,242nd frame of 22 bytes behind that. With those, twelve WebSockets on a connection can be
    /// flooded with such frames, unread, at the same time.
    HoldBack,
}

impl Default for ReadAhead {
    fn default() -> Self {
        Self::EndAt(1 << 20)
    }
}

/// The application left more unread over HTTP/2 than [`ReadAhead::EndAt`] allows, so this WebSocket has
/// been ended.
///
/// It is inside the `io::Error` of `Error::Io`:
///
/// ```
/// use wskit_hyper::{Error, ReadAheadFull};
///
/// fn was_too_slow(error: &Error) -> bool {
///     matches!(error, Error::Io(io) if io.get_ref().is_some_and(|inner| inner.is::<ReadAheadFull>()))
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
