//! What the servers of pages share: where they listen, with TLS if `--tls` is among the arguments, and pages.

use std::error::Error;
use std::net::SocketAddr;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use tokio::net::TcpListener;
use wskit::driver::{PlainHttp, Transport};
use wskit::tokio::Tokio;
use wskit::{OpenError, Serve};

/// Returns whether `--tls` is among the arguments.
#[must_use]
pub fn wants_tls() -> bool {
    std::env::args().any(|argument| argument == "--tls")
}

/// Listens at the address of the arguments. Returns the address too.
///
/// # Errors
/// The address is not free.
pub async fn listen() -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(crate::address()).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Puts a server inside TLS, with a certificate made on the spot, if `--tls` is among the arguments. Then
/// prints where the server is.
///
/// # Errors
/// No certificate can be made, or TLS was not compiled in.
pub fn with_tls<H>(
    serving: Serve<Tokio, TcpListener, H>,
    address: SocketAddr,
) -> Result<Serve<Tokio, TcpListener, H>, Box<dyn Error>> {
    if !wants_tls() {
        println!("listening on ws://{address}");
        println!("open http://{address} in two tabs");
        return Ok(serving);
    }
    #[cfg(feature = "tls")]
    {
        let (chain, key) = crate::certificate()?;
        let acceptor = wskit::tls::Acceptor::from_pem(chain, key)?;
        println!("listening on wss://{address}");
        println!("open https://{address} in two tabs");
        Ok(serving.tls(acceptor))
    }
    #[cfg(not(feature = "tls"))]
    Err("--tls needs the feature tls".into())
}

/// Answers with the page, or with 404 for every path but `/`.
///
/// # Errors
/// The client went away.
pub async fn respond<T: Transport>(
    request: PlainHttp<T>,
    page: &'static str,
) -> Result<(), OpenError> {
    let found = request.request().uri().path() == "/";
    let mut response = Response::new(if found { page } else { "not found" });
    if !found {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    request.respond(&response).await
}
