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

/// Lets [`Server::serve`](wskit_driver::Server::serve) run on a runtime: for bindings.
///
/// Takes the runtime's type, its transport (generic over the stream), its TLS streams, the traits of a stream,
/// and its TCP listener with the listener's stream. Defines `ServerStream<S>` and implements
/// [`ServeRuntime`](wskit_driver::ServeRuntime) for every such stream, and
/// [`Listener`](wskit_driver::Listener) for the TCP listener.
///
/// ```text
/// wskit_dial::serve!(Smol, Io, FuturesRustls, [AsyncRead + AsyncWrite], TcpListener => TcpStream);
/// ```
#[macro_export]
macro_rules! serve {
    ($runtime:ident, $io:ident, $tls:ident, [$($bound:tt)+], $listener:ident => $tcp:ident) => {
        /// The stream of a connection that [`Server::serve`](wskit_driver::Server::serve) accepted, with TLS or
        /// without, from a listener for streams of type `S`; see [`wskit_dial::MaybeTls`].
        pub type ServerStream<S = $tcp> = $crate::MaybeTls<S, $tls>;

        impl<S> ::wskit_driver::ServeRuntime<S> for $runtime
        where
            S: $($bound)+ + ::std::marker::Send + ::std::marker::Unpin + 'static,
        {
            type Stream = ServerStream<S>;
            type Io = $io<ServerStream<S>>;

            fn is_disconnect(
                error: &(dyn ::std::error::Error + 'static),
            ) -> ::std::option::Option<bool> {
                $crate::is_disconnect(error)
            }

            fn redacted(
                error: &(dyn ::std::error::Error + 'static),
            ) -> ::std::option::Option<::std::string::String> {
                $crate::redacted(error)
            }
        }

        impl ::wskit_driver::Listener<$runtime> for $listener {
            type Stream = $tcp;
            type Addr = ::std::net::SocketAddr;

            async fn accept(
                &mut self,
            ) -> ::std::option::Option<::std::io::Result<($tcp, ::std::net::SocketAddr)>> {
                ::std::option::Option::Some($listener::accept(self).await)
            }
        }
    };
}
