//! What writers and lanes call, without the type of the transport.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wskit_proto::{
    CloseFrame, Outcome, Outgoing, PreparedMessage, QueuedMessage, SendError, State,
};

use super::closing::wait_for_end;
use super::core::{Batched, Cancel, FlushTarget, Output, Shared, Ticket, WaitFor, Waiter};
use super::lanes::{Buffered, LaneConfig, LaneId, Overflow, Pushed};
use crate::error::ConnectionError;
use crate::sync::Arc;
use crate::transport::{PollWrite, SendTransport, TlsSession, Transport};

type Sent = Poll<Result<(), ConnectionError>>;

/// The calls of writers and lanes on what the halves share.
///
/// [`Writer`](super::Writer) and [`Lane`](super::Lane) call them for a known transport,
/// [`AnyWriter`](super::AnyWriter) and [`AnyLane`](super::AnyLane) through a trait object. A call that
/// waits is polled with its place in the wait queue and what it remembers, so no future has to be boxed.
pub(crate) trait Handle: Cancel {
    // Owners.
    fn add_owner(&self);
    fn try_add_owner(&self) -> bool;
    fn remove_owner(&self);

    // Getters.
    fn state(&self) -> State;
    fn outcome(&self) -> Option<Outcome>;
    fn protocol(&self) -> Option<&str>;
    fn round_trip(&self) -> Option<Duration>;
    fn queued(&self) -> usize;
    fn buffered(&self) -> Buffered;
    fn peer_addr(&self) -> Option<SocketAddr>;
    fn local_addr(&self) -> Option<SocketAddr>;
    fn tls_session(&self) -> Option<TlsSession>;

    // Writers.

    /// Queues `message`, then flushes up to `target`, which is set when the message is queued.
    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        message: &mut Option<Outgoing<'_>>,
        target: &mut Option<FlushTarget>,
    ) -> Sent;
    fn poll_feed(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        message: &mut Option<Outgoing<'_>>,
    ) -> Sent;
    fn try_feed(&self, message: &mut Option<Outgoing<'_>>) -> Result<(), SendError>;
    /// Flushes up to `target`, which is what is queued at the first call.
    fn poll_flush(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        target: &mut Option<FlushTarget>,
    ) -> Sent;
    fn queue_ping(&self, payload: &[u8]) -> Result<(), SendError>;
    fn start_close(&self, close: &CloseFrame) -> Result<(), SendError>;

    // Calls that never wait, also of weak writers.
    fn batch(&self, messages: &[&PreparedMessage]) -> Result<Batched, SendError>;
    fn wake_when_room(&self, waker: &Waker);
    fn wake_when_closed(&self, waker: &Waker);

    // Permits.
    fn poll_permit(&self, cx: &mut Context<'_>, ticket: &mut Option<Ticket>) -> Sent;
    fn feed_reserved(&self, message: &mut Option<Outgoing<'_>>);
    fn return_permit(&self);

    // Lanes.
    fn open_lane(&self, config: LaneConfig) -> LaneId;
    fn release_lane(&self, lane: LaneId);
    fn push(&self, lane: LaneId, message: &mut Option<QueuedMessage>) -> Result<Pushed, SendError>;
    fn poll_lane_feed(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        lane: LaneId,
        message: &mut Option<QueuedMessage>,
    ) -> Sent;
    /// Returns how many messages were ever queued in the lane.
    fn entered_lane(&self, lane: LaneId) -> u64;
    /// Waits until `entered` messages have left the lane, then flushes up to `target`, which is set then.
    fn poll_lane_flush(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        lane: LaneId,
        entered: u64,
        target: &mut Option<FlushTarget>,
    ) -> Sent;
    fn buffered_in(&self, lane: LaneId) -> Buffered;
    fn dropped_in(&self, lane: LaneId) -> u64;
}

/// A [`Handle`] that threads can share.
pub(crate) trait SharedHandle: Handle + Send + Sync {
    /// Waits for the end of the connection, for at most `Config::close_timeout`. A Close is queued.
    fn end(
        self: Arc<Self>,
    ) -> Pin<Box<dyn Future<Output = Result<Outcome, ConnectionError>> + Send>>;
}

impl<T: SendTransport> SharedHandle for Shared<T> {
    fn end(
        self: Arc<Self>,
    ) -> Pin<Box<dyn Future<Output = Result<Outcome, ConnectionError>> + Send>> {
        Box::pin(async move { wait_for_end(&self).await })
    }
}

impl<T: Transport> Handle for Shared<T> {
    fn add_owner(&self) {
        Self::add_owner(self);
    }

    fn try_add_owner(&self) -> bool {
        Self::try_add_owner(self)
    }

    fn remove_owner(&self) {
        Self::remove_owner(self);
    }

    fn state(&self) -> State {
        Self::state(self)
    }

    fn outcome(&self) -> Option<Outcome> {
        Self::outcome(self)
    }

    fn protocol(&self) -> Option<&str> {
        Self::protocol(self)
    }

    fn round_trip(&self) -> Option<Duration> {
        Self::round_trip(self)
    }

    fn queued(&self) -> usize {
        self.with_sender(|sender| sender.output.outbox.queued())
    }

    fn buffered(&self) -> Buffered {
        self.with_sender(|sender| sender.buffered())
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.with_io(PollWrite::peer_addr)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.with_io(PollWrite::local_addr)
    }

    fn tls_session(&self) -> Option<TlsSession> {
        self.with_io(PollWrite::tls_session)
    }

    #[inline]
    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        message: &mut Option<Outgoing<'_>>,
        target: &mut Option<FlushTarget>,
    ) -> Sent {
        self.poll_flushing(cx, ticket, |sender, ticket| {
            if target.is_none() {
                let queued = sender.try_enter(ticket, |output| output.feed(message))?;
                if queued.is_err() {
                    return Ok(queued);
                }
            }
            sender.try_flush(target, WaitFor::Flush)
        })
    }

    #[inline]
    fn poll_feed(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        message: &mut Option<Outgoing<'_>>,
    ) -> Sent {
        self.poll_sender(cx, ticket, |sender, ticket| {
            sender.try_enter(ticket, |output| output.feed(message))
        })
    }

    fn try_feed(&self, message: &mut Option<Outgoing<'_>>) -> Result<(), SendError> {
        self.with_sender(|sender| sender.try_feed(message))
    }

    #[inline]
    fn poll_flush(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        target: &mut Option<FlushTarget>,
    ) -> Sent {
        self.poll_flushing(cx, ticket, |sender, _| {
            sender.try_flush(target, WaitFor::Flush)
        })
    }

    fn queue_ping(&self, payload: &[u8]) -> Result<(), SendError> {
        self.with_sender(|sender| sender.output.control(|outbox| outbox.ping(payload)))
    }

    fn start_close(&self, close: &CloseFrame) -> Result<(), SendError> {
        self.with_sender(|sender| sender.close(close))
    }

    fn batch(&self, messages: &[&PreparedMessage]) -> Result<Batched, SendError> {
        if !self.has_owner() {
            return Err(SendError::Closed);
        }
        let batched = self.with_sender(|sender| sender.batch(messages));
        if self.is_parked() {
            // Observers are not told here, because the caller may hold a lock.
            self.drive_parked_quietly();
        }
        batched
    }

    fn wake_when_room(&self, waker: &Waker) {
        let waiter = Waiter::new(waker);
        let woken = self.with_sender(|sender| sender.watch_room(waiter, self.has_owner()));
        woken.into_iter().for_each(Waiter::wake);
    }

    fn wake_when_closed(&self, waker: &Waker) {
        let waker = waker.clone();
        let woken = self.with_sender(|sender| sender.watch_end(waker, self.has_owner()));
        woken.into_iter().for_each(Waker::wake);
    }

    fn poll_permit(&self, cx: &mut Context<'_>, ticket: &mut Option<Ticket>) -> Sent {
        self.poll_sender(cx, ticket, |sender, ticket| {
            sender.try_enter(ticket, Output::take_permit)
        })
    }

    fn feed_reserved(&self, message: &mut Option<Outgoing<'_>>) {
        // Only `Closed` is possible.
        let _ = self.with_sender(|sender| sender.output.feed_reserved(message));
    }

    fn return_permit(&self) {
        self.with_sender(|sender| sender.output.return_permit());
    }

    fn open_lane(&self, config: LaneConfig) -> LaneId {
        self.with_sender(|sender| sender.lanes().open(config))
    }

    fn release_lane(&self, lane: LaneId) {
        self.with_sender(|sender| sender.release_lane(lane));
    }

    fn push(&self, lane: LaneId, message: &mut Option<QueuedMessage>) -> Result<Pushed, SendError> {
        self.read_for_room(lane, message.as_ref());
        // A failed write is reported by the end of the connection. Its error is dropped after unlocking.
        let (_, pushed, _) = self.with_sender(|sender| {
            let written = sender.make_room(lane, message.as_ref());
            let pushed = sender.push(lane, message);
            (written, pushed, sender.write_out())
        });
        // Observers are not told here, because the caller may hold a lock.
        self.drive_parked_quietly();
        pushed
    }

    fn poll_lane_feed(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        lane: LaneId,
        message: &mut Option<QueuedMessage>,
    ) -> Sent {
        self.read_for_room(lane, message.as_ref());
        self.poll_sender(cx, ticket, |sender, _| {
            if let Err(error) = sender.make_room(lane, message.as_ref()) {
                return Ok(Err(error.into()));
            }
            match sender.push(lane, message) {
                Ok(_) => Ok(Ok(())),
                Err(SendError::QueueFull)
                    if message.is_some() && sender.lanes().policy(lane) == Overflow::Wait =>
                {
                    Err(WaitFor::Lane(lane))
                }
                Err(error) => Ok(Err(error.into())),
            }
        })
    }

    fn entered_lane(&self, lane: LaneId) -> u64 {
        self.with_sender(|sender| sender.lanes().entered(lane))
    }

    fn poll_lane_flush(
        &self,
        cx: &mut Context<'_>,
        ticket: &mut Option<Ticket>,
        lane: LaneId,
        entered: u64,
        target: &mut Option<FlushTarget>,
    ) -> Sent {
        self.poll_flushing(cx, ticket, |sender, _| {
            if target.is_none() && !sender.lanes().have_gone(lane, entered) {
                if let Err(error) = sender.write_out() {
                    return Ok(Err(error.into()));
                }
                if !sender.lanes().have_gone(lane, entered) {
                    return match sender.output.outbox.state() {
                        State::Open => Err(WaitFor::Lane(lane)),
                        _ => Ok(Err(SendError::Closed.into())),
                    };
                }
            }
            sender.try_flush(target, WaitFor::Flush)
        })
    }

    fn buffered_in(&self, lane: LaneId) -> Buffered {
        self.with_sender(|sender| sender.lanes().buffered_in(lane))
    }

    fn dropped_in(&self, lane: LaneId) -> u64 {
        self.with_sender(|sender| sender.lanes().dropped(lane))
    }
}
