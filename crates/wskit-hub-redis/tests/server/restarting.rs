use std::time::Duration;

use wskit_hub::{EngineErrorKind, EngineEvent, History, Publication};
use wskit_hub_redis::{Fault, Redis};
use wskit_hub_suite::link::Link;
use wskit_hub_suite::servers::redis::Redis as Server;
use wskit_hub_suite::servers::wait_for;

use crate::kit::{Node, fault, publishes, texts};

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_and_has_lost_everything_has_a_new_epoch() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    let before = ann.publish("t", "a", 10).await;
    server.restart();
    ann.until_down().await;
    ann.until_up().await;
    ann.listen(&["t"]).await;
    let page = ann.read("t", Some(before), 10).await;
    assert_ne!(page.epoch, before.epoch);
    assert_eq!((page.top, page.messages.len()), (0, 0));
    assert_eq!(ann.publish("t", "b", 10).await.epoch, page.epoch);
    assert_eq!(ann.message().await.0.epoch, page.epoch);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_and_has_its_file_has_a_new_epoch_too() {
    let server = Server::builder().append_only().start();
    let mut ann = Node::new(&server).await;
    let before = ann.publish("t", "a", 10).await;
    server.restart();
    ann.until_down().await;
    ann.until_up().await;
    // The last messages may have been lost: with another setting of `appendfsync` they are.
    let page = ann.read("t", Some(before), 10).await;
    assert_ne!(page.epoch, before.epoch);
    assert_eq!(texts(&page), [(1, "a")]);
    let tops = ann.tops(&["t"]).await;
    assert_eq!(tops[0].map(|top| top.epoch), Some(page.epoch));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_lags_by_a_message_and_is_promoted_has_a_new_epoch() {
    let primary = Server::start();
    let link = Link::to(primary.addr());
    let replica = Server::builder()
        .line(&format!("replicaof 127.0.0.1 {}", link.port()))
        .start();
    wait_for("a replica", || {
        (replica.info("master_link_status")? == "up").then_some(())
    });
    let front = Link::to(primary.addr());
    let mut ann = Node::with(Redis::server(primary.url_at(front.port()))).await;
    ann.publish("t", "a", 10).await;
    ann.publish("t", "b", 10).await;
    wait_for("both messages", || {
        (replica.command(&["HGET", "hub:m:{t}", "top"]).text() == "2").then_some(())
    });
    link.refuse();
    wait_for("the replica to be cut off", || {
        (replica.info("master_link_status")? == "down").then_some(())
    });
    let third = ann.publish("t", "c", 10).await;
    primary.kill();
    replica.command(&["REPLICAOF", "NO", "ONE"]);
    let mut ben = Node::new(&replica).await;
    let other = ben.publish("t", "other", 10).await;
    // The same offset is another message, and not taken for the first.
    assert_eq!(other.offset, third.offset);
    let page = ben.read("t", Some(third), 10).await;
    assert_ne!(page.epoch, third.epoch);
    assert_eq!(texts(&page), [(1, "a"), (2, "b"), (3, "other")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_was_a_replica_meanwhile_has_a_new_epoch() {
    // Both processes go on all the time, so that it is not the process alone that tells.
    let [first, second] = [Server::start(), Server::start()];
    let follow = |server: &Server, primary: &Server| {
        server.command(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
        wait_for("a replica", || {
            (server.info("master_link_status")? == "up").then_some(())
        });
    };
    follow(&second, &first);
    let mut ann = Node::new(&first).await;
    let before = ann.publish("t", "a", 10).await;
    wait_for("the message", || {
        (second.command(&["HGET", "hub:m:{t}", "top"]).text() == "1").then_some(())
    });
    second.command(&["REPLICAOF", "NO", "ONE"]);
    // Lost, as it comes after the promotion.
    let lost = ann.publish("t", "lost", 10).await;
    drop(ann);
    follow(&first, &second);
    first.command(&["REPLICAOF", "NO", "ONE"]);
    let mut ben = Node::new(&first).await;
    let other = ben.publish("t", "other", 10).await;
    assert_eq!((other.offset, lost.epoch), (lost.offset, before.epoch));
    assert_ne!(other.epoch, lost.epoch);
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica_is_given_up() {
    let [first, second] = [Server::start(), Server::start()];
    let mut ann = Node::new(&first).await;
    let before = ann.publish("t", "a", 10).await;
    first.command(&["REPLICAOF", "127.0.0.1", &second.port().to_string()]);
    // What is published waits for a primary.
    let history = Some(History::last(10));
    let waits = ann.begin(publishes("t", Publication::text("b"), history));
    ann.until_down().await;
    first.command(&["REPLICAOF", "NO", "ONE"]);
    ann.until_up().await;
    ann.answer(waits).await.expect("it is published");
    assert_ne!(ann.publish("t", "c", 10).await.epoch, before.epoch);
}

/// Its own connection stays, and it copies from the new primary what hubs publish there.
#[tokio::test(flavor = "multi_thread")]
async fn messages_of_the_primary_that_took_over_are_not_taken_for_those_of_the_old() {
    let [first, second] = [Server::start(), Server::start()];
    let follow = |server: &Server, primary: &Server| {
        server.command(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
        wait_for("a replica", || {
            (server.info("master_link_status")? == "up").then_some(())
        });
    };
    follow(&second, &first);
    let mut old = Node::new(&first).await;
    old.listen(&["t"]).await;
    let before = old.publish("t", "a", 10).await;
    old.message().await;
    wait_for("the message", || {
        (second.command(&["HGET", "hub:m:{t}", "top"]).text() == "1").then_some(())
    });
    second.command(&["REPLICAOF", "NO", "ONE"]);
    let mut new = Node::new(&second).await;
    follow(&first, &second);
    new.publish("t", "other", 10).await;
    old.until_down().await;
    assert!(!old.has_heard(before.epoch));
}

/// A read does not write, so a replica would answer it.
#[tokio::test]
async fn a_replica_that_was_the_primary_is_not_read_from() {
    let [first, second] = [Server::start(), Server::start()];
    let mut ann = Node::new(&first).await;
    ann.publish("t", "a", 10).await;
    first.command(&["REPLICAOF", "127.0.0.1", &second.port().to_string()]);
    let (topic, after, limit) = ("t".into(), None, 10);
    let read = wskit_hub::Command::Read {
        topic,
        after,
        limit,
    };
    let refused = ann.ask(read).await.expect_err("it is a replica");
    assert_eq!(fault(&refused), Fault::Replica);
    ann.until_down().await;
}

#[tokio::test]
async fn flushing_everything_is_a_new_epoch_at_the_next_message() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    ann.listen(&["t"]).await;
    let before = ann.publish("t", "a", 10).await;
    ann.message().await;
    server.command(&["FLUSHALL"]);
    assert_eq!(ann.tops(&["t"]).await, [None]);
    let after = ann.publish("t", "b", 10).await;
    assert_ne!(after.epoch, before.epoch);
    assert_eq!(ann.message().await, (after, Some(0), "b".into()));
}

#[tokio::test]
async fn a_topic_whose_meta_data_was_evicted_begins_anew() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    for last in [10, 100] {
        let before = ann.publish("t", "a", last).await;
        server.command(&["DEL", "hub:m:{t}"]);
        let page = ann.read("t", Some(before), last).await;
        assert_ne!(page.epoch, before.epoch);
        assert_eq!((page.top, page.messages.len()), (0, 0));
        server.command(&["DEL", "hub:m:{t}"]);
        let after = ann.publish("t", "b", last).await;
        assert_eq!(after.offset, 1);
        let page = ann.read("t", None, last).await;
        assert_eq!((page.epoch, texts(&page)), (after.epoch, vec![(1, "b")]));
        server.command(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn a_topic_whose_messages_were_evicted_goes_on_after_them() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    for last in [10, 100] {
        let before = ann.publish("t", "a", last).await;
        server.command(&["DEL", "hub:l:{t}", "hub:i:{t}"]);
        let page = ann.read("t", None, last).await;
        assert_eq!((page.top, page.after, page.messages.len()), (1, 1, 0));
        let after = ann.publish("t", "b", last).await;
        assert_eq!((after.epoch, after.offset), (before.epoch, 2));
        let page = ann.read("t", None, last).await;
        assert_eq!((page.after, texts(&page)), (1, vec![(2, "b")]));
        server.command(&["FLUSHALL"]);
    }
}

#[tokio::test]
async fn a_hole_in_a_stream_is_where_its_history_begins() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    for i in 1..=5 {
        ann.publish("t", &i.to_string(), 100).await;
    }
    server.command(&["XDEL", "hub:l:{t}", "3-0"]);
    let page = ann.read("t", None, 100).await;
    assert_eq!((page.after, texts(&page)), (3, vec![(4, "4"), (5, "5")]));
}

#[tokio::test]
async fn a_subscribed_connection_that_is_killed_is_made_again() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    ann.listen(&["t"]).await;
    let before = ann.publish("t", "a", 10).await;
    server.command(&["CLIENT", "KILL", "TYPE", "pubsub"]);
    ann.until_down().await;
    ann.until_up().await;
    ann.listen(&["t"]).await;
    let after = ann.publish("t", "b", 10).await;
    // It is the same server.
    assert_eq!((after.epoch, after.offset), (before.epoch, 2));
    ann.until(|event| match event {
        EngineEvent::Published { position, .. } => (*position == after).then_some(()),
        _ => None,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_the_server_cuts_because_it_is_slow_reads_what_it_missed() {
    let server = Server::builder()
        .line("client-output-buffer-limit pubsub 256kb 0 0")
        .start();
    let link = Link::to(server.addr());
    let mut slow = Node::with(Redis::server(server.url_at(link.port()))).await;
    slow.listen(&["t"]).await;
    let mut ann = Node::new(&server).await;
    let first = ann.publish("t", "first", 100).await;
    slow.message().await;
    link.stall();
    let large = "x".repeat(256 << 10);
    wait_for("the server to cut it", || {
        let topic = "t";
        let _ = ann.begin(publishes(
            topic,
            Publication::text(&*large),
            Some(History::last(100)),
        ));
        let cut = server.info("client_output_buffer_limit_disconnections");
        let clients = server.command(&["CLIENT", "LIST", "TYPE", "pubsub"]).text();
        (cut.is_some_and(|cut| cut != "0") || clients.lines().count() < 2).then_some(())
    });
    let last = ann.publish("t", "last", 100).await;
    link.pass();
    slow.until_down().await;
    slow.until_up().await;
    slow.listen(&["t"]).await;
    let page = slow.read("t", Some(first), 100).await;
    assert_eq!((page.epoch, page.top), (last.epoch, last.offset));
    assert_eq!(texts(&page).last(), Some(&(last.offset, "last")));
    assert_eq!(
        page.messages.len() as u64,
        (last.offset - first.offset).min(100)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_given_up_and_what_has_an_id_is_sent_again() {
    let server = Server::start();
    let deadline = Duration::from_millis(1500);
    let mut ann = Node::with(Redis::server(server.url()).deadline(deadline)).await;
    let first = ann.publish("t", "a", 10).await;
    server.pause();
    let history = Some(History::last(10));
    let unknown = ann.begin(publishes("t", Publication::text("b"), history));
    let refused = ann.answer(unknown).await.expect_err("it is not known");
    assert_eq!(refused.kind(), EngineErrorKind::Unavailable);
    assert_eq!(fault(&refused), Fault::NoAnswer(deadline));
    ann.until_down().await;
    let named = || publishes("t", Publication::text("c").id("c"), history);
    let waits = ann.begin(named());
    server.resume();
    ann.until_up().await;
    let position = ann.answer(waits).await.expect("it is published");
    drop(position);
    // Also what had no answer was done.
    let page = ann.read("t", Some(first), 10).await;
    assert_eq!(page.messages.len(), 2, "{:?}", texts(&page));
    ann.ask(named()).await.expect("it was published");
    assert_eq!(ann.tops(&["t"]).await[0].map(|top| top.offset), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_messages_wait_for_the_deadline_and_all_else_fails() {
    let server = Server::start();
    let deadline = Duration::from_millis(500);
    let mut ann = Node::with(Redis::server(server.url()).deadline(deadline)).await;
    server.kill();
    ann.until_down().await;
    let topics = vec!["t".into()];
    let refused = ann.ask(wskit_hub::Command::Tops { topics }).await;
    assert!(matches!(
        fault(&refused.expect_err("it is down")),
        Fault::Unreachable(_)
    ));
    let history = Some(History::last(10));
    for history in [history, None] {
        let refused = ann.try_publish("t", Publication::text("a"), history).await;
        let refused = refused.expect_err("it is down");
        assert_eq!(refused.kind(), EngineErrorKind::Unavailable);
    }
    server.restart();
    ann.until_up().await;
    ann.publish("t", "b", 10).await;
}
