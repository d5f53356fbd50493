use std::fmt;

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, IsCa, Issuer,
    KeyPair,
};
use wskit_driver::tls::rustls::ServerConfig;
use wskit_driver::tls::{self, Acceptor, Connector};

/// A certificate authority that a test trusts.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// A new one.
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

    /// Its certificate, as PEM text.
    #[must_use]
    pub fn pem(&self) -> String {
        self.pem.clone()
    }

    /// A server's settings with a certificate for `name`, changed by `change`.
    pub fn acceptor<R>(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Acceptor<R> {
        self.identity(name, change).acceptor()
    }

    /// A certificate for `name`, changed by `change`, and its key.
    pub fn identity(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        // Without a name of its own it would have its issuer's, and pass for self-signed.
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity::new(&certificate, &key)
    }

    /// A client's settings that trust this authority.
    #[must_use]
    pub fn connector<R>(&self) -> Connector<R> {
        Connector::trusting(&self.pem).expect("settings")
    }
}

/// A server's certificate and its key.
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

    /// A certificate for `name` that signed itself, changed by `change`. As `openssl req -x509` makes it
    /// by default it is one of an authority: `CA:TRUE`.
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

    /// The certificate, as PEM text.
    #[must_use]
    pub fn pem(&self) -> String {
        self.pem.clone()
    }

    /// The settings of a server that shows it, and that speaks these protocols by ALPN.
    ///
    /// # Panics
    /// Where no crypto provider was compiled in.
    #[must_use]
    pub fn server_config(&self, alpn: &[&str]) -> ServerConfig {
        let pem = (self.pem.as_bytes(), self.key.as_bytes());
        let mut config = tls::server_config(pem.0, pem.1).expect("settings");
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// The settings of a server that shows it.
    #[must_use]
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
