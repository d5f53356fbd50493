//! Reading histories.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use wskit_hub::{Epoch, History, Position, Publication};

use crate::Bench;
use crate::node::{Node, is_complete, texts};

/// A topic that was never used is empty, for each way to ask.
pub async fn an_empty_topic_has_no_messages<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let other = Position {
        epoch: Epoch::new(0x5f5f_5f5f_5f5f),
        offset: 7,
    };
    for after in [None, Some(other)] {
        let page = node.read("empty", after, 10).await;
        assert_eq!((page.top, page.messages.len()), (0, 0), "{page:?}");
        assert!(!is_complete(&page, other), "{page:?}");
    }
    assert_eq!(node.tops(&["empty"]).await, [None]);
    // Someone who is at its beginning misses nothing of the first message.
    let page = node.read("empty", None, 10).await;
    let begin = Position {
        epoch: page.epoch,
        offset: page.top,
    };
    node.say("empty", "one", 10).await;
    let page = node.read("empty", Some(begin), 10).await;
    assert!(is_complete(&page, begin), "{page:?} after {begin}");
    assert_eq!(texts(&page), ["one"]);
}

/// Live topics are read with a limit of 0.
pub async fn a_live_topic_has_no_messages<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    for _ in 0..3 {
        let page = node.read("live", None, 0).await;
        assert!(page.messages.is_empty());
        node.publish("live", Publication::text("one"), None).await;
    }
}

/// What comes after each position.
pub async fn a_page_begins_after_a_position<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    node.say("other", "x", 10).await;
    let positions = node.count("t", 0..10, 10).await;
    for (number, position) in positions.iter().enumerate() {
        let page = node.read("t", Some(*position), 10).await;
        let expected: Vec<_> = (number + 1..10).map(|number| number.to_string()).collect();
        assert_eq!(texts(&page), expected);
        assert!(is_complete(&page, *position), "{page:?} after {position}");
        let top = positions[9];
        assert_eq!((page.epoch, page.top), (top.epoch, top.offset));
        let offsets: Vec<_> = page.messages.iter().map(|(offset, _)| *offset).collect();
        let expected: Vec<_> = positions[number + 1..].iter().map(|at| at.offset).collect();
        assert_eq!(offsets, expected);
    }
}

/// If there are more than asked for, the newest are given, and what begins them is told.
pub async fn a_page_has_the_newest_of_more<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let positions = node.count("t", 0..20, 20).await;
    for after in [None, Some(positions[2])] {
        let page = node.read("t", after, 5).await;
        assert_eq!(texts(&page), ["15", "16", "17", "18", "19"]);
        assert!(page.after >= positions[14].offset, "{page:?}");
        assert!(!is_complete(&page, positions[13]));
    }
    let page = node.read("t", Some(positions[14]), 5).await;
    assert!(is_complete(&page, positions[14]));
    let page = node.read("t", Some(positions[17]), 5).await;
    assert_eq!(texts(&page), ["18", "19"]);
}

/// A position of another epoch says nothing.
pub async fn a_position_of_another_epoch_reads_all<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let positions = node.count("t", 0..5, 5).await;
    let other = Position {
        epoch: Epoch::new(positions[2].epoch.get() ^ 1),
        ..positions[2]
    };
    let page = node.read("t", Some(other), 5).await;
    assert_eq!(texts(&page), ["0", "1", "2", "3", "4"]);
    assert_eq!(page.epoch, positions[2].epoch);
}

/// Nothing is newer than the newest.
pub async fn a_page_after_the_newest_is_empty_and_complete<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    for last in [1, 5] {
        let topic = format!("t{last}");
        let positions = node.count(&topic, 0..7, last).await;
        let page = node.read(&topic, Some(positions[6]), last).await;
        assert!(page.messages.is_empty(), "{page:?}");
        assert!(is_complete(&page, positions[6]), "{page:?}");
        assert_eq!(page.top, positions[6].offset);
    }
}

/// As many messages are there as the rules say, and one who has the one before them misses nothing.
pub async fn as_many_are_kept_as_the_history_has<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    for last in [1, 2, 16, 63, 64, 65, 1000] {
        let topic = format!("t{last}");
        let all = last + 5;
        let positions = node.count(&topic, 0..all, last).await;
        let expected: Vec<_> = (5..all).map(|number| number.to_string()).collect();
        for after in [None, Some(positions[0]), Some(positions[4])] {
            let page = node.read(&topic, after, last).await;
            assert_eq!(texts(&page), expected, "{last} after {after:?}");
            assert_eq!(page.top, positions[all - 1].offset);
            assert!(
                !is_complete(&page, positions[3]),
                "{last}: {:?}",
                page.after
            );
        }
        let page = node.read(&topic, Some(positions[4]), last).await;
        assert!(is_complete(&page, positions[4]), "{last}: {:?}", page.after);
        let page = node.read(&topic, Some(positions[all - 2]), last).await;
        assert_eq!(texts(&page), [(all - 1).to_string()]);
    }
}

/// One who is too far behind is told.
pub async fn what_is_gone_is_not_complete<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let positions = node.count("t", 0..100, 10).await;
    for position in &positions[..89] {
        let page = node.read("t", Some(*position), 10).await;
        assert!(!is_complete(&page, *position), "{page:?} after {position}");
    }
}

const AGED: Option<History> = Some(History::last(10).within(Duration::from_secs(1)));

/// Messages beyond their age are not given any more.
pub async fn old_messages_are_gone<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    node.say("kept", "one", 10).await;
    node.publish("aged", Publication::text("one"), AGED).await;
    let start = Instant::now();
    while !node.read("aged", None, 10).await.messages.is_empty() {
        assert!(start.elapsed() < Duration::from_secs(20), "still there");
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(texts(&node.read("kept", None, 10).await), ["one"]);
    let two = Publication::text("two");
    let two = node.publish("aged", two, AGED).await;
    let page = node.read("aged", None, 10).await;
    assert_eq!((page.epoch, page.top), (two.epoch, two.offset));
    assert_eq!(texts(&page), ["two"]);
}

/// A message that no one was told of, and that is too old to be read, is missing.
pub async fn a_message_that_grew_old_unseen_is_a_gap<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let seen = node.publish("aged", Publication::text("seen"), AGED).await;
    let unseen = Publication::text("unseen");
    node.publish("aged", unseen, AGED).await;
    let start = Instant::now();
    loop {
        let page = node.read("aged", Some(seen), 10).await;
        if page.messages.is_empty() {
            assert!(!is_complete(&page, seen), "{page:?} after {seen}");
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "still there");
        sleep(Duration::from_millis(100)).await;
    }
    // What comes next does not hide it.
    node.publish("aged", Publication::text("next"), AGED).await;
    let page = node.read("aged", Some(seen), 10).await;
    assert!(!is_complete(&page, seen), "{page:?} after {seen}");
}

/// The newest positions of many topics, in order, some of which have none.
pub async fn tops_are_those_of_five_hundred_topics<B: Bench>(bench: &B) {
    let mut node = Node::new(bench).await;
    let topics: Vec<_> = (0..500).map(|number| format!("t.{number}")).collect();
    let mut expected = vec![None; 500];
    for round in 0..2 {
        let ids: Vec<_> = (0..500)
            .filter(|number| number % 3 != 1)
            .map(|number| {
                let text = Publication::text(format!("{round}"));
                let history = Some(History::last(1 + number % 2));
                (number, node.send_publish(&topics[number], text, history))
            })
            .collect();
        for (number, id) in ids {
            expected[number] = Some(node.published(id).await);
        }
        let topics: Vec<_> = topics.iter().map(String::as_str).collect();
        assert_eq!(node.tops(&topics).await, expected);
    }
}
