//! Fan-out: one message of 128 bytes to 2,000 connections, again and again, as fast as they take it.

use wskit_bench_load::arguments::Arguments;

use crate::catalog;
use crate::machine;
use crate::measure::{median, short, spread};
use crate::process::{self, Start};
use crate::settings::Settings;
use crate::table::Table;

/// wskit as its chat example does it (`wskit-lent`) and with a write for each delivery
/// (`wskit-owned`); the peers with a `send` for each delivery and, where they can, fed and flushed.
const USUAL: &[&str] = &[
    "wskit-lent",
    "wskit-owned",
    "tungstenite",
    "tungstenite-batched",
    "tokio-websockets",
    "tokio-websockets-batched",
    "fastwebsockets",
    "yawc",
    "yawc-batched",
    "sockudo",
    "sockudo-batched",
];

/// Runs `--servers` with `--connections`.
///
/// # Errors
/// The command line, or programs that do not start.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let entries = catalog::pick(arguments.text("servers"), USUAL)?;
    let connections: usize = arguments.value("connections", 2000)?;
    let mut results = vec![(Vec::new(), Vec::new()); entries.len()];
    settings.print(&machine::facts());
    for _ in 0..settings.rounds {
        for (entry, (rates, nanos)) in entries.iter().zip(&mut results) {
            let more = ["--fanout".to_owned(), connections.to_string()];
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
            match process::load(settings, "fanout", &given) {
                Ok(values) => {
                    rates.push(values.get("per_second").copied().unwrap_or(f64::NAN));
                    nanos.push(values.get("server_nanos").copied().unwrap_or(f64::NAN));
                }
                Err(error) => eprintln!("{}: {error}", entry.name),
            }
        }
    }
    let mut table = Table::new(["server", "deliveries/s", "CPU ns each", "spread %"]);
    for (entry, (rates, nanos)) in entries.iter().zip(&results) {
        table.row([
            entry.name.to_owned(),
            short(median(rates)),
            format!("{:.0}", median(nanos)),
            format!("{:.0}", spread(nanos)),
        ]);
    }
    settings.print(&format!(
        "### One message of 128 B to {connections} connections\n"
    ));
    settings.print(&table.render());
    Ok(())
}
