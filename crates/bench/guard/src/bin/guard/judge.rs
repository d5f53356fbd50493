//! Measures all figures, on a few processors at once, and compares.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::bounds::{Bounds, Target, show};
use crate::figure::Figure;
use crate::tool::{Measured, Programs};

/// The measured programs and what they are held to.
#[derive(Debug)]
pub(crate) struct Judge {
    pub(crate) programs: Programs,
    pub(crate) bounds: Bounds,
    pub(crate) only: Option<String>,
}

impl Judge {
    /// Prints the table; whether every figure is within its bound.
    pub(crate) fn check(&self) -> Result<bool, String> {
        let figures = self.figures();
        let all = Figure::all();
        let results = self.measure(&figures, |judge, figure, processor| {
            let mut least = judge.programs.measure(figure, processor)?;
            // Once is enough as a rule. What arrives late when the machine is busy can cost a wake
            // more, never less: so what exceeds its bound is measured again, and the least counts.
            for _ in 1..ATTEMPTS {
                if !figure.is_bounded() || judge.holds(figure, least.value) {
                    break;
                }
                least = less(least, judge.programs.measure(figure, processor)?);
            }
            Ok(least)
        })?;

        println!("{HEADER}");
        let (mut exceeded, mut missed, mut loose) = (0, 0, 0);
        for (&figure, measured) in figures.iter().zip(&results) {
            let value = measured.value;
            let mut remarks = String::new();
            let bound = match self.bounds.bound(figure) {
                Some(bound) if value > bound => {
                    exceeded += 1;
                    let over = show(figure.kind, value - bound);
                    remarks += &format!("  EXCEEDED by {over}{}", measured.parts);
                    show(figure.kind, bound)
                }
                Some(bound) => {
                    if value + 3.0 * figure.slack(value) < bound {
                        loose += 1;
                        remarks += "  below its bound";
                    }
                    show(figure.kind, bound)
                }
                None if figure.is_bounded() => {
                    exceeded += 1;
                    remarks += "  NO BOUND is stored";
                    "?".into()
                }
                None => "-".into(),
            };
            if let Some(most) = self.most(figure, &figures, &results) {
                let most_shown = show(figure.kind, most);
                if value > most {
                    missed += 1;
                    remarks += &format!("  target {most_shown} MISSED");
                } else {
                    remarks += &format!("  target {most_shown} met");
                }
            }
            println!(
                "{figure} {:>10} {bound:>10}{remarks}",
                show(figure.kind, value)
            );
        }
        for figure in self.bounds.figures().filter(|figure| !all.contains(figure)) {
            exceeded += 1;
            println!("{figure} a bound is stored for it, but NOTHING MEASURES it");
        }

        println!();
        if figures.len() < all.len() {
            println!(
                "NOT MEASURED: {} figures, by --only",
                all.len() - figures.len()
            );
        }
        if missed > 0 {
            println!("{missed} targets missed (reported, not enforced)");
        }
        if loose > 0 {
            println!("{loose} figures are well below their bounds: {UPDATE} keeps what was won");
        }
        if exceeded > 0 {
            println!("{exceeded} bounds exceeded. If that is meant, and only then: {UPDATE}");
        }
        let compiler = compiler()?;
        if compiler != self.bounds.compiler {
            let stored = &self.bounds.compiler;
            println!(
                "the bounds were stored with {stored}; this is {compiler}, which may explain it"
            );
        }
        Ok(exceeded == 0)
    }

    /// Stores what is measured, and the slack.
    pub(crate) fn update(&self, file: &Path) -> Result<(), String> {
        let figures: Vec<Figure> = self.figures();
        let results = self.measure(&figures, |judge, figure, processor| {
            let mut least = judge.programs.measure(figure, processor)?;
            for _ in 1..ATTEMPTS {
                least = less(least, judge.programs.measure(figure, processor)?);
            }
            Ok(least)
        })?;
        println!("{HEADER}");
        let mut bounds = Vec::new();
        for (&figure, measured) in figures.iter().zip(&results) {
            let value = measured.value;
            let bound = value + figure.slack(value);
            let was = self.bounds.bound(figure);
            let was = was.map_or("none".into(), |was| show(figure.kind, was));
            if figure.is_bounded() {
                bounds.push((figure, bound));
                let (value, bound) = (show(figure.kind, value), show(figure.kind, bound));
                println!("{figure} {value:>10} {bound:>10}  was {was}");
            }
        }
        self.bounds.write(file, &compiler()?, &bounds)
    }

    /// Prints how far apart the values of many runs lie.
    pub(crate) fn spread(&self, runs: usize) -> Result<(), String> {
        let figures = self.figures();
        let results = self.measure(&figures, |judge, figure, processor| {
            let mut values = Vec::new();
            for _ in 0..runs.max(1) {
                values.push(judge.programs.measure(figure, processor)?.value);
            }
            values.sort_by(f64::total_cmp);
            Ok(values)
        })?;
        println!("least and greatest of {runs} runs");
        for (figure, values) in figures.iter().zip(results) {
            let (least, greatest) = (values[0], values[values.len() - 1]);
            let percent = if least > 0.0 {
                (greatest / least - 1.0) * 100.0
            } else {
                0.0
            };
            println!("{figure} {least:>12.4} {greatest:>12.4} {percent:>8.3} %");
        }
        Ok(())
    }

    fn figures(&self) -> Vec<Figure> {
        let mut figures = Figure::all();
        if let Some(only) = &self.only {
            figures.retain(|figure| format!("{} {}", figure.build, figure.cell).contains(only));
        }
        figures
    }

    /// Calls `measure` for each figure, a few at a time; the results are in the order of the figures.
    fn measure<R: Send>(
        &self,
        figures: &[Figure],
        measure: impl Fn(&Self, Figure, usize) -> Result<R, String> + Sync,
    ) -> Result<Vec<R>, String> {
        let next = AtomicUsize::new(0);
        let results: Vec<Mutex<Option<Result<R, String>>>> =
            figures.iter().map(|_| Mutex::new(None)).collect();
        let workers = thread::available_parallelism().map_or(1, |n| n.get().min(WORKERS));
        thread::scope(|scope| {
            for processor in 0..workers {
                let (next, results, measure) = (&next, &results, &measure);
                scope.spawn(move || {
                    loop {
                        let n = next.fetch_add(1, Ordering::Relaxed);
                        let (Some(&figure), Some(result)) = (figures.get(n), results.get(n)) else {
                            return;
                        };
                        *result.lock().expect("no panic") = Some(measure(self, figure, processor));
                    }
                });
            }
        });
        let done = |result: Mutex<Option<_>>| result.into_inner().expect("no panic");
        results
            .into_iter()
            .map(|result| done(result).expect("every figure was taken"))
            .collect()
    }

    fn holds(&self, figure: Figure, value: f64) -> bool {
        self.bounds
            .bound(figure)
            .is_some_and(|bound| value <= bound)
    }

    /// The figure's target as a number; `None` too when raw TCP was not measured beside it.
    fn most(&self, figure: Figure, figures: &[Figure], results: &[Measured]) -> Option<f64> {
        match self.bounds.target(figure)? {
            Target::Most(most) => Some(most),
            Target::OverRaw(over) => {
                let raw = figures.iter().position(|&other| other == figure.of_raw())?;
                Some(results.get(raw)?.value + over)
            }
        }
    }
}

/// How often a figure is measured before it counts as exceeded, and for an update.
const ATTEMPTS: usize = 3;

/// Figures measured at the same time. They count, so they do not disturb each other.
const WORKERS: usize = 2;

const HEADER: &str = "per message                             measured      bound";

const UPDATE: &str = "crates/bench/guard/run.sh --update";

fn less(a: Measured, b: Measured) -> Measured {
    if b.value < a.value { b } else { a }
}

fn compiler() -> Result<String, String> {
    let output = Command::new("rustc")
        .arg("--version")
        .output()
        .map_err(|error| format!("rustc: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
