//! The shared suite on futures-io: what differs between the runtimes is this file.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::io::{AsyncRead, AsyncWrite};
use wskit_async_std::{Io, IoRead, IoWrite};
use wskit_driver::{PollRead, PollWrite, Runtime, Spare, Transport};
use wskit_test::{Alarm, Clock, Executor, Harness, PipeEnd};

struct OnAsyncStd;

impl Harness for OnAsyncStd {
    type Stream = Pipe;
    type Runtime = Self;
    type Transport = Paused;

    fn stream(end: PipeEnd) -> Pipe {
        Pipe(end)
    }

    fn run(test: impl Future<Output = ()>) {
        Executor::new().block_on(test);
    }
}

/// The clock of async-io cannot be paused, so time is the suite's own; everything else is the binding.
impl Runtime<Pipe> for OnAsyncStd {
    type Transport = Paused;

    fn wrap(stream: Pipe) -> Paused {
        Paused {
            io: Io::from(stream),
            clock: Clock::current(),
        }
    }
}

struct Paused {
    io: Io<Pipe>,
    clock: Clock,
}

impl Transport for Paused {
    type Read = IoRead<Pipe>;
    type Write = IoWrite<Pipe>;
    type Timer = Alarm;

    fn timer(&self) -> Alarm {
        self.clock.alarm()
    }

    fn into_split(self) -> (IoRead<Pipe>, IoWrite<Pipe>) {
        self.io.into_split()
    }
}

impl PollRead for Paused {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.io.poll_read(cx, buf)
    }

    fn poll_read_large(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        self.io.poll_read_large(cx, spare)
    }
}

impl PollWrite for Paused {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.poll_write(cx, chunks)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_shutdown(cx)
    }
}

/// A pipe's end as a futures-io stream.
struct Pipe(PipeEnd);

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buf)
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

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_shutdown(cx)
    }
}

wskit_suite::suite!(OnAsyncStd);
