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
mod keys;
mod link;
mod message_writer;
#[cfg(all(test, loom))]
mod models;
mod observe;
mod parts;
mod pending_websocket;
mod permit;
mod recv;
mod runtime;
mod server;
mod shutdown;
mod split;
mod stream;
mod sync;
mod tasks;
#[cfg(feature = "tokio-io")]
mod tokio_io;
mod transport;
mod websocket;

#[cfg(feature = "async-io")]
pub use async_io_timer::{AsyncIoAlarm, AsyncIoTimer};
pub use byte_stream::ByteStream;
pub use client::{Client, RequestViaHttp};
pub use error::{ConnectionError, Elapsed, OpenError, is_disconnect};
#[cfg(feature = "futures-io")]
pub use futures_duplex::{DuplexStream, duplex};
#[cfg(feature = "futures-io")]
pub use futures_runtime::{FuturesRuntime, Io, IoRead, IoWrite};
pub use handshake::{read, write_all};
pub use keys::secure_keys;
pub use message_writer::MessageWriter;
#[cfg(feature = "metrics")]
pub use observe::{Ended, Observed, Observer};
pub use parts::{IntoPartsError, Parts};
pub use pending_websocket::PendingWebSocket;
pub use permit::Permit;
pub use recv::{RecvPiece, RecvRef};
pub use runtime::{Runtime, within};
pub use server::{PlainHttp, Request, Server, Upgrade, UpgradeViaHttp};
pub use shutdown::{Report, Shutdown};
pub use split::{
    AnyLane, AnyWeakWriter, AnyWriter, Buffered, Lane, LaneConfig, Overflow, Priority, Pushed,
    Reader, ReuniteError, WeakWriter, Writer,
};
#[cfg(target_os = "linux")]
pub use transport::unacknowledged;
pub use transport::{
    Alarm, LazyTimer, PollRead, PollWrite, SendTransport, SharedHalf, SplitHalf, Timer, TlsSession,
    Transport, cast,
};
pub use websocket::WebSocket;
pub use wskit_proto::Event;
pub use wskit_proto::Spare;
#[cfg(feature = "metrics")]
pub use wskit_proto::{Counters, Metrics, Traffic};

/// Returns `None`: only Linux tells what the peer has not acknowledged.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn unacknowledged<S>(_: &S) -> Option<usize> {
    None
}

/// What [`aliases!`] names.
#[doc(hidden)]
pub mod macros {
    pub use bytes::Bytes;
    pub use wskit_proto::{Config, Role};
}
