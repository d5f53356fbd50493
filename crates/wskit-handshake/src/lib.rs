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

mod accept;
mod accept_key;
mod body;
mod client;
mod client_request;
mod error;
mod extensions;
mod head;
mod header_line;
mod limits;
mod location;
mod not_http;
mod ordinary;
mod origin;
mod parsed_request;
mod parsed_response;
mod plain;
mod refusal;
mod rejection;
mod response_check;
mod server;
mod token;
mod upgrade;
mod url;

pub use accept::{Accept, Accepted, CheckedRequest};
pub use accept_key::accept_key;
pub use client::{ClientAccepted, ClientHandshake};
pub use client_request::ClientRequest;
pub use error::{BuildError, HandshakeError, HeadFault, HeaderError, RequestError};
pub use extensions::{
    Extension, ExtensionError, ExtensionList, ExtensionParams, Extensions, write_extension,
};
pub use limits::HeadLimits;
pub use not_http::NotHttp;
pub use origin::{
    OriginError, OriginList, OriginPolicy, OriginPredicate, RequestOrigin, WebOrigin,
};
pub use parsed_request::{HttpAccepted, RequestHead};
pub use parsed_response::ResponseCheck;
pub use plain::{PlainRequest, write_response};
pub use refusal::Refusal;
pub use rejection::Rejection;
pub use server::{Incoming, ServerHandshake};
pub use token::{Protocols, is_token};
pub use upgrade::{Headers, UpgradeRequest};

/// What a handshake knows after the bytes received so far.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the outcome is inside `Done`"]
pub enum Progress<T> {
    /// The peer has not sent enough yet: read more, or report the end of the
    /// stream with `receive_eof`.
    NeedMore,
    /// The handshake has got this far; nothing more is read by it.
    Done(T),
}
