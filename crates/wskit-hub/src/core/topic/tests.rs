//! What a subscription begins with, for each kind of topic and each place to begin.

use super::*;
use crate::rules::History;
use crate::sim::hub::{Out, Sim};

const EPOCH: Epoch = Epoch::new(7);

fn at(offset: u64) -> Position {
    Position {
        epoch: EPOCH,
        offset,
    }
}

/// A topic to which five messages were published.
fn topic(rules: Rules) -> Topic<Sim> {
    let now = Instant::now();
    let mut topic = Topic::new(TopicId(0), "topic".into(), rules, EPOCH, None, now);
    for offset in 1..=5 {
        topic.append(at(offset), Publication::text("m"), now, &mut Out::default());
    }
    topic
}

/// Returns what a subscription begins with, and the offsets of the past.
fn recover(topic: &Topic<Sim>, since: Since) -> (Subscribed, Vec<u64>) {
    let (subscribed, past) = topic.recover(since);
    let past = past.iter().map(|entry| entry.offset()).collect();
    (subscribed, past)
}

fn all(missed: usize) -> Subscribed {
    let position = at(5);
    Subscribed::All { missed, position }
}

fn fresh(replayed: usize) -> Subscribed {
    let position = at(5);
    Subscribed::Fresh { replayed, position }
}

const GAP: Subscribed = Subscribed::Gap {
    position: Position {
        epoch: EPOCH,
        offset: 5,
    },
};

#[test]
fn a_stream_of_three_messages() {
    let topic = topic(Rules::stream(History::last(3)));
    for (since, subscribed, past) in [
        (Since::Now, fresh(0), vec![]),
        (Since::Start, fresh(3), vec![3, 4, 5]),
        // All that is after it is there, and all that is not is told.
        (Since::After(at(5)), all(0), vec![]),
        (Since::After(at(4)), all(1), vec![5]),
        (Since::After(at(2)), all(3), vec![3, 4, 5]),
        (Since::After(at(1)), GAP, vec![]),
        (Since::After(at(0)), GAP, vec![]),
    ] {
        assert_eq!(recover(&topic, since), (subscribed, past), "{since:?}");
    }
}

#[test]
fn a_topic_of_which_only_the_newest_message_matters() {
    let topic = topic(Rules::latest());
    for (since, subscribed, past) in [
        (Since::Now, fresh(0), vec![]),
        (Since::Start, fresh(1), vec![5]),
        (Since::After(at(5)), all(0), vec![]),
        (Since::After(at(4)), all(1), vec![5]),
        // However many it has missed.
        (Since::After(at(0)), all(1), vec![5]),
    ] {
        assert_eq!(recover(&topic, since), (subscribed, past), "{since:?}");
    }
}

#[test]
fn a_topic_without_a_past() {
    let topic = topic(Rules::live());
    for (since, subscribed) in [
        (Since::Now, fresh(0)),
        (Since::Start, fresh(0)),
        (Since::After(at(5)), all(0)),
        (Since::After(at(4)), GAP),
    ] {
        assert_eq!(recover(&topic, since), (subscribed, vec![]), "{since:?}");
    }
}

#[test]
fn a_position_of_another_epoch_or_from_the_future_is_a_gap() {
    let elsewhere = Position {
        epoch: Epoch::new(8),
        offset: 4,
    };
    for rules in [
        Rules::stream(History::last(3)),
        Rules::latest(),
        Rules::live(),
    ] {
        let topic = topic(rules);
        for position in [elsewhere, at(6), at(u64::MAX)] {
            assert_eq!(recover(&topic, Since::After(position)), (GAP, vec![]));
        }
    }
}

#[test]
fn what_was_forgotten_is_a_gap_unless_nothing_was_missed() {
    for rules in [Rules::stream(History::last(3)), Rules::latest()] {
        let mut topic = topic(rules);
        topic.ring.reset(topic.top);
        assert_eq!(recover(&topic, Since::Start), (fresh(0), vec![]));
        assert_eq!(recover(&topic, Since::After(at(5))), (all(0), vec![]));
        assert_eq!(recover(&topic, Since::After(at(4))), (GAP, vec![]));
    }
}

/// Otherwise the next message, which has the offset that this one would have been given, was taken as a repetition.
#[test]
fn a_message_without_a_place_is_for_live_topics_alone() {
    let arrived = |before, offset| Arrived {
        position: at(offset),
        before,
        publication: Publication::text("m"),
    };
    for (rules, tops) in [
        (Rules::stream(History::last(3)), [5, 6]),
        (Rules::latest(), [5, 6]),
        (Rules::live(), [6, 7]),
    ] {
        let (mut topic, now) = (topic(rules), Instant::now());
        let mut link = Box::new(Link::new());
        link.state = LinkState::Live;
        topic.link = Some(link);
        let is_live = topic.rules.get_history().is_none();
        let messages = [
            arrived(None, 0),
            arrived(if is_live { None } else { Some(5) }, 6),
        ];
        for (message, top) in messages.into_iter().zip(tops) {
            assert!(!topic.arrived(message, now, &mut Out::default()));
            assert_eq!(topic.top, top, "{:?}", topic.rules);
        }
    }
}
