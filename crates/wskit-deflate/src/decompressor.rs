//! Compressed messages in, plain ones out (RFC 7692 §7.2.2).

use crate::budget::{Budget, Charge};
use crate::config::Config;
use crate::engine::Inflate;
use crate::error::DecompressError;
use crate::history::History;
use crate::inflater::Inflater;
use crate::params::Window;
use crate::pool;
use crate::progress::Progress;

/// Decompresses the messages that one endpoint receives on one connection.
///
/// Between messages it holds the history only: as much as the peer may refer
/// back to, so the agreed window at most, and nothing before the first message.
/// For the time of a message it borrows a stream from its thread.
///
/// Output is bounded while it is produced: never a byte more than the caller
/// gives room for, whatever the input would expand to. To limit the size of a
/// message, give no more room than is left of the limit, plus one byte to see
/// that there is more.
///
/// References further back than the agreed window are errors when they reach
/// before the message; inside the message the engine follows them up to 32 KiB.
/// Either way nothing is read but this connection's own plain text.
#[derive(Debug)]
pub struct Decompressor {
    /// Keeps its stream between messages. Only with context takeover.
    dedicated: bool,
    /// A message has begun and not ended.
    begun: bool,
    /// The budget had room for this message when it first waited for the peer.
    admitted: bool,
    failed: Option<DecompressError>,
    history: History,
    stream: Option<Box<Inflater>>,
    charge: Option<Charge>,
    budget: Budget,
}

impl Decompressor {
    /// A decompressor for what was agreed for the peer's messages
    /// ([`Params::incoming`](crate::Params::incoming)). Allocates nothing yet.
    pub fn new(agreed: Window, config: &Config) -> Self {
        let takeover = !agreed.no_context_takeover;
        let dedicated = takeover && config.dedicated;
        Self {
            dedicated,
            begun: false,
            admitted: false,
            failed: None,
            // §7.2.2: without an agreement the peer may refer to the whole window.
            history: History::new(if takeover && !dedicated {
                agreed.size()
            } else {
                0
            }),
            stream: None,
            charge: None,
            budget: config.budget.clone(),
        }
    }

    /// Decompresses a piece of a message into `out`, as far as there is room.
    ///
    /// `end` says that `input` reaches the end of the message; the 00 00 FF FF of
    /// RFC 7692 §7.2.2 is added here. When such a call is
    /// [`done`](Progress::done), the message is complete and the next call begins
    /// the next one. Until then call again with the input that is left and more
    /// room.
    ///
    /// Pieces may be of any size, in and out. A call that neither consumes nor
    /// produces nor is done happens only if `out` is empty. Work is bounded by
    /// the bytes of input and output, and the history once a message.
    ///
    /// Blocks may be final: what follows one is a new DEFLATE stream with an empty
    /// window (§7.2.3.4), and nothing has to follow. A payload of no bytes at all
    /// is an empty message, though §7.2.3.6 wants a single 00: some peers send it.
    ///
    /// After an error every call gives the same error.
    pub fn decompress(
        &mut self,
        input: &[u8],
        end: bool,
        out: &mut [u8],
    ) -> Result<Progress, DecompressError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        match self.step(input, end, out) {
            Ok(progress) => Ok(progress),
            Err(error) => {
                self.failed = Some(error);
                self.stream = None;
                self.charge = None;
                self.history = History::new(0);
                Err(error)
            }
        }
    }

    /// Bytes allocated for this connection now: history, a dedicated stream, and
    /// the stream of a message that is half-way.
    pub fn buffer_bytes(&self) -> usize {
        let stream = self
            .stream
            .as_ref()
            .map_or(0, |_| Inflate::size().saturating_add(size_of::<Inflater>()));
        self.history.buffer_bytes().saturating_add(stream)
    }

    /// Bytes of plain text that the stream of the next message is primed with: work beside that of its
    /// own bytes.
    pub fn primes(&self) -> usize {
        let (first, second) = self.history.parts();
        first.len().saturating_add(second.len())
    }

    fn step(
        &mut self,
        input: &[u8],
        end: bool,
        out: &mut [u8],
    ) -> Result<Progress, DecompressError> {
        if !self.begun && input.is_empty() {
            return Ok(Progress {
                done: true,
                ..Progress::default()
            });
        }
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.primed()?,
        };
        self.begun = true;
        let progress = stream.pull(input, end, out)?;
        self.history
            .push(out.get(..progress.produced).unwrap_or_default());
        if end && progress.done {
            (self.begun, self.admitted) = (false, false);
            self.charge = None;
            if self.dedicated {
                self.stream = Some(stream);
            } else {
                pool::give_inflater(stream);
            }
            return Ok(progress);
        }
        if !self.dedicated {
            let charge = || self.budget.charge(Inflate::size());
            self.charge.get_or_insert_with(charge);
            // The caller, who gives the room, goes on at once; the peer may never do.
            if progress.done && !self.admitted {
                if self.budget.is_overdrawn() {
                    return Err(DecompressError::BudgetSpent);
                }
                self.admitted = true;
            }
        }
        self.stream = Some(stream);
        Ok(progress)
    }

    /// A stream that stands where this connection stands.
    fn primed(&self) -> Result<Box<Inflater>, DecompressError> {
        if self.dedicated {
            return Ok(Box::new(Inflater::new()));
        }
        let mut stream = pool::take_inflater();
        let (first, second) = self.history.parts();
        stream.prime(first)?;
        stream.prime(second)?;
        Ok(stream)
    }
}
