//! The traits of futures-io.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use wskit_driver::{FuturesRuntime, Io, TlsSession};

#[cfg(feature = "futures-rustls")]
use super::{CLIENT_UNSENT, SERVER_UNSENT};
use super::{MaybeTls, TlsStack};
#[cfg(feature = "futures-rustls")]
use crate::read_ahead::ReadAhead;
use crate::tls_streams::Tls;
#[cfg(feature = "futures-rustls")]
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
#[cfg(feature = "futures-rustls")]
use std::sync::Arc;

/// futures-rustls, for streams that implement the traits of futures-io.
///
/// Without the feature `futures-rustls` of this crate there is no TLS.
#[derive(Clone, Copy, Debug)]
pub enum FuturesRustls {}

rustls_streams!(
    FuturesRustls,
    "futures-rustls",
    futures_rustls,
    AsyncRead + AsyncWrite
);

impl<T, R: FuturesRuntime> From<Io<Self, R>> for MaybeTls<T, FuturesRustls> {
    fn from(io: Io<Self, R>) -> Self {
        io.into_inner()
    }
}

macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            MaybeTls::Tcp($inner) => $call,
            #[cfg(feature = "futures-rustls")]
            MaybeTls::Tls($inner) | MaybeTls::Tunnel($inner) => $call,
            #[cfg(feature = "futures-rustls")]
            MaybeTls::Accepted($inner) => $call,
            #[cfg(not(feature = "futures-rustls"))]
            MaybeTls::Tls(none) | MaybeTls::Tunnel(none) => match **none {},
            #[cfg(not(feature = "futures-rustls"))]
            MaybeTls::Accepted(none) => match **none {},
        }
    };
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for MaybeTls<T, FuturesRustls> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MaybeTls<T, FuturesRustls> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_close(cx))
    }
}
