//! Errors.

use std::error::Error;
use std::fmt;

/// Why a compressed message cannot be read. The connection cannot continue:
/// later messages may refer to the lost text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecompressError {
    /// The peer's fault: the bytes are not DEFLATE data (RFC 1951), or refer
    /// further back than the data that was sent.
    Corrupt,
    /// The peer's fault: the message ends inside a block (RFC 7692 §7.2.2).
    Truncated,
    /// Neither side's fault: too many messages are incomplete at once, and the
    /// [`Budget`](crate::Budget) for their state is spent.
    BudgetSpent,
}

impl DecompressError {
    /// Returns the close code: 1007 (invalid frame payload data) for broken
    /// data, 1013 (try again later) for a spent budget.
    pub fn close_code(self) -> u16 {
        match self {
            Self::Corrupt | Self::Truncated => 1007,
            Self::BudgetSpent => 1013,
        }
    }
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Corrupt => "the peer sent a compressed message that is not valid DEFLATE data",
            Self::Truncated => {
                "the peer sent a compressed message that ends inside a DEFLATE block"
            }
            Self::BudgetSpent => {
                "the budget for compressed messages in flight is spent; raise it or try again later"
            }
        })
    }
}

impl Error for DecompressError {}

/// Why the parameters of a permessage-deflate element are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParamError {
    /// The name is not one of the four of RFC 7692 §7.1.
    Unknown,
    /// A parameter appears twice.
    Repeated(&'static str),
    /// `server_no_context_takeover` and `client_no_context_takeover` take no value.
    UnexpectedValue(&'static str),
    /// The parameter needs a value.
    MissingValue(&'static str),
    /// A window must be a decimal number from 8 to 15 without leading zeros.
    InvalidWindow(&'static str),
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown permessage-deflate parameter"),
            Self::Repeated(name) => write!(f, "{name} appears twice"),
            Self::UnexpectedValue(name) => write!(f, "{name} takes no value"),
            Self::MissingValue(name) => write!(f, "{name} has no value"),
            Self::InvalidWindow(name) => write!(f, "{name} is not a number from 8 to 15"),
        }
    }
}

impl Error for ParamError {}

/// Why a client cannot accept the server's response. The server's fault. RFC
/// 7692 §7 requires that the client fails the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// The response names permessage-deflate more than once (§5).
    Twice,
    /// A parameter is invalid.
    Param(ParamError),
    /// `server_no_context_takeover` was requested and is missing (§7.1.1.1).
    TakeoverNotGivenUp,
    /// `server_max_window_bits` was requested and is missing or larger (§7.1.2.1).
    ServerWindow,
    /// `client_max_window_bits` is larger than offered (§7.1.2.2).
    ClientWindow,
    /// `client_max_window_bits=8`: compressing with such a window is not
    /// supported.
    ClientWindowTooSmall,
}

impl From<ParamError> for ResponseError {
    fn from(error: ParamError) -> Self {
        Self::Param(error)
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server's permessage-deflate response is invalid: ")?;
        match self {
            Self::Twice => f.write_str("the extension appears more than once"),
            Self::Param(error) => error.fmt(f),
            Self::TakeoverNotGivenUp => {
                f.write_str("server_no_context_takeover was requested and is missing")
            }
            Self::ServerWindow => f.write_str(
                "server_max_window_bits was requested and is missing or larger than asked",
            ),
            Self::ClientWindow => f.write_str("client_max_window_bits is larger than offered"),
            Self::ClientWindowTooSmall => {
                f.write_str("client_max_window_bits=8 is below the minimum of 9")
            }
        }
    }
}

/// `Display` includes the inner error, which has no source of its own.
impl Error for ResponseError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::told_once::every_variant;

    #[test]
    fn every_error_says_everything_once() {
        every_variant! { DecompressError:
            DecompressError::Corrupt => DecompressError::Corrupt,
            DecompressError::Truncated => DecompressError::Truncated,
            DecompressError::BudgetSpent => DecompressError::BudgetSpent,
        }
        every_variant! { ParamError:
            ParamError::Unknown => ParamError::Unknown,
            ParamError::Repeated(_) => ParamError::Repeated("a"),
            ParamError::UnexpectedValue(_) => ParamError::UnexpectedValue("a"),
            ParamError::MissingValue(_) => ParamError::MissingValue("a"),
            ParamError::InvalidWindow(_) => ParamError::InvalidWindow("a"),
        }
        every_variant! { ResponseError:
            ResponseError::Twice => ResponseError::Twice,
            ResponseError::Param(_) => ParamError::Unknown.into(),
            ResponseError::TakeoverNotGivenUp => ResponseError::TakeoverNotGivenUp,
            ResponseError::ServerWindow => ResponseError::ServerWindow,
            ResponseError::ClientWindow => ResponseError::ClientWindow,
            ResponseError::ClientWindowTooSmall => ResponseError::ClientWindowTooSmall,
        }
    }
}
