//! Connecting, over a stream or by URL.

mod request;

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use http::Uri;

use crate::error::{Error, Result, UrlError};
use crate::handshake::HandshakeError;
use crate::handshake::client::{ClientHandshake, Request, Response};
use crate::protocol::{WebSocket, WebSocketConfig};
use crate::stream::{MaybeTlsStream, Mode, NoDelay};

pub use crate::handshake::client::generate_key;
pub use request::{ClientRequestBuilder, IntoClientRequest};

type Opened = (WebSocket<MaybeTlsStream<TcpStream>>, Response);

/// Connects to a URL over a blocking socket, and follows up to 3 redirects.
///
/// # Errors
/// The URL cannot be used, no address accepts, TLS fails, or the server refuses
/// ([`Error::Http`]).
pub fn connect<Req: IntoClientRequest>(request: Req) -> Result<Opened> {
    connect_with_config(request, None, 3)
}

/// Connects like [`connect`], with settings and another number of redirects.
///
/// # Errors
/// Those of [`connect`].
pub fn connect_with_config<Req: IntoClientRequest>(
    request: Req,
    config: Option<WebSocketConfig>,
    max_redirects: u8,
) -> Result<Opened> {
    let mut request = request.into_client_request()?;
    let mut left = max_redirects;
    loop {
        match connect_once(request.clone(), config) {
            Err(Error::Http(refusal)) if refusal.status().is_redirection() && left > 0 => {
                let Some(location) = refusal.headers().get("Location") else {
                    return Err(Error::Http(refusal));
                };
                *request.uri_mut() = location.to_str()?.parse()?;
                left -= 1;
            }
            result => return result,
        }
    }
}

fn connect_once(request: Request, config: Option<WebSocketConfig>) -> Result<Opened> {
    let mode = uri_mode(request.uri())?;
    if cfg!(not(any(feature = "native-tls", feature = "__rustls-tls"))) && matches!(mode, Mode::Tls)
    {
        return Err(UrlError::TlsFeatureNotEnabled.into());
    }
    let host = request.uri().host().ok_or(UrlError::NoHostName)?;
    let host = host.trim_matches(['[', ']']);
    let port = request.uri().port_u16().unwrap_or(match mode {
        Mode::Plain => 80,
        Mode::Tls => 443,
    });
    let stream = (host, port)
        .to_socket_addrs()?
        .find_map(|address| TcpStream::connect(address).ok());
    let url = || UrlError::UnableToConnect(request.uri().to_string());
    let mut stream = stream.ok_or_else(url)?;
    NoDelay::set_nodelay(&mut stream, true)?;
    crate::tls::client_tls_with_config(request, stream, config, None).map_err(|error| match error {
        HandshakeError::Failure(error) => error,
        // The socket blocks, unless something has set a timeout.
        HandshakeError::Interrupted(_) => Error::Io(std::io::ErrorKind::WouldBlock.into()),
    })
}

/// Returns whether a URL asks for TLS.
///
/// # Errors
/// [`UrlError::UnsupportedUrlScheme`]: it is neither `ws` nor `wss`.
pub fn uri_mode(uri: &Uri) -> Result<Mode> {
    match uri.scheme_str() {
        Some("ws") => Ok(Mode::Plain),
        Some("wss") => Ok(Mode::Tls),
        _ => Err(UrlError::UnsupportedUrlScheme.into()),
    }
}

/// Performs the client's side of the handshake over a stream.
///
/// # Errors
/// [`HandshakeError::Interrupted`] if the stream would block, and [`HandshakeError::Failure`].
pub fn client<Stream: Read + Write, Req: IntoClientRequest>(
    request: Req,
    stream: Stream,
) -> Result<(WebSocket<Stream>, Response), HandshakeError<ClientHandshake<Stream>>> {
    client_with_config(request, stream, None)
}

/// Performs the client's side of the handshake over a stream, with settings.
///
/// # Errors
/// Those of [`client`].
pub fn client_with_config<Stream: Read + Write, Req: IntoClientRequest>(
    request: Req,
    stream: Stream,
    config: Option<WebSocketConfig>,
) -> Result<(WebSocket<Stream>, Response), HandshakeError<ClientHandshake<Stream>>> {
    ClientHandshake::start(stream, request.into_client_request()?, config)?.handshake()
}
