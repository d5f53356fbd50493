use std::sync::atomic::{AtomicBool, Ordering};

/// Whom a connection waits for while it is dialled.
#[derive(Debug, Default)]
pub struct Stage {
    by_proxy: AtomicBool,
}

impl Stage {
    pub(super) fn enter_proxy(&self) {
        self.by_proxy.store(true, Ordering::Relaxed);
    }

    pub(super) fn leave_proxy(&self) {
        self.by_proxy.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_proxy(&self) -> bool {
        self.by_proxy.load(Ordering::Relaxed)
    }
}
