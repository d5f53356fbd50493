//! The operating system's TLS library, as a [`TlsLayer`].

use std::io;

use crate::dial_error::DialError;
use crate::tls_layer::TlsLayer;

/// Returns the kind of a failed handshake. At the end of the stream the library has no error of its own type,
/// only a text; the peer may restart, so that is not to be taken for a certificate that is refused.
fn kind_of(error: &dyn std::error::Error) -> io::ErrorKind {
    let text = error.to_string().to_ascii_lowercase();
    if ["unexpected eof", "connection closed"]
        .iter()
        .any(|end| text.contains(end))
    {
        io::ErrorKind::UnexpectedEof
    } else {
        io::ErrorKind::Other
    }
}

macro_rules! layer {
    ($library:ident, $($bound:tt)+) => {
        impl<S: $($bound)+ + Unpin + Send + 'static> TlsLayer<S> for $library::TlsConnector {
            type Stream = $library::TlsStream<S>;

            async fn secure(&self, host: &str, stream: S) -> Result<Self::Stream, DialError> {
                let secured = self.connect(host, stream).await;
                secured.map_err(|error| io::Error::new(kind_of(&error), error).into())
            }
        }
    };
}

#[cfg(feature = "tokio-native-tls")]
layer!(
    tokio_native_tls,
    tokio::io::AsyncRead + tokio::io::AsyncWrite
);

#[cfg(feature = "async-native-tls")]
layer!(
    async_native_tls,
    futures_io::AsyncRead + futures_io::AsyncWrite
);
