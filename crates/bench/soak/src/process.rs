//! What the kernel says about a process, and what it allows.

#![allow(unsafe_code, reason = "system calls that std does not make")]

use std::fs;

/// Resident bytes of a process. 0 if there is no such process.
pub fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok())
        .map_or(0, |kib: usize| kib * 1024)
}

/// Files, sockets among them, that a process has open.
pub fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Raises the limit of open files to `needed` if this user may, and answers what it is then.
pub fn allow_files(needed: usize) -> usize {
    let needed = needed as libc::rlim_t;
    // SAFETY: both calls get a valid struct.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return 0;
        }
        if limit.rlim_cur < needed {
            let raised = libc::rlimit {
                rlim_cur: needed,
                rlim_max: limit.rlim_max.max(needed),
            };
            if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) == 0 {
                return raised.rlim_cur as usize;
            }
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
        limit.rlim_cur as usize
    }
}
