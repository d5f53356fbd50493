//! The hooks that run on each new connection.

use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wskit_driver::{ConnectionError, Timer, Transport, WebSocket};

use crate::error::Error;
use crate::sync::{Arc, Mutex, lock};

/// A new connection, lent to a hook; see [`Reconnect::on_open`](crate::Reconnect::on_open).
///
/// It dereferences to the [`WebSocket`]. Dropping it gives the connection back, which the end of a hook
/// does by itself. A hook that ends without giving it back has failed:
/// [`OnOpenError::ConnectionKept`].
pub struct OnOpen<T: Transport> {
    /// Set until it is dropped.
    ws: Option<Box<WebSocket<T>>>,
    back: Back<T>,
}

/// Where a connection is put back to.
type Back<T> = Arc<Mutex<Option<Box<WebSocket<T>>>>>;

impl<T: Transport> Deref for OnOpen<T> {
    type Target = WebSocket<T>;

    fn deref(&self) -> &WebSocket<T> {
        match &self.ws {
            Some(ws) => ws,
            None => unreachable!("taken only by its drop"),
        }
    }
}

impl<T: Transport> DerefMut for OnOpen<T> {
    fn deref_mut(&mut self) -> &mut WebSocket<T> {
        match &mut self.ws {
            Some(ws) => ws,
            None => unreachable!("taken only by its drop"),
        }
    }
}

impl<T: Transport> Drop for OnOpen<T> {
    fn drop(&mut self) {
        *lock(&self.back) = self.ws.take();
    }
}

impl<T: Transport> fmt::Debug for OnOpen<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnOpen").field(&**self).finish()
    }
}

/// Why a hook has failed that did not return an error of its own.
///
/// It is inside [`Error::Other`]: `loss.other::<OnOpenError>()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOpenError {
    /// The hooks were not done within this time
    /// ([`on_open_timeout`](crate::Reconnect::on_open_timeout)).
    Timeout(Duration),
    /// A hook returned without giving the connection back: it has leaked its [`OnOpen`], or moved it
    /// elsewhere. Another attempt would end the same way.
    ConnectionKept,
}

impl fmt::Display for OnOpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout(limit) => write!(f, "on_open did not finish within {limit:?}"),
            Self::ConnectionKept => {
                f.write_str("on_open did not give the connection back: it must drop its argument")
            }
        }
    }
}

impl std::error::Error for OnOpenError {}

/// A hook.
pub(super) type Hook<T> = Box<dyn FnMut(OnOpen<T>) -> Running + Send>;

/// A hook that runs.
pub(super) type Running =
    Pin<Box<dyn Future<Output = Result<(), Box<dyn std::error::Error + Send + Sync>>> + Send>>;

/// The hooks on one new connection, in their order, under one deadline.
pub(super) struct Preparation<T: Transport, C> {
    ws: Option<Box<WebSocket<T>>>,
    back: Back<T>,
    running: Option<Running>,
    /// The number of hooks that were begun.
    begun: usize,
    timer: C,
    limit: Duration,
    /// `None` if it is beyond the clock's range.
    deadline: Option<Instant>,
}

/// A connection whose hooks have failed. `ws` is `None` if a hook has kept it.
pub(super) struct Failed<T: Transport> {
    pub(super) ws: Option<Box<WebSocket<T>>>,
    pub(super) error: Error,
}

impl<T: Transport, C: Timer> Preparation<T, C> {
    pub(super) fn new(ws: Box<WebSocket<T>>, timer: C, limit: Duration) -> Self {
        Self {
            ws: Some(ws),
            back: Arc::default(),
            running: None,
            begun: 0,
            deadline: timer.now().checked_add(limit),
            timer,
            limit,
        }
    }

    pub(super) fn poll(
        &mut self,
        hooks: &mut [Hook<T>],
        cx: &mut Context<'_>,
    ) -> Poll<Result<Box<WebSocket<T>>, Failed<T>>> {
        loop {
            let result = match &mut self.running {
                Some(running) => match running.as_mut().poll(cx) {
                    Poll::Ready(result) => result.map_err(Error::from),
                    Poll::Pending => match self.poll_deadline(cx) {
                        Poll::Ready(error) => Err(error),
                        Poll::Pending => return Poll::Pending,
                    },
                },
                None => Ok(()),
            };
            if let Some(ended) = self.running.take() {
                // What the hook still holds gives the connection back.
                drop(ended);
                self.ws = lock(&self.back).take();
            }
            let ws = self.ws.take();
            let failed = |ws, error| Poll::Ready(Err(Failed { ws, error }));
            let ws = match (result, ws) {
                (Err(error), ws) => return failed(ws, error),
                (Ok(()), None) => return failed(None, Error::other(OnOpenError::ConnectionKept)),
                (Ok(()), Some(ws)) => ws,
            };
            let Some(hook) = hooks.get_mut(self.begun) else {
                return Poll::Ready(Ok(ws));
            };
            self.begun += 1;
            self.running = Some(hook(OnOpen {
                ws: Some(ws),
                back: self.back.clone(),
            }));
        }
    }

    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(deadline) = self.deadline else {
            return Poll::Pending;
        };
        self.timer
            .poll_until(cx, deadline)
            .map(|passed| match passed {
                Ok(()) => Error::other(OnOpenError::Timeout(self.limit)),
                Err(error) => ConnectionError::NoTimer(error).into(),
            })
    }
}
