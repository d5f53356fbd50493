#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

mod accept_key;
mod client;
mod error;
mod http;
mod progress;
mod server;
#[cfg(test)]
#[path = "../../wskit-test/tests/told_once/mod.rs"]
mod told_once;

pub use accept_key::accept_key;
pub use client::handshake::{ClientAccepted, ClientHandshake};
pub use client::request::ClientRequest;
pub use client::via_http::ResponseCheck;
pub use error::{
    BuildError, ExtensionError, HandshakeError, HeadFault, HeaderError, NotHttp, Refusal,
    RequestError,
};
pub use http::extensions::{
    Extension, ExtensionList, ExtensionParams, Extensions, write_extension,
};
pub use http::headers::Headers;
pub use http::limits::HeadLimits;
pub use http::token::{Protocols, is_token};
pub use progress::Progress;
pub use server::accept::{Accept, Accepted, CheckedRequest};
pub use server::full::Incoming;
pub use server::handshake::ServerHandshake;
pub use server::origin::{RequestOrigin, WebOrigin};
pub use server::origin_policy::{OriginError, OriginList, OriginPolicy, OriginPredicate};
pub use server::plain_http::{PlainRequest, write_response};
pub use server::reject::Rejection;
pub use server::request::UpgradeRequest;
pub use server::via_http::{HttpAccepted, RequestHead};
