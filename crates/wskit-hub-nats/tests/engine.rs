//! The scenarios that every engine passes, on Debian's `nats-server` and on the one that `NATS_SERVER_NEW` names.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wskit_hub_nats::{Nats, Storage};
use wskit_hub_suite::link::Link;
use wskit_hub_suite::servers::nats::{Nats as Server, newest};
use wskit_hub_suite::{Bench, Line};

struct NatsBench {
    server: Server,
    storage: Storage,
    is_down: AtomicBool,
}

impl NatsBench {
    fn with(server: Server, storage: Storage) -> Self {
        let is_down = AtomicBool::new(false);
        Self {
            server,
            storage,
            is_down,
        }
    }
}

const MIB: usize = 1 << 20;

impl Bench for NatsBench {
    type Engine = Nats;

    async fn start() -> Self {
        Self::with(Server::start(), Storage::File)
    }

    async fn engine(&self) -> (Nats, Box<dyn Line>) {
        let link = Link::to(self.server.addr());
        let builder = Nats::builder()
            .server(self.server.url_at(link.port()))
            .messages(2000)
            .max_bytes(64 << 20)
            .storage(self.storage)
            .lease(self.lease());
        let engine = if self.is_down.load(Ordering::Relaxed) {
            builder.connect_later().await
        } else {
            builder.connect().await
        };
        (engine.expect("a connection"), Box::new(link))
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn sizes(&self) -> Option<(usize, usize)> {
        Some((MIB - 1000, MIB + 1))
    }

    fn kill(&self) -> bool {
        self.is_down.store(true, Ordering::Relaxed);
        self.server.kill();
        true
    }

    fn restart(&self) -> bool {
        self.server.restart();
        self.is_down.store(false, Ordering::Relaxed);
        true
    }

    fn wipe(&self) -> bool {
        self.server.wipe();
        true
    }
}

/// The newest server, with messages in memory. Without one, it is the same as before.
struct NewBench(NatsBench);

impl Bench for NewBench {
    type Engine = Nats;

    async fn start() -> Self {
        let server = match newest() {
            Some(program) => Server::builder().program(program).start(),
            None => Server::start(),
        };
        Self(NatsBench::with(server, Storage::Memory))
    }

    async fn engine(&self) -> (Nats, Box<dyn Line>) {
        self.0.engine().await
    }

    fn lease(&self) -> Duration {
        self.0.lease()
    }

    fn sizes(&self) -> Option<(usize, usize)> {
        self.0.sizes()
    }

    fn kill(&self) -> bool {
        self.0.kill()
    }

    fn restart(&self) -> bool {
        self.0.restart()
    }

    fn wipe(&self) -> bool {
        self.0.wipe()
    }
}

mod on_disk {
    use super::NatsBench;
    wskit_hub_suite::engine_scenarios!(NatsBench);
    wskit_hub_suite::hub_scenarios!(NatsBench);
}

mod newest_in_memory {
    use super::NewBench;
    wskit_hub_suite::engine_scenarios!(NewBench);
    wskit_hub_suite::hub_scenarios!(NewBench);
}
