use crate::link::Link;

/// Holds messages back while too many answers to earlier ones wait to be written.
///
/// It applies only while messages are lent together with the outbox. Other receives go on however
/// much is queued, because its senders have waited for room; if the receives waited too, two full
/// peers would each wait for the other to read.
#[derive(Default)]
pub(super) struct Backpressure {
    /// Bytes that were queued before the owner began to answer, and still are; `None` while it does
    /// not answer. They hold nothing back, because the peer may be waiting for us to read before it
    /// reads them.
    baseline: Option<u32>,
}

impl Backpressure {
    #[inline]
    pub(super) fn is_on(&self) -> bool {
        self.baseline.is_some()
    }

    #[inline]
    pub(super) fn start<L: Link>(&mut self, link: &mut L) {
        if self.baseline.is_none() {
            self.baseline = Some(link.with_outbound(|outbox| outbox.queued()) as u32);
        }
    }

    /// Returns whether it was on.
    #[inline]
    pub(super) fn stop(&mut self) -> bool {
        self.baseline.take().is_some()
    }

    /// Returns whether more answers wait than the high-water mark allows.
    #[cold]
    pub(super) fn owes_answers<L: Link>(&mut self, link: &mut L) -> bool {
        let Some(baseline) = &mut self.baseline else {
            return false;
        };
        link.with_outbound(|outbox| {
            // The oldest bytes leave first.
            *baseline = (*baseline).min(outbox.queued() as u32);
            outbox.is_over_high_water_beyond(*baseline as usize)
        })
    }
}
