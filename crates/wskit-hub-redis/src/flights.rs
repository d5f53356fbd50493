use std::collections::BTreeMap;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use wskit_hub::Reply;

use crate::connect::FLIGHTS;
use crate::fault::Failure;
use crate::worker::Request;

/// What a flight is for.
pub(crate) enum Task {
    Request(Request),
    /// A request that was answered when its time was over.
    Late,
    Lease,
    Probe,
    Look,
    Touch,
}

type Flight = BoxFuture<'static, (u64, Result<Reply, Failure>)>;

/// What is on its way to the servers of a session.
#[derive(Default)]
pub(crate) struct Flights {
    next: u64,
    pub(crate) flying: FuturesUnordered<Flight>,
    pub(crate) begun: BTreeMap<u64, (Instant, Task)>,
    /// What is begun again, by its first number.
    pub(crate) again: BTreeMap<u64, Request>,
    /// The servers have lost the scripts.
    pub(crate) has_no_scripts: bool,
}

impl Flights {
    pub(crate) fn takes_more(&self) -> bool {
        !self.has_no_scripts && self.flying.len() < FLIGHTS
    }

    /// Returns when the oldest flight has begun that is one request.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let mut begun = self.begun.values();
        let oldest = begun.find(|(_, task)| !matches!(task, Task::Touch));
        oldest.map(|(begun, _)| *begun)
    }

    /// Returns since when the oldest request waits. They are begun in the order in which they came.
    pub(crate) fn oldest_request(&self) -> Option<Instant> {
        self.begun.values().find_map(|(_, task)| match task {
            Task::Request(request) => Some(request.since),
            _ => None,
        })
    }

    /// Takes the oldest request out. Its answer will be passed over.
    pub(crate) fn give_up_oldest(&mut self) -> Option<Request> {
        let mut tasks = self.begun.values_mut().map(|(_, task)| task);
        let first = tasks.find(|task| matches!(task, Task::Request(_)))?;
        match std::mem::replace(first, Task::Late) {
            Task::Request(request) => Some(request),
            _ => None,
        }
    }

    /// Begins a flight. It is polled once here, so that commands are sent in the order in which they were begun:
    /// the connection takes as many as there are flights without a wait.
    pub(crate) fn begin(
        &mut self,
        task: Task,
        future: impl Future<Output = Result<Reply, Failure>> + Send + 'static,
    ) {
        let number = self.next;
        self.next += 1;
        self.begun.insert(number, (Instant::now(), task));
        let mut flight: Flight = future.map(move |result| (number, result)).boxed();
        let polled = tokio::task::unconstrained(&mut flight).now_or_never();
        self.flying.push(match polled {
            Some(landed) => std::future::ready(landed).boxed(),
            None => flight,
        });
    }
}
