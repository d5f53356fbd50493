//! The shared suite on tokio: what differs between the runtimes is this file.
#![allow(clippy::expect_used, reason = "a test")]

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use wskit_test::{Harness, PipeEnd};
use wskit_tokio::{Io, Tokio};

struct OnTokio;

impl Harness for OnTokio {
    type Stream = Pipe;
    type Runtime = Tokio;
    type Transport = Io<Pipe>;

    fn stream(end: PipeEnd) -> Pipe {
        Pipe(end)
    }

    fn run(test: impl Future<Output = ()>) {
        // tokio moves its paused clock on when nothing can run.
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build();
        LocalSet::new().block_on(&runtime.expect("a runtime"), test);
    }

    fn advance(time: Duration) {
        // The first poll moves the clock; the rest only lets other tasks run.
        let _ = pin!(tokio::time::advance(time)).poll(&mut Context::from_waker(Waker::noop()));
    }
}

/// A pipe's end as a tokio stream.
struct Pipe(PipeEnd);

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n = ready!(self.0.poll_read(cx, buf.initialize_unfilled()))?;
        buf.advance(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}

wskit_suite::suite!(OnTokio);
