#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod runtime;
#[cfg(feature = "rustls")]
pub mod tls;

pub use runtime::{AsyncStd, ClientStream};
/// The operating system's TLS library: give its `TlsConnector` to [`Connector::tls_layer`].
#[cfg(feature = "native-tls")]
pub use wskit_dial::native_tls::async_native_tls as native_tls;
pub use wskit_dial::{self as dial, DialError, Error, reconnect};
pub use wskit_driver::{AsyncIoTimer, ConnectionError, DuplexStream, Event, OpenError};

use wskit_driver::duplex;

/// Any futures-io stream as a transport; see [`wskit_driver::Io`].
pub type Io<S> = wskit_driver::Io<S, AsyncStd>;
/// The reading half of a split connection's stream; see [`wskit_driver::IoRead`].
pub type IoRead<S> = wskit_driver::IoRead<S, AsyncStd>;
/// The writing half of a split connection's stream; see [`wskit_driver::IoWrite`].
pub type IoWrite<S> = wskit_driver::IoWrite<S, AsyncStd>;

wskit_driver::aliases!(AsyncStd, Io, AsyncIoTimer);
wskit_dial::aliases!(AsyncStd, AsyncIoTimer);
