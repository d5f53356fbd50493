//! tokio's traits.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wskit_driver::TlsSession;

#[cfg(feature = "tokio-rustls")]
use super::{CLIENT_UNSENT, SERVER_UNSENT};
use super::{MaybeTls, TlsStack};
#[cfg(feature = "tokio-rustls")]
use crate::read_ahead::ReadAhead;
use crate::tls_streams::Tls;
#[cfg(feature = "tokio-rustls")]
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};
#[cfg(feature = "tokio-rustls")]
use std::sync::Arc;

/// tokio-rustls, for streams that implement tokio's traits.
///
/// Without the feature `tokio-rustls` of this crate there is no TLS.
#[derive(Clone, Copy, Debug)]
pub enum TokioRustls {}

rustls_streams!(
    TokioRustls,
    "tokio-rustls",
    tokio_rustls,
    AsyncRead + AsyncWrite
);

macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            MaybeTls::Tcp($inner) => $call,
            #[cfg(feature = "tokio-rustls")]
            MaybeTls::Tls($inner) | MaybeTls::Tunnel($inner) => $call,
            #[cfg(feature = "tokio-rustls")]
            MaybeTls::Accepted($inner) => $call,
            #[cfg(not(feature = "tokio-rustls"))]
            MaybeTls::Tls(none) | MaybeTls::Tunnel(none) => match **none {},
            #[cfg(not(feature = "tokio-rustls"))]
            MaybeTls::Accepted(none) => match **none {},
        }
    };
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for MaybeTls<T, TokioRustls> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MaybeTls<T, TokioRustls> {
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

    fn is_write_vectored(&self) -> bool {
        either!(self, stream => stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self.get_mut(), stream => Pin::new(stream).poll_shutdown(cx))
    }
}
