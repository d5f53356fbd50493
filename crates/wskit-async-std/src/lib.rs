#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod runtime;
mod serve;
#[cfg(feature = "rustls")]
pub mod tls;

/// The operating system's TLS library: give its `TlsConnector` to [`Connector::tls_layer`].
#[cfg(feature = "native-tls")]
pub use async_native_tls as native_tls;
pub use runtime::{AsyncStd, ClientStream};
pub use serve::ServerStream;
pub use wskit_dial::{self as dial, DialError, Error, reconnect};
pub use wskit_driver::{AsyncIoTimer, ConnectionError, DuplexStream, OpenError};
pub use wskit_driver::{
    BoxError, Listener, Serve, ServeError, ServeFault, ServerTls, StreamListener, WhenFull,
};
pub use wskit_proto::Event;

use wskit_driver::duplex;

/// Any futures-io stream as a transport; see [`wskit_driver::Io`].
pub type Io<S> = wskit_driver::Io<S, AsyncStd>;

wskit_driver::aliases!(AsyncStd, Io, AsyncIoTimer);
wskit_dial::aliases!(AsyncStd, Io);
