//! Subscribers that do not read, or too slowly: they cost their place, and the others notice nothing.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use wskit_hub::{Event, History, Hub, PreparedMessage, Rules, Since, Slow, Wire};
use wskit_proto::{CloseCode, Config};
use wskit_test::{Simulated, run, run_timed};

use crate::kit::{Guest, drive, hub, lines, open, publish, settle, sleep};

/// A connection that takes little before it is behind.
fn narrow(hub: &Hub, wire: &Wire) -> Guest {
    Guest::narrow(hub, wire, 64, Config::new().write_queue_limit(64))
}

fn rules(slow: Slow) -> Rules {
    open(Rules::stream(History::last(8))).slow(slow)
}

/// Publishes 100 messages to one that reads and one that does not.
async fn stalled(slow: Slow) -> (Hub, Guest, Guest) {
    let hub = hub(rules(slow)).build();
    let (mut quick, stalled) = (Guest::new(&hub, &lines()), narrow(&hub, &lines()));
    for guest in [&quick, &stalled] {
        guest.peer.subscribe("t", Since::Now).await.unwrap();
    }
    for number in 0..100 {
        publish(&hub, "t", [number]).await;
        quick.until(&number.to_string()).await;
    }
    assert_eq!(
        (quick.seen.messages("t"), quick.seen.skipped("t")),
        (100, 0)
    );
    // One whose connection is closed is not waited for.
    assert_eq!(hub.stats().behind, u64::from(slow != Slow::Disconnect));
    (hub, quick, stalled)
}

#[test]
fn resume_tells_the_subscriber_that_it_was_unsubscribed_and_it_comes_back() {
    run::<Simulated>(async {
        let (hub, _quick, mut stalled) = stalled(Slow::Resume).await;
        loop {
            if stalled.line().await.unwrap().starts_with('x') {
                break;
            }
        }
        assert!(stalled.seen.messages("t") < 90);
        assert_eq!(hub.held().subscriptions, 1);
        assert_eq!(hub.stats().unsubscribed, 1);
        stalled.peer.subscribe("t", Since::Start).await.unwrap();
        publish(&hub, "t", [100]).await;
        stalled.until("100").await;
    });
}

#[test]
fn drop_oldest_goes_on_with_what_is_left_and_counts_the_rest() {
    run::<Simulated>(async {
        let (_hub, _quick, mut stalled) = stalled(Slow::DropOldest(5)).await;
        stalled.until("99").await;
        let (messages, skipped) = (stalled.seen.messages("t"), stalled.seen.skipped("t"));
        assert_eq!(messages + skipped, 100);
        assert!(skipped > 80);
    });
}

#[test]
fn latest_goes_on_with_the_newest_and_counts_the_rest() {
    run::<Simulated>(async {
        let (hub, _quick, mut stalled) = stalled(Slow::Latest).await;
        stalled.until("99").await;
        let (messages, skipped) = (stalled.seen.messages("t"), stalled.seen.skipped("t"));
        assert_eq!(messages + skipped, 100);
        assert_eq!(hub.stats().skipped, skipped);
    });
}

#[test]
fn disconnect_closes_with_1013() {
    run::<Simulated>(async {
        let (hub, _quick, mut stalled) = stalled(Slow::Disconnect).await;
        let frame = stalled.end().await.unwrap();
        assert_eq!(frame.code, CloseCode::TRY_AGAIN_LATER);
        settle().await;
        assert_eq!(hub.held().subscriptions, 1);
        assert_eq!(hub.stats().disconnected, 1);
    });
}

#[test]
fn a_wire_without_a_word_for_unsubscribed_is_disconnected() {
    run::<Simulated>(async {
        let hub = hub(rules(Slow::Resume)).build();
        let mut stalled = narrow(&hub, &Wire::payloads());
        stalled.peer.subscribe("t", Since::Now).await.unwrap();
        publish(&hub, "t", 0..200).await;
        while stalled.client.recv().await.unwrap().is_some() {}
        assert_eq!(hub.stats().disconnected, 1);
    });
}

/// One client reads a byte a second: it is behind, and gets what its rule says; the other gets everything
/// with the same number of writes as without it.
#[test]
fn a_client_that_reads_a_byte_a_second_changes_nothing_for_the_others() {
    fn writes(with_slow: bool) -> usize {
        let (sender, receiver) = std::sync::mpsc::channel();
        run_timed::<Simulated>(async move {
            let hub = hub(rules(Slow::DropOldest(4))).build();
            drive(&hub);
            let mut quick = Guest::new(&hub, &lines());
            quick.peer.subscribe("t", Since::Now).await.unwrap();
            let slow = with_slow.then(|| slow_reader(&hub));
            if let Some((peer, _)) = &slow {
                peer.subscribe("t", Since::Now).await.unwrap();
            }
            for number in 0..200 {
                publish(&hub, "t", [number]).await;
                quick.until(&number.to_string()).await;
                sleep(Duration::from_secs(1)).await;
            }
            assert_eq!(quick.seen.messages("t"), 200);
            if with_slow {
                assert_eq!(hub.stats().behind, 1);
                assert!(hub.stats().skipped > 100, "{:?}", hub.stats());
            }
            sender.send(quick.probe.writes()).unwrap();
        });
        receiver.recv().unwrap()
    }
    assert_eq!(writes(true), writes(false));
}

/// A peer whose client reads a byte each second.
fn slow_reader(hub: &Hub) -> (wskit_hub::Peer, wskit_test::Probe) {
    let (mut near, far) = wskit_test::pipe(64);
    let config = Config::new().write_queue_limit(64);
    let served = crate::kit::serve(hub, &lines(), far, config);
    wskit_test::Executor::spawn_on_current(async move {
        let mut byte = [0];
        loop {
            let read = std::future::poll_fn(|cx| near.poll_read(cx, &mut byte)).await;
            if read.is_err() || matches!(read, Ok(0)) {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    });
    served
}

/// Publishers wait when connections take less than they publish; what waits is bounded.
#[test]
fn a_publisher_faster_than_everybody_waits() {
    run::<Simulated>(async {
        let limits = wskit_hub::Limits::new().undelivered(16);
        let hub = hub(open(Rules::live())).limits(limits).build();
        let mut guest = Guest::new(&hub, &lines());
        guest.peer.subscribe("t", Since::Now).await.unwrap();
        drive(&hub);
        settle().await;
        let publishing = async {
            for number in 0..1000 {
                publish(&hub, "t", [number]).await;
                let behind =
                    u64::from(number) + 1 - hub.stats().delivered.min(u64::from(number) + 1);
                assert!(behind <= 17, "{behind}");
            }
        };
        let receiving = guest.until("999");
        wskit_test::join(publishing, receiving).await;
        assert_eq!(guest.seen.messages("t"), 1000);
    });
}

/// What was to be sent of the past counts too, when it is skipped.
#[test]
fn a_subscriber_that_is_overtaken_while_it_gets_the_past_is_told_of_all_it_misses() {
    for slow in [Slow::DropOldest(5), Slow::Latest] {
        run::<Simulated>(async move {
            let rules = open(Rules::stream(History::last(50))).slow(slow);
            let hub = hub(rules).build();
            publish(&hub, "t", 0..50).await;
            let mut stalled = narrow(&hub, &lines());
            stalled.peer.subscribe("t", Since::Start).await.unwrap();
            for number in 50..100 {
                publish(&hub, "t", [number]).await;
            }
            stalled.until("99").await;
            let (messages, skipped) = (stalled.seen.messages("t"), stalled.seen.skipped("t"));
            assert_eq!(messages + skipped, 100);
        });
    }
}

/// The application subscribes again in the moment in which the peer is told that it was unsubscribed.
#[test]
fn what_a_subscription_is_told_does_not_concern_the_one_after_it() {
    run::<Simulated>(async {
        let peer = Arc::new(Mutex::new(None::<wskit_hub::Peer>));
        let again = peer.clone();
        let wire = Wire::new(move |event| {
            if let Event::Unsubscribed { topic } = event {
                if let Some(peer) = again.lock().unwrap().as_ref() {
                    peer.unsubscribe(topic);
                    let subscribing = pin!(peer.subscribe(topic, Since::Now));
                    let mut cx = Context::from_waker(Waker::noop());
                    assert!(subscribing.poll(&mut cx).is_pending());
                }
                return Some(PreparedMessage::text("x t"));
            }
            Some(PreparedMessage::text(match event {
                Event::Subscribed { .. } => "=",
                _ => "+",
            }))
        });
        let hub = hub(rules(Slow::Resume)).build();
        let Guest {
            mut client,
            peer: attached,
            ..
        } = narrow(&hub, &wire);
        attached.subscribe("t", Since::Now).await.unwrap();
        *peer.lock().unwrap() = Some(attached);
        publish(&hub, "t", 0..100).await;
        let mut hellos = 0;
        while hellos < 2 {
            let message = client.recv().await.unwrap().unwrap();
            assert_ne!(message.as_text(), Some("x t"));
            hellos += u32::from(message.as_text() == Some("="));
        }
        assert_eq!(hub.held().subscriptions, 1);
        publish(&hub, "t", [100]).await;
        assert_eq!(client.recv().await.unwrap().unwrap().as_text(), Some("+"));
    });
}
