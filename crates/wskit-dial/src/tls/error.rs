use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, InconsistentKeys, InvalidMessage};
use wskit_proto::Role;

use super::given::is_of_an_authority;
use crate::connect_error::{ConnectCause, ConnectError};
use crate::dial_error::DialError;
use crate::stage::Stage;

/// Why TLS settings cannot be used: the caller's fault.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// No crypto provider was compiled in: enable `rustls-ring` or `rustls-aws-lc`, or build the
    /// rustls configuration yourself.
    NoProvider,
    /// No roots were compiled in: enable `webpki-roots` or `platform-verifier`, or pass a
    /// [`Connector`](super::Connector) with certificates of your own.
    NoRoots,
    /// The PEM text holds no certificate or no private key.
    Pem(String),
    /// The private key does not belong to the first certificate of the chain: the files are of two
    /// certificates, or the server's own certificate is not the first in its file.
    KeyMismatch,
    /// rustls refuses the settings.
    Rustls(rustls::Error),
}

/// What is wrong with the peer's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadCertificate {
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for another name than the one in the URL.
    WrongName,
    /// It was not signed by a trusted authority.
    UnknownIssuer,
    /// It was revoked.
    Revoked,
    /// It is an authority's (`CA:TRUE`), used as a server's, as `openssl req -x509` makes them. To trust it
    /// pass it to [`Connector::trusting`](super::Connector::trusting), or make it with
    /// `basicConstraints=CA:FALSE`.
    OfAnAuthority,
    /// Any other fault. The error's text says more.
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
    /// What is wrong with the peer's certificate, and our role.
    Certificate(BadCertificate, Role),
    Http2,
    /// What came is not TLS. Contains our role.
    NotTls(Role),
    /// A fault that may be gone at the next attempt.
    Passing,
    Other,
}

impl TlsError {
    /// Returns what is wrong with the certificate, if that was the cause.
    pub fn bad_certificate(&self) -> Option<BadCertificate> {
        match self.fault {
            Fault::Certificate(bad, _) => Some(bad),
            _ => None,
        }
    }

    /// Returns whether the server chose HTTP/2 (`h2` by ALPN), which is not spoken here. The caller's rustls
    /// configuration offered it; its `alpn_protocols` should be `http/1.1` alone.
    pub fn chose_http2(&self) -> bool {
        self.fault == Fault::Http2
    }

    /// Returns whether the peer does not speak TLS on this port: a client has written `wss://` for `ws://`, or
    /// the other way round.
    #[must_use]
    pub fn peer_lacks_tls(&self) -> bool {
        matches!(self.fault, Fault::NotTls(_))
    }

    /// Returns whether the next handshake may succeed with the same settings.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(
            self.fault,
            Fault::Passing | Fault::Certificate(BadCertificate::NotYetValid, _)
        )
    }

    /// Checks the protocol that the server chose by ALPN. Only HTTP/2 rules out HTTP/1.1, which is spoken
    /// next.
    pub(crate) fn check_alpn(chosen: Option<&[u8]>) -> Result<(), DialError> {
        if chosen != Some(b"h2") {
            return Ok(());
        }
        let error = io::ErrorKind::Unsupported.into();
        let fault = Fault::Http2;
        Err(Self { fault, error }.into())
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fault {
            Fault::Http2 => f.write_str(
                "the server chose h2 (HTTP/2), and HTTP/1.1 is spoken here: offer http/1.1 alone \
                 in the rustls configuration",
            ),
            Fault::NotTls(Role::Client) => {
                f.write_str("the server does not speak TLS on this port; is it ws://?")
            }
            Fault::NotTls(Role::Server) => f.write_str("the client does not speak TLS"),
            Fault::Certificate(BadCertificate::OfAnAuthority, _) => f.write_str(
                "the certificate is one of an authority (CA:TRUE) and not trusted as a server's: \
                 give it to tls::Connector::trusting, or make it with basicConstraints=CA:FALSE",
            ),
            // A server trusts the issuers of client certificates by its rustls configuration.
            Fault::Certificate(BadCertificate::UnknownIssuer, Role::Client) => write!(
                f,
                "{} (its issuer is not trusted: give the issuer's certificate to \
                 tls::Connector::trusting)",
                self.error
            ),
            _ => self.error.fmt(f),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self.fault {
            // The text above is not the inner error's.
            Fault::Certificate(BadCertificate::OfAnAuthority, _) | Fault::NotTls(_) => {
                Some(&self.error)
            }
            _ => self.error.source(),
        }
    }
}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoProvider => "no crypto provider: enable the feature rustls-ring or rustls-aws-lc",
            Self::NoRoots => "no roots to trust: enable the feature webpki-roots or platform-verifier, or pass a \
                 tls::Connector",
            Self::Pem(what) => return write!(f, "the PEM text cannot be used: {what}"),
            Self::KeyMismatch => {
                "the private key does not belong to the first certificate of the chain, which must be \
                 the server's own"
            }
            Self::Rustls(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for TlsConfigError {}

impl From<rustls::Error> for TlsConfigError {
    fn from(error: rustls::Error) -> Self {
        match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Self::KeyMismatch,
            error => Self::Rustls(error),
        }
    }
}

/// Converts the error of a TLS handshake over a stream.
pub(crate) fn handshake_error(role: Role, error: io::Error) -> DialError {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let fault = match inner {
        Some(rustls::Error::InvalidCertificate(certificate)) => {
            Fault::Certificate(BadCertificate::of(certificate), role)
        }
        // RFC 8446 §6.2: an error that has nothing to do with the peer or with the protocol.
        Some(rustls::Error::AlertReceived(AlertDescription::InternalError)) => Fault::Passing,
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            Fault::NotTls(role)
        }
        // The transport's error, not that of TLS.
        None if error.kind() != io::ErrorKind::InvalidData => {
            return ConnectError::new(Stage::Tls, ConnectCause::Io(error)).into();
        }
        _ => Fault::Other,
    };
    TlsError { fault, error }.into()
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
