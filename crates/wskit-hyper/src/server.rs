use std::fmt;
use std::ops::Deref;

use http::{Extensions, Request, Response, request};
use hyper::upgrade::OnUpgrade;
use wskit_driver::UpgradeViaHttp;
use wskit_handshake::{Accept, BuildError, RequestHead, UpgradeRequest};

use crate::Server;
#[cfg(feature = "http2")]
use crate::http2::ReadAhead;
use crate::pending_websocket::{Handover, PendingWebSocket};
use crate::refused::Refused;

/// Accepts a request for a WebSocket as `server` says: gives the response to return and the connection
/// to [open](PendingWebSocket::open) in a task of its own.
///
/// The body of the request is left alone; an upgrade has none.
///
/// # Errors
/// What is wrong with the request, as a response: return it.
pub fn upgrade<B>(
    request: &mut Request<B>,
    server: &Server,
) -> Result<(Response<()>, PendingWebSocket), Refused> {
    Attempt::from_request(request)?.check(server)?.accept()
}

/// A request for a WebSocket that breaks no rule, and whose origin has not been looked at yet: all that
/// can be done with it is to look at it and to [`check`](Self::check) it. It derefs to the
/// [`UpgradeRequest`].
pub struct Attempt {
    request: UpgradeRequest,
    handover: Handover,
}

impl Attempt {
    /// Takes the means of the upgrade out of a request of hyper's.
    ///
    /// # Errors
    /// [`Refused::Handshake`], [`Refused::NotUpgradable`].
    pub fn from_request<B>(request: &mut Request<B>) -> Result<Self, Refused> {
        let read = read(&*request, request.extensions())?;
        Self::new(read, request.extensions_mut())
    }

    /// As [`from_request`](Self::from_request), for a request that has lost its body.
    ///
    /// # Errors
    /// As [`from_request`](Self::from_request).
    pub fn from_parts(parts: &mut request::Parts) -> Result<Self, Refused> {
        let read = read(&*parts, &parts.extensions)?;
        Self::new(read, &mut parts.extensions)
    }

    fn new(request: UpgradeRequest, extensions: &mut Extensions) -> Result<Self, Refused> {
        let on_upgrade = extensions
            .remove::<OnUpgrade>()
            .ok_or(Refused::NotUpgradable)?;
        Ok(Self {
            request,
            #[cfg(not(feature = "http2"))]
            handover: Handover::http1(on_upgrade),
            #[cfg(feature = "http2")]
            handover: Handover {
                on_upgrade,
                read_ahead: protocol(extensions).map(|_| ReadAhead::default()),
            },
        })
    }

    /// Checks the origin against the policy of `server`, which has the rest of the settings, too.
    ///
    /// # Errors
    /// [`Refused::Origin`].
    pub fn check(self, server: &Server) -> Result<Upgrade, Refused> {
        Ok(Upgrade {
            upgrade: server.upgrade(self.request).map_err(Refused::Origin)?,
            handover: self.handover,
        })
    }
}

/// A request for a WebSocket, checked and waiting for an answer. To refuse it after all, drop it and
/// return any other response. It derefs to the [`UpgradeRequest`].
pub struct Upgrade {
    upgrade: UpgradeViaHttp,
    handover: Handover,
}

impl Upgrade {
    /// Accepts, with the first sub-protocol of the client's that the server speaks.
    ///
    /// # Errors
    /// As [`accept_with`](Self::accept_with); none by what a server can be set to.
    pub fn accept(self) -> Result<(Response<()>, PendingWebSocket), Refused> {
        self.accept_with(Ok)
    }

    /// Accepts with headers, cookies or a sub-protocol of the caller's choice.
    ///
    /// # Errors
    /// [`Refused::Response`] when `with` asks for what may not be sent.
    pub fn accept_with(
        self,
        with: impl FnOnce(Accept) -> Result<Accept, BuildError>,
    ) -> Result<(Response<()>, PendingWebSocket), Refused> {
        let (response, opening) = self.upgrade.accept_with(with)?;
        let handover = self.handover;
        Ok((response, PendingWebSocket { handover, opening }))
    }
}

/// HTTP/1.1, or HTTP/2 where it is compiled in.
fn read<'a>(
    head: impl Into<RequestHead<'a>>,
    extensions: &Extensions,
) -> Result<UpgradeRequest, Refused> {
    #[cfg(feature = "http2")]
    if let Some(protocol) = protocol(extensions) {
        return Ok(UpgradeRequest::from_extended_connect(
            head,
            protocol.as_str(),
        )?);
    }
    #[cfg(not(feature = "http2"))]
    let _ = extensions;
    Ok(UpgradeRequest::from_http(head)?)
}

/// hyper tells of extended CONNECT by an extension.
#[cfg(feature = "http2")]
fn protocol(extensions: &Extensions) -> Option<&hyper::ext::Protocol> {
    extensions.get()
}

impl Deref for Attempt {
    type Target = UpgradeRequest;
    fn deref(&self) -> &UpgradeRequest {
        &self.request
    }
}

impl Deref for Upgrade {
    type Target = UpgradeRequest;
    fn deref(&self) -> &UpgradeRequest {
        &self.upgrade
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Attempt").field(&self.request).finish()
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Upgrade").field(&self.upgrade).finish()
    }
}
