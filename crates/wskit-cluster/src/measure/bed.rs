use std::error::Error;

use tempfile::TempDir;
use wskit_hub_suite::servers::nats::{Nats, NatsCluster};
use wskit_hub_suite::servers::redis::Redis;

use crate::args::Args;
use crate::child::Process;
use crate::engine::Kind;

/// An engine and the nodes that use it, without links.
pub(super) struct Bed {
    pub(super) url: String,
    servers: Servers,
    nodes: Vec<Process>,
    pub(super) ports: Vec<u16>,
    folder: TempDir,
}

enum Servers {
    Nats(Nats),
    Cluster(NatsCluster),
    Redis(Redis),
}

impl Bed {
    pub(super) fn start(args: &Args, nodes: usize) -> Result<Self, Box<dyn Error>> {
        let kind = Kind::parse(args.need("engine")?)?;
        let servers: usize = args.or("servers", 1)?;
        let builder = || match args.get("nats-server") {
            Some(program) => Nats::builder().program(program),
            None => Nats::builder(),
        };
        let (servers, url) = match kind {
            Kind::None => return Err("measurements need an engine".into()),
            Kind::Nats if servers == 3 => {
                let cluster = NatsCluster::with(builder());
                let url = cluster.urls().join(",");
                (Servers::Cluster(cluster), url)
            }
            Kind::Nats => {
                let nats = builder().start();
                let url = nats.url();
                (Servers::Nats(nats), url)
            }
            Kind::Redis => {
                let redis = Redis::start();
                let url = redis.url();
                (Servers::Redis(redis), url)
            }
        };
        let mut this = Self {
            url,
            servers,
            nodes: Vec::new(),
            ports: Vec::new(),
            folder: tempfile::tempdir()?,
        };
        let mut options = vec!["node".to_owned(), "--engine".into(), this.url.clone()];
        options.extend(args.has("memory").then(|| "--memory".to_owned()));
        for _ in 0..nodes {
            let errors = this.folder.path().join("node.err");
            let mut node = Process::start(None, &options, &[], &errors)?;
            this.ports.push(node.line("listening on ")?.parse()?);
            this.nodes.push(node);
        }
        // They connect to the engine meanwhile.
        std::thread::sleep(std::time::Duration::from_secs(1));
        Ok(this)
    }

    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(super) fn node_ids(&self) -> Vec<u32> {
        self.nodes.iter().map(Process::id).collect()
    }

    pub(super) fn server_ids(&self) -> Vec<u32> {
        let servers: Vec<&Nats> = match &self.servers {
            Servers::Redis(redis) => return redis.process_id().into_iter().collect(),
            Servers::Nats(nats) => vec![nats],
            Servers::Cluster(cluster) => cluster.servers().iter().collect(),
        };
        servers.into_iter().filter_map(Nats::process_id).collect()
    }

    /// How many bytes the engine has for data: all of the process's memory, or what Redis counts.
    pub(super) fn engine_bytes(&self) -> u64 {
        match &self.servers {
            Servers::Redis(redis) => {
                let used = redis.info("used_memory");
                used.and_then(|used| used.parse().ok()).unwrap_or(0)
            }
            _ => self
                .server_ids()
                .into_iter()
                .map(crate::child::memory)
                .sum(),
        }
    }

    pub(super) fn urls(&self) -> Vec<String> {
        let url = |port: &u16| format!("ws://127.0.0.1:{port}/raw");
        self.ports.iter().map(url).collect()
    }
}
