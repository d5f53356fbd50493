//! Errors, one type for each verb: an open connection, and the opening handshake.

/// Implements `From` for the variants of an error that hold another one.
macro_rules! from {
    ($error:ident: $($variant:ident($inner:ty)),+) => {$(
        impl From<$inner> for $error {
            fn from(error: $inner) -> Self {
                Self::$variant(error)
            }
        }
    )+};
}

mod connection;
mod open;

use std::fmt;
use std::io;

pub use connection::ConnectionError;
pub use open::OpenError;

/// A time limit that passed, or could not be kept; from [`within`](crate::within).
#[derive(Debug)]
pub enum Elapsed {
    /// The limit has passed.
    Timeout,
    /// The runtime has no timer.
    NoTimer(io::Error),
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the time limit has passed"),
            Self::NoTimer(error) => write!(f, "the runtime has no timer: {error}"),
        }
    }
}

/// `Display` includes the inner error, so the source is that error's own.
impl std::error::Error for Elapsed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Timeout => None,
            Self::NoTimer(error) => error.source(),
        }
    }
}

/// Returns whether an I/O error means that the peer, its host or the network on the way to it is gone.
fn is_disconnect(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::TimedOut
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
    ) || error
        .raw_os_error()
        .is_some_and(|code| LOST.contains(&code))
}

/// `ENETRESET` and `EHOSTDOWN`, which have no [`io::ErrorKind`], for the systems whose numbers are known.
const LOST: &[i32] = if cfg!(windows) {
    &[10_052, 10_064]
} else if cfg!(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)) {
    &[52, 64]
} else if cfg!(all(
    any(target_os = "linux", target_os = "android"),
    any(
        target_arch = "x86",
        target_arch = "x86_64",
        target_arch = "arm",
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "powerpc64",
        target_arch = "s390x",
        target_arch = "loongarch64"
    )
)) {
    &[102, 112]
} else {
    &[]
};

#[cfg(test)]
mod tests {
    use wskit_handshake::{BuildError, ExtensionError, HandshakeError, RequestError};
    use wskit_proto::{ProtocolError, SendError, TimeoutKind};

    use super::*;
    use crate::told_once::every_variant;

    #[test]
    fn every_error_says_everything_once() {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "the port is closed");
        every_variant! { ConnectionError:
            ConnectionError::Protocol(_) => ProtocolError::InvalidUtf8.into(),
            ConnectionError::Send(_) => SendError::Closed.into(),
            ConnectionError::Disconnected { .. } =>
                ConnectionError::Disconnected { mid_message: true },
            ConnectionError::Timeout(_) => ConnectionError::Timeout(TimeoutKind::Close),
            #[cfg(feature = "json")]
            ConnectionError::Json(_) => {
                wskit_proto::Message::text("{").json::<u8>().unwrap_err().into()
            },
            ConnectionError::Io(_) => refused().into(),
            ConnectionError::NoTimer(_) => ConnectionError::NoTimer(refused()),
        }
        every_variant! { OpenError:
            OpenError::Handshake(_) =>
                HandshakeError::InvalidExtensions(ExtensionError::Name).into(),
            OpenError::Timeout => OpenError::Timeout,
            OpenError::OriginRefused => OpenError::OriginRefused,
            #[cfg(feature = "deflate")]
            OpenError::Deflate(_) => OpenError::Deflate(
                wskit_proto::deflate::ResponseError::Param(wskit_proto::deflate::ParamError::Unknown),
            ),
            OpenError::Request(_) => RequestError::InvalidHost.into(),
            OpenError::Response(_) => BuildError::InterimStatus.into(),
            OpenError::Io(_) => refused().into(),
            OpenError::NoTimer(_) => OpenError::NoTimer(refused()),
        }
        every_variant! { Elapsed:
            Elapsed::Timeout => Elapsed::Timeout,
            Elapsed::NoTimer(_) => Elapsed::NoTimer(refused()),
        }
    }

    /// What a read answers when the Wi-Fi, the route or the host goes: in order ENETDOWN, ENETUNREACH,
    /// ENETRESET, EHOSTDOWN and EHOSTUNREACH.
    #[cfg(target_os = "linux")]
    #[test]
    fn lost_network_is_a_disconnect() {
        for errno in [100, 101, 102, 112, 113] {
            let error = ConnectionError::from(io::Error::from_raw_os_error(errno));
            assert!(error.is_disconnect(), "{error}");
        }
        for errno in [1, 13, 24, 111] {
            let error = ConnectionError::from(io::Error::from_raw_os_error(errno));
            assert!(!error.is_disconnect(), "{error}");
        }
    }

    #[test]
    fn lost_network_is_a_disconnect_by_its_kind_too() {
        for kind in [
            io::ErrorKind::HostUnreachable,
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::NetworkDown,
        ] {
            assert!(
                ConnectionError::from(io::Error::from(kind)).is_disconnect(),
                "{kind}"
            );
            assert!(
                OpenError::from(io::Error::from(kind)).is_disconnect(),
                "{kind}"
            );
        }
    }
}
