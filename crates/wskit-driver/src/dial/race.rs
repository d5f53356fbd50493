//! Name lookup and TCP, to whichever address answers first (RFC 8305).

use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::eyeballs::Eyeballs;
use crate::error::Error;
use crate::net::Net;
use crate::transport::Timer;

/// Connects to a host by name or address. Both families are looked up together (RFC 8305 §3 would
/// begin with the one that comes first; resolvers of operating systems give them as one).
pub(super) async fn connect<R: Net>(
    host: &str,
    port: u16,
    from: Option<IpAddr>,
) -> Result<R::Stream, Error> {
    let addresses = match host.parse() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => R::lookup(host, port).await?,
    };
    let mut race = Race::<R, _, _>::new(Eyeballs::new(addresses, from), |to| {
        R::connect_tcp(to, from)
    });
    poll_fn(|cx| race.poll(cx)).await
}

/// Dropping it drops the attempts that are under way.
struct Race<R: Net, F: Fn(SocketAddr) -> A, A> {
    plan: Eyeballs,
    start: F,
    running: Vec<(SocketAddr, Pin<Box<A>>)>,
    failed: Vec<(SocketAddr, io::Error)>,
    timer: R::Timer,
}

impl<R, F, A> Race<R, F, A>
where
    R: Net,
    F: Fn(SocketAddr) -> A,
    A: Future<Output = io::Result<R::Stream>>,
{
    fn new(plan: Eyeballs, start: F) -> Self {
        Self {
            plan,
            start,
            running: Vec::new(),
            failed: Vec::new(),
            timer: R::Timer::default(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<R::Stream, Error>> {
        loop {
            let begun = self.plan.begin(self.timer.now());
            if let Some(address) = begun {
                self.running
                    .push((address, Box::pin((self.start)(address))));
            }
            if let Some(stream) = self.poll_running(cx) {
                return Poll::Ready(Ok(stream));
            }
            if self.plan.is_over() {
                return Poll::Ready(Err(self.explain().into()));
            }
            if begun.is_some() || self.running.is_empty() {
                continue;
            }
            match self.plan.next() {
                Some(next) => {
                    ready!(self.timer.poll_until(cx, next)).map_err(Error::NoTimer)?;
                }
                None => return Poll::Pending,
            }
        }
    }

    /// The first attempt that has succeeded.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Option<R::Stream> {
        let mut won = None;
        self.running.retain_mut(|(address, attempt)| {
            if won.is_some() {
                return false;
            }
            match attempt.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(Ok(stream)) => {
                    won = Some(stream);
                    false
                }
                Poll::Ready(Err(error)) => {
                    self.plan.fail();
                    self.failed.push((*address, error));
                    false
                }
            }
        });
        won
    }

    /// One error for all: that of the only attempt, or one that names the attempts, of the kind of the
    /// last.
    fn explain(&mut self) -> io::Error {
        let Some((last_address, last)) = self.failed.pop() else {
            return io::Error::new(io::ErrorKind::NotFound, "no address to connect to");
        };
        if self.failed.is_empty() {
            return last;
        }
        let mut text = format!("no address answers: {last_address}: {last}");
        for (address, error) in self.failed.iter().rev().take(7) {
            // Writing to a String does not fail.
            let _ = write!(text, "; {address}: {error}");
        }
        io::Error::new(last.kind(), text)
    }
}
