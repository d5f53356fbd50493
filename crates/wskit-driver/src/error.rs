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

/// A time limit that passed, or could not be kept; from [`Timer::within`](crate::Timer::within).
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
    use std::error::Error;

    use wskit_handshake::{HandshakeError, RequestError};
    use wskit_proto::{ProtocolError, SendError};

    use super::*;

    /// A log that prints the whole chain says everything once.
    #[test]
    fn no_text_is_told_again_by_its_source() {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "the port is closed");
        let errors: [Box<dyn Error>; 9] = [
            Box::new(ConnectionError::Io(refused())),
            Box::new(ConnectionError::NoTimer(refused())),
            Box::new(ConnectionError::Protocol(ProtocolError::InvalidUtf8)),
            Box::new(ConnectionError::Send(SendError::Closed)),
            Box::new(OpenError::Io(refused())),
            Box::new(OpenError::NoTimer(refused())),
            Box::new(OpenError::Request(RequestError::InvalidHost)),
            Box::new(OpenError::Handshake(HandshakeError::UnexpectedEof {
                received: 0,
            })),
            Box::new(Elapsed::NoTimer(refused())),
        ];
        for error in errors {
            let mut texts = vec![error.to_string()];
            let mut next = error.source();
            while let Some(source) = next {
                texts.push(source.to_string());
                next = source.source();
            }
            for (at, text) in texts.iter().enumerate() {
                assert!(
                    !texts[..at].iter().any(|told| told.contains(text)),
                    "{texts:?}"
                );
            }
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
