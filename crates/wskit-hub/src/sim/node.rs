//! The engine of the simulation for real hubs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::engine::{Cluster, Fate};
use crate::engine::{Command, Engine, EngineEvent, RequestId};

/// The engine of one hub. It carries out commands at once.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    shared: Arc<Mutex<Shared>>,
    number: usize,
}

#[derive(Debug)]
struct Shared {
    cluster: Cluster,
    wakers: Vec<Option<Waker>>,
}

impl Node {
    /// Creates the engines of `hubs` hubs that share one.
    pub(crate) fn cluster(hubs: usize) -> Vec<Self> {
        let shared = Arc::new(Mutex::new(Shared {
            cluster: Cluster::new(hubs),
            wakers: vec![None; hubs],
        }));
        let node = |number| Self {
            shared: shared.clone(),
            number,
        };
        (0..hubs).map(node).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the engine, such as a fault, and has the hubs notice.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Cluster) -> R) -> R {
        let (result, wakers) = {
            let mut shared = self.lock();
            let Shared { cluster, wakers } = &mut *shared;
            let result = f(cluster);
            let links = cluster.links.iter().zip(wakers);
            let ready = links.filter_map(|(link, waker)| {
                let has_some = !link.events.is_empty() || !link.answers.is_empty();
                waker.take_if(|_| has_some)
            });
            (result, ready.collect::<Vec<_>>())
        };
        wakers.into_iter().for_each(Waker::wake);
        result
    }
}

impl Engine for Node {
    fn command(&self, id: RequestId, command: Command) {
        self.with(|cluster| {
            cluster.links[self.number].commands.push_back((id, command));
            cluster.carry_out(self.number, Fate::Done);
        });
    }

    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<EngineEvent> {
        let waker = cx.waker().clone();
        let mut shared = self.lock();
        let link = &mut shared.cluster.links[self.number];
        let event = link.events.pop_front().or_else(|| link.answers.pop_front());
        match event {
            Some(event) => Poll::Ready(event),
            None => {
                shared.wakers[self.number] = Some(waker);
                Poll::Pending
            }
        }
    }
}
