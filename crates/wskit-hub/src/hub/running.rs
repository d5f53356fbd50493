use std::cell::Cell;

use super::inner::Inner;

#[cfg(not(loom))]
thread_local! {
    /// The address of the hub whose shards this thread runs, or 0.
    static RUNNING: Cell<usize> = const { Cell::new(0) };
}
#[cfg(loom)]
loom::thread_local! {
    static RUNNING: Cell<usize> = Cell::new(0);
}

/// This thread runs shards of a hub, until this is dropped: what becomes ready in the hub meanwhile is run
/// after that, not within.
///
/// If the application's code within a turn uses another hub, and that one's uses the first again, turns are
/// nested. Each is of another shard, so that there is an end to it.
pub(super) struct Running {
    before: usize,
}

impl Running {
    /// Whether this thread runs shards of the hub.
    pub(super) fn is_here(hub: &Inner) -> bool {
        RUNNING.with(Cell::get) == address(hub)
    }

    pub(super) fn begin(hub: &Inner) -> Self {
        Self {
            before: RUNNING.with(|running| running.replace(address(hub))),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.with(|running| running.set(self.before));
    }
}

fn address(hub: &Inner) -> usize {
    std::ptr::from_ref(hub).addr()
}
