//! What peers may not do, and what they send wrongly: each gets an answer of its own.

use std::time::Duration;

use wskit_hub::{
    Epoch, Error, Grant, History, Hub, Limits, Member, Position, Publication, Rules, Since,
    Subscribed,
};
use wskit_test::{Simulated, run, run_timed};

use crate::kit::{Guest, hub, lines, open, publish, sleep};

fn stream() -> Rules {
    open(Rules::stream(History::last(4)))
}

#[test]
fn names_that_are_empty_too_long_or_with_control_characters() {
    run::<Simulated>(async {
        let hub = hub(stream().presence()).build();
        let guest = Guest::new(&hub, &lines());
        let (long, longest) = ("x".repeat(256), "x".repeat(255));
        for name in ["", long.as_str(), "a\nb", "\u{7f}", "\u{85}", "\0"] {
            let invalid = |error: &Error| matches!(error, Error::InvalidTopic);
            let text = || Publication::text("");
            assert!(hub.publish(name, text()).await.is_err_and(|e| invalid(&e)));
            assert!(
                hub.history(name, Since::Start, 1)
                    .await
                    .is_err_and(|e| invalid(&e))
            );
            assert!(hub.present(name).await.is_err_and(|e| invalid(&e)));
            let peer = &guest.peer;
            assert!(
                peer.subscribe(name, Since::Now)
                    .await
                    .is_err_and(|e| invalid(&e))
            );
            assert!(peer.publish(name, text()).await.is_err_and(|e| invalid(&e)));
            assert!(
                peer.enter(name, Member::new("a"))
                    .is_err_and(|e| invalid(&e))
            );
            assert!(Hub::check_topic(name).is_err_and(|e| invalid(&e)));
            peer.unsubscribe(name);
            peer.leave(name);
        }
        assert_eq!(hub.held().topics, 0);
        guest.peer.subscribe(&longest, Since::Now).await.unwrap();
        guest.peer.subscribe("ä 漢", Since::Now).await.unwrap();
    });
}

#[test]
fn topics_that_the_rules_do_not_know() {
    run::<Simulated>(async {
        let hub = hub(Rules::unknown()).build();
        let guest = Guest::new(&hub, &lines());
        let unknown = |error: &Error| matches!(error, Error::UnknownTopic);
        let peer = &guest.peer;
        peer.grant("t", Grant::new().subscribe().publish());
        assert!(
            peer.subscribe("t", Since::Now)
                .await
                .is_err_and(|e| unknown(&e))
        );
        assert!(
            peer.subscribe("u", Since::Now)
                .await
                .is_err_and(|e| unknown(&e))
        );
        let published = peer.publish("t", Publication::text("")).await;
        assert!(published.is_err_and(|e| unknown(&e)));
        assert!(
            hub.history("t", Since::Start, 1)
                .await
                .is_err_and(|e| unknown(&e))
        );
        assert_eq!(hub.held().topics, 0);
    });
}

#[test]
fn peers_without_a_grant_may_do_nothing_and_names_they_try_cost_nothing() {
    run::<Simulated>(async {
        let hub = hub(Rules::stream(History::last(4)).presence()).build();
        let guest = Guest::new(&hub, &lines());
        let denied = |error: &Error| matches!(error, Error::NotGranted);
        let peer = &guest.peer;
        for name in ["t", "u", "v"] {
            assert!(
                peer.subscribe(name, Since::Now)
                    .await
                    .is_err_and(|e| denied(&e))
            );
            assert!(
                peer.history(name, Since::Now, 1)
                    .await
                    .is_err_and(|e| denied(&e))
            );
            assert!(peer.present(name).await.is_err_and(|e| denied(&e)));
            assert!(
                peer.enter(name, Member::new("a"))
                    .is_err_and(|e| denied(&e))
            );
            let published = peer.publish(name, Publication::text("")).await;
            assert!(published.is_err_and(|e| denied(&e)));
        }
        assert_eq!(hub.held().topics, 0);
        // A grant to subscribe is none to publish, and the other way round.
        peer.grant("t", Grant::new().subscribe());
        peer.subscribe("t", Since::Now).await.unwrap();
        let published = peer.publish("t", Publication::text("")).await;
        assert!(published.is_err_and(|e| denied(&e)));
        peer.grant("u", Grant::new().publish());
        peer.publish("u", Publication::text("")).await.unwrap();
        assert!(
            peer.subscribe("u", Since::Now)
                .await
                .is_err_and(|e| denied(&e))
        );
    });
}

#[test]
fn a_grant_that_is_taken_back_ends_the_subscription_and_the_presence() {
    run_timed::<Simulated>(async {
        let hub = hub(Rules::stream(History::last(4)).presence()).build();
        let mut guest = Guest::new(&hub, &lines());
        guest.peer.grant("t", Grant::new().subscribe().publish());
        guest.peer.subscribe("t", Since::Now).await.unwrap();
        guest.peer.enter("t", Member::new("ann")).unwrap();
        guest
            .peer
            .publish("t", Publication::text("1"))
            .await
            .unwrap();
        guest.until("1").await;
        guest.peer.grant("t", Grant::new());
        assert_eq!(hub.held().subscriptions, 0);
        publish(&hub, "t", [2]).await;
        let again = guest.peer.subscribe("t", Since::Now).await;
        assert!(matches!(again, Err(Error::NotGranted)));
        sleep(Duration::from_secs(3)).await;
        assert_eq!(hub.present("t").await.unwrap().count, 0);
        // The client is told, and gets nothing that came since.
        assert!(guest.line().await.unwrap().starts_with('x'));
        guest.peer.grant("u", Grant::new().subscribe());
        guest.peer.subscribe("u", Since::Now).await.unwrap();
        assert!(guest.line().await.unwrap().starts_with("= u"));
    });
}

#[test]
fn positions_of_another_epoch_and_from_the_future_are_gaps() {
    run::<Simulated>(async {
        let hub = hub(stream()).build();
        publish(&hub, "t", 1..=6).await;
        let (_, top) = hub.history("t", Since::Now, 1).await.unwrap();
        let at = |offset| Position { offset, ..top };
        let other = Position {
            epoch: Epoch::new(top.epoch.get() ^ 1),
            ..top
        };
        for (since, expected) in [
            (top, Some(0)),
            (at(4), Some(2)),
            (at(2), Some(4)),
            (at(1), None),
            (at(0), None),
            (at(7), None),
            (at(u64::MAX), None),
            (other, None),
        ] {
            let mut guest = Guest::new(&hub, &lines());
            let subscribed = guest.peer.subscribe("t", since).await.unwrap();
            match (subscribed, expected) {
                (Subscribed::All { missed, .. }, Some(expected)) => assert_eq!(missed, expected),
                (Subscribed::Gap { position }, None) => assert_eq!(position, top),
                other => panic!("{since}: {other:?}"),
            }
            publish(&hub, "other", [0]).await;
            guest.peer.subscribe("other", Since::Start).await.unwrap();
            guest.until("0").await;
            assert_eq!(guest.seen.messages("t"), expected.unwrap_or(0) as u64);
        }
    });
}

#[test]
fn a_peer_subscribes_to_as_many_topics_as_are_allowed_and_not_twice() {
    run::<Simulated>(async {
        let hub = hub(stream())
            .limits(Limits::new().commands_per_sec(0))
            .build();
        let guest = Guest::new(&hub, &lines());
        for n in 0..128 {
            guest
                .peer
                .subscribe(&n.to_string(), Since::Now)
                .await
                .unwrap();
        }
        for n in 128..1000 {
            let refused = guest.peer.subscribe(&n.to_string(), Since::Now).await;
            assert!(matches!(refused, Err(Error::TooManyTopics)), "{refused:?}");
        }
        assert_eq!((hub.held().subscriptions, hub.held().topics), (128, 128));
        guest.peer.unsubscribe("5");
        let twice = guest.peer.subscribe("6", Since::Now).await;
        assert!(matches!(twice, Err(Error::AlreadySubscribed)));
        guest.peer.subscribe("5", Since::Now).await.unwrap();
        let full = guest.peer.subscribe("again", Since::Now).await;
        assert!(matches!(full, Err(Error::TooManyTopics)));
    });
}

/// As many as the application allows; none costs more than the one before.
#[test]
fn very_many_subscriptions_by_one_peer() {
    const TOPICS: u32 = 20_000;
    run::<Simulated>(async {
        let limits = Limits::new().commands_per_sec(0).topics_per_peer(u32::MAX);
        let hub = hub(open(Rules::live())).limits(limits).build();
        let mut guest = Guest::new(&hub, &wskit_hub::Wire::payloads());
        for n in 0..TOPICS {
            guest
                .peer
                .subscribe(&n.to_string(), Since::Now)
                .await
                .unwrap();
        }
        assert_eq!(hub.held().subscriptions, u64::from(TOPICS));
        for n in (0..TOPICS).step_by(1000) {
            publish(&hub, &n.to_string(), [n]).await;
            let message = guest.client.recv().await.unwrap().unwrap();
            assert_eq!(message.as_text(), Some(n.to_string().as_str()));
        }
        drop(guest);
        assert_eq!(hub.held().subscriptions, 0);
    });
}

#[test]
fn commands_of_a_peer_and_publications_of_a_topic_have_a_rate() {
    run_timed::<Simulated>(async {
        let rules = stream().publishes_per_sec(3);
        let hub = hub(rules).limits(Limits::new().commands_per_sec(5)).build();
        let guest = Guest::new(&hub, &lines());
        publish(&hub, "t", 0..3).await;
        let Err(Error::TooFast { retry_after }) = hub.publish("t", Publication::text("")).await
        else {
            panic!("not refused");
        };
        sleep(retry_after).await;
        publish(&hub, "t", [3]).await;
        for n in 0..5 {
            guest
                .peer
                .subscribe(&n.to_string(), Since::Now)
                .await
                .unwrap();
        }
        let Err(Error::TooFast { retry_after }) = guest.peer.subscribe("5", Since::Now).await
        else {
            panic!("not refused");
        };
        // It costs the others nothing.
        let other = Guest::new(&hub, &lines());
        other.peer.subscribe("5", Since::Now).await.unwrap();
        sleep(retry_after).await;
        guest.peer.subscribe("5", Since::Now).await.unwrap();
    });
}

#[test]
fn what_is_too_large_or_keeps_no_presence() {
    run::<Simulated>(async {
        let hub = hub(stream()).limits(Limits::new().payload(10)).build();
        let guest = Guest::new(&hub, &lines());
        hub.publish("t", Publication::binary(vec![0; 10]))
            .await
            .unwrap();
        let large = hub.publish("t", Publication::binary(vec![0; 11])).await;
        assert!(matches!(large, Err(Error::TooLarge { len: 11, limit: 10 })));
        let long = Publication::text("").id("x".repeat(256));
        let long = hub.publish("t", long).await;
        assert!(matches!(
            long,
            Err(Error::TooLarge {
                len: 256,
                limit: 255
            })
        ));
        let long = guest.peer.enter("t", Member::new("x".repeat(256)));
        assert!(matches!(
            long,
            Err(Error::TooLarge {
                len: 256,
                limit: 255
            })
        ));
        let long = guest.peer.enter("t", Member::new("x").info(vec![0; 4097]));
        assert!(matches!(
            long,
            Err(Error::TooLarge {
                len: 4097,
                limit: 4096
            })
        ));
        let absent = guest.peer.enter("t", Member::new("x"));
        assert!(matches!(absent, Err(Error::NoPresence)));
        assert!(matches!(hub.present("t").await, Err(Error::NoPresence)));
    });
}

#[test]
fn what_is_refused_is_counted_by_its_reason() {
    run::<Simulated>(async {
        let rules = |name: &str| match name {
            "open" => stream(),
            "denied" => Rules::live(),
            _ => Rules::unknown(),
        };
        let limits = Limits::new().payload(10).commands_per_sec(3);
        let hub = Hub::builder(rules).limits(limits).build();
        let guest = Guest::new(&hub, &lines());
        publish(&hub, "open", [1, 2]).await;
        for name in ["", "denied", "unknown", "open"] {
            assert!(guest.peer.subscribe(name, Since::Now).await.is_err());
        }
        let large = Publication::binary(vec![0; 11]);
        assert!(hub.publish("open", large).await.is_err());
        assert!(hub.publish("unknown", Publication::text("")).await.is_err());
        let stats = hub.stats();
        assert_eq!((stats.published, stats.published_bytes), (2, 2));
        let refused = stats.refused;
        assert_eq!((refused.invalid, refused.unknown), (2, 2));
        assert_eq!((refused.not_granted, refused.too_fast), (1, 1));
        assert_eq!((refused.out_of_memory, refused.panicked), (0, 0));
    });
}

#[test]
fn topics_are_counted_by_the_labels_of_their_rules() {
    run::<Simulated>(async {
        let rules = |name: &str| match name.split_once(':') {
            Some(("chat", _)) => stream().label("chat"),
            _ => open(Rules::live()),
        };
        let hub = Hub::builder(rules).build();
        let guest = Guest::new(&hub, &lines());
        for name in ["chat:1", "chat:2", "other"] {
            guest.peer.subscribe(name, Since::Now).await.unwrap();
        }
        publish(&hub, "chat:3", [1]).await;
        let labels = hub.by_label();
        let counts = labels.iter().map(|l| (l.label, l.topics, l.subscriptions));
        assert_eq!(counts.collect::<Vec<_>>(), [("chat", 3, 2), ("live", 1, 1)]);
        let bytes: usize = labels.iter().map(|label| label.bytes).sum();
        assert!(bytes <= hub.held().topic_bytes);
    });
}
