use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use wskit_proto::{Outgoing, QueuedMessage, SendError, State};

use super::core::{FlushTarget, WaitFor};
use super::core::{Shared, WaitGuard};
use super::lanes::LaneConfig;
use super::lanes::LaneId;
use super::writer::Writer;
use crate::error::ConnectionError;
use crate::sync::Arc;
use crate::transport::Transport;

/// A queue of one sender's own, with a priority, a bound, and a rule for what does not fit. From
/// [`Writer::lane`].
///
/// ```
/// # use wskit_driver::{ConnectionError, LaneConfig, Overflow, Priority, Transport, Writer};
/// # async fn doc<T: Transport>(writer: Writer<T>) -> Result<(), ConnectionError> {
/// let mut alarms = writer.lane(LaneConfig::new().priority(Priority::Urgent));
/// let mut prices = writer.lane(LaneConfig::new().overflow(Overflow::LatestOnly));
/// prices.push("41")?; // never waits
/// prices.push("42")?; // takes the place of 41 if that has not left yet
/// alarms.send("fire").await?;
/// # Ok(()) }
/// ```
///
/// Messages wait here neither encoded nor compressed. They are encoded when the socket takes bytes,
/// the most urgent first, and only while less than 32 KiB are encoded: that much, and what the
/// operating system buffers, an urgent message finds before it.
///
/// # Who writes?
/// [`push`](Lane::push) tries at once; [`send`](Lane::send) and [`flush`](Lane::flush) go on until it
/// is done. What is left, and what [`feed`](Lane::feed) queued, is written by a
/// [`Reader`](crate::Reader) that waits (it is woken for it), and by every call of a writer or lane
/// that writes. A connection that is not read from, and of which no call is awaited, stands still.
///
/// # The end
/// A Close from this side goes after what waits in the lanes. With the peer's Close, and when the
/// connection fails, what waits is dropped, and counts as [`dropped`](Lane::dropped).
///
/// # Dropping
/// What waits in a lane that is dropped still leaves, in its turn. A lane does not keep the connection:
/// when the [`Reader`](crate::Reader) and all [`Writer`]s are gone it ends, with a Close of code 1001 if
/// the transport takes it at once, and a push answers [`SendError::Closed`].
pub struct Lane<T: Transport> {
    shared: Arc<Shared<T>>,
    id: LaneId,
}

/// What became of the message that was pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pushed {
    /// It waits or has left.
    Queued,
    /// The same, and this number of older messages of the lane was dropped for it.
    Displaced(usize),
}

/// What waits to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Buffered {
    /// Messages that wait in lanes.
    pub messages: usize,
    /// Bytes: payload of what waits in lanes, and for a whole connection also what is encoded and
    /// not written yet.
    pub bytes: usize,
}

impl<T: Transport> Writer<T> {
    /// Opens a queue of its own beside the one that plain calls share. Any number may be open.
    #[must_use]
    pub fn lane(&self, config: LaneConfig) -> Lane<T> {
        Lane {
            shared: self.shared.clone(),
            id: self
                .shared
                .with_sender(|sender| sender.lanes().open(config)),
        }
    }

    /// What waits to be sent on this connection, in its lanes and for the socket: what browsers call
    /// `bufferedAmount`.
    #[must_use]
    pub fn buffered(&self) -> Buffered {
        self.shared.with_sender(|sender| {
            let mut buffered = sender
                .lanes
                .as_ref()
                .map_or_else(Buffered::default, |lanes| lanes.buffered());
            buffered.bytes += sender.outbox.queued();
            buffered
        })
    }
}

impl<T: Transport> Lane<T> {
    /// Queues a message and writes what the socket takes at once. Never waits: callable from
    /// anywhere, under a lock too.
    ///
    /// # Errors
    /// [`SendError::QueueFull`] when there is no room: the message is not queued, and if the lane's
    /// rule is [`Overflow::Disconnect`](crate::Overflow::Disconnect) the connection closes with 1013
    /// now. [`SendError::Closed`].
    pub fn push<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<Pushed, SendError> {
        let mut message = Some(QueuedMessage::from(message.into()));
        self.shared.push(self.id, &mut message)
    }

    /// Queues a message; waits for room where the lane is one that waits. A
    /// [`Reader`](crate::Reader) that waits is woken to write it; else it leaves with the next call
    /// that writes.
    ///
    /// # Errors
    /// As [`push`](Lane::push), but [`SendError::QueueFull`] only with
    /// [`Overflow::Disconnect`](crate::Overflow::Disconnect); [`ConnectionError::Io`] when the transport failed.
    ///
    /// # Cancel safety
    /// Of a message whose `feed` was dropped nothing is sent.
    pub async fn feed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), ConnectionError> {
        let mut message = Some(QueuedMessage::from(message.into()));
        let mut guard = WaitGuard::new(&self.shared);
        poll_fn(|cx| {
            guard.poll(cx, |sender, _| {
                if let Err(error) = sender.make_room(self.id, message.as_ref()) {
                    return Ok(Err(error));
                }
                match sender.push(self.id, &mut message) {
                    Ok(_) => Ok(Ok(())),
                    Err(SendError::QueueFull)
                        if message.is_some() && sender.waits_for_room(self.id) =>
                    {
                        Err(WaitFor::Lane(self.id))
                    }
                    Err(error) => Ok(Err(error.into())),
                }
            })
        })
        .await
    }

    /// Queues a message, and writes until everything of this lane has left.
    ///
    /// # Errors
    /// As [`feed`](Lane::feed).
    ///
    /// # Cancel safety
    /// A dropped `send` has queued its message wholly or not at all; what is queued leaves as after a
    /// [`feed`](Lane::feed).
    pub async fn send<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> Result<(), ConnectionError> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Writes until everything that waits in this lane has left (or was displaced by newer messages).
    ///
    /// # Errors
    /// [`SendError::Closed`] when the connection ended before, [`ConnectionError::Io`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        let mut guard = WaitGuard::new(&self.shared);
        // This number of messages of the lane has to have gone; then the target has to be written.
        let entered = self
            .shared
            .with_sender(|sender| sender.lanes().entered(self.id));
        let mut target: Option<FlushTarget> = None;
        poll_fn(|cx| {
            let flushed = guard.poll(cx, |sender, _| {
                if target.is_none() {
                    if !sender.lanes().have_gone(self.id, entered) {
                        if let Poll::Ready(Err(error)) = sender.poll_write_out() {
                            return Ok(Err(sender.write_failed(error)));
                        }
                    }
                    if !sender.lanes().have_gone(self.id, entered) {
                        return if sender.outbox.state() == State::Open {
                            Err(WaitFor::Lane(self.id))
                        } else {
                            Ok(Err(SendError::Closed.into()))
                        };
                    }
                }
                let target = *target.get_or_insert_with(|| sender.flush_target());
                match sender.poll_flush(target) {
                    Poll::Ready(flushed) => Ok(flushed),
                    Poll::Pending => Err(WaitFor::Flush(target)),
                }
            });
            self.shared.drive_parked();
            flushed
        })
        .await
    }

    /// What waits in this lane.
    #[must_use]
    pub fn buffered(&self) -> Buffered {
        self.shared
            .with_sender(|sender| sender.lanes().buffered_in(self.id))
    }

    /// Messages of this lane that were dropped so far: displaced by newer ones, or still waiting when
    /// the connection ended.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared
            .with_sender(|sender| sender.lanes().dropped(self.id))
    }
}

impl<T: Transport> Drop for Lane<T> {
    fn drop(&mut self) {
        self.shared
            .with_sender(|sender| sender.lanes().release(self.id));
    }
}

impl<T: Transport> fmt::Debug for Lane<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("buffered", &self.buffered())
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

impl<T: Transport> Shared<T> {
    /// Tells no observer: it may be called with a lock of the caller's held.
    fn push(&self, lane: LaneId, message: &mut Option<QueuedMessage>) -> Result<Pushed, SendError> {
        let pushed = self.with_sender(|sender| {
            // A failure is told below, as the end that it is.
            let _ = sender.make_room(lane, message.as_ref());
            let pushed = sender.push(lane, message);
            if let Poll::Ready(Err(error)) = sender.poll_write_out() {
                drop(sender.write_failed(error));
            }
            pushed
        });
        self.drive_parked_quietly();
        pushed
    }
}
