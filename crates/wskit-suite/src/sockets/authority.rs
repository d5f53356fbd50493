use std::fmt;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair,
};
use wskit_dial::tls::rustls::ServerConfig;
use wskit_dial::tls::{Acceptor, Connector};

/// A certificate authority that a test trusts.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Creates an authority.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Returns its certificate as PEM text.
    #[must_use]
    pub fn pem(&self) -> String {
        self.pem.clone()
    }

    /// Returns the settings of a server with a certificate for `name`, modified by `change`.
    pub fn acceptor<R>(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Acceptor<R> {
        self.identity(name, change).acceptor()
    }

    /// Returns a certificate for `name`, modified by `change`, with its key.
    pub fn identity(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        // With the default name it would equal its issuer's and count as self-signed.
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity::new(&certificate, &key)
    }

    /// Returns the settings of a client that trusts this authority.
    pub fn connector<R>(&self) -> Connector<R> {
        Connector::trusting(&self.pem).expect("settings")
    }
}

/// A server's certificate with its key.
pub struct Identity {
    pem: String,
    key: String,
}

impl Identity {
    fn new(certificate: &Certificate, key: &KeyPair) -> Self {
        Self {
            pem: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    /// Returns a self-signed certificate for `name`, modified by `change`. Like those of
    /// `openssl req -x509` it is marked as an authority's: `CA:TRUE`.
    pub fn self_signed(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        change(&mut params);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self::new(&certificate, &key)
    }

    /// Returns the certificate as PEM text.
    #[must_use]
    pub fn pem(&self) -> String {
        self.pem.clone()
    }

    /// Returns its private key as PEM text.
    #[must_use]
    pub fn key(&self) -> String {
        self.key.clone()
    }

    /// Returns the settings of a server with this certificate that offers these protocols by ALPN.
    ///
    /// # Panics
    /// If no crypto provider was compiled in.
    #[must_use]
    pub fn server_config(&self, alpn: &[&str]) -> ServerConfig {
        let mut config = self.acceptor::<()>().config().as_ref().clone();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// Returns the settings of a server with this certificate.
    pub fn acceptor<R>(&self) -> Acceptor<R> {
        Acceptor::from_pem(&self.pem, &self.key).expect("settings")
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}
