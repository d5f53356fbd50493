use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Notify, watch};

use crate::api::Api;
use crate::error::Failure;
use crate::events::Events;
use crate::heard::Heard;
use crate::log::Log;
use crate::nodes::Nodes;
use crate::settings::NatsBuilder;
use crate::subject;

/// What the tasks of an engine share.
pub(crate) struct Shared {
    pub(crate) settings: NatsBuilder,
    pub(crate) api: Api,
    pub(crate) events: Events,
    pub(crate) heard: Heard,
    pub(crate) nodes: Nodes,
    /// The bytes of publications that wait or have no answer yet.
    pub(crate) sending: AtomicUsize,
    /// Something came that does not fit what is known of the stream: it is to be looked at.
    pub(crate) suspect: Notify,
    pub(crate) session: watch::Sender<Session>,
}

/// Whether NATS can be used, and as whom.
#[derive(Clone, Debug)]
pub(crate) enum Session {
    Down(Arc<str>),
    Up(Arc<Up>),
}

/// From one set-up of the connection to the next.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) log: Arc<Log>,
    /// The number of this hub. It has another one each time, so that what was under way for the one before
    /// does no harm.
    pub(crate) node: u64,
    pub(crate) max_payload: usize,
    /// Whether servers answer with many messages at once.
    pub(crate) has_batches: bool,
    /// The highest offset of a member of this hub.
    pub(crate) entered: AtomicU64,
}

impl Session {
    pub(crate) fn up(&self) -> Result<Arc<Up>, Failure> {
        match self {
            Self::Up(up) => Ok(up.clone()),
            Self::Down(reason) => Err(Failure::Down(reason.clone())),
        }
    }
}

/// The bytes of publications that may wait at once.
const SENDING: usize = 64 << 20;

impl Shared {
    /// Returns the session, if NATS can be used now.
    pub(crate) fn up(&self) -> Result<Arc<Up>, Failure> {
        self.session.borrow().up()
    }

    /// Waits for `work`, as long as the session lasts.
    pub(crate) async fn while_up<T>(
        &self,
        up: &Arc<Up>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut session = self.session.subscribe();
        let is_over =
            |session: &Session| !matches!(session, Session::Up(now) if Arc::ptr_eq(now, up));
        tokio::select! {
            biased;
            session = session.wait_for(is_over) => Err(match session.as_deref() {
                Ok(Session::Down(reason)) => Failure::Down(reason.clone()),
                _ => Failure::down("the connection was lost"),
            }),
            result = work => result,
        }
    }

    /// Reserves room for a publication of some bytes.
    pub(crate) fn reserve(&self, bytes: usize) -> bool {
        let before = self.sending.fetch_add(bytes, Ordering::Relaxed);
        let has_room = before + bytes <= SENDING;
        if !has_room {
            self.release(bytes);
        }
        has_room
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.sending.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Returns the token of a topic, and its subject under `in` or `out`.
    pub(crate) fn subject(&self, branch: &str, topic: &str) -> Result<(String, String), Failure> {
        const LONGEST: usize = 1024;
        let token = subject::encode(topic);
        let partition = subject::partition(&token, self.settings.partitions);
        let subject = format!("{}.{branch}.{partition}.{token}", self.settings.prefix);
        let len = subject.len();
        if len > LONGEST {
            let limit = LONGEST;
            return Err(Failure::Subject { len, limit });
        }
        Ok((token, subject))
    }
}
