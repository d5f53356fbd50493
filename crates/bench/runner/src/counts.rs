//! Figures without noise: system calls, allocations and user-space instructions of each message, as
//! the difference between two runs that differ in the number of messages alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use wskit_bench_load::arguments::Arguments;

use crate::catalog::{self, Entry, Role};
use crate::cell::Cell;
use crate::machine;
use crate::process::{self, Start, arguments_for};
use crate::settings::Settings;
use crate::table::Table;

/// Runs `--cells` for `--servers`; `--only syscalls,allocations,instructions` does less; `--keep DIR`
/// keeps callgrind's files, for `callgrind_annotate`; `--messages N` counts instructions over `N`
/// (10,000; 2,000 of more than 4 KiB).
///
/// # Errors
/// The command line. A count that fails is missing.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let list = arguments
        .text("cells")
        .unwrap_or("16x8x1,16x8x16,16384x8x1,16384x8x16");
    let cells: Vec<Cell> = list.split(',').map(Cell::parse).collect::<Result<_, _>>()?;
    let entries = catalog::pick(arguments.text("servers"), catalog::USUAL)?;
    let only = arguments
        .text("only")
        .unwrap_or("syscalls,allocations,instructions");
    let keep = arguments.text("keep").map(PathBuf::from);
    if let Some(keep) = &keep {
        std::fs::create_dir_all(keep)?;
    }
    let usual: u64 = arguments.value("messages", 0)?;
    settings.print(&machine::facts());
    for cell in &cells {
        let messages = match usual {
            0 if cell.size > 4096 => 2_000,
            0 => 10_000,
            given => given,
        };
        let mut table = Table::new([
            "server",
            "reads",
            "writes",
            "epoll",
            "other calls",
            "allocations",
            "bytes allocated",
            "instructions",
        ]);
        for entry in &entries {
            if cell.deflate.is_some() && !entry.deflates {
                continue;
            }
            let mut row = vec![entry.name.to_owned()];
            let calls = only
                .contains("syscalls")
                .then(|| syscalls(settings, entry, cell, 20_000));
            row.extend(shown(calls, 4, 3));
            let heap = only
                .contains("allocations")
                .then(|| allocations(settings, entry, cell));
            row.extend(shown(heap, 2, 2));
            let count = only.contains("instructions").then(|| {
                let usual = Start::default();
                instructions(settings, entry, cell, messages, keep.as_deref(), &usual)
                    .map(|count| vec![count])
            });
            row.extend(shown(count, 1, 0));
            table.row(row);
            eprintln!("{} at {cell}", entry.name);
        }
        settings.print(&format!("\n### {cell}, each message\n"));
        settings.print(&table.render());
    }
    Ok(())
}

fn shown(values: Option<std::io::Result<Vec<f64>>>, columns: usize, digits: usize) -> Vec<String> {
    match values {
        Some(Ok(values)) => values
            .iter()
            .map(|value| format!("{value:.digits$}"))
            .collect(),
        Some(Err(error)) => {
            eprintln!("{error}");
            vec!["-".to_owned(); columns]
        }
        None => vec!["-".to_owned(); columns],
    }
}

/// Sends this number of windows on each connection.
fn send(
    settings: &Settings,
    entry: &Entry,
    cell: &Cell,
    address: &str,
    windows: u64,
) -> std::io::Result<()> {
    let mut arguments = cell.load_arguments();
    if entry.role == Role::Raw {
        arguments.push("--raw".to_owned());
    }
    for (name, value) in [
        ("--address", address.to_owned()),
        ("--windows", windows.to_string()),
    ] {
        arguments.extend([name.to_owned(), value]);
    }
    process::load(settings, "echo", &arguments).map(drop)
}

/// Windows of the short run and of the long one, so that the long one has some thousand messages more.
fn windows(cell: &Cell, messages: u64) -> (u64, u64) {
    let window = (cell.connections * cell.depth) as u64;
    let few = 20;
    (few, few + (messages / window).max(10))
}

fn per_message(cell: &Cell, (few, many): (u64, u64), difference: f64) -> f64 {
    difference / ((many - few) as f64 * (cell.connections * cell.depth) as f64)
}

/// Reads, writes, waits and other system calls of each message, over this many messages.
///
/// # Errors
/// A program does not start, or fails.
pub fn syscalls(
    settings: &Settings,
    entry: &Entry,
    cell: &Cell,
    messages: u64,
) -> std::io::Result<Vec<f64>> {
    let windows = windows(cell, messages);
    let count = |windows: u64| -> std::io::Result<BTreeMap<String, f64>> {
        let file = scratch("strace");
        let under = ["strace", "-f", "-c", "-o", &file.display().to_string()].map(str::to_owned);
        let more = arguments_for(cell);
        let start = Start {
            under: &under,
            more: &more,
            ..Start::default()
        };
        let server = process::server(settings, entry, &start)?;
        let sent = send(settings, entry, cell, &server.address, windows);
        server.process.end()?;
        sent?;
        let text = std::fs::read_to_string(&file)?;
        let _ = std::fs::remove_file(&file);
        let calls = strace_calls(&text);
        if calls.is_empty() {
            return Err(std::io::Error::other("strace counted nothing"));
        }
        Ok(calls)
    };
    let (few, many) = (count(windows.0)?, count(windows.1)?);
    let mut sums = [0.0; 4];
    for (name, calls) in &many {
        let difference = calls - few.get(name).unwrap_or(&0.0);
        let kind = match name.as_str() {
            "read" | "readv" | "recvfrom" | "recvmsg" => 0,
            "write" | "writev" | "sendto" | "sendmsg" => 1,
            name if name.starts_with("epoll") => 2,
            _ => 3,
        };
        sums[kind] += per_message(cell, windows, difference);
    }
    Ok(sums.map(|sum| sum.max(0.0)).to_vec())
}

/// The calls in strace's summary: `% seconds us/call calls [errors] name`.
fn strace_calls(text: &str) -> BTreeMap<String, f64> {
    text.lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            words.first()?.parse::<f64>().ok()?;
            let name = *words.last()?;
            (name != "total").then(|| {
                (
                    name.to_owned(),
                    words.get(3).and_then(|n| n.parse().ok()).unwrap_or(0.0),
                )
            })
        })
        .collect()
}

fn allocations(settings: &Settings, entry: &Entry, cell: &Cell) -> std::io::Result<Vec<f64>> {
    if entry.program == "node" {
        return Ok(vec![f64::NAN, f64::NAN]);
    }
    let windows = windows(cell, 20_000);
    let count = |windows: u64| -> std::io::Result<(f64, f64)> {
        let more = arguments_for(cell);
        let start = Start {
            more: &more,
            counting: true,
            ..Start::default()
        };
        let mut server = process::server(settings, entry, &start)?;
        send(settings, entry, cell, &server.address, windows)?;
        let counts = server.process.counts()?;
        Ok((counts["allocations"], counts["bytes"]))
    };
    let (few, many) = (count(windows.0)?, count(windows.1)?);
    Ok(vec![
        per_message(cell, windows, many.0 - few.0),
        per_message(cell, windows, many.1 - few.1),
    ])
}

/// User-space instructions of a server for each message, with the workers of `start`.
///
/// # Errors
/// They cannot be counted.
pub fn instructions(
    settings: &Settings,
    entry: &Entry,
    cell: &Cell,
    messages: u64,
    keep: Option<&Path>,
    start: &Start<'_>,
) -> std::io::Result<f64> {
    let windows = windows(cell, messages);
    let file = keep.map(|keep| {
        let Cell {
            size,
            connections,
            depth,
            ..
        } = cell;
        keep.join(format!(
            "callgrind.{}.{size}x{connections}x{depth}",
            entry.name
        ))
    });
    let runs = [windows.0, windows.1];
    let more = arguments_for(cell);
    let start = Start {
        more: &more,
        ..*start
    };
    let totals = totals(
        settings,
        entry,
        &start,
        runs,
        file.as_deref(),
        &mut |address, windows| send(settings, entry, cell, address, windows),
    )?;
    Ok(per_message(cell, windows, totals[1] - totals[0]))
}

/// Instructions of a whole server, once for each of the two runs that `drive` does. Callgrind's files
/// stay if they have a name: with the number of the run behind it.
///
/// # Errors
/// It cannot be counted.
pub fn totals(
    settings: &Settings,
    entry: &Entry,
    start: &Start<'_>,
    runs: [u64; 2],
    keep: Option<&Path>,
    drive: &mut dyn FnMut(&str, u64) -> std::io::Result<()>,
) -> std::io::Result<[f64; 2]> {
    let mut totals = [0.0; 2];
    for (run, total) in runs.into_iter().zip(&mut totals) {
        let file = match keep {
            Some(keep) => PathBuf::from(format!("{}.{run}", keep.display())),
            None => scratch("callgrind"),
        };
        let out = format!("--callgrind-out-file={}", file.display());
        let under = ["valgrind", "-q", "--tool=callgrind", &out].map(str::to_owned);
        let start = Start {
            under: &under,
            ..*start
        };
        let server = process::server(settings, entry, &start)?;
        let driven = drive(&server.address, run);
        server.process.end()?;
        driven?;
        let text = std::fs::read_to_string(&file)?;
        if keep.is_none() {
            let _ = std::fs::remove_file(&file);
        }
        *total = total_of(&text)?;
    }
    Ok(totals)
}

/// The total of a file of callgrind.
///
/// # Errors
/// There is none.
pub fn total_of(text: &str) -> std::io::Result<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("totals: "));
    line.and_then(|line| line.trim().parse().ok())
        .ok_or_else(|| std::io::Error::other("callgrind counted nothing"))
}

/// A file of this process.
pub fn scratch(what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("wskit-bench-{what}-{}", std::process::id()))
}
