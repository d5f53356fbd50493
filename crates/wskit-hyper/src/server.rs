use std::ops::Deref;

use http::{Extensions, Request, Response, request};
use hyper::upgrade::OnUpgrade;
use wskit_driver::{Joining, UpgradeViaHttp};
use wskit_handshake::{Accept, BuildError, RequestHead, UpgradeRequest};

#[cfg(feature = "http2")]
use crate::http2::ReadAhead;
use crate::pending_websocket::{Handover, PendingWebSocket};
use crate::refused::Refused;
use crate::{Server, Shutdown};

/// Accepts a request for a WebSocket with the settings of `server`. Returns the response to send,
/// and the connection to [open](PendingWebSocket::open) in another task.
///
/// The body of the request is not read; an upgrade request has none.
///
/// # Errors
/// The reason, which converts to the response to return.
pub fn upgrade<B>(
    request: &mut Request<B>,
    server: &Server,
) -> Result<(Response<()>, PendingWebSocket), Refused> {
    Attempt::from_request(request)?.check(server)?.accept()
}

/// A valid request for a WebSocket whose origin has not been checked. It can only be read and
/// [`check`](Self::check)ed. It dereferences to the [`UpgradeRequest`].
#[derive(Debug)]
pub struct Attempt {
    request: UpgradeRequest,
    handover: Option<Handover>,
    joining: Option<Joining>,
}

impl Attempt {
    /// Takes the upgrade out of a hyper request. One that has none, as in a test without a connection, is
    /// refused by [`Upgrade::accept`], after all checks.
    ///
    /// # Errors
    /// [`Refused::Handshake`].
    pub fn from_request<B>(request: &mut Request<B>) -> Result<Self, Refused> {
        let read = read(&*request, request.extensions())?;
        Ok(Self::new(read, request.extensions_mut()))
    }

    /// Takes the upgrade out of the head of a hyper request.
    ///
    /// # Errors
    /// Those of [`from_request`](Self::from_request).
    pub fn from_parts(parts: &mut request::Parts) -> Result<Self, Refused> {
        let read = read(&*parts, &parts.extensions)?;
        Ok(Self::new(read, &mut parts.extensions))
    }

    fn new(request: UpgradeRequest, extensions: &mut Extensions) -> Self {
        let on_upgrade = extensions.remove::<OnUpgrade>();
        Self {
            request,
            joining: None,
            #[cfg(not(feature = "http2"))]
            handover: on_upgrade.map(Handover::http1),
            #[cfg(feature = "http2")]
            handover: on_upgrade.map(|on_upgrade| Handover {
                on_upgrade,
                read_ahead: protocol(extensions).map(|_| ReadAhead::default()),
            }),
        }
    }

    /// Makes the connection follow a shutdown. [`Shutdown::finish`] waits from now on until the connection
    /// has ended, or the request is refused or dropped. So a request that is looked at for some time is not
    /// forgotten, and its connection is told to go away as soon as it opens.
    #[must_use]
    pub fn shutdown(mut self, shutdown: &Shutdown) -> Self {
        self.joining = Some(shutdown.joining());
        self
    }

    /// Checks the origin against the policy of `server`, which also has the other settings.
    ///
    /// # Errors
    /// [`Refused::Origin`].
    pub fn check(self, server: &Server) -> Result<Upgrade, Refused> {
        Ok(Upgrade {
            request: server.upgrade(self.request).map_err(Refused::Origin)?,
            handover: self.handover,
            joining: self.joining,
        })
    }
}

/// A checked request for a WebSocket that can be accepted. To refuse it, drop it and return any
/// other response. It dereferences to the [`UpgradeRequest`].
#[derive(Debug)]
pub struct Upgrade {
    request: UpgradeViaHttp,
    handover: Option<Handover>,
    joining: Option<Joining>,
}

impl Upgrade {
    /// Accepts the request, with the first of the client's subprotocols that the server supports.
    ///
    /// # Errors
    /// [`Refused::NotUpgradable`].
    pub fn accept(self) -> Result<(Response<()>, PendingWebSocket), Refused> {
        self.accept_with(Ok)
    }

    /// Accepts the request, with headers, cookies or a subprotocol chosen by
    /// the caller.
    ///
    /// # Errors
    /// [`Refused::NotUpgradable`] if hyper has no connection for the request, and [`Refused::Response`] if
    /// `with` requests something that must not be sent.
    pub fn accept_with(
        self,
        with: impl FnOnce(Accept) -> Result<Accept, BuildError>,
    ) -> Result<(Response<()>, PendingWebSocket), Refused> {
        let handover = self.handover.ok_or(Refused::NotUpgradable)?;
        let (response, mut opening) = self.request.accept_with(with)?;
        if let Some(joining) = self.joining {
            opening = opening.join(joining);
        }
        Ok((response, PendingWebSocket { handover, opening }))
    }
}

/// Checks a request over HTTP/1.1, or over HTTP/2 if that is compiled in.
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

/// hyper reports extended CONNECT by an extension.
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
        &self.request
    }
}
