use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use wskit_dial::reconnect::{Event, GaveUp, Loss};
use wskit_dial::{Error, Reconnect};
use wskit_driver::WebSocket;
use wskit_proto::{Config, Role};
use wskit_test::{Harness, OnNetwork, PipeEnd, Script, pause, pipe, wrap};

use crate::scene::config;

/// The results of the attempts, in order, and how many were made.
#[derive(Clone, Default)]
pub(super) struct Attempts(Arc<Mutex<Plan>>);

#[derive(Default)]
pub(super) struct Plan {
    left: VecDeque<Result<PipeEnd, Error>>,
    made: usize,
}

impl Attempts {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().expect("a plan")
    }

    pub(super) fn made(&self) -> usize {
        self.plan().made
    }

    /// Adds this number of refused attempts.
    pub(super) fn refuse(&self, count: usize) {
        for _ in 0..count {
            self.fail(io::Error::from(io::ErrorKind::ConnectionRefused).into());
        }
    }

    pub(super) fn fail(&self, error: Error) {
        self.plan().left.push_back(Err(error));
    }

    /// Adds an attempt that succeeds and returns its server.
    pub(super) fn succeed(&self) -> Script {
        Script::new(self.connect(), Role::Server)
    }

    /// Adds an attempt that succeeds and returns the other end of its stream.
    pub(super) fn connect(&self) -> PipeEnd {
        let (near, far) = pipe(64 << 10);
        self.plan().left.push_back(Ok(near));
        far
    }

    pub(super) fn client<H: Harness>(&self) -> Reconnect<OnNetwork<H>> {
        self.client_with::<H>(config())
    }

    /// Returns a client whose connections have these settings.
    pub(super) fn client_with<H: Harness>(&self, config: Config) -> Reconnect<OnNetwork<H>> {
        let config = Arc::new(config);
        let attempts = self.clone();
        Reconnect::new(move || {
            let next = {
                let mut plan = attempts.plan();
                plan.made += 1;
                plan.left.pop_front().expect("no further attempt")
            };
            let config = config.clone();
            async move {
                pause().await;
                let io = wrap::<H>(next?);
                Ok(WebSocket::from_parts(
                    io,
                    Role::Client,
                    Bytes::new(),
                    config,
                ))
            }
        })
    }
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) fn lost(event: Result<Option<Event>, GaveUp>) -> (Loss, Duration) {
    match event {
        Ok(Some(Event::Lost { loss, retry_in })) => (loss, retry_in),
        other => panic!("{other:?}"),
    }
}

pub(super) fn message(event: Result<Option<Event>, GaveUp>) -> String {
    match event {
        Ok(Some(Event::Message(message))) => message.as_text().expect("text").to_owned(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn is_opened(event: Result<Option<Event>, GaveUp>) -> bool {
    matches!(event, Ok(Some(Event::Opened)))
}
