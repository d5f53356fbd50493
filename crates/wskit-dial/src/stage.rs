use std::fmt;

/// How far an attempt to connect had come when it failed; from [`ConnectError::stage`](crate::ConnectError::stage).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// A [`Dial`](crate::Dial) of one's own opens the stream, and has not said how far it is.
    Dial,
    /// The name of the server is looked up.
    Dns,
    /// A TCP connection to the server is opened.
    Tcp,
    /// A proxy is reached, and asked for a connection to the server. Includes the lookup of the proxy's
    /// name, its TCP connection and its TLS.
    Proxy,
    /// The TLS handshake with the server.
    Tls,
    /// The opening handshake with the server (HTTP).
    Http,
}

/// What happens in the stage: "the TLS handshake".
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dial => "the dialling",
            Self::Dns => "the name lookup (DNS)",
            Self::Tcp => "the TCP connection",
            Self::Proxy => "the connection by the proxy",
            Self::Tls => "the TLS handshake",
            Self::Http => "the opening handshake",
        })
    }
}
