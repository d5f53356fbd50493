//! Name lookup and TCP connections to several addresses, of which the first that answers is used
//! (RFC 8305).

mod schedule;

use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use wskit_driver::{SocketOptions, Timer};

use crate::dial_error::DialError;
use crate::net::Net;
use schedule::Schedule;

/// Connects to a host by name or address. Both families are looked up together: resolvers of operating
/// systems return them as one list, where RFC 8305 §3 would begin with the family that comes first.
pub(crate) async fn connect<R: Net>(
    host: &str,
    port: u16,
    from: Option<IpAddr>,
    options: SocketOptions,
) -> Result<R::Stream, DialError> {
    let addresses = match host.parse() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => R::lookup(host, port).await?,
    };
    let mut race = Race::<R, _, _>::new(Schedule::new(addresses, from), |to| {
        R::connect_tcp(to, from, options)
    });
    poll_fn(|cx| race.poll(cx)).await
}

/// The attempts to connect. Dropping it drops those in progress.
struct Race<R: Net, F: Fn(SocketAddr) -> A, A> {
    schedule: Schedule,
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
    fn new(schedule: Schedule, start: F) -> Self {
        Self {
            schedule,
            start,
            running: Vec::new(),
            failed: Vec::new(),
            timer: R::Timer::default(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<R::Stream, DialError>> {
        loop {
            let begun = self.schedule.begin(self.timer.now());
            if let Some(address) = begun {
                self.running
                    .push((address, Box::pin((self.start)(address))));
            }
            if let Some(stream) = self.poll_running(cx) {
                return Poll::Ready(Ok(stream));
            }
            if self.schedule.is_over() {
                return Poll::Ready(Err(self.explain().into()));
            }
            if begun.is_some() || self.running.is_empty() {
                continue;
            }
            match self.schedule.next() {
                Some(next) => {
                    ready!(self.timer.poll_until(cx, next)).map_err(DialError::NoTimer)?;
                }
                None => return Poll::Pending,
            }
        }
    }

    /// Polls the attempts and returns the stream of the first that has succeeded.
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
                    self.schedule.fail();
                    self.failed.push((*address, error));
                    false
                }
            }
        });
        won
    }

    /// Returns one error for all attempts: that of the only one, or one that names them and has the kind
    /// of the last.
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
