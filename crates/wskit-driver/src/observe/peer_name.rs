use wskit_handshake::ClientRequest;

/// How the peer is called in the event of an opened connection. Empty without the feature `tracing`.
pub(crate) struct PeerName {
    /// Host and port of the server.
    #[cfg(feature = "tracing")]
    server: Option<Box<str>>,
}

impl PeerName {
    /// A peer that has no name, such as a client.
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

    #[cfg(feature = "tracing")]
    pub(super) fn get(&self) -> Option<&str> {
        self.server.as_deref()
    }
}
