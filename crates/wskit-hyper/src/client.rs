use std::future::poll_fn;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::SendRequest;
use wskit_driver::{OpenError, RequestViaHttp, within};
use wskit_handshake::{ClientRequest, HandshakeError, Refusal, RequestError};
use wskit_tokio::TokioTimer;

use crate::pending_websocket::{Handover, PendingWebSocket};
use crate::{Client, WebSocket};

/// Opens a WebSocket on a hyper connection, within `Config::handshake_timeout`. Also returns the
/// server's response.
///
/// The connection must be running, with upgrades: `tokio::spawn(connection.with_upgrades())`. It
/// must lead to the host of the request; this function does not connect.
///
/// ```no_run
/// use bytes::Bytes;
/// use http_body_util::Empty;
/// use hyper::client::conn::http1;
/// use hyper_util::rt::TokioIo;
/// use wskit_hyper::{Client, handshake};
///
/// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
/// let tcp = tokio::net::TcpStream::connect("example.com:80").await?;
/// let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(tcp)).await?;
/// tokio::spawn(connection.with_upgrades());
/// let (mut ws, _response) = handshake(&Client::new(), &mut sender, "ws://example.com/chat").await?;
/// ws.send("hello").await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`OpenError::Request`]; [`OpenError::Handshake`] if the server refuses (with the beginning of the body)
/// or violates the rules; [`OpenError::Io`] if the connection fails or hyper does not hand it over;
/// [`OpenError::Timeout`]; [`OpenError::NoTimer`].
///
/// # Cancel safety
/// Dropping the future leaves hyper's connection in the middle of a request. Drop the connection
/// too.
pub async fn handshake<B, Q>(
    client: &Client,
    sender: &mut SendRequest<B>,
    request: Q,
) -> Result<(WebSocket, Response<()>), OpenError>
where
    B: Body + Default + 'static,
    Q: TryInto<ClientRequest>,
    RequestError: From<Q::Error>,
{
    let (request, handshake) = client.request(request)?;
    let request = request.map(|()| B::default());
    let limit = client.settings().get_handshake_timeout();
    within(TokioTimer::default(), limit, async {
        sender.ready().await.map_err(failed)?;
        let response = sender.send_request(request).await.map_err(failed)?;
        let mut head = Response::new(());
        *head.status_mut() = response.status();
        *head.headers_mut() = response.headers().clone();
        Ok((open(handshake, response).await?, head))
    })
    .await?
}

/// Opens a WebSocket with the response of any HTTP client based on hyper. The request comes from
/// [`Client::request`](wskit_driver::Client::request), and the response must have the extension
/// that `hyper::upgrade::on` needs. A pooled client requires the whole URL as the URI of the
/// request: set it.
///
/// # Errors
/// Those of [`handshake`].
///
/// # Cancel safety
/// Dropping the future drops the connection.
pub async fn open(
    handshake: RequestViaHttp,
    mut response: Response<Incoming>,
) -> Result<WebSocket, OpenError> {
    let opening = match handshake.confirm(&response) {
        Ok(opening) => opening,
        Err(OpenError::Handshake(HandshakeError::Refused(mut refusal))) => {
            read_refusal(response.into_body(), &mut refusal).await;
            return Err(HandshakeError::Refused(refusal).into());
        }
        Err(error) => return Err(error),
    };
    let handover = Handover::http1(hyper::upgrade::on(&mut response));
    PendingWebSocket { handover, opening }.open().await
}

/// Reads as much of the body of a refusal as wskit's own client keeps.
async fn read_refusal(mut body: Incoming, refusal: &mut Refusal) {
    let mut kept = Vec::new();
    let limit = wskit_handshake::HeadLimits::default().get_max_body_bytes();
    loop {
        match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            None => {
                refusal.body_is_complete = true;
                break;
            }
            Some(Ok(frame)) => {
                let data = frame.into_data().unwrap_or_default();
                let room = limit - kept.len();
                kept.extend_from_slice(data.get(..room).unwrap_or(&data));
                if data.len() > room {
                    break;
                }
            }
            // The refusal matters more than an error of its body.
            Some(Err(_)) => break,
        }
    }
    refusal.body = Bytes::from(kept);
}

fn failed(error: hyper::Error) -> OpenError {
    OpenError::Io(io::Error::other(error))
}
