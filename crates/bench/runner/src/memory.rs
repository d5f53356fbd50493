//! Memory: resident bytes and counted heap of each connection, idle, after one message, after large
//! ones, and while peers stall.

use std::process::Command;
use std::time::Duration;

use wskit_bench_load::arguments::Arguments;
use wskit_bench_load::process::resident_bytes;

use crate::catalog::{self, Entry};
use crate::cell::Cell;
use crate::machine;
use crate::process::{self, Running, Start, arguments_for};
use crate::settings::Settings;
use crate::table::Table;

/// Runs `--servers` with `--connections`, without compression or with `--deflate takeover|alone`.
///
/// # Errors
/// The command line, or programs that do not start.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let entries = catalog::pick(arguments.text("servers"), USUAL)?;
    let connections: usize = arguments.value("connections", 10_000)?;
    let deflate = match arguments.text("deflate") {
        None => None,
        Some("takeover") => Some("takeover"),
        Some("alone") => Some("alone"),
        Some(other) => return Err(format!("{other}: takeover or alone").into()),
    };
    let cell = Cell {
        size: 1024,
        connections,
        depth: 1,
        kind: "binary",
        deflate,
        tls: None,
    };
    settings.print(&machine::facts());
    for counting in [false, true] {
        let mut table = Table::new(
            ["server"]
                .into_iter()
                .chain(PHASES.iter().map(|(title, _)| *title)),
        );
        for entry in &entries {
            if (counting && entry.program == "node") || (deflate.is_some() && !entry.deflates) {
                continue;
            }
            let mut row = vec![entry.name.to_owned()];
            match one(settings, entry, &cell, counting, PHASES) {
                Ok(figures) => row.extend(figures.iter().map(|figure| format!("{figure:.0}"))),
                Err(error) => {
                    eprintln!("{}: {error}", entry.name);
                    row.extend(PHASES.iter().map(|_| "-".to_owned()));
                }
            }
            table.row(row);
            eprintln!("{}", entry.name);
        }
        let what = if counting {
            "Counted heap"
        } else {
            "Resident memory"
        };
        let with = match deflate {
            None => String::new(),
            Some(mode) => format!(", permessage-deflate ({mode})"),
        };
        settings.print(&format!(
            "\n### {what}: bytes by {connections} connections, less what the server had before{with}\n"
        ));
        settings.print(&table.render());
    }
    Ok(())
}

/// Titles, and the commands for the load generator before each measurement.
const PHASES: &[(&str, &str)] = &[
    ("idle", ""),
    ("after 1 KiB each", "echo 1024 1000000"),
    ("after 1 MiB on 200", "echo 1048576 200"),
    ("1,000 stalled in 64 KiB", "halves 65536 1000"),
    ("after that", "finish"),
    ("200 not reading 1 MiB", "unread 1048576 200"),
    ("after that", "drain"),
];

const USUAL: &[&str] = &[
    "raw",
    "wskit-lent",
    "wskit-owned",
    "wskit-split",
    "tungstenite",
    "tokio-websockets",
    "fastwebsockets",
    "yawc",
    "sockudo",
    "web-socket",
];

/// One server; a figure after each of the phases.
///
/// # Errors
/// A program does not start, or fails.
pub fn one(
    settings: &Settings,
    entry: &Entry,
    cell: &Cell,
    counting: bool,
    phases: &[(&str, &str)],
) -> std::io::Result<Vec<f64>> {
    let more = arguments_for(cell);
    let start = Start {
        more: &more,
        counting,
        ..Start::default()
    };
    let mut server = process::server(settings, entry, &start)?;
    let mut measure = || -> std::io::Result<f64> {
        // Until the server has done what was asked for.
        std::thread::sleep(Duration::from_millis(300));
        if counting {
            let counts = server.process.counts()?;
            return Ok(counts.get("live").copied().unwrap_or(f64::NAN));
        }
        Ok(resident_bytes(server.process.pid) as f64)
    };
    let before = measure()?;
    let mut command = Command::new(settings.bin.join("wskit-bench-load"));
    command.args(["idle", "--address", &server.address]);
    command.args(["--connections", &cell.connections.to_string()]);
    if entry.role == catalog::Role::Raw {
        command.arg("--raw");
    }
    if let Some(provider) = cell.tls {
        command.args(["--tls", provider]);
    }
    if let Some(offer) = cell.offer() {
        command.args(["--offer", offer]);
    }
    let mut load = Running::start(command, &settings.load_cpus)?;
    let mut figures = Vec::new();
    for (_, phase) in phases {
        if !phase.is_empty() {
            load.tell(phase)?;
        }
        load.line()?;
        figures.push((measure()? - before) / cell.connections as f64);
    }
    load.tell("end")?;
    Ok(figures)
}
