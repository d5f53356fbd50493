use std::error::Error;
use std::future::Future;
use std::io;

#[cfg(feature = "json")]
use wskit_proto::JsonError;

use super::error::BoxError;
use crate::error::{ConnectionError, OpenError};
use crate::runtime::{Runtime, Spawn};
use crate::transport::{Timer, Transport};

/// A runtime that serves connections of type `S`; see [`Server::serve`](crate::Server::serve).
///
/// A binding implements it for its unit type.
pub trait ServeRuntime<S>:
    Spawn
    + Runtime<<Self as ServeRuntime<S>>::Stream, Transport = <Self as ServeRuntime<S>>::Io>
    + 'static
{
    /// What a connection becomes, with TLS or without: the same type for both, so that there is one type of
    /// handler.
    type Stream: From<S> + Send + 'static;
    /// The transport over that stream. The default of its timer is one that is not armed.
    type Io: Transport<Timer: Timer + Default + Send + 'static> + Send + 'static;

    /// Returns whether an error means that the peer or the network went away, if it is of a type of the
    /// binding's own. Those of this crate are known.
    fn is_disconnect(error: &(dyn Error + 'static)) -> Option<bool> {
        let _ = error;
        None
    }

    /// Returns the text to log instead of that of an error which holds what the peer wrote, if the error is of
    /// a type of the binding's own. Those of this crate are known.
    fn redacted(error: &(dyn Error + 'static)) -> Option<String> {
        let _ = error;
        None
    }
}

/// TLS for a server's connections of type `S`, for [`Serve::tls`](crate::Serve::tls).
///
/// `tls::Acceptor` of the bindings is one, and so is a closure: for another TLS library it takes and returns
/// a boxed stream, `Box<dyn ReadAndWrite>`, which the listener yields too.
pub trait ServerTls<R: ServeRuntime<S>, S>: Send + Sync + 'static {
    /// Performs the TLS handshake as the server.
    ///
    /// # Errors
    /// Any.
    fn accept(&self, stream: S) -> impl Future<Output = Result<R::Stream, BoxError>> + Send;
}

impl<R, S, H, F, T, E> ServerTls<R, S> for H
where
    R: ServeRuntime<S>,
    H: Fn(S) -> F + Send + Sync + 'static,
    F: Future<Output = Result<T, E>> + Send,
    T: Into<R::Stream>,
    E: Into<BoxError>,
{
    fn accept(&self, stream: S) -> impl Future<Output = Result<R::Stream, BoxError>> + Send {
        let accepting = self(stream);
        async move { accepting.await.map(Into::into).map_err(Into::into) }
    }
}

/// Returns whether an error means that the peer or the network went away: the first of it and its sources
/// that is of a known type decides.
pub(super) fn is_disconnect<R: ServeRuntime<S>, S>(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(verdict) = R::is_disconnect(error).or_else(|| verdict(error)) {
            return verdict;
        }
        // What is inside of an `io::Error` is not its source, but in the place of it.
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

/// Returns the text to log instead of that of an error of a handler, if that holds what the peer wrote. The text
/// of an error does not include that of its source, so only the error itself counts.
#[cfg(feature = "json")]
pub(super) fn redacted<R: ServeRuntime<S>, S>(error: &(dyn Error + 'static)) -> Option<String> {
    let json = match error.downcast_ref() {
        Some(ConnectionError::Json(error)) => Some(error),
        _ => error.downcast_ref::<JsonError>(),
    };
    json.map(|error| error.redacted().to_string())
        .or_else(|| R::redacted(error))
}

fn verdict(error: &(dyn Error + 'static)) -> Option<bool> {
    if let Some(error) = error.downcast_ref::<ConnectionError>() {
        return Some(error.is_disconnect());
    }
    if let Some(error) = error.downcast_ref::<OpenError>() {
        return Some(error.is_disconnect());
    }
    let error = error.downcast_ref::<io::Error>()?;
    // The kind says enough, or what is inside says more.
    let is_disconnect = ConnectionError::is_disconnect_io(error);
    (is_disconnect || error.get_ref().is_none()).then_some(is_disconnect)
}
