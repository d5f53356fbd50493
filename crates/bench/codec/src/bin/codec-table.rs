//! Prints the ratios as a table: rounds of all candidates of a case in turn, medians.
//!
//! `codec-table [filter] [rounds]`. Without a filter every case runs, with 101 rounds of half
//! a millisecond a candidate. `codec-table --once filter who n` does one thing n times and nothing
//! else, to count instructions.

use std::env;
use std::time::Instant;

use wskit_bench_codec::{Case, Run, cases};

/// How long a candidate is measured in a round.
const SLICE_NS: f64 = 500_000.0;

fn main() {
    let args: Vec<_> = env::args().skip(1).collect();
    if let [once, filter, who, n] = &args[..]
        && once == "--once"
    {
        for case in &mut cases() {
            for run in &mut case.runs {
                if case.name.contains(filter.as_str()) && run.who == who {
                    (run.go)(n.parse().expect("a number"));
                }
            }
        }
        return;
    }
    let filter = args.first().map_or("", String::as_str);
    let rounds = args
        .get(1)
        .map_or(101, |n| n.parse().expect("a number of rounds"));
    println!("| case | who | ns | of the first | of wskit |");
    println!("|---|---|---:|---:|---:|");
    for case in &mut cases() {
        if case.name.contains(filter) {
            table(case, rounds);
        }
    }
}

fn table(case: &mut Case, rounds: usize) {
    let counts: Vec<u64> = case.runs.iter_mut().map(calibrate).collect();
    let mut times = vec![Vec::with_capacity(rounds); counts.len()];
    for _ in 0..rounds {
        for ((run, count), times) in case.runs.iter_mut().zip(&counts).zip(&mut times) {
            times.push(measure(run, *count));
        }
    }
    let ours = case
        .runs
        .iter()
        .position(|run| run.who.starts_with("wskit") && run.who != "wskit, unmask only");
    let ratio = |of: &[f64], to: Option<usize>| {
        let to = &times[to.unwrap_or(0)];
        median(of.iter().zip(to).map(|(of, to)| of / to).collect())
    };
    for (run, time) in case.runs.iter().zip(&times) {
        println!(
            "| {} | {} | {:.1} | {:.2} | {:.2} |",
            case.name,
            run.who,
            median(time.clone()),
            ratio(time, Some(0)),
            ratio(time, ours),
        );
    }
}

/// How often it can be done in a slice.
fn calibrate(run: &mut Run) -> u64 {
    let mut count = 1;
    loop {
        let took = measure(run, count) * (count * run.each) as f64;
        if took >= SLICE_NS / 4.0 {
            return ((SLICE_NS / took * count as f64) as u64).max(1);
        }
        count *= 2;
    }
}

/// Nanoseconds for one.
fn measure(run: &mut Run, count: u64) -> f64 {
    let start = Instant::now();
    (run.go)(count);
    start.elapsed().as_nanos() as f64 / (count * run.each) as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
