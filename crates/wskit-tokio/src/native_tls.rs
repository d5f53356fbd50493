//! `wss://` by the operating system's TLS library: give its connector to
//! [`Connector::tls_layer`](crate::Connector::tls_layer).

pub use wskit_dial::native_tls::tokio_native_tls::{TlsConnector, TlsStream, native_tls};
