//! Random operations beside a plain map: the lists stay right, and every message is delivered or told.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{ENOUGH, World};
use crate::rules::Slow;

#[derive(Clone, Debug)]
enum Op {
    Subscribe(usize, u32),
    Unsubscribe(usize, u32),
    Detach(usize),
    Publish(u32),
    Room(usize, usize),
    Turn(usize),
    HoldNotices(bool),
}

const PEERS: usize = 5;
const TOPICS: u32 = 4;

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..PEERS, 0..TOPICS).prop_map(|(peer, topic)| Op::Subscribe(peer, topic)),
        2 => (0..PEERS, 0..TOPICS).prop_map(|(peer, topic)| Op::Unsubscribe(peer, topic)),
        1 => (0..PEERS).prop_map(Op::Detach),
        8 => (0..TOPICS).prop_map(Op::Publish),
        3 => (0..PEERS, prop_oneof![0_usize..4, Just(ENOUGH)])
            .prop_map(|(peer, room)| Op::Room(peer, room)),
        3 => (1_usize..6).prop_map(Op::Turn),
        1 => any::<bool>().prop_map(Op::HoldNotices),
    ]
}

/// The rule of each topic.
fn slow(topic: u32) -> Slow {
    match topic {
        0 => Slow::Resume,
        1 => Slow::Latest,
        2 => Slow::Disconnect,
        _ => Slow::DropOldest(3),
    }
}

/// What a subscriber is to get: from which message of the topic on, and what has come.
#[derive(Debug, Default)]
struct Expected {
    /// The number of the next message.
    next: u64,
}

#[derive(Default)]
struct Model {
    subs: BTreeMap<(usize, u32), Expected>,
    published: [u64; TOPICS as usize],
}

impl Model {
    /// Takes in what a peer has received: no message twice, none out of order, none skipped untold.
    fn receive(&mut self, peer: usize, got: Vec<String>) {
        for text in got {
            let (topic, what) = text.split_once(' ').unwrap();
            let key = (peer, topic.parse().unwrap());
            match what.split_once(' ') {
                Some(("skipped", count)) => {
                    let expected = self.subs.get_mut(&key).unwrap();
                    expected.next += count.parse::<u64>().unwrap();
                }
                None if what == "unsubscribed" => {
                    self.subs.remove(&key).unwrap();
                }
                _ => {
                    let expected = self.subs.get_mut(&key).unwrap();
                    assert_eq!(what, expected.next.to_string(), "peer {peer}: {text}");
                    expected.next += 1;
                }
            }
        }
    }
}

fn receive_all(world: &World, model: &mut Model) {
    for peer in 0..PEERS {
        model.receive(peer, world.conns[peer].take());
        if world.conns[peer].closed().is_some() {
            model.subs.retain(|(other, _), _| *other != peer);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_message_is_delivered_in_order_or_told(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new(PEERS);
        world.names_topics = true;
        let mut model = Model::default();
        for op in ops {
            receive_all(&world, &mut model);
            match op {
                Op::Subscribe(peer, topic) => {
                    if world.conns[peer].closed().is_none() {
                        let next = model.published[topic as usize];
                        // A subscription may be there already, or wait to be told of its end.
                        if !world.is_subscribed(peer, topic) {
                            model.subs.insert((peer, topic), Expected { next });
                        }
                        world.subscribe(peer, topic, slow(topic));
                    }
                }
                Op::Unsubscribe(peer, topic) => {
                    model.subs.remove(&(peer, topic));
                    world.unsubscribe(peer, topic);
                }
                Op::Detach(peer) => {
                    model.subs.retain(|(other, _), _| *other != peer);
                    world.detach(peer);
                    world.attach(peer);
                }
                Op::Publish(topic) => {
                    let number = &mut model.published[topic as usize];
                    world.publish(topic, &format!("{topic} {number}"));
                    *number += 1;
                }
                Op::Room(peer, room) => world.room(peer, room),
                Op::Turn(most) => {
                    world.turn(most);
                }
                Op::HoldNotices(holds) => world.holds_notices = holds,
            }
            world.check();
        }
        // In the end all have room, and get all.
        world.holds_notices = false;
        for _ in 0..2 {
            for peer in 0..PEERS {
                world.room(peer, ENOUGH);
            }
            world.run();
            receive_all(&world, &mut model);
        }
        for ((peer, topic), expected) in &model.subs {
            prop_assert_eq!(expected.next, model.published[*topic as usize], "peer {} topic {}", peer, topic);
        }
        let stats = world.shard.stats();
        prop_assert_eq!(stats.subscriptions, model.subs.len() as u64);
        prop_assert_eq!((world.shard.entries, world.shard.active.len()), (0, 0));
        prop_assert_eq!((stats.behind, world.shard.replays.items()), (0, 0));
        prop_assert_eq!(world.shard.topics.iter().flatten().count(), world.shard.places.len());
    }
}
