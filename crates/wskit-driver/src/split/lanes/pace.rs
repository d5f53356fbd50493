//! The pace of lanes: which messages the peer has not said yet that it has read.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::window::{Answered, Window};

/// How far a lane may be ahead of its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// As far as the transport takes its messages.
    Free,
    /// This many messages.
    Messages(usize),
    /// As many messages as wait no longer than this behind one another.
    Delay(Duration),
}

impl Pace {
    /// The most messages that are unanswered: each takes some bytes of memory here.
    pub(super) const MOST: usize = 1024;
}

/// The pace of one lane.
pub(super) struct Pacer {
    limit: Limit,
    /// Messages that have left, and whose mark has not been answered.
    unanswered: usize,
    /// The limit has held a message back.
    is_limited: bool,
}

enum Limit {
    Fixed(usize),
    Window(Window),
}

impl Pacer {
    pub(super) fn new(pace: Pace) -> Option<Box<Self>> {
        let limit = match pace {
            Pace::Free => return None,
            Pace::Messages(most) => Limit::Fixed(most),
            Pace::Delay(target) => Limit::Window(Window::new(target)),
        };
        Some(Box::new(Self {
            limit,
            unanswered: 0,
            is_limited: false,
        }))
    }

    /// Returns whether a message that waits may leave. Notes it if not.
    pub(super) fn lets_go(&mut self) -> bool {
        let limit = match &self.limit {
            Limit::Fixed(most) => *most,
            Limit::Window(window) => window.limit(),
        };
        let lets_go = self.unanswered < limit;
        self.is_limited |= !lets_go;
        lets_go
    }

    /// Notes that a message leaves. Returns how many were not answered before.
    pub(super) fn left(&mut self) -> usize {
        self.unanswered += 1;
        self.unanswered - 1
    }

    /// Notes that a message was answered, after this time if its own mark was.
    pub(super) fn answered(&mut self, round_trip: Option<Duration>, ahead: usize) {
        self.unanswered -= 1;
        if let Limit::Window(window) = &mut self.limit {
            let message = Answered {
                round_trip,
                ahead,
                unanswered: self.unanswered,
                is_limited: self.is_limited,
            };
            if window.answered(message) {
                self.is_limited = false;
            }
        }
    }
}

/// The marks of a connection: pings that follow messages of paced lanes. The pong of a mark answers all
/// messages before it, of all lanes.
///
/// RFC 6455 §5.5.3 lets a peer answer only the latest ping, so a pong answers earlier marks too.
#[derive(Default)]
pub(super) struct Marks {
    /// The number of the latest mark. Numbers wrap around.
    latest: u32,
    /// Messages have left since, or the peer may have answered another ping in its place.
    is_owed: bool,
    /// The latest mark, if it had been written when a keepalive ping was answered last.
    before_ping: Option<u32>,
    /// Messages that are not answered, the oldest first.
    sent: VecDeque<Sent>,
}

/// A message of a paced lane that has left.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    /// The number of the mark behind it.
    mark: u32,
    /// When that left.
    at: Option<Instant>,
    /// `None` if the lane is gone, of the oldest message only.
    pub(super) lane: Option<usize>,
    /// Messages of its lane that were unanswered when it left.
    pub(super) ahead: usize,
}

impl Sent {
    /// Returns the time from the mark behind this message to `now`, if `number` is that mark's.
    pub(super) fn round_trip(&self, number: u32, now: Instant) -> Option<Duration> {
        let at = self.at.filter(|_| self.mark == number)?;
        Some(now.saturating_duration_since(at))
    }
}

/// What the payload of a mark begins with. Its number follows.
const PREFIX: [u8; 4] = *b"lane";

/// The payload of a mark.
pub(crate) type MarkPayload = [u8; 8];

/// Returns the number of a mark by its payload; `None` if it is none.
pub(crate) fn mark_number(payload: &[u8]) -> Option<u32> {
    let number = payload.strip_prefix(&PREFIX)?;
    Some(u32::from_be_bytes(number.try_into().ok()?))
}

impl Marks {
    /// Creates marks whose first has the number after `latest`.
    pub(super) fn after(latest: u32) -> Self {
        Self {
            latest,
            ..Self::default()
        }
    }

    /// Returns the number of the latest mark.
    pub(super) fn latest(&self) -> u32 {
        self.latest
    }

    /// Notes that a message leaves.
    pub(super) fn left(&mut self, lane: usize, ahead: usize) {
        self.is_owed = true;
        self.sent.push_back(Sent {
            mark: self.latest.wrapping_add(1),
            at: None,
            lane: Some(lane),
            ahead,
        });
    }

    /// Asks for one more mark, whose pong answers all messages that have left, if there are any. Returns
    /// whether there are.
    pub(super) fn repeat(&mut self) -> bool {
        let is_awaited = self.sent.iter().any(|sent| sent.lane.is_some());
        self.is_owed |= is_awaited;
        is_awaited
    }

    /// Notes that a keepalive ping was answered; `is_written`: the latest mark has been written. Returns
    /// the mark that the pong answers too: the one that had been written when the keepalive ping before was
    /// answered, because this one was only sent after that.
    pub(super) fn keepalive_answered(&mut self, is_written: bool) -> Option<u32> {
        let answered = self.before_ping.take();
        self.before_ping = is_written.then_some(self.latest);
        answered
    }

    /// Returns the mark for the messages that have left since the last one, if one is owed.
    pub(super) fn next(&mut self, now: impl FnOnce() -> Instant) -> Option<MarkPayload> {
        if !core::mem::take(&mut self.is_owed) {
            return None;
        }
        self.latest = self.latest.wrapping_add(1);
        let at = Some(now());
        let newest = self.sent.iter_mut().rev();
        for sent in newest.take_while(|sent| sent.mark == self.latest) {
            sent.at = at;
        }
        let mut payload = [0; 8];
        let (prefix, number) = payload.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(&PREFIX);
        number.copy_from_slice(&self.latest.to_be_bytes());
        Some(payload)
    }

    /// Returns whether a mark of this number was sent and not answered.
    pub(super) fn awaits(&self, number: u32) -> bool {
        self.sent.front().is_some_and(|oldest| {
            number.wrapping_sub(oldest.mark) <= self.latest.wrapping_sub(oldest.mark)
                // The mark of the oldest message may not have left yet.
                && oldest.mark != self.latest.wrapping_add(1)
        })
    }

    /// Takes a message that the mark `number` answers, which is awaited.
    pub(super) fn take_answered(&mut self, number: u32) -> Option<Sent> {
        let oldest = self.sent.front()?;
        let is_answered = oldest.at.is_some()
            && self.latest.wrapping_sub(number) <= self.latest.wrapping_sub(oldest.mark);
        if is_answered {
            self.sent.pop_front()
        } else {
            None
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sent.len()
    }

    /// Forgets a lane, whose number may be given to another one. The oldest message is kept: it tells which
    /// pongs may still come.
    pub(super) fn forget(&mut self, lane: usize) {
        let oldest = self.sent.pop_front();
        self.sent.retain(|sent| sent.lane != Some(lane));
        if let Some(mut oldest) = oldest {
            oldest.lane = oldest.lane.filter(|other| *other != lane);
            self.sent.push_front(oldest);
        }
    }
}
