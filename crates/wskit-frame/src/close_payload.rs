//! The payload of a close frame, RFC 6455 section 5.5.1.
#![allow(clippy::arithmetic_side_effects, reason = "lengths of at most 125")]

use crate::{CONTROL_MAX, CloseCode, FrameError};
use core::fmt;

/// The code and the reason in a close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClosePayload<'a> {
    /// The reason for the close as a code.
    pub code: CloseCode,
    /// A text for logs, not for users. May be empty.
    pub reason: &'a str,
}

impl<'a> ClosePayload<'a> {
    /// The maximum length of a reason in bytes: a control frame's 125 less the code.
    pub const MAX_REASON: usize = CONTROL_MAX - 2;

    /// Parses the unmasked payload of a close frame. Returns `None` if it is
    /// empty.
    ///
    /// # Errors
    ///
    /// [`FrameError::CloseTooShort`] for a single byte,
    /// [`FrameError::CloseCode`] for a code that is not
    /// [sendable](CloseCode::is_sendable), and [`FrameError::CloseReasonUtf8`]
    /// for a reason that is not UTF-8 (the only one answered with 1007). The
    /// length of the payload is not checked: [`FrameHeader::parse`] does that.
    ///
    /// [`FrameHeader::parse`]: crate::FrameHeader::parse
    pub fn parse(payload: &'a [u8]) -> Result<Option<Self>, FrameError> {
        // Section 5.5.1: a body starts with a code of two bytes, so it cannot have one byte.
        let Some((code, reason)) = payload.split_first_chunk::<2>() else {
            return if payload.is_empty() {
                Ok(None)
            } else {
                Err(FrameError::CloseTooShort)
            };
        };
        let code = CloseCode::new(u16::from_be_bytes(*code));
        if !code.is_sendable() {
            return Err(FrameError::CloseCode(code.get()));
        }
        match core::str::from_utf8(reason) {
            Ok(reason) => Ok(Some(Self { code, reason })),
            Err(_) => Err(FrameError::CloseReasonUtf8),
        }
    }

    /// Writes the payload to the start of `out` and returns its length, 2 to 125.
    ///
    /// # Errors
    ///
    /// [`CloseEncodeError`] for a code that must not be sent and for a reason
    /// of more than [`MAX_REASON`](Self::MAX_REASON) bytes ([`truncate_reason`]
    /// shortens it). Nothing is written then.
    pub fn encode(&self, out: &mut [u8; CONTROL_MAX]) -> Result<usize, CloseEncodeError> {
        if !self.code.is_sendable() {
            return Err(CloseEncodeError::CodeNotSendable(self.code));
        }
        let reason = self.reason.as_bytes();
        let too_long = CloseEncodeError::ReasonTooLong(reason.len());
        let size = 2 + reason.len().min(CONTROL_MAX);
        let (code_out, reason_out) = out
            .get_mut(..size)
            .and_then(|out| out.split_first_chunk_mut::<2>())
            .ok_or(too_long)?;
        *code_out = self.code.get().to_be_bytes();
        reason_out.copy_from_slice(reason);
        Ok(size)
    }
}

/// Returns the longest prefix of `reason` that fits a close frame: at most
/// [`ClosePayload::MAX_REASON`] bytes, cut between two characters.
pub fn truncate_reason(reason: &str) -> &str {
    // A character has at most 4 bytes, so one of these positions is between
    // two.
    (0..4)
        .find_map(|back| reason.get(..ClosePayload::MAX_REASON - back))
        .unwrap_or(reason)
}

/// Why [`ClosePayload::encode`] failed. A mistake of the caller, not of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseEncodeError {
    /// The code must not be sent; see [`CloseCode::is_sendable`].
    CodeNotSendable(CloseCode),
    /// The reason has this number of bytes, more than
    /// [`ClosePayload::MAX_REASON`].
    ReasonTooLong(usize),
}

impl fmt::Display for CloseEncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CodeNotSendable(code) => {
                write!(
                    f,
                    "the close code {code} must not be sent: use 1000 to 1003, 1007 to 1014 or 3000 to 4999"
                )
            }
            Self::ReasonTooLong(len) => {
                write!(
                    f,
                    "the close reason has {len} bytes, at most 123 fit: shorten it"
                )
            }
        }
    }
}

impl core::error::Error for CloseEncodeError {}
