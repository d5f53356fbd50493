//! The task of one connection.

use std::any::Any;
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use wskit_handshake::Rejection;

use super::error::ServeFault;
use super::handler::{Handler, HandlerOutput};
use super::runtime::ServeRuntime;
use super::shared::{Place, RefusalPlace, Shared};
use crate::runtime::within;
use crate::server::Request;
use crate::shutdown::Joining;
use crate::transport::Transport;

type TimerOf<R, S> = <<R as ServeRuntime<S>>::Io as Transport>::Timer;

/// Serves one connection to its end. `opening` returns the handler's future, if the handler was called.
///
/// The opening is boxed, and its box is freed before the handler runs: as long as the connection is open, the
/// task holds no more than that future, the client's address and one pointer. For that the future is pinned
/// where it first appears, and this is no `async fn`, which would keep its arguments twice.
#[allow(
    clippy::manual_async_fn,
    reason = "its future would be larger: see above"
)]
pub(super) fn serve<R, S, A, O, F>(
    opening: Pin<Box<O>>,
    place: Place<R, S, A>,
    peer: A,
) -> impl Future<Output = ()>
where
    R: ServeRuntime<S>,
    A: Debug,
    O: Future<Output = Result<Option<F>, ServeFault>>,
    F: Future<Output: HandlerOutput>,
{
    async move {
        let mut handling = pin!(match caught(opening).await {
            Ok(Ok(Some(handling))) => handling,
            Ok(Ok(None)) => return,
            Ok(Err(fault)) | Err(fault) => return place.0.report(Some(peer), fault),
        });
        let fault = match caught(handling.as_mut()).await {
            Ok(output) => output.into_result().err().map(ServeFault::Handler),
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            place.0.report(Some(peer), fault);
        }
    }
}

/// Opens a connection and calls the handler. `None` if there is nothing more to do.
pub(super) async fn open<R, S, A, H>(
    shared: Arc<Shared<R, S, A>>,
    stream: S,
    peer: A,
    handler: H,
    mut joining: Joining,
) -> Result<Option<H::Future>, ServeFault>
where
    R: ServeRuntime<S>,
    A: Clone,
    H: Handler<R::Io, A>,
{
    let Some(stream) = secured(&shared, stream, &mut joining).await? else {
        return Ok(None);
    };
    let received = shared.server.receive_joining(stream, joining).await;
    let Some(request) = received.map_err(ServeFault::Open)? else {
        return Ok(None);
    };
    match (request, &shared.page) {
        (Request::Http(request), Some(page)) => {
            page(request, peer).await.map_err(ServeFault::Handler)?;
            Ok(None)
        }
        (request, _) => {
            let opened = handler.open(request, peer).await;
            opened.map(Some).map_err(ServeFault::Open)
        }
    }
}

/// Answers 503 because there is no room.
pub(super) async fn refuse<R, S, A>(place: RefusalPlace<R, S, A>, stream: S, mut joining: Joining)
where
    R: ServeRuntime<S>,
{
    let Some((_, retry_after)) = &place.0.refusing else {
        return;
    };
    let mut rejection = Rejection::unavailable();
    // Rounded up: 0 would ask for the next attempt at once.
    let seconds = retry_after.as_millis().div_ceil(1000).to_string();
    if let Ok(when) = rejection.clone().header("retry-after", seconds) {
        rejection = when;
    }
    let refusing = async {
        // The client never came as far as to be told.
        if let Ok(Some(stream)) = secured(&place.0, stream, &mut joining).await {
            place.0.server.answer(R::wrap(stream), &rejection).await;
        }
    };
    // A panic of a TLS library is that of one connection.
    let _ = caught(pin!(refusing)).await;
}

/// Does the TLS handshake, if there is one. `None` if a shutdown was requested: before TLS there is no way to
/// say so.
async fn secured<R, S, A>(
    shared: &Shared<R, S, A>,
    stream: S,
    joining: &mut Joining,
) -> Result<Option<R::Stream>, ServeFault>
where
    R: ServeRuntime<S>,
{
    let Some(secure) = &shared.secure else {
        return Ok(Some(stream.into()));
    };
    let limit = shared.server.handshake_timeout();
    let securing = within(TimerOf::<R, S>::default(), limit, secure(stream));
    match joining.until_requested(securing).await {
        None => Ok(None),
        Some(Ok(Ok(stream))) => Ok(Some(stream)),
        Some(Ok(Err(error))) => Err(ServeFault::Tls(error)),
        Some(Err(elapsed)) => Err(ServeFault::Tls(elapsed.into())),
    }
}

/// Runs a future. Its panic is an error here, and does not reach other connections.
fn caught<F: Future + Unpin>(mut future: F) -> impl Future<Output = Result<F::Output, ServeFault>> {
    poll_fn(move |cx| {
        // After a panic it is not polled again, only dropped.
        match guarded(|| Pin::new(&mut future).poll(cx)) {
            Ok(polled) => polled.map(Ok),
            Err(fault) => Poll::Ready(Err(fault)),
        }
    })
}

/// Runs code of the program. Its panic is an error here. What it has used is not used again.
pub(super) fn guarded<T>(code: impl FnOnce() -> T) -> Result<T, ServeFault> {
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| ServeFault::Panic(text_of(&*panic)))
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no text").to_owned()
}
