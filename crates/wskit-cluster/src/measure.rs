//! Figures: what an engine and three nodes do, with the CPU of each part. Each measurement takes less than two
//! minutes and prints a table. Meant for a quiet machine and a release build.

mod bed;
mod deliver;
pub(crate) mod load;
mod publish;
mod storm;
mod topics;

use std::error::Error;

use tokio::runtime::Handle;

use self::bed::Bed;
use crate::args::Args;

/// `measure publish|deliver|storm|topics --engine nats|redis [--servers 1|3]`.
pub(crate) async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let (args, runtime) = (args.clone(), Handle::current());
    // Servers are started by calls that block.
    let done = tokio::task::spawn_blocking(move || {
        let run = || match args.first().unwrap_or_default() {
            "publish" => publish::run(&args, &runtime),
            "deliver" => deliver::run(&args),
            "storm" => storm::run(&args, &runtime),
            "topics" => topics::run(&args, &runtime),
            _ => Err("measure publish, deliver, storm or topics".into()),
        };
        run().map_err(|error: Box<dyn Error>| crate::node::explain(&*error))
    });
    Ok(done.await??)
}

/// The cores that each part has used since an earlier reading.
#[derive(Clone, Copy, Debug, Default)]
struct Cores {
    nodes: f64,
    engine: f64,
    load: f64,
}

impl Cores {
    fn read(bed: &Bed, load: &[u32]) -> Self {
        let all = |ids: &[u32]| ids.iter().copied().map(crate::child::cpu).sum();
        Self {
            nodes: all(&bed.node_ids()),
            engine: all(&bed.server_ids()),
            load: all(load),
        }
    }

    /// As cells of a table.
    fn since(self, earlier: Self, seconds: f64) -> String {
        let cores = |now: f64, before: f64| (now - before) / seconds;
        format!(
            "{:.2} | {:.2} | {:.2}",
            cores(self.nodes, earlier.nodes),
            cores(self.engine, earlier.engine),
            cores(self.load, earlier.load)
        )
    }
}

/// The part of sorted times below which a share of them is.
fn percentile(sorted: &[u64], share: f64) -> u64 {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(0)
}
