use std::time::Duration;

use serde_json::{Value, json};
use wskit_hub::{EngineEvent, Position};
use wskit_hub_nats::Storage;
use wskit_hub_suite::servers::nats::Nats as Server;

use crate::kit::{Node, Raw, servers, settings, texts};

fn stream(server: &Server) -> String {
    let names = server
        .jetstream("STREAM.NAMES", &json!({ "subject": "hub.in.>" }))
        .unwrap();
    names["streams"][0].as_str().unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_in_memory_has_a_new_epoch_after_a_kill() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server).storage(Storage::Memory)).await;
        node.listen(&["t"]).await;
        let before = node.publish("t", "before").await;
        server.restart();
        node.up().await;
        let down = node
            .events()
            .iter()
            .position(|event| matches!(event, EngineEvent::Down));
        let up = node
            .events()
            .iter()
            .position(|event| matches!(event, EngineEvent::Up));
        assert!(down.is_some() && down < up);
        node.listen(&["t"]).await;
        let page = node.read("t", Some(before)).await;
        assert_ne!(page.epoch, before.epoch);
        assert!(page.messages.is_empty());
        let after = node.publish("t", "after").await;
        assert_eq!(after.epoch, page.epoch);
        node.hears("t", "after").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_on_disk_goes_on_after_a_kill() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server)).await;
        node.listen(&["t"]).await;
        let before = node.publish("t", "before").await;
        server.restart();
        node.up().await;
        let after = node.publish("t", "after").await;
        assert_eq!(after.epoch, before.epoch);
        assert!(after.offset > before.offset);
        let page = node.read("t", Some(before)).await;
        assert_eq!(
            (texts(&page), page.after),
            (vec!["after".into()], before.offset)
        );
        // It is subscribed still: the server has forgotten, the client has not.
        node.hears("t", "after").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_deleted_while_in_use_is_created_again_with_a_new_epoch() {
    for server in servers(|server| server) {
        let (a, b) = (
            Node::connect(settings(&server)).await,
            Node::connect(settings(&server)).await,
        );
        b.listen(&["t"]).await;
        let before = a.publish("t", "before").await;
        b.hears("t", "before").await;
        let name = stream(&server);
        server
            .jetstream(&format!("STREAM.DELETE.{name}"), &Value::Null)
            .unwrap();
        // It fails, or is stored in the new one: in no case is it taken for one of the old.
        let history = Some(wskit_hub::History::last(100));
        let publication = wskit_hub::Publication::text("during");
        if let Ok(during) = a.begin_publish("t", publication, history).await {
            assert_ne!(during.epoch, before.epoch);
        }
        a.up().await;
        b.up().await;
        assert_ne!(stream(&server), name);
        b.listen(&["t"]).await;
        let after = a.publish("t", "after").await;
        assert_ne!(after.epoch, before.epoch);
        b.hears("t", "after").await;
        for event in b.events() {
            if let EngineEvent::Published {
                position,
                publication,
                ..
            } = event
            {
                let is_old = publication.as_text() == Some("before");
                assert_eq!(position.epoch == before.epoch, is_old);
            }
        }
        assert_eq!(b.read("t", Some(before)).await.epoch, after.epoch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_has_gone_back_has_a_new_epoch() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server)).await;
        let first = node.publish("t", "one").await;
        // A position that the stream has not come to: it was there before messages were lost.
        let lost = Position {
            epoch: first.epoch,
            offset: first.offset + 5,
        };
        assert!(node.try_read("t", Some(lost), 100).await.is_err());
        node.up().await;
        let page = node.read("t", Some(lost)).await;
        assert_ne!(page.epoch, first.epoch);
        assert_eq!(texts(&page), ["one"]);
        // Hubs that start later agree.
        let other = Node::connect(settings(&server)).await;
        assert_eq!(other.read("t", None).await.epoch, page.epoch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_after_all_others_have_expired_is_not_taken_for_a_gap() {
    for server in servers(|server| server) {
        let minute = Duration::from_secs(60);
        let node = Node::connect(settings(&server).max_age(minute).duplicate_window(minute)).await;
        node.listen(&["t"]).await;
        let first = node.publish("t", "one").await;
        assert_eq!(node.tops(&["t"]).await, [Some(first)]);
        // As if its time were over.
        let name = stream(&server);
        let call = format!("STREAM.MSG.DELETE.{name}");
        let deleted = server
            .jetstream(&call, &json!({ "seq": first.offset }))
            .unwrap();
        assert_eq!(deleted["success"], true);
        assert_eq!(node.tops(&["t"]).await, [None]);
        node.publish("t", "two").await;
        node.hears("t", "two").await;
        assert_eq!(node.heard("t")[1].1, Some(0));
        let page = node.read("t", Some(first)).await;
        assert_eq!(
            (texts(&page), page.after),
            (vec!["two".into()], first.offset)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_of_an_offset_that_was_there_before_the_message_was_sent_proves_a_new_epoch()
 {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server)).await;
        node.listen(&["t"]).await;
        let (raw, first) = Raw::connect(&server, &node).await;
        raw.pretend(&stream(&server), first.offset + 5).await;
        node.hears("t", "pretended").await;
        // Together they overtake what was seen, so that the stream looks right again.
        let history = Some(wskit_hub::History::last(100));
        let begin = |i: i32| {
            let publication = wskit_hub::Publication::text(i.to_string());
            node.begin_publish("t", publication, history)
        };
        let calls: Vec<_> = (0..20).map(begin).collect();
        let mut results = Vec::new();
        for call in calls {
            results.push(call.await);
        }
        assert!(results[0].is_err(), "{:?}", results[0]);
        node.up().await;
        assert_ne!(node.publish("t", "after").await.epoch, first.epoch);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_beyond_the_topic_is_compared_with_the_stream() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server)).await;
        node.listen(&["t"]).await;
        let (raw, first) = Raw::connect(&server, &node).await;
        raw.pretend(&stream(&server), first.offset + 5).await;
        node.hears("t", "pretended").await;
        let lost = Position {
            epoch: first.epoch,
            offset: first.offset + 3,
        };
        let page = node.try_read("t", Some(lost), 100).await;
        assert!(page.is_err(), "{page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_that_a_publisher_has_copied_from_another_message_are_not_believed() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server)).await;
        node.listen(&["t"]).await;
        let (raw, first) = Raw::connect(&server, &node).await;
        let headers = [
            ("Nats-Stream", "other"),
            ("Nats-Sequence", "1"),
            ("Nats-Last-Sequence", "0"),
            ("Nats-Subject", "other"),
        ];
        raw.publish("in", &headers, "forwarded").await;
        node.hears("t", "forwarded").await;
        let expected = (first.offset + 1, Some(first.offset), "forwarded".into());
        assert!(node.heard("t").contains(&expected), "{:?}", node.heard("t"));
        let top = Position {
            epoch: first.epoch,
            offset: first.offset + 1,
        };
        assert_eq!(node.tops(&["t"]).await, [Some(top)]);
    }
}
