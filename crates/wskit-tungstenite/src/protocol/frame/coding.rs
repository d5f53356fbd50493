//! The opcodes and close codes of RFC 6455.

use std::fmt;

/// The type of a frame (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpCode {
    /// A data frame.
    Data(Data),
    /// A control frame.
    Control(Control),
}

/// The types of data frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// 0: the message goes on.
    Continue,
    /// 1: a text message begins.
    Text,
    /// 2: a binary message begins.
    Binary,
    /// 3 to 7: reserved.
    Reserved(u8),
}

/// The types of control frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// 8.
    Close,
    /// 9.
    Ping,
    /// 10.
    Pong,
    /// 11 to 15: reserved.
    Reserved(u8),
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Continue => f.write_str("CONTINUE"),
            Self::Text => f.write_str("TEXT"),
            Self::Binary => f.write_str("BINARY"),
            Self::Reserved(code) => write!(f, "RESERVED_DATA_{code}"),
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Close => f.write_str("CLOSE"),
            Self::Ping => f.write_str("PING"),
            Self::Pong => f.write_str("PONG"),
            Self::Reserved(code) => write!(f, "RESERVED_CONTROL_{code}"),
        }
    }
}

impl fmt::Display for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data(data) => data.fmt(f),
            Self::Control(control) => control.fmt(f),
        }
    }
}

impl From<OpCode> for u8 {
    fn from(code: OpCode) -> Self {
        match code {
            OpCode::Data(Data::Continue) => 0,
            OpCode::Data(Data::Text) => 1,
            OpCode::Data(Data::Binary) => 2,
            OpCode::Control(Control::Close) => 8,
            OpCode::Control(Control::Ping) => 9,
            OpCode::Control(Control::Pong) => 10,
            OpCode::Data(Data::Reserved(code)) | OpCode::Control(Control::Reserved(code)) => code,
        }
    }
}

/// Reads the lower four bits of a frame's first byte.
///
/// # Panics
/// Above 15, which four bits cannot hold.
impl From<u8> for OpCode {
    fn from(byte: u8) -> Self {
        match byte {
            0 => Self::Data(Data::Continue),
            1 => Self::Data(Data::Text),
            2 => Self::Data(Data::Binary),
            3..=7 => Self::Data(Data::Reserved(byte)),
            8 => Self::Control(Control::Close),
            9 => Self::Control(Control::Ping),
            10 => Self::Control(Control::Pong),
            11..=15 => Self::Control(Control::Reserved(byte)),
            _ => panic!("an opcode has four bits, and {byte} has more"),
        }
    }
}

/// Why a connection is closed (RFC 6455 §7.4).
#[allow(clippy::manual_non_exhaustive, reason = "hidden variants, as given")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCode {
    /// 1000: all that was to be done is done.
    Normal,
    /// 1001: the server shuts down, or the user has left the page.
    Away,
    /// 1002: the peer broke a rule of the protocol.
    Protocol,
    /// 1003: a type of data that is not accepted.
    Unsupported,
    /// 1005: the Close had no code. Never sent.
    Status,
    /// 1006: the connection ended without a Close. Never sent.
    Abnormal,
    /// 1007: data that does not fit its type, such as text that is not UTF-8.
    Invalid,
    /// 1008: a message that breaks the receiver's policy, for want of a better code.
    Policy,
    /// 1009: a message that is too large.
    Size,
    /// 1010: the server did not agree to an extension that the client needs.
    Extension,
    /// 1011: the server cannot go on because of an unexpected condition.
    Error,
    /// 1012: the server restarts. Clients should wait for a random time before they connect again.
    Restart,
    /// 1013: the server is overloaded.
    Again,
    /// 1015: TLS failed. Never sent.
    #[doc(hidden)]
    Tls,
    /// 1016 to 2999: for later versions of the protocol.
    #[doc(hidden)]
    Reserved(u16),
    /// 3000 to 3999: registered by libraries and frameworks.
    #[doc(hidden)]
    Iana(u16),
    /// 4000 to 4999: for programs.
    #[doc(hidden)]
    Library(u16),
    /// All others.
    #[doc(hidden)]
    Bad(u16),
}

impl CloseCode {
    /// Returns whether a Close that is sent may carry this code.
    pub fn is_allowed(self) -> bool {
        !matches!(
            self,
            Self::Bad(_) | Self::Reserved(_) | Self::Status | Self::Abnormal | Self::Tls
        )
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        u16::from(*self).fmt(f)
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        match code {
            CloseCode::Normal => 1000,
            CloseCode::Away => 1001,
            CloseCode::Protocol => 1002,
            CloseCode::Unsupported => 1003,
            CloseCode::Status => 1005,
            CloseCode::Abnormal => 1006,
            CloseCode::Invalid => 1007,
            CloseCode::Policy => 1008,
            CloseCode::Size => 1009,
            CloseCode::Extension => 1010,
            CloseCode::Error => 1011,
            CloseCode::Restart => 1012,
            CloseCode::Again => 1013,
            CloseCode::Tls => 1015,
            CloseCode::Reserved(code)
            | CloseCode::Iana(code)
            | CloseCode::Library(code)
            | CloseCode::Bad(code) => code,
        }
    }
}

impl From<&CloseCode> for u16 {
    fn from(code: &CloseCode) -> Self {
        (*code).into()
    }
}

impl From<u16> for CloseCode {
    fn from(code: u16) -> Self {
        match code {
            1000 => Self::Normal,
            1001 => Self::Away,
            1002 => Self::Protocol,
            1003 => Self::Unsupported,
            1005 => Self::Status,
            1006 => Self::Abnormal,
            1007 => Self::Invalid,
            1008 => Self::Policy,
            1009 => Self::Size,
            1010 => Self::Extension,
            1011 => Self::Error,
            1012 => Self::Restart,
            1013 => Self::Again,
            1015 => Self::Tls,
            1016..=2999 => Self::Reserved(code),
            3000..=3999 => Self::Iana(code),
            4000..=4999 => Self::Library(code),
            _ => Self::Bad(code),
        }
    }
}
