#![doc = include_str!("../README.md")]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

/// Implements `Debug` for a type whose parameters need not implement it, with some of its fields.
macro_rules! debug {
    ([$($generics:tt)*] $name:ident<$($args:tt),*>, $this:ident => $($field:ident: $value:expr),*) => {
        impl<$($generics)*> std::fmt::Debug for $name<$($args),*> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let $this = self;
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &$value))*
                    .finish_non_exhaustive()
            }
        }
    };
}

mod aliases;
#[cfg(feature = "async-io")]
mod async_io_timer;
mod byte_stream;
mod client;
mod engine;
mod error;
mod extensions;
#[cfg(feature = "futures-io")]
mod futures_duplex;
#[cfg(feature = "futures-io")]
mod futures_io;
#[cfg(feature = "futures-io")]
mod futures_runtime;
mod handshake;
#[cfg(feature = "json")]
mod json;
mod keys;
mod link;
mod message_writer;
#[cfg(all(test, loom))]
mod models;
mod observe;
mod parts;
mod pending_websocket;
mod permit;
mod rare;
mod recv;
mod runtime;
mod serve;
mod server;
mod settings;
mod shutdown;
mod socket_options;
mod split;
mod stream;
mod sync;
mod tasks;
#[cfg(feature = "tokio-io")]
mod tokio_io;
#[cfg(test)]
#[path = "../../wskit-test/tests/told_once/mod.rs"]
mod told_once;
mod transport;
mod websocket;

#[cfg(feature = "async-io")]
pub use async_io_timer::AsyncIoTimer;
pub use byte_stream::ByteStream;
pub use client::{Client, RequestViaHttp};
pub use error::{ConnectionError, Elapsed, OpenError};
#[cfg(feature = "futures-io")]
pub use futures_duplex::{DuplexStream, duplex};
#[cfg(feature = "futures-io")]
pub use futures_runtime::{FuturesRuntime, Io};
pub use keys::secure_keys;
pub use message_writer::MessageWriter;
#[cfg(feature = "metrics")]
pub use observe::{Ended, Observed, Observer};
pub use parts::{IntoPartsError, Parts};
pub use pending_websocket::PendingWebSocket;
pub use permit::Permit;
pub use runtime::{Runtime, Spawn, within};
pub use serve::{
    BoxError, Listener, Serve, ServeError, ServeFault, ServeRuntime, ServerTls, StreamListener,
    WhenFull,
};
pub use server::{PlainHttp, Request, Server, Upgrade, UpgradeViaHttp};
pub use shutdown::{Joining, Report, Shutdown};
pub use socket_options::SocketOptions;
pub use split::{
    AnyLane, AnyWeakWriter, AnyWriter, Batched, Buffered, Lane, LaneConfig, Overflow, Priority,
    Pushed, Reader, ReuniteError, WeakWriter, Writer,
};
#[cfg(target_os = "linux")]
pub use transport::unacknowledged;
pub use transport::{
    Alarm, LazyTimer, PollRead, PollWrite, SendTransport, SharedHalf, SplitHalf, Timer, TlsSession,
    Transport,
};
pub use websocket::WebSocket;

/// Returns `None`: only Linux tells what the peer has not acknowledged.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn unacknowledged<S>(_: &S) -> Option<usize> {
    None
}

// For `aliases!`.
#[doc(hidden)]
pub use {bytes, wskit_proto};
