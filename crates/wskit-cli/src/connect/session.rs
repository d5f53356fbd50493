//! One connection of `wsk connect`, from the handshake to its end.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::future::{pending, poll_fn, ready};
use std::io::{self, IsTerminal};
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use wskit::reconnect::Loss;
use wskit::{CloseCode, ConnectionError, Event, Message, Reader, WebSocket, Writer};

use super::Then;
use crate::control::Command;
use crate::exit::{Exit, Failure};
use crate::input::{BadLine, Lines};
use crate::output::Printer;
use crate::signals;

/// What is to be sent, over all connections.
pub(super) struct Input {
    waiting: VecDeque<Command>,
    lines: Option<Lines>,
}

impl Input {
    pub(super) fn new(lines: Lines) -> Self {
        Self {
            waiting: VecDeque::new(),
            lines: Some(lines),
        }
    }

    pub(super) fn of(commands: VecDeque<Command>) -> Self {
        Self {
            waiting: commands,
            lines: None,
        }
    }

    /// Returns whether another command has come already.
    fn has_more(&self) -> bool {
        let lines = self.lines.as_ref();
        !self.waiting.is_empty() || lines.is_some_and(|lines| !lines.is_empty())
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Command, BadLine>>> {
        if let Some(command) = self.waiting.pop_front() {
            return Poll::Ready(Some(Ok(command)));
        }
        match &mut self.lines {
            Some(lines) => lines.poll_recv(cx),
            None => Poll::Ready(None),
        }
    }
}

/// What all connections of one run have in common.
pub(super) struct Talk<'a> {
    pub(super) printer: &'a RefCell<Printer>,
    pub(super) input: RefCell<Input>,
    pub(super) then: Then,
    /// How many messages are still to be printed, if that ends it.
    pub(super) left: Cell<Option<u64>>,
    pub(super) ping: Option<Duration>,
}

/// How a connection ended.
pub(super) enum Ended {
    /// This end closed it.
    Done(Exit),
    Lost(Loss, Exit),
}

/// The pings of a connection that are not answered, with the time when they were sent.
type Pings = RefCell<HashMap<Bytes, Instant>>;

impl Talk<'_> {
    /// Sends and receives at the same time until the connection has ended.
    pub(super) async fn run<S>(&self, ws: WebSocket<S>) -> Result<Ended, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let (mut reader, writer) = ws.split();
        let closing = Cell::new(false);
        let pings = Pings::default();
        let ended = {
            let mut receiving = pin!(self.receive(&mut reader, &writer, &closing, &pings));
            let mut sending = pin!(self.send_all(&writer, &closing, &pings));
            let mut pinging = pin!(self.ping(&writer, &pings));
            let mut interrupted = pin!(interrupt(&writer, &closing));
            let mut all_sent = false;
            loop {
                tokio::select! {
                    ended = &mut receiving => break ended?,
                    sent = &mut sending, if !all_sent => {
                        sent?;
                        all_sent = true;
                    }
                    never = &mut pinging => match never {},
                    failure = &mut interrupted => return Err(failure),
                }
            }
        };
        self.printer.borrow_mut().flush()?;
        let outcome = reader.outcome();
        let (loss, exit) = match (ended, outcome) {
            (Ok(()), Some(outcome)) => {
                self.printer.borrow_mut().close(None, &outcome)?;
                let exit = Exit::of_outcome(&outcome);
                (Loss::Closed(outcome), exit)
            }
            (Ok(()), None) => return Ok(Ended::Done(Exit::Lost)),
            (Err(error), outcome) => {
                let exit = match outcome.as_ref().map(Exit::of_outcome) {
                    // The peer had said why before the connection broke.
                    Some(Exit::Closed) => Exit::Closed,
                    _ => Exit::of_connection(&error),
                };
                (Loss::Broken(error.into()), exit)
            }
        };
        if !closing.get() {
            return Ok(Ended::Lost(loss, exit));
        }
        if let Some(error) = loss.error() {
            self.printer.borrow_mut().error(&error.to_string(), &[])?;
        }
        Ok(Ended::Done(exit))
    }

    /// Prints what comes.
    async fn receive<S>(
        &self,
        reader: &mut Reader<S>,
        writer: &Writer<S>,
        closing: &Cell<bool>,
        pings: &Pings,
    ) -> Result<Result<(), ConnectionError>, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        loop {
            let received = tokio::select! {
                biased;
                received = reader.recv_event() => received,
                // Nothing more for now: show what has come.
                () = ready(()) => {
                    self.printer.borrow_mut().flush()?;
                    reader.recv_event().await
                }
            };
            match received {
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
                Ok(Some(Event::Message(message))) => self.print(&message, writer, closing)?,
                Ok(Some(Event::Ping(payload))) => {
                    self.printer
                        .borrow_mut()
                        .control("ping", None, &payload, None)?;
                }
                Ok(Some(Event::Pong(payload))) => {
                    let sent = pings.borrow_mut().remove(&payload[..]);
                    let time = sent.map(|sent| sent.elapsed());
                    self.printer
                        .borrow_mut()
                        .control("pong", None, &payload, time)?;
                }
                Ok(Some(_)) => {}
            }
        }
    }

    /// Prints a message, and closes after the last one that is wanted.
    fn print<S>(
        &self,
        message: &Message,
        writer: &Writer<S>,
        closing: &Cell<bool>,
    ) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        match self.left.get() {
            Some(0) => return Ok(()),
            Some(left) => self.left.set(Some(left - 1)),
            None => {}
        }
        self.printer.borrow_mut().message(None, message)?;
        if self.left.get() == Some(0) {
            close(writer, closing, CloseCode::NORMAL, "");
        }
        Ok(())
    }

    /// Sends what there is, and closes at the end.
    async fn send_all<S>(
        &self,
        writer: &Writer<S>,
        closing: &Cell<bool>,
        pings: &Pings,
    ) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        while let Some(command) = self.next().await? {
            // Lines that come together leave together.
            let last = !self.input.borrow().has_more();
            let sent = match &command {
                Command::Send(message) if last => writer.send(message).await,
                Command::Send(message) => writer.feed(message).await,
                Command::Ping(payload) => {
                    pings.borrow_mut().insert(payload.clone(), Instant::now());
                    writer.ping(payload).await
                }
                Command::Close(code, reason) => {
                    close(writer, closing, *code, reason);
                    return Ok(());
                }
            };
            if sent.is_err() {
                // The receiving half says why. On the next connection it is sent again.
                self.input.borrow_mut().waiting.push_front(command);
                return Ok(());
            }
        }
        match self.then {
            Then::Stay => return Ok(()),
            Then::CloseAfter(Duration::ZERO) => {}
            Then::CloseAfter(time) => sleep(time).await,
        }
        close(writer, closing, CloseCode::NORMAL, "");
        Ok(())
    }

    /// Returns the next command; `None` at the end of standard input.
    async fn next(&self) -> Result<Option<Command>, Failure> {
        loop {
            match poll_fn(|cx| self.input.borrow_mut().poll_next(cx)).await {
                Some(Ok(command)) => return Ok(Some(command)),
                Some(Err(bad)) if io::stdin().is_terminal() => {
                    self.printer.borrow_mut().error(&bad.text, &[])?;
                }
                Some(Err(bad)) => return Err(Failure::new(bad.exit, bad.text)),
                None => return Ok(None),
            }
        }
    }

    /// Sends a ping each interval.
    async fn ping<S>(&self, writer: &Writer<S>, pings: &Pings) -> std::convert::Infallible
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let Some(every) = self.ping else {
            return pending().await;
        };
        let mut ticks = interval(every.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for number in 1_u64.. {
            ticks.tick().await;
            let payload = Bytes::from(number.to_string());
            {
                let mut pings = pings.borrow_mut();
                if pings.len() >= MOST_PINGS {
                    pings.clear(); // a peer that answers none
                }
                pings.insert(payload.clone(), Instant::now());
            }
            if writer.ping(&payload).await.is_err() {
                break;
            }
        }
        pending().await
    }
}

/// How many pings without an answer are remembered.
const MOST_PINGS: usize = 1024;

/// Closes at the first Ctrl-C or SIGTERM; returns at the second.
async fn interrupt<S>(writer: &Writer<S>, closing: &Cell<bool>) -> Failure
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    signals::interrupt().await;
    close(writer, closing, CloseCode::NORMAL, "");
    signals::interrupt().await;
    Failure::new(Exit::Interrupted, "interrupted")
}

/// Begins the closing handshake.
fn close<S>(writer: &Writer<S>, closing: &Cell<bool>, code: CloseCode, reason: &str)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    closing.set(true);
    // The code was checked. If the connection has ended, the receiving half says so.
    let _ = writer.start_close(code, reason.to_owned());
}
