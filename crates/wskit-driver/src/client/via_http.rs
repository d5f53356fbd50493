//! The client's side when an HTTP library writes the request and reads the response.

use std::fmt;
use std::sync::Arc;

use http::{Request, Response};
use wskit_handshake::{ClientRequest, RequestError, ResponseCheck};
use wskit_proto::{Config, Role};

use super::Client;
use crate::error::OpenError;
use crate::extensions::Extensions;
use crate::keys::nonce;
use crate::observe::{PeerName, TelemetryConfig};
use crate::pending_websocket::PendingWebSocket;

impl<R> Client<R> {
    /// Makes a request for an HTTP library to send, with the path as its URI and the host in `Host`.
    /// Pass the response to [`RequestViaHttp::confirm`]. There is no deadline until the library hands the
    /// transport over.
    ///
    /// # Errors
    /// [`OpenError::Request`], and [`OpenError::Io`] when the system has no random bytes.
    pub fn request<Q>(&self, request: Q) -> Result<(Request<()>, RequestViaHttp), OpenError>
    where
        Q: TryInto<ClientRequest>,
        RequestError: From<Q::Error>,
    {
        let request = request.try_into().map_err(RequestError::from)?;
        let request = self.extensions.offer(request)?;
        let peer = PeerName::of_server(&request);
        let (request, check) = request.into_http(nonce()?);
        let handshake = RequestViaHttp {
            check,
            config: self.config.clone(),
            extensions: self.extensions.clone(),
            telemetry: self.telemetry.clone(),
            peer,
        };
        Ok((request, handshake))
    }
}

/// A request that an HTTP library sends, and the check of its response; from [`Client::request`].
pub struct RequestViaHttp {
    check: ResponseCheck,
    config: Arc<Config>,
    extensions: Extensions,
    telemetry: TelemetryConfig,
    peer: PeerName,
}

impl RequestViaHttp {
    /// Checks the response. Returns the connection to open on the transport that the library then hands over.
    ///
    /// # Errors
    /// [`OpenError::Handshake`] when the server refuses (its body is left in `response`) or breaks the
    /// rules, also those of compression.
    pub fn confirm<B>(self, response: &Response<B>) -> Result<PendingWebSocket, OpenError> {
        let confirmed = self.check.check(response).map_err(OpenError::from);
        let confirmed = confirmed.and_then(|accepted| {
            let agreed = self.extensions.confirm(&accepted.extensions)?;
            Ok((accepted, agreed))
        });
        let (accepted, agreed) = confirmed.inspect_err(|error| {
            let is_refused = error.refusal().is_some();
            self.telemetry.connect_failed(error, is_refused);
        })?;
        Ok(PendingWebSocket {
            role: Role::Client,
            config: self.config,
            extensions: self.extensions,
            agreed,
            protocol: accepted.protocol,
            telemetry: self.telemetry,
            peer: self.peer,
        })
    }
}

impl fmt::Debug for RequestViaHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestViaHttp").finish_non_exhaustive()
    }
}
