use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use wskit_hub_protocol::message::{
    Command, ConnectResult, HistoryResult, PresenceResult, PresenceStatsResult, RefreshResult,
    Reply, RpcResult, SubRefreshResult, SubscribeResult,
};
use wskit_hub_protocol::session::{Answer, Request, Session, Settings, Ticket};
use wskit_hub_protocol::{Codec, DisconnectCode, ErrorCode, Refusal, UnsubscribeCode};

/// Runs a session of the hub's client protocol beside a model of what it may say.
///
/// Input: operations, each of a byte that says what (modulo 5), one that says how much, and for a frame that number of
/// its bytes: 0 and 1 a frame of the client; 2 that number of seconds pass; 3 the procedures that run are answered; 4
/// the server ends a subscription.
pub fn protocol_session(codec: Codec, bytes: &[u8]) {
    let mut model = Model::new(codec);
    let mut rest = bytes;
    while let Some(([what, much], others)) = rest.split_first_chunk() {
        rest = others;
        let is_over = match what % 5 {
            0 | 1 => {
                let (frame, others) = rest.split_at(usize::from(*much).min(rest.len()));
                rest = others;
                model.frame(frame)
            }
            2 => model.pass(Duration::from_secs(u64::from(*much))),
            3 => model.finish_calls(),
            _ => model.unsubscribe(*much),
        };
        if is_over {
            return;
        }
    }
    model.finish_calls();
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    No,
    Yes,
    Refused,
}

struct Model {
    codec: Codec,
    session: Session,
    now: Instant,
    begun: Begun,
    /// The ids of commands that wait for a reply, in their order: ordinary ones, and procedures.
    ordinary: VecDeque<u32>,
    calls: Vec<u32>,
    running: Vec<(Ticket, Request)>,
    /// Topics, and whether their subscriptions expire.
    topics: BTreeMap<String, bool>,
    pings: u32,
}

impl Model {
    fn new(codec: Codec) -> Self {
        let now = Instant::now();
        let settings = Arc::new(Settings::new().commands_per_sec(50).frame(200));
        Self {
            codec,
            session: Session::new(codec, settings, 7, now),
            now,
            begun: Begun::No,
            ordinary: VecDeque::new(),
            calls: Vec::new(),
            running: Vec::new(),
            topics: BTreeMap::new(),
            pings: 0,
        }
    }

    /// A frame of the client. Returns whether the session is over.
    fn frame(&mut self, frame: &[u8]) -> bool {
        let commands: Vec<_> = self.codec.commands(frame).collect();
        let is_whole = commands.iter().all(Result::is_ok);
        if self.session.receive(frame, self.now).is_err() {
            return true;
        }
        if self.begun == Begun::Refused {
            self.exchange();
            return false;
        }
        assert!(is_whole, "a frame that cannot be read ends the session");
        assert!(frame.len() <= 200, "and so does one that is too long");
        for command in commands.into_iter().flatten() {
            self.command(&command);
        }
        self.exchange()
    }

    fn command(&mut self, command: &Command) {
        if command.id == 0 && command.send.is_none() {
            assert_eq!(*command, Command::default(), "only pongs have no id");
            self.pings = self.pings.checked_sub(1).expect("a pong for each ping");
            return;
        }
        let is_first = |others: &[bool]| others.iter().all(|is_there| !is_there);
        let before_send = [
            command.connect.is_some(),
            command.subscribe.is_some(),
            command.unsubscribe.is_some(),
            command.publish.is_some(),
            command.presence.is_some(),
            command.presence_stats.is_some(),
            command.history.is_some(),
            command.ping.is_some(),
        ];
        if command.send.is_some() && is_first(&before_send) {
            return;
        }
        let is_rpc = command.rpc.is_some() && command.send.is_none() && is_first(&before_send);
        if is_rpc {
            self.calls.push(command.id);
        } else {
            self.ordinary.push_back(command.id);
        }
    }

    /// Answers what is asked, and reads what is said. Returns whether the session is over.
    fn exchange(&mut self) -> bool {
        while let Some((ticket, request)) = self.session.next_request() {
            if matches!(request, Request::Rpc(_)) {
                assert!(self.running.len() < 8, "eight procedures at once");
                self.running.push((ticket, request));
                continue;
            }
            let is_connect = matches!(request, Request::Connect(_));
            assert_eq!(is_connect, self.begun == Begun::No, "{request:?}");
            let answer = self.answer(request);
            if is_connect {
                self.begun = if answer.is_ok() {
                    Begun::Yes
                } else {
                    Begun::Refused
                };
            }
            if self.session.answer(ticket, answer, self.now).is_err() {
                return true;
            }
        }
        self.read();
        false
    }

    fn answer(&mut self, request: Request) -> Result<Answer, Refusal> {
        let channel = match &request {
            Request::Subscribe(request) => request.channel.clone(),
            Request::Unsubscribe(request) => request.channel.clone(),
            Request::Publish(request) => request.channel.clone(),
            Request::Presence(request) => request.channel.clone(),
            Request::PresenceStats(request) => request.channel.clone(),
            Request::History(request) => request.channel.clone(),
            Request::SubRefresh(request) => request.channel.clone(),
            Request::Connect(request) => request.token.clone(),
            Request::Refresh(request) => request.token.clone(),
            _ => String::new(),
        };
        assert!(
            channel.len() <= 255 || matches!(request, Request::Connect(_) | Request::Refresh(_))
        );
        // The beginnings of names and tokens say what becomes of them.
        match channel.bytes().next() {
            Some(b'd') => return Err(ErrorCode::PermissionDenied.into()),
            Some(b'x') => return Err(DisconnectCode::ForceNoReconnect.into()),
            _ => {}
        }
        let expires = channel.starts_with('e');
        let ttl = u32::from(expires) * 5;
        Ok(match request {
            Request::Connect(_) => Answer::Connect(ConnectResult {
                expires,
                ttl,
                ..ConnectResult::default()
            }),
            Request::Subscribe(request) => {
                self.topics.insert(channel.clone(), expires);
                Answer::Subscribe(
                    channel,
                    SubscribeResult {
                        expires,
                        ttl,
                        data: request.data,
                        ..SubscribeResult::default()
                    },
                )
            }
            Request::Unsubscribe(_) => {
                self.topics.remove(&channel);
                Answer::Unsubscribe(channel)
            }
            Request::Publish(_) => Answer::Publish,
            Request::Presence(_) => Answer::Presence(PresenceResult::default()),
            Request::PresenceStats(_) => Answer::PresenceStats(PresenceStatsResult::default()),
            Request::History(_) => Answer::History(HistoryResult::default()),
            Request::Send(_) => Answer::Send,
            Request::Refresh(_) => Answer::Refresh(RefreshResult {
                expires,
                ttl,
                ..RefreshResult::default()
            }),
            Request::SubRefresh(_) => {
                if let Some(old) = self.topics.get_mut(&channel) {
                    *old = expires;
                }
                Answer::SubRefresh(channel, SubRefreshResult { expires, ttl })
            }
            _ => return Err(ErrorCode::MethodNotFound.into()),
        })
    }

    /// Reads what the session says: each frame is one message, and each reply is to a command that waits for it.
    fn read(&mut self) {
        while let Some(frame) = self.session.next_frame() {
            let mut replies = self.codec.replies(frame.as_bytes());
            let reply = replies
                .next()
                .expect("a message")
                .expect("one that can be read");
            assert!(replies.next().is_none(), "one message a frame");
            if let Some(push) = &reply.push {
                let end = push.unsubscribe.as_ref().expect("the only push here");
                assert!(end.code >= 2000, "{reply:?}");
            } else if reply == Reply::default() && self.ordinary.front() != Some(&0) {
                self.pings += 1;
                assert!(self.pings <= 64);
            } else if reply.rpc.is_some() {
                let place = self.calls.iter().position(|id| *id == reply.id);
                self.calls
                    .swap_remove(place.expect("a procedure that was called"));
            } else {
                // An error may be that of a procedure only if none is refused here.
                assert_eq!(
                    self.ordinary.pop_front(),
                    Some(reply.id),
                    "in order: {reply:?}"
                );
            }
        }
        for (topic, expires) in &self.topics {
            assert_eq!(self.session.is_server_side(topic), Some(false));
            assert_eq!(self.session.subscription_expires(topic), *expires);
        }
    }

    fn pass(&mut self, time: Duration) -> bool {
        let end = self.now + time;
        while self.session.timeout() <= end && self.begun != Begun::Refused {
            self.now = self.now.max(self.session.timeout());
            match self.session.on_timeout(self.now) {
                Ok(topics) => {
                    for topic in topics {
                        assert_eq!(self.topics.remove(&topic), Some(true), "one that expires");
                        assert_eq!(self.session.is_server_side(&topic), None);
                    }
                }
                Err(_) => return true,
            }
            self.read();
            assert!(self.session.timeout() > self.now, "what was due is done");
        }
        self.now = end;
        false
    }

    /// The procedures that run are answered, and those that waited for them.
    fn finish_calls(&mut self) -> bool {
        while let Some((ticket, request)) = self.running.pop() {
            let Request::Rpc(request) = request else {
                unreachable!("only procedures run");
            };
            let answer = Answer::Rpc(RpcResult { data: request.data });
            if self.session.answer(ticket, Ok(answer), self.now).is_err() || self.exchange() {
                return true;
            }
        }
        self.read();
        if self.begun != Begun::Refused {
            assert!(
                self.ordinary.is_empty() && self.calls.is_empty(),
                "all is answered"
            );
        }
        false
    }

    fn unsubscribe(&mut self, which: u8) -> bool {
        let topics = self.topics.len().max(1);
        let topic = self.topics.keys().nth(usize::from(which) % topics).cloned();
        if let Some(topic) = topic {
            self.topics.remove(&topic);
            self.session
                .push_unsubscribe(&topic, UnsubscribeCode::Server);
        }
        self.read();
        false
    }
}
