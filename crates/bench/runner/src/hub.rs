//! Publishing to many subscribers: what a delivery costs the server, and when the last has it.

use std::collections::HashMap;

use wskit_bench_load::arguments::Arguments;

use crate::catalog::{Entry, Role};
use crate::measure::{median, spread};
use crate::process::{self, Start};
use crate::settings::Settings;
use crate::table::Table;
use crate::{machine, peer};

/// What is compared, the first with all others.
const SERVERS: &[(&str, &str, &[&str], bool)] = &[
    ("wskit-hub", "wskit-hub", &[], true),
    ("wskit-batch", "wskit-batch", &[], true),
    ("wskit-broadcast", "wskit-broadcast", &[], true),
    ("tungstenite-broadcast", "tungstenite-broadcast", &[], false),
    ("node-ws", "node", &[], true),
];

/// More would take node's zlib streams gigabytes of memory and minutes of time.
const NODE_COMPRESSED: usize = 2000;

/// Runs `--connections`, `--bursts`, `--workers` (1 and 2) and `--deflate` (no and yes), all that there is if
/// nothing is said. `--peer NAME=PATH` adds programs that do what the servers do for `--fanout N`.
///
/// # Errors
/// The command line, or programs that do not start.
pub fn run(settings: &Settings, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let connections = arguments.list("connections", &[2_000, 10_000, 18_000])?;
    let bursts = arguments.list("bursts", &[1, 16])?;
    let workers = arguments.list("workers", &[1, 2])?;
    let deflate = match arguments.text("deflate") {
        None => &[false, true][..],
        Some("no") => &[false],
        Some("yes") => &[true],
        Some(other) => return Err(format!("--deflate {other}: no or yes").into()),
    };
    let wanted = arguments.text("servers");
    let mut entries: Vec<Entry> = SERVERS
        .iter()
        .filter(|(name, ..)| wanted.is_none_or(|list| list.split(',').any(|it| it == *name)))
        .map(|&(name, program, arguments, deflates)| Entry {
            name,
            program,
            arguments,
            role: Role::Ours,
            deflates,
        })
        .collect();
    entries.extend(peer::parse(arguments)?);
    settings.print(&machine::facts());
    for &workers in &workers {
        for &deflate in deflate {
            let group = Group {
                settings,
                entries: &entries,
                connections: &connections,
                bursts: &bursts,
                workers,
                deflate,
            };
            group.report(&group.measure());
        }
    }
    settings.print(
        "`CPU ns`: of the server, each delivery, with the spread of the rounds. `by the first`: the first server's \
         CPU time by this one's, same round, median. `last`: from the request to publish until the last subscriber \
         had the last message, median; the load reads on one core.",
    );
    Ok(())
}

/// What goes into one set of tables.
struct Group<'a> {
    settings: &'a Settings,
    entries: &'a [Entry],
    connections: &'a [usize],
    bursts: &'a [usize],
    workers: usize,
    deflate: bool,
}

/// By server, connections and burst, a value for each round: CPU time, and time until the last.
type Results = HashMap<(usize, usize, usize), (Vec<f64>, Vec<f64>)>;

impl Group<'_> {
    fn measure(&self) -> Results {
        let mut results = Results::new();
        let mut failed = Vec::new();
        for round in 0..self.settings.rounds {
            for &connections in self.connections {
                for turn in 0..self.entries.len() {
                    // Each round begins with another one.
                    let index = (turn + round) % self.entries.len();
                    if !self.can(&self.entries[index], connections)
                        || failed.contains(&(index, connections))
                    {
                        continue;
                    }
                    let lines = self.once(&self.entries[index], connections);
                    let lines = lines.unwrap_or_else(|error| {
                        eprintln!(
                            "{} to {connections}: {error}; left out",
                            self.entries[index].name
                        );
                        failed.push((index, connections));
                        Vec::new()
                    });
                    for &burst in self.bursts {
                        let line = lines
                            .iter()
                            .find(|line| line.get("burst") == Some(&(burst as f64)));
                        let get = |name: &str| {
                            line.and_then(|line| line.get(name))
                                .copied()
                                .unwrap_or(f64::NAN)
                        };
                        let (nanos, last) = results.entry((index, connections, burst)).or_default();
                        nanos.resize(round, f64::NAN);
                        nanos.push(get("server_nanos"));
                        last.push(get("p50_us"));
                    }
                }
            }
            eprintln!("round {} of {}", round + 1, self.settings.rounds);
        }
        results
    }

    fn can(&self, entry: &Entry, connections: usize) -> bool {
        let node = entry.program == "node";
        let size = !self.deflate || !node || connections <= NODE_COMPRESSED;
        let deflates = entry.deflates || entry.role == Role::Foreign;
        size && (deflates || !self.deflate) && (self.workers == 1 || !node)
    }

    fn once(
        &self,
        entry: &Entry,
        connections: usize,
    ) -> std::io::Result<Vec<HashMap<String, f64>>> {
        let mut more = vec!["--fanout".to_owned(), connections.to_string()];
        if self.deflate {
            // Ours share what was compressed in spite of takeover.
            let mode = match entry.role {
                Role::Ours if entry.program != "node" => "takeover",
                _ => "alone",
            };
            more.extend(["--deflate".to_owned(), mode.to_owned()]);
        }
        if entry.role == Role::Ours {
            more.extend(["--lifetime".to_owned(), "300".to_owned()]);
        }
        let cores: Vec<usize> = (0..self.workers).collect();
        let workers = match self.workers {
            1 => (self.settings.threads, &self.settings.server_cpus[..]),
            workers => (workers, &cores[..]),
        };
        let start = Start {
            more: &more,
            workers: Some(workers),
            ..Start::default()
        };
        let server = process::server(self.settings, entry, &start)?;
        let bursts: Vec<String> = self.bursts.iter().map(usize::to_string).collect();
        let mut given = vec![
            ("--address", server.address.clone()),
            ("--server", server.process.pid.to_string()),
            ("--seconds", self.settings.seconds.to_string()),
            ("--connections", connections.to_string()),
            ("--bursts", bursts.join(",")),
        ];
        if self.deflate {
            let offer = "permessage-deflate; client_max_window_bits";
            given.push(("--offer", offer.to_owned()));
        }
        let given: Vec<String> = given
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value])
            .collect();
        process::load_lines(self.settings, "publish", &given)
    }

    fn report(&self, results: &Results) {
        let columns: Vec<(usize, usize)> = self
            .connections
            .iter()
            .flat_map(|&connections| self.bursts.iter().map(move |&burst| (connections, burst)))
            .collect();
        let (what, cores) = match (self.deflate, self.workers) {
            (false, 1) => ("", "one core"),
            (true, 1) => (", compressed", "one core"),
            (false, _) => ("", "two worker threads on two cores"),
            (true, _) => (", compressed", "two worker threads on two cores"),
        };
        self.settings.print(&format!(
            "\n### 128 B to many{what}, {cores}: subscribers x messages at once\n"
        ));
        let titles = columns
            .iter()
            .map(|(connections, burst)| format!("{connections} x {burst}"));
        let mut tables: Vec<Table> = ["CPU ns", "by the first", "last, ms"]
            .into_iter()
            .map(|title| Table::new(std::iter::once(title.to_owned()).chain(titles.clone())))
            .collect();
        for (index, entry) in self.entries.iter().enumerate() {
            let mut rows = vec![vec![entry.name.to_owned()]; tables.len()];
            for &(connections, burst) in &columns {
                let of = |index: usize| results.get(&(index, connections, burst));
                let Some((nanos, last)) = of(index).filter(|(nanos, _)| median(nanos).is_finite())
                else {
                    rows.iter_mut().for_each(|row| row.push("-".to_owned()));
                    continue;
                };
                let first = of(0).map_or(&[][..], |(nanos, _)| nanos);
                let ratios: Vec<f64> = first
                    .iter()
                    .zip(nanos)
                    .map(|(first, it)| first / it)
                    .collect();
                rows[0].push(format!("{:.0} ({:.0} %)", median(nanos), spread(nanos)));
                rows[1].push(format!("{:.2}", median(&ratios)));
                rows[2].push(format!("{:.1}", median(last) / 1e3));
            }
            for (table, row) in tables.iter_mut().zip(rows) {
                table.row(row);
            }
        }
        for table in tables {
            self.settings.print(&table.render());
        }
    }
}
