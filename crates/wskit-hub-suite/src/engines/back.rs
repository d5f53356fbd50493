//! Connections and servers that come back.

use std::time::Duration;

use tokio::time::sleep;
use wskit_hub::{Engine, History, Position, Publication, Reply};

use crate::Bench;
use crate::follower::Follower;
use crate::node::{Node, is_complete, texts};

const HISTORY: Option<History> = Some(History::last(1000));

/// After a cut the engine says so, and works again.
pub async fn a_cut_connection_comes_back<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let mut follower = Follower::new(&mut b, "t", 100).await;
    let mut published = Vec::new();
    for round in 0..3 {
        for number in 0..10 {
            let text = format!("{round} {number}");
            published.push((a.say("t", &text, 100).await, text));
        }
        if !b.line.refuse() {
            return;
        }
        b.down().await;
        let text = format!("{round} away");
        published.push((a.say("t", &text, 100).await, text.clone()));
        b.line.pass();
        follower.until(&mut b, &text).await;
    }
    follower.check(&published);
    assert!(follower.told.is_empty(), "the messages were there");
}

/// Publishes until it is acknowledged, as an application does that gives messages ids.
async fn insist<E: Engine>(node: &mut Node<E>, text: &str, id: &str) -> Position {
    loop {
        let message = Publication::text(text.to_owned()).id(id);
        let id = node.send_publish("t", message, HISTORY);
        if let Ok(Reply::Published(position)) = node.answer(id).await {
            return position;
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// While both nodes' connections are cut again and again, nothing acknowledged is passed over untold, and
/// nothing comes twice.
pub async fn publishes_are_told_or_there_while_connections_are_cut<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let mut follower = Follower::new(&mut b, "t", 1000).await;
    let mut published = Vec::new();
    for number in 0..300 {
        let text = number.to_string();
        published.push((
            insist(&mut a, &text, &format!("id {text}")).await,
            text.clone(),
        ));
        match number % 40 {
            10 => _ = a.line.cut(),
            30 => _ = b.line.cut(),
            _ => {}
        }
        if number % 7 == 0 {
            follower.until(&mut b, &text).await;
        }
    }
    published.push((insist(&mut a, "end", "end").await, "end".into()));
    follower.until(&mut b, "end").await;
    follower.check(&published);
    assert!(follower.told.is_empty(), "the messages were there");
}

/// An answer that is lost on the way is asked for again by the id.
pub async fn a_publish_repeated_after_a_cut_is_there_once<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let rounds = 10;
    for round in 0..rounds {
        let text = round.to_string();
        let message = Publication::text(text.clone()).id(format!("id {round}"));
        let id = node.send_publish("t", message, HISTORY);
        sleep(Duration::from_micros(100 * round)).await;
        if !node.line.cut() {
            return;
        }
        let position = insist(&mut node, &text, &format!("id {round}")).await;
        if let Ok(reply) = node.answer(id).await {
            assert!(
                matches!(reply, Reply::Published(first) if first == position),
                "{reply:?}"
            );
        }
    }
    let page = node.read("t", None, 1000).await;
    let expected: Vec<_> = (0..rounds).map(|round| round.to_string()).collect();
    assert_eq!(texts(&page), expected);
}

/// Connections end after any number of bytes: in an answer, in a message, and while they are set up.
pub async fn a_connection_may_end_within_a_message<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let mut follower = Follower::new(&mut node, "t", 1000).await;
    let mut published = Vec::new();
    let padding = "x".repeat(300);
    for bytes in [1, 2, 5, 13, 40, 100, 250, 400, 700, 1500, 4000] {
        if !node.line.cut_after(bytes) {
            return;
        }
        for number in 0..5 {
            let text = format!("{bytes} {number} {padding}");
            published.push((insist(&mut node, &text, &text[..20]).await, text));
        }
    }
    node.line.pass();
    published.push((insist(&mut node, "end", "end").await, "end".into()));
    follower.until(&mut node, "end").await;
    follower.check(&published);
    assert!(follower.told.is_empty(), "the messages were there");
}

/// After a kill of the server all works again; what it has lost is told.
pub async fn a_killed_server_comes_back<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let mut follower = Follower::new(&mut b, "t", 1000).await;
    let mut published = Vec::new();
    for round in 0..2 {
        for number in 0..20 {
            let text = format!("{round} {number}");
            published.push((insist(&mut a, &text, &text).await, text));
        }
        a.take_events();
        if !bench.kill() {
            return;
        }
        a.down().await;
        assert!(bench.restart());
        a.up().await;
        let text = format!("{round} back");
        published.push((insist(&mut a, &text, &text).await, text.clone()));
        follower.until(&mut b, &text).await;
    }
    follower.check(&published);
    assert_eq!(follower.at().epoch, published[41].0.epoch);
}

/// If the messages are lost, so is the epoch: for reads, tops, and new messages.
pub async fn lost_memory_is_a_new_epoch<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let mut follower = Follower::new(&mut b, "t", 100).await;
    let old = a.count("t", 0..20, 100).await[10];
    follower.until(&mut b, "19").await;
    for round in 0..2 {
        a.take_events();
        if !bench.wipe() {
            return;
        }
        a.up().await;
        a.until_it_answers().await;
        let page = a.read("t", Some(old), 100).await;
        assert!(!is_complete(&page, old), "{page:?} after {old}");
        assert_eq!(a.tops(&["t"]).await, [None]);
        // More messages than before, so that the old offsets are used again.
        let positions = a.count("t", 0..30, 100).await;
        assert_ne!(positions[0].epoch, old.epoch);
        assert_eq!(a.tops(&["t"]).await, [Some(positions[29])]);
        let page = a.read("t", Some(old), 100).await;
        assert_eq!((page.epoch, page.messages.len()), (positions[0].epoch, 30));
        let end = format!("end {round}");
        a.say("t", &end, 100).await;
        follower.got.clear();
        follower.told.clear();
        follower.until(&mut b, &end).await;
        assert!(!follower.told.is_empty(), "it was not told");
        assert_eq!(follower.at().epoch, positions[0].epoch);
    }
}

/// A node whose connection is away while the server loses everything learns of it.
pub async fn a_node_that_slept_through_it_sees_the_new_epoch<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let mut follower = Follower::new(&mut b, "t", 100).await;
    a.count("t", 0..5, 100).await;
    follower.until(&mut b, "4").await;
    a.take_events();
    if !b.line.refuse() || !bench.wipe() {
        return;
    }
    a.up().await;
    a.until_it_answers().await;
    a.count("t", 100..105, 100).await;
    b.line.pass();
    follower.until(&mut b, "104").await;
    assert_eq!(follower.told.first(), Some(&5));
    assert_eq!(follower.got.len(), 10);
}
