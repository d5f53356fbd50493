//! Pinning threads to cores.

use std::io;

/// Pins the calling thread, and what it spawns from now on (processes too), to these cores. An empty
/// list changes nothing.
///
/// # Errors
/// The kernel's, for example when there is no such core.
pub fn pin(cpus: &[usize]) -> io::Result<()> {
    if cpus.is_empty() {
        return Ok(());
    }
    // SAFETY: a zeroed `cpu_set_t` is the empty set, and the kernel only reads it.
    let done = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        for &cpu in cpus {
            libc::CPU_SET(cpu, &mut set);
        }
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Reads a list such as `0` or `2,3`.
///
/// # Errors
/// What is not a number.
pub fn parse(list: &str) -> Result<Vec<usize>, String> {
    list.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().map_err(|_| format!("{part}: not a core")))
        .collect()
}
