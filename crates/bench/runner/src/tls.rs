//! Inside TLS: what a message costs beside a TLS stream that echoes bytes, the records and system calls of a
//! burst, memory of idle connections, and whole connections.

use wskit_bench_load::arguments::Arguments;

use crate::catalog::{self, Entry, Role};
use crate::cell::Cell;
use crate::measure::{median, short, spread};
use crate::process::{self, Start, arguments_for};
use crate::settings::Settings;
use crate::table::Table;
use crate::{counts, grid, machine, memory};

const CELLS: &str = "16x50x1,16x50x16,1024x50x16,16384x50x1,16384x50x16,1048576x10x1";

const USUAL: &[&str] = &[
    "raw",
    "wskit-lent",
    "wskit-owned-batched",
    "wskit-split",
    "tungstenite-batched",
    "tokio-websockets-batched",
    "sockudo-batched",
    "sockudo-wide",
    "fastwebsockets",
    "yawc-batched",
];

/// Runs `--cells` for `--servers` with `--provider` (`ring`, or `aws-lc`); `--only
/// time,calls,memory,connections` does less.
///
/// # Errors
/// The command line. A server that fails has no figure.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let provider = match arguments.text("provider") {
        None | Some("ring") => "ring",
        Some("aws-lc") => "aws-lc",
        Some(other) => return Err(format!("{other}: ring or aws-lc").into()),
    };
    let secure = |cell: Cell| Cell {
        tls: Some(provider),
        ..cell
    };
    let list = arguments.text("cells").unwrap_or(CELLS).split(',');
    let cells: Vec<Cell> = list
        .map(|cell| Cell::parse(cell).map(secure))
        .collect::<Result<_, _>>()?;
    let entries = catalog::pick(arguments.text("servers"), USUAL)?;
    let only = arguments
        .text("only")
        .unwrap_or("time,calls,memory,connections");
    settings.print(&machine::facts());
    if only.contains("time") || only.contains("calls") {
        let mut results: Vec<Vec<Series>> = cells
            .iter()
            .map(|_| entries.iter().map(|_| Series::default()).collect())
            .collect();
        if only.contains("time") {
            measure(settings, &entries, &cells, &mut results);
        }
        if only.contains("calls") {
            count(settings, &entries, &cells, &mut results);
        }
        report(settings, &entries, &cells, &results);
    }
    if only.contains("memory") {
        let connections = arguments.value("connections", 2000)?;
        let cell = secure(Cell::parse(&format!("1024x{connections}x1"))?);
        idle(settings, &entries, &cell);
    }
    if only.contains("connections") {
        whole(settings, &entries, &secure(Cell::parse("16x1x1")?));
    }
    Ok(())
}

/// One server in one cell: values of each round (NaN where it failed), and what was counted.
#[derive(Default)]
struct Series {
    rates: Vec<f64>,
    nanos: Vec<f64>,
    load: Vec<f64>,
    records: Vec<f64>,
    /// Reads and writes of a message.
    calls: Option<(f64, f64)>,
}

impl Series {
    /// Ratio of `other`'s time to ours, round by round: above 1 we are cheaper.
    fn ratios(&self, other: &Self) -> Vec<f64> {
        let pairs = other.nanos.iter().zip(&self.nanos);
        pairs
            .map(|(theirs, ours)| theirs / ours)
            .filter(|ratio| ratio.is_finite())
            .collect()
    }
}

fn measure(settings: &Settings, entries: &[Entry], cells: &[Cell], results: &mut [Vec<Series>]) {
    for round in 0..settings.rounds {
        for (cell, results) in cells.iter().zip(&mut *results) {
            for turn in 0..entries.len() {
                // Each round begins with another one.
                let index = (turn + round) % entries.len();
                let series = &mut results[index];
                match grid::once(settings, &entries[index], cell) {
                    Ok(sample) => {
                        series.rates.push(sample.per_second);
                        series.nanos.push(sample.nanos);
                        series.load.push(sample.load_nanos);
                        series.records.push(sample.records);
                    }
                    Err(error) => {
                        eprintln!("{} at {cell}, round {round}: {error}", entries[index].name);
                        series.nanos.push(f64::NAN);
                    }
                }
            }
        }
        eprintln!("round {} of {}", round + 1, settings.rounds);
    }
}

/// Under strace, with few connections and messages.
fn count(settings: &Settings, entries: &[Entry], cells: &[Cell], results: &mut [Vec<Series>]) {
    for (cell, results) in cells.iter().zip(results) {
        let messages = (64 << 20) / cell.size.max(1);
        let few = Cell {
            connections: cell.connections.min(4),
            ..*cell
        };
        for (entry, series) in entries.iter().zip(results) {
            match counts::syscalls(settings, entry, &few, messages.min(2000) as u64) {
                Ok(calls) => series.calls = Some((calls[0], calls[1])),
                Err(error) => eprintln!("{} at {cell}: {error}", entry.name),
            }
        }
        eprintln!("calls at {cell}");
    }
}

fn report(settings: &Settings, entries: &[Entry], cells: &[Cell], results: &[Vec<Series>]) {
    let names = cells.iter().map(ToString::to_string);
    let mut summary = Table::new(std::iter::once("raw TLS by each".to_owned()).chain(names));
    let mut lines: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| vec![entry.name.to_owned()])
        .collect();
    for (cell, results) in cells.iter().zip(results) {
        let cheapest = |role: Role| {
            let of_role = (0..entries.len()).filter(|&index| entries[index].role == role);
            of_role.min_by(|&a, &b| median(&results[a].nanos).total_cmp(&median(&results[b].nanos)))
        };
        let raw = entries.iter().position(|entry| entry.name == "raw");
        let peer = cheapest(Role::Peer);
        let mut table = Table::new([
            "server",
            "messages/s",
            "CPU ns each",
            "ratio",
            "least",
            "greatest",
            "won",
            "records a burst",
            "reads a burst",
            "writes a burst",
        ]);
        let burst = cell.depth as f64;
        for ((entry, series), line) in entries.iter().zip(results).zip(&mut lines) {
            let ratios = raw.map_or(Vec::new(), |raw| series.ratios(&results[raw]));
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = ratios.iter().copied().fold(0.0, f64::max);
            let against = peer.map_or(Vec::new(), |peer| series.ratios(&results[peer]));
            let won = against.iter().filter(|&&ratio| ratio >= 1.0).count();
            let call = |one: fn((f64, f64)) -> f64| match series.calls {
                Some(calls) => format!("{:.1}", one(calls) * burst),
                None => "-".to_owned(),
            };
            table.row([
                entry.name.to_owned(),
                short(median(&series.rates)),
                format!("{:.0}", median(&series.nanos)),
                format!("{:.2}", median(&ratios)),
                format!("{least:.2}"),
                format!("{greatest:.2}"),
                format!("{won}/{}", against.len()),
                format!("{:.1}", median(&series.records) * burst),
                call(|(reads, _)| reads),
                call(|(_, writes)| writes),
            ]);
            line.push(format!("{:.2} ({least:.2}-{greatest:.2})", median(&ratios)));
        }
        let against = peer.map_or("", |peer| entries[peer].name);
        let load: Vec<f64> = results
            .iter()
            .flat_map(|series| series.load.clone())
            .collect();
        settings.print(&format!(
            "\n### {cell} (won: rounds not dearer than {against}, the best peer here)\n"
        ));
        settings.print(&table.render());
        settings.print(&format!(
            "Load generator: {:.0} ns a message.",
            median(&load)
        ));
    }
    for line in lines {
        summary.row(line);
    }
    settings.print(
        "\n### Summary: CPU of raw TLS by CPU of each, same round: median (least-greatest)\n",
    );
    settings.print(&summary.render());
}

/// What a connection takes that does nothing.
fn idle(settings: &Settings, entries: &[Entry], cell: &Cell) {
    let phases = [("idle", ""), ("after 1 KiB each", "echo 1024 1000000")];
    let mut table = Table::new(["server", "idle", "after an echo of 1 KiB each"]);
    for entry in entries {
        match memory::one(settings, entry, cell, false, &phases) {
            Ok(figures) => table.row([
                entry.name.to_owned(),
                format!("{:.0}", figures[0]),
                format!("{:.0}", figures[1]),
            ]),
            Err(error) => eprintln!("{}: {error}", entry.name),
        }
    }
    settings.print(&format!(
        "\n### Resident bytes a connection, of {}\n",
        cell.connections
    ));
    settings.print(&table.render());
}

/// What a connection costs from beginning to end.
fn whole(settings: &Settings, entries: &[Entry], cell: &Cell) {
    let mut results = vec![Vec::new(); entries.len()];
    let once = |entry: &Entry| -> std::io::Result<f64> {
        let more = arguments_for(cell);
        let start = Start {
            more: &more,
            ..Start::default()
        };
        let server = process::server(settings, entry, &start)?;
        let mut given = vec!["--address".to_owned(), server.address.clone()];
        given.extend(["--server".to_owned(), server.process.pid.to_string()]);
        given.extend(["--seconds".to_owned(), settings.seconds.to_string()]);
        given.extend(more.iter().cloned());
        let values = process::load(settings, "tls-accept", &given)?;
        let nanos = values.get("server_nanos").copied();
        nanos.ok_or_else(|| std::io::Error::other("the load generator failed"))
    };
    for round in 0..settings.rounds {
        for turn in 0..entries.len() {
            let index = (turn + round) % entries.len();
            match once(&entries[index]) {
                Ok(nanos) => results[index].push(nanos),
                Err(error) => eprintln!("{}: {error}", entries[index].name),
            }
        }
    }
    let mut table = Table::new(["server", "CPU us each", "spread %", "a second of CPU"]);
    for (entry, nanos) in entries.iter().zip(&results) {
        table.row([
            entry.name.to_owned(),
            format!("{:.0}", median(nanos) / 1e3),
            format!("{:.0}", spread(nanos)),
            short(1e9 / median(nanos)),
        ]);
    }
    settings.print("\n### TCP, TLS, upgrade and Close, one connection after the other\n");
    settings.print(&table.render());
}
