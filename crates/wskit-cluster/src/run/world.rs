use std::error::Error;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Handle;
use wskit_hub_suite::servers::nats::NatsCluster;

use super::Settings;
use super::report::Report;
use crate::check::Checker;
use crate::child::Process;
use crate::faults::Fault;
use crate::link::Mode;
use crate::log::{Log, Record, Tail, What, now};
use crate::look::{self, RUN};
use crate::random::Random;
use crate::servers::{Cluster, Servers};
use crate::topics;

/// All that runs.
pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) servers: Servers,
    pub(super) checker: Checker,
    /// Whether all nodes have told their newest positions and members.
    pub(super) has_looked: bool,
    pub(super) faults: Vec<String>,
    runtime: Handle,
    nodes: Vec<Node>,
    clients: Vec<Process>,
    folder: PathBuf,
    temporary: Option<TempDir>,
    log: Log,
    tails: Vec<Tail>,
    random: Random,
    /// How many messages were lost on links before.
    lost_before: u64,
    /// The server that is down.
    down: Option<usize>,
    last_look: Option<Instant>,
}

struct Node {
    process: Process,
    port: u16,
}

impl World {
    pub(super) fn start(settings: Settings, runtime: Handle) -> Result<Self, Box<dyn Error>> {
        let (folder, temporary) = match &settings.logs {
            Some(folder) => {
                std::fs::create_dir_all(folder)?;
                (folder.clone(), None)
            }
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("wskit-cluster-")
                    .tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let program = settings.program.as_deref();
        let masks = settings.without.as_deref() == Some("Salt");
        let servers = Servers::start(settings.kind, settings.nodes, program, masks, &runtime)?;
        let mut this = Self {
            log: Log::create(&folder.join("run.log"))?,
            tails: Vec::new(),
            random: Random::new(settings.seed ^ 0xfa17),
            checker: Checker::default(),
            has_looked: false,
            faults: Vec::new(),
            nodes: Vec::new(),
            clients: Vec::new(),
            settings,
            servers,
            runtime,
            folder,
            temporary,
            lost_before: 0,
            down: None,
            last_look: None,
        };
        for number in 0..this.settings.nodes {
            let node = this.node(number, 0)?;
            this.nodes.push(node);
        }
        this.start_clients()?;
        Ok(this)
    }

    fn node(&self, number: usize, port: u16) -> Result<Node, Box<dyn Error>> {
        let args = [
            "node",
            "--engine",
            &self.servers.url(number),
            "--port",
            &port.to_string(),
        ];
        let mut args = args.map(str::to_owned).to_vec();
        args.extend(self.settings.in_memory.then(|| "--memory".to_owned()));
        let mut env = Vec::new();
        if let Some(without) = &self.settings.without {
            env.push(("WSKIT_HUB_WITHOUT", without.as_str()));
        }
        let errors = self.folder.join(format!("node-{number}.err"));
        let mut process = Process::start(None, &args, &env, &errors)?;
        let port = process.line("listening on ").map_err(|error| {
            let errors = std::fs::read_to_string(&errors).unwrap_or_default();
            format!("node {number}: {error}\n{errors}")
        })?;
        let port = port.parse()?;
        Ok(Node { process, port })
    }

    fn start_clients(&mut self) -> Result<(), Box<dyn Error>> {
        let settings = &self.settings;
        let urls: Vec<_> = self.nodes.iter().map(Node::url).collect();
        let log = self.folder.join("own.log");
        let args = [
            "clients".to_owned(),
            "--urls".to_owned(),
            urls.join(","),
            "--log".to_owned(),
            log.display().to_string(),
            "--own".to_owned(),
            settings.own.to_string(),
            "--centrifuge".to_owned(),
            settings.centrifuge.to_string(),
            "--topics".to_owned(),
            settings.topics.to_string(),
            "--rate".to_owned(),
            settings.rate.to_string(),
            "--seed".to_owned(),
            settings.seed.to_string(),
        ];
        let errors = self.folder.join("own.err");
        self.clients
            .push(Process::start(None, &args, &[], &errors)?);
        self.tails.push(Tail::new(log));
        if self.settings.js > 0 {
            self.start_js(&urls)?;
        }
        Ok(())
    }

    fn start_js(&mut self, urls: &[String]) -> Result<(), Box<dyn Error>> {
        let settings = &self.settings;
        let packages = settings.packages.as_ref().ok_or("--packages is missing")?;
        let log = self.folder.join("js.log");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/js/clients.mjs");
        let args = [
            script.to_owned(),
            std::path::absolute(packages)?.display().to_string(),
            urls.join(","),
            log.display().to_string(),
            settings.js.to_string(),
            settings.topics.to_string(),
            (settings.js as f64 * 10.0 / settings.rate).to_string(),
        ];
        let errors = self.folder.join("js.err");
        let process = Process::start(Some(Path::new("node")), &args, &[], &errors)?;
        self.clients.push(process);
        self.tails.push(Tail::new(log));
        Ok(())
    }

    pub(super) fn clients_tell(&mut self, line: &str) {
        for clients in &mut self.clients {
            clients.tell(line);
        }
    }

    /// Writes down what this program does or sees, and checks it.
    fn add(&mut self, records: impl IntoIterator<Item = Record>) {
        for record in records {
            self.checker.feed(&record);
            self.log.add(RUN, record.what);
        }
    }

    fn note(&mut self, text: String) {
        println!("  {text}");
        let what = What::Fault { text };
        self.add([Record {
            at: now(),
            who: RUN.into(),
            what,
        }]);
    }

    /// Waits, while what clients write is checked.
    pub(super) fn watch(&mut self, time: Duration) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + time;
        loop {
            for tail in &mut self.tails {
                for record in tail.read()? {
                    self.checker.feed(&record);
                }
            }
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(());
            }
            sleep(rest.min(Duration::from_millis(200)));
        }
    }

    pub(super) fn begin(&mut self, fault: &Fault) -> Result<(), Box<dyn Error>> {
        self.note(format!("{fault}"));
        self.faults.push(fault.to_string());
        match fault {
            Fault::KillNode(node) => self.nodes[*node].process.kill(),
            Fault::StopNode(node) => self.nodes[*node].process.signal("STOP"),
            Fault::Slow(node) => self.servers.set(*node, Mode::Trickle),
            Fault::Lose(node) => {
                self.lost_before = self.servers.lost();
                self.servers.set(*node, Mode::Lose(5));
            }
            Fault::Stall => {
                for _ in 0..10 {
                    let client = self.random.below(self.settings.own.max(1) as u64);
                    let time = 2000 + self.random.below(10_000);
                    self.clients_tell(&format!("stall own-{client} {time}"));
                }
            }
            Fault::Churn => {
                self.clients_tell("revoke");
                for _ in 0..10 {
                    let client = self.random.below(self.settings.own.max(1) as u64);
                    self.clients_tell(&format!("absent own-{client}"));
                }
                let client = self.random.below(self.settings.own.max(1) as u64);
                self.clients_tell(&format!("bye own-{client}"));
            }
            Fault::KillLeader | Fault::KillNats { .. } | Fault::Failover | Fault::WipePrimary => {
                self.whole();
                self.begin_at_engine(fault)?;
            }
        }
        Ok(())
    }

    fn begin_at_engine(&mut self, fault: &Fault) -> Result<(), Box<dyn Error>> {
        match (&self.servers.cluster, fault) {
            (Cluster::Nats(nats), Fault::KillLeader) => {
                let leader = nats.leader_of(&stream(nats)?);
                nats.kill(leader);
                self.down = Some(leader);
            }
            (Cluster::Nats(nats), Fault::KillNats { wipe }) => nats.kill_all(*wipe),
            (Cluster::Redis(redis), Fault::Failover) => {
                let (primary, replica) = (redis.primary(), redis.replica());
                let old = primary.port();
                // It follows a port on which nothing listens. Sentinel corrects that after some eight seconds.
                replica.command(&["REPLICAOF", "127.0.0.1", "1"]);
                sleep(Duration::from_secs(2));
                primary.kill();
                redis.wait_for_failover(old);
                self.servers.follow_primary();
                self.down = redis
                    .servers()
                    .iter()
                    .position(|server| server.port() == old);
            }
            (Cluster::Redis(redis), Fault::WipePrimary) => redis.primary().restart(),
            _ => return Err(format!("{} has no {fault}", self.settings.kind).into()),
        }
        Ok(())
    }

    pub(super) fn end(&mut self, fault: &Fault) -> Result<(), Box<dyn Error>> {
        match fault {
            Fault::KillNode(node) => {
                let port = self.nodes[*node].port;
                self.nodes[*node] = self.node(*node, port)?;
            }
            Fault::StopNode(node) => self.nodes[*node].process.signal("CONT"),
            Fault::Slow(node) => self.servers.set(*node, Mode::Pass),
            Fault::Lose(node) => {
                // An outage before it may have taken so long that nothing has come.
                let end = Instant::now() + Duration::from_secs(15);
                while self.servers.lost() == self.lost_before && Instant::now() < end {
                    self.watch(Duration::from_millis(200))?;
                }
                self.servers.set(*node, Mode::Pass);
            }
            Fault::KillLeader => {
                if let (Cluster::Nats(nats), Some(down)) = (&self.servers.cluster, self.down.take())
                {
                    nats.restart(down);
                }
            }
            Fault::KillNats { .. } => {
                if let Cluster::Nats(nats) = &self.servers.cluster {
                    (0..nats.servers().len()).for_each(|server| nats.restart(server));
                }
            }
            Fault::Failover => {
                if let (Cluster::Redis(redis), Some(down)) =
                    (&self.servers.cluster, self.down.take())
                {
                    redis.servers()[down].restart();
                }
            }
            Fault::WipePrimary | Fault::Stall | Fault::Churn => {}
        }
        self.note(format!("over: {fault}"));
        Ok(())
    }

    /// Waits until the engine's servers are all there.
    fn whole(&self) {
        match &self.servers.cluster {
            Cluster::None => {}
            Cluster::Nats(nats) => nats.wait_until_whole(),
            Cluster::Redis(redis) => redis.wait_until_whole(),
        }
    }

    /// All faults are over.
    pub(super) fn heal(&mut self) -> Result<(), Box<dyn Error>> {
        self.whole();
        for number in 0..self.nodes.len() {
            if self.nodes[number].process.has_ended() {
                return Err(format!("node {number} has ended by itself").into());
            }
        }
        self.note("all faults are over".into());
        Ok(())
    }

    pub(super) fn lose_all(&self, is_lost: bool) {
        for node in self.servers.linked() {
            let mode = if is_lost { Mode::Lose(1) } else { Mode::Pass };
            self.servers.set(node, mode);
        }
    }

    /// Publishes a message to each topic, by the first node. Returns how many were not acknowledged.
    pub(super) fn publish(&mut self, all: &[String], round: u64) -> usize {
        let url = self.nodes[round as usize % self.nodes.len()].url();
        let (records, missing) = self.runtime.block_on(look::publish(&url, all, round));
        self.add(records);
        missing
    }

    /// Asks all nodes for their newest positions and members, about once a second.
    pub(super) fn look(&mut self, all: &[String]) {
        if self
            .last_look
            .is_some_and(|last| last.elapsed() < Duration::from_secs(1))
        {
            return;
        }
        self.last_look = Some(Instant::now());
        let mut has_looked = true;
        for (number, url) in self
            .nodes
            .iter()
            .map(Node::url)
            .enumerate()
            .collect::<Vec<_>>()
        {
            let name = format!("node-{number}");
            match self.runtime.block_on(look::look(&name, &url, all)) {
                Ok(records) => self.add(records),
                Err(error) => {
                    println!("  {error}");
                    has_looked = false;
                }
            }
        }
        self.has_looked = has_looked;
    }

    /// Ends the clients, reads their last words, and reports.
    pub(super) fn finish(mut self, report: &Report) -> Result<(), Box<dyn Error>> {
        let nodes: Vec<_> = self.nodes.iter().map(|node| node.process.cpu()).collect();
        let end = Record {
            at: now(),
            who: RUN.into(),
            what: What::End,
        };
        self.add([end]);
        self.checker.finish(topics::history);
        let counts = self.checker.counts;
        for clients in self.clients.drain(..) {
            clients.finish();
        }
        self.log.flush();
        report.print(&self, &nodes);
        let violations = &self.checker.violations;
        report::trace(&self.folder, violations)?;
        let least = 100 * self.settings.seconds;
        let is_too_little = counts.deliveries < least || counts.acks < self.settings.seconds;
        if violations.is_empty()
            && !is_too_little
            && report.reached.is_some()
            && report.present.is_some()
        {
            return Ok(());
        }
        if let Some(temporary) = self.temporary.take() {
            println!("logs: {}", temporary.keep().display());
        }
        Err(if violations.is_empty() && is_too_little {
            format!(
                "too little was checked: {} deliveries of at least {least}",
                counts.deliveries
            )
        } else {
            format!("{} violations", violations.len())
        }
        .into())
    }
}

/// The name of the stream with the messages.
fn stream(nats: &NatsCluster) -> Result<String, Box<dyn Error>> {
    let subject = serde_json::json!({"subject": "hub.in.>"});
    // Hubs may still be about to create it.
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(20) {
        let found = nats.servers().iter().find_map(|server| {
            let names = server.jetstream("STREAM.NAMES", &subject).ok()?;
            Some(names["streams"][0].as_str()?.to_owned())
        });
        if let Some(found) = found {
            return Ok(found);
        }
        sleep(Duration::from_millis(200));
    }
    Err("NATS has no stream of the hub".into())
}

impl Node {
    fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

use super::report;

/// The logs of a run, for `check`.
pub(crate) fn logs(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = files.map(|file| file.path());
    files
        .filter(|path| path.extension().is_some_and(|ext| ext == "log"))
        .collect()
}
