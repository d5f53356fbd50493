//! The client's side when an HTTP library writes the request and reads the response.

use http::{Request, Response};
use wskit_handshake::{ClientRequest, RequestError, ResponseCheck};
use wskit_proto::Role;

use super::Client;
use crate::error::OpenError;
use crate::keys::nonce;
use crate::observe::PeerName;
use crate::pending_websocket::PendingWebSocket;
use crate::settings::Settings;
use crate::shutdown::Joining;

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
        let request = self.settings.extensions.offer(request)?;
        let peer = PeerName::of_server(&request);
        let (request, check) = request.into_http(nonce()?);
        let handshake = RequestViaHttp {
            check,
            settings: self.settings.clone(),
            peer,
        };
        Ok((request, handshake))
    }
}

/// A request that an HTTP library sends, and the check of its response; from [`Client::request`].
#[derive(Debug)]
pub struct RequestViaHttp {
    check: ResponseCheck,
    settings: Settings,
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
            let agreed = self.settings.extensions.confirm(&accepted.extensions)?;
            Ok((accepted, agreed))
        });
        let (accepted, agreed) = confirmed.inspect_err(|error| {
            let is_refused = error.refusal().is_some();
            self.settings.telemetry.connect_failed(error, is_refused);
        })?;
        Ok(PendingWebSocket {
            role: Role::Client,
            settings: self.settings,
            agreed,
            protocol: accepted.protocol,
            peer: self.peer,
            joining: Joining::new(None),
        })
    }
}
