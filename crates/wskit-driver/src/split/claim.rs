use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use wskit_proto::{Outbox, SendError};

use super::flushing::Flushing;
use super::shared::{Place, Shared};
use super::tx::Tx;
use super::writer::Writer;
use crate::error::Error;
use crate::transport::Transport;

/// The right to be the only one who queues data, while a message is sent in pieces (RFC 6455 §5.4:
/// the fragments of two messages do not mix). Given up when it is dropped.
pub(crate) struct Claim<'a, T: Transport> {
    shared: &'a Shared<T>,
    flushing: Option<Flushing<'a, T>>,
    held: bool,
}

impl<'a, T: Transport> Claim<'a, T> {
    /// Waits for its turn in the line, then for the permits that were given out before.
    pub(crate) async fn new(writer: &'a Writer<T>) -> Result<Self, Error> {
        let shared = &*writer.shared;
        let mut place = Place::new(shared);
        poll_fn(|cx| shared.poll_enter(cx, &mut place, Tx::claim)).await?;
        let mut claim = Self {
            shared,
            flushing: None,
            held: true,
        };
        poll_fn(|cx| claim.poll_room(cx)).await?;
        Ok(claim)
    }

    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.poll_room(cx, true)
    }

    /// Calls `f`, which may queue more: a flush in progress does not wait for that, a later one does.
    pub(crate) fn with_outbox(
        &mut self,
        f: impl FnOnce(&mut Outbox) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        self.flushing = None;
        Ok(self.shared.with_tx(|tx| f(&mut tx.outbox))?)
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let shared = self.shared;
        let flushing = self.flushing.get_or_insert_with(|| Flushing::new(shared));
        let flushed = ready!(flushing.poll(cx));
        self.flushing = None;
        Poll::Ready(flushed)
    }

    /// Lets the others in.
    pub(crate) fn give_up(&mut self) {
        if core::mem::take(&mut self.held) {
            self.shared.with_tx(Tx::give_up_claim);
            self.shared.wake_waiting();
        }
    }
}

impl<T: Transport> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        self.give_up();
    }
}
