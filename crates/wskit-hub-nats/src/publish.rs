use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{HeaderMap, Message, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use wskit_hub::{Epoch, History, Position, Publication, Reply, RequestId};

use crate::api::Ack;
use crate::codec;
use crate::error::Failure;
use crate::lane::{Entry, Lane, Waiting};
use crate::listen::FROM;
use crate::shared::{Shared, Up};

/// A message to be published.
#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) id: RequestId,
    pub(crate) topic: Arc<str>,
    pub(crate) publication: Publication,
    pub(crate) history: Option<History>,
    pub(crate) at: Instant,
}

/// How many messages may be without an answer.
const UNANSWERED: usize = 2048;
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(50);
/// How long a message with an id waits for its answer before it is sent again.
const AGAIN: Duration = Duration::from_secs(2);
/// Publishes messages: many at a time, those of a topic in their order.
struct Publisher {
    shared: Arc<Shared>,
    /// The subject that answers come to, without its last token.
    inbox: String,
    lanes: HashMap<Arc<str>, Lane>,
    /// Which message an answer is for, and the highest offset that was seen when it was sent.
    sent: HashMap<u64, (Arc<str>, u64, u64)>,
    /// Messages of live topics that were sent, and have not certainly arrived.
    live: Vec<Waiting>,
    /// Those that have, when this answer comes.
    live_sent: Option<(u64, Vec<Waiting>)>,
    unanswered: usize,
    next: u64,
    up: Option<Arc<Up>>,
}

/// Publishes until the engine is dropped.
pub(crate) async fn publish(
    shared: Arc<Shared>,
    inbox: String,
    mut answers: Subscriber,
    mut publications: mpsc::Receiver<Publish>,
) {
    let mut session = shared.session.subscribe();
    let mut publisher = Publisher {
        up: shared.up().ok(),
        shared,
        inbox,
        lanes: HashMap::new(),
        sent: HashMap::new(),
        live: Vec::new(),
        live_sent: None,
        unanswered: 0,
        next: 1,
    };
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            changed = session.changed() => {
                if changed.is_err() {
                    return;
                }
                let up = session.borrow_and_update().up();
                publisher.renew(up);
            }
            Some(answer) = answers.next() => publisher.answer(&answer).await,
            _ = ticks.tick(), if publisher.unanswered > 0 => publisher.tick().await,
            publication = publications.recv(), if publisher.unanswered < UNANSWERED => {
                let Some(publication) = publication else { return };
                publisher.take(publication).await;
            }
        }
    }
}

impl Publisher {
    /// Takes on a new session: what was under way may or may not have arrived.
    fn renew(&mut self, up: Result<Arc<Up>, Failure>) {
        let failure = match &up {
            Ok(_) => Failure::down("the connection was lost before the answer came"),
            Err(failure) => failure.clone(),
        };
        self.up = up.ok();
        let lanes = std::mem::take(&mut self.lanes).into_values();
        let entries = lanes.flat_map(|lane| lane.entries);
        let live = std::mem::take(&mut self.live);
        let sent = self.live_sent.take().map_or(Vec::new(), |(_, sent)| sent);
        let all = entries.map(|entry| entry.waiting).chain(live).chain(sent);
        for waiting in all.collect::<Vec<_>>() {
            self.settle(&waiting, Err(failure.clone()));
        }
        self.sent.clear();
    }

    fn settle(&mut self, waiting: &Waiting, result: Result<Position, Failure>) {
        self.unanswered -= 1;
        self.shared.release(waiting.bytes);
        let result = result.map(Reply::Published);
        self.shared.events.answer(waiting.id, result);
    }

    async fn take(&mut self, publish: Publish) {
        self.unanswered += 1;
        let waiting = Waiting {
            id: publish.id,
            bytes: publish.publication.payload().len(),
            deadline: publish.at + self.shared.settings.publish_deadline,
        };
        let Some(up) = self.up.clone() else {
            let result = self.shared.up().and(Err(Failure::Timeout));
            return self.settle(&waiting, result);
        };
        // It may have waited behind others. Its caller is told that it was not sent, and so it must not be.
        if waiting.deadline <= Instant::now() {
            return self.settle(&waiting, Err(Failure::Timeout));
        }
        let message = match self.message(&up, &publish) {
            Ok(message) => message,
            Err(failure) => return self.settle(&waiting, Err(failure)),
        };
        let (subject, headers, payload) = message;
        if publish.history.is_none() {
            let sent = self.send(&up, subject, None, headers, payload).await;
            if sent {
                self.live.push(waiting);
                self.confirm_live(&up).await;
            } else {
                self.settle(&waiting, Err(Failure::Timeout));
            }
            return;
        }
        self.next += 1;
        let entry = Entry {
            number: self.next,
            waiting,
            subject,
            headers,
            payload,
            has_id: publish.publication.get_id().is_some(),
            since: None,
        };
        let lane = self.lanes.entry(publish.topic.clone()).or_default();
        let is_held = lane.entries.back().is_some_and(|last| last.since.is_none());
        lane.entries.push_back(entry);
        if !is_held {
            self.send_waiting(&publish.topic).await;
        }
    }

    /// Makes the message of a publication.
    fn message(
        &mut self,
        up: &Up,
        publish: &Publish,
    ) -> Result<(String, Option<HeaderMap>, Bytes), Failure> {
        let (publication, history) = (&publish.publication, publish.history);
        if let Some(history) = history {
            let (rules, stream) = (history.get_last(), up.log.kept.saturating_sub(1));
            if rules > stream {
                return Err(Failure::Messages { rules, stream });
            }
            if let (Some(rules), Some(stream)) = (history.get_within(), up.log.max_age) {
                if rules > stream {
                    return Err(Failure::Age { rules, stream });
                }
            }
        }
        let branch = if history.is_some() { "in" } else { "out" };
        let (token, subject) = self.shared.subject(branch, &publish.topic)?;
        let own = codec::encode(&token, publication);
        let from = history.is_none().then(|| {
            self.next += 1;
            format!("{:016x}.{}", up.node, self.next)
        });
        let within = history.and_then(|history| history.get_within());
        let within = within.map(|within| within.as_millis().to_string());
        let headers = [
            (codec::ID, own.id),
            (codec::KIND, own.kind),
            (codec::WITHIN, within),
            (FROM, from),
        ];
        // As they are sent: a first line, a line each, and an empty one.
        let mut len = 0;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            if let Some(value) = value {
                len += name.len() + value.len() + 4;
                map.insert(name, value);
            }
        }
        len += if map.is_empty() { 0 } else { 12 };
        len += publication.payload().len();
        let limit = up.max_payload;
        if len > limit {
            return Err(Failure::TooLarge { len, limit });
        }
        let headers = (!map.is_empty()).then_some(map);
        Ok((subject, headers, publication.payload().clone()))
    }

    /// Hands a message to the connection. Returns whether that was possible before the session ended.
    async fn send(
        &self,
        up: &Arc<Up>,
        subject: String,
        reply: Option<u64>,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> bool {
        let client = &self.shared.api.client;
        let reply = reply.map(|number| format!("{}.{number}", self.inbox));
        let send = async {
            let sent = match (reply, headers) {
                (Some(reply), Some(headers)) => {
                    let sent =
                        client.publish_with_reply_and_headers(subject, reply, headers, payload);
                    sent.await
                }
                (Some(reply), None) => client.publish_with_reply(subject, reply, payload).await,
                (None, Some(headers)) => {
                    client.publish_with_headers(subject, headers, payload).await
                }
                (None, None) => client.publish(subject, payload).await,
            };
            sent.map_err(|_| Failure::Timeout)
        };
        let send = self.shared.while_up(up, send);
        let sent = timeout(self.shared.settings.publish_deadline, send).await;
        sent.is_ok_and(|sent| sent.is_ok())
    }

    /// Asks for a sign that the messages of live topics have arrived: a message to itself, which comes the same
    /// way after them.
    async fn confirm_live(&mut self, up: &Arc<Up>) {
        if self.live_sent.is_some() || self.live.is_empty() {
            return;
        }
        self.next += 1;
        let number = self.next;
        self.live_sent = Some((number, std::mem::take(&mut self.live)));
        let subject = format!("{}.{number}", self.inbox);
        self.send(up, subject, None, None, Bytes::new()).await;
    }

    /// Sends those messages of a topic that are not under way.
    async fn send_waiting(&mut self, topic: &Arc<str>) {
        let Some(up) = self.up.clone() else { return };
        let Some(lane) = self.lanes.get_mut(topic) else {
            return;
        };
        lane.resume = None;
        let mut messages = Vec::new();
        for entry in lane
            .entries
            .iter_mut()
            .filter(|entry| entry.since.is_none())
        {
            entry.since = Some(Instant::now());
            self.next += 1;
            let seen = up.log.seen();
            let sent = (topic.clone(), entry.number, seen);
            self.sent.insert(self.next, sent);
            let headers = entry.headers.clone();
            messages.push((
                entry.subject.clone(),
                self.next,
                headers,
                entry.payload.clone(),
            ));
        }
        for (subject, number, headers, payload) in messages {
            self.send(&up, subject, Some(number), headers, payload)
                .await;
        }
    }

    async fn answer(&mut self, answer: &Message) {
        let Some((_, number)) = answer.subject.rsplit_once('.') else {
            return;
        };
        let (Ok(number), Some(up)) = (number.parse::<u64>(), self.up.clone()) else {
            return;
        };
        if let Some((_, sent)) = self.live_sent.take_if(|(expected, _)| *expected == number) {
            // The hub numbers the messages of such topics itself.
            let position = Position {
                epoch: Epoch::new(up.node),
                offset: number,
            };
            for waiting in sent {
                self.settle(&waiting, Ok(position));
            }
            return self.confirm_live(&up).await;
        }
        let Some((topic, entry, seen)) = self.sent.remove(&number) else {
            return;
        };
        let is_absent = answer.status.is_some_and(|status| status.as_u16() == 503);
        let ack = if is_absent {
            Err(Failure::NoResponders)
        } else {
            Ack::parse(&answer.payload)
        };
        let result = ack.and_then(|ack| {
            if ack.stream != up.log.name {
                return Err(Failure::NewEpoch);
            }
            // The stream had this offset before: it has lost that message.
            if ack.offset <= seen && !ack.is_duplicate {
                up.log.has_gone_back.store(true, Ordering::Relaxed);
                return Err(Failure::NewEpoch);
            }
            up.log.see(ack.offset);
            Ok(Position {
                epoch: up.log.epoch,
                offset: ack.offset,
            })
        });
        if matches!(
            result,
            Err(Failure::NoResponders | Failure::NewEpoch | Failure::NoJetStream)
        ) {
            self.shared.suspect.notify_one();
        }
        self.answered(&topic, entry, result);
    }

    /// A message has its answer.
    fn answered(&mut self, topic: &Arc<str>, number: u64, result: Result<Position, Failure>) {
        let Some(lane) = self.lanes.get_mut(topic) else {
            return;
        };
        let settled = lane.answered(number, result);
        if lane.entries.is_empty() {
            self.lanes.remove(topic);
        }
        for (entry, result) in settled {
            self.settle(&entry.waiting, result);
        }
    }

    /// Looks at deadlines, and sends again what is to be sent again.
    async fn tick(&mut self) {
        let now = Instant::now();
        let mut late = Vec::new();
        let mut ready = Vec::new();
        for (topic, lane) in &mut self.lanes {
            for entry in &mut lane.entries {
                if entry.waiting.deadline <= now {
                    late.push((topic.clone(), entry.number, entry.since.is_none()));
                } else if entry.has_id && lane.stored < Some(entry.number) {
                    // The server knows it again. Its answer may come still.
                    entry.since = entry.since.filter(|since| *since + AGAIN > now);
                }
            }
            lane.rest();
            if lane.resume.is_some_and(|resume| resume <= now) {
                ready.push(topic.clone());
            }
        }
        if !late.is_empty() {
            self.shared.suspect.notify_one();
        }
        for (topic, number, is_held) in late {
            let failure = if is_held {
                Failure::NoResponders
            } else {
                Failure::Timeout
            };
            self.late(&topic, number, failure);
        }
        for topic in ready {
            self.send_waiting(&topic).await;
        }
        let is_late = |waiting: &Waiting| waiting.deadline <= now;
        if self
            .live_sent
            .as_ref()
            .is_some_and(|(_, sent)| sent.iter().any(is_late))
        {
            let (_, sent) = self.live_sent.take().unwrap_or_default();
            for waiting in sent {
                self.settle(&waiting, Err(Failure::Timeout));
            }
            if let Some(up) = self.up.clone() {
                self.confirm_live(&up).await;
            }
        }
        let lanes = &self.lanes;
        self.sent.retain(|_, (topic, number, _)| {
            let lane = lanes.get(topic);
            lane.is_some_and(|lane| lane.place(*number).is_some())
        });
    }

    fn late(&mut self, topic: &Arc<str>, number: u64, failure: Failure) {
        let Some(lane) = self.lanes.get_mut(topic) else {
            return;
        };
        let place = lane.place(number);
        let entry = place.and_then(|place| lane.entries.remove(place));
        if lane.entries.is_empty() {
            self.lanes.remove(topic);
        }
        if let Some(entry) = entry {
            self.settle(&entry.waiting, Err(failure));
        }
    }
}
