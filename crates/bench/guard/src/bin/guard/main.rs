//! Measures, compares with the stored bounds, and fails if one is exceeded. `run.sh` builds what it
//! needs and calls it.

mod bounds;
mod figure;
mod judge;
mod profile;
mod tool;

use std::path::PathBuf;
use std::process::ExitCode;

use wskit_bench_guard::Cell;

use crate::bounds::Bounds;
use crate::figure::Build;
use crate::judge::Judge;
use crate::tool::Programs;

/// What the command line asks for.
#[derive(Debug, Default)]
struct Arguments {
    /// Measure only cells whose name (`v3 lent 16x16`) contains this.
    only: Option<String>,
    /// Store what is measured.
    update: bool,
    /// Print each figure of this many runs as its least and its greatest value; judge nothing.
    spread: Option<usize>,
    /// Print where the instructions of this cell go; judge nothing.
    profile: Option<(Build, Cell)>,
}

fn main() -> ExitCode {
    let outcome = arguments().and_then(|arguments| {
        let directory = |name| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .ok_or_else(|| format!("{name} is not set: call run.sh"))
        };
        let programs = Programs::new(
            directory("WSKIT_GUARD_DEFAULT")?,
            directory("WSKIT_GUARD_V3")?,
        )?;
        let file = directory("WSKIT_GUARD_BOUNDS")?;
        if let Some((build, cell)) = arguments.profile {
            return profile::print(&programs, build, cell).map(|()| true);
        }
        let judge = Judge {
            programs,
            bounds: Bounds::read(&file)?,
            only: arguments.only,
        };
        if let Some(runs) = arguments.spread {
            return judge.spread(runs).map(|()| true);
        }
        if arguments.update {
            return judge.update(&file).map(|()| true);
        }
        judge.check()
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("guard: {error}");
            ExitCode::from(2)
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut parsed = Arguments::default();
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or(format!("{argument} lacks its value"));
        match argument.as_str() {
            "--update" => parsed.update = true,
            "--only" => parsed.only = Some(value()?),
            "--spread" => parsed.spread = Some(value()?.parse().map_err(|_| USAGE)?),
            "--profile" => {
                let build = value()?.parse()?;
                let server = value()?;
                parsed.profile = Some((build, format!("{server} {}", value()?).parse()?));
            }
            _ => return Err(USAGE.into()),
        }
    }
    if parsed.update && parsed.only.is_some() {
        return Err("--update stores all figures: leave --only out".into());
    }
    Ok(parsed)
}

const USAGE: &str = "usage: run.sh [--update] [--only TEXT] [--spread RUNS] [--profile BUILD SERVER SIZExDEPTH]
  --update    store what is measured, with the slack, in bounds.txt
  --only      only the cells whose name contains TEXT, such as 'v3 lent 16x16'
  --spread    the least and the greatest of RUNS runs of each figure
  --profile   the functions that one cell spends its instructions in, such as: --profile v3 lent 16x16";
