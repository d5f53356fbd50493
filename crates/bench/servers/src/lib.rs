//! What all servers and clients here share: the command line, the runtime, the listener, TLS, a minimal
//! upgrade for libraries that leave it to others, fan-out, and the counting allocator.

pub mod client;
pub mod counting;
pub mod dial;
pub mod fanout;
pub mod options;
pub mod serve;
pub mod tls;
pub mod tungstenite_server;
pub mod upgrade;
pub mod wskit_server;

/// What a connection may end with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
