//! `wss://` by the operating system's TLS library: give its connector to
//! [`Connector::tls_layer`](crate::Connector::tls_layer).

use std::io;

use wskit_dial::{DialError, TlsLayer};

use crate::ClientStream;

pub use tokio_native_tls::{TlsConnector, TlsStream, native_tls};

impl TlsLayer<ClientStream> for TlsConnector {
    type Stream = TlsStream<ClientStream>;

    async fn secure(&self, host: &str, stream: ClientStream) -> Result<Self::Stream, DialError> {
        let secured = self.connect(host, stream).await;
        secured.map_err(|error| io::Error::other(error).into())
    }
}
