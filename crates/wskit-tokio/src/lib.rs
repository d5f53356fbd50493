#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod io;
mod net;
mod serve;
mod timer;
#[cfg(feature = "rustls")]
pub mod tls;

pub use io::{Io, IoRead, IoWrite, Tokio};
pub use net::ClientStream;
pub use serve::ServerStream;
pub use timer::TokioTimer;
/// The operating system's TLS library: give its `TlsConnector` to [`Connector::tls_layer`].
#[cfg(feature = "native-tls")]
pub use tokio_native_tls as native_tls;
pub use wskit_dial::{self as dial, DialError, Error, reconnect};
pub use wskit_driver::{
    BoxError, Listener, Serve, ServeError, ServeFault, ServerTls, StreamListener, WhenFull,
};
pub use wskit_driver::{ConnectionError, OpenError};
pub use wskit_proto::Event;

#[doc(no_inline)]
pub use ::tokio::io::DuplexStream;
use ::tokio::io::duplex;

wskit_driver::aliases!(Tokio, Io, TokioTimer);
wskit_dial::aliases!(Tokio, Io);
