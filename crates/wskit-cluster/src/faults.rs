//! What goes wrong, and when: a schedule from a seed.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::engine::Kind;
use crate::random::Random;

/// Something that goes wrong for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A hub process is killed, and started again.
    KillNode(usize),
    /// A hub process is stopped in its tracks (SIGSTOP).
    StopNode(usize),
    /// The server that leads the stream is killed.
    KillLeader,
    /// All servers of NATS are killed. What they have stored in files is there afterwards, or not.
    KillNats { wipe: bool },
    /// The replica is cut off for a while, then the primary is killed: what was acknowledged meanwhile is lost.
    Failover,
    /// The primary is killed and started again at once, before Sentinel notices: all is lost.
    WipePrimary,
    /// The link between a node and the engine passes a byte at a time.
    Slow(usize),
    /// The link loses one of some messages without a trace.
    Lose(usize),
    /// Some clients read nothing.
    Stall,
    /// Some are absent for a while, some leave for good, and grants are withdrawn.
    Churn,
}

impl Fault {
    /// Its name for `--only`.
    fn name(&self) -> &'static str {
        match self {
            Self::KillNode(_) => "kill-node",
            Self::StopNode(_) => "stop-node",
            Self::KillLeader => "leader",
            Self::KillNats { .. } => "nats",
            Self::Failover => "failover",
            Self::WipePrimary => "wipe",
            Self::Slow(_) => "slow",
            Self::Lose(_) => "lose",
            Self::Stall => "stall",
            Self::Churn => "churn",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillNode(node) => write!(f, "kill -9 of node {node}"),
            Self::StopNode(node) => write!(f, "SIGSTOP of node {node}"),
            Self::KillLeader => f.write_str("kill -9 of the stream's leader"),
            Self::KillNats { wipe: false } => f.write_str("kill -9 of all of NATS"),
            Self::KillNats { wipe: true } => f.write_str("kill -9 of all of NATS, and its files"),
            Self::Failover => f.write_str("kill -9 of Redis' primary, with a replica that lags"),
            Self::WipePrimary => f.write_str("kill -9 of Redis' primary, which comes back empty"),
            Self::Slow(node) => write!(f, "a byte at a time between node {node} and the engine"),
            Self::Lose(node) => write!(f, "messages lost between the engine and node {node}"),
            Self::Stall => f.write_str("clients that read nothing"),
            Self::Churn => f.write_str("clients that come and go, grants withdrawn"),
        }
    }
}

/// Faults that happen at once, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) faults: Vec<Fault>,
    pub(crate) lasts: Duration,
    /// What follows without a fault.
    pub(crate) pause: Duration,
}

/// Makes schedules: rounds in which each fault happens at most once, in an order by chance.
#[derive(Debug)]
pub(crate) struct Schedule {
    kind: Kind,
    nodes: u64,
    /// The nodes whose links carry their traffic.
    linked: std::ops::Range<usize>,
    random: Random,
    /// The names of those that happen, if not all do.
    only: Option<Vec<String>>,
    round: u64,
    steps: Vec<Step>,
}

impl Schedule {
    pub(crate) fn new(
        kind: Kind,
        nodes: usize,
        linked: std::ops::Range<usize>,
        seed: u64,
        only: Option<&str>,
    ) -> Result<Self, Box<dyn Error>> {
        let only = only.map(|only| only.split(',').map(str::to_owned).collect());
        let mut this = Self {
            only,
            kind,
            nodes: nodes as u64,
            linked,
            random: Random::new(seed),
            round: 0,
            steps: Vec::new(),
        };
        this.fill();
        if this.steps.is_empty() {
            return Err("--only names no fault of this engine".into());
        }
        Ok(this)
    }

    /// Returns what goes wrong next.
    pub(crate) fn next(&mut self) -> Step {
        if self.steps.is_empty() {
            self.fill();
        }
        self.steps.pop().expect("a round has steps")
    }

    fn fill(&mut self) {
        let random = &mut self.random;
        let mut node = || random.below(self.nodes) as usize;
        let mut main = vec![Fault::KillNode(node()), Fault::StopNode(node())];
        let wipe = (self.round + random.below(2)) % 2 == 1;
        match self.kind {
            Kind::Nats => main.extend([Fault::KillLeader, Fault::KillNats { wipe }]),
            Kind::None => {}
            Kind::Redis => main.extend([Fault::Failover, Fault::WipePrimary]),
        }
        let linked: Vec<_> = self.linked.clone().collect();
        let mut side = vec![Fault::Stall, Fault::Churn];
        if !linked.is_empty() {
            // While there is no outage, or nothing would be lost.
            main.push(Fault::Lose(*random.of(&linked)));
            side.push(Fault::Slow(*random.of(&linked)));
        }
        if let Some(only) = &self.only {
            let happens = |fault: &Fault| only.iter().any(|name| name == fault.name());
            main.retain(happens);
            side.retain(happens);
            if main.is_empty() {
                main = std::mem::take(&mut side);
            }
        }
        while let Some(fault) = take(&mut main, random) {
            let lasts = match fault {
                // Once in a while longer than a node's lease.
                Fault::StopNode(_) if self.round % 4 == 3 => 40_000,
                Fault::StopNode(_) => 6000 + random.below(2000),
                _ => 1500 + random.below(2500),
            };
            // A link does one thing at a time.
            let beside = take(&mut side, random);
            let (beside, later) = match (&fault, beside) {
                (Fault::Lose(_), Some(slow @ Fault::Slow(_))) => (None, Some(slow)),
                (_, beside) => (beside, None),
            };
            side.extend(later);
            self.steps.push(Step {
                faults: std::iter::once(fault).chain(beside).collect(),
                lasts: Duration::from_millis(lasts),
                pause: Duration::from_millis(500 + random.below(2500)),
            });
        }
        self.round += 1;
    }
}

fn take(from: &mut Vec<Fault>, random: &mut Random) -> Option<Fault> {
    let at = random.below(from.len() as u64) as usize;
    (!from.is_empty()).then(|| from.remove(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_schedule_and_each_round_has_all_faults() {
        for kind in [Kind::Nats, Kind::Redis] {
            let steps = |seed| {
                let mut schedule = Schedule::new(kind, 3, 2..3, seed, None).unwrap();
                (0..5).map(|_| schedule.next()).collect::<Vec<_>>()
            };
            assert_eq!(steps(7), steps(7));
            assert_ne!(steps(7), steps(8));
            let faults: Vec<_> = steps(7).into_iter().flat_map(|step| step.faults).collect();
            assert_eq!(faults.len(), 8, "{faults:?}");
        }
    }

    #[test]
    fn some_faults_are_chosen_by_name() {
        let chosen = |only| Schedule::new(Kind::Redis, 3, 2..3, 1, Some(only));
        let mut schedule = chosen("failover,lose").unwrap();
        for _ in 0..3 {
            let mut two: Vec<_> = [schedule.next(), schedule.next()]
                .map(|step| step.faults)
                .concat();
            two.sort_by_key(Fault::name);
            assert_eq!(two, [Fault::Failover, Fault::Lose(2)]);
        }
        assert_eq!(chosen("lose").unwrap().next().faults, [Fault::Lose(2)]);
        assert!(chosen("leader").is_err());
    }
}
