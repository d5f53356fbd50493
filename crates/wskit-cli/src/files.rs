//! The limit of open files, which bounds the number of connections.

/// Raises the limit as far as the system allows, and returns it.
pub(crate) fn raise_limit() -> Option<u64> {
    #[cfg(unix)]
    return rlimit::increase_nofile_limit(u64::MAX).ok();
    #[cfg(not(unix))]
    None
}

/// Reads a file that is named on the command line.
pub(crate) fn read(path: &std::path::Path) -> Result<Vec<u8>, crate::exit::Failure> {
    let failed = |error| crate::exit::Failure::of(path.display(), &error);
    std::fs::read(path).map_err(failed)
}
