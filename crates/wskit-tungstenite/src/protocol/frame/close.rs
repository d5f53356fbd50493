use std::fmt;

use super::Utf8Bytes;
use super::coding::CloseCode;

/// The code and the reason of a Close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// Why the connection is closed.
    pub code: CloseCode,
    /// An explanation for developers; at most 123 bytes.
    pub reason: Utf8Bytes,
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.code)
    }
}

impl From<wskit_proto::CloseFrame> for CloseFrame {
    fn from(close: wskit_proto::CloseFrame) -> Self {
        Self {
            code: close.code.get().into(),
            reason: close.reason.into(),
        }
    }
}

impl From<CloseFrame> for wskit_proto::CloseFrame {
    fn from(close: CloseFrame) -> Self {
        let code = wskit_proto::CloseCode::new(close.code.into());
        Self::new(code, close.reason.into_proto())
    }
}
