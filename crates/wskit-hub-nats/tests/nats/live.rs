use wskit_hub::{EngineEvent, Position, Publication};

use crate::kit::{Node, servers, settings, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn live_topics_have_no_positions_and_keep_nothing() {
    for server in servers(|server| server) {
        let (a, b) = (
            Node::connect(settings(&server)).await,
            Node::connect(settings(&server)).await,
        );
        b.listen(&["game"]).await;
        let calls: Vec<_> = (0..1000)
            .map(|i| a.begin_publish("game", Publication::text(i.to_string()), None))
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        b.hears("game", "999").await;
        let heard = b.heard("game");
        assert!(heard.iter().all(|(_, before, _)| before.is_none()));
        let expected: Vec<_> = (0..1000).map(|i| i.to_string()).collect();
        assert_eq!(
            heard.into_iter().map(|(.., text)| text).collect::<Vec<_>>(),
            expected
        );
        let page = b.try_read("game", None, 0).await.unwrap();
        assert!(page.messages.is_empty());
        let next = b.try_read("game", None, 0).await.unwrap();
        assert_ne!(page.epoch, next.epoch);
        assert_eq!(b.tops(&["game"]).await, [None::<Position>]);
    }
}

/// Waits until a hub was told this often that messages may have been lost.
async fn lost(node: &Node, times: usize) {
    let is_lost = |event: &EngineEvent| matches!(event, EngineEvent::Lost);
    let enough = || {
        let events = node.events();
        let told = events.iter().filter(|event| is_lost(event)).count();
        (told >= times).then_some(())
    };
    wait_for("Lost", enough).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_so_many_topics_partitions_are_subscribed_and_back_without_losing_or_doubling() {
    for server in servers(|server| server) {
        let (a, b) = (
            Node::connect(settings(&server)).await,
            Node::connect(settings(&server)).await,
        );
        let names: Vec<_> = (0..1001).map(|i| format!("t{i}")).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let subscriptions = || {
            let varz = server.monitor("/varz").unwrap();
            varz["subscriptions"].as_u64().unwrap()
        };
        b.listen(&["t0", "live"]).await;
        let few = subscriptions();
        // Messages go on while the subscriptions change.
        let publish = |from: u32, to: u32| {
            let calls: Vec<_> = (from..to)
                .map(|i| {
                    let text = Publication::text(i.to_string());
                    let live = a.begin_publish("live", text.clone(), None);
                    let history = Some(wskit_hub::History::last(128));
                    (live, a.begin_publish("t0", text, history))
                })
                .collect();
            async move {
                for (live, kept) in calls {
                    live.await.unwrap();
                    kept.await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        };
        tokio::join!(publish(0, 500), b.listen(&names[..500]), publish(500, 1000));
        tokio::join!(
            publish(1000, 2000),
            b.listen(&names[500..]),
            publish(2000, 3000)
        );
        // The server may have left out a message meanwhile: the hub has to look.
        lost(&b, 1).await;
        let wide = subscriptions();
        assert!(wide < few + 70, "{wide} subscriptions, {few} before");
        a.publish("t1000", "last").await;
        b.hears("t1000", "last").await;
        tokio::join!(
            publish(3000, 4000),
            b.unlisten(&names[1..]),
            publish(4000, 5000)
        );
        lost(&b, 2).await;
        a.publish("t1", "not heard").await;
        a.begin_publish("live", Publication::text("end"), None)
            .await
            .unwrap();
        a.publish("t0", "end").await;
        b.hears("live", "end").await;
        b.hears("t0", "end").await;
        assert!(subscriptions() <= few + 1);
        let expected: Vec<_> = (0..5000)
            .map(|i| i.to_string())
            .chain(["end".into()])
            .collect();
        let live: Vec<_> = b.heard("live").into_iter().map(|(.., text)| text).collect();
        assert_eq!(live, expected);
        // Of these the hub drops what comes twice.
        let mut kept = b.heard("t0");
        let mut top = 0;
        kept.retain(|(offset, ..)| {
            let is_new = *offset > top;
            top = top.max(*offset);
            is_new
        });
        assert_eq!(
            kept.into_iter().map(|(.., text)| text).collect::<Vec<_>>(),
            expected
        );
        assert!(b.heard("t1").is_empty());
    }
}
