//! The decompressor of messages (RFC 7692 §7.2.2).

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
/// Between messages it holds only the history: as much as the peer may refer
/// back to, at most the agreed window, and nothing before the first message.
/// During a message it borrows a stream from its thread.
///
/// Output never exceeds the room given by the caller, whatever the input would
/// expand to. To limit the size of a message, give no more room than is left of
/// the limit plus one byte, which shows that there is more.
///
/// References beyond the agreed window are errors if they reach before the
/// message. Inside the message the engine follows them up to 32 KiB. Either way
/// only this connection's own text is read.
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
    /// Creates a decompressor for the agreed window of the peer's messages
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

    /// Decompresses a piece of a message into `out` until the input or the room
    /// ends.
    ///
    /// `end` says that `input` is the rest of the message; the 00 00 FF FF of
    /// RFC 7692 §7.2.2 is added here. When such a call is
    /// [`done`](Progress::done), the message is complete and the next call
    /// begins the next one. Until then call again with the remaining input and
    /// more room.
    ///
    /// Pieces of input and output may have any size. Unless `out` is empty,
    /// every call consumes, produces or is done. Work is bounded by the bytes
    /// of input and output, and by the history once per message.
    ///
    /// Blocks may be final: a new DEFLATE stream with an empty window may follow (§7.2.3.4). A
    /// payload of no bytes is an empty message, although §7.2.3.6 requires a single 00, because
    /// some peers send it.
    ///
    /// After an error every call returns the same error.
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

    /// Returns the bytes currently allocated for this connection: history, a
    /// dedicated stream, and the stream of an incomplete message.
    pub fn buffer_bytes(&self) -> usize {
        let stream = self
            .stream
            .as_ref()
            .map_or(0, |_| Inflate::size().saturating_add(size_of::<Inflater>()));
        self.history.buffer_bytes().saturating_add(stream)
    }

    /// Returns the bytes of text that the stream of the next message is primed with: work in
    /// addition to that for its own bytes.
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
            // The caller gives more room at once; the peer may never continue.
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

    /// Returns a stream in the state of this connection.
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
