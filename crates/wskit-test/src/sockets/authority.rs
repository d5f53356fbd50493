use std::fmt;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use wskit_driver::tls::{Acceptor, Connector};

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
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        // Without a name of its own it would have its issuer's, and pass for self-signed.
        params.distinguished_name.push(DnType::CommonName, name);
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Acceptor::from_pem(certificate.pem(), key.serialize_pem()).expect("settings")
    }

    /// A client's settings that trust this authority.
    #[must_use]
    pub fn connector<R>(&self) -> Connector<R> {
        Connector::trusting(&self.pem).expect("settings")
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
