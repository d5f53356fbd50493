//! How far a handshake has come.

use crate::error::HandshakeError;

/// What a handshake knows after the bytes received so far.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the outcome is inside `Done`"]
pub enum Progress<T> {
    /// More bytes are needed: read more, or report the end of the stream with
    /// `receive_eof`.
    NeedMore,
    /// The handshake is complete and reads no more bytes.
    Done(T),
}

/// The end of a handshake, which every later call returns as an error.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    end: Option<HandshakeError>,
}

impl Latch {
    /// Returns the error of a handshake that has ended.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), HandshakeError> {
        self.end.clone().map_or(Ok(()), Err)
    }

    /// Keeps the end of the handshake if `outcome` is one.
    #[inline]
    pub(crate) fn keep<T>(
        &mut self,
        outcome: Result<Progress<T>, HandshakeError>,
    ) -> Result<Progress<T>, HandshakeError> {
        match &outcome {
            Ok(Progress::NeedMore) => {}
            Ok(Progress::Done(_)) => self.end = Some(HandshakeError::Finished),
            Err(error) => self.end = Some(error.clone()),
        }
        outcome
    }

    /// Returns the error that ended the handshake; if there is none, ends it
    /// with the error that `end` returns.
    pub(crate) fn end_with(&mut self, end: impl FnOnce() -> HandshakeError) -> HandshakeError {
        self.end.get_or_insert_with(end).clone()
    }
}
