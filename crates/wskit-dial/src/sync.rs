//! The lock that threads share, so that a model checker can take its place.

#[cfg(loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

// loom has no `Arc` that `std::task::Wake` accepts.
pub(crate) use std::sync::Arc;

/// Locks, also after a panic in another thread: no change under these locks is ever left half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
