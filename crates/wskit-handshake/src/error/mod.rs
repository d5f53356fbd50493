//! Errors of the handshake.
//!
//! [`HandshakeError`] is caused by the peer. [`RequestError`] and
//! [`BuildError`] are caused by the caller and are returned before anything is
//! sent.

mod caller;
mod extension;
mod handshake;
mod not_http;
mod refusal;

pub use caller::{BuildError, HeaderError, RequestError};
pub use extension::ExtensionError;
pub use handshake::{HandshakeError, HeadFault};
pub use not_http::NotHttp;
pub use refusal::Refusal;

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http::header::{HeaderMap, UPGRADE};

    use super::*;
    use crate::told_once::{check, every_variant};

    #[test]
    fn every_error_of_the_peer_says_everything_once() {
        every_variant! { HandshakeError:
            HandshakeError::HeadTooLong { .. } => HandshakeError::HeadTooLong { limit: 1 },
            HandshakeError::TooManyHeaders { .. } => HandshakeError::TooManyHeaders { limit: 1 },
            HandshakeError::Malformed(_) => HandshakeError::Malformed(HeadFault::BareLf),
            HandshakeError::HttpVersion => HandshakeError::HttpVersion,
            HandshakeError::DuplicateHeader(_) => HandshakeError::DuplicateHeader("host"),
            HandshakeError::MissingUpgrade => HandshakeError::MissingUpgrade,
            HandshakeError::InvalidUpgrade => HandshakeError::InvalidUpgrade,
            HandshakeError::MissingConnection => HandshakeError::MissingConnection,
            HandshakeError::InvalidConnection => HandshakeError::InvalidConnection,
            HandshakeError::InvalidExtensions(_) =>
                HandshakeError::InvalidExtensions(ExtensionError::Name),
            HandshakeError::UnexpectedEof { .. } => HandshakeError::UnexpectedEof { received: 0 },
            HandshakeError::Finished => HandshakeError::Finished,
            HandshakeError::Method => HandshakeError::Method,
            HandshakeError::InvalidTarget => HandshakeError::InvalidTarget,
            HandshakeError::MissingHost => HandshakeError::MissingHost,
            HandshakeError::InvalidHost => HandshakeError::InvalidHost,
            HandshakeError::MissingKey => HandshakeError::MissingKey,
            HandshakeError::InvalidKey => HandshakeError::InvalidKey,
            HandshakeError::MissingVersion => HandshakeError::MissingVersion,
            HandshakeError::UnsupportedVersion => HandshakeError::UnsupportedVersion,
            HandshakeError::InvalidProtocols => HandshakeError::InvalidProtocols,
            HandshakeError::RequestBody => HandshakeError::RequestBody,
            HandshakeError::NotHttp(_) => HandshakeError::NotHttp(NotHttp::new(b"", b"SSH-2.0")),
            HandshakeError::Refused(_) => HandshakeError::Refused(Box::new(
                Refusal::without_body(StatusCode::NOT_FOUND, HeaderMap::new()),
            )),
            HandshakeError::TooManyInterimResponses { .. } =>
                HandshakeError::TooManyInterimResponses { limit: 1 },
            HandshakeError::MissingAccept => HandshakeError::MissingAccept,
            HandshakeError::InvalidAccept => HandshakeError::InvalidAccept,
            HandshakeError::ProtocolNotOffered => HandshakeError::ProtocolNotOffered,
            HandshakeError::ExtensionNotOffered => HandshakeError::ExtensionNotOffered,
            HandshakeError::ExtensionRepeated => HandshakeError::ExtensionRepeated,
            HandshakeError::ResponseBody => HandshakeError::ResponseBody,
        }
    }

    #[test]
    fn every_error_of_the_caller_says_everything_once() {
        every_variant! { HeaderError:
            HeaderError::InvalidName { .. } => HeaderError::invalid_name(b"a b"),
            HeaderError::TooMany => HeaderError::TooMany,
            HeaderError::InvalidValue => HeaderError::InvalidValue,
            HeaderError::Reserved(_) => HeaderError::Reserved(UPGRADE),
        }
        every_variant! { RequestError:
            RequestError::Scheme => RequestError::Scheme,
            RequestError::EmptyHost => RequestError::EmptyHost,
            RequestError::InvalidHost => RequestError::InvalidHost,
            RequestError::NonAsciiHost => RequestError::NonAsciiHost,
            RequestError::InvalidPort => RequestError::InvalidPort,
            RequestError::Fragment => RequestError::Fragment,
            RequestError::InvalidCharacter { .. } =>
                RequestError::InvalidCharacter { character: Some('\n'), position: 7 },
            RequestError::InvalidCredentials => RequestError::InvalidCredentials,
            RequestError::Method => RequestError::Method,
            RequestError::Version => RequestError::Version,
            RequestError::Header(_) => HeaderError::TooMany.into(),
            RequestError::InvalidProtocol => RequestError::InvalidProtocol,
            RequestError::RepeatedProtocol => RequestError::RepeatedProtocol,
            RequestError::Extension(_) => ExtensionError::Name.into(),
            RequestError::InsecureRedirect => RequestError::InsecureRedirect,
        }
        every_variant! { BuildError:
            BuildError::Header(_) => HeaderError::TooMany.into(),
            BuildError::ProtocolNotOffered => BuildError::ProtocolNotOffered,
            BuildError::ExtensionNotOffered => BuildError::ExtensionNotOffered,
            BuildError::ExtensionRepeated => BuildError::ExtensionRepeated,
            BuildError::Extension(_) => ExtensionError::Name.into(),
            BuildError::InterimStatus => BuildError::InterimStatus,
        }
        every_variant! { ExtensionError:
            ExtensionError::Empty => ExtensionError::Empty,
            ExtensionError::Name => ExtensionError::Name,
            ExtensionError::ParamName => ExtensionError::ParamName,
            ExtensionError::ParamValue => ExtensionError::ParamValue,
            ExtensionError::UnclosedQuote => ExtensionError::UnclosedQuote,
            ExtensionError::Separator => ExtensionError::Separator,
        }
        check(crate::OriginList::new(["x"]).unwrap_err());
    }
}
