//! Counts what batches cost: a lock and a write each, and no wake-up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use wskit_proto::PreparedMessage;

use super::transport::{TestTransport, split};
use crate::sync::locks;
use crate::{LaneConfig, Overflow, Reader, WeakWriter};

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

const BATCHES: usize = 100;

/// Returns locks, writes and wake-ups of batches of `size` messages each, while a reader waits.
fn cost(
    reader: &mut Reader<TestTransport>,
    writer: &WeakWriter<TestTransport>,
    io: &TestTransport,
    size: usize,
) -> (usize, usize, usize) {
    let message = PreparedMessage::text("news");
    let messages = vec![&message; size];
    let reading = Arc::<Counter>::default();
    let waker = Waker::from(reading.clone());
    let mut cx = Context::from_waker(&waker);
    assert!(reader.poll_recv(&mut cx).is_pending());
    let (locked, written) = (locks(), io.state().writes);
    for _ in 0..BATCHES {
        assert_eq!(writer.batch(&messages).unwrap().accepted, size);
    }
    let wakes = reading.0.load(Ordering::Relaxed);
    (locks() - locked, io.state().writes - written, wakes)
}

#[test]
fn batch_is_a_lock_and_a_write() {
    for has_lane in [false, true] {
        let (mut reader, writer, io) = split(usize::MAX, || Poll::Ready(Ok(())));
        let lane = LaneConfig::new().overflow(Overflow::LatestOnly);
        let _lane = has_lane.then(|| writer.lane(lane));
        let weak = writer.downgrade();
        for size in [1, 16] {
            let cost = cost(&mut reader, &weak, &io, size);
            assert_eq!(cost, (BATCHES, BATCHES, 0), "{size} messages");
        }
    }
}

/// A transport that refuses is asked once, until it wakes its task. No task need be woken.
#[test]
fn batch_that_is_refused_is_a_lock() {
    let (mut reader, writer, io) = split(0, || Poll::Ready(Ok(())));
    let cost = cost(&mut reader, &writer.downgrade(), &io, 1);
    assert_eq!(cost, (BATCHES, 1, 0));
}
