//! One worker thread and two: instructions and context switches of each message.

use wskit_bench_load::arguments::Arguments;

use crate::catalog::{self, Entry, Role};
use crate::cell::Cell;
use crate::measure::{median, spread};
use crate::process::{self, Start, arguments_for};
use crate::settings::Settings;
use crate::table::Table;
use crate::{counts, machine, peer};

/// Runs `--cells` for `--servers` and `--peer NAME=PATH`, with tokio's multi-thread runtime: one worker on
/// the first core, then two on two. Instructions are callgrind's (which runs one thread at a time), switches
/// the kernel's, of `--rounds`.
///
/// # Errors
/// The command line. A count that fails is missing.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let list = arguments.text("cells").unwrap_or("16x50x16,16x500x1");
    let cells: Vec<Cell> = list.split(',').map(Cell::parse).collect::<Result<_, _>>()?;
    let mut entries = catalog::pick(arguments.text("servers"), USUAL)?;
    entries.extend(peer::parse(arguments)?);
    settings.print(&machine::facts());
    for cell in &cells {
        let mut table = Table::new([
            "server",
            "instructions, 1 worker",
            "2 workers",
            "2 by 1",
            "switches, 1 worker",
            "2 workers",
            "2 by 1",
            "CPU ns, 1 worker",
            "2 workers",
            "2 by 1",
            "spread %",
        ]);
        let mut timed = vec![[Vec::new(), Vec::new(), Vec::new(), Vec::new()]; entries.len()];
        for round in 0..settings.rounds {
            for turn in 0..entries.len() {
                // Each round begins with another one.
                let index = (turn + round) % entries.len();
                for workers in [1, 2] {
                    let [switches, nanos] = time(settings, &entries[index], cell, workers)
                        .unwrap_or_else(|error| {
                            eprintln!("{} at {cell}: {error}", entries[index].name);
                            [f64::NAN; 2]
                        });
                    timed[index][workers - 1].push(switches);
                    timed[index][workers + 1].push(nanos);
                }
            }
        }
        for (entry, [switches_1, switches_2, nanos_1, nanos_2]) in entries.iter().zip(&timed) {
            let counted = [1, 2].map(|workers| {
                let start = Start {
                    workers: Some((workers, &CORES[..workers])),
                    ..Start::default()
                };
                counts::instructions(settings, entry, cell, 20_000, None, &start).unwrap_or_else(
                    |error| {
                        eprintln!("{} at {cell}: {error}", entry.name);
                        f64::NAN
                    },
                )
            });
            let ratios: Vec<f64> = nanos_1.iter().zip(nanos_2).map(|(a, b)| b / a).collect();
            let switches = [median(switches_1), median(switches_2)];
            table.row([
                entry.name.to_owned(),
                format!("{:.0}", counted[0]),
                format!("{:.0}", counted[1]),
                format!("{:.2}", counted[1] / counted[0]),
                format!("{:.4}", switches[0]),
                format!("{:.4}", switches[1]),
                format!("{:.2}", switches[1] / switches[0]),
                format!("{:.0}", median(nanos_1)),
                format!("{:.0}", median(nanos_2)),
                format!("{:.2}", median(&ratios)),
                format!("{:.0}", spread(&ratios)),
            ]);
            eprintln!("{} at {cell}", entry.name);
        }
        settings.print(&format!(
            "\n### {cell}, one worker thread and two; each message\n"
        ));
        settings.print(&table.render());
    }
    Ok(())
}

const USUAL: &[&str] = &[
    "raw",
    "wskit-lent",
    "wskit-owned-batched",
    "wskit-split",
    "tokio-websockets-batched",
    "sockudo-batched",
];

/// Where the workers run.
const CORES: [usize; 2] = [0, 1];

/// Context switches and CPU time of each message.
fn time(
    settings: &Settings,
    entry: &Entry,
    cell: &Cell,
    workers: usize,
) -> std::io::Result<[f64; 2]> {
    let more = arguments_for(cell);
    let start = Start {
        more: &more,
        workers: Some((workers, &CORES[..workers])),
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
        ("--seconds", settings.seconds.to_string()),
    ] {
        arguments.extend([name.to_owned(), value]);
    }
    let values = process::load(settings, "echo", &arguments)?;
    let get = |name: &str| values.get(name).copied().unwrap_or(f64::NAN);
    Ok([get("server_switches"), get("server_nanos")])
}
