use std::future::Future;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wskit_driver::{Timer, within};

use crate::dial_error::DialError;
use crate::stage::Stage;

/// How far a connection that is being dialled has come: for the error, also that of a dial that is dropped
/// when the time is up.
#[derive(Debug)]
pub(crate) struct Progress(Mutex<Reached>);

#[derive(Debug)]
struct Reached {
    stage: Stage,
    /// The host and the port of the proxy, if there is one.
    proxy: Option<(String, u16)>,
    tried: Vec<Tried>,
}

/// An address that was tried.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) address: SocketAddr,
    pub(crate) error: Option<io::Error>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Reached {
            stage: Stage::Dial,
            proxy: None,
            tried: Vec::new(),
        }))
    }

    fn reached(&self) -> MutexGuard<'_, Reached> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the next stage. A proxy has a name and a TCP connection too, which are part of its stage.
    pub(crate) fn enter(&self, stage: Stage) {
        let mut reached = self.reached();
        if reached.stage != Stage::Proxy || !matches!(stage, Stage::Dns | Stage::Tcp) {
            reached.stage = stage;
        }
    }

    /// Records that a proxy is being asked.
    pub(crate) fn enter_proxy(&self, host: &str, port: u16) {
        let mut reached = self.reached();
        reached.stage = Stage::Proxy;
        reached.proxy = Some((host.to_owned(), port));
    }

    /// Records that an address is being tried.
    pub(crate) fn begin(&self, address: SocketAddr) {
        let error = None;
        self.reached().tried.push(Tried { address, error });
    }

    /// Records why the connection to an address failed.
    pub(crate) fn fail(&self, address: SocketAddr, error: &io::Error) {
        let mut reached = self.reached();
        let mut tried = reached.tried.iter_mut();
        if let Some(tried) = tried.find(|tried| tried.address == address) {
            tried.error = Some(copy(error));
        }
    }

    /// Runs a dial that records its stages here.
    pub(crate) async fn of<S>(
        &self,
        dialling: impl Future<Output = Result<S, DialError>>,
    ) -> Result<S, DialError> {
        dialling.await.map_err(|error| self.explain(error))
    }

    /// Runs a dial that records its stages here, for at most `limit`.
    pub(crate) async fn within<S>(
        &self,
        timer: impl Timer,
        limit: Duration,
        dialling: impl Future<Output = Result<S, DialError>>,
    ) -> Result<S, DialError> {
        match within(timer, limit, dialling).await {
            Ok(dialled) => dialled.map_err(|error| self.explain(error)),
            Err(elapsed) => Err(self.explain(elapsed.into())),
        }
    }

    /// Adds to an error the stage in which it happened, and the addresses that were tried.
    fn explain(&self, mut error: DialError) -> DialError {
        if let DialError::Connect(error) = &mut error {
            let mut reached = self.reached();
            error.set_stage(reached.stage);
            error.proxy = reached.proxy.take();
            error.tried = mem::take(&mut reached.tried);
        }
        error
    }
}

/// Returns an error with the same kind, text and number.
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
