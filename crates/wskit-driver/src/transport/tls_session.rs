/// What two ends have agreed on in a TLS handshake, and who they have shown to be.
///
/// This is a copy: it stays valid after the end of the connection. From
/// [`WebSocket::tls_session`](crate::WebSocket::tls_session), and from the halves after a split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsSession {
    /// The certificates of the peer in DER, its own first. Empty if it has sent none, as clients do that
    /// the server has not asked.
    pub peer_certificates: Vec<Vec<u8>>,
    /// The protocol agreed on by ALPN, such as `http/1.1`.
    pub alpn: Option<Vec<u8>>,
    /// The name that the client has asked for (SNI). Known to servers only.
    pub server_name: Option<String>,
}
