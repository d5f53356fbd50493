//! No foreign code runs under the lock of the semaphore, nor of a client that was spawned: wakers of
//! connections that wait, and the observer, may call every method of the connector, and wakers of the client
//! every method of its handles.
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "../../../wskit-driver/tests/reentrancy/hook.rs"]
mod hook;
mod reconnect;
#[path = "../../../wskit-driver/tests/reentrancy/waker.rs"]
mod waker;

use std::error::Error;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use wskit_dial::{Connector, Dial, DialError};
use wskit_driver::Observer;
use wskit_handshake::ClientRequest;
use wskit_proto::Role;
use wskit_test::{OnNetwork, Simulated, SimulatedIo};

use hook::{Hook, from_everywhere};
use waker::{On, calling};

/// Calls the hook for each connection that could not be opened.
struct Telling(Arc<Hook>);

impl Observer for Telling {
    fn refused(&self, _: Role, _: &(dyn Error + 'static)) {
        self.0.fire();
    }
}

/// Polls once, with a waker that does nothing.
fn once<F: Future>(future: F) -> Option<F::Output> {
    let polled = std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    match polled {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Waits for ever, or fails at once.
#[derive(Clone, Copy, Debug)]
struct Dialler {
    fails: bool,
}

impl Dial for Dialler {
    type Stream = SimulatedIo;

    async fn dial(&self, _: &ClientRequest) -> Result<SimulatedIo, DialError> {
        if !self.fails {
            pending::<()>().await;
        }
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into())
    }
}

type OneAtATime = Arc<Connector<OnNetwork<Simulated>, Dialler>>;

type Method = fn(&OneAtATime);

const METHODS: &[(&str, Method)] = &[
    ("Connector::connect", |connector| {
        drop(once(connector.connect("ws://example.com/")));
    }),
    ("Connector::fmt", |connector| _ = format!("{connector:?}")),
    ("Connector::clone", |connector| {
        drop(Connector::clone(connector));
    }),
];

fn connector(hook: &Arc<Hook>, fails: bool) -> OneAtATime {
    let connector = Connector::<OnNetwork<Simulated>>::new()
        .observer(Arc::new(Telling(hook.clone())))
        .dial_by(Dialler { fails })
        .max_concurrent(1);
    Arc::new(connector)
}

/// A call with a waker of its own.
fn poll<F: Future>(waiting: &mut Pin<Box<F>>, hook: &Arc<Hook>, on: On) {
    let waker = calling(hook, on);
    let mut cx = Context::from_waker(&waker);
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
}

/// Two calls wait in the queue. The one with the permit is dropped, then the first of the queue, then the
/// other.
#[test]
fn waker_that_waits_for_a_turn() {
    for on in [On::Wake, On::Clone, On::Drop] {
        from_everywhere(METHODS, move |hook, method| {
            let connector = connector(hook, false);
            let mut line: Vec<_> = (0..3)
                .map(|_| Box::pin(connector.connect("ws://example.com/")))
                .collect();
            poll(&mut line[0], hook, on);
            let armed = connector.clone();
            hook.arm(move || method(&armed));
            for at in [1, 2, 1, 2] {
                poll(&mut line[at], hook, on);
            }
            drop(line.remove(0));
            // It was woken with the permit, and is dropped before it is polled.
            drop(line.remove(0));
            poll(&mut line[0], hook, on);
            drop(line);
        });
    }
}

#[test]
fn observer_that_is_told_of_a_refusal() {
    from_everywhere(METHODS, |hook, method| {
        let connector = connector(hook, true);
        let armed = connector.clone();
        hook.arm(move || method(&armed));
        assert!(once(connector.connect("ws://example.com/")).is_some_and(|opened| opened.is_err()));
    });
}
