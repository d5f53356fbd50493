//! The grid of echo servers: messages, time, latency, and the ratio to raw TCP of the same round.

use wskit_bench_load::arguments::Arguments;

use crate::catalog::{self, Entry, Role};
use crate::cell::Cell;
use crate::measure::{median, short, spread};
use crate::process::{self, Start, arguments_for};
use crate::settings::Settings;
use crate::table::Table;
use crate::{chart, machine, peer};

/// Runs `--cells` (or `--short`, or `--report`, or all sizes, connections and depths) for `--servers`, and `--peer NAME=PATH`:
/// an echo server.
///
/// # Errors
/// The command line, or programs that do not start. A server that fails in a cell has no figure.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let cells = cells(arguments)?;
    let report_wanted = arguments.flag("report");
    let usual = match report_wanted {
        true => REPORTED,
        false => catalog::USUAL,
    };
    let mut entries = catalog::pick(arguments.text("servers"), usual)?;
    entries.extend(peer::parse(arguments)?);
    settings.print(&machine::facts());
    let mut results: Vec<Vec<Series>> = cells
        .iter()
        .map(|_| entries.iter().map(|_| Series::default()).collect())
        .collect();
    for round in 0..settings.rounds {
        for (cell, results) in cells.iter().zip(&mut results) {
            for turn in 0..entries.len() {
                // Each round begins with another one.
                let index = (turn + round) % entries.len();
                let entry = &entries[index];
                if cell.deflate.is_some() && !entry.deflates
                    || cell.tls.is_some() && entry.role == Role::Foreign
                {
                    continue;
                }
                match once(settings, entry, cell) {
                    Ok(sample) => results[index].push(round, &sample),
                    Err(error) => eprintln!("{} at {cell}, round {round}: {error}", entry.name),
                }
            }
        }
        eprintln!("round {} of {}", round + 1, settings.rounds);
    }
    report(settings, &cells, &entries, &results);
    let usual = report_wanted.then_some("performance.svg");
    if let Some(path) = arguments.text("chart").or(usual) {
        let bars: Vec<chart::Group> = cells
            .iter()
            .zip(&results)
            .map(|(cell, results)| chart_group(cell, &entries, results))
            .collect();
        std::fs::write(path, chart::render(&bars))?;
    }
    Ok(())
}

fn cells(arguments: &Arguments) -> Result<Vec<Cell>, String> {
    if let Some(list) = arguments.text("cells") {
        return list.split(',').map(Cell::parse).collect();
    }
    for (flag, cells) in [("short", SHORT), ("report", REPORT)] {
        if arguments.flag(flag) {
            return cells.iter().map(|cell| Cell::parse(cell)).collect();
        }
    }
    let mut cells = Vec::new();
    let suffixes: Vec<&str> = arguments
        .text("suffixes")
        .unwrap_or("")
        .split(',')
        .collect();
    for &size in &arguments.list("sizes", &[16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20])? {
        for &connections in &arguments.list("connections", &[1, 50, 500])? {
            for &depth in &arguments.list("depths", &[1, 16])? {
                // 500 windows of 16 MiB do not fit into memory.
                if size * connections * depth > 1 << 30 {
                    continue;
                }
                for suffix in &suffixes {
                    cells.push(Cell::parse(&format!(
                        "{size}x{connections}x{depth}{suffix}"
                    ))?);
                }
            }
        }
    }
    Ok(cells)
}

/// Measures one server in one cell once.
///
/// # Errors
/// A program does not start, or fails.
pub fn once(settings: &Settings, entry: &Entry, cell: &Cell) -> std::io::Result<Sample> {
    let more = arguments_for(cell);
    let start = Start {
        more: &more,
        ..Start::default()
    };
    let server = process::server(settings, entry, &start)?;
    let mut arguments = cell.load_arguments();
    if entry.role == Role::Raw {
        arguments.push("--raw".to_owned());
    }
    for (name, value) in [
        ("--address", server.address.clone()),
        ("--server", server.process.pid.to_string()),
        ("--seconds", seconds(settings, cell).to_string()),
        ("--warmup", (seconds(settings, cell) / 3.0).to_string()),
    ] {
        arguments.extend([name.to_owned(), value]);
    }
    let values = process::load(settings, "echo", &arguments)?;
    let get = |name: &str| values.get(name).copied().unwrap_or(f64::NAN);
    if get("messages") < 1.0 {
        return Err(std::io::Error::other("not one message came back in time"));
    }
    Ok(Sample {
        per_second: get("per_second"),
        nanos: get("server_nanos"),
        share: get("server_share"),
        faults: get("server_faults"),
        p50: get("p50_us"),
        p99: get("p99_us"),
        bytes: get("bytes_in") / get("messages"),
        load_nanos: get("load_nanos"),
        records: get("records") / get("messages"),
    })
}

/// Longer where a window of all connections takes long.
fn seconds(settings: &Settings, cell: &Cell) -> f64 {
    match cell.size * cell.connections * cell.depth {
        bytes if bytes >= 256 << 20 => settings.seconds * 4.0,
        bytes if bytes >= 32 << 20 => settings.seconds * 2.0,
        _ => settings.seconds,
    }
}

/// What was measured.
pub struct Sample {
    pub per_second: f64,
    pub nanos: f64,
    share: f64,
    faults: f64,
    p50: f64,
    p99: f64,
    bytes: f64,
    pub load_nanos: f64,
    /// TLS records of a message, from the server.
    pub records: f64,
}

/// One server in one cell, a value for each round (NaN where it failed).
#[derive(Default)]
struct Series {
    per_second: Vec<f64>,
    nanos: Vec<f64>,
    share: Vec<f64>,
    faults: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    bytes: Vec<f64>,
    load_nanos: Vec<f64>,
}

impl Series {
    fn push(&mut self, round: usize, sample: &Sample) {
        for (values, value) in [
            (&mut self.per_second, sample.per_second),
            (&mut self.nanos, sample.nanos),
            (&mut self.share, sample.share),
            (&mut self.faults, sample.faults),
            (&mut self.p50, sample.p50),
            (&mut self.p99, sample.p99),
            (&mut self.bytes, sample.bytes),
            (&mut self.load_nanos, sample.load_nanos),
        ] {
            values.resize(round, f64::NAN);
            values.push(value);
        }
    }

    /// Ratio of `other`'s time to ours, round by round: above 1 we are cheaper.
    fn ratios(&self, other: &Self) -> Vec<f64> {
        let pairs = other.nanos.iter().zip(&self.nanos);
        pairs
            .map(|(theirs, ours)| theirs / ours)
            .filter(|ratio| ratio.is_finite())
            .collect()
    }
}

/// The entry of one of these roles with the lowest median time.
fn best(entries: &[Entry], results: &[Series], roles: &[Role]) -> Option<usize> {
    let time = |index: usize| median(&results[index].nanos);
    (0..entries.len())
        .filter(|&index| roles.contains(&entries[index].role) && time(index).is_finite())
        .min_by(|&a, &b| time(a).total_cmp(&time(b)))
}

fn report(settings: &Settings, cells: &[Cell], entries: &[Entry], results: &[Vec<Series>]) {
    let names = entries.iter().map(|entry| entry.name);
    let mut summary = Table::new(std::iter::once("ratio to raw TCP").chain(names));
    for (cell, results) in cells.iter().zip(results) {
        let peer = best(entries, results, &[Role::Peer, Role::Foreign]);
        let yardstick = best(entries, results, &[Role::Raw]).or(peer);
        let mut table = Table::new([
            "server",
            "messages/s",
            "CPU ns each",
            "spread %",
            "ratio",
            "ratio spread %",
            "won",
            "p50 us",
            "p99 us",
            "bytes back",
            "page faults",
            "share of core",
        ]);
        let mut line = vec![cell.to_string()];
        for (entry, series) in entries.iter().zip(results) {
            if series.nanos.is_empty() {
                line.push("-".to_owned());
                continue;
            }
            let ratios = yardstick.map_or(Vec::new(), |at| series.ratios(&results[at]));
            let won = peer.map_or("-".to_owned(), |at| {
                let against = series.ratios(&results[at]);
                let won = against.iter().filter(|&&ratio| ratio >= 1.0).count();
                format!("{won}/{}", against.len())
            });
            let ratio = median(&ratios);
            line.push(format!("{ratio:.2}"));
            table.row([
                entry.name.to_owned(),
                short(median(&series.per_second)),
                format!("{:.0}", median(&series.nanos)),
                format!("{:.0}", spread(&series.nanos)),
                format!("{ratio:.2}"),
                format!("{:.0}", spread(&ratios)),
                won,
                format!("{:.0}", median(&series.p50)),
                format!("{:.0}", median(&series.p99)),
                format!("{:.0}", median(&series.bytes)),
                format!("{:.2}", median(&series.faults)),
                format!("{:.2}", median(&series.share)),
            ]);
        }
        summary.row(line);
        let against = peer.map_or(String::new(), |at| {
            format!(
                " (won: rounds not slower than {}, the best peer here)",
                entries[at].name
            )
        });
        let load: Vec<f64> = results
            .iter()
            .flat_map(|series| series.load_nanos.clone())
            .collect();
        settings.print(&format!("\n### {cell}{against}\n"));
        settings.print(&table.render());
        settings.print(&format!(
            "Load generator: {:.0} ns a message (all its threads).",
            median(&load)
        ));
    }
    settings.print("\n### Summary: CPU of raw TCP by CPU of each, same round, median\n");
    settings.print(&summary.render());
}

fn chart_group(cell: &Cell, entries: &[Entry], results: &[Series]) -> chart::Group {
    let raw = best(entries, results, &[Role::Raw]);
    let bars = entries
        .iter()
        .zip(results)
        .filter(|(entry, _)| entry.role != Role::Raw);
    let bars = bars.filter_map(|(entry, series)| {
        let ratio = median(&series.ratios(&results[raw?]));
        ratio.is_finite().then(|| chart::Bar {
            name: entry.name,
            ours: entry.role == Role::Ours,
            value: ratio,
        })
    });
    chart::Group {
        title: cell.to_string(),
        bars: bars.collect(),
    }
}

/// About three minutes with the usual servers and one round of 0.6 s.
const SHORT: &[&str] = &[
    "16x50x1",
    "16x50x16",
    "1024x50x16",
    "1024x50x16t",
    "16384x50x16",
    "65536x50x1",
];

/// The cells of docs/performance.md.
const REPORT: &[&str] = &[
    "16x50x1",
    "16x500x1",
    "16x50x16",
    "125x50x16",
    "1024x50x1",
    "1024x50x16",
    "1024x50x16t",
    "16384x50x1",
    "16384x50x16",
    "65536x50x1",
    "65536x50x16",
    "1048576x50x1",
    "1048576x50x16",
];

/// The servers there: ours in both ways, the crate with tungstenite's API beside it, and of each peer what is
/// fastest with bursts.
const REPORTED: &[&str] = &[
    "raw",
    "wskit-lent",
    "wskit-owned-batched",
    "wskit-tungstenite",
    "wskit-tungstenite-batched",
    "tungstenite",
    "tungstenite-batched",
    "fastwebsockets",
    "tokio-websockets-batched",
    "yawc-batched",
    "sockudo-batched",
];
