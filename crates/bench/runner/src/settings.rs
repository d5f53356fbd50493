//! What all subcommands take from the command line.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use wskit_bench_load::affinity;
use wskit_bench_load::arguments::Arguments;

/// Where things are, and where they run.
pub struct Settings {
    /// Where the servers and the load generator are: `--bin`, by default beside this program.
    pub bin: PathBuf,
    /// Where those are that count allocations: `--count-bin`, by default `../count/release`.
    pub count_bin: PathBuf,
    /// `--server-cpus`, by default 0.
    pub server_cpus: Vec<usize>,
    /// `--load-cpus`, by default 2,3 (or what there is).
    pub load_cpus: Vec<usize>,
    /// `--threads`: the servers' worker threads; 0 is the current-thread runtime.
    pub threads: usize,
    /// `--rounds`.
    pub rounds: usize,
    /// `--seconds` of each measurement.
    pub seconds: f64,
    out: RefCell<Option<File>>,
}

impl Settings {
    /// # Errors
    /// What is wrong on the command line.
    pub fn parse(arguments: &Arguments) -> Result<Self, Box<dyn std::error::Error>> {
        let beside = std::env::current_exe()?
            .parent()
            .map(PathBuf::from)
            .unwrap_or_default();
        let bin = arguments.text("bin").map_or(beside, PathBuf::from);
        let count = bin.join("../count/release");
        let cores = std::thread::available_parallelism()?.get();
        let load = match cores {
            0..=2 => "1",
            3 => "1,2",
            _ => "2,3",
        };
        let out = match arguments.text("out") {
            Some(path) => Some(File::create(path)?),
            None => None,
        };
        Ok(Self {
            count_bin: arguments.text("count-bin").map_or(count, PathBuf::from),
            bin,
            server_cpus: affinity::parse(arguments.text("server-cpus").unwrap_or("0"))?,
            load_cpus: affinity::parse(arguments.text("load-cpus").unwrap_or(load))?,
            threads: arguments.value("threads", 0)?,
            rounds: arguments.value("rounds", 5)?,
            // So that the report takes a quarter of an hour.
            seconds: arguments
                .value("seconds", if arguments.flag("report") { 0.45 } else { 0.6 })?,
            out: RefCell::new(out),
        })
    }

    /// Prints to standard output, and to the file of `--out` if there is one.
    pub fn print(&self, text: &str) {
        println!("{text}");
        if let Some(out) = self.out.borrow_mut().as_mut() {
            let _ = writeln!(out, "{text}");
        }
    }
}
