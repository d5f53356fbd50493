//! A transport whose errors contain a value that calls the hook when it is dropped.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll};

use wskit_driver::{PollRead, PollWrite, Transport};

use super::hook::Hook;

/// Gives the errors of `io` an inner error that calls the hook, if there is one.
pub(crate) struct Foreign<T> {
    pub(crate) io: T,
    pub(crate) hook: Option<Arc<Hook>>,
}

struct Inner(Arc<Hook>);

impl Drop for Inner {
    fn drop(&mut self) {
        self.0.fire();
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Inner")
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error of the transport's own")
    }
}

impl Error for Inner {}

impl<T> Foreign<T> {
    fn failed<R>(&self, polled: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        polled.map_err(|error| match &self.hook {
            Some(hook) => io::Error::new(error.kind(), Inner(hook.clone())),
            None => error,
        })
    }
}

impl<T: PollRead> PollRead for Foreign<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let polled = self.io.poll_read(cx, buf);
        self.failed(polled)
    }
}

impl<T: PollWrite> PollWrite for Foreign<T> {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.io.poll_write(cx, chunks);
        self.failed(polled)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.io.poll_flush(cx);
        self.failed(polled)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.io.poll_shutdown(cx);
        self.failed(polled)
    }
}

impl<T: Transport + 'static> Transport for Foreign<T> {
    type Read = Foreign<T::Read>;
    type Write = Foreign<T::Write>;
    type Timer = T::Timer;

    fn timer(&self) -> T::Timer {
        self.io.timer()
    }

    fn into_split(self) -> (Self::Read, Self::Write) {
        let (read, write) = self.io.into_split();
        let hook = self.hook;
        (
            Foreign {
                io: read,
                hook: hook.clone(),
            },
            Foreign { io: write, hook },
        )
    }
}
