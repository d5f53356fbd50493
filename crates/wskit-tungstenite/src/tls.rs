//! TLS over blocking streams.

use std::io::{Read, Write};

use crate::client::{IntoClientRequest, client_with_config, uri_mode};
use crate::connector::{Connector, domain};
use crate::error::{Result, UrlError};
use crate::handshake::HandshakeError;
use crate::handshake::client::{ClientHandshake, Response};
use crate::protocol::{WebSocket, WebSocketConfig};
use crate::stream::{MaybeTlsStream, Mode};

type Failed<S> = HandshakeError<ClientHandshake<MaybeTlsStream<S>>>;

/// Performs the client's side of the handshake over a stream, inside TLS if the URL asks for it.
///
/// # Errors
/// Those of [`client`](crate::client::client), and of TLS.
#[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
pub fn client_tls<R: IntoClientRequest, S: Read + Write>(
    request: R,
    stream: S,
) -> Result<(WebSocket<MaybeTlsStream<S>>, Response), Failed<S>> {
    client_tls_with_config(request, stream, None, None)
}

/// Performs the handshake like `client_tls`, with settings and a connector.
///
/// # Errors
/// Those of `client_tls`.
#[cfg_attr(
    not(any(feature = "native-tls", feature = "__rustls-tls")),
    allow(
        unreachable_pub,
        reason = "`connect` uses it; programs have it with TLS only"
    )
)]
pub fn client_tls_with_config<R: IntoClientRequest, S: Read + Write>(
    request: R,
    stream: S,
    config: Option<WebSocketConfig>,
    connector: Option<Connector>,
) -> Result<(WebSocket<MaybeTlsStream<S>>, Response), Failed<S>> {
    let request = request.into_client_request()?;
    let domain = domain(&request)?;
    let mode = uri_mode(request.uri())?;
    let stream = wrap(stream, &domain, mode, connector)?;
    client_with_config(request, stream, config)
}

#[cfg_attr(
    not(any(feature = "native-tls", feature = "__rustls-tls")),
    allow(unused_variables, reason = "the host is for TLS")
)]
fn wrap<S: Read + Write>(
    stream: S,
    domain: &str,
    mode: Mode,
    connector: Option<Connector>,
) -> Result<MaybeTlsStream<S>> {
    match (mode, Connector::or_default(connector, mode)?) {
        (Mode::Plain, _) => Ok(MaybeTlsStream::Plain(stream)),
        (Mode::Tls, Connector::Plain) => Err(UrlError::TlsFeatureNotEnabled.into()),
        #[cfg(feature = "native-tls")]
        (Mode::Tls, Connector::NativeTls(connector)) => match connector.connect(domain, stream) {
            Ok(stream) => Ok(MaybeTlsStream::NativeTls(stream)),
            Err(native_tls_crate::HandshakeError::Failure(error)) => {
                Err(crate::error::TlsError::from(error).into())
            }
            Err(native_tls_crate::HandshakeError::WouldBlock(_)) => {
                Err(std::io::Error::from(std::io::ErrorKind::WouldBlock).into())
            }
        },
        #[cfg(feature = "__rustls-tls")]
        (Mode::Tls, Connector::Rustls(config)) => {
            use crate::error::TlsError;
            let name = rustls_pki_types::ServerName::try_from(domain.to_owned())
                .map_err(|_| TlsError::InvalidDnsName)?;
            let tls = rustls::ClientConnection::new(config, name).map_err(TlsError::from)?;
            Ok(MaybeTlsStream::Rustls(rustls::StreamOwned::new(
                tls, stream,
            )))
        }
    }
}
