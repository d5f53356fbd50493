use std::time::Duration;

use wskit_hub::{EngineErrorKind, EngineEvent, History, MessageKind, Publication};

use crate::kit::{Node, chain, servers, settings, texts};

#[tokio::test(flavor = "multi_thread")]
async fn what_one_hub_publishes_another_hears_in_a_chain() {
    for server in servers(|server| server) {
        let (a, b) = (
            Node::connect(settings(&server)).await,
            Node::connect(settings(&server)).await,
        );
        b.listen(&["chat:1", "odd .*> topic"]).await;
        let first = a.publish("chat:1", "one").await;
        a.publish("other", "between").await;
        let second = a.publish("chat:1", "two").await;
        a.publish("odd .*> topic", "three").await;
        b.hears("odd .*> topic", "three").await;
        b.hears("chat:1", "two").await;
        assert_eq!(
            b.heard("chat:1"),
            [
                (first.offset, Some(0), "one".to_owned()),
                (second.offset, Some(first.offset), "two".to_owned())
            ]
        );
        assert!(b.heard("other").is_empty());
        let page = b.read("chat:1", None).await;
        assert_eq!((page.epoch, page.top), (first.epoch, second.offset));
        assert_eq!(texts(&page), ["one", "two"]);
        assert_eq!(page.after, 0);
        let tops = b.tops(&["chat:1", "never"]).await;
        assert_eq!(tops, [Some(second), None]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_complete_only_if_that_is_certain() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server).messages(5)).await;
        let mut positions = Vec::new();
        for i in 0..8 {
            node.publish_last("t", &i.to_string(), 5).await;
            node.publish_last("other", "x", 5).await;
            let top = node.tops(&["t"]).await;
            positions.push(top[0].unwrap());
        }
        // Six are kept: that of 2, and five after it.
        let page = node.try_read("t", Some(positions[2]), 5).await.unwrap();
        assert_eq!(texts(&page), ["3", "4", "5", "6", "7"]);
        assert_eq!(page.after, positions[2].offset);
        let page = node.try_read("t", Some(positions[1]), 5).await.unwrap();
        assert!(page.after > positions[1].offset);
        assert_eq!(texts(&page), ["3", "4", "5", "6", "7"]);
        let page = node.try_read("t", Some(positions[7]), 5).await.unwrap();
        assert_eq!((page.messages.len(), page.after), (0, positions[7].offset));
        // The newest alone.
        let page = node.try_read("t", Some(positions[2]), 2).await.unwrap();
        assert_eq!(
            (texts(&page), page.after),
            (vec!["6".into(), "7".into()], positions[5].offset)
        );
        // A topic without messages has a position all the same, which proves later that nothing is missing.
        let page = node.try_read("new", None, 5).await.unwrap();
        assert!(page.messages.is_empty());
        let empty = wskit_hub::Position {
            epoch: page.epoch,
            offset: page.top,
        };
        node.publish_last("new", "first", 5).await;
        let page = node.try_read("new", Some(empty), 5).await.unwrap();
        assert_eq!(
            (texts(&page), page.after),
            (vec!["first".into()], empty.offset)
        );
    }
}

impl Node {
    async fn publish_last(&self, topic: &str, text: &str, last: usize) {
        let history = Some(History::last(last));
        let published = self.begin_publish(topic, Publication::text(text), history);
        published.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_publications_keep_their_order() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server).messages(2000)).await;
        node.listen(&["t"]).await;
        let calls: Vec<_> = (0..1000)
            .map(|i| {
                let history = Some(History::last(2000));
                node.begin_publish("t", Publication::text(i.to_string()), history)
            })
            .collect();
        let mut offsets = Vec::new();
        for call in calls {
            offsets.push(call.await.unwrap().offset);
        }
        assert!(offsets.is_sorted());
        node.hears("t", "999").await;
        let heard = node.heard("t");
        let expected: Vec<_> = (0..1000).map(|i| i.to_string()).collect();
        assert_eq!(
            heard
                .iter()
                .map(|(.., text)| text.clone())
                .collect::<Vec<_>>(),
            expected
        );
        let page = node.try_read("t", None, 2000).await.unwrap();
        assert_eq!((texts(&page), page.after), (expected, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_of_the_same_id_is_stored_once_in_its_topic() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server)).await;
        node.listen(&["a", "b"]).await;
        let history = Some(History::last(100));
        let publish = |topic: &str, text: &str| {
            let publication = Publication::text(text).id("order 7");
            node.begin_publish(topic, publication, history)
        };
        let first = publish("a", "x").await.unwrap();
        assert_eq!(publish("a", "y").await.unwrap(), first);
        assert_ne!(publish("b", "x").await.unwrap(), first);
        node.publish("a", "end").await;
        node.hears("a", "end").await;
        assert_eq!(node.heard("a").len(), 2);
        let page = node.read("a", None).await;
        assert_eq!(texts(&page), ["x", "end"]);
        assert_eq!(page.messages[0].1.get_id(), Some("order 7"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_and_bytes_come_back_as_they_were() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server)).await;
        let messages = [
            Publication::text("gr\u{fc}n"),
            Publication::text(""),
            Publication::binary(&b"could be text"[..]),
            Publication::binary(vec![0, 0xff, b'\r', b'\n']).id("caf\u{e9}\r\n: x"),
        ];
        for message in &messages {
            let history = Some(History::last(10));
            node.begin_publish("t", message.clone(), history)
                .await
                .unwrap();
        }
        let page = node.read("t", None).await;
        let read: Vec<_> = page
            .messages
            .into_iter()
            .map(|(_, message)| message)
            .collect();
        assert_eq!(read, messages);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_publish_by_the_subject_alone() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server).partitions(1)).await;
        node.listen(&["chat:1"]).await;
        server.request("hub.in.0.chat:1", b"from afar").unwrap();
        node.hears("chat:1", "from afar").await;
        let page = node.read("chat:1", None).await;
        assert_eq!(page.messages[0].1.kind(), MessageKind::Text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_own_mapping_finds_the_partition() {
    let mapping = "mappings: { \"pub.*\": \"hub.in.{{partition(64,1)}}.{{wildcard(1)}}\" }";
    for server in servers(|server| server.line(mapping)) {
        let node = Node::connect(settings(&server)).await;
        for topic in ["chat:1", "a", "x-y_z", "chat:42"] {
            node.listen(&[topic]).await;
            server
                .request(&format!("pub.{topic}"), topic.as_bytes())
                .unwrap();
            node.hears(topic, topic).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_or_too_long_is_refused_with_the_remedy() {
    for server in servers(|server| server.max_payload(10_000)) {
        let node = Node::connect(
            settings(&server)
                .max_age(Duration::from_secs(60))
                .duplicate_window(Duration::from_secs(60))
                .messages(10),
        )
        .await;
        let ten = History::last(10);
        let binary = |len| Publication::binary(vec![0xff; len]);
        let long = "x".repeat(2000);
        for (topic, publication, history, text) in [
            ("t", binary(10_001), ten, "max_payload"),
            ("t", binary(9_990).id("7"), ten, "max_payload"),
            (&long, binary(1), ten, "shorter names"),
            ("t", binary(1), History::last(11), "NatsBuilder::messages"),
            (
                "t",
                binary(1),
                ten.within(Duration::from_secs(61)),
                "NatsBuilder::max_age",
            ),
        ] {
            let refused = node.begin_publish(topic, publication, Some(history)).await;
            let error = refused.expect_err(text);
            assert_eq!(error.kind(), EngineErrorKind::Refused, "{error:?}");
            let all = chain(&error);
            assert!(all.contains("NATS") && all.contains(text), "{all}");
        }
        let error = node.try_read("t", None, 11).await.expect_err("too long");
        assert!(chain(&error).contains("NatsBuilder::messages"));
        // The connection is as it was.
        node.begin_publish("t", binary(10_000), Some(ten))
            .await
            .unwrap();
        node.begin_publish("t", binary(1), Some(ten.within(Duration::from_secs(60))))
            .await
            .unwrap();
        assert!(node.events().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_does_not_ask_is_told_that_messages_are_lost_and_can_read_them() {
    for server in servers(|server| server) {
        let a = Node::connect(settings(&server)).await;
        let mut b = Node::connect(settings(&server)).await;
        b.listen(&["t"]).await;
        b.pause().await;
        // More than wait for it at most.
        for round in 0..10 {
            let history = Some(History::last(100));
            let calls: Vec<_> = (0..2000)
                .map(|i| {
                    let text = Publication::text(format!("{round} {i}"));
                    a.begin_publish("t", text, history)
                })
                .collect();
            for call in calls {
                call.await.unwrap();
            }
        }
        b.resume();
        b.event("Lost", |event| matches!(event, EngineEvent::Lost))
            .await;
        // The first after that may be lost too.
        while !b.heard("t").iter().any(|(.., text)| text == "end") {
            a.publish("t", "end").await;
        }
        let mut top = 0;
        let mut gaps = 0;
        for (offset, before, _) in b.heard("t") {
            gaps += u32::from(before != Some(top));
            top = offset;
        }
        assert!(gaps > 0);
        let page = b.read("t", None).await;
        assert_eq!(page.messages.len(), 100);
    }
}
