//! TLS settings of the command line.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use wskit::tls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use wskit::tls::rustls::pki_types::pem::PemObject;
use wskit::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use wskit::tls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use wskit::tls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use wskit::tls::{self, TlsConfigError};

use crate::exit::{Exit, Failure};
use crate::files::read;

/// Whom a client trusts, and who it is.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ClientTls {
    /// Trust only the certificates in this PEM file, instead of those of the operating system
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,
    /// Do not check the server's certificate
    #[arg(short = 'k', long)]
    insecure: bool,
    /// Show the server this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl ClientTls {
    /// Returns whether any of the options is given.
    pub(crate) fn is_given(&self) -> bool {
        self.ca.is_some() || self.insecure || self.cert.is_some()
    }

    /// Returns the settings of the TLS client.
    pub(crate) fn connector(&self) -> Result<tls::Connector, Failure> {
        let failed = |error: TlsConfigError| Failure::new(Exit::Tls, error);
        let trusting = match &self.ca {
            Some(path) => {
                let named =
                    |error| Failure::new(Exit::Tls, format_args!("{}: {error}", path.display()));
                tls::Connector::trusting(read(path)?).map_err(named)?
            }
            None => tls::Connector::platform_roots().map_err(failed)?,
        };
        if !self.insecure && self.cert.is_none() {
            return Ok(trusting);
        }
        let mut config = ClientConfig::clone(trusting.config());
        if self.insecure {
            let schemes = config
                .crypto_provider()
                .signature_verification_algorithms
                .supported_schemes();
            let unchecked = Arc::new(Unchecked(schemes));
            config.dangerous().set_certificate_verifier(unchecked);
        }
        if let (Some(cert), Some(key)) = (&self.cert, &self.key) {
            let failed = |path: &PathBuf, error: &dyn std::fmt::Display| {
                Failure::new(Exit::Tls, format_args!("{}: {error}", path.display()))
            };
            let chain = CertificateDer::pem_slice_iter(&read(cert)?)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| failed(cert, &error))?;
            if chain.is_empty() {
                return Err(failed(cert, &"no certificate in it"));
            }
            let private =
                PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| failed(key, &error))?;
            let pair = CertifiedKey::from_der(chain, private, config.crypto_provider())
                .map_err(|error| failed(key, &error))?;
            config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(pair));
        }
        Ok(tls::Connector::from_config(config))
    }
}

/// What a server shows.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ServerTls {
    /// Serve TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// The private key of --cert (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

impl ServerTls {
    /// Returns whether the server speaks TLS.
    pub(crate) fn is_given(&self) -> bool {
        self.cert.is_some()
    }

    /// Returns the settings of the TLS server; `None` for plain text.
    pub(crate) fn acceptor(&self) -> Result<Option<tls::Acceptor>, Failure> {
        let (Some(cert), Some(key)) = (&self.cert, &self.key) else {
            return Ok(None);
        };
        let acceptor = tls::Acceptor::from_pem(read(cert)?, read(key)?);
        let failed = |error| Failure::new(Exit::Tls, format_args!("{}: {error}", cert.display()));
        acceptor.map(Some).map_err(failed)
    }
}

/// Accepts every certificate.
#[derive(Debug)]
struct Unchecked(Vec<SignatureScheme>);

impl ServerCertVerifier for Unchecked {
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
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}
