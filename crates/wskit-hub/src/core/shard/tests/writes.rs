//! How often connections are written to, and what is kept.

use super::world::Fake;
use super::world::{ENOUGH, World};
use crate::core::peers::{Peer, Sub};
use crate::core::shard::topics::Local;
use crate::rules::Slow;

#[test]
fn messages_of_several_topics_go_out_in_one_write() {
    let mut world = World::new(1);
    world.subscribe(0, 1, Slow::Resume);
    world.subscribe(0, 2, Slow::Resume);
    world.publish(1, "a");
    world.publish(2, "b");
    world.publish(1, "c");
    world.run();
    assert_eq!(world.conns[0].writes(), [3]);
    let mut got = world.conns[0].take();
    got.sort();
    assert_eq!(got, ["a", "b", "c"]);
    assert_eq!(
        (world.shard.stats().delivered, world.shard.stats().writes),
        (3, 1)
    );
}

#[test]
fn a_peer_with_nothing_to_get_is_not_written_to() {
    let mut world = World::new(2);
    world.subscribe(0, 1, Slow::Resume);
    world.subscribe(1, 2, Slow::Resume);
    world.publish(1, "a");
    world.publish(2, "nothing");
    world.publish(3, "no subscribers");
    world.run();
    assert_eq!(world.conns[0].writes(), [1]);
    assert!(world.conns[1].writes().is_empty());
    assert_eq!(world.shard.stats().writes, 1);
}

#[test]
fn the_budget_of_a_turn_is_kept_and_the_next_turn_goes_on() {
    let mut world = World::new(10);
    for slot in 0..10 {
        world.subscribe(slot, 1, Slow::Resume);
    }
    world.publish(1, "a");
    for turn in 1..=4 {
        assert_eq!(world.turn(3), turn < 4, "{turn}");
        let written = world
            .conns
            .iter()
            .filter(|conn| !conn.0.borrow().got.is_empty());
        assert_eq!(written.count(), 10.min(3 * turn));
    }
    // What comes between the turns goes along.
    world.publish(1, "b");
    assert!(world.turn(5));
    world.publish(1, "c");
    world.run();
    assert_eq!(world.conns[9].take(), ["a", "b", "c"]);
    assert_eq!(world.conns[9].writes(), [1, 2]);
}

#[test]
fn a_long_backlog_goes_out_in_batches_in_order() {
    let mut world = World::new(1);
    world.subscribe(0, 1, Slow::DropOldest(2000));
    for i in 0..1300 {
        world.publish(1, &i.to_string());
    }
    world.run();
    let expected: Vec<_> = (0..1300).map(|i| i.to_string()).collect();
    assert_eq!(world.conns[0].take(), expected);
    assert_eq!(world.conns[0].writes(), [512, 512, 276]);
    assert_eq!(world.shard.stats().behind, 0);
}

#[test]
fn windows_are_emptied_when_no_one_lags() {
    let mut world = World::new(3);
    for slot in 0..3 {
        world.subscribe(slot, 1, Slow::DropOldest(8));
    }
    let empty = world.shard.bytes();
    world.publish(1, "a");
    world.run();
    assert_eq!((world.shard.entries, world.shard.active.len()), (0, 0));
    world.set_room(1, 0);
    for text in ["b", "c", "d"] {
        world.publish(1, text);
        world.run();
    }
    assert_eq!(world.shard.entries, 3);
    world.room(1, ENOUGH);
    world.run();
    assert_eq!(world.conns[1].take(), ["a", "b", "c", "d"]);
    assert_eq!((world.shard.entries, world.shard.active.len()), (0, 0));
    // The one that lags leaves.
    world.set_room(1, 0);
    world.publish(1, "e");
    world.run();
    world.unsubscribe(1, 1);
    world.run();
    assert_eq!((world.shard.entries, world.shard.active.len()), (0, 0));
    assert!(
        world.shard.bytes() <= empty + 64,
        "{} {empty}",
        world.shard.bytes()
    );
}

#[test]
fn a_peer_that_is_over_leaves_everything_and_is_reported_once() {
    let mut world = World::new(2);
    for topic in 1..4 {
        world.subscribe(0, topic, Slow::Resume);
        world.subscribe(1, topic, Slow::Resume);
    }
    world.conns[0].0.borrow_mut().is_over = true;
    world.publish(2, "a");
    world.run();
    assert_eq!((world.gone, world.released.len()), (1, 3));
    world.detach(0);
    assert_eq!((world.gone, world.released.len()), (1, 3));
    assert_eq!(
        (world.shard.stats().peers, world.shard.stats().subscriptions),
        (1, 3)
    );
    assert_eq!(world.conns[1].take(), ["a"]);
    world.check();
}

#[test]
fn a_peer_that_ends_while_it_is_behind_is_not_behind_any_more() {
    let mut world = World::new(1);
    world.subscribe(0, 1, Slow::Resume);
    world.set_room(0, 0);
    world.publish(1, "a");
    world.run();
    assert_eq!(world.shard.stats().behind, 1);
    world.conns[0].0.borrow_mut().is_over = true;
    world.room(0, 0);
    world.run();
    assert_eq!((world.gone, world.shard.stats().behind), (1, 0));
    world.detach(0);
    assert_eq!(world.shard.stats().behind, 0);
}

#[test]
fn lists_shrink_when_most_subscribers_have_gone() {
    let mut world = World::new(1000);
    for slot in 0..1000 {
        world.subscribe(slot, 1, Slow::Resume);
    }
    for topic in 2..200 {
        world.subscribe(0, topic, Slow::Resume);
    }
    for slot in 1..1000 {
        world.unsubscribe(slot, 1);
    }
    for topic in 2..200 {
        world.unsubscribe(0, topic);
    }
    world.check();
    let local = world.shard.topics.iter().flatten().next().unwrap();
    assert!(
        local.subscribers.capacity() <= 16,
        "{}",
        local.subscribers.capacity()
    );
    let peer = world.shard.peers[0].as_ref().unwrap();
    assert!(peer.subs.capacity() <= 16, "{}", peer.subs.capacity());
}

#[test]
fn a_subscription_is_small() {
    assert_eq!(size_of::<Sub>(), 24);
    assert!(size_of::<Option<Peer<Fake>>>() <= 48);
    assert!(
        size_of::<Option<Local>>() <= 160,
        "{}",
        size_of::<Option<Local>>()
    );
    // A peer with one topic has room for one.
    let mut world = World::new(1);
    world.subscribe(0, 1, Slow::Resume);
    assert_eq!(world.shard.peers[0].as_ref().unwrap().subs.capacity(), 1);
}
