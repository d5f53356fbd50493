//! The server's side when an HTTP library reads the request and writes the response.

use std::ops::Deref;
use std::sync::Arc;

use http::Response;
use wskit_handshake::{
    Accept, BuildError, CheckedRequest, OriginPolicy, Rejection, UpgradeRequest,
};
use wskit_proto::Role;

use super::{Server, Settings};
use crate::error::OpenError;
use crate::observe::PeerName;
use crate::pending_websocket::PendingWebSocket;
use crate::shutdown::Joining;

impl<R> Server<R> {
    /// Sets the origins whose pages are accepted.
    pub fn origin(mut self, origin: OriginPolicy) -> Self {
        Arc::make_mut(&mut self.settings).origin = origin;
        self
    }

    /// Checks the origin of a request that an HTTP library has read; [`UpgradeRequest::from_http`] checks the
    /// rest. The observer is told of a refusal. There is no deadline until the library hands the transport
    /// over.
    ///
    /// # Errors
    /// The 403 to answer with, when the origin is not allowed.
    pub fn upgrade(&self, request: UpgradeRequest) -> Result<UpgradeViaHttp, Rejection> {
        match request.check(&self.settings.origin) {
            Ok(request) => Ok(UpgradeViaHttp {
                request,
                settings: self.settings.clone(),
            }),
            Err(rejection) => {
                let telemetry = &self.settings.common.telemetry;
                telemetry.accept_failed(&OpenError::OriginRefused);
                Err(rejection)
            }
        }
    }
}

/// A checked request for a WebSocket that an HTTP library has read; from [`Server::upgrade`]. It derefs to the [`UpgradeRequest`].
#[derive(Debug)]
pub struct UpgradeViaHttp {
    request: CheckedRequest,
    settings: Arc<Settings>,
}

impl UpgradeViaHttp {
    /// Accepts, with the first sub-protocol of the client's list that the server supports. Returns the
    /// response for the library to write, and the connection to open on the transport that it then hands
    /// over.
    ///
    /// # Errors
    /// None with the settings that a server can have.
    pub fn accept(self) -> Result<(Response<()>, PendingWebSocket), BuildError> {
        self.accept_with(Ok)
    }

    /// Accepts with headers, cookies or a sub-protocol of your own.
    ///
    /// # Errors
    /// When `with` sets something that may not be sent.
    pub fn accept_with(
        self,
        with: impl FnOnce(Accept) -> Result<Accept, BuildError>,
    ) -> Result<(Response<()>, PendingWebSocket), BuildError> {
        let settings = &self.settings;
        let accept = self.request.accept().protocol_from(&settings.protocols);
        let (accept, agreed) = settings.common.extensions.answer(accept)?;
        let accepted = with(accept)?.finish_http();
        let opening = PendingWebSocket {
            role: Role::Server,
            settings: settings.common.clone(),
            agreed,
            protocol: accepted.protocol,
            peer: PeerName::NONE,
            joining: Joining::new(None),
        };
        Ok((accepted.response, opening))
    }
}

impl Deref for UpgradeViaHttp {
    type Target = UpgradeRequest;
    fn deref(&self) -> &UpgradeRequest {
        &self.request
    }
}
