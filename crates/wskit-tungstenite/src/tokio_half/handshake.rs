use std::future::poll_fn;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWrite};

use super::WebSocketStream;
use super::std_io::StdIo;
use crate::client::IntoClientRequest;
use crate::error::Result;
use crate::handshake::client::{ClientHandshake, Response};
use crate::handshake::server::{Callback, NoCallback, ServerHandshake};
use crate::handshake::{HandshakeError, HandshakeRole, MidHandshake};
use crate::protocol::WebSocketConfig;

/// Performs the client's side of the handshake over a stream.
///
/// Not cancel safe: a future that is dropped drops the stream.
///
/// # Errors
/// The request is wrong, the stream fails, or the server refuses ([`Error::Http`](crate::Error::Http)).
pub async fn client_async<R, S>(request: R, stream: S) -> Result<(WebSocketStream<S>, Response)>
where
    R: IntoClientRequest + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    client_async_with_config(request, stream, None).await
}

/// Performs the client's side of the handshake over a stream, with settings.
///
/// # Errors
/// Those of [`client_async`].
pub async fn client_async_with_config<R, S>(
    request: R,
    stream: S,
    config: Option<WebSocketConfig>,
) -> Result<(WebSocketStream<S>, Response)>
where
    R: IntoClientRequest + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = request.into_client_request()?;
    let handshake = ClientHandshake::start(StdIo::new(stream), request, config)?;
    let (ws, response) = drive(handshake, config).await?;
    Ok((WebSocketStream::new(ws), response))
}

/// Accepts a connection over a stream.
///
/// Not cancel safe: a future that is dropped drops the stream.
///
/// # Errors
/// The request is not one for a WebSocket, or the stream fails.
pub async fn accept_async<S>(stream: S) -> Result<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_hdr_async(stream, NoCallback).await
}

/// Accepts a connection over a stream, with settings.
///
/// # Errors
/// Those of [`accept_async`].
pub async fn accept_async_with_config<S>(
    stream: S,
    config: Option<WebSocketConfig>,
) -> Result<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    accept_hdr_async_with_config(stream, NoCallback, config).await
}

/// Accepts a connection if the callback does, which sees the headers.
///
/// # Errors
/// Those of [`accept_async`], and [`Error::Http`](crate::Error::Http) if the callback has refused.
pub async fn accept_hdr_async<S, C>(stream: S, callback: C) -> Result<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Callback + Unpin,
{
    accept_hdr_async_with_config(stream, callback, None).await
}

/// Accepts a connection if the callback does, with settings.
///
/// # Errors
/// Those of [`accept_hdr_async`].
pub async fn accept_hdr_async_with_config<S, C>(
    stream: S,
    callback: C,
    config: Option<WebSocketConfig>,
) -> Result<WebSocketStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    C: Callback + Unpin,
{
    let handshake = ServerHandshake::start(StdIo::new(stream), callback, config);
    Ok(WebSocketStream::new(drive(handshake, config).await?))
}

/// Performs a handshake, in the time that the settings give it.
async fn drive<Role, S>(
    handshake: MidHandshake<Role>,
    config: Option<WebSocketConfig>,
) -> Result<Role::FinalResult>
where
    Role: HandshakeRole<InternalStream = StdIo<S>>,
{
    let mut waiting = Some(handshake);
    let done = poll_fn(|cx| {
        let Some(mut handshake) = waiting.take() else {
            return Poll::Pending; // a future is not polled after its end
        };
        handshake.get_mut().get_mut().set_reader(cx.waker());
        match handshake.handshake() {
            Ok(result) => Poll::Ready(Ok(result)),
            Err(HandshakeError::Failure(error)) => Poll::Ready(Err(error)),
            Err(HandshakeError::Interrupted(handshake)) => {
                waiting = Some(handshake);
                Poll::Pending
            }
        }
    });
    #[cfg(feature = "deadlines")]
    if let Some(timeout) = config.and_then(|config| config.handshake_timeout) {
        let timed = tokio::time::timeout(timeout, done).await;
        return timed.unwrap_or_else(|elapsed| Err(std::io::Error::from(elapsed).into()));
    }
    #[cfg(not(feature = "deadlines"))]
    let _ = config;
    done.await
}
