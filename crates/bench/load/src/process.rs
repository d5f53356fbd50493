//! What the kernel says about a process: time, memory.

use std::fs;

/// Nanoseconds that all threads of a process have run, from the scheduler's own account. 0 if there
/// is no such process.
#[must_use]
pub fn cpu_nanos(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
        .sum()
}

/// Pages that the kernel had to find for a process so far. 0 if there is no such process.
#[must_use]
pub fn minor_faults(pid: u32) -> u64 {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name before, in parentheses, may contain anything.
    let rest = line.rsplit_once(") ").map_or("", |(_, rest)| rest);
    rest.split(' ')
        .nth(7)
        .and_then(|faults| faults.parse().ok())
        .unwrap_or(0)
}

/// Context switches of all threads of a process so far, its own waits and those that were forced on it. 0 if
/// there is no such process.
#[must_use]
pub fn context_switches(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
        .flat_map(|status| {
            let counts = status.lines().filter_map(|line| {
                let (_, count) = line.split_once("ctxt_switches:")?;
                count.trim().parse::<u64>().ok()
            });
            counts.collect::<Vec<u64>>()
        })
        .sum()
}

/// Resident bytes of a process (`VmRSS`). 0 if there is no such process.
#[must_use]
pub fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|line| {
            line.trim()
                .trim_end_matches(" kB")
                .trim()
                .parse::<u64>()
                .ok()
        })
        .map_or(0, |kib| kib * 1024)
}

/// Lifts the limit of open files to what this user may have, and says what that is.
#[must_use]
pub fn lift_open_files() -> u64 {
    // SAFETY: both calls get a valid struct.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return 0;
        }
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        limit.rlim_cur
    }
}

/// The CPU time of a process, to the nanosecond and cheap to read.
pub struct CpuClock(libc::clockid_t);

impl CpuClock {
    /// The clock of this process; it stands at 0 if there is no such process.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let mut clock = 0;
        // SAFETY: the call writes the clock's number. It fails if there is no such process.
        unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut clock) };
        Self(clock)
    }

    /// Nanoseconds that the process has run.
    #[must_use]
    pub fn nanos(&self) -> u64 {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the call writes a valid struct, or nothing if it fails.
        unsafe { libc::clock_gettime(self.0, &raw mut time) };
        time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
    }
}

/// Lets the calling thread run before all others of its core as soon as it is woken, and says whether
/// that was allowed (it takes the right to real-time scheduling).
#[must_use]
pub fn go_first() -> bool {
    // SAFETY: the call reads a valid struct.
    unsafe {
        let mut parameters: libc::sched_param = std::mem::zeroed();
        parameters.sched_priority = 1;
        libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) == 0
    }
}
