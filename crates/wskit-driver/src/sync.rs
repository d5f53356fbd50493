//! The types that threads share. Loom replaces them in the models.

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

// `Arc` stays that of std, because `std::task::Wake` is implemented for it.
pub(crate) use std::sync::Arc;

/// Locks a mutex, even if it is poisoned.
///
/// A thread that panics under one of these locks leaves no broken state: every change is a sequence of
/// calls that each keep their invariants.
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

/// Returns how often this thread has locked a mutex.
#[cfg(all(test, not(loom)))]
pub(crate) fn locks() -> usize {
    LOCKS.get()
}
