use std::net::TcpListener;
use std::time::Duration;

use wskit_hub::{EngineErrorKind, History, Publication};
use wskit_hub_redis::{Builder, Fault, Redis};
use wskit_hub_suite::servers::redis::{Redis as Server, RedisCluster};
use wskit_hub_suite::servers::{free_port, loopback};

use crate::kit::{Node, fault};

async fn refused(builder: Builder) -> Fault {
    let error = builder.connect().await.expect_err("it is refused");
    assert!(error.to_string().contains("Redis"), "{error}");
    error.fault().clone()
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_with_its_address() {
    let port = free_port();
    let error = Redis::connect(&format!("redis://127.0.0.1:{port}"))
        .await
        .expect_err("it is not there");
    assert!(matches!(error.fault(), Fault::Unreachable(_)), "{error:?}");
    assert!(error.server().contains(&port.to_string()));
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind(loopback(0)).unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let deadline = Duration::from_millis(200);
    let fault = refused(Redis::server(url).deadline(deadline)).await;
    assert!(
        matches!(fault, Fault::NoAnswer(_) | Fault::Unreachable(_)),
        "{fault:?}"
    );
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let server = Server::builder().password("right").start();
    let url = format!("redis://127.0.0.1:{}", server.port());
    for builder in [
        Redis::server(url.as_str()),
        Redis::server(url.as_str()).password("wrong"),
        Redis::server(url.as_str()).user("ann").password("right"),
    ] {
        let fault = refused(builder).await;
        assert!(matches!(fault, Fault::Credentials(_)), "{fault:?}");
    }
    let mut ann = Node::with(Redis::server(url).password("right")).await;
    ann.publish("t", "a", 10).await;
}

#[tokio::test]
async fn a_password_that_was_changed_is_told_later() {
    let server = Server::builder().password("old").start();
    let builder = Redis::server(server.url()).deadline(Duration::from_millis(500));
    let mut ann = Node::with(builder).await;
    server.command(&["CONFIG", "SET", "requirepass", "new"]);
    let _ = server.try_command(&["CLIENT", "KILL", "TYPE", "normal"]);
    let mut resp = wskit_hub_suite::servers::resp::Resp::connect(server.addr()).unwrap();
    resp.command(&["AUTH", "new"]).unwrap();
    resp.command(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
    ann.until_down().await;
    let failed = ann.try_publish("t", Publication::text("a"), None).await;
    let fault = fault(&failed.expect_err("it cannot connect"));
    assert!(matches!(fault, Fault::Credentials(_)), "{fault:?}");
}

#[tokio::test]
async fn a_replica_is_refused() {
    let server = Server::builder().line("replicaof 127.0.0.1 1").start();
    assert_eq!(refused(Redis::server(server.url())).await, Fault::Replica);
}

#[tokio::test]
async fn a_cluster_and_a_single_server_are_told_apart() {
    let cluster = RedisCluster::start();
    let server = Server::start();
    let one = Redis::server(cluster.nodes()[0].url());
    assert_eq!(refused(one).await, Fault::WrongMode);
    assert_eq!(
        refused(Redis::cluster([server.url()])).await,
        Fault::WrongMode
    );
}

#[tokio::test]
async fn sentinels_that_do_not_know_the_name_are_told() {
    let server = Server::start();
    // It is no sentinel at all.
    let fault = refused(Redis::sentinel([server.url()], "hub")).await;
    assert!(matches!(fault, Fault::Other(_)), "{fault:?}");
}

#[tokio::test]
async fn a_user_without_rights_is_told() {
    let server = Server::start();
    server.command(&[
        "ACL", "SETUSER", "ann", "on", ">secret", "+@all", "~other:*", "&other:*",
    ]);
    let builder = || Redis::server(server.url()).user("ann").password("secret");
    let fault = refused(builder()).await;
    assert!(matches!(fault, Fault::NotPermitted(_)), "{fault:?}");
    // What the documentation says is enough.
    let mut command = vec!["ACL", "SETUSER", "ben", "on", ">secret"];
    command.extend(RIGHTS);
    server.command(&command);
    let builder = Redis::server(server.url()).user("ben").password("secret");
    uses_everything(&mut Node::with(builder).await).await;
}

/// What the documentation says is enough.
const RIGHTS: [&str; 36] = [
    "~hub:*",
    "&hub:*",
    "+hello",
    "+info",
    "+script|load",
    "+evalsha",
    "+wait",
    "+publish",
    "+subscribe",
    "+unsubscribe",
    "+del",
    "+type",
    "+time",
    "+pexpire",
    "+pttl",
    "+get",
    "+set",
    "+hmget",
    "+hget",
    "+hset",
    "+hincrby",
    "+hgetall",
    "+hdel",
    "+rpush",
    "+ltrim",
    "+lrange",
    "+llen",
    "+xadd",
    "+xlen",
    "+xrevrange",
    "+zadd",
    "+zscore",
    "+zrem",
    "+zrange",
    "+zrangebyscore",
    "+zremrangebyscore",
];

async fn uses_everything(ben: &mut Node) {
    ben.listen(&["t"]).await;
    for last in [10, 100] {
        let topic = format!("t{last}");
        let named = Publication::text("a").id("a");
        ben.try_publish(&topic, named, Some(History::last(last)))
            .await
            .unwrap();
        ben.read(&topic, None, last).await;
        ben.tops(&[&topic]).await;
    }
    ben.enter("t", wskit_hub::Member::new("ben")).await;
    assert!(ben.members("t").await.is_empty());
    ben.try_publish("t", Publication::text("a"), None)
        .await
        .unwrap();
    let (topic, identity) = ("t".into(), "ben".into());
    ben.ask(wskit_hub::Command::Leave { topic, identity })
        .await
        .unwrap();
    let topics = vec!["t".into()];
    ben.ask(wskit_hub::Command::Unlisten { topics })
        .await
        .unwrap();
}

#[tokio::test]
async fn memory_that_is_full_is_told_and_the_engine_goes_on() {
    let server = Server::builder().max_memory("3mb").start();
    let mut ann = Node::new(&server).await;
    let large = Publication::binary(vec![0; 200 << 10]);
    let history = Some(History::last(60));
    let refused = loop {
        if let Err(error) = ann.try_publish("t", large.clone(), history).await {
            break error;
        }
    };
    assert_eq!(refused.kind(), EngineErrorKind::Refused);
    assert_eq!(fault(&refused), Fault::OutOfMemory);
    server.command(&["CONFIG", "SET", "maxmemory", "100mb"]);
    ann.try_publish("t", large, history).await.unwrap();
}

#[tokio::test]
async fn keys_with_something_else_in_them_are_told() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    for (command, last) in [
        (["SET", "hub:m:{t}", "x", ""], 10),
        (["SET", "hub:l:{t}", "x", ""], 10),
        (["HSET", "hub:l:{t}", "x", "y"], 100),
        (["SET", "hub:i:{t}", "x", ""], 10),
    ] {
        server.command(&["FLUSHALL"]);
        ann.publish("t", "a", last).await;
        server.command(&["DEL", command[1]]);
        let command: Vec<_> = command.iter().filter(|part| !part.is_empty()).collect();
        server.command(&command);
        let named = Publication::text("a").id("a");
        let refused = ann.try_publish("t", named, Some(History::last(last))).await;
        let refused = refused.expect_err("it is something else");
        assert!(
            matches!(fault(&refused), Fault::Foreign(_)),
            "{refused:?} {command:?}"
        );
        assert_eq!(refused.kind(), EngineErrorKind::Protocol);
        // Other topics are not concerned.
        ann.publish("other", "a", last).await;
    }
}

#[tokio::test]
async fn values_that_make_no_sense_are_told() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    ann.publish("t", "a", 10).await;
    let read = || wskit_hub::Command::Read {
        topic: "t".into(),
        after: None,
        limit: 10,
    };
    server.command(&["RPUSH", "hub:l:{t}", "nonsense"]);
    let refused = ann.ask(read()).await.expect_err("it is nonsense");
    assert!(matches!(fault(&refused), Fault::Foreign(_)), "{refused:?}");
    server.command(&["HSET", "hub:m:{t}", "epoch", "short"]);
    let refused = ann.ask(read()).await.expect_err("it is nonsense");
    assert!(matches!(fault(&refused), Fault::Foreign(_)), "{refused:?}");
    server.command(&["HSET", "hub:p:{t}", "short", "x"]);
    server.command(&["PUBLISH", "hub:c:{t}", "nonsense"]);
    let members = wskit_hub::Command::Members { topic: "t".into() };
    let refused = ann.ask(members).await.expect_err("it is nonsense");
    assert!(matches!(fault(&refused), Fault::Foreign(_)), "{refused:?}");
    ann.publish("other", "a", 10).await;
}

#[tokio::test]
async fn positions_that_make_no_sense_concern_their_topic_alone() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    let good = ann.publish("good", "a", 10).await;
    ann.listen(&["t"]).await;
    for (epoch, top) in [
        ("short", "1"),
        ("12345678", "-2"),
        ("12345678", "1.5"),
        ("12345678", "1e300"),
    ] {
        server.command(&["HSET", "hub:m:{t}", "epoch", epoch, "top", top]);
        for publication in [Publication::text("a"), Publication::text("a").id("a")] {
            let refused = ann
                .try_publish("t", publication, Some(History::last(10)))
                .await
                .expect_err("it is nonsense");
            assert!(matches!(fault(&refused), Fault::Foreign(_)), "{refused:?}");
        }
        assert_eq!(ann.tops(&["t", "good"]).await, [None, Some(good)]);
    }
    server.command(&["DEL", "hub:m:{t}"]);
    server.command(&["SET", "hub:m:{t}", "x"]);
    assert_eq!(ann.tops(&["t", "good"]).await, [None, Some(good)]);
    // Nothing of it was passed on.
    server.command(&["DEL", "hub:m:{t}"]);
    ann.publish("t", "first", 10).await;
    assert_eq!(ann.message().await.2, "first");
    assert!(ann.was_up());
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_before_it_is_sent() {
    let server = Server::start();
    let mut ann = Node::with(Redis::server(server.url()).largest(1000)).await;
    for history in [None, Some(History::last(10))] {
        let long = Publication::binary(vec![0; 1000]);
        let refused = ann
            .try_publish("t", long, history)
            .await
            .expect_err("it is too long");
        assert!(matches!(
            fault(&refused),
            Fault::TooLarge { limit: 1000, .. }
        ));
        assert_eq!(refused.kind(), EngineErrorKind::Refused);
    }
    ann.publish("t", &"x".repeat(900), 10).await;
}

#[tokio::test]
async fn a_message_over_the_limit_of_the_server_cuts_the_connection_and_is_told() {
    let server = Server::builder().line("proto-max-bulk-len 1mb").start();
    let builder = Redis::server(server.url()).deadline(Duration::from_secs(1));
    let mut ann = Node::with(builder).await;
    let long = Publication::binary(vec![0; 2 << 20]).id("long");
    let refused = ann.try_publish("t", long, Some(History::last(10))).await;
    // What the server says of it may be lost with the connection.
    match fault(&refused.expect_err("it is too long")) {
        Fault::Other(text) => assert!(text.contains("bulk length"), "{text}"),
        Fault::Unreachable(_) | Fault::NoAnswer(_) => {}
        other => panic!("{other:?}"),
    }
    ann.until_down().await;
    ann.until_up().await;
    ann.publish("t", "a", 10).await;
}

#[tokio::test]
async fn a_server_without_the_replicas_that_it_wants_is_told() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let refused = ann
        .try_publish("t", Publication::text("a"), Some(History::last(10)))
        .await
        .expect_err("there is no replica");
    assert_eq!(fault(&refused), Fault::TooFewReplicas);
    assert_eq!(refused.kind(), EngineErrorKind::Unavailable);
}

#[tokio::test]
async fn a_server_that_cannot_save_is_told() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    // A folder is where its file should be.
    let folder = server.command(&["CONFIG", "GET", "dir"]).items()[1].text();
    std::fs::create_dir(std::path::Path::new(&folder).join("dump.rdb")).unwrap();
    server.command(&["CONFIG", "SET", "save", "3600 1"]);
    server.command(&["BGSAVE"]);
    wskit_hub_suite::servers::wait_for("the save to fail", || {
        (server.info("rdb_last_bgsave_status")? == "err").then_some(())
    });
    let refused = ann
        .try_publish("t", Publication::text("a"), Some(History::last(10)))
        .await
        .expect_err("it cannot save");
    assert_eq!(fault(&refused), Fault::NotSaved);
    assert_eq!(refused.kind(), EngineErrorKind::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_for_a_cluster_are_enough() {
    let cluster = RedisCluster::start();
    for node in cluster.nodes() {
        let mut command = vec!["ACL", "SETUSER", "ben", "on", ">secret"];
        command.extend(RIGHTS);
        command.extend([
            "+spublish",
            "+ssubscribe",
            "+sunsubscribe",
            "+cluster|slots",
        ]);
        node.command(&command);
    }
    let builder = Redis::cluster(cluster.urls())
        .user("ben")
        .password("secret");
    uses_everything(&mut Node::with(builder).await).await;
}
