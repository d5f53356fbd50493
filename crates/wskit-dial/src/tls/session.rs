use rustls::CommonState;
use wskit_driver::TlsSession;

/// Returns what both ends of a session know.
pub(crate) fn session(connection: &CommonState) -> TlsSession {
    let certificates = connection.peer_certificates().unwrap_or_default();
    let mut session = TlsSession::default();
    session.peer_certificates = certificates.iter().map(|der| der.to_vec()).collect();
    session.alpn = connection.alpn_protocol().map(<[u8]>::to_vec);
    session
}
