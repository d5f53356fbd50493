use std::panic::{AssertUnwindSafe, catch_unwind};

use super::op::{Op, Random};
use super::{Kind, Of, run};
use crate::core::{Guard, without};

/// Operations of a seed.
fn ops(seed: u64) -> (Of, Vec<Op>) {
    let mut random = Random(seed);
    let of = Of {
        kind: if seed % 4 == 0 {
            Kind::Embedded
        } else {
            Kind::Cluster
        },
        has_small_limits: seed % 3 == 0,
    };
    let count = 20 + random.next() as usize % 280;
    (of, random.ops(count))
}

/// Runs operations; a panic is a failure too.
fn attempt(of: Of, ops: &[Op], log: &mut dyn FnMut(String)) -> Result<(), String> {
    let attempt = AssertUnwindSafe(|| run(of, ops, log));
    catch_unwind(attempt).unwrap_or_else(|_| Err("a panic".into()))
}

fn check(seed: u64) -> Result<(), String> {
    let (of, ops) = ops(seed);
    attempt(of, &ops, &mut |_| ())
}

/// Returns what kind of failure it is.
fn class(error: &str) -> String {
    let words = error.chars().filter(|c| !c.is_ascii_digit());
    words
        .skip_while(|c| *c == 'I' || *c == ':')
        .take(24)
        .collect()
}

/// Leaves operations out as long as it still fails in the same way.
fn shrink(of: Of, mut ops: Vec<Op>) -> Vec<Op> {
    let failure = |ops: &[Op]| {
        attempt(of, ops, &mut |_| ())
            .err()
            .map(|error| class(&error))
    };
    let same = failure(&ops);
    let fails = |ops: &[Op]| failure(ops) == same;
    let mut size = ops.len() / 2;
    while size > 0 {
        let mut is_smaller = false;
        let mut from = 0;
        while from < ops.len() {
            let mut fewer = ops.clone();
            fewer.drain(from..(from + size).min(ops.len()));
            if fails(&fewer) {
                ops = fewer;
                is_smaller = true;
            } else {
                from += size;
            }
        }
        if !is_smaller || size > 1 {
            size /= 2;
        }
    }
    ops
}

fn env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `WSKIT_SEEDS=1000000` runs so many, `WSKIT_SEED=42` that one alone.
#[test]
fn what_is_promised_is_kept_whatever_the_engine_does() {
    let seeds = match env("WSKIT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..env("WSKIT_SEEDS").unwrap_or(2000),
    };
    for seed in seeds {
        let Err(error) = check(seed) else {
            continue;
        };
        let (of, ops) = ops(seed);
        let ops = shrink(of, ops);
        let mut trace = Vec::new();
        let shrunk = attempt(of, &ops, &mut |line| trace.push(line));
        panic!(
            "seed {seed}, {of:?}: {error}\n{}\n{}",
            trace.join("\n"),
            shrunk.unwrap_err()
        );
    }
}

#[test]
fn survey() {
    let Some(seeds) = env("WSKIT_SURVEY") else {
        return;
    };
    std::panic::set_hook(Box::new(|_| ()));
    let mut found = std::collections::BTreeMap::<String, (u64, u64)>::new();
    for seed in 0..seeds {
        if let Err(error) = check(seed) {
            let class: String = error.chars().filter(|c| !c.is_ascii_digit()).collect();
            let class: String = class.split("i,").collect();
            let entry = found
                .entry(class.chars().take(70).collect())
                .or_insert((0, seed));
            entry.0 += 1;
        }
    }
    for (class, (count, seed)) in found {
        println!("{count:6} first {seed:5} {class}");
    }
}

/// Returns the first seed with which something is not as promised, without a guard, and what.
fn broken(guard: Guard) -> (u64, String) {
    let found = without(guard, || {
        (0..5000).find_map(|seed| Some((seed, check(seed).err()?)))
    });
    found.unwrap_or_else(|| panic!("no seed shows what {guard:?} is for"))
}

#[test]
fn guards_survey() {
    use Guard::*;
    std::panic::set_hook(Box::new(|_| ()));
    for guard in [Chain, Epoch, Duplicate, Tops, Floor, Since, Cursor, Members] {
        let found = std::panic::catch_unwind(|| broken(guard));
        println!("{guard:?}: {found:?}");
    }
}
