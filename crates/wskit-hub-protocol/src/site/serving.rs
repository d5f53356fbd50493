use std::future::{Future, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wskit_driver::{AnyWriter, ConnectionError, Reader, SendTransport, WebSocket};
use wskit_hub::{CloseCode, HeldSubscription, PreparedMessage};

use super::acts::{Acts, Outcome};
use super::client::Order;
use super::grant::ttl;
use super::{Site, close_code, telemetry};
use crate::codec::Codec;
use crate::codes::{DisconnectCode, ErrorCode, UnsubscribeCode};
use crate::message::{Disconnect, Push, SendRequest};
use crate::refusal::Refusal;
use crate::session::{Request, Session, Ticket};

/// Serves a connection. What is kept is in one value: futures that are moved into others would take its size again.
pub(super) fn serve<T, S, F>(
    site: Site,
    ws: WebSocket<T>,
    sleep: S,
) -> impl Future<Output = Result<(), ConnectionError>> + use<T, S, F>
where
    T: SendTransport,
    S: Fn(Duration) -> F,
    F: Future,
{
    let codec = Codec::of(ws.protocol());
    let (mut reader, writer) = ws.split();
    let writer = writer.erase();
    let mut serving = codec.map(|codec| Serving::new(site, codec, writer.clone(), sleep));
    if serving.is_none() {
        let why = "the sub-protocol is not one of this site";
        let _ = writer.start_close(CloseCode::POLICY_VIOLATION, why);
    }
    async move {
        poll_fn(|cx| {
            loop {
                if let Some(all) = &mut serving {
                    match std::task::ready!(all.poll(&mut reader, cx)) {
                        Ended::Over(result) => return Poll::Ready(result),
                        Ended::Disconnect(why) => {
                            all.disconnect(why);
                            // Nothing more is told, and no callback goes on.
                            serving = None;
                        }
                    }
                } else if std::task::ready!(reader.poll_recv(cx))?.is_none() {
                    return Poll::Ready(Ok(()));
                }
            }
        })
        .await
    }
}

/// Tells the application of the end, also if the future is dropped.
struct End(Arc<Acts>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// The longest reason of a Close, in bytes (RFC 6455 §5.5).
const REASON: usize = 123;

fn cut(mut reason: String) -> String {
    let ends = (0..=REASON.min(reason.len())).rev();
    let end = ends.into_iter().find(|end| reason.is_char_boundary(*end));
    reason.truncate(end.unwrap_or(0));
    reason
}

/// A request that is being answered, or an order that takes time.
struct Task {
    ticket: Option<Ticket>,
    future: Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

enum Ended {
    Over(Result<(), ConnectionError>),
    Disconnect(Disconnect),
}

/// A client's connection while it is served.
struct Serving<S, F> {
    session: Session,
    end: End,
    writer: AnyWriter,
    tasks: Vec<Task>,
    /// Frames that the connection had no room for, and subscriptions that begin after them.
    unsent: Vec<PreparedMessage>,
    held: Vec<HeldSubscription>,
    /// Since when it has no room.
    stuck: Option<Instant>,
    timer: Option<(Instant, Pin<Box<F>>)>,
    sleep: S,
    site: Site,
}

/// How long a client may take none of what it is to get.
const STUCK: Duration = Duration::from_secs(20);

impl<S, F> Serving<S, F>
where
    S: Fn(Duration) -> F,
    F: Future,
{
    fn new(site: Site, codec: Codec, writer: AnyWriter, sleep: S) -> Self {
        let seed = RandomState::new().hash_one(0);
        let now = (site.handlers.clock)();
        let acts = Arc::new(Acts::new(site.clone(), codec, writer.clone()));
        Self {
            session: Session::new(codec, site.settings.clone(), seed, now),
            end: End(acts),
            writer,
            tasks: Vec::new(),
            unsent: Vec::new(),
            held: Vec::new(),
            stuck: None,
            timer: None,
            sleep,
            site,
        }
    }

    /// Sends what there is, then a Close.
    fn disconnect(&mut self, why: Disconnect) {
        telemetry::disconnected(&why);
        self.flush(None);
        // If it is closed already, the reader tells.
        let _ = self
            .writer
            .start_close(close_code(why.code), cut(why.reason));
    }

    fn poll<T: SendTransport>(
        &mut self,
        reader: &mut Reader<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Ended> {
        loop {
            let polled = self.poll_once(reader, cx);
            match polled {
                Err(ended) => return Poll::Ready(ended),
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
            }
        }
    }

    /// Does what can be done. Returns whether there may be more.
    fn poll_once<T: SendTransport>(
        &mut self,
        reader: &mut Reader<T>,
        cx: &mut Context<'_>,
    ) -> Result<bool, Ended> {
        let now = (self.site.handlers.clock)();
        let mut is_again = self.work(now, cx)?;
        if self.flush(Some(cx)) {
            self.stuck = None;
            if self.session.is_refused() {
                return Err(Ended::Disconnect(Disconnect {
                    code: DisconnectCode::ConnectionClosed.get(),
                    ..Disconnect::default()
                }));
            }
            while let Some((ticket, request)) = self.session.next_request() {
                is_again = true;
                self.begin(ticket, request, now)?;
            }
        } else {
            let since = *self.stuck.get_or_insert(now);
            if now.saturating_duration_since(since) >= STUCK {
                return Err(DisconnectCode::Slow.into());
            }
        }
        let is_reading = self.session.wants_frames() && self.unsent.is_empty();
        if is_reading {
            match reader.poll_recv(cx) {
                Poll::Ready(Ok(Some(message))) => {
                    self.session.receive(message.as_bytes(), now)?;
                    is_again = true;
                }
                Poll::Ready(Ok(None)) => return Err(Ended::Over(Ok(()))),
                Poll::Ready(Err(error)) => return Err(Ended::Over(Err(error))),
                Poll::Pending => {}
            }
        }
        is_again |= self.poll_timer(now, cx)?;
        // Requests may have been refused without the host.
        Ok(is_again || self.unsent.is_empty() && self.session.has_frames())
    }

    /// Goes on with what takes time. Returns whether something has come of it.
    fn work(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<bool, Disconnect> {
        let mut is_done = false;
        let mut i = 0;
        while let Some(task) = self.tasks.get_mut(i) {
            let Poll::Ready(outcome) = task.future.as_mut().poll(cx) else {
                i += 1;
                continue;
            };
            is_done = true;
            let task = self.tasks.swap_remove(i);
            match (outcome, task.ticket) {
                (Outcome::Answered(answer, held), Some(ticket)) => {
                    if let Err(Refusal::Error(error)) = &answer {
                        telemetry::refused(error);
                    }
                    self.session.answer(ticket, answer, now)?;
                    self.held.extend(held);
                }
                (Outcome::Subscribed(topic, Ok((subscribe, held))), _) => {
                    self.session.push_subscribe(&topic, subscribe);
                    self.held.push(held);
                }
                (Outcome::Subscribed(_, Err(Refusal::Disconnect(why))), _) => return Err(why),
                // It stays as it is: the topic does not exist, or the client has it already.
                (Outcome::Subscribed(_, Err(Refusal::Error(_))) | Outcome::Answered(..), _) => {}
            }
        }
        if self.tasks.is_empty() {
            self.tasks = Vec::new();
        }
        let orders = match self.end.0.client.get() {
            Some(client) => client.take_orders(cx.waker()),
            None => Vec::new(),
        };
        is_done |= !orders.is_empty();
        for order in orders {
            self.order(order, now)?;
        }
        Ok(is_done)
    }

    fn order(&mut self, order: Order, now: Instant) -> Result<(), Disconnect> {
        match order {
            Order::Send(data) => self.session.push(Push {
                message: Some(SendRequest { data }),
                ..Push::default()
            }),
            Order::Subscribe(topic, grant) => {
                if self.session.is_server_side(&topic).is_none() {
                    let acts = self.end.0.clone();
                    self.tasks.push(Task {
                        ticket: None,
                        future: Box::pin(
                            async move { acts.subscribe_by_server(topic, grant).await },
                        ),
                    });
                }
            }
            Order::Unsubscribe(topic) => {
                self.end.0.unsubscribe(&topic);
                self.session
                    .push_unsubscribe(&topic, UnsubscribeCode::Server);
            }
            Order::Refresh(expires_in) => {
                let (expires, ttl) = ttl(expires_in);
                self.session.push_refresh(expires.then_some(ttl), now);
            }
            Order::Disconnect(why) => return Err(why),
        }
        Ok(())
    }

    /// Begins to answer a request, or answers it at once.
    fn begin(&mut self, ticket: Ticket, request: Request, now: Instant) -> Result<(), Disconnect> {
        let refused = match &request {
            Request::Subscribe(request)
                if self.session.is_server_side(&request.channel) == Some(true) =>
            {
                Some(ErrorCode::AlreadySubscribed)
            }
            Request::Refresh(_) if !self.session.expires() => Some(ErrorCode::NotAvailable),
            Request::SubRefresh(request) => {
                let topic = &request.channel;
                match self.session.is_server_side(topic) {
                    None => Some(ErrorCode::PermissionDenied),
                    Some(_) if self.session.subscription_expires(topic) => None,
                    Some(_) => Some(ErrorCode::NotAvailable),
                }
            }
            _ => None,
        };
        if let Some(code) = refused {
            return self.session.answer(ticket, Err(code.into()), now);
        }
        let acts = self.end.0.clone();
        self.tasks.push(Task {
            ticket: Some(ticket),
            future: Box::pin(async move { acts.answer(request).await }),
        });
        Ok(())
    }

    /// Writes what there is, in one write, then lets subscriptions begin. Returns whether all is written.
    fn flush(&mut self, cx: Option<&Context<'_>>) -> bool {
        while let Some(frame) = self.session.next_frame() {
            self.unsent.push(PreparedMessage::new(&frame));
        }
        if !self.unsent.is_empty() {
            let messages: Vec<_> = self.unsent.iter().collect();
            // If it is closed, the reader tells.
            let sent = self.writer.batch(&messages);
            let accepted = sent.map_or(messages.len(), |sent| sent.accepted);
            self.unsent.drain(..accepted);
            if !self.unsent.is_empty() {
                if let Some(cx) = cx {
                    self.writer.wake_when_room(cx.waker());
                }
                return false;
            }
            self.unsent = Vec::new();
        }
        for held in std::mem::take(&mut self.held) {
            held.release();
        }
        true
    }

    fn poll_timer(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<bool, Disconnect> {
        let stuck = self.stuck.map(|since| since + STUCK);
        let due = self.session.timeout();
        let due = stuck.map_or(due, |stuck| stuck.min(due));
        if due <= now {
            self.timer = None;
            for topic in self.session.on_timeout(now)? {
                self.end.0.unsubscribe(&topic);
            }
            return Ok(true);
        }
        // One that comes earlier is as good: it is set again then.
        if self.timer.as_ref().is_none_or(|(at, _)| *at > due) {
            let timer = Box::pin((self.sleep)(due - now));
            self.timer = Some((due, timer));
        }
        let Some((_, timer)) = &mut self.timer else {
            return Ok(false);
        };
        let is_over = timer.as_mut().poll(cx).is_ready();
        if is_over {
            self.timer = None;
        }
        Ok(is_over)
    }
}

impl From<Disconnect> for Ended {
    fn from(why: Disconnect) -> Self {
        Self::Disconnect(why)
    }
}

impl From<DisconnectCode> for Ended {
    fn from(code: DisconnectCode) -> Self {
        Self::Disconnect(code.into())
    }
}
