//! Publishing.

use wskit_hub::{History, Publication};

use crate::Bench;
use crate::node::{Node, texts};

const HISTORY: Option<History> = Some(History::last(100));

/// Offsets of a topic rise, also between the messages of other topics.
pub async fn offsets_rise_and_the_epoch_stays<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let mut last = [None; 3];
    for number in 0..30 {
        let topic = number % 3;
        let text = Publication::text(number.to_string());
        let position = node.publish(&format!("t{topic}"), text, HISTORY).await;
        assert!(position.offset > 0, "0 is before the first message");
        if let Some((epoch, offset)) = last[topic] {
            assert_eq!(epoch, position.epoch);
            assert!(offset < position.offset, "{offset} then {position}");
        }
        last[topic] = Some((position.epoch, position.offset));
    }
    let positions = node.count("t0", 0..300, 100).await;
    assert!(last[0].is_some_and(|(_, offset)| offset < positions[0].offset));
}

/// The second message of an id is not appended, whatever it says.
pub async fn an_id_is_published_once<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let message = |text: &str| Publication::text(text.to_owned()).id("order-7");
    let first = node.publish("t", message("one"), HISTORY).await;
    let second = node.say("t", "two", 100).await;
    let again = node.publish("t", message("three"), HISTORY).await;
    assert_eq!(first, again);
    let page = node.read("t", None, 100).await;
    assert_eq!(texts(&page), ["one", "two"]);
    assert_eq!(node.tops(&["t"]).await, [Some(second)]);
    // At once.
    let ids: Vec<_> = (0..20)
        .map(|_| {
            let message = Publication::text("four").id("order-8");
            node.send_publish("t", message, HISTORY)
        })
        .collect();
    let mut positions = Vec::new();
    for id in ids {
        positions.push(node.published(id).await);
    }
    assert!(positions.iter().all(|position| *position == positions[0]));
    let page = node.read("t", None, 100).await;
    assert_eq!(texts(&page), ["one", "two", "four"]);
}

/// An id is one on all nodes.
pub async fn an_id_is_published_once_by_all_nodes<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t"]).await;
    let message = || Publication::text("one").id("id of spaces\u{e9}, \"quotes\" and: more");
    let first = a.publish("t", message(), HISTORY).await;
    let again = b.publish("t", message(), HISTORY).await;
    assert_eq!(first, again);
    let end = a.say("t", "end", 100).await;
    assert_eq!(b.message("t").await.position, first);
    let message = b.message("t").await;
    assert_eq!(
        (message.position, message.before),
        (end, Some(first.offset))
    );
}

/// The same id in another topic is another message.
pub async fn ids_of_two_topics_are_two<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    for topic in ["a", "b", "a:b"] {
        for id in ["1", "b:1"] {
            let message = Publication::text(format!("{topic} {id}")).id(id);
            node.publish(topic, message, HISTORY).await;
        }
        let page = node.read(topic, None, 10).await;
        assert_eq!(texts(&page), [format!("{topic} 1"), format!("{topic} b:1")]);
    }
}

/// Two nodes that publish at once get different positions, and all messages are there.
pub async fn two_publishers_have_no_offset_twice<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let (first, second) = tokio::join!(a.count("t", 0..200, 400), b.count("t", 200..400, 400));
    let mut offsets: Vec<_> = first.iter().chain(&second).map(|at| at.offset).collect();
    offsets.sort_unstable();
    offsets.dedup();
    assert_eq!(offsets.len(), 400);
    let page = a.read("t", None, 400).await;
    let read: Vec<_> = page.messages.iter().map(|(offset, _)| *offset).collect();
    assert_eq!(read, offsets);
}

/// Messages of a live topic come in the order in which one node has published them.
pub async fn live_topics_pass_messages_on<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["live"]).await;
    b.read("live", None, 0).await;
    for number in 0..50 {
        let text = Publication::text(number.to_string());
        a.publish("live", text, None).await;
    }
    for number in 0..50 {
        let message = b.message("live").await;
        assert_eq!(message.publication.as_text(), Some(&*number.to_string()));
    }
}

/// Nothing is kept of a live topic, so an id does nothing there; its messages come.
pub async fn ids_of_live_topics_do_no_harm<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["live"]).await;
    for number in 0..3 {
        let message = Publication::text(number.to_string()).id(format!("id {number}"));
        a.publish("live", message, None).await;
        let message = b.message("live").await;
        assert_eq!(message.publication.as_text(), Some(&*number.to_string()));
    }
}
