//! The same servers inside TLS: `--tls ring` or `--tls aws-lc`.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::{TlsAcceptor, server};
use wskit_bench_load::tls;

use crate::BoxError;
use crate::options::Options;

/// What a library's connection can lie on.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Accepts connections as [`serve`](crate::serve::serve) does, over TLS if that is asked for: by tokio-rustls,
/// or by the function that is named. What is done with a connection is compiled for both.
#[macro_export]
macro_rules! serve {
    ($options:expr, $connection:expr) => {
        $crate::serve!($options, $crate::tls::accept, $connection)
    };
    ($options:expr, $accept:path, $connection:expr) => {
        if $options.tls.is_some() {
            $crate::tls::serve($options, $accept, $connection);
        } else {
            $crate::serve::serve($options, $connection);
        }
    };
}

/// The settings of a server.
#[derive(Clone)]
pub struct Settings {
    config: Arc<ServerConfig>,
    limit: Option<usize>,
}

/// Accepts connections over TLS and runs `connection` for each.
///
/// # Panics
/// There is no such provider.
pub fn serve<S, A, E, C, F>(
    options: &'static Options,
    accept: fn(Settings, TcpStream) -> A,
    connection: C,
) where
    S: Stream,
    A: Future<Output = Result<S, E>> + Send + 'static,
    E: Into<BoxError> + Send + 'static,
    C: Fn(S) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), BoxError>> + Send + 'static,
{
    let provider = options.tls.as_deref().unwrap_or("ring");
    let settings = Settings {
        config: tls::server(provider).expect("settings for TLS"),
        limit: options.tls_limit,
    };
    let connection = Arc::new(connection);
    crate::serve::serve(options, move |tcp| {
        let (settings, connection) = (settings.clone(), connection.clone());
        async move {
            // What the handshake takes is gone before the connection is waited for.
            let stream = Box::pin(accept(settings, tcp)).await.map_err(Into::into)?;
            connection(stream).await
        }
    });
}

/// TLS by tokio-rustls.
///
/// # Errors
/// The socket's, rustls'.
pub async fn accept(
    settings: Settings,
    tcp: TcpStream,
) -> io::Result<server::TlsStream<TcpStream>> {
    let mut stream = TlsAcceptor::from(settings.config).accept(tcp).await?;
    if settings.limit.is_some() {
        stream.get_mut().1.set_buffer_limit(settings.limit);
    }
    Ok(stream)
}

/// TLS by wskit.
///
/// # Errors
/// The socket's, rustls'.
pub async fn accept_wskit(
    settings: Settings,
    tcp: TcpStream,
) -> Result<impl Stream, wskit::DialError> {
    wskit::tls::Acceptor::from_config(settings.config)
        .accept(tcp)
        .await
}
