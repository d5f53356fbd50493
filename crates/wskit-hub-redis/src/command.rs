use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::try_join_all;
use redis::Value;
use wskit_hub::{Command, Epoch, History, Member, NodeId, Page, Position, Publication, Reply};

use crate::fault::{Failure, Fault};
use crate::inbox::UNORDERED;
use crate::payload;
use crate::session::{Link, Session, ask, ask_each, millis};

/// How many bytes of messages are read at once. If there are more, the newest are.
const PAGE: usize = 32 << 20;

/// Returns a number that was not used before.
pub(crate) fn random() -> u64 {
    // Its keys are of the operating system's random numbers.
    RandomState::new().hash_one(())
}

/// Carries out a command of the hub. It is sent when the future is polled for the first time.
pub(crate) async fn run(session: Arc<Session>, command: Command) -> Result<Reply, Failure> {
    match command {
        Command::Publish {
            topic,
            publication,
            history: Some(history),
        } => session.publish(&topic, &publication, history).await,
        Command::Publish {
            topic, publication, ..
        } => session.publish_live(&topic, &publication).await,
        Command::Listen { topics } => session.listen(&topics).await,
        Command::Unlisten { topics } => session.unlisten(&topics).await,
        Command::Tops { topics } => session.tops(&topics).await,
        Command::Read {
            topic,
            after,
            limit,
        } => session.read(&topic, after, limit).await,
        Command::Enter { topic, member } => session.enter(&topic, &member).await,
        Command::Leave { topic, identity } => session.leave(&topic, &identity).await,
        Command::Members { topic } => session.members(&topic).await,
        _ => Err(Failure::refused(Fault::Other(
            "the hub asked for something that this version does not know".to_owned(),
        ))),
    }
}

impl Session {
    fn checked(&self, message: Option<Vec<u8>>) -> Result<Vec<u8>, Failure> {
        let limit = self.settings.largest;
        let len = message.as_ref().map_or(usize::MAX, Vec::len);
        let message = message.filter(|message| message.len() <= limit);
        message.ok_or_else(|| Failure::refused(Fault::TooLarge { len, limit }))
    }

    async fn publish(
        &self,
        topic: &str,
        publication: &Publication,
        history: History,
    ) -> Result<Reply, Failure> {
        let message = self.checked(payload::message(publication))?;
        let keep = millis(self.settings.keep);
        let within = history.get_within().map(millis);
        // With a sign before it, so that the empty one is not none.
        let id = publication
            .get_id()
            .map(|id| format!("={id}"))
            .unwrap_or_default();
        let meta = self.keys.meta(topic);
        let link = self.link_of(&meta)?;
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("EVALSHA")
            .arg(&self.scripts.publish)
            .arg(5)
            .arg(meta)
            .arg(self.keys.log(topic))
            .arg(self.keys.ids(topic))
            .arg(self.keys.channel(topic))
            .arg(self.keys.named(topic, &id))
            .arg(message)
            .arg(id)
            .arg(history.get_last())
            .arg(within.unwrap_or(0))
            .arg(within.unwrap_or(keep))
            .arg(within.map_or(keep, |within| within.max(keep)))
            .arg(&random().to_be_bytes())
            .arg(self.publish_command())
            .arg(&link.line.salt.to_be_bytes());
        let count = self.wait(&mut pipeline);
        let values = ask(&link.commands, &pipeline, count).await?;
        let nonsense = || Failure::nonsense("a publication");
        let Some(Value::Array(position)) = values.first() else {
            return Err(nonsense());
        };
        let position = link.position(position).ok_or_else(|| foreign("position"))?;
        self.check_wait(values.get(1))?;
        Ok(Reply::Published(position))
    }

    /// Waits for replicas, if asked for. Returns how many commands there are then.
    fn wait(&self, pipeline: &mut redis::Pipeline) -> usize {
        if self.settings.replicas == 0 {
            return 1;
        }
        // No longer than until the connection would count as dead.
        let wait = millis(self.settings.deadline / 2);
        pipeline.cmd("WAIT").arg(self.settings.replicas).arg(wait);
        2
    }

    fn check_wait(&self, answer: Option<&Value>) -> Result<(), Failure> {
        match answer {
            Some(Value::Int(replicas)) if *replicas < i64::from(self.settings.replicas) => {
                Err(Failure::refused(Fault::TooFewReplicas))
            }
            _ => Ok(()),
        }
    }

    async fn publish_live(&self, topic: &str, publication: &Publication) -> Result<Reply, Failure> {
        let message = self.checked(payload::live(publication))?;
        let channel = self.keys.channel(topic);
        let link = self.link_of(&channel)?;
        let mut pipeline = redis::pipe();
        let publish = pipeline.cmd(self.publish_command());
        publish.arg(channel).arg(message);
        ask(&link.commands, &pipeline, 1).await?;
        Ok(Reply::Published(UNORDERED))
    }

    async fn listen(&self, topics: &[Arc<str>]) -> Result<Reply, Failure> {
        self.subscribe(topics, self.subscribe_command(), |channel, topic| {
            self.inbox.listen(channel, topic);
        })
        .await
    }

    async fn unlisten(&self, topics: &[Arc<str>]) -> Result<Reply, Failure> {
        self.subscribe(topics, self.unsubscribe_command(), |channel, _| {
            self.inbox.unlisten(channel);
        })
        .await
    }

    async fn subscribe(
        &self,
        topics: &[Arc<str>],
        command: &str,
        note: impl Fn(&[u8], &Arc<str>),
    ) -> Result<Reply, Failure> {
        let mut pipelines = self.pipelines();
        for topic in topics {
            let channel = self.keys.channel(topic);
            if let Some((pipeline, count)) = pipelines.get_mut(self.owner(&channel)) {
                // One channel each: the crate takes one answer for each command.
                pipeline.cmd(command).arg(&channel);
                *count += 1;
            }
            note(&channel, topic);
        }
        let links = self.links.iter().zip(&pipelines);
        let asked = links
            .filter(|(_, (_, count))| *count > 0)
            .map(|(link, (pipeline, count))| ask(&link.pushes, pipeline, *count));
        try_join_all(asked).await?;
        Ok(Reply::Done)
    }

    async fn tops(&self, topics: &[Arc<str>]) -> Result<Reply, Failure> {
        let mut pipelines = self.pipelines();
        let mut places = Vec::with_capacity(topics.len());
        for topic in topics {
            let meta = self.keys.meta(topic);
            let owner = self.owner(&meta);
            if let Some((pipeline, count)) = pipelines.get_mut(owner) {
                if *count == 0 {
                    pipeline.cmd("INFO").arg("replication");
                    *count = 1;
                }
                pipeline.cmd("HMGET").arg(meta).arg("epoch").arg("top");
                places.push((owner, *count));
                *count += 1;
            }
        }
        let asked = self.links.iter().zip(&pipelines);
        let asked = asked.map(|(link, (pipeline, count))| async move {
            if *count == 0 {
                return Ok::<_, Failure>(Vec::new());
            }
            let values = ask_each(&link.commands, pipeline, *count).await?;
            // What a server that is not the primary any more says of positions is of no use.
            link.check(values.first())?;
            Ok(values)
        });
        let answers = try_join_all(asked).await?;
        let nonsense = || Failure::nonsense("HMGET");
        let tops = places.into_iter().map(|(owner, place)| {
            let value = answers.get(owner).and_then(|values| values.get(place));
            match value {
                // Also if it has something else in it: the other topics are not concerned.
                Some(Value::Array(fields)) => {
                    let top = self.link(owner)?.position(fields);
                    Ok(top.filter(|top| top.offset > 0))
                }
                Some(Value::ServerError(_)) => Ok(None),
                _ => Err(nonsense()),
            }
        });
        Ok(Reply::Tops(tops.collect::<Result<_, Failure>>()?))
    }

    async fn read(
        &self,
        topic: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Reply, Failure> {
        if limit == 0 {
            let page = Page {
                epoch: Epoch::new(random()),
                top: 0,
                messages: Vec::new(),
                after: 0,
            };
            return Ok(Reply::Read(page));
        }
        let meta = self.keys.meta(topic);
        let link = self.link_of(&meta)?;
        let mut pipeline = redis::pipe();
        let command = pipeline.cmd("EVALSHA").arg(&self.scripts.read).arg(3);
        command
            .arg(meta)
            .arg(self.keys.log(topic))
            .arg(self.keys.ids(topic));
        match after {
            Some(after) => command.arg(&(after.epoch.get() ^ link.line.salt).to_be_bytes()),
            None => command.arg(""),
        };
        // Beyond this no offset is a number to the script.
        let offset = after.map_or(0, |after| after.offset).min(1 << 53);
        command
            .arg(offset)
            .arg(limit)
            .arg(PAGE)
            .arg(millis(self.settings.keep))
            .arg(&random().to_be_bytes());
        let values = ask(&link.commands, &pipeline, 1).await?;
        let page = values
            .into_iter()
            .next()
            .and_then(|value| page(link, value));
        page.ok_or_else(|| foreign("history")).map(Reply::Read)
    }

    async fn enter(&self, topic: &Arc<str>, member: &Member) -> Result<Reply, Failure> {
        let joined = self.checked(payload::joined(self.node, member))?;
        let members = self.keys.members(topic);
        let link = self.link_of(&members)?;
        let mut pipeline = redis::pipe();
        let set = pipeline.cmd("HSET").arg(&members);
        set.arg(payload::field(self.node, member.identity()));
        set.arg(&member.get_info()[..]);
        let expire = pipeline.cmd("PEXPIRE").arg(&members);
        expire.arg(millis(self.settings.keep));
        let publish = pipeline.cmd(self.publish_command());
        publish.arg(self.keys.channel(topic)).arg(joined);
        let values = ask(&link.commands, &pipeline, 3).await?;
        // How many fields are new.
        if values.first() == Some(&Value::Int(1)) {
            self.count(topic, 1);
        }
        Ok(Reply::Done)
    }

    async fn leave(&self, topic: &Arc<str>, identity: &str) -> Result<Reply, Failure> {
        let members = self.keys.members(topic);
        let link = self.link_of(&members)?;
        let mut pipeline = redis::pipe();
        let remove = pipeline.cmd("HDEL").arg(&members);
        remove.arg(payload::field(self.node, identity));
        let publish = pipeline.cmd(self.publish_command());
        publish.arg(self.keys.channel(topic));
        publish.arg(payload::left(self.node, identity));
        let values = ask(&link.commands, &pipeline, 2).await?;
        if values.first() == Some(&Value::Int(1)) {
            self.count(topic, -1);
        }
        Ok(Reply::Done)
    }

    async fn members(&self, topic: &str) -> Result<Reply, Failure> {
        let key = self.keys.members(topic);
        let nodes_key = self.keys.nodes();
        let link = self.link_of(&key)?;
        // The members first: each hub takes its lease before its first member enters.
        let mut pipeline = redis::pipe();
        pipeline.cmd("HGETALL").arg(&key);
        let is_elsewhere = self.owner(&key) != self.owner(&nodes_key);
        let mut values = if is_elsewhere {
            let mut values = ask(&link.commands, &pipeline, 1).await?;
            let mut pipeline = redis::pipe();
            pipeline.cmd("ZRANGE").arg(&nodes_key).arg(0).arg(-1);
            values.extend(ask(&self.link_of(&nodes_key)?.commands, &pipeline, 1).await?);
            values
        } else {
            pipeline.cmd("ZRANGE").arg(&nodes_key).arg(0).arg(-1);
            ask(&link.commands, &pipeline, 2).await?
        }
        .into_iter();
        let (Some(Value::Map(fields)), Some(Value::Array(nodes))) = (values.next(), values.next())
        else {
            return Err(Failure::nonsense("HGETALL and ZRANGE"));
        };
        let nodes = nodes.iter().map(|node| number(node).map(NodeId));
        let nodes: Option<HashSet<_>> = nodes.collect();
        let nodes = nodes.ok_or_else(|| foreign("nodes"))?;
        let mut gone = Vec::new();
        let mut members = Vec::new();
        for (field, info) in fields {
            let (Value::BulkString(field), Value::BulkString(info)) = (field, info) else {
                return Err(Failure::nonsense("HGETALL"));
            };
            let Some((node, identity)) = payload::read_field(&field) else {
                return Err(foreign("members"));
            };
            if nodes.contains(&node) && !self.inbox.is_own(node) {
                members.push((node, Member::new(identity).info(Bytes::from(info))));
            } else if node != self.node {
                gone.push(field);
            }
        }
        if !gone.is_empty() {
            let mut pipeline = redis::pipe();
            pipeline.cmd("HDEL").arg(&key).arg(gone);
            ask(&link.commands, &pipeline, 1).await?;
        }
        Ok(Reply::Members(members))
    }
}

impl Link {
    /// Returns the position that an epoch and an offset are.
    fn position(&self, fields: &[Value]) -> Option<Position> {
        let [epoch, offset] = fields else {
            return None;
        };
        let offset = match offset {
            Value::Int(offset) => u64::try_from(*offset).ok()?,
            Value::BulkString(offset) => std::str::from_utf8(offset).ok()?.parse().ok()?,
            _ => return None,
        };
        let epoch = Epoch::new(number(epoch)? ^ self.line.salt);
        Some(Position { epoch, offset })
    }
}

/// Reads a number of eight bytes.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::BulkString(bytes) => Some(u64::from_be_bytes(bytes.as_slice().try_into().ok()?)),
        _ => None,
    }
}

fn foreign(what: &str) -> Failure {
    Failure::refused(Fault::Foreign(format!("in the {what} of a topic")))
}

/// Reads what the script has read.
fn page(link: &Link, value: Value) -> Option<Page> {
    let Value::Array(fields) = value else {
        return None;
    };
    let [
        epoch,
        top,
        Value::Int(within),
        Value::Int(now),
        Value::Array(stored),
    ] = <[Value; 5]>::try_from(fields).ok()?
    else {
        return None;
    };
    let Position { epoch, offset: top } = link.position(&[epoch, top])?;
    let within = u64::try_from(within).ok().filter(|within| *within > 0);
    let now = u64::try_from(now).ok()?;
    let mut messages = Vec::with_capacity(stored.len());
    let mut after = top;
    for stored in stored {
        let Value::BulkString(stored) = stored else {
            return None;
        };
        let (time, publication) = payload::read_stored(stored.into())?;
        // They are removed when their number is reached, which may be much later.
        if within.is_some_and(|within| time.saturating_add(within) < now) {
            break;
        }
        messages.push((after, publication));
        after = after.checked_sub(1)?;
    }
    messages.reverse();
    Some(Page {
        epoch,
        top,
        messages,
        after,
    })
}

#[cfg(test)]
mod tests {
    use wskit_hub_suite::servers::redis::Redis as Server;

    use super::*;
    use crate::Redis;
    use crate::queue::Queue;

    #[tokio::test]
    async fn topics_that_all_members_of_a_hub_have_left_are_not_touched_any_more() {
        let server = Server::start();
        let settings = Arc::new(Redis::server(server.url()));
        let queue = Arc::new(Queue::default());
        let node = NodeId(1 << 16);
        let session = Session::connect(&settings, &queue, node, &[])
            .await
            .unwrap();
        for (topic, identity) in [
            ("left", "a"),
            ("left", "b"),
            ("left", "a"),
            ("kept", "a"),
            ("kept", "b"),
        ] {
            let (topic, member) = (topic.into(), Member::new(identity));
            run(session.clone(), Command::Enter { topic, member })
                .await
                .unwrap();
        }
        // The last has left already.
        for (topic, identity) in [("left", "b"), ("left", "a"), ("kept", "b"), ("kept", "b")] {
            let (topic, identity) = (topic.into(), identity.into());
            run(session.clone(), Command::Leave { topic, identity })
                .await
                .unwrap();
        }
        assert_eq!(session.entered(), [Arc::from("kept")]);
    }
}
