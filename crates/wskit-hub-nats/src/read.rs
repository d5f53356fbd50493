use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::{StreamExt, stream};
use serde_json::json;
use wskit_hub::{Epoch, Page, Position, Publication};

use crate::api::{self, ANSWER, Stored};
use crate::codec;
use crate::error::Failure;
use crate::heard::Known;
use crate::listen::own_headers;
use crate::log::{Extent, random};
use crate::shared::{Shared, Up};

/// How many requests of one command are under way at once.
const PIPELINED: usize = 128;
/// How many messages one answer has at most, and how many bytes.
const BATCH: usize = 500;
const BATCH_BYTES: usize = 4 << 20;
/// How many bytes of payload a page has at most.
const PAGE_BYTES: usize = 32 << 20;

impl Shared {
    /// Notes what an answer says of the stream.
    pub(crate) fn note(&self, extent: &Result<Extent, Failure>) {
        match extent {
            Ok(extent) => {
                if let Ok(up) = self.up() {
                    if extent.last < up.log.seen() {
                        self.suspect.notify_one();
                    }
                    up.log.see(extent.last);
                }
            }
            Err(
                Failure::NewEpoch | Failure::NoResponders | Failure::Timeout | Failure::Api { .. },
            ) => {
                self.suspect.notify_one();
            }
            Err(_) => {}
        }
    }

    async fn extent(&self, up: &Up) -> Result<Extent, Failure> {
        let extent = up.log.extent(&self.api).await;
        self.note(&extent);
        extent
    }

    /// Returns the newest positions of topics.
    pub(crate) async fn tops(
        &self,
        up: &Up,
        topics: &[Arc<str>],
    ) -> Result<Vec<Option<Position>>, Failure> {
        let log = &up.log;
        // A server that answers may not have the very newest, but has those of a while ago.
        let settled = log.settled();
        let names: Result<Vec<_>, _> = topics
            .iter()
            .map(|topic| self.subject("in", topic))
            .collect();
        let names = names?;
        let subjects: Vec<_> = names.iter().map(|(_, subject)| subject.clone()).collect();
        let tops = stream::iter(subjects).map(|subject| async move {
            let body = json!({ "last_by_subj": subject });
            let stored = self.api.direct(&log.name, &body).await?;
            Ok(stored.map(|stored| stored.offset))
        });
        let tops: Vec<Result<_, Failure>> = tops.buffered(PIPELINED).collect().await;
        let tops: Vec<Option<u64>> = tops.into_iter().collect::<Result<_, _>>()?;
        let extent = self.extent(up).await?;
        for ((token, _), top) in names.iter().zip(&tops) {
            let known = self.heard.known(token);
            let is_known = extent.first <= known.until.saturating_add(1);
            let known = match top {
                Some(top) => Known {
                    last: *top,
                    until: settled.max(*top),
                },
                // Nothing is kept: nothing came, if nothing is gone that came since the last time.
                None if is_known => Known {
                    last: known.last,
                    until: settled.max(known.until),
                },
                None => Known::default(),
            };
            self.heard.know(token, known);
        }
        let position = |offset| Position {
            epoch: log.epoch,
            offset,
        };
        Ok(tops.into_iter().map(|top| top.map(position)).collect())
    }

    /// Reads the newest messages of a topic after a position.
    pub(crate) async fn page(
        &self,
        up: &Up,
        topic: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Page, Failure> {
        let (token, subject) = self.subject("in", topic)?;
        if limit == 0 {
            return Ok(Page {
                epoch: unused_epoch(),
                top: 0,
                messages: Vec::new(),
                after: 0,
            });
        }
        let (log, stream) = (&up.log, up.log.name.as_str());
        if limit >= log.kept {
            return Err(Failure::Messages {
                rules: limit,
                stream: log.kept.saturating_sub(1),
            });
        }
        let asked = after.filter(|after| after.epoch == log.epoch);
        let asked = asked.map(|after| after.offset);
        let from = asked.unwrap_or(0);
        let base = self.heard.known(&token).base(from);
        let (seen, settled) = (log.seen(), log.settled());
        let page = |top, after, messages| Page {
            epoch: log.epoch,
            top,
            messages,
            after,
        };
        let known = |last: u64| {
            let until = settled.max(last);
            self.heard.know(&token, Known { last, until });
        };
        let newest = self.api.newest(stream, &subject).await?;
        let Some(top) = newest.map(|newest| newest.offset) else {
            let extent = self.extent(up).await?;
            self.check(up, from, extent)?;
            return Ok(if extent.first <= base.saturating_add(1) {
                known(from);
                page(from, from, Vec::new())
            } else {
                // What there may have been is gone: it goes on after all that was there before this was read.
                let end = seen.max(from);
                known(end);
                page(end, end, Vec::new())
            });
        };
        log.see(top);
        if from >= top {
            if from > top {
                let extent = self.extent(up).await?;
                self.check(up, from, extent)?;
            }
            known(from);
            return Ok(page(from, from, Vec::new()));
        }
        let mut messages = self.range(up, &subject, from + 1, top, limit).await?;
        // What is gone is always the oldest.
        let oldest = self.api.next(stream, &subject, 1).await?;
        let oldest = oldest.map_or(u64::MAX, |oldest| oldest.offset);
        let mut end = from;
        if oldest > from {
            // The message that was asked for is gone, or there was none of this offset. But if no message has gone
            // to make room for others of the topic, nor because of its age, then none has.
            let newest = self.api.newest(stream, &subject).await?;
            let is_unchanged = newest.is_some_and(|newest| newest.offset == top);
            let first = self.extent(up).await?.first;
            end = if !is_unchanged || messages.count >= log.kept {
                oldest.min(top + 1) - 1
            } else if first <= base.saturating_add(1) {
                from
            } else {
                oldest.min(first).min(top + 1) - 1
            };
        }
        let end = end.max(messages.after).max(messages.expired());
        messages.entries.retain(|(offset, _)| *offset > end);
        known(top);
        let entries = messages.entries.into_iter();
        let entries = entries.map(|(offset, stored)| (offset, publication(&token, stored)));
        Ok(page(top, end, entries.collect()))
    }

    /// A position that no message of the stream can have is one of a state that the stream has gone back from.
    fn check(&self, up: &Up, from: u64, extent: Extent) -> Result<(), Failure> {
        if from <= extent.last {
            return Ok(());
        }
        up.log.see(from);
        self.suspect.notify_one();
        Err(Failure::NewEpoch)
    }

    /// Reads the messages of a subject, which may have wildcards, from one offset to another one that is there.
    async fn range(
        &self,
        up: &Up,
        subject: &str,
        from: u64,
        until: u64,
        limit: usize,
    ) -> Result<Range, Failure> {
        let mut range = Range {
            limit,
            ..Range::default()
        };
        let mut next = from;
        let mut has_batches = up.has_batches;
        while next <= until {
            let (messages, is_more) = if has_batches {
                self.batch(up, subject, next).await?
            } else {
                let body = json!({ "seq": next, "next_by_subj": subject });
                let message = self.api.direct(&up.log.name, &body).await?;
                let is_more = message.is_some();
                (message.into_iter().collect(), is_more)
            };
            // An older server sends one.
            has_batches &= messages.len() != 1 || !is_more;
            for message in messages {
                if message.offset < next || message.offset > until {
                    return Ok(range);
                }
                next = message.offset + 1;
                range.push(message);
            }
            if !is_more {
                break;
            }
        }
        // The server that has answered may not have the newest yet. The leader has.
        while next <= until {
            match self.api.next(&up.log.name, subject, next).await? {
                Some(message) if message.offset >= next && message.offset <= until => {
                    next = message.offset + 1;
                    range.push(message);
                }
                _ => break,
            }
        }
        Ok(range)
    }

    /// Reads some messages by one request. Returns also whether there may be more.
    async fn batch(
        &self,
        up: &Up,
        subject: &str,
        from: u64,
    ) -> Result<(Vec<Stored>, bool), Failure> {
        self.api
            .batch(
                &up.log.name,
                &json!({
                    "seq": from, "next_by_subj": subject, "batch": BATCH, "max_bytes": BATCH_BYTES,
                }),
            )
            .await
    }
}

impl api::Api {
    /// Reads many messages by one direct get. Returns also whether there may be more.
    pub(crate) async fn batch(
        &self,
        stream: &str,
        body: &serde_json::Value,
    ) -> Result<(Vec<Stored>, bool), Failure> {
        let lost = || Failure::down("the connection is closed");
        let inbox = self.client.new_inbox();
        let work = async {
            let mut answers = self
                .client
                .subscribe(inbox.clone())
                .await
                .map_err(|_| lost())?;
            let subject = format!("$JS.API.DIRECT.GET.{stream}");
            let body = body.to_string().into();
            let sent = self.client.publish_with_reply(subject, inbox, body).await;
            sent.map_err(|_| lost())?;
            let mut messages = Vec::new();
            let mut before: u64 = 0;
            while let Some(answer) = answers.next().await {
                let pending = api::header(answer.headers.as_ref(), "Nats-Num-Pending");
                let pending: Option<u64> = pending.and_then(|pending| pending.parse().ok());
                // In a batch each names the one before it. One that was lost on its way is read again.
                let chained = api::header(answer.headers.as_ref(), "Nats-Last-Sequence");
                if chained.is_some_and(|chained| chained.parse() != Ok(before)) {
                    return Err(Failure::Timeout);
                }
                // The end of a batch.
                if answer.status.is_some_and(|status| status.as_u16() == 204) {
                    return Ok((messages, pending != Some(0)));
                }
                let Some(message) = api::stored(answer)? else {
                    return Ok((messages, false));
                };
                before = message.offset;
                messages.push(message);
                if pending.is_none() {
                    return Ok((messages, true));
                }
            }
            Err(lost())
        };
        tokio::time::timeout(ANSWER, work)
            .await
            .unwrap_or(Err(Failure::Timeout))
    }
}

/// The newest of the messages that were read.
#[derive(Default)]
struct Range {
    entries: VecDeque<(u64, Stored)>,
    limit: usize,
    /// The payloads of `entries`.
    bytes: usize,
    /// How many were read.
    count: usize,
    /// The newest of those that were left out.
    after: u64,
}

impl Range {
    /// Returns the offset of the newest message that is older than the rules of its topic allow.
    fn expired(&self) -> u64 {
        let now = SystemTime::now();
        let is_expired = |stored: &Stored| {
            let within = api::header(stored.headers.as_ref(), codec::WITHIN)?;
            let within = Duration::from_millis(within.parse().ok()?);
            Some(now.duration_since(stored.at?).ok()? >= within)
        };
        let mut expired = self.entries.iter().rev();
        let expired = expired.find(|(_, stored)| is_expired(stored) == Some(true));
        expired.map_or(0, |(offset, _)| *offset)
    }

    fn push(&mut self, message: Stored) {
        self.count += 1;
        self.bytes += message.payload.len();
        self.entries.push_back((message.offset, message));
        while self.entries.len() > self.limit || self.bytes > PAGE_BYTES {
            let Some((offset, oldest)) = self.entries.pop_front() else {
                break;
            };
            self.after = offset;
            self.bytes -= oldest.payload.len();
        }
    }
}

fn publication(token: &str, stored: Stored) -> Publication {
    codec::decode(token, own_headers(stored.headers.as_ref()), stored.payload)
}

/// Returns an epoch that was never used.
pub(crate) fn unused_epoch() -> Epoch {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let _ = NEXT.compare_exchange(0, random(), Ordering::Relaxed, Ordering::Relaxed);
    Epoch::new(NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_nats::HeaderMap;
    use bytes::Bytes;
    use wskit_hub_suite::servers::nats::Nats;

    /// Answers a request for a batch with messages of these offsets, each of which names the one before it.
    async fn batch(answers: &'static [(&str, &str)]) -> Result<Vec<u64>, Failure> {
        let server = Nats::builder().without_jetstream().start();
        let client = async_nats::connect(server.url()).await.unwrap();
        let mut requests = client.subscribe("$JS.API.DIRECT.GET.S").await.unwrap();
        client.flush().await.unwrap();
        let answering = async {
            let request = requests.next().await.unwrap();
            let to = request.reply.unwrap();
            for (index, (before, offset)) in answers.iter().enumerate() {
                let mut headers = HeaderMap::new();
                headers.insert("Nats-Stream", "S");
                headers.insert("Nats-Subject", "in.t");
                headers.insert("Nats-Last-Sequence", *before);
                headers.insert("Nats-Sequence", *offset);
                if index + 1 < answers.len() {
                    headers.insert("Nats-Num-Pending", "1");
                }
                client
                    .publish_with_headers(to.clone(), headers, Bytes::new())
                    .await
                    .unwrap();
            }
        };
        let api = api::Api {
            client: client.clone(),
        };
        let body = json!({ "seq": 1, "next_by_subj": "in.t", "batch": 9 });
        let reading = api.batch("S", &body);
        let (read, ()) = tokio::join!(reading, answering);
        Ok(read?.0.into_iter().map(|stored| stored.offset).collect())
    }

    #[tokio::test]
    async fn message_that_is_missing_in_a_batch_is_not_taken_for_none() {
        assert_eq!(batch(&[("0", "2"), ("2", "8")]).await, Ok(vec![2, 8]));
        assert_eq!(
            batch(&[("0", "2"), ("5", "8")]).await,
            Err(Failure::Timeout)
        );
        assert_eq!(
            batch(&[("2", "5"), ("5", "8")]).await,
            Err(Failure::Timeout)
        );
    }

    #[test]
    fn what_is_read_is_limited_by_its_bytes_and_the_newest_stay() {
        let mut range = Range {
            limit: 1000,
            ..Range::default()
        };
        let payload = Bytes::from(vec![0; 1 << 20]);
        for offset in 1..=100 {
            range.push(Stored {
                subject: String::new(),
                offset,
                headers: None,
                payload: payload.clone(),
                at: None,
            });
        }
        assert_eq!((range.entries.len(), range.after), (32, 68));
        assert_eq!(range.count, 100);
    }
}
