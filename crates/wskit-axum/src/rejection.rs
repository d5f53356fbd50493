use std::fmt;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use wskit_hyper::Refused;

/// Why a request does not become a WebSocket: 400, 403, 405, 426 or 505, and 500 if
/// [`accept_with`](crate::WebSocketUpgrade::accept_with) asked for what must not be sent.
///
/// It converts to a response with a line of text, which axum sends if the
/// [`WebSocketUpgrade`](crate::WebSocketUpgrade) cannot be extracted. Extract a
/// `Result<WebSocketUpgrade, WebSocketUpgradeRejection>` to respond in another way, for example
/// with a page to a request for one: [`is_plain_http`](Self::is_plain_http).
#[derive(Debug)]
pub struct WebSocketUpgradeRejection(pub(crate) Refused);

impl WebSocketUpgradeRejection {
    /// Returns the reason.
    pub fn refused(&self) -> &Refused {
        &self.0
    }

    /// Returns whether the request did not ask for a WebSocket, in any version
    /// of HTTP.
    pub fn is_plain_http(&self) -> bool {
        matches!(
            self.0,
            Refused::Handshake(wskit_handshake::HandshakeError::MissingUpgrade)
        )
    }
}

impl IntoResponse for WebSocketUpgradeRejection {
    fn into_response(self) -> Response {
        self.0.into_response().map(Body::from)
    }
}

impl fmt::Display for WebSocketUpgradeRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// `Display` is that of `Refused`, so the source is that error's own.
impl std::error::Error for WebSocketUpgradeRejection {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl From<Refused> for WebSocketUpgradeRejection {
    fn from(refused: Refused) -> Self {
        Self(refused)
    }
}

#[cfg(test)]
mod tests {
    use wskit_handshake::HandshakeError;

    use super::*;

    #[test]
    fn rejection_says_everything_once() {
        let refused = Refused::from(HandshakeError::MissingKey);
        crate::told_once::check(WebSocketUpgradeRejection::from(refused));
    }
}
