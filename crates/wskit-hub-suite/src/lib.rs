//! The scenarios that every engine of `wskit-hub` passes, and the real servers that they run on.
//!
//! - [`servers`] starts NATS and Redis, alone and as clusters, and kills and pauses them.
//! - [`link`] is a TCP proxy with faults.
#![forbid(unsafe_code)]
#![allow(
    clippy::missing_panics_doc,
    reason = "everything here is a test: it reports by panicking"
)]

pub mod link;
pub mod servers;
