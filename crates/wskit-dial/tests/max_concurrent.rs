//! A limit to the connections that are opened at the same time: they go in order, and one that goes away, this
//! way or that, wakes the next.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use wskit_dial::{Connector, Dial, DialError};
use wskit_handshake::ClientRequest;
use wskit_test::{Executor, OnNetwork, Simulated, SimulatedIo};

/// Writes down whom it was asked for, and never gets there, or fails if it is told to.
#[derive(Default)]
struct Never {
    asked: Mutex<Vec<String>>,
    fails: AtomicBool,
}

impl Dial for &Never {
    type Stream = SimulatedIo;

    async fn dial(&self, request: &ClientRequest) -> Result<SimulatedIo, DialError> {
        self.asked.lock().unwrap().push(request.host().to_owned());
        if !self.fails.load(Ordering::Relaxed) {
            pending::<()>().await;
        }
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into())
    }
}

/// A future that is polled when the test says so, and not when it is woken.
struct Waiting<'a> {
    future: Pin<Box<dyn Future<Output = ()> + 'a>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Waiting<'_> {
    /// Polls once; it is not woken any more. Whether it is over.
    fn poll(&mut self) -> bool {
        self.woken.0.store(false, Ordering::Relaxed);
        let waker = Waker::from(self.woken.clone());
        matches!(
            self.future.as_mut().poll(&mut Context::from_waker(&waker)),
            Poll::Ready(())
        )
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed)
    }
}

/// Connects to each of these in turn, one at a time, and lets `judge` do with them what it likes.
fn waiting(hosts: &[&str], judge: impl FnOnce(&Never, Vec<Waiting<'_>>)) {
    Executor::new().block_on(async {
        let never = Never::default();
        let connector = Connector::<OnNetwork<Simulated>>::new()
            .dial_by(&never)
            .max_concurrent(1);
        let line = hosts.iter().map(|host| {
            let (url, connector) = (format!("ws://{host}/"), &connector);
            let mut each = Waiting {
                future: Box::pin(async move {
                    assert!(connector.connect(&*url).await.is_err());
                }),
                woken: Arc::default(),
            };
            assert!(!each.poll());
            each
        });
        let line = line.collect();
        assert_eq!(*never.asked.lock().unwrap(), hosts[..1]);
        judge(&never, line);
    });
}

/// The first in the queue gets the permit, in whatever order the waiters are polled.
///
/// Proves: X-io-4
#[test]
fn dials_go_in_the_order_in_which_they_came() {
    waiting(&["a", "b", "c", "d"], |never, mut line| {
        for next in 1..4 {
            drop(line.remove(0));
            assert!(line[0].is_woken());
            for each in line.iter_mut().skip(1).rev() {
                assert!(!each.poll(), "it is not his turn");
            }
            assert_eq!(never.asked.lock().unwrap().len(), next);
            assert!(!line[0].poll());
        }
        assert_eq!(*never.asked.lock().unwrap(), ["a", "b", "c", "d"]);
    });
}

/// A turn that ends by itself, and not by being dropped, is the next one's too.
///
/// Proves: X-io-4
#[test]
fn dial_that_fails_wakes_the_next() {
    waiting(&["a", "b"], |never, mut line| {
        never.fails.store(true, Ordering::Relaxed);
        drop(line.remove(0));
        assert!(line[0].poll());
        assert_eq!(*never.asked.lock().unwrap(), ["a", "b"]);
    });
    waiting(&["a", "b", "c"], |never, mut line| {
        drop(line.remove(0));
        never.fails.store(true, Ordering::Relaxed);
        assert!(
            line[0].poll() && line[1].is_woken(),
            "it is the next one's turn"
        );
        assert!(line[1].poll());
        assert_eq!(*never.asked.lock().unwrap(), ["a", "b", "c"]);
    });
}

/// One who was woken for his turn and goes away before he has taken it wakes the next.
///
/// Proves: X-io-4
#[test]
fn dial_that_is_dropped_before_its_turn_wakes_the_next() {
    waiting(&["a", "b", "c"], |never, mut line| {
        drop(line.remove(0));
        assert!(line[0].is_woken() && !line[1].is_woken());
        drop(line.remove(0));
        assert!(line[0].is_woken(), "his turn has come");
        assert!(!line[0].poll());
        assert_eq!(*never.asked.lock().unwrap(), ["a", "c"]);
    });
}

/// A waiter that gives up in the middle of the queue holds no other up.
///
/// Proves: X-io-4
#[test]
fn dial_that_is_dropped_in_the_line_holds_nobody_up() {
    waiting(&["a", "b", "c"], |never, mut line| {
        drop(line.remove(1));
        drop(line.remove(0));
        assert!(line[0].is_woken() && !line[0].poll());
        assert_eq!(*never.asked.lock().unwrap(), ["a", "c"]);
    });
}
