//! The client role: one client of each library on one connection, against a cheap server.

use std::process::Command;

use wskit_bench_load::arguments::Arguments;

use crate::machine;
use crate::measure::{median, short, spread};
use crate::process::{self, Running};
use crate::settings::Settings;
use crate::table::Table;

/// Runs `--clients` with `--sizes`; `--tls ring` or `--tls aws-lc`: inside TLS.
///
/// # Errors
/// The command line, or programs that do not start.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let list = arguments.text("clients").unwrap_or(USUAL);
    let clients: Vec<&str> = list.split(',').collect();
    let sizes: Vec<usize> = arguments
        .text("sizes")
        .unwrap_or("16,1024,16384")
        .split(',')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let tls = arguments.text("tls");
    settings.print(&machine::facts());
    for size in sizes {
        let mut table = Table::new([
            "client",
            "sent/s",
            "ns each",
            "sent batched/s",
            "ns each",
            "received/s",
            "ns each",
            "echo/s",
            "ns each",
            "spread %",
        ]);
        let mut results = vec![vec![(Vec::new(), Vec::new()); MODES.len()]; clients.len()];
        for _ in 0..settings.rounds {
            for (client, results) in clients.iter().zip(&mut results) {
                for (mode, (rates, nanos)) in MODES.iter().zip(results) {
                    match once(settings, client, mode, size, tls) {
                        Ok((rate, time)) => {
                            rates.push(rate);
                            nanos.push(time);
                        }
                        Err(error) => eprintln!("{client} {} {size}: {error}", mode.0),
                    }
                }
            }
        }
        for (client, results) in clients.iter().zip(&results) {
            let mut row = vec![(*client).to_owned()];
            for (rates, nanos) in results {
                row.extend([short(median(rates)), format!("{:.0}", median(nanos))]);
            }
            let all = results
                .iter()
                .map(|(_, nanos)| spread(nanos))
                .fold(0.0, f64::max);
            row.push(format!("{all:.0}"));
            table.row(row);
        }
        settings.print(&format!(
            "\n### One client, messages of {size} B, binary{}\n",
            tls.map_or(String::new(), |provider| format!(", TLS by {provider}"))
        ));
        settings.print(&table.render());
    }
    Ok(())
}

const USUAL: &str = "wskit,tungstenite,tokio-websockets,fastwebsockets,yawc,sockudo,web-socket";

/// What the client does, and what the server does.
const MODES: &[(&str, &str)] = &[
    ("send", "sink"),
    ("feed", "sink"),
    ("receive", "source"),
    ("echo", "echo"),
];

fn once(
    settings: &Settings,
    client: &str,
    (mode, peer): &(&str, &str),
    size: usize,
    tls: Option<&str>,
) -> std::io::Result<(f64, f64)> {
    let mut command = Command::new(settings.bin.join("wskit-bench-load"));
    command.args([
        "peer",
        "--mode",
        peer,
        "--size",
        &size.to_string(),
        "--lifetime",
        "60",
    ]);
    command.args(tls.iter().flat_map(|&provider| ["--tls", provider]));
    let mut peer = Running::start(command, &settings.load_cpus)?;
    let line = peer.line()?;
    let address = line.strip_prefix("listening ").unwrap_or_default();
    let mut command = Command::new(settings.bin.join(format!("client-{client}")));
    command.args([
        address,
        *mode,
        &size.to_string(),
        &settings.seconds.to_string(),
    ]);
    command.args(tls);
    let mut client = Running::start(command, &settings.server_cpus)?;
    let values = process::values(&client.line()?);
    let get = |name: &str| values.get(name).copied().unwrap_or(f64::NAN);
    Ok((get("per_second"), get("nanos")))
}
