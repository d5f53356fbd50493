//! A limit of connections that are opened at the same time. They get permits in order, and one that ends or is
//! dropped wakes the next.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use wskit_dial::{Connector, Dial, DialError};
use wskit_handshake::ClientRequest;
use wskit_test::{Executor, OnNetwork, Simulated, SimulatedIo};

/// Records the hosts that it was asked for, and waits for ever, or fails if the host's name says so.
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

/// A future that the test polls, and that is not polled when it is woken.
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
    /// Polls once, and forgets that it was woken. Returns whether it is done.
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

/// Starts to connect to each of these hosts, with a limit of one at a time, and calls `judge` with the futures.
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

/// A call that ends by itself, without being dropped, passes its permit on too.
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

/// A waiter that was woken with a permit and is dropped before it is polled wakes the next.
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
fn dial_that_is_dropped_in_the_queue_holds_up_no_other() {
    waiting(&["a", "b", "c"], |never, mut line| {
        drop(line.remove(1));
        drop(line.remove(0));
        assert!(line[0].is_woken() && !line[0].poll());
        assert_eq!(*never.asked.lock().unwrap(), ["a", "c"]);
    });
}
