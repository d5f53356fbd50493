//! Servers that no registry has: `--peer NAME=PATH`, as often as wanted.

use wskit_bench_load::arguments::Arguments;

use crate::catalog::{Entry, Role};

/// Reads all of `--peer NAME=PATH`. A program is started as the servers here are, with the arguments that
/// the subcommand gives (see README.md), and says `listening ADDRESS` once it does. Its rows say that it is
/// foreign: it is neither built nor pinned to a version here.
///
/// # Errors
/// Something else than `NAME=PATH`, or no such file.
pub fn parse(arguments: &Arguments) -> Result<Vec<Entry>, Box<dyn std::error::Error>> {
    arguments
        .texts("peer")
        .map(|peer| {
            let (name, path) = peer.split_once('=').ok_or("--peer wants NAME=PATH")?;
            let path = std::fs::canonicalize(path).map_err(|error| format!("{path}: {error}"))?;
            Ok(Entry {
                name: format!("{name} (foreign)").leak(),
                program: path.display().to_string().leak(),
                arguments: &[],
                role: Role::Foreign,
                deflates: false,
            })
        })
        .collect()
}
