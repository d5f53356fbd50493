//! Events of `tracing`. They name codes, and nothing that the client has sent.

use crate::message::{Disconnect, Error};

/// A request is refused.
pub(super) fn refused(error: &Error) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "wskit_hub_protocol", code = error.code, "request refused");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

/// A session is ended by the server.
pub(super) fn disconnected(why: &Disconnect) {
    #[cfg(feature = "tracing")]
    tracing::debug!(target: "wskit_hub_protocol", code = why.code, "client disconnected");
    #[cfg(not(feature = "tracing"))]
    let _ = why;
}
