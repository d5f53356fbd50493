//! What a subscriber gets, in which order.

use wskit_proto::CloseCode;

use super::world::{ENOUGH, World, late};
use crate::core::{Input, Notice, Slot, TopicId};
use crate::rules::Slow;

#[test]
fn what_was_not_taken_comes_when_there_is_room() {
    let mut world = World::new(1);
    world.subscribe(0, 1, Slow::DropOldest(100));
    world.set_room(0, 2);
    for text in ["a", "b", "c", "d", "e"] {
        world.publish(1, text);
    }
    world.run();
    assert_eq!(world.conns[0].take(), ["a", "b"]);
    assert_eq!(world.shard.stats().behind, 1);
    world.publish(1, "f");
    world.run();
    assert!(
        world.conns[0].take().is_empty(),
        "nothing is tried while it is behind"
    );
    assert_eq!(world.conns[0].writes(), [5]);
    world.room(0, 1);
    world.run();
    assert_eq!(world.conns[0].take(), ["c"]);
    world.room(0, ENOUGH);
    world.run();
    assert_eq!(world.conns[0].take(), ["d", "e", "f"]);
    assert_eq!(world.shard.stats().delivered, 6);
    assert_eq!(world.shard.stats().behind, 0);
}

#[test]
fn partial_acceptance_over_topics_moves_each_cursor_by_what_was_taken() {
    let mut world = World::new(1);
    for topic in 1..4 {
        world.subscribe(0, topic, Slow::DropOldest(100));
    }
    world.set_room(0, 3);
    for text in ["1", "2"] {
        for topic in 1..4 {
            world.publish(topic, &format!("{topic}-{text}"));
            world.publish(topic, "nothing");
        }
    }
    let mut got = Vec::new();
    for _ in 0..6 {
        world.run();
        got.extend(world.conns[0].take());
        world.room(0, 1);
    }
    for topic in 1..4 {
        let of_topic: Vec<_> = got
            .iter()
            .filter(|text| text.starts_with(&topic.to_string()))
            .collect();
        assert_eq!(
            of_topic,
            [&format!("{topic}-1"), &format!("{topic}-2")],
            "{got:?}"
        );
    }
    assert_eq!(world.shard.entries, 0);
}

#[test]
fn the_past_comes_before_what_happens_meanwhile() {
    let mut world = World::new(1);
    world.set_room(0, 2);
    world.start(0, 1, Slow::Resume, &["x", "y"], Some("hello"));
    world.publish(1, "a");
    world.run();
    assert_eq!(world.conns[0].take(), ["hello", "past x"]);
    world.publish(1, "b");
    world.room(0, ENOUGH);
    world.run();
    assert_eq!(world.conns[0].take(), ["past y", "a", "b"]);
    assert_eq!(world.shard.entries, 0);
    assert_eq!(world.shard.replays.items(), 0);
}

#[test]
fn a_new_subscription_begins_after_the_entries_that_others_have_not_got() {
    let mut world = World::new(2);
    world.subscribe(0, 1, Slow::Resume);
    world.publish(1, "a");
    world.subscribe(1, 1, Slow::Resume);
    world.publish(1, "b");
    world.run();
    assert_eq!(world.conns[0].take(), ["a", "b"]);
    assert_eq!(world.conns[1].take(), ["b"]);
}

#[test]
fn an_unsubscribed_peer_gets_nothing_that_was_under_way() {
    let mut world = World::new(2);
    world.subscribe(0, 1, Slow::Resume);
    world.subscribe(1, 1, Slow::Resume);
    world.publish(1, "a");
    world.unsubscribe(0, 1);
    world.run();
    assert!(world.conns[0].take().is_empty());
    assert_eq!(world.conns[1].take(), ["a"]);
    // Subscribing again begins anew.
    world.start(0, 1, Slow::Resume, &["a"], Some("hello"));
    world.publish(1, "b");
    world.run();
    assert_eq!(world.conns[0].take(), ["hello", "past a", "b"]);
}

#[test]
fn a_notice_for_the_subscription_before_is_not_for_this_one() {
    for notice in [Notice::Skipped(7), Notice::Unsubscribed] {
        let mut world = World::new(1);
        world.start(0, 1, Slow::Resume, &["x"], Some("hello"));
        world.input(late(notice, 0, 1));
        world.publish(1, "a");
        world.run();
        assert_eq!(world.conns[0].take(), ["hello", "past x", "a"]);
        assert_eq!(world.shard.stats().subscriptions, 1);
        assert_eq!(world.shard.replays.items(), 0);
    }
}

#[test]
fn a_wire_that_panics_closes_the_connections_that_wait_for_the_message() {
    let mut world = World::new(2);
    world.subscribe(0, 1, Slow::Resume);
    world.subscribe(0, 2, Slow::Resume);
    world.subscribe(1, 2, Slow::Resume);
    world.publish(1, "panic");
    world.publish(2, "a");
    world.run();
    assert_eq!(world.conns[0].closed(), Some(CloseCode::INTERNAL_ERROR));
    assert_eq!(world.conns[1].take(), ["a"]);
    assert_eq!((world.shard.stats().panicked, world.gone), (1, 1));
    assert_eq!(world.shard.stats().subscriptions, 1);
    world.check();
}

#[test]
fn what_came_before_a_panic_is_delivered() {
    let mut world = World::new(1);
    world.subscribe(0, 1, Slow::Resume);
    world.publish(1, "a");
    world.publish(1, "panic");
    world.publish(1, "b");
    world.run();
    assert_eq!(world.conns[0].take(), ["a"]);
    assert_eq!(world.conns[0].closed(), Some(CloseCode::INTERNAL_ERROR));
}

#[test]
fn the_end_of_a_withdrawn_grant_is_told_unless_the_peer_has_the_topic_again() {
    let revoke = || Input::Stop {
        slot: Slot(0),
        topic: TopicId(1),
        is_revoked: true,
    };
    let mut world = World::new(1);
    world.subscribe(0, 1, Slow::Resume);
    world.input(revoke());
    world.start(0, 1, Slow::Resume, &[], Some("again"));
    world.run();
    assert_eq!(world.conns[0].take(), ["again"]);
    world.input(revoke());
    world.run();
    assert_eq!(world.conns[0].take(), ["unsubscribed"]);
}
