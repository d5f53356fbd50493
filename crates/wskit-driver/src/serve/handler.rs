//! What a program gives to [`Server::serve`](crate::Server::serve). Nothing here can be named or implemented.

use std::future::Future;

use super::error::BoxError;
use crate::error::OpenError;
use crate::server::Request;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// What a handler's future returns: nothing, or a `Result` whose error goes to
/// [`Serve::on_error`](crate::Serve::on_error).
pub trait HandlerOutput {
    fn into_result(self) -> Result<(), BoxError>;
}

impl HandlerOutput for () {
    fn into_result(self) -> Result<(), BoxError> {
        Ok(())
    }
}

impl<E: Into<BoxError>> HandlerOutput for Result<(), E> {
    fn into_result(self) -> Result<(), BoxError> {
        self.map_err(Into::into)
    }
}

/// A handler of connections over `T` from clients at an `A`.
pub trait Handler<T: Transport, A>: Clone + Send + 'static {
    type Future: Future<Output: HandlerOutput> + Send + 'static;

    /// Does what is to be done before the handler is called, and calls it.
    fn open(
        self,
        request: Request<T>,
        peer: A,
    ) -> impl Future<Output = Result<Self::Future, OpenError>> + Send;
}

/// A function of a connection: the request is accepted first.
#[derive(Clone, Debug)]
pub struct WebSocketHandler<H>(pub(super) H);

/// A function of a request.
#[derive(Clone, Debug)]
pub struct RequestHandler<H>(pub(super) H);

impl<T, A, H, F> Handler<T, A> for WebSocketHandler<H>
where
    T: Transport<Timer: Send> + Send + 'static,
    A: Send,
    H: FnOnce(WebSocket<T>, A) -> F + Clone + Send + 'static,
    F: Future<Output: HandlerOutput> + Send + 'static,
{
    type Future = F;

    async fn open(self, request: Request<T>, peer: A) -> Result<F, OpenError> {
        match request {
            Request::WebSocket(upgrade) => Ok((self.0)(upgrade.accept().await?, peer)),
            Request::Http(http) => Err(http.refuse().await),
        }
    }
}

impl<T, A, H, F> Handler<T, A> for RequestHandler<H>
where
    T: Transport<Timer: Send> + Send + 'static,
    A: Send,
    H: FnOnce(Request<T>, A) -> F + Clone + Send + 'static,
    F: Future<Output: HandlerOutput> + Send + 'static,
{
    type Future = F;

    async fn open(self, request: Request<T>, peer: A) -> Result<F, OpenError> {
        Ok((self.0)(request, peer))
    }
}
