use std::sync::Arc;
use std::time::Instant;

use super::{BATCH, CHECK, Directory, RETRY, Request};
use crate::core::guard::{Guard, holds, limit};
use crate::core::link::{Arrived, LinkState};
use crate::core::topic::Topic;
use crate::core::{Answer, Host, Outputs};
use crate::engine::{Command, EngineEvent, Page, Reply, RequestId};
use crate::error::{EngineError, EngineErrorKind, Error};
use crate::position::{Position, Since};
use crate::publication::Published;

/// What the engine says.
impl<H: Host> Directory<H> {
    /// Handles an event of the engine. Answers are for the directory that has asked, messages and members
    /// for that of the topic, the others for all.
    pub(crate) fn handle_event(
        &mut self,
        event: EngineEvent,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        match event {
            EngineEvent::Done { id, result } => self.done(id, result, now, out),
            EngineEvent::Published {
                topic,
                position,
                before,
                publication,
            } => {
                let arrived = Arrived {
                    position,
                    before,
                    publication,
                };
                if let Some(slot) = self.names.get(&topic).copied() {
                    if self.with(slot, |topic| topic.arrived(arrived, now, out)) == Some(true) {
                        self.read(slot, now, out);
                    }
                }
            }
            EngineEvent::Joined {
                topic,
                node,
                member,
            } => self.joined(&topic, node, member, now, out),
            EngineEvent::Left {
                topic,
                node,
                identity,
            } => self.left(&topic, node, &identity, now),
            EngineEvent::NodeGone { node } => self.node_gone(node, now),
            EngineEvent::Lost => {
                self.checks = 0;
                // However often it comes, the engine is asked once in a while.
                let earliest = self.last_check.map_or(now, |last| last + RETRY);
                self.next_check = Some(earliest.max(now));
            }
            EngineEvent::Down => {}
            EngineEvent::Up => self.up(now, out),
        }
    }

    /// The engine knows nothing of what was said before: listens again, and reads what was missed.
    fn up(&mut self, now: Instant, out: &mut impl Outputs<H>) {
        for slot in self.slots() {
            self.with(slot, |topic| {
                if let Some(link) = topic.link.as_deref_mut() {
                    if !link.is_cold() {
                        link.state = LinkState::Failed;
                    }
                }
            });
            self.enter_again(slot, now, out);
        }
        self.listen_again(now, out);
    }

    /// Listens to the topics of which that has failed.
    pub(super) fn listen_again(&mut self, now: Instant, out: &mut impl Outputs<H>) {
        let mut topics = Vec::new();
        for slot in self.slots() {
            let name = self.with(slot, |topic| {
                let link = topic.link.as_deref_mut()?;
                (link.state == LinkState::Failed).then(|| {
                    link.state = LinkState::Listening;
                    topic.name.clone()
                })
            });
            topics.extend(name.flatten().map(|name| (slot, name)));
        }
        for batch in topics.chunks(limit(BATCH, 2)) {
            let (slots, topics) = batch.iter().cloned().unzip();
            let command = Command::Listen { topics };
            self.request(Request::Listen(slots), command, now, out);
        }
    }

    pub(super) fn done(
        &mut self,
        id: RequestId,
        result: Result<Reply, EngineError>,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        // It may have taken so long that it counts as failed.
        let Some((_, request)) = self.requests.remove(&id) else {
            return;
        };
        let nonsense = || EngineError::new(EngineErrorKind::Protocol);
        match (request, result) {
            (Request::Publish(call), result) => {
                let position = match result {
                    Ok(Reply::Published(position)) => Ok(position),
                    Ok(_) => Err(Error::Engine(nonsense())),
                    Err(error) => Err(error.into()),
                };
                out.answer(call, Answer::Published(position));
            }
            (
                Request::History {
                    call,
                    topic,
                    since,
                    limit,
                },
                result,
            ) => {
                let page = match result {
                    Ok(Reply::Read(page)) => Ok(published(page, &topic, since, limit)),
                    Ok(_) => Err(Error::Engine(nonsense())),
                    Err(error) => Err(error.into()),
                };
                out.answer(call, Answer::History(page));
            }
            (Request::Present(call, topic), result) => {
                let present = match result {
                    Ok(Reply::Members(others)) => Ok(self.union(&topic, others, now)),
                    Ok(_) => Err(Error::Engine(nonsense())),
                    Err(error) => Err(error.into()),
                };
                out.answer(call, Answer::Present(present));
            }
            (Request::Listen(slots), result) => {
                for slot in slots {
                    match &result {
                        // It was listened to again, or it is another topic.
                        _ if !self.takes(slot, id) => {}
                        Ok(_) => {
                            self.ask_members(slot, now, out);
                            self.read(slot, now, out);
                        }
                        Err(error) => self.failed(slot, error, now, out),
                    }
                }
            }
            (Request::Read(slot), _) if !self.takes(slot, id) => {}
            (Request::Read(slot), Ok(Reply::Read(page))) => {
                self.with(slot, |topic| topic.take_page(page, now, out));
                self.live(slot, now, out);
            }
            (Request::Read(slot), result) => {
                let error = result.err().unwrap_or_else(nonsense);
                self.failed(slot, &error, now, out);
            }
            (Request::Tops(topics), Ok(Reply::Tops(tops))) => self.tops(topics, tops, now, out),
            (Request::Members(slot), result) => {
                let members = match result {
                    Ok(Reply::Members(members)) => Some(members),
                    _ => None,
                };
                self.members(slot, id, members, now, out);
            }
            (Request::Member(slot, topic, identity), Err(_)) => {
                self.unsent(slot, &topic, identity, now);
            }
            // The next check, or message, makes it good.
            (Request::Tops(_) | Request::Unlisten | Request::Member(..), _) => {}
        }
    }

    /// Whether an answer is the one that the topic waits for. It is taken once.
    fn takes(&mut self, slot: u32, id: RequestId) -> bool {
        let topic = self
            .topics
            .get_mut(slot as usize)
            .and_then(Option::as_deref_mut);
        let link = topic.and_then(|topic| topic.link.as_deref_mut());
        link.is_some_and(|link| link.request.take_if(|request| *request == id).is_some())
    }

    /// Asks for what a topic has, or has had since the newest message.
    fn read(&mut self, slot: u32, now: Instant, out: &mut impl Outputs<H>) {
        let command = self.with(slot, |topic| {
            topic.link.as_deref_mut()?.ask();
            let history = topic.rules.get_history();
            Some(Command::Read {
                topic: topic.name.clone(),
                // Without subscribers, all that is kept is of use; with them, all after what they have.
                after: topic.has_subscribers().then(|| topic.position()),
                limit: history.map_or(0, |history| history.last),
            })
        });
        if let Some(command) = command.flatten() {
            self.request(Request::Read(slot), command, now, out);
        }
    }

    /// All that was there is known: takes in what came meanwhile, and lets those in who wait.
    fn live(&mut self, slot: u32, now: Instant, out: &mut impl Outputs<H>) {
        let most = self.members_listed;
        let is_missing = self.with(slot, |topic| {
            let Some(link) = topic.link.as_deref_mut() else {
                return false;
            };
            link.state = LinkState::Live;
            let (arrived, mut is_missing) = link.take();
            for (is_older, arrived) in arrived {
                // The history that was read would be of this epoch if it were the newer one.
                let is_over = is_older && arrived.position.epoch != topic.epoch;
                if arrived.before.is_some() && !holds(Guard::Older, !is_over) {
                    continue;
                }
                if is_missing {
                    // The history that is read next has it, unless it is kept for good reason.
                    if let Some(link) = topic.link.as_deref_mut() {
                        link.keep(arrived);
                    }
                } else {
                    is_missing = topic.arrived(arrived, now, out);
                }
            }
            if !is_missing {
                let link = topic.link.as_deref_mut();
                let waiting = link.map(|link| std::mem::take(&mut link.waiting));
                for subscribe in waiting.unwrap_or_default() {
                    topic.admit(subscribe, most, now, out);
                }
            }
            is_missing
        });
        if is_missing == Some(true) {
            self.read(slot, now, out);
        }
        self.next_check.get_or_insert(now + CHECK);
    }

    /// Listening or reading has failed.
    fn failed(&mut self, slot: u32, error: &EngineError, now: Instant, out: &mut impl Outputs<H>) {
        let unlistened = self.with(slot, |topic| {
            let has_subscribers = topic.has_subscribers();
            let link = topic.link.as_deref_mut()?;
            for subscribe in std::mem::take(&mut link.waiting) {
                let answer = Answer::Subscribed(Err(error.clone().into()));
                out.answer(subscribe.call, answer);
            }
            if has_subscribers {
                link.state = LinkState::Failed;
                return None;
            }
            topic.cool();
            Some(topic.name.clone())
        });
        match unlistened.flatten() {
            // The engine may listen all the same.
            Some(topic) => {
                let topics = vec![topic];
                self.request(Request::Unlisten, Command::Unlisten { topics }, now, out);
            }
            None => self.retry_later(now),
        }
    }

    /// Answers all calls that wait: the hub is closed.
    pub(crate) fn close(&mut self, out: &mut impl Outputs<H>) {
        for (_, request) in std::mem::take(&mut self.requests).into_values() {
            match request {
                Request::Publish(call) => out.answer(call, Answer::Published(Err(Error::Closed))),
                Request::History { call, .. } => {
                    out.answer(call, Answer::History(Err(Error::Closed)));
                }
                Request::Present(call, _) => out.answer(call, Answer::Present(Err(Error::Closed))),
                _ => {}
            }
        }
        for link in self
            .topics
            .iter_mut()
            .flatten()
            .filter_map(|topic| topic.link.as_deref_mut())
        {
            for subscribe in link.waiting.drain(..) {
                out.answer(subscribe.call, Answer::Subscribed(Err(Error::Closed)));
            }
        }
    }

    /// Compares positions with those of the engine, and reads what is missing.
    fn tops(
        &mut self,
        topics: Vec<(u32, Arc<str>)>,
        tops: Vec<Option<Position>>,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        for ((slot, name), top) in topics.into_iter().zip(tops) {
            let is_behind = self.topic_in(slot).is_some_and(|topic| {
                let link = topic.link.as_deref();
                let is_live = link.is_some_and(|link| link.state == LinkState::Live);
                let is_level = |top: Position| top.epoch == topic.epoch && top.offset <= topic.top;
                // An engine that knows no message any more has lost those that the topic had.
                let is_level = holds(Guard::Tops, top.map_or(topic.top == 0, is_level));
                Arc::ptr_eq(&topic.name, &name) && is_live && !is_level
            });
            if is_behind {
                self.read(slot, now, out);
            }
        }
    }

    pub(super) fn topic_in(&self, slot: u32) -> Option<&Topic<H>> {
        self.topics.get(slot as usize)?.as_deref()
    }
}

/// Returns what was asked for of a page that the engine has read, as [`Topic::page`] does.
fn published(
    page: Page,
    topic: &Arc<str>,
    since: Since,
    limit: usize,
) -> (Vec<Published>, Position) {
    let position = |offset| Position {
        epoch: page.epoch,
        offset,
    };
    let after = match since {
        Since::Now => page.top,
        Since::After(past) if past.epoch == page.epoch => past.offset,
        Since::Start | Since::After(_) => 0,
    };
    let messages = page
        .messages
        .into_iter()
        .filter(|(offset, _)| *offset > after);
    let messages = messages.take(limit).map(|(offset, publication)| Published {
        topic: topic.clone(),
        position: position(offset),
        publication,
    });
    (messages.collect(), position(page.top))
}
