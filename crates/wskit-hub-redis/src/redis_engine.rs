use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio::time::Instant;
use wskit_hub::{Command, Engine, EngineEvent, RequestId};

use crate::builder::{Builder, Servers};
use crate::fault::{ConnectError, Failure, Fault};
use crate::queue::Queue;
use crate::worker::{Request, Worker};

/// Redis as the engine of a hub.
///
/// It has two connections to each server, and a task of the tokio runtime in which it was made. Dropping it, as
/// the hub does when it is dropped, takes the hub's members out of Redis and ends the task.
///
/// ```no_run
/// # async fn example() -> Result<(), wskit_hub_redis::ConnectError> {
/// use wskit_hub::{History, Hub, Rules};
/// use wskit_hub_redis::Redis;
///
/// let engine = Redis::connect("redis://127.0.0.1:6379").await?;
/// let hub = Hub::builder(|_| Rules::stream(History::last(100))).engine(engine).build();
/// tokio::spawn(hub.drive(tokio::time::sleep));
/// # Ok(())
/// # }
/// ```
pub struct Redis {
    queue: Arc<Queue>,
    requests: mpsc::UnboundedSender<Request>,
}

impl Redis {
    /// Connects to one server, with all else as it is by default.
    ///
    /// # Errors
    /// As [`Builder::connect`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::server(url).connect().await
    }

    /// Begins the settings of an engine on one server.
    ///
    /// The URL is `redis://user:password@host:port/database`, of which all but the host can be left out, or
    /// `rediss://` for TLS, which needs the feature `rustls`.
    #[must_use]
    pub fn server(url: impl Into<String>) -> Builder {
        Builder::new(Servers::One(url.into()))
    }

    /// Begins the settings of an engine on the primary that sentinels know by this name. Each is given as
    /// `host:port`.
    #[must_use]
    pub fn sentinel<S: Into<String>>(
        sentinels: impl IntoIterator<Item = S>,
        primary: impl Into<String>,
    ) -> Builder {
        let sentinels = sentinels.into_iter().map(Into::into).collect();
        Builder::new(Servers::Sentinel(sentinels, primary.into()))
    }

    /// Begins the settings of an engine on a Redis Cluster, of which some nodes are given as `host:port`: the
    /// others are found through them.
    #[must_use]
    pub fn cluster<S: Into<String>>(nodes: impl IntoIterator<Item = S>) -> Builder {
        Builder::new(Servers::Cluster(
            nodes.into_iter().map(Into::into).collect(),
        ))
    }

    pub(crate) async fn with(settings: Builder) -> Result<Self, ConnectError> {
        let (redis, worker) = Self::new(settings);
        let session = worker.connect().await?;
        tokio::spawn(worker.run(Some(session)));
        Ok(redis)
    }

    pub(crate) fn later(settings: Builder) -> Self {
        let (redis, worker) = Self::new(settings);
        tokio::spawn(worker.run(None));
        redis
    }

    fn new(settings: Builder) -> (Self, Worker) {
        let queue = Arc::new(Queue::default());
        let (requests, receiver) = mpsc::unbounded_channel();
        let worker = Worker::new(Arc::new(settings), queue.clone(), receiver);
        (Self { queue, requests }, worker)
    }
}

impl Engine for Redis {
    fn command(&self, id: RequestId, command: Command) {
        let len = match &command {
            Command::Publish { publication, .. } => publication.payload().len(),
            Command::Enter { member, .. } => member.get_info().len(),
            _ => 0,
        };
        let refuse = |fault| {
            let result = Err(Failure::refused(fault).engine_error());
            self.queue.push(EngineEvent::Done { id, result });
        };
        // The hub takes the end of a subscription for done in any case.
        if matches!(command, Command::Unlisten { .. }) {
            self.queue.begin_always();
        } else if !self.queue.begin(len) {
            refuse(Fault::Busy);
            return;
        }
        let request = Request {
            id,
            command,
            len,
            since: Instant::now(),
            is_repeated: false,
        };
        if self.requests.send(request).is_err() {
            self.queue.end(len);
            refuse(Fault::Unreachable("its task is over".to_owned()));
        }
    }

    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<EngineEvent> {
        self.queue.poll(cx)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// The hub takes it for done, and would go on to get the messages.
    #[tokio::test]
    async fn that_nothing_is_listened_to_any_more_is_taken_also_if_the_engine_is_busy() {
        let (redis, _worker) = Redis::new(Redis::server("redis://127.0.0.1"));
        while redis.queue.begin(0) {}
        let topics = || vec!["t".into()];
        redis.command(RequestId(1), Command::Listen { topics: topics() });
        redis.command(RequestId(2), Command::Unlisten { topics: topics() });
        let mut refused = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        while let Poll::Ready(event) = redis.poll_event(&mut cx) {
            if let EngineEvent::Done { id, .. } = event {
                refused.push(id);
            }
        }
        assert_eq!(refused, [RequestId(1)]);
    }
}
