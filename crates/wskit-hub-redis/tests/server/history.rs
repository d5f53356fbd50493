use std::time::Duration;

use wskit_hub::{EngineEvent, Epoch, History, Position, Publication};
use wskit_hub_redis::Redis;
use wskit_hub_suite::servers::redis::Redis as Server;

use crate::kit::{Node, publishes, texts};

#[tokio::test]
async fn a_message_reaches_those_who_listen_with_its_place_in_the_chain() {
    let server = Server::start();
    let (mut ann, mut ben) = (Node::new(&server).await, Node::new(&server).await);
    ben.listen(&["a", "b"]).await;
    let first = ann.publish("a", "one", 10).await;
    let second = ann.publish("a", "two", 10).await;
    assert_eq!((first.offset, second.offset), (1, 2));
    assert_eq!(first.epoch, second.epoch);
    assert_eq!(ben.message().await, (first, Some(0), "one".into()));
    assert_eq!(ben.message().await, (second, Some(1), "two".into()));
}

#[tokio::test]
async fn what_is_not_listened_to_any_more_does_not_come() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    ann.listen(&["a", "b"]).await;
    let topics = vec!["a".into()];
    ann.ask(wskit_hub::Command::Unlisten { topics })
        .await
        .unwrap();
    ann.publish("a", "unheard", 10).await;
    ann.publish("b", "heard", 10).await;
    assert_eq!(ann.message().await.2, "heard");
}

#[tokio::test]
async fn a_history_is_a_list_up_to_64_messages_and_a_stream_beyond() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    for (last, kind) in [(1, "list"), (64, "list"), (65, "stream"), (1000, "stream")] {
        let topic = format!("t{last}");
        for i in 1..=last + 10 {
            ann.begin(publishes(
                &topic,
                Publication::text(i.to_string()),
                Some(History::last(last)),
            ));
        }
        let page = ann.read(&topic, None, last).await;
        let log = format!("hub:l:{{{topic}}}");
        assert_eq!(server.command(&["TYPE", &log]).text(), kind);
        let expected: Vec<_> = (11..=last + 10)
            .map(|i| (i as u64, i.to_string()))
            .collect();
        let read: Vec<_> = texts(&page)
            .iter()
            .map(|(offset, text)| (*offset, (*text).to_owned()))
            .collect();
        assert_eq!(read, expected, "{last}");
        assert_eq!((page.top, page.after), (last as u64 + 10, 10));
        // After a position, and the newest of them.
        let after = Position {
            epoch: page.epoch,
            offset: last as u64 + 8,
        };
        let rest = ann.read(&topic, Some(after), last).await;
        assert_eq!(
            rest.messages,
            page.messages[page.messages.len().saturating_sub(2)..]
        );
        assert_eq!(rest.after, page.after.max(last as u64 + 8));
        let newest = ann.read(&topic, None, 1).await;
        assert_eq!(newest.messages, page.messages[last - 1..]);
        assert_eq!(newest.after, page.top - 1);
        // A position of another epoch is none.
        let other = Position {
            epoch: Epoch::new(7),
            offset: last as u64 + 8,
        };
        assert_eq!(
            ann.read(&topic, Some(other), last).await.messages,
            page.messages
        );
    }
}

#[tokio::test]
async fn rules_that_keep_more_or_fewer_later_apply_to_the_history_that_is_there() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    for (topic, first, then) in [("grows", 2, 100), ("shrinks", 100, 2)] {
        for i in 0..5 {
            ann.publish(topic, &i.to_string(), first).await;
        }
        for i in 5..10 {
            ann.publish(topic, &i.to_string(), then).await;
        }
        let page = ann.read(topic, None, 100).await;
        let kept = if then == 2 { 2 } else { 7 };
        assert_eq!(page.messages.len(), kept, "{topic}");
        assert_eq!(texts(&page).last(), Some(&(10, "9")));
    }
}

#[tokio::test]
async fn the_same_id_is_one_message_as_long_as_the_history_has_it_and_a_while_longer() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    ann.listen(&["list", "stream"]).await;
    for (topic, last) in [("list", 3), ("stream", 70)] {
        let history = Some(History::last(last));
        let named = || Publication::text("x").id("order-7");
        let first = ann.try_publish(topic, named(), history).await.unwrap();
        for i in 1..last {
            ann.publish(topic, &i.to_string(), last).await;
            assert_eq!(
                ann.try_publish(topic, named(), history).await.unwrap(),
                first
            );
        }
        // It is dropped from the history. Its name is known for a while longer: who had no answer may ask again.
        for i in 0..last {
            ann.publish(topic, &i.to_string(), last).await;
        }
        assert_eq!(
            ann.try_publish(topic, named(), history).await.unwrap(),
            first
        );
        let ids = format!("hub:i:{{{topic}}}");
        let id = format!("{ids}=order-7");
        let left = server.command(&["PTTL", &id]).int().unwrap();
        assert!((1..=30_000).contains(&left), "{left}");
        // After that it is another message.
        server.command(&["DEL", &id]);
        let again = ann.try_publish(topic, named(), history).await.unwrap();
        assert_eq!(again.offset, 2 * last as u64 + 1);
        assert_eq!(server.command(&["ZCARD", &ids]).int(), Some(1));
        for offset in 1..=again.offset {
            assert_eq!(ann.message().await.0.offset, offset);
        }
    }
}

#[tokio::test]
async fn an_empty_id_is_an_id() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    let history = Some(History::last(3));
    let named = || Publication::text("x").id("");
    let first = ann.try_publish("t", named(), history).await.unwrap();
    let again = ann.try_publish("t", named(), history).await.unwrap();
    assert_eq!(again, first);
}

#[tokio::test]
async fn ids_and_payloads_are_any_bytes_that_they_may_be() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    ann.listen(&["t"]).await;
    let history = Some(History::last(10));
    for publication in [
        Publication::binary(Vec::new()),
        Publication::binary((0..=255).collect::<Vec<u8>>()),
        Publication::text("\u{1f980}\r\n\0"),
        Publication::text("").id("i".repeat(255)),
        Publication::binary(vec![b'x'; 1 << 20]).id("\r\n"),
    ] {
        let at = ann
            .try_publish("t", publication.clone(), history)
            .await
            .unwrap();
        let came = ann.until(|event| match event {
            EngineEvent::Published { publication, .. } => Some(publication.clone()),
            _ => None,
        });
        assert_eq!(came.await, publication);
        let page = ann.read("t", None, 1).await;
        assert_eq!(page.messages, [(at.offset, publication)]);
    }
}

#[tokio::test]
async fn messages_that_are_too_old_are_not_read_and_their_keys_end() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    let history = History::last(10).within(Duration::from_millis(300));
    let one = Publication::text("old").id("a");
    ann.try_publish("t", one, Some(history)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(
        server.command(&["EXISTS", "hub:l:{t}", "hub:i:{t}"]).int(),
        Some(0)
    );
    let before = ann.read("t", None, 10).await;
    assert_eq!((before.top, before.after, before.messages.len()), (1, 1, 0));
    // In a topic that is busy they are still there, but are not read.
    let history = History::last(10).within(Duration::from_secs(3600));
    ann.try_publish("busy", Publication::text("a"), Some(history))
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(350)).await;
    let history = History::last(10).within(Duration::from_millis(300));
    ann.try_publish("busy", Publication::text("b"), Some(history))
        .await
        .unwrap();
    let page = ann.read("busy", None, 10).await;
    assert_eq!((texts(&page), page.after), (vec![(2, "b")], 1));
    // The epoch lives on.
    let at = ann.publish("t", "new", 10).await;
    assert_eq!((at.epoch, at.offset), (before.epoch, 2));
}

#[tokio::test]
async fn all_keys_end_when_no_hub_uses_them() {
    let server = Server::start();
    let mut ann = Node::with(Redis::server(server.url()).keep(Duration::from_secs(60))).await;
    ann.publish("t", "a", 10).await;
    ann.try_publish("t", Publication::text("b").id("b"), Some(History::last(10)))
        .await
        .unwrap();
    ann.try_publish(
        "s",
        Publication::text("b").id("b"),
        Some(History::last(100)),
    )
    .await
    .unwrap();
    ann.read("read", None, 10).await;
    ann.enter("t", wskit_hub::Member::new("ann")).await;
    let keys = server.command(&["KEYS", "*"]);
    assert_eq!(keys.items().len(), 11, "{keys:?}");
    for key in keys.items() {
        let left = server.command(&["PTTL", &key.text()]).int().unwrap();
        let most = if key.text() == "hub:nodes" {
            300_000
        } else {
            60_000
        };
        assert!((1..=most).contains(&left), "{} {left}", key.text());
    }
}

#[tokio::test]
async fn live_topics_keep_nothing() {
    let server = Server::start();
    let (mut ann, mut ben) = (Node::new(&server).await, Node::new(&server).await);
    ben.listen(&["live"]).await;
    let first = ben.read("live", None, 0).await;
    let second = ben.read("live", None, 0).await;
    assert_ne!(first.epoch, second.epoch);
    ann.try_publish("live", Publication::text("now"), None)
        .await
        .unwrap();
    let (_, before, text) = ben.message().await;
    assert_eq!((before, text.as_str()), (None, "now"));
    let keys = server.command(&["KEYS", "*live*"]);
    assert!(keys.items().is_empty(), "{keys:?}");
}

#[tokio::test]
async fn tops_are_those_of_messages_and_in_the_order_of_the_topics() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    let a = ann.publish("a", "1", 10).await;
    ann.publish("b", "1", 100).await;
    let b = ann.publish("b", "2", 100).await;
    ann.read("empty", None, 10).await;
    let tops = ann.tops(&["b", "none", "a", "empty"]).await;
    assert_eq!(tops, [Some(b), None, Some(a), None]);
    assert_eq!(ann.tops(&[]).await, []);
}

#[tokio::test]
async fn who_reads_before_the_first_message_knows_its_epoch() {
    let server = Server::start();
    let (mut ann, mut ben) = (Node::new(&server).await, Node::new(&server).await);
    let page = ben.read("t", None, 10).await;
    assert_eq!((page.top, page.after, page.messages.len()), (0, 0, 0));
    assert_eq!(ann.publish("t", "a", 10).await.epoch, page.epoch);
}

/// How many messages are published at once.
const COUNT: u64 = 5000;

#[tokio::test]
async fn commands_of_a_topic_take_effect_in_the_order_in_which_they_were_begun() {
    let server = Server::start();
    let (mut ann, mut ben) = (Node::new(&server).await, Node::new(&server).await);
    ben.listen(&["t"]).await;
    let mut ids = Vec::new();
    for i in 1..=COUNT {
        if i == COUNT / 2 {
            // In the middle of it all.
            server.command(&["SCRIPT", "FLUSH"]);
        }
        let publication = Publication::text(i.to_string());
        ids.push(ann.begin(publishes("t", publication, Some(History::last(10)))));
        if i % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    for (id, i) in ids.into_iter().zip(1..) {
        match ann.answer(id).await.unwrap() {
            wskit_hub::Reply::Published(position) => assert_eq!(position.offset, i),
            other => panic!("{other:?}"),
        }
    }
    for i in 1..=COUNT {
        let (position, _, text) = ben.message().await;
        assert_eq!((position.offset, text), (i, i.to_string()));
    }
}

#[tokio::test]
async fn scripts_that_were_flushed_are_given_again() {
    let server = Server::start();
    let mut ann = Node::new(&server).await;
    let first = ann.publish("t", "a", 10).await;
    for _ in 0..3 {
        server.command(&["SCRIPT", "FLUSH"]);
        ann.publish("t", "b", 10).await;
        server.command(&["SCRIPT", "FLUSH"]);
        ann.read("t", Some(first), 10).await;
    }
    assert_eq!(
        ann.publish("t", "c", 10).await,
        Position { offset: 5, ..first }
    );
}

#[tokio::test]
async fn a_message_waits_for_replicas_if_asked_to() {
    let primary = Server::start();
    let replica = Server::builder()
        .line(&format!("replicaof 127.0.0.1 {}", primary.port()))
        .start();
    wskit_hub_suite::servers::wait_for("a replica", || {
        // `state=online` is too early: the primary sends it nothing before its first acknowledgement, which may take
        // a second more. After that it answers at once.
        primary.command(&["SET", "probe", "1"]);
        (replica.try_command(&["GET", "probe"]).ok()?.text() == "1").then_some(())
    });
    let builder = || Redis::server(primary.url()).deadline(Duration::from_secs(1));
    let mut one = Node::with(builder().replicas(1)).await;
    one.publish("t", "a", 10).await;
    assert_eq!(replica.command(&["HGET", "hub:m:{t}", "top"]).text(), "1");
    let mut two = Node::with(builder().replicas(2)).await;
    let refused = two
        .try_publish("t", Publication::text("b"), Some(History::last(10)))
        .await
        .expect_err("there is one replica");
    assert_eq!(
        crate::kit::fault(&refused),
        wskit_hub_redis::Fault::TooFewReplicas
    );
}
