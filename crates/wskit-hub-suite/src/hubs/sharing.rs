//! Topics that hubs share.

use wskit_hub::{Publication, Since, Subscribed};

use crate::Bench;
use crate::guest::{Guest, HubNode, Told};

/// Of each kind of topic.
pub async fn a_subscriber_gets_what_another_hub_publishes<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    for topic in ["stream:1", "latest:1", "live:1", "room:1"] {
        let (mut guest, subscribed) = Guest::on(&b, topic, Since::Now).await;
        assert!(matches!(subscribed, Subscribed::Fresh { replayed: 0, .. }));
        for number in 0..20 {
            let text = format!("{topic} {number}");
            a.say(topic, &text).await;
            guest.until_message(&text).await;
        }
        assert_eq!(guest.texts().len(), 20);
        assert!(!guest.told.contains(&Told::Gap), "{:?}", guest.told);
    }
}

/// Both hubs publish at once.
pub async fn subscribers_of_two_hubs_see_one_order<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut at_a, _) = Guest::on(&a, "stream:1", Since::Now).await;
    let (mut at_b, _) = Guest::on(&b, "stream:1", Since::Now).await;
    let publish = async |hub: &HubNode, name: &str| {
        for number in 0..100 {
            hub.say("stream:1", &format!("{name} {number}")).await;
        }
    };
    tokio::join!(publish(&a, "a"), publish(&b, "b"));
    b.say("stream:1", "end").await;
    at_a.until_message("end").await;
    at_b.until_message("end").await;
    assert_eq!(at_a.told, at_b.told);
    assert_eq!(at_a.texts().len(), 201);
    assert!(!at_a.told.contains(&Told::Gap));
}

/// The position that a client has from one hub is good on another.
pub async fn a_client_recovers_on_another_hub<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut guest, _) = Guest::on(&a, "stream:1", Since::Start).await;
    let mut positions = Vec::new();
    for number in 0..10 {
        positions.push(a.say("stream:1", &number.to_string()).await);
    }
    guest.until_message("4").await;
    drop(guest);
    for _ in 0..2 {
        let (mut guest, subscribed) = Guest::on(&b, "stream:1", positions[4].into()).await;
        let position = positions[9];
        assert_eq!(
            subscribed,
            Subscribed::All {
                missed: 5,
                position
            }
        );
        let told = guest.until_message("9").await;
        let texts = ["5", "6", "7", "8"].map(|text| Told::Message(text.into()));
        assert_eq!(told, [&[Told::Begin], &texts[..]].concat());
    }
    let (mut guest, subscribed) = Guest::on(&b, "stream:1", positions[9].into()).await;
    assert!(matches!(subscribed, Subscribed::All { missed: 0, .. }));
    a.say("stream:1", "next").await;
    assert_eq!(guest.until_message("next").await, [Told::Begin]);
}

/// Messages that are gone are told.
pub async fn a_client_that_was_away_for_too_long_is_told<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let mut positions = Vec::new();
    for number in 0..10 {
        positions.push(a.say("short:1", &number.to_string()).await);
    }
    for (number, position) in positions.iter().enumerate() {
        let (_guest, subscribed) = Guest::on(&b, "short:1", (*position).into()).await;
        match subscribed {
            Subscribed::All { missed, .. } => assert_eq!((number, missed), (9 - missed, missed)),
            Subscribed::Gap { position } => {
                assert!(number < 4, "after {number}");
                assert_eq!(position, positions[9]);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            matches!(subscribed, Subscribed::Gap { .. }),
            number < 4,
            "{number}"
        );
    }
}

/// Of topics that keep the newest message.
pub async fn the_newest_message_is_there_for_a_new_subscriber<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    a.say("latest:1", "one").await;
    a.say("latest:1", "two").await;
    let (mut guest, subscribed) = Guest::on(&b, "latest:1", Since::Start).await;
    assert!(matches!(subscribed, Subscribed::Fresh { replayed: 1, .. }));
    guest.until_message("two").await;
    assert_eq!(guest.texts(), ["two"]);
}

/// Read from a hub that has not used the topic.
pub async fn a_history_is_that_of_all_hubs<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    for number in 0..4 {
        let hub = if number % 2 == 0 { &a } else { &b };
        hub.say("stream:1", &number.to_string()).await;
    }
    let c = HubNode::new(bench).await;
    for hub in [&a, &b, &c] {
        assert_eq!(hub.texts("stream:1").await, ["0", "1", "2", "3"]);
    }
    let (_, top) = c
        .hub
        .history("stream:1", Since::Now, 1)
        .await
        .expect("a page");
    let (messages, _) = a
        .hub
        .history("stream:1", Since::Start, 10)
        .await
        .expect("a page");
    assert_eq!(messages[3].position(), top);
    let (messages, _) = b
        .hub
        .history("stream:1", messages[1].position(), 1)
        .await
        .expect("a page");
    assert_eq!(messages[0].publication().as_text(), Some("2"));
}

/// Published on two hubs, it is there once.
pub async fn an_id_is_one_message_on_all_hubs<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut guest, _) = Guest::on(&b, "stream:1", Since::Now).await;
    let message = || Publication::text("one").id("order-7");
    let first = a
        .hub
        .publish("stream:1", message())
        .await
        .expect("a position");
    let again = b
        .hub
        .publish("stream:1", message())
        .await
        .expect("a position");
    assert_eq!(first, again);
    a.say("stream:1", "end").await;
    guest.until_message("end").await;
    assert_eq!(guest.texts(), ["one", "end"]);
}
