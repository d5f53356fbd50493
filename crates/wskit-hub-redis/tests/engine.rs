//! The scenarios that every engine passes, on a real server.

use std::time::Duration;

use wskit_hub_redis::Redis;
use wskit_hub_suite::link::Link;
use wskit_hub_suite::servers::redis::Redis as Server;
use wskit_hub_suite::{Bench, Line};

/// One server. Each engine is connected through a link.
struct RedisBench(Server);

impl Bench for RedisBench {
    type Engine = Redis;

    async fn start() -> Self {
        Self(Server::start())
    }

    async fn engine(&self) -> (Redis, Box<dyn Line>) {
        let link = Link::to(self.0.addr());
        let engine = Redis::server(self.0.url_at(link.port()))
            .lease(self.lease())
            .deadline(Duration::from_secs(3))
            .largest(1 << 20);
        let engine = if self.0.is_running() {
            engine.connect().await
        } else {
            engine.connect_later()
        };
        (engine.expect("an engine"), Box::new(link))
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn sizes(&self) -> Option<(usize, usize)> {
        Some(((1 << 20) - 500, (1 << 20) + 1))
    }

    fn kill(&self) -> bool {
        self.0.kill();
        true
    }

    fn restart(&self) -> bool {
        self.0.restart();
        true
    }

    fn wipe(&self) -> bool {
        self.0.restart();
        true
    }
}

wskit_hub_suite::engine_scenarios!(RedisBench);

wskit_hub_suite::hub_scenarios!(RedisBench);
