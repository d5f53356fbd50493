//! Driver futures: none, one, several, and one that is dropped.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wskit_hub::{History, Hub, Member, Publication, Rules, Since, Wire};
use wskit_proto::Config;
use wskit_test::{Executor, Simulated, run, run_timed};

use crate::kit::{Guest, drive, hub, lines, open, publish, settle, sleep};

fn stream() -> Rules {
    open(Rules::stream(History::last(4))).presence()
}

/// The executor panics if a task is polled without end.
#[test]
fn a_driver_that_waits_for_a_time_is_not_polled_meanwhile() {
    run_timed::<Simulated>(async {
        let hub = hub(stream()).build();
        let sleeps = Arc::new(AtomicUsize::new(0));
        let counted = sleeps.clone();
        Executor::spawn_on_current(hub.drive(move |time| {
            counted.fetch_add(1, Ordering::Relaxed);
            sleep(time)
        }));
        publish(&hub, "t", [1]).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(sleeps.load(Ordering::Relaxed), 1);
        sleep(Duration::from_secs(50)).await;
        assert!(sleeps.load(Ordering::Relaxed) < 10);
    });
}

#[test]
fn a_leave_is_told_after_two_seconds_by_a_driver() {
    run_timed::<Simulated>(async {
        let hub = hub(stream()).build();
        drive(&hub);
        let (mut ann, bob) = (Guest::new(&hub, &lines()), Guest::new(&hub, &lines()));
        ann.peer.subscribe("t", Since::Now).await.unwrap();
        bob.peer.enter("t", Member::new("bob")).unwrap();
        for expected in ["= t", "p t", "> t bob"] {
            assert!(ann.line().await.unwrap().starts_with(expected));
        }
        let before = wskit_test::now::<Simulated>();
        drop(bob);
        assert_eq!(ann.line().await.unwrap(), "< t bob");
        let passed = wskit_test::now::<Simulated>() - before;
        assert_eq!(passed.as_secs(), 2);
    });
}

#[test]
fn a_leave_is_told_with_the_next_call_without_a_driver() {
    run_timed::<Simulated>(async {
        let hub = hub(stream()).build();
        let (mut ann, bob) = (Guest::new(&hub, &lines()), Guest::new(&hub, &lines()));
        ann.peer.subscribe("t", Since::Now).await.unwrap();
        bob.peer.enter("t", Member::new("bob")).unwrap();
        drop(bob);
        sleep(Duration::from_secs(5)).await;
        publish(&hub, "t", [1]).await;
        for expected in ["= t", "p t", "> t bob", "< t bob", "+ t"] {
            let line = ann.line().await.unwrap();
            assert!(line.starts_with(expected), "{line}");
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_leave_is_told_after_two_seconds_on_tokio() {
    let rules = stream();
    let hub = Hub::builder(move |_| rules.clone())
        .clock(|| tokio::time::Instant::now().into_std())
        .build();
    let driver = tokio::spawn(hub.drive(tokio::time::sleep));
    let wire = Wire::new(|event| match event {
        wskit_hub::Event::Left { .. } => Some(wskit_hub::PreparedMessage::text("left")),
        _ => None,
    });
    let (mut client, server) = wskit_tokio::pair(Config::new());
    let (_reader, writer) = server.split();
    let ann = hub.attach(&writer, &wire).unwrap();
    ann.subscribe("t", Since::Now).await.unwrap();
    let (_other, server) = wskit_tokio::pair(Config::new());
    let (_other_reader, writer) = server.split();
    let bob = hub.attach(&writer, &wire).unwrap();
    bob.enter("t", Member::new("bob")).unwrap();
    let before = tokio::time::Instant::now();
    drop(bob);
    assert_eq!(
        client.recv().await.unwrap().unwrap().as_text(),
        Some("left")
    );
    assert_eq!(before.elapsed().as_secs(), 2);
    drop((ann, hub));
    driver.await.unwrap();
}

#[test]
fn a_driver_dropped_halfway_leaves_its_work_to_the_other() {
    run::<Simulated>(async {
        let hub = hub(stream()).build();
        let mut guest = Guest::new(&hub, &lines());
        guest.peer.subscribe("t", Since::Now).await.unwrap();
        let mut dropped = Box::pin(hub.drive(sleep));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(dropped.as_mut().poll(&mut cx).is_pending());
        drive(&hub);
        settle().await;
        // The first one is woken for this, and goes instead.
        publish(&hub, "t", [1]).await;
        drop(dropped);
        guest.until("1").await;
    });
}

#[test]
fn the_last_driver_does_what_is_left_when_it_is_dropped() {
    run::<Simulated>(async {
        let hub = hub(stream()).build();
        let mut guest = Guest::new(&hub, &lines());
        guest.peer.subscribe("t", Since::Now).await.unwrap();
        let mut dropped = Box::pin(hub.drive(sleep));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(dropped.as_mut().poll(&mut cx).is_pending());
        publish(&hub, "t", [1]).await;
        let delivered = hub.stats().delivered;
        drop(dropped);
        assert_eq!(hub.stats().delivered, delivered + 1);
        guest.until("1").await;
        // From now on it is done by those who publish.
        publish(&hub, "t", [2]).await;
        guest.until("2").await;
    });
}

#[test]
fn a_driver_ends_with_the_last_handle() {
    run::<Simulated>(async {
        let hub = hub(stream()).build();
        let mut driver = pin!(hub.drive(sleep));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(driver.as_mut().poll(&mut cx).is_pending());
        let guest = Guest::new(&hub, &lines());
        drop(hub);
        assert!(driver.as_mut().poll(&mut cx).is_pending());
        drop(guest);
        assert_eq!(driver.as_mut().poll(&mut cx), Poll::Ready(()));
    });
}

/// Drivers on the threads of a runtime, publishers and subscribers on all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn several_drivers_deliver_all_in_order() {
    let rules = stream();
    let hub = Hub::builder(move |_| rules.clone()).shards(3).build();
    let drivers: Vec<_> = (0..3)
        .map(|_| tokio::spawn(hub.drive(tokio::time::sleep)))
        .collect();
    let mut clients = Vec::new();
    for _ in 0..12 {
        let (client, server) = wskit_tokio::pair(Config::new());
        let (mut reader, writer) = server.split();
        let peer = hub.attach(&writer, &lines()).unwrap();
        peer.subscribe("t", Since::Now).await.unwrap();
        tokio::spawn(async move {
            let _writer = writer;
            while let Ok(Some(_)) = reader.recv().await {}
        });
        clients.push((client, peer));
    }
    let publishers: Vec<_> = (0..4)
        .map(|_| {
            let hub = hub.clone();
            tokio::spawn(async move { publish(&hub, "t", 0..250).await })
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    for (client, _) in &mut clients {
        let mut seen = crate::kit::Seen::default();
        while seen.messages("t") + seen.skipped("t") < 1000 {
            let message = client.recv().await.unwrap().unwrap();
            let line = message.as_text().unwrap();
            seen.take(line);
            if line.starts_with('x') {
                break;
            }
        }
    }
    drop((clients, hub));
    for driver in drivers {
        driver.await.unwrap();
    }
}

/// The wire of one hub uses another one: both deliver.
#[test]
fn hubs_that_publish_to_each_other_within_a_turn() {
    run::<Simulated>(async {
        let second = hub(stream()).build();
        let first = hub(stream()).build();
        let mut end = Guest::new(&second, &lines());
        end.peer.subscribe("t", Since::Now).await.unwrap();
        let to = second.clone();
        let relay = Wire::new(move |event| {
            if let wskit_hub::Event::Published { message, .. } = event {
                let text = message.publication().as_text().unwrap().to_owned();
                let publishing = pin!(to.publish("t", Publication::text(text)));
                let mut publishing = publishing;
                let mut cx = Context::from_waker(Waker::noop());
                assert!(publishing.as_mut().poll(&mut cx).is_ready());
            }
            None
        });
        let middle = Guest::new(&first, &relay);
        middle.peer.subscribe("t", Since::Now).await.unwrap();
        publish(&first, "t", [7]).await;
        end.until("7").await;
    });
}

/// On a clock that is later each time it is read, as that of the system.
#[test]
fn a_driver_sets_one_alarm_for_one_time() {
    let rules = stream();
    let (start, reads) = (std::time::Instant::now(), AtomicUsize::new(0));
    let clock = move || {
        let reads = reads.fetch_add(1, Ordering::Relaxed);
        assert!(reads < 1000, "busy");
        start + Duration::from_nanos(reads as u64)
    };
    let hub = Hub::builder(move |_| rules.clone()).clock(clock).build();
    let alarms = Arc::new(AtomicUsize::new(0));
    let counted = alarms.clone();
    let mut driver = pin!(hub.drive(move |_| {
        assert!(counted.fetch_add(1, Ordering::Relaxed) < 10, "busy");
        std::future::pending::<()>()
    }));
    let mut cx = Context::from_waker(Waker::noop());
    let publishing = pin!(hub.publish("t", Publication::text("")));
    assert!(publishing.poll(&mut cx).is_ready());
    for _ in 0..3 {
        assert!(driver.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(alarms.load(Ordering::Relaxed), 1);
}

/// A turn cannot wait for itself.
#[test]
fn a_wire_that_publishes_to_its_own_crowded_hub_does_not_wait() {
    run::<Simulated>(async {
        let limits = wskit_hub::Limits::new().undelivered(1);
        let hub = hub(stream()).limits(limits).shards(1).build();
        drive(&hub);
        let to = Arc::new(std::sync::OnceLock::<Hub>::new());
        let from = to.clone();
        let relay = Wire::new(move |event| {
            if let wskit_hub::Event::Published { message, .. } = event {
                if message.topic() == "in" {
                    for text in ["1", "2"] {
                        let to = from.get().unwrap();
                        let publishing = pin!(to.publish("out", Publication::text(text)));
                        let mut cx = Context::from_waker(Waker::noop());
                        assert!(publishing.poll(&mut cx).is_ready());
                    }
                }
            }
            None
        });
        to.set(hub.clone()).unwrap();
        let middle = Guest::new(&hub, &relay);
        middle.peer.subscribe("in", Since::Now).await.unwrap();
        let mut end = Guest::new(&hub, &lines());
        end.peer.subscribe("out", Since::Now).await.unwrap();
        publish(&hub, "in", [0]).await;
        end.until("2").await;
    });
}
