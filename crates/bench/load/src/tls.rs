//! TLS settings for both ends of a measurement: TLS 1.3, a new P-256 certificate, no resumption.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme};

use crate::arguments::Arguments;

/// The cryptography that rustls uses: `ring`, or `aws-lc` if it was compiled in.
///
/// # Errors
/// Another name, or one that was not compiled in.
pub fn provider(name: &str) -> Result<Arc<CryptoProvider>, String> {
    match name {
        "ring" => Ok(Arc::new(rustls::crypto::ring::default_provider())),
        #[cfg(feature = "aws-lc")]
        "aws-lc" => Ok(Arc::new(rustls::crypto::aws_lc_rs::default_provider())),
        #[cfg(not(feature = "aws-lc"))]
        "aws-lc" => Err("build with --features aws-lc for aws-lc".to_owned()),
        _ => Err(format!("{name}: ring or aws-lc")),
    }
}

/// A server's settings, with a certificate of its own.
///
/// # Errors
/// Those of [`provider`].
pub fn server(name: &str) -> Result<Arc<ServerConfig>, String> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .map_err(|error| error.to_string())?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(provider(name)?)
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(config))
}

/// A client's settings: any certificate is taken, since each server makes one when it starts.
///
/// # Errors
/// Those of [`provider`].
pub fn client(name: &str) -> Result<Arc<ClientConfig>, String> {
    let provider = provider(name)?;
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// A client's settings as the command line has them: `--tls ring` or `--tls aws-lc`, or none.
///
/// # Errors
/// Those of [`provider`].
pub fn asked(arguments: &Arguments) -> Result<Option<Arc<ClientConfig>>, String> {
    arguments.text("tls").map(client).transpose()
}

/// The name that clients ask for.
///
/// # Panics
/// Never: it is a name.
#[must_use]
pub fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("it is a name")
}

/// Takes any certificate and checks that the server has its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
