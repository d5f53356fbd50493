//! The tools that count: callgrind, strace, and an allocator of our own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wskit_bench_guard::Cell;

use crate::figure::{Build, Figure, Kind};

/// Where the measured programs are, and where records may be written.
#[derive(Debug)]
pub(crate) struct Programs {
    default: PathBuf,
    v3: PathBuf,
    scratch: PathBuf,
}

/// A number per message, and what it is made of where that is known.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) value: f64,
    pub(crate) parts: String,
}

impl Programs {
    pub(crate) fn new(default: PathBuf, v3: PathBuf) -> Result<Self, String> {
        let scratch = default.join("guard-records");
        fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
        Ok(Self {
            default,
            v3,
            scratch,
        })
    }

    /// Runs the figure's cell once, on the processor of this number.
    pub(crate) fn measure(&self, figure: Figure, processor: usize) -> Result<Measured, String> {
        let Figure { build, cell, kind } = figure;
        match kind {
            Kind::Instructions => {
                let (record, messages) = self.callgrind(build, cell, processor)?;
                let totals = text(&record)?
                    .lines()
                    .find_map(|line| line.strip_prefix("totals: ")?.trim().parse::<u64>().ok())
                    .ok_or_else(|| format!("{}: no totals", record.display()))?;
                Ok(Measured {
                    value: totals as f64 / messages,
                    parts: String::new(),
                })
            }
            Kind::Calls => self.strace(build, cell, processor, |_| true),
            Kind::Writes => self.strace(build, cell, processor, |call| WRITES.contains(&call)),
            Kind::Records => self.told("subject", "records", figure, processor),
            Kind::Allocations => self.told("subject-counted", "allocations", figure, processor),
        }
    }

    /// What a program itself says.
    fn told(
        &self,
        program: &str,
        name: &str,
        Figure { build, cell, .. }: Figure,
        processor: usize,
    ) -> Result<Measured, String> {
        let program = self.directory(build).join(program);
        let output = run(Command::new(program).args(subject(cell, processor)))?;
        Ok(Measured {
            value: number(&output, name)? / number(&output, "messages")?,
            parts: String::new(),
        })
    }

    /// The record of the rounds that count, and the messages in them.
    pub(crate) fn callgrind(
        &self,
        build: Build,
        cell: Cell,
        processor: usize,
    ) -> Result<(PathBuf, f64), String> {
        let name = format!("callgrind {build} {cell}").replace(' ', "-");
        let record = self.scratch.join(name);
        let output = run(Command::new("valgrind")
            .args(["-q", "--tool=callgrind"])
            // One record up to each mark: the second one is that of the rounds that count.
            .arg("--dump-before=wskit_guard_mark")
            // Not inside the client. The order matters: the first option alone would mean the contrary.
            .args([
                "--toggle-collect=wskit_guard_client",
                "--collect-atstart=yes",
            ])
            .arg(format!("--callgrind-out-file={}", record.display()))
            .arg(self.directory(build).join("subject"))
            .args(subject(cell, processor)))?;
        record_of_rounds(&record, number(&output, "messages")?)
    }

    /// System calls between the marks, without the client's: those that count by their name.
    fn strace(
        &self,
        build: Build,
        cell: Cell,
        processor: usize,
        counts: impl Fn(&str) -> bool,
    ) -> Result<Measured, String> {
        // Two figures of a cell may be measured at the same time.
        let name = format!("strace {build} {cell} {processor}").replace(' ', "-");
        let record = self.scratch.join(name);
        let output = run(Command::new("strace")
            .args(["-f", "-qq", "-o"])
            .arg(&record)
            .arg(self.directory(build).join("subject"))
            .args(subject(cell, processor)))?;
        let messages = number(&output, "messages")?;
        let mut marks = 0;
        let mut calls: BTreeMap<&str, u32> = BTreeMap::new();
        let lines = text(&record)?;
        for line in lines.lines() {
            // `1234 recvfrom(9, ...) = 22`; a call that was interrupted goes on in a line of its own.
            let Some((name, _)) = line.split_once('(') else {
                continue;
            };
            match name.rsplit(' ').next().unwrap_or_default() {
                MARK => marks += 1,
                name if marks == 1 && !CLIENT.contains(&name) && counts(name) => {
                    *calls.entry(name).or_default() += 1;
                }
                _ => {}
            }
        }
        if marks != 2 {
            return Err(format!("{}: {marks} marks, not 2", record.display()));
        }
        let mut parts = ":".to_owned();
        for (name, count) in &calls {
            let _ = write!(parts, " {name} {:.3}", f64::from(*count) / messages);
        }
        Ok(Measured {
            value: f64::from(calls.values().sum::<u32>()) / messages,
            parts,
        })
    }

    fn directory(&self, build: Build) -> &Path {
        match build {
            Build::Default => &self.default,
            Build::V3 => &self.v3,
        }
    }
}

/// What marks the beginning and the end of the rounds that count.
const MARK: &str = "getppid";

/// What the server writes to sockets with.
const WRITES: [&str; 3] = ["write", "writev", "sendto"];

/// What only the client calls.
const CLIENT: [&str; 2] = ["sendmsg", "recvmsg"];

fn subject(cell: Cell, processor: usize) -> Vec<String> {
    let mut arguments: Vec<String> = cell.to_string().split(' ').map(str::to_owned).collect();
    arguments.push(processor.to_string());
    arguments
}

fn record_of_rounds(record: &Path, messages: f64) -> Result<(PathBuf, f64), String> {
    let part = |n: u32| PathBuf::from(format!("{}.{n}", record.display()));
    if !part(2).exists() || part(3).exists() {
        return Err(format!("{}: not cut at two marks", record.display()));
    }
    Ok((part(2), messages))
}

fn run(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command
        .output()
        .map_err(|error| format!("{shown}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{shown}: {}\n{said}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn number(output: &str, name: &str) -> Result<f64, String> {
    output
        .lines()
        .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
        .ok_or_else(|| format!("the program did not tell its {name}"))
}

fn text(file: &Path) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))
}
