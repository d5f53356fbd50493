//! `wss://` by the operating system's TLS library: give its connector to
//! [`Connector::tls_layer`](crate::Connector::tls_layer).

use std::io;

use wskit_driver::Error;
use wskit_driver::dial::TlsLayer;

use crate::ClientStream;

pub use tokio_native_tls::{TlsConnector, TlsStream, native_tls};

impl TlsLayer<ClientStream> for TlsConnector {
    type Stream = TlsStream<ClientStream>;

    async fn secure(&self, host: &str, stream: ClientStream) -> Result<Self::Stream, Error> {
        let secured = self.connect(host, stream).await;
        secured.map_err(|error| io::Error::other(error).into())
    }
}
