use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;

use futures_core::Stream;

/// Where connections come from, for [`Server::serve`](crate::Server::serve) on the runtime `R`.
///
/// Each binding implements it for the TCP and Unix listeners of its runtime. [`StreamListener`] is a listener
/// over any stream of connections.
pub trait Listener<R>: Send + 'static {
    /// A connection.
    type Stream: Send + 'static;
    /// The address of a client, or what else is to be known of it. It is printed in front of errors.
    type Addr: fmt::Debug + Clone + Send + 'static;

    /// Accepts the next connection; `None` if no more can come.
    ///
    /// An error is of the listener, not of one client: the next accept is delayed, unless the kind of the
    /// error says that only this client has gone.
    ///
    /// # Cancel safety
    /// A dropped accept should lose no connection. It is dropped when serving stops.
    ///
    /// # Panics
    /// A panic is not caught, because a listener that has panicked may be broken: it ends the serving and goes on
    /// in the task that awaits it. The connections that were accepted go on. A listener of your own should
    /// return what goes wrong as an error.
    fn accept(
        &mut self,
    ) -> impl Future<Output = Option<io::Result<(Self::Stream, Self::Addr)>>> + Send;
}

/// A listener over a stream of connections with their addresses.
///
/// The addresses can be of any type that prints (`Debug`), such as `()` or a counter. When the stream ends,
/// serving ends: the running connections go on.
///
/// ```
/// # use wskit_driver::StreamListener;
/// # fn doc<S, Tcp>(incoming: S) -> StreamListener<S>
/// # where S: futures_core::Stream<Item = std::io::Result<(Tcp, std::net::SocketAddr)>> {
/// let listener = StreamListener::new(incoming);
/// # listener }
/// ```
pub struct StreamListener<C>(Pin<Box<C>>);

impl<C> StreamListener<C> {
    /// Makes a listener. An `Err` in the stream is one of the listener itself: it is reported, and the next
    /// connection is waited for only after a while. Leave out those of single clients.
    pub fn new<S, A>(connections: C) -> Self
    where
        C: Stream<Item = io::Result<(S, A)>>,
    {
        Self(Box::pin(connections))
    }
}

impl<R, C, S, A> Listener<R> for StreamListener<C>
where
    C: Stream<Item = io::Result<(S, A)>> + Send + 'static,
    S: Send + 'static,
    A: fmt::Debug + Clone + Send + 'static,
{
    type Stream = S;
    type Addr = A;

    async fn accept(&mut self) -> Option<io::Result<(S, A)>> {
        poll_fn(|cx| self.0.as_mut().poll_next(cx)).await
    }
}

impl<C> fmt::Debug for StreamListener<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamListener")
    }
}
