//! Quiet connections beside others that flood: how long the quiet ones wait, and what gets through.

use wskit_bench_load::arguments::Arguments;

use crate::catalog::{self, Entry, Role};
use crate::cell::Cell;
use crate::machine;
use crate::measure::{median, spread};
use crate::process::{self, Start};
use crate::settings::Settings;
use crate::table::Table;

/// What floods, as a cell: size x connections x messages at once. Nothing does in the first.
const FLOODS: &[&str] = &[
    "none",
    "64x1x4096",
    "1048576x4x16",
    "4096x4x16jz",
    "1048576x4x16bz",
];

const USUAL: &[&str] = &[
    "wskit-lent",
    "wskit-lent-8m",
    "wskit-owned",
    "tungstenite",
    "tungstenite-batched",
    "tokio-websockets",
    "tokio-websockets-batched",
    "sockudo",
    "sockudo-batched",
    "yawc",
    "fastwebsockets",
];

/// Of the servers that compress: one of each library, because compression is what counts.
const DEFLATE: &[&str] = &["wskit-lent", "wskit-lent-8m", "sockudo", "yawc"];

/// Runs `--servers` beside `--floods` with `--quiet` connections that send `--rate` messages a second
/// each. `--peer NAME=PATH` adds a program that echoes and says `listening ADDRESS` (several by commas).
///
/// # Errors
/// The command line, or programs that do not start.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let plan = Plan {
        quiet: arguments.value("quiet", 100)?,
        rate: arguments.value("rate", 50)?,
        seconds: arguments.value("seconds", 1.5)?,
    };
    let floods = arguments
        .text("floods")
        .map_or(FLOODS.to_vec(), |list| list.split(',').collect());
    settings.print(&machine::facts());
    settings.print(&format!(
        "{} quiet connections, 16 B, {} messages a second on each.\n",
        plan.quiet, plan.rate
    ));
    for flood in floods {
        let cell = match flood {
            "none" => None,
            flood => Some(Cell::parse(flood)?),
        };
        if cell.is_some_and(|cell| cell.tls.is_some()) {
            return Err(format!("{flood}: the quiet connections speak no TLS").into());
        }
        let is_compressed = cell.is_some_and(|cell| cell.deflate.is_some());
        let usual = if is_compressed { DEFLATE } else { USUAL };
        let mut entries = catalog::pick(arguments.text("servers"), usual)?;
        if is_compressed {
            entries.retain(|entry| entry.deflates);
        } else {
            entries.extend(peers(arguments)?);
        }
        let results = rounds(settings, &plan, &entries, cell.as_ref());
        let title = cell.map_or("nothing".to_owned(), |cell| cell.to_string());
        settings.print(&format!("### Beside {title}\n"));
        settings.print(&render(&entries, &results, cell.as_ref()));
    }
    Ok(())
}

struct Plan {
    quiet: usize,
    rate: usize,
    seconds: f64,
}

/// What one measurement came to.
struct Measured {
    p50: f64,
    p99: f64,
    p999: f64,
    /// The server's CPU time until 99 % were answered.
    work: f64,
    /// How late the load sent: 99 % were sent earlier.
    late: f64,
    /// Bytes of messages a second.
    flood: f64,
    /// Bytes of messages a second of the server's CPU time.
    flood_by_cpu: f64,
}

fn peers(arguments: &Arguments) -> Result<Vec<Entry>, Box<dyn std::error::Error>> {
    let mut entries = Vec::new();
    for peer in arguments
        .text("peer")
        .into_iter()
        .flat_map(|list| list.split(','))
    {
        let (name, path) = peer.split_once('=').ok_or("--peer wants NAME=PATH")?;
        let path = std::fs::canonicalize(path)?.display().to_string();
        entries.push(Entry {
            name: name.to_owned().leak(),
            program: path.leak(),
            arguments: &[],
            role: Role::Outsider,
            deflates: false,
        });
    }
    Ok(entries)
}

fn rounds(
    settings: &Settings,
    plan: &Plan,
    entries: &[Entry],
    cell: Option<&Cell>,
) -> Vec<Vec<Measured>> {
    let mut results: Vec<Vec<Measured>> = entries.iter().map(|_| Vec::new()).collect();
    for round in 0..settings.rounds {
        for i in 0..entries.len() {
            // Each round begins with another one.
            let i = (i + round) % entries.len();
            match measure(settings, plan, &entries[i], cell) {
                Ok(measured) => results[i].push(measured),
                Err(error) => eprintln!("{}: {error}", entries[i].name),
            }
        }
    }
    results
}

fn measure(
    settings: &Settings,
    plan: &Plan,
    entry: &Entry,
    cell: Option<&Cell>,
) -> Result<Measured, Box<dyn std::error::Error>> {
    let more = cell.map_or(Vec::new(), process::arguments_for);
    let start = Start {
        more: &more,
        ..Start::default()
    };
    let server = process::server(settings, entry, &start)?;
    let address = ["--address".to_owned(), server.address.clone()];
    let mut given = words([
        ("--connections", plan.quiet.to_string()),
        ("--rate", plan.rate.to_string()),
        ("--seconds", plan.seconds.to_string()),
        ("--server", server.process.pid.to_string()),
    ]);
    given.extend_from_slice(&address);
    if let Some(offer) = cell.and_then(Cell::offer) {
        given.extend(["--offer".to_owned(), offer.to_owned()]);
    }
    let mut quiet = process::start_load(settings, "quiet", &given)?;
    if quiet.line()? != "ready" {
        return Err("the quiet connections are not ready".into());
    }
    // A process of its own, which the quiet one interrupts as soon as an answer is there. Its calls are
    // short, because not every kernel lets itself be interrupted.
    let flood = match cell {
        None => None,
        Some(cell) => {
            let mut given = words([
                ("--threads", "1".to_owned()),
                ("--warmup", "0.3".to_owned()),
                // For longer than the quiet ones are measured.
                ("--seconds", (plan.seconds + 0.5).to_string()),
                ("--chunk", (64 << 10).to_string()),
                ("--server", server.process.pid.to_string()),
            ]);
            given.extend_from_slice(&address);
            given.extend(cell.load_arguments());
            Some((cell, process::start_load(settings, "echo", &given)?))
        }
    };
    let line = process::values(&quiet.line()?);
    let value = |name: &str| line.get(name).copied().unwrap_or(f64::NAN);
    let (flood, flood_by_cpu) = match flood {
        None => (f64::NAN, f64::NAN),
        Some((cell, mut flood)) => {
            let values = process::values(&flood.line()?);
            let value = |name: &str| values.get(name).copied().unwrap_or(f64::NAN);
            let size = cell.size as f64;
            (
                value("per_second") * size,
                size / value("server_nanos") * 1e9,
            )
        }
    };
    if value("first") == 0.0 {
        eprintln!("no right to real-time scheduling: the load itself delays the quiet connections");
    }
    Ok(Measured {
        p50: value("p50_us"),
        p99: value("p99_us"),
        p999: value("p999_us"),
        work: value("work_us"),
        late: value("late_us"),
        flood,
        flood_by_cpu,
    })
}

fn words<const N: usize>(pairs: [(&str, String); N]) -> Vec<String> {
    pairs
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
}

fn render(entries: &[Entry], results: &[Vec<Measured>], cell: Option<&Cell>) -> String {
    let mut table = Table::new([
        "server",
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        "spread of p99 %",
        "CPU µs until answered (p99)",
        "flood MB/s",
        "flood MB by CPU second",
        "sent late by µs (p99)",
    ]);
    for (entry, measured) in entries.iter().zip(results) {
        let column = |of: fn(&Measured) -> f64| -> Vec<f64> { measured.iter().map(of).collect() };
        let mega = |values: &[f64]| match cell {
            None => "-".to_owned(),
            Some(_) => format!("{:.0}", median(values) / 1e6),
        };
        table.row([
            entry.name.to_owned(),
            format!("{:.0}", median(&column(|measured| measured.p50))),
            format!("{:.0}", median(&column(|measured| measured.p99))),
            format!("{:.0}", median(&column(|measured| measured.p999))),
            format!("{:.0}", spread(&column(|measured| measured.p99))),
            format!("{:.0}", median(&column(|measured| measured.work))),
            mega(&column(|measured| measured.flood)),
            mega(&column(|measured| measured.flood_by_cpu)),
            format!("{:.0}", median(&column(|measured| measured.late))),
        ]);
    }
    table.render()
}
