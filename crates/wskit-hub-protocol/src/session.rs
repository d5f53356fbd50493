//! A client's session without I/O: frames and times go in, requests for the host and frames come out.

mod request;
mod settings;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wskit_proto::Message;

use self::request::Kind;
pub use self::request::{Answer, Request, Ticket};
pub use self::settings::Settings;
use crate::codec::Codec;
use crate::codes::{DisconnectCode, ErrorCode, UnsubscribeCode};
use crate::message::{Command, ConnectResult, Disconnect, Empty, Push, Reply};
use crate::refusal::Refusal;
use crate::wires::Side;

/// A client's session.
///
/// Its host gives it the frames that come ([`receive`](Session::receive)) and the time
/// ([`on_timeout`](Session::on_timeout)), does what it asks for ([`next_request`](Session::next_request)),
/// hands the answers back ([`answer`](Session::answer)), and sends its frames ([`next_frame`](Session::next_frame)).
/// [`Site`](crate::Site) is such a host.
///
/// ```
/// # use std::sync::Arc;
/// # use std::time::Instant;
/// use wskit_hub_protocol::message::{ConnectResult, Disconnect};
/// use wskit_hub_protocol::session::{Answer, Request, Session, Settings};
/// use wskit_hub_protocol::{Codec, DisconnectCode};
///
/// # fn main() -> Result<(), Disconnect> {
/// let now = Instant::now();
/// let mut session = Session::new(Codec::Json, Arc::new(Settings::new()), 0, now);
/// session.receive(br#"{"id":1,"connect":{"token":"x"}}"#, now)?;
/// while let Some((ticket, request)) = session.next_request() {
///     let answer = match request {
///         Request::Connect(_) => Answer::Connect(ConnectResult::default()),
///         _ => return Err(DisconnectCode::NotAvailable.into()),
///     };
///     session.answer(ticket, Ok(answer), now)?;
/// }
/// let frame = session.next_frame().unwrap();
/// assert_eq!(frame.as_text().unwrap(), r#"{"id":1,"connect":{"ping":25,"pong":true}}"#);
/// # Ok(()) }
/// ```
pub struct Session {
    codec: Codec,
    settings: Arc<Settings>,
    state: State,
    /// The place of the first ping between pings, of 256.
    phase: u8,
    /// An ordinary request is being answered: the next waits for it.
    is_busy: bool,
    rpcs: u8,
    /// Commands that may come now, and since when.
    tokens: u32,
    refilled: Instant,
    queue: VecDeque<(u32, Result<Request, ErrorCode>)>,
    frames: VecDeque<Message>,
    /// Until when it has to have begun, or when the next ping is due.
    due: Instant,
    /// Until when the first of the pings that were not answered has to be.
    pong_due: Option<Instant>,
    /// How many pings were not answered.
    pings: u32,
    expires: Option<Instant>,
    subscriptions: HashMap<String, Subscription>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing has come yet.
    New,
    /// It is being decided whether the client may connect.
    Connecting,
    Connected,
    /// The client may not connect.
    Refused,
}

#[derive(Clone, Copy, Debug)]
struct Subscription {
    side: Side,
    expires: Option<Instant>,
}

/// Commands that wait, from which on no more are read.
const WAITING: usize = 32;
/// How long a client has to prolong what has expired.
const GRACE: Duration = Duration::from_secs(25);

impl Session {
    /// Creates the session of a connection that opens now. `seed` spreads the pings of sessions that begin at once: a
    /// number that differs.
    #[must_use]
    pub fn new(codec: Codec, settings: Arc<Settings>, seed: u64, now: Instant) -> Self {
        Self {
            codec,
            state: State::New,
            phase: seed.to_le_bytes()[0],
            is_busy: false,
            rpcs: 0,
            tokens: settings.commands_per_sec.saturating_mul(4),
            refilled: now,
            queue: VecDeque::new(),
            frames: VecDeque::new(),
            due: now + settings.connect_within,
            pong_due: None,
            pings: 0,
            expires: None,
            subscriptions: HashMap::new(),
            settings,
        }
    }

    /// Returns the encoding.
    #[must_use]
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Takes a frame of the client.
    ///
    /// # Errors
    /// With what to close the connection: the client breaks the protocol or sends too much.
    pub fn receive(&mut self, frame: &[u8], now: Instant) -> Result<(), Disconnect> {
        if self.state == State::Refused {
            return Ok(());
        }
        if frame.len() > self.settings.frame {
            // The code of RFC 6455, which clients know.
            return Err(Disconnect {
                code: 1009,
                reason: "message too big".to_owned(),
                reconnect: false,
            });
        }
        self.refill(now);
        for command in self.codec.commands(frame) {
            let command = command.map_err(|_| DisconnectCode::BadRequest)?;
            self.command(command)?;
        }
        Ok(())
    }

    fn refill(&mut self, now: Instant) {
        let per_sec = self.settings.commands_per_sec;
        let passed = now.saturating_duration_since(self.refilled);
        let new = passed.as_millis().saturating_mul(u128::from(per_sec)) / 1000;
        if new > 0 {
            let new = u32::try_from(new).unwrap_or(u32::MAX);
            let most = per_sec.saturating_mul(4);
            self.tokens = self.tokens.saturating_add(new).min(most);
            self.refilled = now;
        }
    }

    fn command(&mut self, command: Command) -> Result<(), Disconnect> {
        self.tokens = match self.tokens.checked_sub(1) {
            Some(tokens) => tokens,
            None if self.settings.commands_per_sec == 0 => 0,
            None => return Err(DisconnectCode::TooManyRequests.into()),
        };
        let id = command.id;
        let is_begun = self.state != State::New;
        if command.connect.is_some() == is_begun {
            return Err(DisconnectCode::BadRequest.into());
        }
        if id == 0 && command.send.is_none() {
            // A pong, one for each ping, or nonsense.
            return match self.pings.checked_sub(1) {
                Some(left) if command == Command::default() => {
                    self.pings = left;
                    self.pong_due = None;
                    Ok(())
                }
                _ => Err(DisconnectCode::BadRequest.into()),
            };
        }
        let request = Request::of(command)?;
        if matches!(request, Ok(Request::Connect(_))) {
            self.state = State::Connecting;
        }
        self.queue.push_back((id, request));
        Ok(())
    }

    /// Whether more frames are to be read now. If not, commands that came before have to be answered first.
    #[must_use]
    pub fn wants_frames(&self) -> bool {
        self.queue.len() < WAITING
    }

    /// Returns the next request that the host is to answer, and with what to give the answer back.
    ///
    /// Requests are answered in their order: there is none while one waits for its answer. Only calls of procedures
    /// do not keep the next ones waiting.
    pub fn next_request(&mut self) -> Option<(Ticket, Request)> {
        while !self.is_busy {
            let is_rpc = matches!(self.queue.front()?, (_, Ok(Request::Rpc(_))));
            if is_rpc && self.rpcs >= self.settings.rpcs {
                return None;
            }
            let (id, request) = self.queue.pop_front()?;
            if self.queue.is_empty() {
                // An idle session holds nothing for it.
                self.queue = VecDeque::new();
            }
            let kind = match &request {
                Ok(Request::Connect(_)) => Kind::Connect,
                Ok(Request::Rpc(_)) => Kind::Rpc,
                Ok(Request::Send(_)) => Kind::Send,
                _ => Kind::Other,
            };
            match request {
                Ok(request) => {
                    self.is_busy = !is_rpc;
                    self.rpcs += u8::from(is_rpc);
                    return Some((Ticket { id, kind }, request));
                }
                Err(code) => self.refuse(id, code.into()),
            }
        }
        None
    }

    /// Takes the answer to a request.
    ///
    /// # Errors
    /// With what to close the connection, if that is the answer.
    pub fn answer(
        &mut self,
        ticket: Ticket,
        answer: Result<Answer, Refusal>,
        now: Instant,
    ) -> Result<(), Disconnect> {
        let Ticket { id, kind } = ticket;
        match kind {
            Kind::Rpc => self.rpcs = self.rpcs.saturating_sub(1),
            _ => self.is_busy = false,
        }
        let answer = match answer {
            Ok(answer) => answer,
            Err(Refusal::Disconnect(disconnect)) => return Err(disconnect),
            Err(Refusal::Error(error)) => {
                if kind == Kind::Connect {
                    self.state = State::Refused;
                    self.queue.clear();
                }
                if kind != Kind::Send {
                    self.refuse(id, error);
                }
                return Ok(());
            }
        };
        let mut reply = Reply {
            id,
            ..Reply::default()
        };
        match answer {
            Answer::Connect(result) => reply.connect = Some(self.connected(result, now)),
            Answer::Subscribe(channel, result) => {
                let expires = expires(result.expires, result.ttl, now);
                let side = Side::Client;
                self.subscriptions
                    .insert(channel, Subscription { side, expires });
                reply.subscribe = Some(result);
            }
            Answer::Unsubscribe(channel) => {
                self.forget(&channel);
                reply.unsubscribe = Some(Empty {});
            }
            Answer::Publish => reply.publish = Some(Empty {}),
            Answer::Presence(result) => reply.presence = Some(result),
            Answer::PresenceStats(result) => reply.presence_stats = Some(result),
            Answer::History(result) => reply.history = Some(result),
            Answer::Rpc(result) => reply.rpc = Some(result),
            Answer::Send => return Ok(()),
            Answer::Refresh(result) => {
                self.expires = expires(result.expires, result.ttl, now);
                reply.refresh = Some(result);
            }
            Answer::SubRefresh(channel, result) => {
                if let Some(subscription) = self.subscriptions.get_mut(&channel) {
                    subscription.expires = expires(result.expires, result.ttl, now);
                }
                reply.sub_refresh = Some(result);
            }
        }
        self.send(&reply);
        Ok(())
    }

    fn connected(&mut self, mut result: ConnectResult, now: Instant) -> ConnectResult {
        self.state = State::Connected;
        let every = self.settings.ping_every;
        result.ping = u32::try_from(every.as_secs()).unwrap_or(u32::MAX);
        result.pong = true;
        // Between a half and a whole of the time, so that those who come at once are not pinged at once.
        self.due = now + every / 2 + every / 512 * u32::from(self.phase);
        self.expires = expires(result.expires, result.ttl, now);
        for (channel, result) in &result.subs {
            let expires = expires(result.expires, result.ttl, now);
            self.add_server_side(channel.clone(), expires);
        }
        result
    }

    fn add_server_side(&mut self, channel: String, expires: Option<Instant>) {
        let side = Side::Server;
        self.subscriptions
            .insert(channel, Subscription { side, expires });
    }

    fn forget(&mut self, channel: &str) -> Option<Subscription> {
        let subscription = self.subscriptions.remove(channel);
        if self.subscriptions.is_empty() {
            self.subscriptions.shrink_to_fit();
        }
        subscription
    }

    fn refuse(&mut self, id: u32, error: crate::message::Error) {
        let error = Some(error);
        self.send(&Reply {
            id,
            error,
            ..Reply::default()
        });
    }

    fn send(&mut self, reply: &Reply) {
        self.frames.push_back(self.codec.encode(reply));
    }

    /// Tells the client what happens, in a connected session.
    pub fn push(&mut self, push: Push) {
        if self.state == State::Connected {
            let push = Some(push);
            self.send(&Reply {
                push,
                ..Reply::default()
            });
        }
    }

    /// Tells the client that the session expires at another time, or not at all, as of now.
    pub fn push_refresh(&mut self, ttl: Option<u32>, now: Instant) {
        self.expires = expires(ttl.is_some(), ttl.unwrap_or(0), now);
        self.push(Push {
            refresh: Some(crate::message::SubRefreshResult {
                expires: ttl.is_some(),
                ttl: ttl.unwrap_or(0),
            }),
            ..Push::default()
        });
    }

    /// Tells the client that the server has subscribed it to a topic.
    pub fn push_subscribe(&mut self, channel: &str, subscribe: crate::message::Subscribe) {
        self.add_server_side(channel.to_owned(), None);
        self.push(Push {
            channel: channel.to_owned(),
            subscribe: Some(subscribe),
            ..Push::default()
        });
    }

    /// Tells the client that the server has ended a subscription, if it has it.
    pub fn push_unsubscribe(&mut self, channel: &str, code: UnsubscribeCode) {
        if self.forget(channel).is_some() {
            self.push(Push {
                channel: channel.to_owned(),
                unsubscribe: Some(code.into()),
                ..Push::default()
            });
        }
    }

    /// Whether the client was subscribed to a topic by itself (`Some(false)`) or by the server (`Some(true)`), as far
    /// as the session knows: the hub ends subscriptions of clients that are too slow by itself.
    #[must_use]
    pub fn is_server_side(&self, channel: &str) -> Option<bool> {
        let subscription = self.subscriptions.get(channel)?;
        Some(subscription.side == Side::Server)
    }

    /// Whether the subscription to a topic expires.
    #[must_use]
    pub fn subscription_expires(&self, channel: &str) -> bool {
        let subscription = self.subscriptions.get(channel);
        subscription.is_some_and(|subscription| subscription.expires.is_some())
    }

    /// Whether the session expires.
    #[must_use]
    pub fn expires(&self) -> bool {
        self.expires.is_some()
    }

    /// Whether the client may not connect, and has been told so: close the connection after the frames.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.state == State::Refused
    }

    /// Whether there is a frame to send.
    #[must_use]
    pub fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Returns the next frame to send.
    pub fn next_frame(&mut self) -> Option<Message> {
        let frame = self.frames.pop_front();
        if self.frames.is_empty() {
            self.frames = VecDeque::new();
        }
        frame
    }

    /// Returns when to call [`on_timeout`](Session::on_timeout), if nothing changes before.
    #[must_use]
    pub fn timeout(&self) -> Instant {
        let subscriptions = self.subscriptions.values();
        let expiries = subscriptions.filter_map(|subscription| subscription.expires);
        let others = [self.pong_due, self.expires].into_iter().flatten();
        others.chain(expiries).fold(self.due, Instant::min)
    }

    /// Does what is due: pings, and ends what has expired. Returns the topics that the client is not subscribed to
    /// any more.
    ///
    /// # Errors
    /// With what to close the connection.
    pub fn on_timeout(&mut self, now: Instant) -> Result<Vec<String>, Disconnect> {
        if self.state != State::Connected {
            if self.due <= now && self.state != State::Refused {
                return Err(DisconnectCode::Stale.into());
            }
            return Ok(Vec::new());
        }
        let is_past = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_past(self.expires) {
            return Err(DisconnectCode::Expired.into());
        }
        if is_past(self.pong_due) {
            if self.wants_frames() {
                return Err(DisconnectCode::NoPong.into());
            }
            // It may wait to be read, behind commands that are not answered yet.
            self.pong_due = Some(now + self.settings.pong_within);
        }
        if self.due <= now {
            self.due = now + self.settings.ping_every;
            self.pong_due.get_or_insert(now + self.settings.pong_within);
            self.pings = self.pings.saturating_add(1);
            self.send(&Reply::default());
        }
        let subscriptions = self.subscriptions.iter();
        let expired: Vec<_> = subscriptions
            .filter(|(_, subscription)| is_past(subscription.expires))
            .map(|(channel, subscription)| (channel.clone(), subscription.side))
            .collect();
        if expired.iter().any(|(_, side)| *side == Side::Server) {
            return Err(DisconnectCode::SubExpired.into());
        }
        for (channel, _) in &expired {
            self.push_unsubscribe(channel, UnsubscribeCode::Expired);
        }
        Ok(expired.into_iter().map(|(channel, _)| channel).collect())
    }
}

/// Returns when something that the client has to prolong is over.
fn expires(expires: bool, ttl: u32, now: Instant) -> Option<Instant> {
    expires.then(|| now + Duration::from_secs(ttl.into()) + GRACE)
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("codec", &self.codec)
            .field("state", &self.state)
            .field("subscriptions", &self.subscriptions.len())
            .finish_non_exhaustive()
    }
}
