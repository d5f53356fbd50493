//! Close codes, RFC 6455 section 7.4.

use core::fmt;

/// The reason why a connection was closed (RFC 6455 section 7.4 and the IANA
/// registry).
///
/// It can hold any `u16`, as the peer may send any.
/// [`is_sendable`](Self::is_sendable) returns whether a code is allowed in a
/// close frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the connection has fulfilled its purpose.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server is shutting down, or the browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer violated the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: this end does not accept the type of data, such as binary instead
    /// of text.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1005: the peer's close frame had no code. Never sent.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: the connection ended without a close frame. Never sent.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: the data does not match the type of the message, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: the message violates a policy of this end. Also used if no other code fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: the message is larger than this end accepts.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client requires an extension that the server did not accept.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the service is restarting; reconnect after a random delay (IANA registry).
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the service is overloaded; try again later (IANA registry).
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway received an invalid response from its upstream server (IANA registry).
    pub const BAD_GATEWAY: Self = Self(1014);
    /// 1015: the TLS handshake failed. Never sent.
    pub const TLS_HANDSHAKE: Self = Self(1015);

    /// Returns the code with this number.
    #[inline]
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// Returns the number.
    #[inline]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns whether the code is allowed in a close frame: 1000 to 1003, 1007
    /// to 1014 and 3000 to 4999.
    ///
    /// Section 7.4.1 keeps 1005, 1006 and 1015 for reports to the application
    /// and reserves 1004. 1012 to 1014 were registered later. Section 7.4.2
    /// assigns 3000 to 3999 to libraries and 4000 to 4999 to private use. Other
    /// codes below 3000 are for future versions, and codes from 5000 on are
    /// undefined.
    #[inline]
    pub const fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }

    const fn meaning(self) -> &'static str {
        match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1005 => "no status received",
            1006 => "abnormal closure",
            1007 => "invalid payload data",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "mandatory extension",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            1015 => "TLS handshake",
            1004 | 1016..=2999 => "reserved",
            3000..=3999 => "registered use",
            4000..=4999 => "private use",
            0..=999 | 5000.. => "undefined",
        }
    }
}

impl From<u16> for CloseCode {
    #[inline]
    fn from(code: u16) -> Self {
        Self(code)
    }
}

impl From<CloseCode> for u16 {
    #[inline]
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Display for CloseCode {
    /// Writes the number and its meaning: `1000 (normal closure)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.meaning())
    }
}
