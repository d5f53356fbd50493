//! Subscriptions whose past goes to the caller, and whose messages wait for it.

use wskit_hub::{
    Access, Event, History, Hub, Member, PreparedMessage, Publication, Rules, Since, Subscribed,
    Wire,
};
use wskit_proto::Config;

fn wire() -> Wire {
    Wire::new(|event| {
        let text = match event {
            Event::Published { message, .. } => message.publication().as_text()?.to_owned(),
            Event::Joined { member, .. } => format!("> {}", member.identity()),
            Event::Left { member, .. } => format!("< {}", member.identity()),
            Event::Unsubscribed { .. } => "x".to_owned(),
            other => format!("{other:?}"),
        };
        Some(PreparedMessage::text(text))
    })
}

fn hub(rules: Rules) -> Hub {
    let rules = rules.subscribe(Access::Everyone);
    Hub::builder(move |_| rules.clone()).build()
}

async fn publish(hub: &Hub, texts: &[&str]) {
    for text in texts {
        hub.publish("t", Publication::text(*text)).await.unwrap();
    }
}

#[tokio::test]
async fn what_comes_waits_until_the_answer_is_sent() {
    let hub = hub(Rules::stream(History::last(3)).presence());
    publish(&hub, &["a", "b", "c", "d"]).await;
    let (mut client, server) = wskit_tokio::pair(Config::new());
    let (_reader, writer) = server.split();
    let peer = hub.attach(&writer, &wire()).unwrap();
    let held = peer.subscribe_held("t", Since::Start).await.unwrap();
    assert!(matches!(
        held.subscribed(),
        Subscribed::Fresh { replayed: 3, .. }
    ));
    let past = held.past().iter().map(|message| message.payload().as_ref());
    assert!(past.eq([b"b", b"c", b"d"]));
    publish(&hub, &["e"]).await;
    held.enter(Member::new("ann")).unwrap();
    writer.send("answer").await.unwrap();
    held.release();
    publish(&hub, &["f"]).await;
    for expected in ["answer", "e", "> ann", "f"] {
        let message = client.recv().await.unwrap().unwrap();
        assert_eq!(message.to_text().unwrap(), expected);
    }
}

#[tokio::test]
async fn one_that_is_dropped_is_no_subscription_and_no_member() {
    let hub = hub(Rules::stream(History::last(3)).presence());
    let (mut client, server) = wskit_tokio::pair(Config::new());
    let (_reader, writer) = server.split();
    let peer = hub.attach(&writer, &wire()).unwrap();
    let held = peer.subscribe_held("t", Since::Now).await.unwrap();
    held.enter(Member::new("ann")).unwrap();
    drop(held);
    assert_eq!(hub.held().subscriptions, 0);
    publish(&hub, &["a"]).await;
    // It can begin again.
    peer.subscribe_held("t", Since::Now)
        .await
        .unwrap()
        .release();
    publish(&hub, &["b"]).await;
    let message = client.recv().await.unwrap().unwrap();
    assert_eq!(message.to_text().unwrap(), "b");
}

#[tokio::test]
async fn one_that_is_held_too_long_is_slow() {
    let hub = hub(Rules::stream(History::last(2)));
    let (mut client, server) = wskit_tokio::pair(Config::new());
    let (_reader, writer) = server.split();
    let peer = hub.attach(&writer, &wire()).unwrap();
    let held = peer.subscribe_held("t", Since::Now).await.unwrap();
    publish(&hub, &["a", "b", "c"]).await;
    held.release();
    let message = client.recv().await.unwrap().unwrap();
    assert_eq!(message.to_text().unwrap(), "x");
    assert_eq!(hub.held().subscriptions, 0);
}

#[tokio::test]
async fn one_that_is_held_costs_the_others_nothing() {
    let hub = hub(Rules::live());
    let (mut client, server) = wskit_tokio::pair(Config::new());
    let (_reader, writer) = server.split();
    let (_other, held_server) = wskit_tokio::pair(Config::new());
    let (_held_reader, held_writer) = held_server.split();
    let peer = hub.attach(&writer, &wire()).unwrap();
    let wire = wire();
    let slow = hub.attach(&held_writer, &wire).unwrap();
    let held = slow.subscribe_held("t", Since::Now).await.unwrap();
    peer.subscribe_held("t", Since::Now)
        .await
        .unwrap()
        .release();
    publish(&hub, &["a"]).await;
    let message = client.recv().await.unwrap().unwrap();
    assert_eq!(message.to_text().unwrap(), "a");
    drop(held);
}
