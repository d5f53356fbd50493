//! Publishing to a topic with 2,000 subscribers, at a rate that leaves the server time: what a delivery
//! costs, beside other ways and other servers.

use wskit_bench_load::arguments::Arguments;

use crate::catalog::{Entry, Role};
use crate::machine;
use crate::measure::{median, spread};
use crate::peer;
use crate::process::{self, Start};
use crate::settings::Settings;
use crate::table::Table;

/// Messages at once, and milliseconds from one burst to the next.
const BURSTS: [(usize, usize); 2] = [(1, 50), (16, 100)];

/// Runs with `--connections`; `--peer NAME=PATH` adds a program that does what the servers do for
/// `--fanout N --burst K --every MS`.
///
/// # Errors
/// The command line, or programs that do not start.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let connections: usize = arguments.value("connections", 2000)?;
    let mut entries = vec![
        entry("wskit-hub", "wskit-hub"),
        entry("wskit-broadcast", "wskit-broadcast"),
    ];
    entries.extend(peer::parse(arguments)?);
    settings.print(&machine::facts());
    let mut table = Table::new([
        "messages at once",
        "server",
        "CPU ns a delivery",
        "spread %",
        "ours by it",
    ]);
    for (burst, every) in BURSTS {
        let mut results = vec![Vec::new(); entries.len()];
        for round in 0..settings.rounds {
            for i in 0..entries.len() {
                // Each round begins with another one.
                let i = (i + round) % entries.len();
                let nanos = measure(settings, &entries[i], connections, burst, every)?;
                results[i].push(nanos);
            }
        }
        for (entry, nanos) in entries.iter().zip(&results) {
            let ratios: Vec<f64> = results[0]
                .iter()
                .zip(nanos)
                .map(|(ours, it)| it / ours)
                .collect();
            table.row([
                burst.to_string(),
                entry.name.to_owned(),
                format!("{:.0}", median(nanos)),
                format!("{:.0}", spread(nanos)),
                format!("{:.2}", median(&ratios)),
            ]);
        }
    }
    settings.print(&format!(
        "### 128 B to {connections} connections by a hub\n"
    ));
    settings.print(&table.render());
    settings.print("`ours by it`: how many deliveries wskit-hub makes in the time of one of this server, in the same round (median).");
    Ok(())
}

fn measure(
    settings: &Settings,
    entry: &Entry,
    connections: usize,
    burst: usize,
    every: usize,
) -> Result<f64, Box<dyn std::error::Error>> {
    let more = [
        ("--fanout", connections),
        ("--burst", burst),
        ("--every", every),
    ];
    let more: Vec<String> = more
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value.to_string()])
        .collect();
    let start = Start {
        more: &more,
        ..Start::default()
    };
    let server = process::server(settings, entry, &start)?;
    let given = [
        ("--address", server.address.clone()),
        ("--server", server.process.pid.to_string()),
        ("--seconds", settings.seconds.to_string()),
        ("--connections", connections.to_string()),
    ];
    let given: Vec<String> = given
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect();
    let values = process::load(settings, "fanout", &given)?;
    let expected = (connections * burst) as f64 * 1000.0 / every as f64;
    let rate = values.get("per_second").copied().unwrap_or(f64::NAN);
    // A server that leaves messages out has less to do.
    if (rate / expected - 1.0).abs() > 0.2 {
        eprintln!(
            "{}: {rate:.0} deliveries/s, not {expected:.0}: not counted",
            entry.name
        );
        return Ok(f64::NAN);
    }
    Ok(values.get("server_nanos").copied().unwrap_or(f64::NAN))
}

fn entry(name: &'static str, program: &'static str) -> Entry {
    Entry {
        name,
        program,
        arguments: &[],
        role: Role::Ours,
        deflates: false,
    }
}
