use tokio::net::TcpStream;

use super::tls::client_async_tls_with_config;
use super::{MaybeTlsStream, WebSocketStream};
use crate::client::{IntoClientRequest, uri_mode};
use crate::connector::{Connector, domain};
use crate::error::Result;
use crate::handshake::client::Response;
use crate::protocol::WebSocketConfig;
use crate::stream::Mode;

type Opened = (WebSocketStream<MaybeTlsStream<TcpStream>>, Response);

/// Connects to a URL. Redirects are not followed.
///
/// # Errors
/// The URL cannot be used, no address accepts, TLS fails, or the server refuses
/// ([`Error::Http`](crate::Error::Http)).
pub async fn connect_async<R: IntoClientRequest + Unpin>(request: R) -> Result<Opened> {
    connect_async_with_config(request, None, false).await
}

/// Connects to a URL, with settings. `disable_nagle` sets `TCP_NODELAY`.
///
/// # Errors
/// Those of [`connect_async`].
pub async fn connect_async_with_config<R: IntoClientRequest + Unpin>(
    request: R,
    config: Option<WebSocketConfig>,
    disable_nagle: bool,
) -> Result<Opened> {
    open(request, config, disable_nagle, None).await
}

/// Connects to a URL, with settings and a TLS connector.
///
/// # Errors
/// Those of [`connect_async`].
#[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
pub async fn connect_async_tls_with_config<R: IntoClientRequest + Unpin>(
    request: R,
    config: Option<WebSocketConfig>,
    disable_nagle: bool,
    connector: Option<Connector>,
) -> Result<Opened> {
    open(request, config, disable_nagle, connector).await
}

async fn open<R: IntoClientRequest + Unpin>(
    request: R,
    config: Option<WebSocketConfig>,
    disable_nagle: bool,
    connector: Option<Connector>,
) -> Result<Opened> {
    let request = request.into_client_request()?;
    let domain = domain(&request)?;
    let port = match (request.uri().port_u16(), uri_mode(request.uri())?) {
        (Some(port), _) => port,
        (None, Mode::Plain) => 80,
        (None, Mode::Tls) => 443,
    };
    let stream = TcpStream::connect((domain.as_str(), port)).await?;
    if disable_nagle {
        stream.set_nodelay(true)?;
    }
    client_async_tls_with_config(request, stream, config, connector).await
}
