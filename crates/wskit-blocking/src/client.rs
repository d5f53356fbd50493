use std::fmt;
use std::time::{Duration, Instant};

use http::Response;
use wskit_dial::reconnect::{Event, GaveUp};
use wskit_dial::{DialError, Error};
use wskit_handshake::{ClientRequest, RequestError};
use wskit_proto::{CloseCode, Outcome, Outgoing, Utf8Bytes};

use crate::park::{block_on, by};
use crate::runtime::{Blocking, Stream};
use crate::websocket::WebSocket;

/// The settings of a client: TLS, proxies, redirects, deadlines, compression; see [`wskit_dial::Connector`]. Give it
/// to [`connect_with`].
pub type Connector = wskit_dial::Connector<Blocking>;

/// Connects to a `ws://` or `wss://` URL with the default settings, and waits until the connection is open, for at most
/// `Config::handshake_timeout` (10 s).
///
/// The look-up of the name is not part of that: the operating system's resolver has deadlines of its own.
///
/// ```no_run
/// # fn main() -> Result<(), wskit_blocking::Error> {
/// let mut ws = wskit_blocking::connect("ws://127.0.0.1:9001")?;
/// ws.send("hello")?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// Those of [`wskit_dial::Connector::connect`].
pub fn connect<Q>(request: Q) -> Result<WebSocket, DialError>
where
    Q: TryInto<ClientRequest>,
    RequestError: From<Q::Error>,
{
    Ok(connect_with(&Connector::new(), request)?.0)
}

/// Connects with the settings of a connector, and returns the server's response too.
///
/// # Errors
/// Those of [`wskit_dial::Connector::connect`].
pub fn connect_with<Q>(
    connector: &Connector,
    request: Q,
) -> Result<(WebSocket, Response<()>), DialError>
where
    Q: TryInto<ClientRequest>,
    RequestError: From<Q::Error>,
{
    let (ws, response) = block_on(connector.connect(request))?;
    Ok((ws.into(), response))
}

/// A client that connects again whenever its connection is lost.
///
/// ```no_run
/// use wskit_blocking::{Connector, Reconnect, reconnect::Event};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let connector = Connector::new();
/// let mut feed = Reconnect::new(connector.reconnect("wss://example.com/feed".try_into()?));
/// while let Some(event) = feed.next()? {
///     match event {
///         Event::Opened => feed.send("subscribe")?,
///         Event::Message(message) => println!("{:?}", message.as_text()),
///         Event::Lost { loss, retry_in } => println!("{loss}; next attempt in {retry_in:?}"),
///         _ => {}
///     }
/// }
/// # Ok(()) }
/// ```
pub struct Reconnect(wskit_dial::Reconnect<Blocking, Stream>);

impl Reconnect {
    /// Takes a client from [`wskit_dial::Connector::reconnect`], with its settings: the delays, the hooks, what is worth
    /// another attempt.
    #[must_use]
    pub fn new(reconnect: wskit_dial::Reconnect<Blocking, Stream>) -> Self {
        Self(reconnect)
    }

    /// Waits for what happens next: a message, a connection that opens or is lost; `None` after
    /// [`close`](Reconnect::close).
    ///
    /// # Errors
    /// Once, when another attempt makes no sense; then `None`.
    #[allow(
        clippy::should_implement_trait,
        reason = "as `wskit_dial::Reconnect` has it"
    )]
    pub fn next(&mut self) -> Result<Option<Event>, GaveUp> {
        block_on(self.0.next())
    }

    /// Waits for what happens next, for at most `limit`. The outer `None` is that nothing has.
    ///
    /// # Errors
    /// Those of [`next`](Reconnect::next).
    pub fn next_timeout(&mut self, limit: Duration) -> Result<Option<Option<Event>>, GaveUp> {
        let deadline = Instant::now().checked_add(limit);
        block_on(by(deadline, self.0.next())).transpose()
    }

    /// Sends a message on the connection that is open.
    ///
    /// # Errors
    /// Those of [`wskit_dial::Reconnect::send`].
    pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        block_on(self.0.send(message))
    }

    /// Closes the connection, and opens no other.
    ///
    /// # Errors
    /// Those of [`wskit_dial::Reconnect::close`].
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Option<Outcome>, Error> {
        block_on(self.0.close(code, reason))
    }
}

impl fmt::Debug for Reconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
