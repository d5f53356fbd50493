use std::borrow::Cow;
use std::net::SocketAddr;

use wskit_handshake::ClientRequest;

/// How the peer is called in the event of an opened connection. Empty without the feature `tracing`.
#[derive(Debug)]
pub(crate) struct PeerName {
    /// Host and port of the server.
    #[cfg(feature = "tracing")]
    server: Option<Box<str>>,
}

impl PeerName {
    /// A peer that has no name, such as a client: it is called by its address.
    pub(crate) const NONE: Self = Self {
        #[cfg(feature = "tracing")]
        server: None,
    };

    /// The server of a request.
    pub(crate) fn of_server(request: &ClientRequest) -> Self {
        #[cfg(feature = "tracing")]
        {
            let (host, port) = (request.host(), request.port());
            let name = if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            };
            let server = Some(name.into_boxed_str());
            Self { server }
        }
        #[cfg(not(feature = "tracing"))]
        {
            let _ = request;
            Self {}
        }
    }

    /// Returns the name of the server or, if there is none, the address.
    pub(crate) fn or_address(
        &self,
        address: impl FnOnce() -> Option<SocketAddr>,
    ) -> Option<Cow<'_, str>> {
        #[cfg(feature = "tracing")]
        if let Some(server) = &self.server {
            return Some(Cow::Borrowed(server));
        }
        #[cfg(not(feature = "tracing"))]
        let _ = self;
        address().map(|address| Cow::Owned(address.to_string()))
    }
}
