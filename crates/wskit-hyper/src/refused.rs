use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};
use wskit_handshake::{BuildError, HandshakeError, Rejection};

/// Why a request does not become a WebSocket, and the answer that says so.
#[derive(Debug)]
#[non_exhaustive]
pub enum Refused {
    /// The client broke the rules, or did not ask for a WebSocket at all
    /// ([`HandshakeError::MissingUpgrade`]).
    Handshake(HandshakeError),
    /// The page is of an origin that the server does not let in; holds the 403.
    Origin(Rejection),
    /// The server's fault: the request came without hyper's means to hand its connection over. It was
    /// made by hand, as tests do, or something in between has taken them out of its extensions.
    NotUpgradable,
    /// The server's fault: the response that was asked for must not be sent.
    Response(BuildError),
}

impl Refused {
    /// The answer: 400, 403, 405, 426 (with the version that would be welcome) or 505, and 500 for the
    /// server's own faults, with a line of explanation. It asks hyper to close the connection, because
    /// the client may have sent frames behind its request.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        let own = Rejection::new(StatusCode::INTERNAL_SERVER_ERROR);
        let rejection = match self {
            Self::Handshake(error) => error.rejection(),
            Self::Origin(rejection) => Some(rejection),
            Self::NotUpgradable | Self::Response(_) => {
                own.ok().map(|own| own.body("cannot upgrade\n"))
            }
        };
        rejection.unwrap_or_else(Rejection::bad_request).into_http()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => error.fmt(f),
            Self::Origin(_) => f.write_str("a page of an origin that is not let in"),
            Self::NotUpgradable => f.write_str("the request came without its connection"),
            Self::Response(error) => write!(f, "the response cannot be built: {error}"),
        }
    }
}

impl std::error::Error for Refused {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Handshake(error) => Some(error),
            Self::Response(error) => Some(error),
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
