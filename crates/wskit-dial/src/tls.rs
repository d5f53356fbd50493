//! TLS for every binding: settings, and errors that say what was wrong with a certificate.
//!
//! The crypto provider is passed by value, always: neither a process-wide default nor its absence
//! matters here.

mod acceptor;
mod connector;
mod given;

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ConfigBuilder, ServerConfig, WantsVerifier,
};

use crate::dial_error::DialError;
use given::{GivenCertificates, is_of_an_authority};

pub use acceptor::Acceptor;
pub use connector::{Connector, Rustls};
pub use rustls;

/// What is wrong with the TLS settings: the caller's to mend.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// No crypto provider was compiled in: enable `rustls-ring` or `rustls-aws-lc`, or build the
    /// rustls configuration yourself.
    NoProvider,
    /// No source of trust was compiled in: enable `webpki-roots` or `platform-verifier`, or pass
    /// certificates.
    NoRoots,
    /// No certificate, or no private key, in the PEM text.
    Pem(String),
    /// rustls refuses the settings.
    Rustls(rustls::Error),
}

/// What was wrong with the peer's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadCertificate {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It is for another name than the one that was dialled.
    WrongName,
    /// Nobody who is trusted signed it.
    UnknownIssuer,
    /// It was revoked.
    Revoked,
    /// It is one of an authority (`CA:TRUE`), shown as a server's, as `openssl req -x509` makes them.
    /// To trust it give it to [`Connector::trusting`]; or make it with `basicConstraints=CA:FALSE`.
    OfAnAuthority,
    /// Anything else; the error's text says more.
    Other,
}

/// A failed TLS handshake.
#[derive(Debug)]
pub struct TlsError {
    fault: Fault,
    error: io::Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Certificate(BadCertificate),
    Http2,
    /// One that may be gone at the next attempt.
    Passing,
    Other,
}

impl TlsError {
    /// What was wrong with the certificate, if it was that.
    #[must_use]
    pub fn bad_certificate(&self) -> Option<BadCertificate> {
        match self.fault {
            Fault::Certificate(bad) => Some(bad),
            _ => None,
        }
    }

    /// Whether the server chose HTTP/2 (`h2` by ALPN) where HTTP/1.1 is spoken: it was offered by a rustls
    /// configuration of the caller's, whose `alpn_protocols` should be `http/1.1` alone.
    #[must_use]
    pub fn chose_http2(&self) -> bool {
        self.fault == Fault::Http2
    }

    /// Whether the next handshake may succeed with the same settings.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self.fault,
            Fault::Passing | Fault::Certificate(BadCertificate::NotYetValid)
        )
    }

    /// Looks at what the server has chosen by ALPN: HTTP/1.1 is what will be spoken. A protocol of
    /// another name than HTTP/2's says nothing against that.
    pub(crate) fn check_alpn(chosen: Option<&[u8]>) -> Result<(), DialError> {
        if chosen != Some(b"h2") {
            return Ok(());
        }
        Err(DialError::Tls(Self {
            fault: Fault::Http2,
            error: io::ErrorKind::Unsupported.into(),
        }))
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Http2 => f.write_str(
                "the server chose h2 (HTTP/2), and HTTP/1.1 is spoken here: offer http/1.1 alone \
                 in the rustls configuration",
            ),
            Fault::Certificate(BadCertificate::OfAnAuthority) => f.write_str(
                "the certificate is one of an authority (CA:TRUE) and not trusted as a server's: \
                 give it to tls::Connector::trusting, or make it with basicConstraints=CA:FALSE",
            ),
            _ => self.error.fmt(f),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.fault {
            // The text is ours.
            Fault::Certificate(BadCertificate::OfAnAuthority) => Some(&self.error),
            _ => self.error.source(),
        }
    }
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProvider => {
                f.write_str("no crypto provider: enable the feature rustls-ring or rustls-aws-lc")
            }
            Self::NoRoots => f.write_str(
                "nobody is trusted: enable the feature webpki-roots or platform-verifier",
            ),
            Self::Pem(what) => write!(f, "the PEM text cannot be used: {what}"),
            Self::Rustls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TlsConfigError {}

impl From<rustls::Error> for TlsConfigError {
    fn from(error: rustls::Error) -> Self {
        Self::Rustls(error)
    }
}

/// Turns the error of a TLS handshake over a stream into ours: for bindings.
#[must_use]
pub fn handshake_error(error: io::Error) -> DialError {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let fault = match inner {
        Some(rustls::Error::InvalidCertificate(certificate)) => {
            Fault::Certificate(BadCertificate::of(certificate))
        }
        // RFC 8446 §6.2: an error that has nothing to do with the peer or with the protocol.
        Some(rustls::Error::AlertReceived(AlertDescription::InternalError)) => Fault::Passing,
        // Not TLS's error but the transport's.
        None if error.kind() != io::ErrorKind::InvalidData => return DialError::Io(error),
        _ => Fault::Other,
    };
    DialError::Tls(TlsError { fault, error })
}

impl BadCertificate {
    fn of(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Self::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::WrongName
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::UnknownIssuer,
            CertificateError::Revoked => Self::Revoked,
            error if is_of_an_authority(error) => Self::OfAnAuthority,
            _ => Self::Other,
        }
    }
}

/// Settings of a client that trusts whom the compiled-in feature says: the operating system
/// (`platform-verifier`), else Mozilla's list (`webpki-roots`).
///
/// # Errors
/// [`TlsConfigError::NoProvider`] and [`TlsConfigError::NoRoots`].
pub fn client_config() -> Result<ClientConfig, TlsConfigError> {
    let builder =
        ClientConfig::builder_with_provider(provider()?).with_safe_default_protocol_versions()?;
    Ok(http1(with_default_trust(builder)?))
}

/// Settings of a client that trusts these certificates (PEM text, one or many) and no others: those of
/// a private authority, or a server's own. See [`Connector::trusting`].
///
/// # Errors
/// [`TlsConfigError::NoProvider`] and [`TlsConfigError::Pem`].
pub fn client_config_trusting(pem: &[u8]) -> Result<ClientConfig, TlsConfigError> {
    let provider = provider()?;
    let verifier = GivenCertificates::new(certificates(pem)?, provider.clone())?;
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(http1(
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth(),
    ))
}

/// Settings of a server with this certificate chain and private key (PEM text).
///
/// # Errors
/// [`TlsConfigError::NoProvider`], [`TlsConfigError::Pem`], and what rustls finds wrong with them.
pub fn server_config(chain: &[u8], key: &[u8]) -> Result<ServerConfig, TlsConfigError> {
    let chain = certificates(chain)?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| TlsConfigError::Pem(error.to_string()))?;
    let builder =
        ServerConfig::builder_with_provider(provider()?).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

type Untrusting = ConfigBuilder<ClientConfig, WantsVerifier>;

#[cfg(feature = "platform-verifier")]
fn with_default_trust(builder: Untrusting) -> Result<ClientConfig, TlsConfigError> {
    use rustls_platform_verifier::BuilderVerifierExt;
    Ok(builder.with_platform_verifier()?.with_no_client_auth())
}

#[cfg(all(feature = "webpki-roots", not(feature = "platform-verifier")))]
#[allow(
    clippy::unnecessary_wraps,
    reason = "the other versions of it can fail"
)]
fn with_default_trust(builder: Untrusting) -> Result<ClientConfig, TlsConfigError> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(not(any(feature = "webpki-roots", feature = "platform-verifier")))]
fn with_default_trust(_: Untrusting) -> Result<ClientConfig, TlsConfigError> {
    Err(TlsConfigError::NoRoots)
}

/// RFC 6455 is HTTP/1.1: a server that also speaks HTTP/2 must not choose that.
fn http1(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(TlsConfigError::Pem("no certificate in it".into()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(TlsConfigError::Pem(error.to_string())),
    }
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "without a provider compiled in it fails"
)]
fn provider() -> Result<Arc<CryptoProvider>, TlsConfigError> {
    #[cfg(feature = "rustls-aws-lc")]
    return Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    #[cfg(all(feature = "rustls-ring", not(feature = "rustls-aws-lc")))]
    return Ok(Arc::new(rustls::crypto::ring::default_provider()));
    #[cfg(not(any(feature = "rustls-ring", feature = "rustls-aws-lc")))]
    Err(TlsConfigError::NoProvider)
}
