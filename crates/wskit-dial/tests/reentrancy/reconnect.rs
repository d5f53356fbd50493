//! Wakers of a client that was spawned: of its task, of its events, and of calls that wait for a connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use wskit_dial::reconnect::{Events, Handle, Open};
use wskit_dial::{Error, Reconnect};
use wskit_driver::{Overflow, Runtime, WebSocket};
use wskit_proto::{CloseCode, Config, Role};
use wskit_test::{OnNetwork, PipeEnd, Simulated, SimulatedIo, pipe};

use super::hook::{Hook, from_everywhere};
use super::once;
use super::waker::{On, calling};

/// Opens one connection, to the end that is given back here.
struct One(Option<PipeEnd>);

impl Open for One {
    type Transport = SimulatedIo;

    fn poll_open(&mut self, _: &mut Context<'_>) -> Poll<Result<WebSocket<SimulatedIo>, Error>> {
        let Some(end) = self.0.take() else {
            return Poll::Pending;
        };
        let io = Simulated::wrap(end);
        let ws = WebSocket::from_parts(io, Role::Client, Bytes::new(), Config::new());
        Poll::Ready(Ok(ws))
    }

    fn cancel(&mut self) {}
}

struct Client {
    handle: Handle<SimulatedIo>,
    events: Events,
    run: Pin<Box<dyn Future<Output = ()> + Send>>,
    _server: PipeEnd,
}

fn client() -> Client {
    let (near, far) = pipe(1 << 20);
    let client = Reconnect::<OnNetwork<Simulated>>::over(One(Some(near)));
    let (events, handle, run) = client.into_parts(1, Overflow::Wait);
    Client {
        handle,
        events,
        run: Box::pin(run),
        _server: far,
    }
}

type Method = fn(&Handle<SimulatedIo>);

const METHODS: &[(&str, Method)] = &[
    ("Handle::send", |handle| drop(once(handle.send("x")))),
    ("Handle::wait_connected", |handle| {
        _ = once(handle.wait_connected());
    }),
    ("Handle::close", |handle| {
        drop(once(handle.close(CloseCode::NORMAL, "")));
    }),
    ("Handle::is_connected", |handle| {
        _ = handle.is_connected();
    }),
    ("Handle::writer", |handle| drop(handle.writer())),
    ("Handle::round_trip", |handle| _ = handle.round_trip()),
    ("Handle::clone", |handle| drop(handle.clone())),
    ("Handle::fmt", |handle| _ = format!("{handle:?}")),
];

/// With a waker of its own.
fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>, hook: &Arc<Hook>, on: On) {
    let waker = calling(hook, on);
    let _ = future.as_mut().poll(&mut Context::from_waker(&waker));
}

/// The connection comes, one call sees it, and the other is dropped.
#[test]
fn waker_that_waits_for_a_connection() {
    for on in [On::Wake, On::Clone, On::Drop] {
        from_everywhere(METHODS, move |hook, method| {
            let mut client = client();
            let mut calls: Vec<_> = (0..2)
                .map(|_| {
                    let handle = client.handle.clone();
                    Box::pin(async move { handle.wait_connected().await })
                })
                .collect();
            poll(&mut calls[0], hook, on);
            let handle = client.handle.clone();
            hook.arm(move || method(&handle));
            poll(&mut calls[1], hook, on);
            poll(&mut calls[0], hook, on);
            drop(calls.pop());
            let _ = client
                .run
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            poll(&mut calls[0], hook, on);
        });
    }
}

/// An event comes, and then the end.
#[test]
fn waker_that_waits_for_an_event() {
    for on in [On::Wake, On::Clone, On::Drop] {
        from_everywhere(METHODS, move |hook, method| {
            let Client {
                handle,
                mut events,
                mut run,
                ..
            } = client();
            let next = |events: &mut Events| {
                let waker = calling(hook, on);
                let next = std::pin::pin!(events.next());
                let _ = next.poll(&mut Context::from_waker(&waker));
            };
            next(&mut events);
            hook.arm(move || method(&handle));
            next(&mut events);
            let _ = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            next(&mut events);
            next(&mut events);
            drop(run);
        });
    }
}

/// A handle closes, and the events are dropped.
#[test]
fn waker_of_the_task() {
    for on in [On::Wake, On::Clone, On::Drop] {
        from_everywhere(METHODS, move |hook, method| {
            let Client {
                handle,
                events,
                mut run,
                ..
            } = client();
            poll(&mut run, hook, on);
            let armed = handle.clone();
            hook.arm(move || method(&armed));
            poll(&mut run, hook, on);
            drop(once(handle.close(CloseCode::NORMAL, "")));
            poll(&mut run, hook, on);
            drop(events);
            drop(run);
        });
    }
}
