//! Name lookup and TCP connections to several addresses, of which the first that answers is used
//! (RFC 8305).

mod schedule;

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use wskit_driver::{SocketOptions, Timer};

use crate::dial_error::DialError;
use crate::net::Net;
use crate::progress::Progress;
use crate::stage::Stage;
use schedule::Schedule;

/// Connects to a host by name or address. Both families are looked up together: resolvers of operating
/// systems return them as one list, where RFC 8305 §3 would begin with the family that comes first.
pub(crate) async fn connect<R: Net>(
    host: &str,
    port: u16,
    from: Option<IpAddr>,
    options: SocketOptions,
    progress: &Progress,
) -> Result<R::Stream, DialError> {
    progress.enter(Stage::Dns);
    let addresses = match host.parse() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => R::lookup(host, port).await?,
    };
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "it has no address").into());
    }
    progress.enter(Stage::Tcp);
    let schedule = Schedule::new(addresses, from);
    let mut race = Race::<R, _, _>::new(schedule, progress, |to| R::connect_tcp(to, from, options));
    poll_fn(|cx| race.poll(cx)).await
}

/// The attempts to connect. Dropping it drops those in progress.
struct Race<'a, R: Net, F: Fn(SocketAddr) -> A, A> {
    schedule: Schedule,
    progress: &'a Progress,
    start: F,
    running: Vec<(SocketAddr, Pin<Box<A>>)>,
    /// The error of the attempt that failed last.
    last: Option<io::Error>,
    timer: R::Timer,
}

impl<'a, R, F, A> Race<'a, R, F, A>
where
    R: Net,
    F: Fn(SocketAddr) -> A,
    A: Future<Output = io::Result<R::Stream>>,
{
    fn new(schedule: Schedule, progress: &'a Progress, start: F) -> Self {
        Self {
            schedule,
            progress,
            start,
            running: Vec::new(),
            last: None,
            timer: R::Timer::default(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<R::Stream, DialError>> {
        loop {
            let begun = self.schedule.begin(self.timer.now());
            if let Some(address) = begun {
                self.progress.begin(address);
                self.running
                    .push((address, Box::pin((self.start)(address))));
            }
            let running = self.running.len();
            if let Some(stream) = self.poll_running(cx) {
                return Poll::Ready(Ok(stream));
            }
            if self.schedule.is_over() {
                // All addresses are of the other family.
                let none = || {
                    let text = "no address of the family of the local address";
                    io::Error::new(io::ErrorKind::NotFound, text)
                };
                return Poll::Ready(Err(self.last.take().unwrap_or_else(none).into()));
            }
            // A failure is followed by the next address at once.
            if begun.is_some() || self.running.len() < running {
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
                    self.progress.fail(*address, &error);
                    self.last = Some(error);
                    false
                }
            }
        });
        won
    }
}
