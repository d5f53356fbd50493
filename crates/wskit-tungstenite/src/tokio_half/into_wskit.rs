use tokio::io::{AsyncRead, AsyncWrite};
use wskit_driver::Runtime;
use wskit_tokio::Tokio;

use super::WebSocketStream;
use crate::protocol::{Handover, Role, WebSocket};

impl<S: AsyncRead + AsyncWrite + Unpin + 'static> WebSocketStream<S> {
    /// Goes on with wskit's own API: halves for two tasks, lanes, lent messages, pieces, deadlines.
    ///
    /// It has the limits of this connection, its deadlines (none unless they were asked for) and its
    /// compression. Bytes that were read ahead go with it.
    ///
    /// ```no_run
    /// # async fn doc() -> Result<(), Box<dyn std::error::Error>> {
    /// let (ws, _) = wskit_tungstenite::connect_async("ws://localhost:9001").await?;
    /// let ws = ws.into_wskit().map_err(|_| "in the middle of something")?;
    /// let (mut reader, writer) = ws.split();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The connection, as it was, if it cannot be handed over now: it is closing, something waits to be
    /// flushed, a message has come in part, or messages have been compressed. Right after the opening
    /// handshake it always can.
    pub fn into_wskit(self) -> Result<wskit_tokio::WebSocket<S>, Box<Self>> {
        let (stream, context) = self.into_websocket().into_parts();
        match context.into_handover() {
            Ok(handover) => Ok(over(handover, stream.into_inner())),
            Err(context) => Err(Box::new(Self::new(WebSocket::from_context(
                stream, *context,
            )))),
        }
    }
}

fn over<S>(handover: Handover, stream: S) -> wskit_tokio::WebSocket<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let io = Tokio::wrap(stream);
    let role = match handover.role {
        Role::Server => wskit_proto::Role::Server,
        Role::Client => wskit_proto::Role::Client,
    };
    let (read, config) = (handover.read, handover.config);
    #[cfg(feature = "deflate")]
    if let Some(agreed) = handover.agreed {
        let (agreed, deflate) = *agreed;
        return wskit_driver::WebSocket::from_parts_with_deflate(
            io, role, read, config, agreed, &deflate,
        );
    }
    wskit_driver::WebSocket::from_parts(io, role, read, config)
}
