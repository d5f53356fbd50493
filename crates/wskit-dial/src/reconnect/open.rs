use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use wskit_driver::{Transport, WebSocket};

use crate::error::Error;

/// Opens connections: a [`Reconnect`](crate::Reconnect) polls it for each attempt. [`Attempts`] makes one
/// from a closure.
pub trait Open {
    /// The transport of the connections.
    type Transport: Transport;

    /// Continues the attempt in progress, or begins one.
    ///
    /// # Errors
    /// Why there is no connection.
    fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<WebSocket<Self::Transport>, Error>>;

    /// Drops the attempt in progress.
    fn cancel(&mut self);
}

/// An [`Open`] made from a closure that begins an attempt.
pub struct Attempts<B, F> {
    begin: B,
    current: Option<Pin<Box<F>>>,
}

impl<B, F> Attempts<B, F> {
    /// Makes an `Open` that calls `begin` for each attempt.
    pub(super) fn new(begin: B) -> Self {
        Self {
            begin,
            current: None,
        }
    }
}

impl<B, F, T> Open for Attempts<B, F>
where
    B: FnMut() -> F,
    F: Future<Output = Result<WebSocket<T>, Error>>,
    T: Transport,
{
    type Transport = T;

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Result<WebSocket<T>, Error>> {
        let begin = &mut self.begin;
        let current = self.current.get_or_insert_with(|| Box::pin(begin()));
        let opened = ready!(current.as_mut().poll(cx));
        self.current = None;
        Poll::Ready(opened)
    }

    fn cancel(&mut self) {
        self.current = None;
    }
}

impl<B, F> fmt::Debug for Attempts<B, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempts").finish_non_exhaustive()
    }
}

/// An [`Open`] that runs a hook on each new connection of another one.
pub(super) struct Prepared<O, H, F> {
    open: O,
    hook: H,
    current: Option<Pin<Box<F>>>,
}

impl<O, H, F> Prepared<O, H, F> {
    pub(super) fn new(open: O, hook: H) -> Self {
        Self {
            open,
            hook,
            current: None,
        }
    }
}

impl<O, H, F> Open for Prepared<O, H, F>
where
    O: Open,
    H: FnMut(WebSocket<O::Transport>) -> F,
    F: Future<Output = Result<WebSocket<O::Transport>, Error>>,
{
    type Transport = O::Transport;

    fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<WebSocket<Self::Transport>, Error>> {
        let current = match &mut self.current {
            Some(current) => current,
            none => {
                let ws = ready!(self.open.poll_open(cx))?;
                none.insert(Box::pin((self.hook)(ws)))
            }
        };
        let prepared = ready!(current.as_mut().poll(cx));
        self.current = None;
        Poll::Ready(prepared)
    }

    fn cancel(&mut self) {
        self.current = None;
        self.open.cancel();
    }
}
