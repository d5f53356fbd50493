//! What was measured, for people and for programs.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Value, json};
use wskit::ClientRequest;

use super::stats::{Snapshot, Stats};
use super::{Expect, Model, Options};
use crate::exit::Exit;
use crate::units::{bytes, count, time};

/// The result of a run.
#[derive(Default)]
pub(crate) struct Report {
    /// How long it took to open the connections.
    pub(crate) opening: Duration,
    pub(crate) opened: u64,
    /// Connections that were open at the end of measuring.
    pub(crate) held: u64,
    pub(crate) measured: Duration,
    pub(crate) counts: Snapshot,
    pub(crate) stats: Stats,
    pub(crate) interrupted: bool,
}

const PERCENTILES: [(&str, f64); 4] =
    [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)];

impl Report {
    /// Returns the exit code: that of the first error if nothing could be measured for it.
    pub(crate) fn exit(&self) -> Exit {
        if self.interrupted {
            return Exit::Interrupted;
        }
        match self.stats.first {
            Some(exit) if self.opened == 0 => exit,
            None if self.stats.unanswered == 0 => Exit::Clean,
            _ => Exit::Flawed,
        }
    }

    pub(crate) fn print(
        &self,
        options: &Options,
        request: &ClientRequest,
        model: Model,
    ) -> io::Result<()> {
        let text = if options.json {
            let mut line = self.json(options, request, model).to_string();
            line.push('\n');
            line
        } else {
            self.text(options, request, model)
        };
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Returns the messages that count for the throughput.
    fn messages(&self, options: &Options) -> u64 {
        match options.expect {
            Expect::None if !options.idle => self.counts.sent,
            _ => self.counts.received,
        }
    }

    fn a_second(&self, number: u64) -> f64 {
        number as f64 / self.measured.as_secs_f64().max(1e-9)
    }

    /// Returns the latencies, if there are any: names and times.
    fn latencies(&self) -> Vec<(&'static str, Duration)> {
        let Some(latencies) = self
            .stats
            .latencies
            .as_ref()
            .filter(|known| !known.is_empty())
        else {
            return Vec::new();
        };
        let at = |quantile| Duration::from_nanos(latencies.value_at_percentile(quantile));
        let mut all: Vec<_> = PERCENTILES
            .iter()
            .map(|(name, quantile)| (*name, at(*quantile)))
            .collect();
        all.push(("max", Duration::from_nanos(latencies.max())));
        all
    }

    fn text(&self, options: &Options, request: &ClientRequest, model: Model) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "{name:>12}  {value}"); // writing to a String does not fail
        };
        let kind = if options.binary { "binary" } else { "text" };
        let sizes = options.size;
        let size = if sizes.0 == sizes.1 {
            format!("{} bytes", sizes.0)
        } else {
            format!("{} to {} bytes", sizes.0, sizes.1)
        };
        let how = match model {
            Model::Closed { burst: 1 } => format!("one message at a time, {kind}, {size}"),
            Model::Closed { burst } => format!("bursts of {burst}, {kind}, {size}"),
            Model::Open { rate } => format!("{} messages/s, {kind}, {size}", count(rate as u64)),
            Model::Idle => "idle".into(),
        };
        row("server", request.url());
        row(
            "load",
            format!("{} connections, {how}", count(options.connections.into())),
        );
        let mut connections = format!(
            "{} opened in {} ({}/s), {} open at the end",
            count(self.opened),
            time(self.opening),
            count((self.opened as f64 / self.opening.as_secs_f64().max(1e-9)) as u64),
            count(self.held),
        );
        if self.interrupted {
            connections.push_str("; interrupted");
        }
        row("connections", connections);
        if !self.measured.is_zero() {
            let messages = self.messages(options);
            row(
                "messages",
                format!(
                    "{} in {}: {}/s",
                    count(messages),
                    time(self.measured),
                    count(self.a_second(messages) as u64)
                ),
            );
            row(
                "payload",
                format!(
                    "{}/s sent, {}/s received",
                    bytes(self.a_second(self.counts.bytes_sent)),
                    bytes(self.a_second(self.counts.bytes_received))
                ),
            );
        }
        let latencies = self.latencies();
        if !latencies.is_empty() {
            let all: Vec<_> = latencies
                .iter()
                .map(|(name, value)| format!("{name} {}", time(*value)))
                .collect();
            row("latency", all.join("  "));
        }
        if self.stats.unanswered > 0 {
            row(
                "unanswered",
                format!(
                    "{} messages, which are not in the latencies",
                    count(self.stats.unanswered)
                ),
            );
        }
        if self.stats.errors.is_empty() {
            row("errors", "none".into());
        }
        for (kind, number) in &self.stats.errors {
            row("errors", format!("{} x {kind}", count(*number)));
        }
        text
    }

    fn json(&self, options: &Options, request: &ClientRequest, model: Model) -> Value {
        let (model, burst, rate) = match model {
            Model::Closed { burst } => ("closed", Some(burst), None),
            Model::Open { rate } => ("open", None, Some(rate)),
            Model::Idle => ("idle", None, None),
        };
        let latencies: serde_json::Map<String, Value> = self
            .latencies()
            .into_iter()
            .map(|(name, value)| {
                (
                    name.replace('.', "_"),
                    (value.as_nanos() as f64 / 1e3).into(),
                )
            })
            .collect();
        json!({
            "url": request.url(),
            "model": model,
            "burst": burst,
            "rate": rate,
            "binary": options.binary,
            "size_min": options.size.0,
            "size_max": options.size.1,
            "compress": options.client.compress,
            "threads": options.threads,
            "connections": options.connections,
            "opened": self.opened,
            "open_at_end": self.held,
            "opening_seconds": self.opening.as_secs_f64(),
            "measured_seconds": self.measured.as_secs_f64(),
            "messages": self.messages(options),
            "messages_per_second": self.a_second(self.messages(options)),
            "sent": self.counts.sent,
            "received": self.counts.received,
            "payload_bytes_sent": self.counts.bytes_sent,
            "payload_bytes_received": self.counts.bytes_received,
            "latency_us": latencies,
            "unanswered": self.stats.unanswered,
            "errors": self.stats.errors,
            "interrupted": self.interrupted,
        })
    }
}
