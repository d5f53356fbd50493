//! What threads share and wait by, so that a model checker can take its place.

#[cfg(loom)]
pub(crate) use crate::models::{Ear, ear_pair, park};
#[cfg(loom)]
pub(crate) use loom::{
    sync::atomic::{AtomicU8, Ordering, fence},
    thread::{self, Thread},
};
#[cfg(not(loom))]
pub(crate) use std::{
    sync::atomic::{AtomicU8, Ordering, fence},
    thread::{self, Thread},
};

/// A socket that becomes readable when its other end sends.
#[cfg(all(not(loom), unix))]
pub(crate) type Ear = std::os::unix::net::UnixDatagram;
#[cfg(all(not(loom), not(unix)))]
pub(crate) type Ear = std::net::UdpSocket;

/// Creates a pair of connected sockets.
#[cfg(all(not(loom), unix))]
pub(crate) fn ear_pair() -> std::io::Result<(Ear, Ear)> {
    Ear::pair()
}

/// Creates a pair of connected sockets.
#[cfg(all(not(loom), not(unix)))]
pub(crate) fn ear_pair() -> std::io::Result<(Ear, Ear)> {
    let (near, far) = (Ear::bind("127.0.0.1:0")?, Ear::bind("127.0.0.1:0")?);
    near.connect(far.local_addr()?)?;
    far.connect(near.local_addr()?)?;
    Ok((near, far))
}

/// Parks the thread that calls, for at most `limit`.
#[cfg(not(loom))]
pub(crate) fn park(limit: Option<std::time::Duration>) {
    match limit {
        Some(limit) => thread::park_timeout(limit),
        None => thread::park(),
    }
}
