//! Plain messages in, compressed ones out (RFC 7692 §7.2.1).

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::budget::{Budget, Charge};
use crate::config::Config;
use crate::deflater::Deflater;
use crate::engine::Deflate;
use crate::history::History;
use crate::params::Window;
use crate::pool;
use crate::progress::Progress;

/// Compresses the messages that one endpoint sends on one connection.
///
/// Between messages it holds the history only (see
/// [`Config::deflate_history`]), and nothing at all before the first message. For
/// the time of a message it borrows a stream from its thread.
#[derive(Debug)]
pub struct Compressor {
    level: u8,
    window_bits: u8,
    /// Keeps its stream between messages. Only with context takeover.
    dedicated: bool,
    /// A message has begun and not ended.
    begun: bool,
    threshold: u32,
    history: History,
    stream: Option<Box<Deflater>>,
    /// Tells the streams that it has used from those that others have.
    id: NonZeroU64,
    charge: Option<Charge>,
    budget: Budget,
}

impl Compressor {
    /// A compressor for what was agreed for this endpoint's messages
    /// ([`Params::outgoing`](crate::Params::outgoing)). Allocates nothing yet.
    ///
    /// A window of 8 bits counts as 9; the negotiation of this crate never agrees
    /// to one.
    pub fn new(agreed: Window, config: &Config) -> Self {
        let window_bits = agreed.bits.clamp(9, 15);
        let takeover =
            !agreed.no_context_takeover && (config.dedicated || config.deflate_history > 0);
        let dedicated = takeover && config.dedicated;
        let history = usize::from(config.deflate_history).min(1 << window_bits);
        Self {
            level: config.level,
            window_bits,
            dedicated,
            begun: false,
            threshold: if takeover {
                config.threshold
            } else {
                config.threshold_without_takeover
            },
            history: History::new(if takeover && !dedicated { history } else { 0 }),
            stream: None,
            id: next_id(),
            charge: None,
            budget: config.budget.clone(),
        }
    }

    /// Whether to compress the message that comes next. `len` is its length in
    /// bytes, or `None` for one that is streamed.
    ///
    /// `false` says to send it uncompressed, without RSV1 and without calling
    /// [`compress`](Self::compress): it is shorter than the threshold, or the
    /// [`Budget`] is spent. After `true` its bytes go to `compress`.
    ///
    /// Calling it is optional; `compress` alone compresses everything.
    #[must_use]
    pub fn begin(&mut self, len: Option<usize>) -> bool {
        if self.begun {
            return true;
        }
        if len.is_some_and(|len| len < self.threshold as usize) {
            return false;
        }
        if self.dedicated {
            return true;
        }
        let size = Deflate::size(self.window_bits);
        if len.is_some() {
            // It leaves in one go, as a rule: look, do not take.
            return self.budget.has_room(size);
        }
        if self.charge.is_none() {
            self.charge = self.budget.try_charge(size);
        }
        self.charge.is_some()
    }

    /// Compresses a piece of a message into `out`, as far as there is room.
    ///
    /// `end` says that `input` reaches the end of the message. When such a call is
    /// [`done`](Progress::done), the payload is complete, without the trailing
    /// 00 00 FF FF (RFC 7692 §7.2.1), and the next call begins the next message.
    /// Until then call again with the input that is left and more room. An empty
    /// message is one byte, 00.
    ///
    /// Pieces may be of any size, in and out. Without `end`, up to a window of
    /// input waits inside for more. A call that neither consumes nor produces nor
    /// is done happens only if `out` is empty.
    pub fn compress(&mut self, input: &[u8], end: bool, out: &mut [u8]) -> Progress {
        if !self.begun && input.is_empty() && !end {
            return Progress {
                done: true,
                ..Progress::default()
            };
        }
        let mut stream = self.stream.take().unwrap_or_else(|| self.primed());
        self.begun = true;
        let progress = stream.push(input, end, out);
        if !self.dedicated {
            self.history
                .push(input.get(..progress.consumed).unwrap_or_default());
        }
        if end && progress.done {
            self.begun = false;
            self.charge = None;
            if self.dedicated {
                self.stream = Some(stream);
            } else {
                pool::give_deflater(stream);
            }
        } else {
            if !self.dedicated && self.charge.is_none() {
                self.charge = Some(self.budget.charge(Deflate::size(self.window_bits)));
            }
            self.stream = Some(stream);
        }
        progress
    }

    /// Takes note of a message that was compressed elsewhere
    /// ([`compress_prepared`](crate::compress_prepared)) and is sent between this
    /// compressor's messages: `plain` is its plain text.
    ///
    /// It is a must, as later messages refer back by distance, across that one.
    /// Messages sent uncompressed are not noted: they do not enter the window
    /// (RFC 7692 §7.2.1).
    ///
    /// Call it between messages. In the midst of one, when no other message can be
    /// sent anyway (RFC 6455 §5.4), it does nothing.
    pub fn note_prepared(&mut self, plain: &[u8]) {
        debug_assert!(!self.begun, "messages do not interleave");
        if self.begun {
            return;
        }
        if !self.dedicated {
            self.history.push(plain);
            return;
        }
        // An engine that does not take it starts anew: an empty window is always right.
        if let Some(stream) = self.stream.as_mut() {
            if stream.prime(plain).is_err() {
                self.stream = None;
            }
        } else {
            let mut stream = Box::new(Deflater::new(self.level, self.window_bits));
            self.stream = stream.prime(plain).is_ok().then_some(stream);
        }
    }

    /// What messages may refer back to, in bits; a message prepared with a window
    /// of at most this size can be sent on this connection.
    pub fn window_bits(&self) -> u8 {
        self.window_bits
    }

    /// How hard it tries, 1 to 9.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Bytes allocated for this connection now: history, a dedicated stream, and
    /// the stream of a message that is half-way.
    pub fn buffer_bytes(&self) -> usize {
        let stream = self.stream.as_ref().map_or(0, |_| {
            Deflate::size(self.window_bits).saturating_add(size_of::<Deflater>())
        });
        self.history.buffer_bytes().saturating_add(stream)
    }

    /// A stream that stands where this connection stands.
    fn primed(&self) -> Box<Deflater> {
        if self.dedicated {
            return Box::new(Deflater::new(self.level, self.window_bits));
        }
        let mut stream = pool::take_deflater(self.level, self.window_bits, Some(self.id));
        let (first, second) = self.history.parts();
        if first.is_empty() && second.is_empty() {
            // The memory behind this message stays what others made it.
            stream.disown();
            return stream;
        }
        if !stream.is_of(self.id) {
            stream.blank(self.id, self.history.max());
        }
        if stream
            .prime(first)
            .and_then(|()| stream.prime(second))
            .is_err()
        {
            // Unreachable for a new stream. An empty window is always right.
            stream.reset();
        }
        stream
    }
}

/// A number that no other compressor of this process has.
fn next_id() -> NonZeroU64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)).unwrap_or(NonZeroU64::MAX)
}
