//! The operating system's TLS library, as a [`TlsLayer`].

use std::io;

use crate::dial_error::DialError;
use crate::tls_layer::TlsLayer;

macro_rules! layer {
    ($library:ident, $($bound:tt)+) => {
        impl<S: $($bound)+ + Unpin + Send + 'static> TlsLayer<S> for $library::TlsConnector {
            type Stream = $library::TlsStream<S>;

            async fn secure(&self, host: &str, stream: S) -> Result<Self::Stream, DialError> {
                let secured = self.connect(host, stream).await;
                secured.map_err(|error| io::Error::other(error).into())
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
