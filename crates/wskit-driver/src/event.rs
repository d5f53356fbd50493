use wskit_proto::{ControlPayload, Message};

/// What [`WebSocket::recv_event`](crate::WebSocket::recv_event) answers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A message.
    Message(Message),
    /// A ping; it is answered already unless `Config::auto_pong` is off.
    Ping(ControlPayload),
    /// A pong, unless it answered a keepalive ping.
    Pong(ControlPayload),
}
