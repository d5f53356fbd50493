//! The engine's servers, and the links from each node to them.

use std::error::Error;
use std::net::SocketAddr;

use tokio::runtime::Handle;
use wskit_hub_suite::servers::nats::{Nats, NatsCluster};
use wskit_hub_suite::servers::redis::Sentinel;

use crate::engine::Kind;
use crate::link::{Link, Mode};

/// An engine of several servers.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) kind: Kind,
    pub(crate) cluster: Cluster,
    /// Those of each node, one to each server.
    links: Vec<Vec<Link>>,
    /// Redis' processes look like one to all nodes.
    masks: bool,
}

#[derive(Debug)]
pub(crate) enum Cluster {
    None,
    Nats(NatsCluster),
    Redis(Box<Sentinel>),
}

impl Servers {
    /// Starts servers, and links for this number of nodes. `program` is the NATS server's, if it is not Debian's.
    pub(crate) fn start(
        kind: Kind,
        nodes: usize,
        program: Option<&str>,
        masks: bool,
        runtime: &Handle,
    ) -> Result<Self, Box<dyn Error>> {
        let cluster = match kind {
            Kind::None => Cluster::None,
            Kind::Nats => {
                let builder = Nats::builder();
                Cluster::Nats(NatsCluster::with(match program {
                    Some(program) => builder.program(program),
                    None => builder,
                }))
            }
            Kind::Redis => Cluster::Redis(Box::new(Sentinel::start())),
        };
        let targets: Vec<SocketAddr> = match &cluster {
            Cluster::None => Vec::new(),
            Cluster::Nats(nats) => nats.servers().iter().map(Nats::addr).collect(),
            Cluster::Redis(redis) => vec![redis.primary().addr()],
        };
        let mut links = Vec::new();
        for _ in 0..nodes {
            let mut mine = Vec::new();
            for target in &targets {
                mine.push(runtime.block_on(Link::start(kind, *target, masks))?);
            }
            links.push(mine);
        }
        Ok(Self {
            kind,
            cluster,
            links,
            masks,
        })
    }

    /// The URL of the engine for a node. With Redis the last node does not know of Sentinel: its link leads to
    /// the primary, as a proxy does in many installations.
    pub(crate) fn url(&self, node: usize) -> String {
        let of = |scheme: &str, urls: Vec<String>| {
            let hosts: Vec<_> = urls
                .iter()
                .filter_map(|url| url.split_once("://").map(|(_, host)| host.to_owned()))
                .collect();
            format!("{scheme}://{}", hosts.join(","))
        };
        match &self.cluster {
            Cluster::None => "none".to_owned(),
            Cluster::Redis(redis) if !self.masks && node + 1 < self.links.len() => {
                format!("{}/{}", of("redis+sentinel", redis.urls()), Sentinel::NAME)
            }
            Cluster::Redis(_) => format!("redis://127.0.0.1:{}", self.links[node][0].port),
            Cluster::Nats(_) => {
                let urls = self.links[node].iter();
                let urls: Vec<_> = urls
                    .map(|link| format!("nats://127.0.0.1:{}", link.port))
                    .collect();
                urls.join(",")
            }
        }
    }

    /// Sets what the links of a node do.
    pub(crate) fn set(&self, node: usize, mode: Mode) {
        self.links[node].iter().for_each(|link| link.set(mode));
    }

    /// How many messages were lost on links.
    pub(crate) fn lost(&self) -> u64 {
        self.links.iter().flatten().map(Link::lost).sum()
    }

    /// After a failover of Redis, links lead to the new primary.
    pub(crate) fn follow_primary(&self) {
        if let Cluster::Redis(redis) = &self.cluster {
            let primary = redis.primary().addr();
            self.links
                .iter()
                .flatten()
                .for_each(|link| link.lead_to(primary));
        }
    }

    /// The nodes whose links carry their traffic.
    pub(crate) fn linked(&self) -> std::ops::Range<usize> {
        match self.kind {
            Kind::None => 0..0,
            _ if self.masks => 0..self.links.len(),
            Kind::Nats => 0..self.links.len(),
            Kind::Redis => self.links.len() - 1..self.links.len(),
        }
    }
}
