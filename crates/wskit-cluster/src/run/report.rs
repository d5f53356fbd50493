use std::error::Error;
use std::path::Path;
use std::time::Duration;

use super::world::{World, logs};
use crate::check::Violation;
use crate::log::{Tail, What};

/// How it ended.
#[derive(Debug)]
pub(super) struct Report {
    /// How long after the last message everyone had it.
    pub(super) reached: Option<Duration>,
    /// How long after it presence was right.
    pub(super) present: Option<Duration>,
    pub(super) elapsed: Duration,
}

impl Report {
    pub(super) fn print(&self, world: &World, nodes: &[f64]) {
        let counts = world.checker.counts;
        let after = |time: Option<Duration>| {
            time.map_or("never".to_owned(), |time| {
                format!("after {:.1} s", time.as_secs_f64())
            })
        };
        println!("\n| {} | |\n|---|---|", world.settings.kind);
        let row = |name: &str, value: String| println!("| {name} | {value} |");
        row("seconds", format!("{:.0}", self.elapsed.as_secs_f64()));
        row("faults", world.faults.len().to_string());
        row("publishes begun", counts.tries.to_string());
        row("acknowledged", counts.acks.to_string());
        row("failed, and published again", counts.failures.to_string());
        row("deliveries", counts.deliveries.to_string());
        row("subscriptions begun", counts.subscribed.to_string());
        row(
            "of these with all that was missed",
            counts.recovered.to_string(),
        );
        row("gaps told", counts.gaps.to_string());
        row("unsubscribed by the hub", counts.unsubscribed.to_string());
        row("connections lost", counts.lost.to_string());
        row("refused", counts.denied.to_string());
        row("messages lost on links", world.servers.lost().to_string());
        row(
            "published again too late for the history",
            counts.repeated_later.to_string(),
        );
        row("everyone at the newest message", after(self.reached));
        row("presence right", after(self.present));
        let cpu: Vec<_> = nodes.iter().map(|cpu| format!("{cpu:.1}")).collect();
        row("seconds of a core, by node since its start", cpu.join(", "));
        row("violations", world.checker.violations.len().to_string());
    }
}

/// Prints violations, each with what its client saw around it.
pub(super) fn trace(folder: &Path, violations: &[Violation]) -> Result<(), Box<dyn Error>> {
    const SHOWN: usize = 20;
    for violation in violations.iter().take(SHOWN) {
        let Violation {
            rule,
            who,
            topic,
            text,
            ..
        } = violation;
        println!("\n{rule}: {who}, {topic}: {text}");
    }
    if violations.len() > SHOWN {
        println!("\nand {} more", violations.len() - SHOWN);
    }
    let Some(first) = violations
        .iter()
        .find(|violation| violation.at > 0)
        .or(violations.first())
    else {
        return Ok(());
    };
    println!(
        "\nwhat {} saw of {} around the first:",
        first.who, first.topic
    );
    let end = if first.at > 0 {
        first.at + 300
    } else {
        u64::MAX
    };
    let mut lines = Vec::new();
    for path in logs(folder) {
        for record in Tail::new(path).read()? {
            let is_of = record.who == first.who && of_topic(&record.what, &first.topic);
            let is_fault = matches!(record.what, What::Fault { .. });
            if record.at <= end && (is_of || is_fault) {
                lines.push((record.at, serde_json::to_string(&record)?));
            }
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    for (_, line) in lines.iter().rev().take(40).rev() {
        println!("  {line}");
    }
    Ok(())
}

fn of_topic(what: &What, of: &str) -> bool {
    match what {
        What::Open { .. } | What::Lost | What::Bye => true,
        What::Sub { topic, .. }
        | What::Msg { topic, .. }
        | What::Gap { topic, .. }
        | What::Unsub { topic }
        | What::Here { topic, .. }
        | What::Join { topic, .. }
        | What::Left { topic, .. }
        | What::Enter { topic, .. }
        | What::Leave { topic } => topic == of,
        _ => false,
    }
}
