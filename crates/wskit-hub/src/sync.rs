//! The types that threads share. Loom replaces them in the models.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

#[cfg(not(loom))]
pub(crate) use std::hash::RandomState;
#[cfg(not(loom))]
pub(crate) use wskit_driver::AnyWeakWriter;

#[cfg(loom)]
pub(crate) use crate::models::AnyWeakWriter;
// As in the driver, whose models share code with these.
#[cfg(all(loom, test))]
pub(crate) use std::sync::Arc;
/// Each run of a model does the same.
#[cfg(loom)]
pub(crate) type RandomState = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// A count that decides nothing, which the models leave out.
pub(crate) use std::sync::atomic::AtomicUsize as Counter;

/// Locks a mutex, even if it is poisoned: every change under these locks is a sequence of calls that each
/// keep their invariants.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
