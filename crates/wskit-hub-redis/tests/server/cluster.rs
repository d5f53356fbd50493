use std::time::Duration;

use wskit_hub::{Command, EngineEvent, History, Member, Publication};
use wskit_hub_redis::Redis;
use wskit_hub_suite::servers::redis::RedisCluster;

use crate::kit::{Node, publishes, texts};

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_spread_over_the_servers_of_a_cluster() {
    let cluster = RedisCluster::start();
    // The others are found through one.
    let one = cluster.nodes()[0].url();
    let mut ann = Node::with(Redis::cluster([one])).await;
    let mut ben = Node::with(Redis::cluster(cluster.urls())).await;
    let topics: Vec<_> = (0..60).map(|i| format!("}}{{topic%{i}}}")).collect();
    let names: Vec<_> = topics.iter().map(String::as_str).collect();
    ben.listen(&names).await;
    let mut tops = Vec::new();
    for (i, topic) in topics.iter().enumerate() {
        let last = if i % 2 == 0 { 10 } else { 100 };
        let history = Some(History::last(last));
        let first = ann.publish(topic, "first", last).await;
        let named = || Publication::text("second").id("id");
        let second = ann.try_publish(topic, named(), history).await.unwrap();
        assert_eq!(
            ann.try_publish(topic, named(), history).await.unwrap(),
            second
        );
        for (position, text) in [(first, "first"), (second, "second")] {
            let (came, before, payload) = ben.message().await;
            assert_eq!((came, before), (position, Some(position.offset - 1)));
            assert_eq!(payload, text);
        }
        let page = ben.read(topic, None, last).await;
        assert_eq!(texts(&page), [(1, "first"), (2, "second")]);
        tops.push(Some(second));
    }
    assert_eq!(ben.tops(&names).await, tops);
    for node in cluster.nodes() {
        let keys = node.command(&["KEYS", "hub:m:*"]).items().len();
        assert!((1..60).contains(&keys), "{keys}");
    }
    let topics = topics.iter().map(|topic| topic.as_str().into()).collect();
    ben.ask(Command::Unlisten { topics }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn live_topics_and_presence_work_in_a_cluster() {
    let cluster = RedisCluster::start();
    let builder = || Redis::cluster(cluster.urls());
    let (mut ann, mut ben) = (Node::with(builder()).await, Node::with(builder()).await);
    for i in 0..10 {
        let topic = format!("t{i}");
        ben.listen(&[&topic]).await;
        ann.try_publish(&topic, Publication::text("live"), None)
            .await
            .unwrap();
        assert_eq!(ben.message().await.2, "live");
        ann.enter(&topic, Member::new("ann")).await;
        ben.until(|event| matches!(event, EngineEvent::Joined { .. }).then_some(()))
            .await;
        assert_eq!(ben.members(&topic).await, ["ann"]);
    }
    drop(ann);
    ben.until(|event| matches!(event, EngineEvent::NodeGone { .. }).then_some(()))
        .await;
    for i in 0..10 {
        assert!(ben.members(&format!("t{i}")).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_a_cluster_that_was_killed_gives_its_topics_a_new_epoch() {
    let cluster = RedisCluster::start();
    let mut ann = Node::with(Redis::cluster(cluster.urls())).await;
    let topics: Vec<_> = (0..20).map(|i| format!("t{i}")).collect();
    let names: Vec<_> = topics.iter().map(String::as_str).collect();
    for topic in &names {
        ann.publish(topic, "a", 10).await;
    }
    let before = ann.tops(&names).await;
    let killed = &cluster.nodes()[1];
    let lost = killed.command(&["KEYS", "hub:m:*"]).items().len();
    killed.restart();
    ann.until_down().await;
    cluster.wait_until_whole();
    ann.until_up().await;
    for topic in &names {
        ann.publish(topic, "b", 10).await;
    }
    let after = ann.tops(&names).await;
    let changed = before.iter().zip(&after);
    let changed =
        changed.filter(|(before, after)| before.map(|at| at.epoch) != after.map(|at| at.epoch));
    assert_eq!(changed.count(), lost);
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_follow_their_slot_to_another_server() {
    let cluster = RedisCluster::start();
    let deadline = Duration::from_secs(9);
    let mut ann = Node::with(Redis::cluster(cluster.urls()).deadline(deadline)).await;
    ann.listen(&["t"]).await;
    let before = ann.publish("t", "a", 10).await;
    let slot = cluster.nodes()[0].command(&["CLUSTER", "KEYSLOT", "{t}"]);
    let slot = slot.int().unwrap().to_string();
    let has = |node: &&wskit_hub_suite::servers::redis::Redis| {
        !node.command(&["KEYS", "hub:m:{t}"]).items().is_empty()
    };
    let source = cluster.nodes().iter().find(has).unwrap();
    let target = cluster
        .nodes()
        .iter()
        .find(|node| node.port() != source.port())
        .unwrap();
    let id =
        |node: &wskit_hub_suite::servers::redis::Redis| node.command(&["CLUSTER", "MYID"]).text();
    target.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(source)]);
    source.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(target)]);
    let keys = source.command(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]);
    for key in keys.items() {
        let port = target.port().to_string();
        source.command(&["MIGRATE", "127.0.0.1", &port, &key.text(), "0", "5000"]);
    }
    for node in [target, source] {
        node.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(target)]);
    }
    // With an id, because it may be under way when the session ends: without one it is not sent again then.
    let publication = Publication::text("b").id("b");
    let waits = ann.begin(publishes("t", publication, Some(History::last(10))));
    ann.until_down().await;
    ann.until_up().await;
    ann.answer(waits).await.expect("it is published");
    // The history has moved with it, and has another epoch: it is another server.
    let page = ann.read("t", None, 10).await;
    assert_ne!(page.epoch, before.epoch);
    assert_eq!(texts(&page), [(1, "a"), (2, "b")]);
}
