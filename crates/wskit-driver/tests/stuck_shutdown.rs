//! A transport whose shutdown never completes, like that of TLS over a socket that takes nothing.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::SinkExt;
use wskit_driver::{PollRead, PollWrite, Timer, Transport, WebSocket};
use wskit_proto::{Config, Message, Role};
use wskit_test::once;

/// The peer's Close can be read, writes are taken, and the shutdown never completes.
struct Stuck {
    input: &'static [u8],
    shutdowns: Rc<Cell<u32>>,
    /// Whether it passes on what it has taken.
    flushes: Rc<Cell<bool>>,
    now: Rc<Cell<Instant>>,
}

/// A clock that is moved by hand.
#[derive(Clone)]
struct Hand(Rc<Cell<Instant>>);

impl Timer for Hand {
    fn now(&self) -> Instant {
        self.0.get()
    }

    fn poll_until(&mut self, _: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        if self.0.get() >= deadline {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }
}

impl PollRead for Stuck {
    fn poll_read(&mut self, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.input.is_empty() {
            return Poll::Pending;
        }
        let n = self.input.len().min(buf.len());
        let (now, later) = self.input.split_at(n);
        buf[..n].copy_from_slice(now);
        self.input = later;
        Poll::Ready(Ok(n))
    }
}

impl PollWrite for Stuck {
    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        chunks: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(chunks.iter().map(|chunk| chunk.len()).sum()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.flushes.get() {
            Poll::Ready(Ok(()))
        } else {
            Poll::Pending
        }
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdowns.set(self.shutdowns.get() + 1);
        assert!(self.shutdowns.get() < 100, "the loop does not wait");
        Poll::Pending
    }
}

impl Transport for Stuck {
    type Read = Self;
    type Write = Self;
    type Timer = Hand;

    fn timer(&self) -> Hand {
        Hand(self.now.clone())
    }

    fn into_split(self) -> (Self, Self) {
        unreachable!("the connection stays whole")
    }
}

/// Proves: X-io-2, R6455-7.1.1-c
#[test]
fn shutdown_that_never_ends_is_waited_for_and_given_up() {
    let (shutdowns, now) = (Rc::default(), Rc::new(Cell::new(Instant::now())));
    let io = Stuck {
        // An empty Close, masked with 0.
        input: &[0x88, 0x80, 0, 0, 0, 0],
        shutdowns: Rc::clone(&shutdowns),
        flushes: Rc::new(Cell::new(true)),
        now: now.clone(),
    };
    let config = Config::new().close_timeout(Duration::from_secs(3));
    let mut ws = WebSocket::from_parts(io, Role::Server, Bytes::new(), config);
    let executor = wskit_test::Executor::new();
    executor.block_on(async {
        assert!(once(ws.recv()).await.is_none(), "it waits");
        now.set(now.get() + Duration::from_secs(4));
        // Both Closes have arrived: only the transport was slow to end.
        assert_eq!(once(ws.recv()).await.unwrap().unwrap(), None);
        assert!(ws.outcome().unwrap().is_clean());
    });
    assert!(shutdowns.get() > 0);
}

/// The transport has taken our Close and has not passed it on: it is not shut down before it has, whether
/// the owner closes as a sink or receives.
#[test]
fn transport_is_shut_down_only_after_a_flush() {
    for closes in [true, false] {
        let (shutdowns, flushes) = (Rc::default(), Rc::default());
        let io = Stuck {
            input: &[0x88, 0x80, 0, 0, 0, 0],
            shutdowns: Rc::clone(&shutdowns),
            flushes: Rc::clone(&flushes),
            now: Rc::new(Cell::new(Instant::now())),
        };
        let mut ws = WebSocket::from_parts(io, Role::Server, Bytes::new(), Config::new());
        let executor = wskit_test::Executor::new();
        executor.block_on(async {
            for flushed in [false, false, true] {
                flushes.set(flushed);
                if closes {
                    assert!(once(SinkExt::<Message>::close(&mut ws)).await.is_none());
                } else {
                    assert!(once(ws.recv()).await.is_none());
                }
                assert_eq!(shutdowns.get() > 0, flushed, "as a sink: {closes}");
            }
        });
    }
}
