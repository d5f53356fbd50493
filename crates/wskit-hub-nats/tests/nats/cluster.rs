use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::json;
use wskit_hub::{EngineEvent, History, Page, Position, Publication};
use wskit_hub_nats::{Nats, NatsBuilder, Storage};
use wskit_hub_suite::servers::nats::{self, Nats as Server, NatsCluster};

use crate::kit::{Node, chain, texts, wait_for};

fn clusters() -> Vec<NatsCluster> {
    let new = nats::newest().map(|program| Server::builder().program(program));
    let builders = std::iter::once(Server::builder()).chain(new);
    builders.map(NatsCluster::with).collect()
}

fn settings(cluster: &NatsCluster) -> NatsBuilder {
    let servers = cluster.urls().into_iter();
    let builder = servers.fold(Nats::builder(), NatsBuilder::server);
    builder
        .replicas(3)
        .connect_deadline(Duration::from_secs(30))
}

fn stream(cluster: &NatsCluster, running: usize) -> String {
    let find = json!({ "subject": "hub.in.>" });
    let names = cluster.servers()[running]
        .jetstream("STREAM.NAMES", &find)
        .unwrap();
    names["streams"][0].as_str().unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_leader_is_killed_under_load_nothing_is_lost_untold_and_nothing_comes_twice() {
    const TOPICS: usize = 5;
    for cluster in clusters() {
        let publisher = Node::connect(settings(&cluster)).await;
        let reader = Node::connect(settings(&cluster)).await;
        let names: Vec<_> = (0..TOPICS).map(|i| format!("t{i}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        reader.listen(&names).await;
        let stream = stream(&cluster, 0);
        let mut acknowledged: BTreeMap<&str, Vec<(Position, String)>> = BTreeMap::new();
        let mut number = 0;
        for round in 0..2 {
            let leader = cluster.leader_of(&stream);
            for step in 0..40 {
                if step == 20 {
                    cluster.kill(leader);
                }
                let mut calls = Vec::new();
                for i in 0..10 {
                    number += 1;
                    let topic = names[i % TOPICS];
                    let text = number.to_string();
                    // Half of them have ids, and are sent again in the engine.
                    let publication = Publication::text(text.as_str());
                    let publication = if i % 2 == 0 {
                        publication.id(text.as_str())
                    } else {
                        publication
                    };
                    let history = Some(History::last(100));
                    calls.push((
                        topic,
                        text,
                        publisher.begin_publish(topic, publication, history),
                    ));
                }
                for (topic, text, call) in calls {
                    if let Ok(position) = call.await {
                        acknowledged
                            .entry(topic)
                            .or_default()
                            .push((position, text));
                    }
                }
            }
            cluster.restart(leader);
            wait_for(&format!("a publication in round {round}"), || Some(())).await;
        }
        for topic in &names {
            // It may be in the middle of a change.
            let mut last = None;
            for _ in 0..100 {
                let publication = Publication::text("end");
                let history = Some(History::last(100));
                last = publisher
                    .begin_publish(topic, publication, history)
                    .await
                    .ok();
                if last.is_some() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            acknowledged
                .entry(topic)
                .or_default()
                .push((last.unwrap(), "end".into()));
        }
        let epoch = acknowledged["t0"][0].0.epoch;
        for (topic, acknowledged) in acknowledged {
            assert!(
                acknowledged.is_sorted_by_key(|(position, _)| position.offset),
                "{topic}"
            );
            // The node's rule: in order if the one before is the one that it has; else it reads.
            let end = acknowledged.last().unwrap().0;
            let mut got: Vec<(u64, String)> = Vec::new();
            let (mut top, mut gaps) = (0, 0);
            let mut heard: VecDeque<_> = reader.heard(topic).into();
            while top < end.offset {
                // The last messages may be lost, if a server did not know yet who listens. The hub compares
                // positions from time to time.
                let next = heard.pop_front();
                if next.as_ref().is_some_and(|(offset, ..)| *offset <= top) {
                    continue;
                }
                if let Some((offset, _, text)) = next.filter(|(_, before, _)| *before == Some(top))
                {
                    got.push((offset, text));
                    top = offset;
                    continue;
                }
                gaps += 1;
                let after = Position { epoch, offset: top };
                let mut attempts = 0;
                let page = loop {
                    // It may be in the middle of a change, as hubs that try again find.
                    match reader.try_read(topic, Some(after), 100).await {
                        Ok(page) => break page,
                        Err(error) => assert!(attempts < 120, "{}", chain(&error)),
                    }
                    attempts += 1;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                };
                assert_eq!(page.epoch, epoch);
                if page.after > top {
                    // Told: only what is kept is left.
                    got.clear();
                }
                let read = page.messages.iter().map(|(offset, _)| *offset);
                got.extend(read.zip(texts(&page)));
                top = page.top;
            }
            assert_eq!(top, end.offset, "{topic}");
            let from = got[0].0;
            let mut offsets: Vec<_> = got.iter().map(|(offset, _)| *offset).collect();
            assert!(offsets.is_sorted(), "{topic}");
            offsets.dedup();
            assert_eq!(offsets.len(), got.len(), "{topic}");
            for (position, text) in acknowledged
                .iter()
                .filter(|(position, _)| position.offset >= from)
            {
                assert_eq!(position.epoch, epoch);
                assert!(
                    got.contains(&(position.offset, text.clone())),
                    "{topic}: {text} at {position} was acknowledged and is not there"
                );
            }
            let mut seen = std::collections::HashSet::new();
            for (_, text) in got {
                assert!(
                    seen.insert(text.clone()),
                    "{topic}: {text} is there twice, {gaps} gaps"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_had_all_in_memory_has_a_new_epoch_when_all_of_it_has_ended() {
    for cluster in clusters() {
        let memory = || {
            settings(&cluster)
                .storage(Storage::Memory)
                .max_bytes(32 << 20)
        };
        let a = Node::connect(memory()).await;
        let mut before = a.publish("t", "1").await;
        for i in 2..20 {
            before = a.publish("t", &i.to_string()).await;
        }
        cluster.kill_all(false);
        for i in 0..3 {
            cluster.restart(i);
        }
        a.up().await;
        // One that knows nothing of before agrees.
        let b = Node::connect(memory()).await;
        for node in [&a, &b] {
            let page = wait_for_page(node).await;
            assert_ne!(page.epoch, before.epoch);
            assert!(page.messages.is_empty());
        }
        assert_eq!(wait_for_page(&a).await.epoch, wait_for_page(&b).await.epoch);
    }
}

async fn wait_for_page(node: &Node) -> Page {
    for _ in 0..120 {
        if let Ok(page) = node.try_read("t", None, 100).await {
            return page;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("waited in vain for a page");
}

#[tokio::test(flavor = "multi_thread")]
async fn hubs_that_start_at_once_share_one_stream() {
    for cluster in clusters() {
        let nodes = (0..6).map(|_| Node::connect(settings(&cluster)));
        let nodes = futures_util::future::join_all(nodes).await;
        let find = json!({ "subject": "hub.in.>" });
        let names = cluster.servers()[0]
            .jetstream("STREAM.NAMES", &find)
            .unwrap();
        assert_eq!(names["streams"].as_array().unwrap().len(), 1, "{names}");
        let mut epochs = Vec::new();
        for node in &nodes {
            epochs.push(node.publish("t", "x").await.epoch);
        }
        assert!(epochs.iter().all(|epoch| *epoch == epochs[0]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_about_to_end_is_left_for_another_one() {
    for cluster in clusters() {
        let node = Node::connect(settings(&cluster)).await;
        node.listen(&["t"]).await;
        let before = node.publish("t", "before").await;
        let connections = |server: &Server| {
            let connections = server.monitor("/connz").ok()?["connections"]
                .as_array()?
                .clone();
            Some(
                connections
                    .iter()
                    .any(|connection| connection["name"] == "wskit-hub"),
            )
        };
        let at = wait_for("the node's server", || {
            cluster
                .servers()
                .iter()
                .position(|server| connections(server) == Some(true))
        })
        .await;
        cluster.servers()[at].lame_duck();
        node.up().await;
        // It was not told so by the end of the server, which comes half a minute later.
        assert!(cluster.servers()[at].is_running());
        wait_for("another server", || {
            let mut others = cluster
                .servers()
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != at);
            others
                .any(|(_, server)| connections(server) == Some(true))
                .then_some(())
        })
        .await;
        node.listen(&["t"]).await;
        let mut after = None;
        for _ in 0..50 {
            let publication = Publication::text("after");
            let history = Some(History::last(100));
            after = node.begin_publish("t", publication, history).await.ok();
            if after.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        assert_eq!(after.unwrap().epoch, before.epoch);
        node.hears("t", "after").await;
        let downs = node.events();
        let downs = downs
            .iter()
            .filter(|event| matches!(event, EngineEvent::Down))
            .count();
        assert!(downs >= 1);
    }
}

/// Most elections take less time than is left of a lease, but not all: one in three tries has to.
#[tokio::test(flavor = "multi_thread")]
async fn while_the_stream_of_leases_has_no_leader_a_hub_stays_up() {
    for i in 0..clusters().len() {
        let mut tries = Vec::new();
        loop {
            let cluster = clusters().swap_remove(i);
            let events = events_of_an_election(&cluster).await;
            let is_down = |event: &EngineEvent| matches!(event, EngineEvent::Down);
            if !events.iter().any(is_down) {
                break;
            }
            tries.push(events);
            assert!(tries.len() < 3, "{tries:?}");
        }
    }
}

/// Kills the leader of the stream of leases, and returns what a hub on another server says until its lease is renewed.
async fn events_of_an_election(cluster: &NatsCluster) -> Vec<EngineEvent> {
    // Longer than an election takes, and it is renewed within one.
    let lease = Duration::from_secs(14);
    let first = Node::connect(settings(cluster).lease(lease)).await;
    let stream = stream(cluster, 0);
    let leader = wait_for("another leader", || {
        let leader = cluster.leader_of("hub_nodes");
        if leader != cluster.leader_of(&stream) {
            return Some(leader);
        }
        let step_down = "STREAM.LEADER.STEPDOWN.hub_nodes";
        let _ = cluster.servers()[leader].jetstream(step_down, &json!({}));
        None
    })
    .await;
    first.end().await;
    let other = &cluster.servers()[(leader + 1) % 3];
    let settings = Nats::builder().server(other.url()).replicas(3).lease(lease);
    let node = Node::connect(settings).await;
    let lease = || {
        let info = other.jetstream("STREAM.INFO.hub_nodes", &json!({})).ok()?;
        info["state"]["last_seq"].as_u64()
    };
    let before = lease();
    wait_for("a renewal", || (lease() > before).then_some(())).await;
    let before = lease();
    cluster.kill(leader);
    wait_for("a renewal", || (lease() > before).then_some(())).await;
    node.events()
}
