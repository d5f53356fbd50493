//! Hubs whose engine fails.

use std::time::Duration;

use tokio::time::timeout;
use wskit_hub::{Error, Publication, Since, Subscribed};

use crate::Bench;
use crate::guest::{Guest, HubNode, Told};

/// A hub that could not reach the server reads what it has missed, and tells no gap.
pub async fn what_a_hub_missed_comes_when_it_is_back<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut guest, _) = Guest::on(&b, "stream:1", Since::Now).await;
    for round in 0..3 {
        a.say("stream:1", &format!("{round} here")).await;
        guest.until_message(&format!("{round} here")).await;
        if !b.line.refuse() {
            return;
        }
        for number in 0..10 {
            a.say("stream:1", &format!("{round} away {number}")).await;
        }
        b.line.pass();
        guest.until_message(&format!("{round} away 9")).await;
    }
    assert_eq!(guest.texts().len(), 33);
    assert!(!guest.told.contains(&Told::Gap), "{:?}", guest.told);
}

/// A connection on which nothing comes any more is given up, and then it is as if it had ended.
pub async fn what_a_hub_missed_without_an_end_comes_too<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut guest, _) = Guest::on(&b, "stream:1", Since::Now).await;
    a.say("stream:1", "here").await;
    guest.until_message("here").await;
    if !b.line.stall() {
        return;
    }
    let published = b.hub.publish("stream:1", Publication::text("lost")).await;
    assert!(matches!(published, Err(Error::Engine(_))), "{published:?}");
    for number in 0..10 {
        a.say("stream:1", &format!("away {number}")).await;
    }
    b.line.pass();
    guest.until_message("away 9").await;
    let texts = guest.texts();
    let away: Vec<_> = texts
        .iter()
        .filter(|text| text.starts_with("away"))
        .collect();
    assert_eq!(away.len(), 10);
    assert!(!guest.told.contains(&Told::Gap), "{:?}", guest.told);
}

/// Publishing fails in time, connections stay, and all goes on when the server is back.
pub async fn subscribers_stay_while_the_server_is_away<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut guest, _) = Guest::on(&b, "stream:1", Since::Now).await;
    a.say("stream:1", "one").await;
    guest.until_message("one").await;
    if !bench.kill() {
        return;
    }
    let limit = Duration::from_secs(20);
    let publish = a.hub.publish("stream:1", Publication::text("lost"));
    let published = timeout(limit, publish).await.expect("an answer in time");
    assert!(matches!(published, Err(Error::Engine(_))), "{published:?}");
    let other = Guest::new(&b);
    let subscribe = other.peer.subscribe("stream:2", Since::Now);
    let subscribed = timeout(limit, subscribe).await.expect("an answer in time");
    assert!(
        matches!(subscribed, Err(Error::Engine(_))),
        "{subscribed:?}"
    );
    assert!(bench.restart());
    a.say("stream:1", "two").await;
    let told = guest.until_message("two").await;
    // The server may have lost the first message: then that is told.
    let is_as_it_was = a.texts("stream:1").await.contains(&"one".to_owned());
    assert!(is_as_it_was || told.contains(&Told::Gap), "{told:?}");
    other.subscribe("stream:2", Since::Now).await;
}

/// Nothing is read of live topics; what is published later comes.
pub async fn live_topics_go_on_when_the_server_is_back<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut guest, _) = Guest::on(&b, "live:1", Since::Now).await;
    a.say("live:1", "one").await;
    guest.until_message("one").await;
    if !(bench.kill() && bench.restart()) {
        return;
    }
    // Until the hub listens again messages are lost, as they may be.
    let say = async {
        for number in 0.. {
            a.say("live:1", &format!("try {number}")).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let hear = async {
        while !guest
            .told
            .iter()
            .any(|told| matches!(told, Told::Message(text) if text.starts_with("try")))
        {
            guest.next().await;
        }
    };
    tokio::select! {
        () = say => {}
        () = hear => {}
    }
}

/// A subscriber is told before anything newer comes.
pub async fn lost_memory_is_told_to_subscribers<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut at_a, _) = Guest::on(&a, "stream:1", Since::Now).await;
    let (mut at_b, _) = Guest::on(&b, "stream:1", Since::Now).await;
    let (mut second, _) = Guest::on(&b, "stream:1", Since::Now).await;
    for number in 0..10 {
        a.say("stream:1", &number.to_string()).await;
    }
    for guest in [&mut at_a, &mut at_b, &mut second] {
        guest.until_message("9").await;
    }
    if !bench.wipe() {
        return;
    }
    a.say("stream:1", "end").await;
    for guest in [&mut at_a, &mut at_b, &mut second] {
        let told = guest.until_message("end").await;
        assert_eq!(
            told.iter().filter(|told| **told == Told::Gap).count(),
            1,
            "{told:?}"
        );
    }
    a.say("stream:1", "after").await;
    for guest in [&mut at_a, &mut at_b, &mut second] {
        assert_eq!(guest.until_message("after").await, []);
    }
}

/// A client that comes back with a position from before the server lost everything.
pub async fn a_position_from_before_the_loss_is_a_gap<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let mut positions = Vec::new();
    for number in 0..5 {
        positions.push(a.say("stream:1", &number.to_string()).await);
    }
    if !bench.wipe() {
        return;
    }
    // Both before and after the old offsets are used again.
    for round in 0..2 {
        for position in [positions[0], positions[4]] {
            let (_guest, subscribed) = Guest::on(&b, "stream:1", position.into()).await;
            assert!(
                matches!(subscribed, Subscribed::Gap { .. }),
                "{subscribed:?}"
            );
        }
        for number in 0..10 {
            a.say("stream:1", &format!("{round} new {number}")).await;
        }
    }
}

/// Nothing but the engine is missing until then.
pub async fn a_hub_that_starts_without_a_server_works_later<B: Bench>(bench: &B) {
    if !bench.kill() {
        return;
    }
    let a = HubNode::new(bench).await;
    let published = a.hub.publish("stream:1", Publication::text("lost")).await;
    assert!(matches!(published, Err(Error::Engine(_))), "{published:?}");
    assert!(bench.restart());
    let (mut guest, _) = Guest::on(&a, "stream:1", Since::Now).await;
    a.say("stream:1", "one").await;
    guest.until_message("one").await;
}

/// Hubs that end and others that begin leave the rest alone.
pub async fn hubs_come_and_go<B: Bench>(bench: &B) {
    let a = HubNode::new(bench).await;
    let (mut guest, _) = Guest::on(&a, "stream:1", Since::Now).await;
    for number in 0..5 {
        let other = HubNode::new(bench).await;
        let (mut visitor, _) = Guest::on(&other, "stream:1", Since::Start).await;
        let text = number.to_string();
        other.say("stream:1", &text).await;
        visitor.until_message(&text).await;
        assert_eq!(visitor.texts().len(), number + 1);
        guest.until_message(&text).await;
    }
    assert!(!guest.told.contains(&Told::Gap));
}
