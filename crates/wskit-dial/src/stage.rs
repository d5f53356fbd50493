use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wskit_driver::{Elapsed, Timer};

use crate::dial_error::DialError;
use crate::proxy::ProxyError;

/// Whether a connection that is being dialled waits for a proxy.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    by_proxy: AtomicBool,
}

impl Stage {
    pub(crate) fn enter_proxy(&self) {
        self.by_proxy.store(true, Ordering::Relaxed);
    }

    pub(crate) fn leave_proxy(&self) {
        self.by_proxy.store(false, Ordering::Relaxed);
    }

    /// Runs a dial that reports its stages here for at most `limit`, and blames the proxy for a timeout
    /// in its stage.
    pub(crate) async fn within<S>(
        &self,
        timer: impl Timer,
        limit: Duration,
        dialling: impl Future<Output = Result<S, DialError>>,
    ) -> Result<S, DialError> {
        match timer.within(limit, dialling).await {
            Err(Elapsed::Timeout) if self.by_proxy.load(Ordering::Relaxed) => {
                Err(ProxyError::Timeout.into())
            }
            dialled => dialled?,
        }
    }
}
