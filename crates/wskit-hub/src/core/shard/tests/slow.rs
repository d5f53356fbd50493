//! What happens to subscribers that are overtaken.

use wskit_proto::CloseCode;

use super::world::{ENOUGH, World};
use crate::core::TopicId;
use crate::rules::Slow;

/// A peer that takes `a`, and is behind while as many messages more come as are given.
fn behind(slow: Slow, more: usize) -> World {
    let mut world = World::new(2);
    world.subscribe(0, 1, slow);
    world.subscribe(1, 1, slow);
    world.set_room(0, 1);
    world.publish(1, "a");
    world.run();
    for i in 1..=more {
        world.publish(1, &i.to_string());
        world.run();
    }
    assert_eq!(world.conns[0].take(), ["a"]);
    assert_eq!(world.conns[1].take().len(), more + 1);
    world
}

#[test]
fn resume_unsubscribes_and_says_so() {
    // The window of these tests is four messages.
    let mut world = behind(Slow::Resume, 4);
    world.room(0, ENOUGH);
    world.run();
    assert_eq!(world.conns[0].take(), ["1", "2", "3", "4"]);

    let mut world = behind(Slow::Resume, 5);
    world.room(0, ENOUGH);
    world.run();
    assert_eq!(world.conns[0].take(), ["unsubscribed"]);
    assert_eq!(world.released, [TopicId(1)]);
    assert_eq!(world.shard.stats().unsubscribed, 1);
    world.publish(1, "b");
    world.run();
    assert!(world.conns[0].take().is_empty());
    assert_eq!(world.conns[1].take(), ["b"]);
    assert_eq!(world.shard.entries, 0);
    world.check();
}

#[test]
fn drop_oldest_goes_on_with_the_oldest_that_is_left() {
    let mut world = behind(Slow::DropOldest(3), 5);
    world.room(0, ENOUGH);
    world.run();
    assert_eq!(world.conns[0].take(), ["skipped 2", "3", "4", "5"]);
    assert_eq!(world.shard.stats().skipped, 2);
    world.publish(1, "b");
    world.run();
    assert_eq!(world.conns[0].take(), ["b"]);
    assert_eq!(world.shard.entries, 0);
}

#[test]
fn latest_goes_on_with_the_newest() {
    let mut world = behind(Slow::Latest, 5);
    world.room(0, ENOUGH);
    world.run();
    assert_eq!(world.conns[0].take(), ["skipped 4", "5"]);
}

#[test]
fn latest_keeps_the_newest_message_when_members_come_after_it() {
    let mut world = behind(Slow::Latest, 5);
    world.join(1, "ann");
    world.run();
    world.join(1, "bob");
    world.run();
    world.room(0, ENOUGH);
    world.run();
    assert_eq!(
        world.conns[0].take(),
        ["skipped 4", "5", "joined ann", "joined bob"]
    );
    assert_eq!(world.shard.entries, 0);
    // However many come, memory is bounded.
    let mut world = behind(Slow::Latest, 1);
    for i in 0..1000 {
        world.join(1, &i.to_string());
        world.run();
    }
    assert!(world.shard.entries <= 64, "{}", world.shard.entries);
}

#[test]
fn disconnect_closes_when_it_is_overtaken_also_without_room() {
    let mut world = behind(Slow::Disconnect, 4);
    assert_eq!(world.conns[0].closed(), None);
    world.publish(1, "5");
    world.run();
    assert_eq!(world.conns[0].closed(), Some(CloseCode::TRY_AGAIN_LATER));
    assert_eq!(world.shard.stats().disconnected, 1);
    assert_eq!((world.released.len(), world.gone), (1, 1));
    assert_eq!(world.shard.entries, 0);
    world.check();
}

#[test]
fn disconnect_spares_those_that_lag_less() {
    let mut world = World::new(3);
    for slot in 0..3 {
        world.subscribe(slot, 1, Slow::Disconnect);
    }
    world.set_room(0, 0);
    for i in 0..4 {
        world.publish(1, &i.to_string());
        world.run();
        world.set_room(1, 0);
    }
    world.publish(1, "4");
    world.run();
    assert!(world.conns[0].closed().is_some());
    assert!(world.conns[1].closed().is_none());
    world.room(1, ENOUGH);
    world.run();
    assert_eq!(world.conns[1].take(), ["0", "1", "2", "3", "4"]);
    assert!(world.conns[2].closed().is_none());
}

#[test]
fn a_subscriber_that_is_overtaken_again_before_it_was_told_learns_the_whole_count() {
    let mut world = behind(Slow::DropOldest(2), 5);
    // There was room, but not for a message.
    world.room(0, 0);
    world.run();
    for i in 6..=9 {
        world.publish(1, &i.to_string());
        world.run();
    }
    world.room(0, ENOUGH);
    world.run();
    assert_eq!(world.conns[0].take(), ["skipped 7", "8", "9"]);
    assert_eq!(world.shard.stats().skipped, 7);
    assert_eq!(world.shard.replays.items(), 0);
}

#[test]
fn entries_that_come_before_the_notice_is_encoded_are_counted_too() {
    let mut world = behind(Slow::DropOldest(2), 5);
    world.holds_notices = true;
    world.room(0, ENOUGH);
    world.run();
    for i in 6..=9 {
        world.publish(1, &i.to_string());
        world.run();
    }
    assert!(world.conns[0].take().is_empty());
    world.holds_notices = false;
    world.run();
    assert_eq!(world.conns[0].take(), ["skipped 7", "8", "9"]);
}

#[test]
fn what_a_subscription_begins_with_is_told_before_what_was_skipped() {
    let mut world = World::new(1);
    world.set_room(0, 0);
    world.start(0, 1, Slow::DropOldest(2), &["x", "y"], Some("hello"));
    world.run();
    for i in 1..=5 {
        world.publish(1, &i.to_string());
        world.run();
    }
    world.room(0, ENOUGH);
    world.run();
    // Of the past, what is still there is not older than what follows: it is skipped with the rest.
    assert_eq!(world.conns[0].take(), ["hello", "skipped 5", "4", "5"]);
    assert_eq!(world.shard.replays.items(), 0);
}

#[test]
fn one_overtaken_topic_does_not_hold_up_the_others_of_the_peer() {
    let mut world = World::new(1);
    world.subscribe(0, 1, Slow::Resume);
    world.subscribe(0, 2, Slow::Resume);
    world.set_room(0, 0);
    for i in 0..6 {
        world.publish(1, &i.to_string());
    }
    world.publish(2, "b");
    world.run();
    world.publish(1, "6");
    world.run();
    world.room(0, ENOUGH);
    world.run();
    assert_eq!(world.conns[0].take(), ["b", "unsubscribed"]);
    world.publish(2, "c");
    world.run();
    assert_eq!(world.conns[0].take(), ["c"]);
    assert_eq!(world.released, [TopicId(1)]);
    assert_eq!(world.shard.entries, 0);
}

#[test]
fn a_subscriber_that_never_reads_keeps_nothing_of_the_past_that_it_will_not_get() {
    for slow in [Slow::Resume, Slow::DropOldest(4), Slow::Latest] {
        let mut world = World::new(2);
        world.subscribe(1, 1, slow);
        world.set_room(0, 0);
        world.start(0, 1, slow, &["x", "y", "z"], Some("hello"));
        world.run();
        assert_eq!(world.shard.replays.items(), 4);
        for i in 0..9 {
            world.publish(1, &i.to_string());
            world.run();
        }
        // What it was told first, and how much is gone.
        assert_eq!(world.shard.replays.items(), 2, "{slow:?}");
        world.room(0, ENOUGH);
        world.run();
        let got = world.conns[0].take();
        match slow {
            Slow::Resume => assert_eq!(got, ["hello", "unsubscribed"]),
            Slow::Latest => assert_eq!(got, ["hello", "skipped 11", "8"]),
            _ => assert_eq!(got, ["hello", "skipped 8", "5", "6", "7", "8"]),
        }
        assert_eq!(world.shard.replays.items(), 0);
        world.check();
    }
}
