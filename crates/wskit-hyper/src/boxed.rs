use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(feature = "http2")]
use crate::read_ahead::Ahead;

/// A connection that stays in hyper's box: one with TLS, or a stream of HTTP/2. Rarely used
/// directly.
#[derive(Debug)]
pub struct Boxed(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    /// Read when the application reads.
    Plain(TokioIo<Upgraded>),
    /// Read by a task.
    #[cfg(feature = "http2")]
    Ahead(Ahead),
}

impl AsyncRead for Boxed {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Plain(io) => Pin::new(io).poll_read(cx, buf),
            #[cfg(feature = "http2")]
            Kind::Ahead(ahead) => ahead.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Boxed {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Plain(io) => Pin::new(io).poll_write(cx, buf),
            #[cfg(feature = "http2")]
            Kind::Ahead(ahead) => ahead.poll_io(|io| io.poll_write(cx, buf)),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().0 {
            Kind::Plain(io) => Pin::new(io).poll_write_vectored(cx, bufs),
            #[cfg(feature = "http2")]
            Kind::Ahead(ahead) => ahead.poll_io(|io| io.poll_write_vectored(cx, bufs)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Kind::Plain(io) => io.is_write_vectored(),
            // hyper copies the first slice only.
            #[cfg(feature = "http2")]
            Kind::Ahead(_) => false,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Plain(io) => Pin::new(io).poll_flush(cx),
            #[cfg(feature = "http2")]
            Kind::Ahead(ahead) => ahead.poll_io(|io| io.poll_flush(cx)),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().0 {
            Kind::Plain(io) => Pin::new(io).poll_shutdown(cx),
            #[cfg(feature = "http2")]
            Kind::Ahead(ahead) => ahead.poll_io(|io| io.poll_shutdown(cx)),
        }
    }
}
