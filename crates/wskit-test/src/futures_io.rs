//! Pipes for bindings to futures-io runtimes.

use std::any::Any;
use std::io::{self, IoSlice};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use wskit_driver::{FuturesRuntime, SocketOptions, TlsSession};

use crate::clock::Alarm;
use crate::pipe::PipeEnd;

/// The runtime `R` on the clock of the running test: everything but the time is `R`'s own.
#[derive(Debug)]
pub struct Paused<R>(PhantomData<R>);

impl<R: FuturesRuntime> FuturesRuntime for Paused<R> {
    type Tcp = R::Tcp;
    type Timer = Alarm;

    fn tcp(stream: &dyn Any) -> Option<&R::Tcp> {
        R::tcp(stream)
    }

    fn into_tcp<S: 'static>(stream: S) -> Result<R::Tcp, S> {
        R::into_tcp(stream)
    }

    fn from_tcp<S: 'static>(tcp: R::Tcp) -> Result<S, R::Tcp> {
        R::from_tcp(tcp)
    }

    fn set_nodelay(tcp: &R::Tcp) -> io::Result<()> {
        R::set_nodelay(tcp)
    }

    fn set_options(tcp: &R::Tcp, options: &SocketOptions) {
        <R as FuturesRuntime>::set_options(tcp, options);
    }

    fn shutdown(stream: &dyn Any) -> io::Result<()> {
        R::shutdown(stream)
    }

    fn unacknowledged(tcp: &R::Tcp) -> Option<usize> {
        R::unacknowledged(tcp)
    }

    fn peer_addr(tcp: &R::Tcp) -> Option<SocketAddr> {
        R::peer_addr(tcp)
    }

    fn local_addr(tcp: &R::Tcp) -> Option<SocketAddr> {
        R::local_addr(tcp)
    }

    fn tls_session(stream: &dyn Any) -> Option<TlsSession> {
        R::tls_session(stream)
    }
}

impl AsyncRead for PipeEnd {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        PipeEnd::poll_read(&mut self, cx, buf)
    }
}

impl AsyncWrite for PipeEnd {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        PipeEnd::poll_write(&mut self, cx, &[IoSlice::new(buf)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        PipeEnd::poll_flush(&mut self, cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        PipeEnd::poll_shutdown(&mut self, cx)
    }
}
