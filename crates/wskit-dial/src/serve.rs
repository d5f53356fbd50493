use std::error::Error as StdError;

use crate::dial_error::DialError;
use crate::error::Error;

/// Returns the text to log instead of that of an error of this crate, if that holds what the peer wrote; `None`
/// for any other: for bindings, to implement [`ServeRuntime`](wskit_driver::ServeRuntime).
#[must_use]
pub fn redacted(error: &(dyn StdError + 'static)) -> Option<String> {
    match error.downcast_ref::<Error>()? {
        #[cfg(feature = "json")]
        Error::Connection(wskit_driver::ConnectionError::Json(error)) => {
            Some(error.redacted().to_string())
        }
        _ => None,
    }
}

/// Returns whether an error of this crate means that the peer or the network went away; `None` for any
/// other: for bindings, to implement [`ServeRuntime`](wskit_driver::ServeRuntime).
#[must_use]
pub fn is_disconnect(error: &(dyn StdError + 'static)) -> Option<bool> {
    if let Some(error) = error.downcast_ref::<Error>() {
        return Some(error.is_disconnect());
    }
    error
        .downcast_ref::<DialError>()
        .map(DialError::is_disconnect)
}
