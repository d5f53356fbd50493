//! What clients of hubs are told when a replica that lags takes the primary's place.

use std::time::Duration;

use wskit_hub::{Since, Subscribed};
use wskit_hub_redis::Redis;
use wskit_hub_suite::guest::{Guest, HubNode, Told};
use wskit_hub_suite::link::Link;
use wskit_hub_suite::servers::redis::Redis as Server;
use wskit_hub_suite::servers::wait_for;
use wskit_hub_suite::{Bench, Line, run};

/// A primary, and a replica that can be cut off from it.
struct Failover {
    primary: Server,
    replica: Server,
    behind: Link,
}

impl Bench for Failover {
    type Engine = Redis;

    async fn start() -> Self {
        let primary = Server::start();
        let behind = Link::to(primary.addr());
        let replica = Server::builder()
            .line(&format!("replicaof 127.0.0.1 {}", behind.port()))
            .start();
        wait_for("a replica", || {
            (replica.info("master_link_status")? == "up").then_some(())
        });
        Self {
            primary,
            replica,
            behind,
        }
    }

    async fn engine(&self) -> (Redis, Box<dyn Line>) {
        let engine = Redis::connect(&self.primary.url()).await;
        (engine.expect("a server"), Box::new(()))
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(30)
    }
}

impl Failover {
    /// The replica is what is found at the primary's address.
    fn promote(&self) {
        self.primary.kill();
        self.replica.command(&["REPLICAOF", "NO", "ONE"]);
        let port = self.primary.port().to_string();
        self.replica.command(&["CONFIG", "SET", "port", &port]);
    }
}

#[test]
fn a_replica_that_lags_by_a_message_is_told_as_a_gap() {
    run::<Failover>(async |bench: &Failover| {
        let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
        for topic in ["stream:1", "short:1"] {
            let (mut guest, _) = Guest::on(&a, topic, Since::Now).await;
            a.say(topic, "one").await;
            a.say(topic, "two").await;
            guest.until_message("two").await;
        }
        let (mut guest, _) = Guest::on(&a, "stream:1", Since::Start).await;
        let (mut idle, _) = Guest::on(&b, "short:1", Since::Start).await;
        wait_for("the replica", || {
            let top = |topic: &str| {
                let key = format!("hub:m:{{{topic}}}");
                bench.replica.command(&["HGET", &key, "top"]).text()
            };
            (top("stream:1") == "2" && top("short:1") == "2").then_some(())
        });
        bench.behind.refuse();
        wait_for("the replica to be cut off", || {
            (bench.replica.info("master_link_status")? == "down").then_some(())
        });
        let third = a.say("stream:1", "three").await;
        guest.until_message("three").await;
        idle.until_message("two").await;
        bench.promote();
        // The same offset, and another message.
        let other = b.say("stream:1", "other").await;
        assert_eq!(other.offset, third.offset);
        let told = guest.until_message("other").await;
        assert!(told.contains(&Told::Gap), "{told:?}");
        // Also where nothing was published since: what is lost could have been there.
        idle.until(&Told::Gap).await;
        // Who was away at that time.
        let (mut late, subscribed) = Guest::on(&b, "stream:1", Since::After(third)).await;
        assert!(
            matches!(subscribed, Subscribed::Gap { .. }),
            "{subscribed:?}"
        );
        b.say("stream:1", "next").await;
        let told = late.until_message("next").await;
        assert_eq!(told, [Told::Begin]);
    });
}
