//! The scenarios that every engine passes, on a cluster of three servers.

use std::time::Duration;

use wskit_hub_redis::Redis;
use wskit_hub_suite::servers::redis::RedisCluster;
use wskit_hub_suite::{Bench, Line};

/// Engines connect to the addresses that the cluster tells, so nothing is between.
struct ClusterBench(RedisCluster);

impl Bench for ClusterBench {
    type Engine = Redis;

    async fn start() -> Self {
        Self(RedisCluster::start())
    }

    async fn engine(&self) -> (Redis, Box<dyn Line>) {
        let engine = Redis::cluster(self.0.urls())
            .lease(self.lease())
            .deadline(Duration::from_secs(3));
        let engine = if self.0.nodes()[0].is_running() {
            engine.connect().await
        } else {
            engine.connect_later()
        };
        (engine.expect("an engine"), Box::new(()))
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn kill(&self) -> bool {
        self.0.nodes()[0].kill();
        true
    }

    fn restart(&self) -> bool {
        self.0.nodes()[0].restart();
        self.0.wait_until_whole();
        true
    }

    fn wipe(&self) -> bool {
        for node in self.0.nodes() {
            node.restart();
        }
        self.0.wait_until_whole();
        true
    }
}

wskit_hub_suite::engine_scenarios!(ClusterBench);
