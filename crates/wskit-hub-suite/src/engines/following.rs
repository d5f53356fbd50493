//! Listening, and the chain of positions.

use wskit_hub::{Engine, EngineEvent, Publication};

use crate::Bench;
use crate::follower::Follower;
use crate::node::Node;

/// Each message names the one before it.
pub async fn before_is_the_message_before<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    for last in [1, 10, 100] {
        let topic = format!("t{last}");
        let before = a.count(&topic, 0..3, last).await[2];
        b.listen(&[&topic]).await;
        a.say("other", "x", last).await;
        let positions = a.count(&topic, 0..30, last).await;
        let mut before = before.offset;
        for (number, position) in positions.iter().enumerate() {
            let message = b.message(&topic).await;
            assert_eq!(message.position, *position);
            assert_eq!(message.before, Some(before));
            assert_eq!(message.publication.as_text(), Some(&*number.to_string()));
            before = position.offset;
        }
    }
    // The first message of a topic has none.
    b.listen(&["new"]).await;
    let page = b.read("new", None, 10).await;
    let position = a.say("new", "one", 10).await;
    let message = b.message("new").await;
    assert_eq!(
        (message.position, message.before),
        (position, Some(page.top))
    );
    assert_eq!(page.epoch, position.epoch, "an empty topic has its epoch");
}

/// All nodes see one order, that of positions.
pub async fn two_nodes_see_one_order<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let mut at_a = Follower::new(&mut a, "t", 1000).await;
    let mut at_b = Follower::new(&mut b, "t", 1000).await;
    tokio::join!(a.count("t", 0..150, 1000), b.count("t", 150..300, 1000));
    a.say("t", "end", 1000).await;
    at_a.until(&mut a, "end").await;
    at_b.until(&mut b, "end").await;
    assert_eq!(at_a.got, at_b.got);
    assert_eq!(at_a.got.len(), 301);
    assert!(at_a.told.is_empty() && at_b.told.is_empty());
}

/// Messages that are published while a node begins to listen are read, or come.
pub async fn nothing_is_missed_after_listening<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    for round in 0..5 {
        let topic = format!("t{round}");
        let publish = async {
            let positions = a.count(&topic, 0..400, 1000).await;
            a.say(&topic, "end", 1000).await;
            positions
        };
        let follow = async {
            tokio::task::yield_now().await;
            let mut follower = Follower::new(&mut b, &topic, 1000).await;
            follower.until(&mut b, "end").await;
            follower
        };
        let (positions, follower) = tokio::join!(publish, follow);
        let texts = (0..400).map(|number: usize| number.to_string());
        let all: Vec<_> = positions.into_iter().zip(texts).collect();
        assert_eq!(follower.got[..400], all);
        assert_eq!(follower.told, [0_usize; 0]);
    }
}

/// A topic that is listened to twice is one.
pub async fn listening_twice_passes_on_once<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t"]).await;
    b.listen(&["u", "t"]).await;
    let positions = a.count("t", 0..10, 10).await;
    for position in positions {
        assert_eq!(b.message("t").await.position, position);
    }
    // One call ends it.
    b.unlisten(&["t"]).await;
    assert_silent(&mut a, &mut b, "t", "u").await;
}

/// Publishes to a topic, and checks that nothing of it comes until a message of another topic does.
async fn assert_silent<E: Engine>(a: &mut Node<E>, b: &mut Node<E>, silent: &str, other: &str) {
    b.take_events();
    a.count(silent, 0..20, 10).await;
    for _ in 0..3 {
        let end = a.say(other, "end", 10).await;
        loop {
            // An engine may lose a message, if it says so.
            let what = format!("the end of {other}");
            let next = b.event(&what, |event| match event {
                EngineEvent::Published {
                    topic, position, ..
                } if **topic == *other && *position == end => Some(false),
                EngineEvent::Lost => Some(true),
                _ => None,
            });
            let is_lost = next.await;
            if !is_lost || b.read(other, None, 1).await.top >= end.offset {
                break;
            }
        }
    }
    for event in b.take_events() {
        if let EngineEvent::Published { topic, .. } = &event {
            assert_ne!(&**topic, silent, "{event:?}");
        }
    }
}

/// A topic that is not listened to any more is silent, others are not.
pub async fn nothing_comes_after_unlistening<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t", "u"]).await;
    a.say("t", "one", 10).await;
    b.message("t").await;
    b.unlisten(&["t", "never listened to"]).await;
    assert_silent(&mut a, &mut b, "t", "u").await;
    assert_silent(&mut a, &mut b, "never listened to", "u").await;
}

/// A topic can be listened to again; what came meanwhile is read.
pub async fn listening_again_after_unlistening_works<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    for round in 0..3 {
        let mut follower = Follower::new(&mut b, "t", 100).await;
        a.say("t", &format!("here {round}"), 100).await;
        follower.until(&mut b, &format!("here {round}")).await;
        b.unlisten(&["t"]).await;
        a.say("t", &format!("away {round}"), 100).await;
        b.take_events();
    }
    let follower = Follower::new(&mut b, "t", 100).await;
    assert_eq!(follower.got.len(), 6);
}

/// 1,500 topics in one command.
pub async fn many_topics_are_listened_to_at_once<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let topics: Vec<_> = (0..1500).map(|number| format!("topic:{number}")).collect();
    let topics: Vec<_> = topics.iter().map(String::as_str).collect();
    b.listen(&topics).await;
    for topic in topics.iter().step_by(15) {
        let position = a.say(topic, topic, 1).await;
        let message = b.message(topic).await;
        assert_eq!(message.position, position);
        assert_eq!(message.publication.as_text(), Some(*topic));
    }
    b.unlisten(&topics[..1000]).await;
    assert_silent(&mut a, &mut b, topics[999], topics[1000]).await;
    b.unlisten(&topics).await;
}

/// The node that publishes is told as the others are.
pub async fn a_node_hears_its_own_messages<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    node.listen(&["t", "live"]).await;
    let position = node.say("t", "one", 10).await;
    assert_eq!(node.message("t").await.position, position);
    node.publish("live", Publication::text("two"), None).await;
    let message = node.message("live").await;
    assert_eq!(message.publication.as_text(), Some("two"));
}
