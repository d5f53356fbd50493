//! The loop of a connection: takes events, else reads, else writes out and waits.

mod backpressure;
mod ending;
mod fast;
mod input;
mod read_ahead;
mod receive;
mod send;
mod turn;

pub(crate) use fast::Way;

use std::io;

use bytes::Bytes;
use wskit_proto::{Delivery, Inbound};

use crate::link::Link;
use crate::observe::Telemetry;
use crate::rare::Rare;
use crate::shutdown::{Joining, Member, Shutdown};
use crate::transport::Timer;
use backpressure::Backpressure;
use input::Input;
use read_ahead::ReadAhead;

/// The one loop of a connection.
///
/// Whole connections and readers after a split run the same code over different [`Link`]s. Each file
/// of this folder has one task of it; only [`turn`](Engine::turn) writes out and waits.
pub(crate) struct Engine<C> {
    pub(crate) inbound: Inbound,
    pub(crate) timer: C,
    /// Events that came while the owner was only sending; the next receive returns them.
    read_ahead: Rare<ReadAhead>,
    input: Input,
    backpressure: Backpressure,
    /// The first failure of the transport.
    failure: Rare<io::Error>,
    /// How the owner last received, if the next message may be returned the same way without checking
    /// anything else.
    fast: Way,
    /// The owner has received since it last sent, so a send need not read.
    receiving: bool,
    auto_pong: bool,
    /// How messages are delivered that come while the owner is only sending.
    pub(crate) read_ahead_delivery: Delivery,
    /// A shutdown was requested and waits for the end of a message in pieces.
    pub(crate) held_back: bool,
    /// The end has been returned by a receive.
    end_reported: bool,
    /// The failure has been returned by a send.
    failure_reported: bool,
    /// Observers are not called now, because the caller may hold a lock.
    pub(crate) quiet: bool,
    pub(crate) telemetry: Telemetry<C>,
    /// The membership in the shutdown that this connection follows.
    pub(crate) member: Rare<Member>,
}

impl<C: Timer> Engine<C> {
    /// Creates an engine. `leftover` is what was read behind the opening handshake, `read_budget` that of
    /// the configuration.
    pub(crate) fn new(
        inbound: Inbound,
        timer: C,
        leftover: Bytes,
        auto_pong: bool,
        read_budget: usize,
    ) -> Self {
        let telemetry = Telemetry::new(&inbound);
        Self {
            inbound,
            timer,
            read_ahead: Rare::default(),
            input: Input::new(leftover, read_budget),
            backpressure: Backpressure::default(),
            failure: Rare::default(),
            fast: Way::Slow,
            receiving: false,
            auto_pong,
            read_ahead_delivery: Delivery::Whole,
            held_back: false,
            end_reported: false,
            failure_reported: false,
            quiet: false,
            telemetry,
            member: Rare::default(),
        }
    }

    /// Follows a shutdown, unless the connection has ended.
    pub(crate) fn track<S>(&mut self, shutdown: &Shutdown<S>) {
        if self.is_over()
            || self
                .member
                .as_ref()
                .is_some_and(|member| shutdown.has(member))
        {
            return;
        }
        // It joins before it leaves the other: a connection that changes over is always one of either.
        let before = self.member.replace(Box::new(shutdown.member()));
        if let Some(mut before) = before {
            before.withdraw();
        }
    }

    /// Follows the shutdown that its opening handshake has joined, if any.
    pub(crate) fn join(&mut self, joining: &mut Joining) {
        *self.member = joining.take();
    }

    /// Drops the wakers of the task that has polled this, which polls it no more.
    pub(crate) fn forget_task(&mut self) {
        self.timer = self.timer.clone();
        if let Some(member) = &*self.member {
            member.forget();
        }
    }

    /// Returns whether the end of the connection has been returned to the owner.
    pub(crate) fn is_over(&self) -> bool {
        self.end_reported
    }

    /// Messages are lent together with the outbox from now on.
    #[inline]
    fn start_answering<L: Link>(&mut self, link: &mut L) {
        self.backpressure.start(link);
    }

    /// Messages are returned without the outbox from now on.
    #[inline]
    pub(crate) fn stop_answering(&mut self) {
        if self.backpressure.stop() {
            self.fast = Way::Slow;
        }
    }
}

/// Observers learn of a connection that is dropped, too.
#[cfg(any(feature = "metrics", feature = "tracing"))]
impl<C> Drop for Engine<C> {
    fn drop(&mut self) {
        self.telemetry.ended(None, &self.timer);
    }
}
