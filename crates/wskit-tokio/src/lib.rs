#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod io;
#[cfg(feature = "native-tls")]
pub mod native_tls;
mod net;
mod timer;
#[cfg(feature = "rustls")]
pub mod tls;

pub use io::{Io, IoRead, IoWrite, Tokio};
pub use net::ClientStream;
pub use timer::{TokioAlarm, TokioTimer};
pub use wskit_dial::{self as dial, DialError, Error, reconnect};
pub use wskit_driver::{ConnectionError, Event, OpenError};

wskit_driver::aliases!(Tokio, Io, TokioTimer);
wskit_dial::aliases!(Tokio, TokioTimer);
