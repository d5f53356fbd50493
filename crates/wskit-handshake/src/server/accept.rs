//! The 101 response (RFC 6455 §4.2.2).
#![allow(
    clippy::arithmetic_side_effects,
    reason = "lengths of texts that lie in memory side by side"
)]

use std::ops::Deref;

use bytes::Bytes;
use http::header::{HeaderValue, SET_COOKIE};

use crate::accept_key::accept_key;
use crate::error::BuildError;
use crate::http::extensions::{ExtensionList, write_extension};
use crate::http::header::checked_header;
use crate::http::header::write_header;
use crate::server::origin_policy::OriginPolicy;
use crate::server::reject::Rejection;
use crate::server::request::UpgradeRequest;

impl UpgradeRequest {
    /// Checks the origin. This is the only way to a [`CheckedRequest`], which
    /// can be accepted.
    ///
    /// The error is the 403 response to send. Other checks (paths, cookies,
    /// tokens) may come before or after and may take any time.
    pub fn check(self, policy: &OriginPolicy) -> Result<CheckedRequest, Rejection> {
        policy.check(&self)?;
        Ok(CheckedRequest::new(self))
    }
}

/// An [`UpgradeRequest`] whose origin was allowed by a policy.
///
/// Only [`UpgradeRequest::check`] creates it, so the origin check cannot be
/// skipped. It dereferences to the request.
#[derive(Debug)]
pub struct CheckedRequest {
    request: UpgradeRequest,
}

impl CheckedRequest {
    pub(crate) fn new(request: UpgradeRequest) -> Self {
        Self { request }
    }

    /// Starts a 101 response.
    pub fn accept(self) -> Accept {
        Accept {
            request: self.request,
            protocol: None,
            extensions: String::new(),
            headers: Vec::new(),
        }
    }

    /// Refuses the request. Returns the bytes to send before closing.
    pub fn reject(self, rejection: &Rejection) -> Vec<u8> {
        self.request.reject(rejection)
    }
}

impl Deref for CheckedRequest {
    type Target = UpgradeRequest;

    fn deref(&self) -> &UpgradeRequest {
        &self.request
    }
}

/// A builder of a 101 response. It accepts only what the client offered.
#[derive(Debug)]
#[must_use = "the response is made by `finish`"]
pub struct Accept {
    request: UpgradeRequest,
    protocol: Option<String>,
    /// The header value, written by [`write_extension`].
    extensions: String,
    /// Complete header lines.
    headers: Vec<u8>,
}

impl Accept {
    /// Returns the request that is being accepted.
    pub fn request(&self) -> &UpgradeRequest {
        &self.request
    }

    /// Selects a subprotocol, which the client must have offered (§4.2.2 item
    /// 5.5). The last call wins.
    pub fn protocol(mut self, name: &str) -> Result<Self, BuildError> {
        if !self
            .request
            .offered_protocols()
            .any(|offered| offered == name)
        {
            return Err(BuildError::ProtocolNotOffered);
        }
        self.protocol = Some(name.to_owned());
        Ok(self)
    }

    /// Selects the first subprotocol in the client's order of preference that
    /// is in `supported`, or none if there is no match.
    pub fn protocol_from<S: AsRef<str>>(mut self, supported: &[S]) -> Self {
        let known = |offered: &&str| supported.iter().any(|name| name.as_ref() == *offered);
        self.protocol = self
            .request
            .offered_protocols()
            .find(known)
            .map(str::to_owned);
        self
    }

    /// Accepts an extension, which the client must have offered (§4.2.2 item
    /// 5.6), at most once. `params` are the agreed parameters; whether they
    /// match the offer is up to the implementation of the extension.
    pub fn extension<'a>(
        mut self,
        name: &str,
        params: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, BuildError> {
        let mut offers = self.request.offered_extensions();
        if !offers.any(|offer| offer.name() == name) {
            return Err(BuildError::ExtensionNotOffered);
        }
        let mut chosen = crate::Extensions::new(&self.extensions);
        if chosen.any(|extension| extension.name() == name) {
            return Err(BuildError::ExtensionRepeated);
        }
        write_extension(&mut self.extensions, name, params)?;
        Ok(self)
    }

    /// Adds a header. Returns an error for a name that is not a token, for a
    /// value with control characters, and for a header that the handshake
    /// writes itself.
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<Self, BuildError>
    where
        N: AsRef<[u8]>,
        V: TryInto<HeaderValue>,
    {
        let (name, value) = checked_header(name, value)?;
        write_header(&mut self.headers, &name, &value);
        Ok(self)
    }

    /// Adds a `Set-Cookie` header with this value, such as `id=1; HttpOnly`.
    pub fn cookie(self, cookie: &str) -> Result<Self, BuildError> {
        self.header(SET_COOKIE, cookie)
    }

    /// Writes the response. After it has been sent, the handshake is complete
    /// and frames follow in both directions. Frames of the client that have
    /// already arrived are in [`leftover`](Accepted::leftover).
    pub fn finish(self) -> Accepted {
        let accept = accept_key(self.request.key());
        let named = [
            (
                "Sec-WebSocket-Protocol: ",
                self.protocol.as_deref().unwrap_or_default(),
            ),
            ("Sec-WebSocket-Extensions: ", self.extensions.as_str()),
        ];
        let named = named.iter().filter(|(_, value)| !value.is_empty());
        let length = named
            .clone()
            .map(|(name, value)| name.len() + value.len() + 2);
        let length = length.sum::<usize>() + SWITCHING.len() + accept.len() + 4;
        let mut response = Vec::with_capacity(length + self.headers.len());
        response.extend_from_slice(SWITCHING);
        response.extend_from_slice(&accept);
        response.extend_from_slice(b"\r\n");
        for (name, value) in named {
            response.extend_from_slice(name.as_bytes());
            response.extend_from_slice(value.as_bytes());
            response.extend_from_slice(b"\r\n");
        }
        if !self.headers.is_empty() {
            response.extend_from_slice(&self.headers);
        }
        response.extend_from_slice(b"\r\n");
        Accepted {
            response,
            protocol: self.protocol,
            extensions: ExtensionList::from_checked(self.extensions.into()),
            leftover: self.request.into_leftover(),
        }
    }
}

/// The result of a successful handshake on the server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Accepted {
    /// The bytes of the 101 response. Send them before any frame.
    pub response: Vec<u8>,
    /// The subprotocol in use.
    pub protocol: Option<String>,
    /// The extensions in use, in order.
    pub extensions: ExtensionList<'static>,
    /// The client's bytes after its request: the beginning of its frames.
    pub leftover: Bytes,
}

/// §4.2.2 items 5.1 to 5.4.
const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\
Upgrade: websocket\r\n\
Connection: Upgrade\r\n\
Sec-WebSocket-Accept: ";
