use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ServerConfig};

use super::error::TlsConfigError;
use super::given::GivenCertificates;

/// The roots that a client trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Mozilla's list, compiled in.
    #[cfg(feature = "webpki-roots")]
    Mozilla,
    /// Those of the operating system.
    #[cfg(feature = "platform-verifier")]
    Platform,
}

impl Roots {
    /// The roots of a client without TLS settings. The feature `platform-verifier` does not change them
    /// where `webpki-roots` is enabled: a feature that some dependency enables must not change whom a
    /// program trusts.
    pub(super) const DEFAULT: Option<Self> = {
        #[cfg(feature = "webpki-roots")]
        let roots = Some(Self::Mozilla);
        #[cfg(all(feature = "platform-verifier", not(feature = "webpki-roots")))]
        let roots = Some(Self::Platform);
        #[cfg(not(any(feature = "platform-verifier", feature = "webpki-roots")))]
        let roots = None;
        roots
    };

    /// Makes the settings of a client that trusts these roots.
    #[cfg_attr(
        not(any(feature = "webpki-roots", feature = "platform-verifier")),
        allow(unused_variables, reason = "there are no roots")
    )]
    pub(super) fn client_config(self) -> Result<ClientConfig, TlsConfigError> {
        let builder = ClientConfig::builder_with_provider(provider()?)
            .with_safe_default_protocol_versions()?;
        let config = match self {
            #[cfg(feature = "webpki-roots")]
            Self::Mozilla => {
                let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
                builder.with_root_certificates(rustls::RootCertStore { roots })
            }
            #[cfg(feature = "platform-verifier")]
            Self::Platform => {
                use rustls_platform_verifier::BuilderVerifierExt;
                builder.with_platform_verifier()?
            }
        };
        #[cfg(any(feature = "webpki-roots", feature = "platform-verifier"))]
        Ok(http1(config.with_no_client_auth()))
    }
}

/// Makes the settings of a client that trusts only these certificates (PEM text, one or many): those of
/// a private authority, or a server's own. See [`Connector::trusting`](super::Connector::trusting).
///
/// # Errors
/// [`TlsConfigError::NoProvider`] and [`TlsConfigError::Pem`].
pub(super) fn client_config_trusting(pem: &[u8]) -> Result<ClientConfig, TlsConfigError> {
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

/// Makes the settings of a server with this certificate chain and private key (PEM text).
///
/// # Errors
/// [`TlsConfigError::NoProvider`], [`TlsConfigError::Pem`], [`TlsConfigError::KeyMismatch`], and what
/// rustls rejects.
pub(super) fn server_config(chain: &[u8], key: &[u8]) -> Result<ServerConfig, TlsConfigError> {
    let chain = certificates(chain)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsConfigError::Pem("no private key in it".into()),
        error => TlsConfigError::Pem(error.to_string()),
    })?;
    let builder =
        ServerConfig::builder_with_provider(provider()?).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Offers HTTP/1.1 alone: a server that also speaks HTTP/2 must not choose it.
fn http1(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
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

/// With each set of these features that another crate of the program may enable.
#[cfg(test)]
mod tests {
    use super::Roots;

    #[cfg(feature = "webpki-roots")]
    #[test]
    fn mozillas_roots_are_the_default_wherever_they_are_compiled_in() {
        assert_eq!(Roots::DEFAULT, Some(Roots::Mozilla));
    }

    #[cfg(all(feature = "platform-verifier", not(feature = "webpki-roots")))]
    #[test]
    fn platforms_roots_are_the_default_where_they_are_the_only_ones() {
        assert_eq!(Roots::DEFAULT, Some(Roots::Platform));
    }

    #[cfg(not(any(feature = "webpki-roots", feature = "platform-verifier")))]
    #[test]
    fn without_roots_the_error_names_the_features() {
        let error = super::super::Connector::<()>::new().unwrap_err();
        assert!(matches!(error, super::TlsConfigError::NoRoots));
        for feature in ["webpki-roots", "platform-verifier"] {
            assert!(error.to_string().contains(feature), "{error}");
        }
    }
}
