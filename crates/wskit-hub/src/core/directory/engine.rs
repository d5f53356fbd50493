use std::sync::Arc;
use std::time::Instant;

use super::{BATCH, CHECK, Directory, Request};
use crate::core::link::{Arrived, LinkState};
use crate::core::presence::Presence;
use crate::core::topic::Topic;
use crate::core::{Answer, Host, Outputs};
use crate::engine::{Command, EngineEvent, NodeId, Page, Reply, RequestId};
use crate::error::{EngineError, EngineErrorKind, Error};
use crate::member::{Member, Present};
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
                if let Some(slot) = self.names.get(&topic).copied() {
                    let arrived = Arrived {
                        position,
                        before,
                        publication,
                    };
                    self.arrived(slot, arrived, now, out);
                }
            }
            EngineEvent::Joined {
                topic,
                node,
                member,
            } => {
                if let Some(slot) = self.names.get(&topic).copied() {
                    self.with(slot, |topic| {
                        let presence = topic.presence.get_or_insert_default();
                        if let Some(change) = presence.enter_at(node, member) {
                            topic.tell(change, now, out);
                        }
                    });
                }
            }
            EngineEvent::Left {
                topic,
                node,
                identity,
            } => {
                if let Some(slot) = self.names.get(&topic).copied() {
                    self.with_presence(slot, |_, presence| {
                        presence.leave_at(node, &identity, now);
                    });
                }
            }
            EngineEvent::NodeGone { node } => self.node_gone(node, now),
            EngineEvent::Lost => self.next_check = Some(now),
            EngineEvent::Down => {}
            EngineEvent::Up => self.up(out),
        }
    }

    fn node_gone(&mut self, node: NodeId, now: Instant) {
        for slot in self.slots() {
            self.with_presence(slot, |_, presence| presence.forget(node, now));
        }
    }

    /// Returns the places of all topics.
    pub(super) fn slots(&self) -> Vec<u32> {
        self.names.values().copied().collect()
    }

    /// The engine knows nothing of what was said before: listens again, and reads what was missed.
    fn up(&mut self, out: &mut impl Outputs<H>) {
        for slot in self.slots() {
            let members = self.with(slot, |topic| {
                if let Some(link) = topic.link.as_deref_mut() {
                    if !link.is_cold() {
                        link.state = LinkState::Failed;
                    }
                }
                let local = topic.presence.iter().flat_map(|presence| presence.local());
                let members: Vec<_> = local.cloned().collect();
                (topic.name.clone(), members)
            });
            for (topic, member) in members
                .into_iter()
                .flat_map(|(topic, members)| members.into_iter().map(move |m| (topic.clone(), m)))
            {
                self.request(Request::Other, Command::Enter { topic, member }, out);
            }
        }
        self.listen_again(out);
    }

    /// Listens to the topics of which that has failed.
    pub(super) fn listen_again(&mut self, out: &mut impl Outputs<H>) {
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
        for batch in topics.chunks(BATCH) {
            let (slots, topics) = batch.iter().cloned().unzip();
            self.request(Request::Listen(slots), Command::Listen { topics }, out);
        }
    }

    /// A message has come from the engine.
    fn arrived(&mut self, slot: u32, arrived: Arrived, now: Instant, out: &mut impl Outputs<H>) {
        let read = self.with(slot, |topic| {
            let (epoch, top) = (topic.epoch, topic.top);
            let link = topic.link.as_deref_mut()?;
            match link.state {
                LinkState::Live => {}
                LinkState::Cold => return None,
                _ => {
                    link.keep(arrived);
                    return None;
                }
            }
            let Arrived {
                position, before, ..
            } = arrived;
            if before.is_none() {
                topic.append(position, arrived.publication, now, out);
                return None;
            }
            if position.epoch == epoch && position.offset <= top {
                return None;
            }
            if position.epoch == epoch && before == Some(top) {
                topic.append(position, arrived.publication, now, out);
                return None;
            }
            // Something is missing between, or all is new.
            link.state = LinkState::Reading;
            link.keep(arrived);
            Some(Self::read(topic))
        });
        if let Some(command) = read.flatten() {
            self.request(Request::Read(slot), command, out);
        }
    }

    /// Returns the command that reads what is missing of a topic.
    fn read(topic: &Topic<H>) -> Command {
        let history = topic.rules.get_history();
        Command::Read {
            topic: topic.name.clone(),
            // Without subscribers, all that is kept is of use; with them, all after what they have.
            after: topic.has_subscribers().then(|| topic.position()),
            limit: history.map_or(0, |history| history.last),
        }
    }

    fn done(
        &mut self,
        id: RequestId,
        result: Result<Reply, EngineError>,
        now: Instant,
        out: &mut impl Outputs<H>,
    ) {
        let nonsense = || Error::Engine(EngineError::new(EngineErrorKind::Protocol));
        let Some(request) = self.requests.remove(&id) else {
            return;
        };
        match (request, result) {
            (Request::Publish(call), result) => {
                let position = match result {
                    Ok(Reply::Published(position)) => Ok(position),
                    Ok(_) => Err(nonsense()),
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
                    Ok(_) => Err(nonsense()),
                    Err(error) => Err(error.into()),
                };
                out.answer(call, Answer::History(page));
            }
            (Request::Present(call), result) => {
                let present = match result {
                    Ok(Reply::Members(members)) => Ok(self.union(members, now)),
                    Ok(_) => Err(nonsense()),
                    Err(error) => Err(error.into()),
                };
                out.answer(call, Answer::Present(present));
            }
            (Request::Listen(slots), result) => {
                for slot in slots {
                    match &result {
                        _ if !self.takes(slot, id) => {}
                        Ok(_) => self.listening(slot, now, out),
                        Err(error) => self.failed(slot, error, now, out),
                    }
                }
            }
            // The topic was listened to again meanwhile.
            (Request::Read(slot), _) if !self.takes(slot, id) => {}
            (Request::Read(slot), Ok(Reply::Read(page))) => self.page(slot, page, now, out),
            (Request::Read(slot), result) => {
                let error = result.err();
                let error = error.unwrap_or_else(|| EngineError::new(EngineErrorKind::Protocol));
                self.failed(slot, &error, now, out);
            }
            (Request::Tops(slots), Ok(Reply::Tops(tops))) => self.tops(&slots, &tops, out),
            (Request::Members(slot), Ok(Reply::Members(members))) => {
                self.with(slot, |topic| {
                    topic.presence.get_or_insert_default();
                });
                let changes =
                    self.with_presence(slot, |_, presence| presence.set_remote(members, now));
                self.with(slot, |topic| {
                    for change in changes.into_iter().flatten() {
                        topic.tell(change, now, out);
                    }
                });
            }
            // The next check, or event, makes it good.
            (Request::Tops(_) | Request::Members(_) | Request::Other, _) => {}
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

    fn union(&self, members: Vec<(NodeId, Member)>, now: Instant) -> Present {
        let mut presence = Presence::default();
        presence.set_remote(members, now);
        presence.present(self.members_listed)
    }

    /// The engine listens to a topic: reads what it has.
    fn listening(&mut self, slot: u32, now: Instant, out: &mut impl Outputs<H>) {
        let read = self.with(slot, |topic| {
            let link = topic.link.as_deref_mut()?;
            link.state = LinkState::Reading;
            let members = topic.rules.presence.then(|| topic.name.clone());
            Some((
                Self::read(topic),
                topic.rules.get_history().is_some(),
                members,
            ))
        });
        let Some((command, has_history, members)) = read.flatten() else {
            return;
        };
        if let Some(topic) = members {
            self.request(Request::Members(slot), Command::Members { topic }, out);
        }
        if has_history {
            self.request(Request::Read(slot), command, out);
        } else {
            self.live(slot, now, out);
        }
    }

    /// Takes in what was read.
    fn page(&mut self, slot: u32, page: Page, now: Instant, out: &mut impl Outputs<H>) {
        self.with(slot, |topic| {
            let is_same = page.epoch == topic.epoch;
            // Without subscribers the history is taken as it is.
            let is_complete = is_same && page.after <= topic.top && topic.has_subscribers();
            if !is_complete {
                let position = Position {
                    epoch: page.epoch,
                    offset: page.after,
                };
                topic.skip_to(position, now, out);
            }
            for (offset, publication) in page.messages {
                if offset > topic.top {
                    let epoch = page.epoch;
                    topic.append(Position { epoch, offset }, publication, now, out);
                }
            }
            topic.top = topic.top.max(page.top);
        });
        self.live(slot, now, out);
    }

    /// All that was there is known: takes in what came meanwhile, and lets those in who wait.
    fn live(&mut self, slot: u32, now: Instant, out: &mut impl Outputs<H>) {
        let arrived = self.with(slot, |topic| {
            let link = topic.link.as_deref_mut()?;
            link.state = LinkState::Live;
            Some(std::mem::take(&mut link.buffer))
        });
        for arrived in arrived.flatten().unwrap_or_default() {
            self.arrived(slot, arrived, now, out);
        }
        let most = self.members_listed;
        let read = self.with(slot, |topic| {
            let link = topic.link.as_deref_mut()?;
            if link.state != LinkState::Live {
                return None;
            }
            if std::mem::take(&mut link.overflowed) {
                link.state = LinkState::Reading;
                return Some(Self::read(topic));
            }
            for subscribe in std::mem::take(&mut link.waiting) {
                topic.admit(subscribe, most, now, out);
            }
            None
        });
        if let Some(command) = read.flatten() {
            self.request(Request::Read(slot), command, out);
        }
        self.next_check.get_or_insert(now + CHECK);
    }

    /// Listening or reading has failed.
    fn failed(&mut self, slot: u32, error: &EngineError, now: Instant, out: &mut impl Outputs<H>) {
        let is_retried = self.with(slot, |topic| {
            let has_subscribers = topic.has_subscribers();
            let link = topic.link.as_deref_mut()?;
            for subscribe in std::mem::take(&mut link.waiting) {
                let answer = Answer::Subscribed(Err(error.clone().into()));
                out.answer(subscribe.call, answer);
            }
            link.state = if has_subscribers {
                LinkState::Failed
            } else {
                link.buffer = Vec::new();
                LinkState::Cold
            };
            Some(has_subscribers)
        });
        if is_retried.flatten() == Some(true) {
            self.retry_later(now);
        }
    }

    /// Answers all calls that wait: the hub is closed.
    pub(crate) fn close(&mut self, out: &mut impl Outputs<H>) {
        for (_, request) in self.requests.drain() {
            match request {
                Request::Publish(call) => out.answer(call, Answer::Published(Err(Error::Closed))),
                Request::History { call, .. } => {
                    out.answer(call, Answer::History(Err(Error::Closed)));
                }
                Request::Present(call) => out.answer(call, Answer::Present(Err(Error::Closed))),
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
    fn tops(&mut self, slots: &[u32], tops: &[Option<Position>], out: &mut impl Outputs<H>) {
        for (slot, top) in slots.iter().zip(tops) {
            let read = self.with(*slot, |topic| {
                let (epoch, known) = (topic.epoch, topic.top);
                let link = topic.link.as_deref_mut()?;
                let is_behind = |top: &Position| top.epoch != epoch || top.offset > known;
                if link.state != LinkState::Live || !top.as_ref().is_some_and(is_behind) {
                    return None;
                }
                link.state = LinkState::Reading;
                Some(Self::read(topic))
            });
            if let Some(command) = read.flatten() {
                self.request(Request::Read(*slot), command, out);
            }
        }
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
