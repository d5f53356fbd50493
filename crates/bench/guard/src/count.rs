//! The marks that the counting tools see.
//!
//! callgrind gets the names of two functions: it cuts its record at `wskit_guard_mark` and stops
//! counting inside `wskit_guard_client`. strace sees a mark as a `getppid`, which
//! nothing else calls, and knows the client by calls that only it makes (`sendmsg`, `recvmsg`).
//! Allocations are counted by the allocator of the program `subject-counted`, while [`counting`].

#![allow(
    unsafe_code,
    reason = "system calls by libc; function names for a tool"
)]

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

static ALLOCATIONS: Counter = Counter::new();
static RECORDS: Counter = Counter::new();
static MARKS: [AtomicI64; 2] = [AtomicI64::new(0), AtomicI64::new(0)];
static COUNTING: AtomicBool = AtomicBool::new(true);

struct Counter {
    now: AtomicU64,
    at_last_mark: AtomicU64,
    between_marks: AtomicU64,
}

impl Counter {
    const fn new() -> Self {
        Self {
            now: AtomicU64::new(0),
            at_last_mark: AtomicU64::new(0),
            between_marks: AtomicU64::new(0),
        }
    }

    fn add(&self) {
        self.now.fetch_add(1, Ordering::Relaxed);
    }

    fn mark(&self) {
        let now = self.now.load(Ordering::Relaxed);
        let before = self.at_last_mark.swap(now, Ordering::Relaxed);
        self.between_marks.store(now - before, Ordering::Relaxed);
    }

    fn between_marks(&self) -> u64 {
        self.between_marks.load(Ordering::Relaxed)
    }
}

/// Notes an allocation or a reallocation; for allocators.
pub fn allocated() {
    if COUNTING.load(Ordering::Relaxed) {
        ALLOCATIONS.add();
    }
}

/// Notes a TLS record of the server.
pub fn record() {
    RECORDS.add();
}

/// Nanoseconds that this thread has run between the last two marks.
pub fn nanos() -> i64 {
    let [from, to] = &MARKS;
    to.load(Ordering::Relaxed) - from.load(Ordering::Relaxed)
}

fn thread_nanos() -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: a valid pointer; the clock exists.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

/// Allocations and reallocations between the last two marks.
pub fn allocations() -> u64 {
    ALLOCATIONS.between_marks()
}

/// TLS records between the last two marks.
pub fn records() -> u64 {
    RECORDS.between_marks()
}

/// Whether allocations count from now on.
pub fn counting(on: bool) {
    COUNTING.store(on, Ordering::Relaxed);
}

/// Marks the start or the end of the rounds that count.
pub fn mark() {
    ALLOCATIONS.mark();
    RECORDS.mark();
    let [from, to] = &MARKS;
    from.store(
        to.swap(thread_nanos(), Ordering::Relaxed),
        Ordering::Relaxed,
    );
    wskit_guard_mark();
}

/// The function whose name callgrind gets.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn wskit_guard_mark() {
    // SAFETY: no arguments, no failure.
    std::hint::black_box(unsafe { libc::getppid() });
}

/// Binds this thread to one of the processors that it may use: the kernel then delivers what is
/// written to loopback before the writing call returns, in the same order in each run.
pub fn pin(nth: usize) {
    // SAFETY: a set of processors is plain bits, all zero is empty, and the sizes are those given.
    unsafe {
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        let size = size_of::<libc::cpu_set_t>();
        if libc::sched_getaffinity(0, size, &raw mut allowed) != 0 {
            return;
        }
        let usable: Vec<usize> = (0..libc::CPU_SETSIZE as usize)
            .filter(|&cpu| libc::CPU_ISSET(cpu, &allowed))
            .collect();
        if usable.is_empty() {
            return;
        }
        let mut one: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(usable[nth % usable.len()], &mut one);
        libc::sched_setaffinity(0, size, &raw const one);
    }
}
