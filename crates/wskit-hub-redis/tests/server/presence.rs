use std::time::Duration;

use tokio::runtime;
use wskit_hub::{Command, EngineEvent, Member};
use wskit_hub_redis::{Builder, Redis};
use wskit_hub_suite::servers::redis::Redis as Server;
use wskit_hub_suite::servers::wait_for;

use crate::kit::Node;

/// A hub that can be killed: a runtime of its own, and a node on it.
fn killed(builder: Builder, topic: &str, identity: &str) {
    let (topic, identity) = (topic.to_owned(), identity.to_owned());
    std::thread::spawn(move || {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let node = runtime.block_on(async {
            let mut node = Node::with(builder).await;
            node.enter(&topic, Member::new(identity)).await;
            node
        });
        // Its tasks end where they are.
        runtime.shutdown_timeout(Duration::from_secs(5));
        drop(node);
    })
    .join()
    .unwrap();
}

#[tokio::test]
async fn members_of_other_hubs_are_told_when_they_come_and_go() {
    let server = Server::start();
    let (mut ann, mut ben) = (Node::new(&server).await, Node::new(&server).await);
    ben.listen(&["t"]).await;
    ann.listen(&["t"]).await;
    let member = Member::new("ann").info(vec![0, 255]);
    ann.enter("t", member.clone()).await;
    let joined = ben.until(|event| match event {
        EngineEvent::Joined { node, member, .. } => Some((*node, member.clone())),
        _ => None,
    });
    let (node, came) = joined.await;
    assert_eq!(came, member);
    assert_eq!(ben.members("t").await, ["ann"]);
    assert!(ann.members("t").await.is_empty());
    let (topic, identity) = ("t".into(), "ann".into());
    ann.ask(Command::Leave { topic, identity }).await.unwrap();
    let left = ben.until(|event| match event {
        EngineEvent::Left { node, identity, .. } => Some((*node, identity.to_string())),
        _ => None,
    });
    assert_eq!(left.await, (node, "ann".into()));
    assert!(ben.members("t").await.is_empty());
    assert_eq!(server.command(&["EXISTS", "hub:p:{t}"]).int(), Some(0));
}

#[tokio::test]
async fn a_hub_that_ends_takes_its_members_with_it_at_once() {
    let server = Server::start();
    let mut ben = Node::new(&server).await;
    let mut ann = Node::new(&server).await;
    ann.enter("t", Member::new("ann")).await;
    assert_eq!(ben.members("t").await, ["ann"]);
    drop(ann);
    ben.until(|event| matches!(event, EngineEvent::NodeGone { .. }).then_some(()))
        .await;
    assert!(ben.members("t").await.is_empty());
    // And the reader has removed what it passed over.
    assert_eq!(server.command(&["EXISTS", "hub:p:{t}"]).int(), Some(0));
    assert_eq!(server.command(&["ZCARD", "hub:nodes"]).int(), Some(1));
}

#[tokio::test]
async fn the_members_of_a_hub_that_was_killed_are_gone_when_its_lease_is_over() {
    let server = Server::start();
    let builder = || Redis::server(server.url()).lease(Duration::from_secs(1));
    let mut ben = Node::with(builder()).await;
    killed(builder(), "t", "ann");
    assert_eq!(ben.members("t").await, ["ann"]);
    ben.until(|event| matches!(event, EngineEvent::NodeGone { .. }).then_some(()))
        .await;
    assert!(ben.members("t").await.is_empty());
}

#[tokio::test]
async fn a_hub_whose_lease_is_gone_enters_again_as_another() {
    let server = Server::start();
    let builder = || Redis::server(server.url()).lease(Duration::from_secs(1));
    let (mut ann, mut ben) = (Node::with(builder()).await, Node::with(builder()).await);
    ann.enter("t", Member::new("ann")).await;
    assert_eq!(ben.members("t").await, ["ann"]);
    server.command(&["DEL", "hub:nodes"]);
    ann.until_down().await;
    ann.until_up().await;
    ann.enter("t", Member::new("ann")).await;
    ben.until_members("t", &["ann"]).await;
    assert_eq!(server.command(&["HLEN", "hub:p:{t}"]).int(), Some(1));
}

#[tokio::test]
async fn a_hub_that_lost_its_connection_is_no_other_to_itself() {
    let server = Server::start();
    let (mut ann, mut ben) = (Node::new(&server).await, Node::new(&server).await);
    ann.enter("t", Member::new("ann")).await;
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    ann.until_up().await;
    ben.until_up().await;
    assert!(ann.members("t").await.is_empty());
    assert!(ben.members("t").await.is_empty());
    ann.enter("t", Member::new("ann")).await;
    assert!(ann.members("t").await.is_empty());
    assert_eq!(ben.members("t").await, ["ann"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_no_writes_keeps_no_hub_from_reading_and_listening() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    let position = ann.publish("t", "a", 10).await;
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    let mut ben = Node::new(&server).await;
    ben.listen(&["t"]).await;
    assert_eq!(ben.tops(&["t"]).await, [Some(position)]);
    assert_eq!(ben.read("t", None, 10).await.messages.len(), 1);
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    // It takes its lease now, and needs no other session for it.
    wait_for("the lease of ben", || {
        (server.command(&["ZCARD", "hub:nodes"]).int() == Some(2)).then_some(())
    });
    ben.enter("t", Member::new("ben")).await;
    ann.until_members("t", &["ben"]).await;
    assert!(ben.was_up());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_renews_its_lease_also_if_the_memory_is_full() {
    let server = Server::start();
    let builder = || Redis::server(server.url()).lease(Duration::from_secs(1));
    let mut ann = Node::with(builder()).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let mut ben = Node::with(builder()).await;
    assert_eq!(server.command(&["ZCARD", "hub:nodes"]).int(), Some(2));
    let ends = || {
        let all = server.command(&["ZRANGE", "hub:nodes", "0", "-1", "WITHSCORES"]);
        all.items()
            .iter()
            .map(wskit_hub_suite::servers::resp::Value::text)
            .collect::<Vec<_>>()
    };
    let before = ends();
    wait_for("both to renew", || {
        let now = ends();
        (now.len() == 4
            && now
                .iter()
                .all(|part| part.parse::<u64>().is_err() || !before.contains(part)))
        .then_some(())
    });
    ann.tops(&["t"]).await;
    ben.tops(&["t"]).await;
    assert!(ann.was_up() && ben.was_up());
}

/// After a time in which no hub could renew its lease, the first that can does not take the others for gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_late_itself_does_not_take_others_for_gone() {
    let server = Server::start();
    let builder = || Redis::server(server.url()).lease(Duration::from_secs(1));
    let (mut ann, mut ben) = (Node::with(builder()).await, Node::with(builder()).await);
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    wait_for("both leases to be over", || {
        let time = server.command(&["TIME"]).items()[0].text();
        let late = server.command(&["ZCOUNT", "hub:nodes", "-inf", &format!("{time}000")]);
        (late.int() == Some(2)).then_some(())
    });
    server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
    wait_for("both to renew", || {
        let time = server.command(&["TIME"]).items()[0].text();
        let late = server.command(&["ZCOUNT", "hub:nodes", "-inf", &format!("{time}999")]);
        (late.int() == Some(0)).then_some(())
    });
    ann.tops(&["t"]).await;
    ben.tops(&["t"]).await;
    assert_eq!(server.command(&["ZCARD", "hub:nodes"]).int(), Some(2));
    assert!(ann.was_up() && ben.was_up());
}
