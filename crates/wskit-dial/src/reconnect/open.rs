use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use wskit_driver::{Transport, WebSocket};

use crate::error::Error;

/// Opens connections: a [`Reconnect`](crate::Reconnect) polls it for each attempt.
///
/// [`Reconnect::new`](crate::Reconnect::new) makes one from a closure, and
/// [`Reconnect::over`](crate::Reconnect::over) takes one of your own.
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
pub(super) struct Attempts<B, F> {
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
