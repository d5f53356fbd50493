use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// Counts of what has gone through one connection, which any thread may read while it runs.
///
/// Each number has one writer, so counting takes a load and a store, and no lock.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) received: Direction,
    pub(crate) sent: Direction,
    queued: AtomicU64,
    round_trip: AtomicU64,
    round_trips: AtomicU64,
}

/// The counters of one direction, in a cache line of their own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(crate) struct Direction {
    frames: AtomicU64,
    messages: AtomicU64,
    wire: AtomicU64,
    payload: AtomicU64,
    deflated: AtomicU64,
    inflated: AtomicU64,
}

/// The counters of a connection at one moment, from [`Counters::read`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// What has come from the peer.
    pub received: Traffic,
    /// What has gone to the peer.
    pub sent: Traffic,
    /// Bytes that waited for the socket after the latest write.
    pub queued: u64,
    /// The latest round trip of a keepalive ping.
    pub round_trip: Option<Duration>,
    /// How many round trips were measured.
    pub round_trips: u64,
}

/// The counts of one direction of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// Frames, control frames included. Sent frames count when they are queued; each of several pongs
    /// that replace one another counts.
    pub frames: u64,
    /// Whole messages. Sent messages count when they are queued.
    pub messages: u64,
    /// Bytes read from or written to the transport, headers included, since the opening handshake.
    pub wire_bytes: u64,
    /// Bytes of messages, before compression.
    pub payload_bytes: u64,
    /// Bytes of compressed messages on the wire, without headers.
    pub deflated_bytes: u64,
    /// Bytes of those messages before compression.
    pub inflated_bytes: u64,
}

impl Counters {
    /// Returns the numbers now. Those of a busy direction may be a few events apart.
    pub fn read(&self) -> Metrics {
        let round_trips = self.round_trips.load(Ordering::Acquire);
        let round_trip = Duration::from_nanos(self.round_trip.load(Ordering::Relaxed));
        Metrics {
            received: self.received.read(),
            sent: self.sent.read(),
            queued: self.queued.load(Ordering::Relaxed),
            round_trip: (round_trips > 0).then_some(round_trip),
            round_trips,
        }
    }

    pub(crate) fn queued(&self, bytes: usize) {
        self.queued.store(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn round_trip(&self, time: Option<Duration>) {
        let nanos = time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.round_trip.store(nanos, Ordering::Relaxed);
        let before = self.round_trips.load(Ordering::Relaxed);
        self.round_trips
            .store(before.wrapping_add(1), Ordering::Release);
    }
}

impl Direction {
    pub(crate) fn message(&self, payload: usize) {
        add(&self.messages, 1);
        add(&self.payload, payload);
    }

    pub(crate) fn frame(&self) {
        add(&self.frames, 1);
    }

    /// Counts part of a message that is not its end.
    pub(crate) fn part(&self, payload: usize) {
        add(&self.payload, payload);
    }

    pub(crate) fn wire(&self, bytes: usize) {
        add(&self.wire, bytes);
    }

    #[cfg(feature = "deflate")]
    pub(crate) fn compression(&self, inflated: usize, deflated: usize) {
        add(&self.inflated, inflated);
        add(&self.deflated, deflated);
    }

    fn read(&self) -> Traffic {
        let read = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Traffic {
            frames: read(&self.frames),
            messages: read(&self.messages),
            wire_bytes: read(&self.wire),
            payload_bytes: read(&self.payload),
            deflated_bytes: read(&self.deflated),
            inflated_bytes: read(&self.inflated),
        }
    }
}

/// Adds without an atomic operation for the whole, because each counter has one writer.
#[inline]
fn add(cell: &AtomicU64, more: usize) {
    let sum = cell.load(Ordering::Relaxed).wrapping_add(more as u64);
    cell.store(sum, Ordering::Relaxed);
}
