//! Whether the samples of a run are those of a program that leaks nothing and loses no connection.

use crate::ledger::{Account, End};
use crate::serve::Sample;

/// Growth over the second half that is still called none, as a share of the mean. A number of bytes, if
/// that is more: the two below.
const SHARE: f64 = 0.02;

/// Such a number for the heap, times the root of the number of connections. What they hold varies
/// independently of each other, so their sum varies with that root: the growth that the clients
/// of 500 connections showed in 24 runs of 20 seconds was 220 KiB with a standard deviation of 412 KiB,
/// and this allows 2.8 MiB.
const HEAP: f64 = 128.0 * 1024.0;

/// Such a number for resident memory, in which pages come and go as the allocator pleases.
const RESIDENT: f64 = 8.0 * 1024.0 * 1024.0;

/// Heap that may be left when connections and runtime have gone: this program's own notes.
const LEFT: usize = 64 << 10;

/// Connections that may be between two lives in any moment of the second half.
const AWAY: f64 = 0.1;

/// A process: what it said before the first connection, while there were any, and after the last.
#[derive(Debug)]
pub struct Course {
    /// Whose.
    pub name: &'static str,
    /// Before.
    pub before: Sample,
    /// Seconds since the start, and a sample.
    pub during: Vec<(f64, Sample)>,
    /// After.
    pub after: Sample,
}

/// Prints each finding; false if there is one that should not be.
pub fn judge(server: &Course, client: &Course, connections: usize) -> bool {
    let mut findings = Findings(true);
    for course in [server, client] {
        let varies = HEAP * (connections as f64).sqrt();
        flat(&mut findings, course, "heap", varies, |sample| sample.heap);
        flat(&mut findings, course, "resident", RESIDENT, |sample| {
            sample.resident
        });
        let (before, after) = (course.before, course.after);
        findings.note(
            after.heap <= before.heap + LEFT,
            &format!(
                "{} heap: {} before, {} after",
                course.name,
                kib(before.heap),
                kib(after.heap)
            ),
        );
        findings.note(
            after.tasks <= before.tasks && after.files <= before.files,
            &format!(
                "{} tasks: {} before, {} after; open files: {} before, {} after",
                course.name, before.tasks, after.tasks, before.files, after.files
            ),
        );
    }
    let fewest = half(&server.during)
        .map(|(_, sample)| sample.account.live())
        .min();
    findings.note(
        fewest.is_some_and(|fewest| fewest as f64 >= (1.0 - AWAY) * connections as f64),
        &format!(
            "connections held in the second half: never fewer than {fewest:?} of {connections}"
        ),
    );
    accounts(&mut findings, &server.after.account, &client.after.account);
    findings.0
}

fn accounts(findings: &mut Findings, server: &Account, client: &Account) {
    findings.note(
        server.opened == client.opened && server.live() == 0 && client.live() == 0,
        &format!(
            "opened: {} by the clients, {} by the server; still open: {} and {}",
            client.opened,
            server.opened,
            client.live(),
            server.live()
        ),
    );
    for end in [End::ByClient, End::ByServer, End::Vanished, End::Breach] {
        let (ours, theirs) = (client.count(end), server.count(end));
        findings.note(
            ours == theirs && ours > 0,
            &format!("ended {end:?}: {ours} say the clients, {theirs} says the server"),
        );
    }
    let wrong = client.count(End::Wrong) + server.count(End::Wrong);
    findings.note(wrong == 0, &format!("ended otherwise: {wrong}"));
    findings.note(
        client.messages > 0 && server.messages >= client.messages,
        &format!(
            "messages: {} echoed, {} compared",
            server.messages, client.messages
        ),
    );
}

fn flat(
    findings: &mut Findings,
    course: &Course,
    what: &str,
    bytes: f64,
    read: impl Fn(&Sample) -> usize,
) {
    let samples: Vec<(f64, f64)> = half(&course.during)
        .map(|(at, sample)| (*at, read(sample) as f64))
        .collect();
    // What lies lowest in each tenth of the time: what is under way comes and goes above it.
    let points: Vec<(f64, f64)> = samples
        .chunks((samples.len() / 10).max(1))
        .filter_map(|tenth| tenth.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)))
        .collect();
    let (mean, slope) = line(&points);
    let seconds = points.last().map_or(0.0, |last| last.0 - points[0].0);
    let growth = slope * seconds;
    let allowed = (SHARE * mean).max(bytes);
    findings.note(
        points.len() >= 8 && growth <= allowed,
        &format!(
            "{} {what}: {} at rest; {:+.0} KiB in {seconds:.0} s, at most {:.0} allowed",
            course.name,
            kib(mean as usize),
            growth / 1024.0,
            allowed / 1024.0
        ),
    );
}

/// The second half of the time; the first is for warming up.
fn half(samples: &[(f64, Sample)]) -> impl Iterator<Item = &(f64, Sample)> {
    let end = samples.last().map_or(0.0, |last| last.0);
    samples.iter().filter(move |(at, _)| *at >= end / 2.0)
}

/// The mean of the values, and by how much a second they grow: the least squares.
fn line(points: &[(f64, f64)]) -> (f64, f64) {
    let n = points.len().max(1) as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (middle, mean) = (mean(|point| point.0), mean(|point| point.1));
    let (mut above, mut below) = (0.0, f64::MIN_POSITIVE);
    for (at, value) in points {
        above += (at - middle) * (value - mean);
        below += (at - middle) * (at - middle);
    }
    (mean, above / below)
}

fn kib(bytes: usize) -> String {
    format!("{} KiB", bytes / 1024)
}

struct Findings(bool);

impl Findings {
    fn note(&mut self, well: bool, text: &str) {
        println!("{} {text}", if well { "ok  " } else { "FAIL" });
        self.0 &= well;
    }
}
