//! `wss://` by the operating system's TLS library: give its connector to
//! [`Connector::tls_layer`](crate::Connector::tls_layer).

pub use wskit_dial::native_tls::async_native_tls::{
    Certificate, Identity, Protocol, TlsConnector, TlsStream,
};
