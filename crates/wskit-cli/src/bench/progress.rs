//! A bar on the terminal while it runs.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::interval;

use super::worker::Shared;
use crate::units::count;

/// The bar, which is not drawn unless standard error is a terminal.
pub(crate) struct Progress {
    target: fn() -> ProgressDrawTarget,
}

/// A bar that goes with its phase, also if that is interrupted.
struct Bar(ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

const TICK: Duration = Duration::from_millis(100);

impl Progress {
    pub(crate) fn new(hidden: bool) -> Self {
        Self {
            target: if hidden {
                ProgressDrawTarget::hidden
            } else {
                ProgressDrawTarget::stderr
            },
        }
    }

    fn bar(&self, name: &'static str, length: u64) -> Bar {
        let bar = ProgressBar::with_draw_target(Some(length), (self.target)());
        let style = ProgressStyle::with_template("{prefix:>10} [{bar:30}] {wide_msg}");
        // ASCII, which is one column wide in every terminal.
        let style = style.map(|style| style.progress_chars("=> "));
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(name);
        Bar(bar)
    }

    /// Shows how many connections are open, until each attempt is over.
    pub(crate) async fn opening(&self, shared: &Shared, connections: u32) {
        let bar = self.bar("connecting", connections.into());
        // Short, because most runs have few connections.
        let mut ticks = interval(TICK / 50);
        let mut drawn = Instant::now();
        loop {
            ticks.tick().await;
            let settled = shared.total(|live| &live.settled);
            if drawn.elapsed() >= TICK {
                drawn = Instant::now();
                bar.0.set_position(settled);
                let (open, errors) = (
                    shared.total(|live| &live.open),
                    shared.total(|live| &live.errors),
                );
                bar.0.set_message(format!(
                    "{} of {} open, {} errors",
                    count(open),
                    count(connections.into()),
                    count(errors)
                ));
            }
            if settled >= connections.into() {
                break;
            }
        }
    }

    /// Shows the traffic for this time, or until no connection is left.
    pub(crate) async fn running(&self, name: &'static str, shared: &Shared, time: Duration) {
        let bar = self.bar(name, time.as_millis() as u64);
        let begun = Instant::now();
        let received = || shared.total(|live| &live.received);
        let sent = || shared.total(|live| &live.sent);
        let (mut before, mut since) = ((received(), sent()), begun);
        let mut ticks = interval(TICK);
        let mut end = std::pin::pin!(tokio::time::sleep(time));
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut end => break,
            }
            let (now, open) = ((received(), sent()), shared.total(|live| &live.open));
            let seconds = since.elapsed().as_secs_f64().max(0.001);
            let a_second = |new: u64, old: u64| count(((new - old) as f64 / seconds) as u64);
            bar.0.set_position(begun.elapsed().as_millis() as u64);
            bar.0.set_message(format!(
                "{}/s in, {}/s out, {} open, {} errors",
                a_second(now.0, before.0),
                a_second(now.1, before.1),
                count(open),
                count(shared.total(|live| &live.errors))
            ));
            (before, since) = (now, Instant::now());
            if open == 0 {
                break;
            }
        }
    }
}
