use std::cell::RefCell;

use super::inner::Inner;

#[cfg(not(loom))]
thread_local! {
    /// The addresses of the hubs whose shards this thread runs, the outermost first.
    static RUNNING: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}
#[cfg(loom)]
loom::thread_local! {
    static RUNNING: RefCell<Vec<usize>> = RefCell::new(Vec::new());
}

/// This thread runs shards of a hub, until this is dropped: what becomes ready in the hub meanwhile is run
/// after that, not within.
///
/// If the application's code within a turn uses another hub, that one's shards run within. If that one's code
/// uses the first again, its shards wait for the outer turn: it may be encoding the very message.
pub(super) struct Running(());

impl Running {
    /// Whether this thread runs shards of the hub.
    pub(super) fn is_here(hub: &Inner) -> bool {
        RUNNING.with(|running| running.borrow().contains(&address(hub)))
    }

    pub(super) fn begin(hub: &Inner) -> Self {
        RUNNING.with(|running| running.borrow_mut().push(address(hub)));
        Self(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with(|running| running.borrow_mut().pop());
    }
}

fn address(hub: &Inner) -> usize {
    std::ptr::from_ref(hub).addr()
}
