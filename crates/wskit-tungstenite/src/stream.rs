//! Streams with and without TLS, for blocking programs.

use std::fmt;
use std::io::{IoSlice, Read, Result, Write};
use std::net::TcpStream;

/// Whether a URL asks for TLS.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// `ws`.
    Plain,
    /// `wss`.
    Tls,
}

/// Streams over TCP.
pub trait NoDelay {
    /// Sets `TCP_NODELAY`.
    ///
    /// # Errors
    /// Those of the socket.
    fn set_nodelay(&mut self, nodelay: bool) -> Result<()>;
}

impl NoDelay for TcpStream {
    fn set_nodelay(&mut self, nodelay: bool) -> Result<()> {
        Self::set_nodelay(self, nodelay)
    }
}

#[cfg(feature = "native-tls")]
impl<S: Read + Write + NoDelay> NoDelay for native_tls_crate::TlsStream<S> {
    fn set_nodelay(&mut self, nodelay: bool) -> Result<()> {
        self.get_mut().set_nodelay(nodelay)
    }
}

#[cfg(feature = "__rustls-tls")]
impl<S, SD, T> NoDelay for rustls::StreamOwned<S, T>
where
    S: std::ops::Deref<Target = rustls::ConnectionCommon<SD>>,
    SD: rustls::SideData,
    T: Read + Write + NoDelay,
{
    fn set_nodelay(&mut self, nodelay: bool) -> Result<()> {
        self.sock.set_nodelay(nodelay)
    }
}

/// A stream that may be inside TLS.
#[non_exhaustive]
#[allow(
    clippy::large_enum_variant,
    reason = "its variants are public, and given"
)]
pub enum MaybeTlsStream<S: Read + Write> {
    /// Without TLS.
    Plain(S),
    /// TLS by the operating system's library.
    #[cfg(feature = "native-tls")]
    NativeTls(native_tls_crate::TlsStream<S>),
    /// TLS by rustls.
    #[cfg(feature = "__rustls-tls")]
    Rustls(rustls::StreamOwned<rustls::ClientConnection, S>),
}

/// Calls a method of the stream, whichever it is.
macro_rules! each {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self {
            Self::Plain($stream) => $call,
            #[cfg(feature = "native-tls")]
            Self::NativeTls($stream) => $call,
            #[cfg(feature = "__rustls-tls")]
            Self::Rustls($stream) => $call,
        }
    };
}

impl<S: Read + Write + fmt::Debug> fmt::Debug for MaybeTlsStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, stream): (_, &dyn fmt::Debug) = match self {
            Self::Plain(stream) => ("Plain", stream),
            #[cfg(feature = "native-tls")]
            Self::NativeTls(stream) => ("NativeTls", stream),
            #[cfg(feature = "__rustls-tls")]
            Self::Rustls(stream) => ("Rustls", &stream.sock),
        };
        f.debug_tuple(&format!("MaybeTlsStream::{name}"))
            .field(stream)
            .finish()
    }
}

impl<S: Read + Write> Read for MaybeTlsStream<S> {
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        each!(self, stream => stream.read(buf))
    }
}

impl<S: Read + Write> Write for MaybeTlsStream<S> {
    fn write(&mut self, buf: &[u8]) -> Result<usize> {
        each!(self, stream => stream.write(buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> Result<usize> {
        each!(self, stream => stream.write_vectored(bufs))
    }

    fn flush(&mut self) -> Result<()> {
        each!(self, stream => stream.flush())
    }
}

impl<S: Read + Write + NoDelay> NoDelay for MaybeTlsStream<S> {
    fn set_nodelay(&mut self, nodelay: bool) -> Result<()> {
        each!(self, stream => stream.set_nodelay(nodelay))
    }
}
