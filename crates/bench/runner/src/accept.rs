//! Handshakes: connections accepted and upgraded each second, and the server's time for each, socket
//! and task included.

use wskit_bench_load::arguments::Arguments;

use crate::machine;
use crate::measure::{median, short, spread};
use crate::process::{self, Start};
use crate::settings::Settings;
use crate::table::Table;
use crate::{catalog, counts};

/// Those that bring their own upgrade, and those that are meant to be upgraded by hyper.
const USUAL: &[&str] = &[
    "wskit-lent",
    "tungstenite",
    "tokio-websockets",
    "sockudo",
    "fastwebsockets-hyper",
    "yawc-hyper",
];

/// Runs `--servers`.
///
/// # Errors
/// The command line, or programs that do not start.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let entries = catalog::pick(arguments.text("servers"), USUAL)?;
    let mut results = vec![(Vec::new(), Vec::new()); entries.len()];
    settings.print(&machine::facts());
    for _ in 0..settings.rounds {
        for (entry, (rates, nanos)) in entries.iter().zip(&mut results) {
            let server = process::server(settings, entry, &Start::default())?;
            let given = [
                ("--address", server.address.clone()),
                ("--server", server.process.pid.to_string()),
                ("--seconds", settings.seconds.to_string()),
            ];
            let given: Vec<String> = given
                .into_iter()
                .flat_map(|(name, value)| [name.to_owned(), value])
                .collect();
            let values = process::load(settings, "accept", &given)?;
            rates.push(values.get("per_second").copied().unwrap_or(f64::NAN));
            nanos.push(values.get("server_nanos").copied().unwrap_or(f64::NAN));
            server.process.end()?;
        }
    }
    let mut table = Table::new(["server", "handshakes/s", "CPU us each", "spread %"]);
    for (entry, (rates, nanos)) in entries.iter().zip(&results) {
        table.row([
            entry.name.to_owned(),
            short(median(rates)),
            format!("{:.1}", median(nanos) / 1e3),
            format!("{:.0}", spread(nanos)),
        ]);
    }
    settings.print("### Accepting: TCP, task and upgrade\n");
    settings.print(&table.render());
    let mut table = Table::new(["server", "instructions"]);
    for entry in &entries {
        let counted = counts::totals(
            settings,
            entry,
            &Start::default(),
            [100, 1100],
            None,
            &mut |address, count| {
                let given = [
                    "--address",
                    address,
                    "--threads",
                    "1",
                    "--count",
                    &count.to_string(),
                ];
                process::load(settings, "accept", &given.map(str::to_owned)).map(drop)
            },
        );
        match counted {
            Ok([few, many]) => table.row([
                entry.name.to_owned(),
                format!("{:.0}", (many - few) / 1000.0),
            ]),
            Err(error) => eprintln!("{}: {error}", entry.name),
        }
    }
    settings.print("### The same: user-space instructions of each (callgrind)\n");
    settings.print(&table.render());
    Ok(())
}
