use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::error::{BoxError, ServeError, ServeFault};
use super::room::Room;
#[cfg(feature = "json")]
use super::runtime::redacted;
use super::runtime::{ServeRuntime, is_disconnect};
use super::task::guarded;
use crate::observe::serving_failed;
use crate::server::{PlainHttp, Server};

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// Puts a connection inside TLS.
pub(super) type Secure<S, T> = Box<dyn Fn(S) -> BoxFuture<Result<T, BoxError>> + Send + Sync>;
/// Answers an ordinary HTTP request.
pub(super) type Page<T, A> =
    Box<dyn Fn(PlainHttp<T>, A) -> BoxFuture<Result<(), BoxError>> + Send + Sync>;
/// Is told of errors.
pub(super) type OnError<A> = Box<dyn Fn(&ServeError<A>) + Send + Sync>;

/// What all connections have.
pub(super) struct Shared<R: ServeRuntime<S>, S, A> {
    pub(super) server: Server<R>,
    pub(super) secure: Option<Secure<S, R::Stream>>,
    pub(super) page: Option<Page<R::Io, A>>,
    pub(super) on_error: Option<OnError<A>>,
    /// The connections that may be served at once, if there is a limit.
    pub(super) room: Option<Room>,
    /// The connections that may be refused at once, and when they may come again; `None` to let them wait.
    pub(super) refusing: Option<(Room, Duration)>,
}

impl<R: ServeRuntime<S>, S, A: std::fmt::Debug> Shared<R, S, A> {
    /// Reports what went wrong. A callback that panics has been told all the same: it ends neither the loop that
    /// accepts nor another task.
    #[cold]
    pub(super) fn report(&self, peer: Option<A>, fault: ServeFault) {
        let _ = guarded(|| self.tell(peer, fault));
    }

    fn tell(&self, peer: Option<A>, fault: ServeFault) {
        let error = ServeError::new(peer, fault, is_disconnect::<R, S>);
        match error.fault() {
            ServeFault::Tls(error) => self.server.refused(&**error),
            ServeFault::Open(error) => self.server.refused(error),
            #[cfg(feature = "json")]
            ServeFault::Handler(inner) => match (redacted::<R, S>(&**inner), error.peer()) {
                (Some(text), Some(peer)) => serving_failed(&format!("{peer:?}: {text}"), false),
                (Some(text), None) => serving_failed(&text, false),
                (None, _) => serving_failed(&error, error.is_disconnect()),
            },
            _ => serving_failed(&error, error.is_disconnect()),
        }
        if let Some(on_error) = &self.on_error {
            on_error(&error);
        }
    }
}

/// A connection's place among those that are served. Dropping it gives it back.
pub(super) struct Place<R: ServeRuntime<S>, S, A>(pub(super) Arc<Shared<R, S, A>>);

impl<R: ServeRuntime<S>, S, A> Drop for Place<R, S, A> {
    fn drop(&mut self) {
        if let Some(room) = &self.0.room {
            room.give_back();
        }
    }
}

/// A connection's place among those that are refused. Dropping it gives it back.
pub(super) struct RefusalPlace<R: ServeRuntime<S>, S, A>(pub(super) Arc<Shared<R, S, A>>);

impl<R: ServeRuntime<S>, S, A> Drop for RefusalPlace<R, S, A> {
    fn drop(&mut self) {
        if let Some((room, _)) = &self.0.refusing {
            room.give_back();
        }
    }
}
