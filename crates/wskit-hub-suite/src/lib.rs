//! The scenarios that every engine of `wskit-hub` passes, and the real servers that they run on.
//!
//! - [`servers`] starts NATS and Redis, alone and as clusters, and kills and pauses them.
//! - [`link`] is a TCP proxy with faults.
//! - [`engines`] has the scenarios of one or more engines that share a server. An engine's own tests say how
//!   engines and servers are made, as a [`Bench`], and get a test for each scenario:
//!
//! ```text
//! wskit_hub_suite::engine_scenarios!(NatsBench);
//! wskit_hub_suite::hub_scenarios!(NatsBench);
//! ```
//!
//! - [`hubs`] has those of whole hubs that share one.
#![forbid(unsafe_code)]
#![allow(
    clippy::missing_panics_doc,
    reason = "everything here is a test: it reports by panicking"
)]

pub mod bench;
pub mod engines;
pub mod follower;
pub mod guest;
pub mod hubs;
pub mod link;
pub mod node;
pub mod servers;

pub use bench::{Bench, Line, run};

/// Expands to a test for each scenario of some files.
#[doc(hidden)]
#[macro_export]
macro_rules! listed {
    ($bench:ident, $folder:ident { $($file:ident: $($scenario:ident)+;)+ }) => {
        $(
            mod $file {
                $(
                    #[test]
                    fn $scenario() {
                        $crate::run::<super::$bench>($crate::$folder::$file::$scenario);
                    }
                )+
            }
        )+
    };
}
