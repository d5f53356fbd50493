use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use wskit_proto::{CloseFrame, Ending, Outbound, SendError, Spare, State, WithOutbound};

use super::sender::Sender;
use super::shared::Shared;
use crate::link::Link;
use crate::split::lanes::mark_number;
use crate::transport::{PollRead, Transport};

/// What the reader's engine works on: its half of the transport, and the shared part.
pub(crate) struct ReadSide<'a, T: Transport> {
    /// `None` once the connection is over.
    pub(crate) read: Option<&'a mut T::Read>,
    pub(crate) shared: &'a Shared<T>,
}

impl<T: Transport> WithOutbound for ReadSide<'_, T> {
    fn with_outbound<R>(&mut self, f: impl FnOnce(&mut Outbound) -> R) -> R {
        self.shared.with_sender(|sender| sender.output.control(f))
    }

    fn close(&mut self, close: CloseFrame) -> Result<(), SendError> {
        self.shared.with_sender(|sender| sender.close(&close))
    }

    fn take_pong(&mut self, payload: &[u8], clock: impl Fn() -> Instant) -> bool {
        let number = mark_number(payload);
        self.shared
            .with_sender(|sender| sender.take_pong(number, clock))
    }

    fn keepalive_answered(&mut self) {
        self.shared.with_sender(Sender::keepalive_answered);
    }

    fn waits_to_send(&mut self) -> bool {
        self.shared.flags().has_lane_messages() || self.with_outbound(|outbox| outbox.has_unsent())
    }
}

impl<T: Transport> PollRead for ReadSide<'_, T> {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.read {
            Some(read) => read.poll_read(cx, buf),
            None => Poll::Ready(Ok(0)),
        }
    }

    fn poll_read_large(
        &mut self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<usize>> {
        match &mut self.read {
            Some(read) => read.poll_read_large(cx, spare),
            None => Poll::Ready(Ok(0)),
        }
    }
}

impl<T: Transport> Link for ReadSide<'_, T> {
    fn state(&self) -> State {
        self.shared.state()
    }

    fn ending(&mut self) -> Ending {
        match self.shared.state() {
            State::Open => Ending::NotYet,
            _ => self.with_outbound(|outbox| outbox.ending()),
        }
    }

    fn is_over_high_water(&self) -> bool {
        self.shared.flags().is_over_high_water()
    }

    fn is_message_open(&self) -> bool {
        self.shared.flags().is_message_open()
    }

    fn unacknowledged(&mut self) -> Option<usize> {
        self.shared
            .with_sender(|sender| sender.output.unacknowledged())
    }

    fn poll_write_out(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The socket's waker wakes the reader too.
        self.shared.poll_write_out()
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared
            .with_sender(|sender| sender.output.poll_shutdown())
    }
}
