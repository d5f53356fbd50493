//! TLS for every binding: settings, and errors that say what was wrong with a certificate.
//!
//! The crypto provider is passed by value, always: neither a process-wide default nor its absence
//! matters here.

mod acceptor;
mod connector;

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier,
};

use crate::error::Error;

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
    /// Anything else; the error's text says more.
    Other,
}

/// A failed TLS handshake.
#[derive(Debug)]
pub struct TlsError {
    certificate: Option<BadCertificate>,
    error: io::Error,
}

impl TlsError {
    /// What was wrong with the certificate, if it was that.
    #[must_use]
    pub fn bad_certificate(&self) -> Option<BadCertificate> {
        self.certificate
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
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
pub fn handshake_error(error: io::Error) -> Error {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let certificate = match inner {
        Some(rustls::Error::InvalidCertificate(certificate)) => Some(match certificate {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                BadCertificate::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                BadCertificate::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                BadCertificate::WrongName
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                BadCertificate::UnknownIssuer
            }
            CertificateError::Revoked => BadCertificate::Revoked,
            _ => BadCertificate::Other,
        }),
        // Not TLS's error but the transport's.
        None if error.kind() != io::ErrorKind::InvalidData => return Error::Io(error),
        _ => None,
    };
    Error::Tls(TlsError { certificate, error })
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

/// Settings of a client that trusts these certificates (PEM text, one or many) and nobody else: for
/// a private authority or a self-signed server.
///
/// # Errors
/// [`TlsConfigError::NoProvider`] and [`TlsConfigError::Pem`].
pub fn client_config_trusting(pem: &[u8]) -> Result<ClientConfig, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate)?;
    }
    let builder =
        ClientConfig::builder_with_provider(provider()?).with_safe_default_protocol_versions()?;
    Ok(http1(
        builder.with_root_certificates(roots).with_no_client_auth(),
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
    let roots = RootCertStore {
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
