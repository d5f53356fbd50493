//! The proof: starts all, breaks it, and checks what the clients saw.

mod report;
mod world;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use self::report::Report;
use self::world::World;
use crate::args::Args;
use crate::check::Checker;
use crate::engine::Kind;
use crate::faults::Schedule;
use crate::log::{Tail, What};
use crate::topics;

/// How the proof is run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    pub(crate) seconds: u64,
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) own: usize,
    pub(crate) js: usize,
    pub(crate) centrifuge: usize,
    pub(crate) topics: usize,
    pub(crate) rate: f64,
    /// Where logs are kept; else in a folder that is removed if all is well.
    pub(crate) logs: Option<PathBuf>,
    /// Where the packages of the clients in JavaScript are.
    pub(crate) packages: Option<PathBuf>,
    /// The NATS server, if not the one that is found.
    pub(crate) program: Option<String>,
    /// NATS keeps its messages in memory.
    pub(crate) in_memory: bool,
    /// The last messages are lost on the links: nodes have to notice by comparing positions.
    pub(crate) lose_last: bool,
    /// The faults that happen, by their names; else all.
    pub(crate) only: Option<String>,
    /// A check of the hub that is taken out: the proof has to fail.
    pub(crate) without: Option<String>,
}

impl Settings {
    fn read(args: &Args) -> Result<Self, Box<dyn Error>> {
        let kind = Kind::parse(args.need("engine")?)?;
        Ok(Self {
            kind,
            seconds: args.or("seconds", 30)?,
            seed: args.or("seed", u64::from(std::process::id()))?,
            nodes: if kind == Kind::None { 1 } else { 3 },
            own: args.or("own", 140)?,
            js: args.or("js", 0)?,
            centrifuge: args.or("centrifuge", 30)?,
            topics: args.or("topics", 20)?,
            rate: args.or("rate", 60.0)?,
            logs: args.get("logs").map(PathBuf::from),
            packages: args.get("packages").map(PathBuf::from),
            program: args.get("nats-server").map(str::to_owned),
            in_memory: args.has("memory"),
            lose_last: args.has("lose-last"),
            only: args.get("only").map(str::to_owned),
            without: args.get("without").map(str::to_owned),
        })
    }
}

/// After all faults are over, everyone has to be at the newest message within this time: nodes compare their
/// positions every 20 s.
const REACH: Duration = Duration::from_secs(30);
/// And presence has to be right: a node's lease, and the time in which nodes ask for members.
const PRESENCE: Duration = Duration::from_secs(75);

pub(crate) async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let settings = Settings::read(args)?;
    let runtime = Handle::current();
    // Servers are started by calls that block.
    let done = tokio::task::spawn_blocking(move || {
        prove(settings, &runtime).map_err(|error| error.to_string())
    });
    Ok(done.await??)
}

/// `check FOLDER`: checks the logs of a run again.
pub(crate) fn check(args: &Args) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(args.first().ok_or("check FOLDER")?);
    let mut checker = Checker::default();
    let mut records = Vec::new();
    for log in world::logs(folder) {
        records.extend(Tail::new(log).read()?);
    }
    let end = records.iter().find(|record| record.what == What::End);
    let end = end.map_or(u64::MAX, |record| record.at);
    for record in records.iter().filter(|record| record.at <= end) {
        checker.feed(record);
    }
    checker.finish(topics::history);
    report::trace(folder, &checker.violations)?;
    println!("{:?}", checker.counts);
    match (checker.violations.len(), checker.counts.deliveries) {
        (0, 0) => Err("nothing was checked".into()),
        (0, _) => Ok(()),
        (violations, _) => Err(format!("{violations} violations").into()),
    }
}

fn prove(settings: Settings, runtime: &Handle) -> Result<(), Box<dyn Error>> {
    println!(
        "engine {}, {} s, seed {}: {} nodes, {} clients, {} topics",
        settings.kind,
        settings.seconds,
        settings.seed,
        settings.nodes,
        settings.own + settings.js + settings.centrifuge,
        settings.topics
    );
    let all: Vec<_> = (0..settings.topics).map(topics::name).collect();
    let (seconds, lose_last) = (settings.seconds, settings.lose_last);
    let mut schedule;
    let mut world = World::start(settings, runtime.clone())?;
    schedule = Schedule::new(
        world.settings.kind,
        world.settings.nodes,
        world.servers.linked(),
        world.settings.seed,
        world.settings.only.as_deref(),
    )?;
    let begin = Instant::now();
    let end = begin + Duration::from_secs(seconds);
    sleep(Duration::from_secs(2));
    while Instant::now() < end {
        let step = schedule.next();
        for fault in &step.faults {
            world.begin(fault)?;
        }
        world.watch(step.lasts)?;
        for fault in &step.faults {
            world.end(fault)?;
        }
        world.watch(step.pause)?;
    }
    world.heal()?;
    let healed = Instant::now();
    world.watch(Duration::from_secs(2))?;
    world.clients_tell("stop");
    if lose_last {
        world.lose_all(true);
    }
    // One more message in each topic, which everyone has to get.
    let mut round = 0;
    loop {
        let unacknowledged = world.publish(&all, round);
        if unacknowledged == 0 {
            break;
        }
        if healed.elapsed() > REACH {
            return Err("nothing can be published after all faults".into());
        }
        round += 1;
    }
    if lose_last {
        world.watch(Duration::from_secs(1))?;
        world.lose_all(false);
    }
    let settling = Instant::now();
    let (mut reached, mut present) = (None, None);
    while settling.elapsed() < PRESENCE {
        world.watch(Duration::from_millis(300))?;
        world.look(&all);
        let unsettled = world.checker.unsettled(usize::MAX);
        let is_present = unsettled.iter().all(|found| found.rule != "I5");
        let is_reached = unsettled.iter().all(|found| found.rule == "I5");
        if is_reached && world.has_looked {
            reached.get_or_insert(settling.elapsed());
        }
        if is_present && world.has_looked {
            present.get_or_insert(settling.elapsed());
        }
        if unsettled.is_empty() && world.has_looked {
            break;
        }
        if reached.is_none() && settling.elapsed() > REACH {
            break;
        }
    }
    let report = Report {
        reached,
        present,
        elapsed: begin.elapsed(),
    };
    world.finish(&report)
}
