//! The compressor of messages (RFC 7692 §7.2.1).

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
/// Between messages it holds only the history (see
/// [`Config::deflate_history`]), and nothing before the first message. During a
/// message it borrows a stream from its thread.
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
    /// Identifies the streams that this compressor has used.
    id: NonZeroU64,
    charge: Option<Charge>,
    budget: Budget,
}

impl Compressor {
    /// Creates a compressor for the agreed window of this endpoint's messages
    /// ([`Params::outgoing`](crate::Params::outgoing)). Allocates nothing yet.
    ///
    /// A window of 8 bits counts as 9. The negotiation of this crate never
    /// agrees to 8.
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

    /// Returns whether to compress the next message. `len` is its length in
    /// bytes, or `None` for a streamed message.
    ///
    /// If `false`, send it uncompressed, without RSV1 and without calling
    /// [`compress`](Self::compress): it is shorter than the threshold, or the
    /// [`Budget`] is spent. If `true`, pass its bytes to `compress`.
    ///
    /// Calling it is optional: `compress` alone compresses every message.
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
            // A whole message usually leaves at once: check the budget without
            // taking from it.
            return self.budget.has_room(size);
        }
        if self.charge.is_none() {
            self.charge = self.budget.try_charge(size);
        }
        self.charge.is_some()
    }

    /// Compresses a piece of a message into `out` until the input or the room
    /// ends.
    ///
    /// `end` says that `input` is the rest of the message. When such a call is
    /// [`done`](Progress::done), the payload is complete, without the trailing 00 00 FF FF (RFC
    /// 7692 §7.2.1), and the next call begins the next message. Until then call again with the
    /// remaining input and more room. An empty message is one byte, 00.
    ///
    /// Pieces of input and output may have any size. Without `end`, up to a
    /// window of input is buffered. Unless `out` is empty, every call consumes,
    /// produces or is done.
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

    /// Records a message that was compressed by
    /// [`compress_prepared`](crate::compress_prepared) and is sent between
    /// messages of this compressor. `plain` is its uncompressed text.
    ///
    /// This call is required, as later messages refer back by distance, across
    /// the prepared one. Messages sent uncompressed are not recorded: they do
    /// not enter the window (RFC 7692 §7.2.1).
    ///
    /// Call it between messages. During a message, when no other message can be sent anyway (RFC
    /// 6455 §5.4), it does nothing.
    pub fn note_prepared(&mut self, plain: &[u8]) {
        debug_assert!(!self.begun, "messages do not interleave");
        if self.begun {
            return;
        }
        if !self.dedicated {
            self.history.push(plain);
            return;
        }
        // If the engine does not accept it, start over: an empty window is always valid.
        if let Some(stream) = self.stream.as_mut() {
            if stream.prime(plain).is_err() {
                self.stream = None;
            }
        } else {
            let mut stream = Box::new(Deflater::new(self.level, self.window_bits));
            self.stream = stream.prime(plain).is_ok().then_some(stream);
        }
    }

    /// Returns the window in bits. A message prepared with a window of at most
    /// this size can be sent on this connection.
    pub fn window_bits(&self) -> u8 {
        self.window_bits
    }

    /// Returns the compression level, 1 to 9.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Returns the bytes currently allocated for this connection: history, a
    /// dedicated stream, and the stream of an incomplete message.
    pub fn buffer_bytes(&self) -> usize {
        let stream = self.stream.as_ref().map_or(0, |_| {
            Deflate::size(self.window_bits).saturating_add(size_of::<Deflater>())
        });
        self.history.buffer_bytes().saturating_add(stream)
    }

    /// Returns a stream in the state of this connection.
    fn primed(&self) -> Box<Deflater> {
        if self.dedicated {
            return Box::new(Deflater::new(self.level, self.window_bits));
        }
        let mut stream = pool::take_deflater(self.level, self.window_bits, Some(self.id));
        let (first, second) = self.history.parts();
        if first.is_empty() && second.is_empty() {
            // The memory after this message is left as others used it.
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
            // Unreachable for a new stream. An empty window is always valid.
            stream.reset();
        }
        stream
    }
}

/// Returns a number that no other compressor of this process has.
fn next_id() -> NonZeroU64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed)).unwrap_or(NonZeroU64::MAX)
}
