//! With the feature `count`, an allocator that counts. Without it, the system's.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static CALLS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static FREED: AtomicU64 = AtomicU64::new(0);

/// Returns one line: allocations so far, with reallocations, their bytes, and bytes live now. All are 0
/// without the feature.
#[must_use]
pub fn line() -> String {
    let (bytes, freed) = (BYTES.load(Relaxed), FREED.load(Relaxed));
    format!(
        "counts allocations={} bytes={bytes} live={}",
        CALLS.load(Relaxed),
        bytes.wrapping_sub(freed)
    )
}

#[cfg(feature = "count")]
mod allocator {
    use std::alloc::{GlobalAlloc, Layout, System};

    use super::{BYTES, CALLS, FREED, Relaxed};

    struct Counting;

    #[global_allocator]
    static COUNTING: Counting = Counting;

    // SAFETY: every call is passed on to the system's allocator; only numbers are kept.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            CALLS.fetch_add(1, Relaxed);
            BYTES.fetch_add(layout.size() as u64, Relaxed);
            // SAFETY: the caller keeps the contract.
            unsafe { System.alloc(layout) }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            CALLS.fetch_add(1, Relaxed);
            BYTES.fetch_add(layout.size() as u64, Relaxed);
            // SAFETY: the caller keeps the contract.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
            FREED.fetch_add(layout.size() as u64, Relaxed);
            // SAFETY: the caller keeps the contract.
            unsafe { System.dealloc(at, layout) }
        }

        unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            CALLS.fetch_add(1, Relaxed);
            FREED.fetch_add(layout.size() as u64, Relaxed);
            BYTES.fetch_add(size as u64, Relaxed);
            // SAFETY: the caller keeps the contract.
            unsafe { System.realloc(at, layout, size) }
        }
    }
}
