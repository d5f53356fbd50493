use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use wskit_dial::Net;
use wskit_driver::{Runtime, SocketOptions, Timer};

use crate::faults::Faults;
use crate::harness::{Harness, Io, TimerOf, sleep, timer, wrap};
use crate::pipe::{PipeEnd, pipe};
use crate::probe::Probe;

/// A network in memory: names, addresses, and what happens to connections to them.
///
/// Clones share the same network. [`OnNetwork`] dials in the network that was created last on its
/// thread.
#[derive(Clone, Debug)]
pub struct Network(Arc<Mutex<Inner>>);

/// What happens to a connection attempt to an address.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// It is accepted after this time.
    Accept(Duration),
    /// It is refused after this time.
    Refuse(Duration),
}

#[derive(Debug, Default)]
struct Inner {
    names: HashMap<String, Option<Vec<IpAddr>>>,
    answers: HashMap<SocketAddr, Answer>,
    lookups: Vec<String>,
    dialled: Vec<(SocketAddr, Option<IpAddr>)>,
    under_way: usize,
    faults: Faults,
    probes: Vec<Probe>,
    accepted: VecDeque<(SocketAddr, PipeEnd)>,
    acceptor: Option<Waker>,
}

thread_local! {
    static CURRENT: RefCell<Option<Network>> = const { RefCell::new(None) };
}

impl Network {
    /// Creates an empty network: no name is known and no address answers.
    #[must_use]
    pub fn new() -> Self {
        let network = Self(Arc::default());
        CURRENT.set(Some(network.clone()));
        network
    }

    /// Adds a name with its addresses.
    #[must_use]
    pub fn name(self, host: &str, addresses: &[&str]) -> Self {
        let addresses = addresses.iter().map(|one| one.parse().expect("an address"));
        let addresses = Some(addresses.collect());
        self.lock().names.insert(host.into(), addresses);
        self
    }

    /// Adds a name whose lookup never ends.
    #[must_use]
    pub fn silent_name(self, host: &str) -> Self {
        self.lock().names.insert(host.into(), None);
        self
    }

    /// Sets the answer of an address, a host with a port.
    #[must_use]
    pub fn at(self, address: &str, answer: Answer) -> Self {
        let address = address.parse().expect("an address");
        self.lock().answers.insert(address, answer);
        self
    }

    /// Sets the faults at the client's end of every connection.
    #[must_use]
    pub fn faults(self, faults: Faults) -> Self {
        self.lock().faults = faults;
        self
    }

    /// Returns whether the fault has occurred on any connection.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.lock().probes.iter().any(Probe::has_struck)
    }

    /// Waits for the next accepted connection. Returns its address and the server's end of the stream.
    pub async fn accept(&self) -> (SocketAddr, PipeEnd) {
        poll_fn(|cx| {
            let mut inner = self.lock();
            match inner.accepted.pop_front() {
                Some(accepted) => Poll::Ready(accepted),
                None => {
                    inner.acceptor = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Returns the names that were looked up.
    #[must_use]
    pub fn lookups(&self) -> Vec<String> {
        self.lock().lookups.clone()
    }

    /// Returns the addresses that were dialled, each with the local address asked for.
    #[must_use]
    pub fn dialled(&self) -> Vec<(SocketAddr, Option<IpAddr>)> {
        self.lock().dialled.clone()
    }

    /// Returns the number of connection attempts in progress.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.lock().under_way
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current() -> Self {
        CURRENT.with_borrow(Clone::clone).expect("a Network")
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

/// The runtime of the harness `H`, which dials in the thread's [`Network`].
pub struct OnNetwork<H>(PhantomData<H>);

impl<H: Harness> Runtime<Io<H>> for OnNetwork<H> {
    type Transport = Io<H>;

    fn wrap(io: Io<H>) -> Io<H> {
        io
    }
}

impl<H: Harness> Net for OnNetwork<H> {
    type Stream = Io<H>;
    type Io = Io<H>;
    type Tls = ();
    type Timer = NetworkTimer<H>;

    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let network = Network::current();
        network.lock().lookups.push(host.to_owned());
        let known = network.lock().names.get(host).cloned();
        match known {
            None => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
            Some(None) => pending().await,
            Some(Some(addresses)) => {
                let with_port = addresses
                    .into_iter()
                    .map(|address| SocketAddr::new(address, port));
                Ok(with_port.collect())
            }
        }
    }

    fn connect_tcp(
        to: SocketAddr,
        from: Option<IpAddr>,
        _: SocketOptions,
    ) -> impl Future<Output = io::Result<Io<H>>> {
        let under_way = UnderWay::new(to, from);
        async move {
            let network = &under_way.0;
            let answer = network.lock().answers.get(&to).copied();
            match answer {
                None => pending().await,
                Some(Answer::Refuse(after)) => {
                    wait::<H>(after).await;
                    Err(io::ErrorKind::ConnectionRefused.into())
                }
                Some(Answer::Accept(after)) => {
                    wait::<H>(after).await;
                    let (near, far) = pipe(64 << 10);
                    let mut inner = network.lock();
                    near.probe().set_faults(inner.faults);
                    inner.probes.push(near.probe());
                    inner.accepted.push_back((to, far));
                    let acceptor = inner.acceptor.take();
                    drop(inner);
                    if let Some(waker) = acceptor {
                        waker.wake();
                    }
                    Ok(wrap::<H>(near))
                }
            }
        }
    }
}

impl<H> fmt::Debug for OnNetwork<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnNetwork")
    }
}

/// The timer of a harness's runtime, which can be created without a transport.
pub struct NetworkTimer<H: Harness>(TimerOf<H>);

impl<H: Harness> Timer for NetworkTimer<H> {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn poll_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<io::Result<()>> {
        self.0.poll_until(cx, deadline)
    }
}

impl<H: Harness> Default for NetworkTimer<H> {
    fn default() -> Self {
        Self(timer::<H>())
    }
}

impl<H: Harness> Clone for NetworkTimer<H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<H: Harness> fmt::Debug for NetworkTimer<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NetworkTimer")
    }
}

/// A connection attempt in progress, until it is dropped.
struct UnderWay(Network);

impl UnderWay {
    fn new(to: SocketAddr, from: Option<IpAddr>) -> Self {
        let network = Network::current();
        let mut inner = network.lock();
        inner.dialled.push((to, from));
        inner.under_way += 1;
        drop(inner);
        Self(network)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.lock().under_way -= 1;
    }
}

async fn wait<H: Harness>(time: Duration) {
    if !time.is_zero() {
        sleep::<H>(time).await;
    }
}
