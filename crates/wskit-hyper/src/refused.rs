use std::fmt;

use bytes::Bytes;
use http::header::UPGRADE;
use http::{Response, StatusCode};
use wskit_handshake::{BuildError, HandshakeError, Rejection};

/// Why a request does not become a WebSocket, and the response for it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refused {
    /// The client violated the rules, or did not ask for a WebSocket
    /// ([`HandshakeError::MissingUpgrade`]).
    Handshake(HandshakeError),
    /// The server does not allow the page's origin. Contains the 403 response.
    Origin(Rejection),
    /// The request does not have the extension by which hyper hands its connection over: it was created
    /// by hand, as in a test without a connection, or a layer removed the extension.
    NotUpgradable,
    /// The server's fault: the requested response must not be sent.
    Response(BuildError),
}

impl Refused {
    /// Returns the response: 400, 403, 405, 426 (with the supported version) or 505, and 500 if the response
    /// that the server asked for must not be sent, with a line of explanation. It asks hyper to close the
    /// connection, because the client may have sent frames after its request.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        let rejection = match self {
            Self::Handshake(error) => error.rejection(),
            Self::Origin(rejection) => Some(rejection),
            // RFC 9110 §15.5.22: a 426 has Upgrade.
            Self::NotUpgradable => Rejection::new(StatusCode::UPGRADE_REQUIRED)
                .and_then(|rejection| rejection.header(UPGRADE, "websocket"))
                .map(|rejection| rejection.body(format!("{self}: a test without a connection?\n")))
                .ok(),
            Self::Response(_) => Rejection::new(StatusCode::INTERNAL_SERVER_ERROR)
                .map(|rejection| rejection.body("cannot upgrade\n"))
                .ok(),
        };
        rejection.unwrap_or_else(Rejection::bad_request).into_http()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => error.fmt(f),
            Self::Origin(_) => f.write_str("origin not allowed"),
            Self::NotUpgradable => f.write_str("the request has no connection to upgrade"),
            Self::Response(error) => write!(f, "the response cannot be built: {error}"),
        }
    }
}

/// `Display` includes the inner error, so the source is that error's own.
impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Handshake(error) => error.source(),
            Self::Response(error) => error.source(),
            Self::Origin(_) | Self::NotUpgradable => None,
        }
    }
}

impl From<HandshakeError> for Refused {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<BuildError> for Refused {
    fn from(error: BuildError) -> Self {
        Self::Response(error)
    }
}

#[cfg(test)]
mod tests {
    use wskit_handshake::ExtensionError;

    use super::*;
    use crate::told_once::every_variant;

    #[test]
    fn every_error_says_everything_once() {
        every_variant! { Refused:
            Refused::Handshake(_) =>
                HandshakeError::InvalidExtensions(ExtensionError::Name).into(),
            Refused::Origin(_) => Refused::Origin(Rejection::bad_request()),
            Refused::NotUpgradable => Refused::NotUpgradable,
            Refused::Response(_) => BuildError::InterimStatus.into(),
        }
    }
}
