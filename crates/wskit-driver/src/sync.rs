//! Everything shared between threads comes from here, so that a model checker can take its place.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

// Reference counts and `Wake` stay those of std: `std::task::Wake` asks for them by type.
pub(crate) use std::sync::Arc;

/// Locks. A thread that panicked while it held the lock left no half-made state: every change under
/// these locks is a sequence of calls that each keep their own invariants.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    #[cfg(all(test, not(loom)))]
    LOCKS.set(LOCKS.get() + 1);
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(all(test, not(loom)))]
thread_local! {
    static LOCKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How often this thread has locked anything.
#[cfg(all(test, not(loom)))]
pub(crate) fn locks() -> usize {
    LOCKS.get()
}
