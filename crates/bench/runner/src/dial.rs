//! The client role, many times: dialling, holding and closing 10,000 connections.

use std::io;
use std::process::Command;

use wskit_bench_load::arguments::Arguments;

use crate::measure::{median, spread};
use crate::process::{self, Running, Server, Start};
use crate::settings::Settings;
use crate::table::Table;
use crate::{catalog, counts, machine};

/// Runs `--clients` with `--connections`, `--at-once` at a time, against wskit's server.
///
/// # Errors
/// The command line, or programs that do not start.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let clients: Vec<&str> = match arguments.text("clients") {
        Some(list) => list.split(',').collect(),
        None => USUAL.to_vec(),
    };
    let connections: usize = arguments.value("connections", 10_000)?;
    let at_once: usize = arguments.value("at-once", 100)?;
    settings.print(&machine::facts());
    let mut results = vec![Vec::<[f64; 4]>::new(); clients.len()];
    for round in 0..settings.rounds {
        for turn in 0..clients.len() {
            // Each round begins with another one.
            let index = (turn + round) % clients.len();
            let server = server(settings)?;
            let command = client(
                settings,
                clients[index],
                &server.address,
                connections,
                at_once,
            );
            match Running::start(command, &settings.server_cpus).and_then(|mut it| it.line()) {
                Ok(line) => {
                    let values = process::values(&line);
                    let get = |name: &str| values.get(name).copied().unwrap_or(f64::NAN);
                    results[index].push([
                        get("dial_nanos") / 1e3,
                        get("close_nanos") / 1e3,
                        get("bytes"),
                        get("left"),
                    ]);
                }
                Err(error) => eprintln!("{}: {error}", clients[index]),
            }
        }
        eprintln!("round {} of {}", round + 1, settings.rounds);
    }
    let mut table = Table::new([
        "client",
        "dial, CPU us",
        "spread %",
        "close, CPU us",
        "spread %",
        "resident bytes held",
        "left after closing",
        "instructions, dial and close",
    ]);
    for (name, results) in clients.iter().zip(&results) {
        let column = |index: usize| results.iter().map(|it| it[index]).collect::<Vec<f64>>();
        let counted = instructions(settings, name).unwrap_or_else(|error| {
            eprintln!("{name}: {error}");
            f64::NAN
        });
        table.row([
            (*name).to_owned(),
            format!("{:.1}", median(&column(0))),
            format!("{:.0}", spread(&column(0))),
            format!("{:.1}", median(&column(1))),
            format!("{:.0}", spread(&column(1))),
            format!("{:.0}", median(&column(2))),
            format!("{:.0}", median(&column(3))),
            format!("{counted:.0}"),
        ]);
    }
    settings.print(&format!(
        "### Dialling, holding and closing {connections} connections, {at_once} at a time; each\n"
    ));
    settings.print(&table.render());
    settings.print(
        "Kernel time included. The `whole` clients open the TCP connection themselves; fastwebsockets, yawc, sockudo \
         and web-socket get a minimal upgrade, which asks little and checks nothing.",
    );
    Ok(())
}

/// `+whole`: with what the library itself does for the stream.
const USUAL: &[&str] = &[
    "wskit",
    "wskit+whole",
    "tungstenite",
    "tungstenite+whole",
    "tokio-websockets",
    "fastwebsockets",
    "yawc",
    "sockudo",
    "web-socket",
];

fn server(settings: &Settings) -> io::Result<Server> {
    let entries = catalog::pick(Some("wskit-lent"), &[]).map_err(io::Error::other)?;
    let start = Start {
        workers: Some((0, &settings.load_cpus)),
        ..Start::default()
    };
    process::server(settings, &entries[0], &start)
}

fn client(
    settings: &Settings,
    name: &str,
    address: &str,
    connections: usize,
    at_once: usize,
) -> Command {
    let (program, whole) = match name.strip_suffix("+whole") {
        Some(program) => (program, true),
        None => (name, false),
    };
    let mut command = Command::new(settings.bin.join(format!("client-{program}")));
    command.args([address, "dial"]);
    command.args([connections, at_once].map(|number| number.to_string()));
    if whole {
        command.arg("--whole");
    }
    command
}

/// User-space instructions of a client for each connection.
fn instructions(settings: &Settings, name: &str) -> io::Result<f64> {
    let mut totals = [0.0; 2];
    let runs = [100, 600];
    for (connections, total) in runs.into_iter().zip(&mut totals) {
        let server = server(settings)?;
        let plain = client(settings, name, &server.address, connections, 50);
        let file = counts::scratch("callgrind");
        let mut command = Command::new("valgrind");
        command.args(["-q", "--tool=callgrind"]);
        command.arg(format!("--callgrind-out-file={}", file.display()));
        command.arg(plain.get_program()).args(plain.get_args());
        Running::start(command, &settings.server_cpus)?.finish()?;
        *total = counts::total_of(&std::fs::read_to_string(&file)?)?;
        let _ = std::fs::remove_file(&file);
    }
    Ok((totals[1] - totals[0]) / (runs[1] - runs[0]) as f64)
}
