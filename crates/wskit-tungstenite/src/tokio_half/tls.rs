use tokio::io::{AsyncRead, AsyncWrite};

use super::{MaybeTlsStream, WebSocketStream, client_async_with_config};
use crate::client::{IntoClientRequest, uri_mode};
use crate::connector::{Connector, domain};
use crate::error::{Result, UrlError};
use crate::handshake::client::Response;
use crate::protocol::WebSocketConfig;
use crate::stream::Mode;

/// Performs the client's side of the handshake over a stream, inside TLS if the URL asks for it.
///
/// # Errors
/// Those of [`client_async`](crate::client_async), and of TLS.
#[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
pub async fn client_async_tls<R, S>(
    request: R,
    stream: S,
) -> Result<(WebSocketStream<MaybeTlsStream<S>>, Response)>
where
    R: IntoClientRequest + Unpin,
    S: 'static + AsyncRead + AsyncWrite + Send + Unpin,
    MaybeTlsStream<S>: Unpin,
{
    client_async_tls_with_config(request, stream, None, None).await
}

/// Performs the handshake like `client_async_tls`, with settings and a connector.
///
/// # Errors
/// Those of `client_async_tls`.
#[cfg_attr(
    not(any(feature = "native-tls", feature = "__rustls-tls")),
    allow(
        unreachable_pub,
        reason = "`connect_async` uses it; programs have it with TLS only"
    )
)]
pub async fn client_async_tls_with_config<R, S>(
    request: R,
    stream: S,
    config: Option<WebSocketConfig>,
    connector: Option<Connector>,
) -> Result<(WebSocketStream<MaybeTlsStream<S>>, Response)>
where
    R: IntoClientRequest + Unpin,
    S: 'static + AsyncRead + AsyncWrite + Send + Unpin,
    MaybeTlsStream<S>: Unpin,
{
    let request = request.into_client_request()?;
    let domain = domain(&request)?;
    let mode = uri_mode(request.uri())?;
    let stream = wrap(stream, &domain, mode, connector).await?;
    client_async_with_config(request, stream, config).await
}

#[cfg_attr(
    not(any(feature = "native-tls", feature = "__rustls-tls")),
    allow(
        unused_variables,
        clippy::unused_async,
        reason = "without TLS nothing is awaited"
    )
)]
async fn wrap<S>(
    stream: S,
    domain: &str,
    mode: Mode,
    connector: Option<Connector>,
) -> Result<MaybeTlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    match (mode, Connector::or_default(connector, mode)?) {
        (Mode::Plain, _) => Ok(MaybeTlsStream::Plain(stream)),
        (Mode::Tls, Connector::Plain) => Err(UrlError::TlsFeatureNotEnabled.into()),
        #[cfg(feature = "native-tls")]
        (Mode::Tls, Connector::NativeTls(connector)) => {
            let connector = tokio_native_tls::TlsConnector::from(connector);
            let stream = connector.connect(domain, stream).await;
            Ok(MaybeTlsStream::NativeTls(
                stream.map_err(crate::error::TlsError::from)?,
            ))
        }
        #[cfg(feature = "__rustls-tls")]
        (Mode::Tls, Connector::Rustls(config)) => {
            let name = rustls_pki_types::ServerName::try_from(domain.to_owned())
                .map_err(|_| crate::error::TlsError::InvalidDnsName)?;
            let connector = tokio_rustls::TlsConnector::from(config);
            Ok(MaybeTlsStream::Rustls(
                connector.connect(name, stream).await?,
            ))
        }
    }
}
