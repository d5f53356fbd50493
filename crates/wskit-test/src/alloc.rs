//! A counting allocator, for tests of how much memory is held and how often it is allocated.
//!
//! A test file installs it and compares counts of its own thread:
//!
//! ```standalone_crate
//! use wskit_test::alloc::{self, Counting};
//!
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//!
//! # fn main() {
//! let (calls, live) = (alloc::calls(), alloc::live());
//! let kept = vec![0_u8; 1000];
//! assert_eq!(alloc::calls() - calls, 1);
//! assert_eq!(alloc::live() - live, 1000);
//! assert_eq!(alloc::rise(|| drop(vec![0_u8; 500])), 500);
//! drop(kept);
//! # }
//! ```
#![allow(unsafe_code, reason = "a global allocator is unsafe to implement")]
#![allow(
    clippy::cast_possible_wrap,
    reason = "no test allocates half of the address space"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, with the calls and bytes of each thread counted.
///
/// Counts are per thread, so tests that run side by side do not disturb each other. Memory that
/// is freed on another thread than it was allocated on is subtracted there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counting;

#[derive(Clone, Copy)]
struct Counts {
    calls: usize,
    live: isize,
    peak: isize,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { calls: 0, live: 0, peak: 0 }) };
}

/// Returns the allocations of this thread so far. Reallocations count, deallocations do not.
#[must_use]
pub fn calls() -> usize {
    COUNTS.get().calls
}

/// Returns the bytes that this thread has allocated and not freed.
///
/// Negative if the thread has freed more than it has allocated.
#[must_use]
pub fn live() -> isize {
    COUNTS.get().live
}

/// Returns the most bytes that were live at once on this thread since the last call, and starts a new
/// measurement.
pub fn take_peak() -> isize {
    let counts = COUNTS.get();
    COUNTS.set(Counts {
        peak: counts.live,
        ..counts
    });
    counts.peak
}

/// Runs `f` and returns how far the live bytes rose above where they were before.
pub fn rise(f: impl FnOnce()) -> isize {
    take_peak();
    let before = live();
    f();
    take_peak() - before
}

fn count(calls: usize, bytes: isize) {
    // The counters are gone while their thread ends; nothing is measured then.
    let _ = COUNTS.try_with(|counts| {
        let before = counts.get();
        let live = before.live + bytes;
        counts.set(Counts {
            calls: before.calls + calls,
            live,
            peak: before.peak.max(live),
        });
    });
}

// SAFETY: every call is passed on to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(0, -(layout.size() as isize));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size as isize - layout.size() as isize);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(at, layout, size) }
    }
}
