/// Which TLS a client uses for `wss` URLs.
///
/// The same type serves the blocking functions and those of tokio.
#[derive(Clone)]
#[non_exhaustive]
#[allow(
    missing_debug_implementations,
    reason = "that of tungstenite has none, and a connector may hold keys"
)]
pub enum Connector {
    /// None: a `wss` URL is an error.
    Plain,
    /// That of the operating system.
    #[cfg(feature = "native-tls")]
    NativeTls(native_tls_crate::TlsConnector),
    /// rustls, with this configuration.
    #[cfg(feature = "__rustls-tls")]
    Rustls(std::sync::Arc<rustls::ClientConfig>),
}

impl Connector {
    /// What is used where no connector is given: the operating system's TLS if it is compiled in, else rustls
    /// with the roots that the features name.
    #[allow(
        clippy::unnecessary_wraps,
        reason = "with rustls the roots may be missing"
    )]
    pub(crate) fn or_default(
        connector: Option<Self>,
        mode: crate::stream::Mode,
    ) -> crate::Result<Self> {
        use crate::stream::Mode;
        match (connector, mode) {
            (Some(connector), _) => Ok(connector),
            (None, Mode::Plain) => Ok(Self::Plain),
            (None, Mode::Tls) => Self::for_tls(),
        }
    }

    #[cfg(feature = "native-tls")]
    fn for_tls() -> crate::Result<Self> {
        let connector = native_tls_crate::TlsConnector::new();
        Ok(Self::NativeTls(
            connector.map_err(crate::error::TlsError::from)?,
        ))
    }

    #[cfg(all(feature = "__rustls-tls", not(feature = "native-tls")))]
    #[allow(
        clippy::unnecessary_wraps,
        reason = "the system's roots may be missing"
    )]
    fn for_tls() -> crate::Result<Self> {
        #[allow(unused_mut, reason = "without a feature for roots there are none")]
        let mut roots = rustls::RootCertStore::empty();
        #[cfg(feature = "rustls-tls-native-roots")]
        {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() && cfg!(not(feature = "rustls-tls-webpki-roots")) {
                let text = format!("no native root CA certificates found: {:?}", found.errors);
                return Err(std::io::Error::new(std::io::ErrorKind::NotFound, text).into());
            }
            roots.add_parsable_certificates(found.certs);
        }
        #[cfg(feature = "rustls-tls-webpki-roots")]
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::Rustls(std::sync::Arc::new(config)))
    }

    #[cfg(not(any(feature = "native-tls", feature = "__rustls-tls")))]
    #[allow(clippy::unnecessary_wraps, reason = "with TLS it may fail")]
    fn for_tls() -> crate::Result<Self> {
        Ok(Self::Plain)
    }
}

/// Returns the host of a request as TLS wants it: an IPv6 address without brackets.
pub(crate) fn domain(request: &crate::handshake::client::Request) -> crate::Result<String> {
    let host = request.uri().host();
    let host = host.ok_or(crate::error::UrlError::NoHostName)?;
    Ok(host.trim_matches(['[', ']']).to_owned())
}
