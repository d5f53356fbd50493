//! The end of a hub, of its connections and of their peers.

use std::time::Duration;

use wskit_hub::{CloseCode, Error, History, Rules, Since, Wire};
use wskit_proto::{Config, Role};
use wskit_test::{Executor, Simulated, join, run, run_timed, wrap};

use crate::kit::{Guest, drive, hub, lines, open, publish, settle, sleep};

fn stream() -> Rules {
    open(Rules::stream(History::last(4)))
}

#[test]
fn a_hub_that_closes_spreads_the_closing_over_the_window() {
    run_timed::<Simulated>(async {
        let hub = hub(stream()).build();
        drive(&hub);
        let guests: Vec<_> = (0..20).map(|_| Guest::new(&hub, &lines())).collect();
        for guest in &guests {
            guest.peer.subscribe("t", Since::Now).await.unwrap();
        }
        let before = wskit_test::now::<Simulated>();
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut peers = Vec::new();
        for mut guest in guests {
            let sender = sender.clone();
            peers.push(hub.clone());
            Executor::spawn_on_current(async move {
                let frame = guest.end().await.unwrap();
                assert_eq!(frame.code, CloseCode::SERVICE_RESTART);
                assert_eq!(frame.reason.as_str(), "restarting");
                sender
                    .send(wskit_test::now::<Simulated>() - before)
                    .unwrap();
                // What the peer asks for now is refused.
                let refused = guest.peer.subscribe("u", Since::Now).await;
                assert!(matches!(refused, Err(Error::Closed)));
            });
        }
        let window = Duration::from_secs(10);
        let closing = hub.close(CloseCode::SERVICE_RESTART, "restarting", window, sleep);
        let meanwhile = async {
            sleep(Duration::from_secs(1)).await;
            let (near, far) = wskit_test::pipe(100);
            let io = wrap::<Simulated>(far);
            let late = wskit_driver::WebSocket::from_parts(
                io,
                Role::Server,
                bytes::Bytes::new(),
                Config::new(),
            );
            let (_reader, writer) = late.split();
            assert!(matches!(hub.attach(&writer, &lines()), Err(Error::Closed)));
            // Those that are left are served.
            publish(&hub, "t", [1]).await;
            drop(near);
        };
        join(closing, meanwhile).await;
        settle().await;
        let times: Vec<_> = receiver.try_iter().collect();
        assert_eq!(times.len(), 20);
        for second in 0..10 {
            let within = times.iter().filter(|time| time.as_secs() == second);
            assert_eq!(within.count(), 2, "{times:?}");
        }
        let refused = hub.publish("t", wskit_hub::Publication::text("")).await;
        assert!(matches!(refused, Err(Error::Closed)));
        let refused = hub.history("t", Since::Start, 1).await;
        assert!(matches!(refused, Err(Error::Closed)));
        assert_eq!(hub.held().subscriptions, 0);
    });
}

#[test]
fn closing_without_a_window_or_peers_or_drivers_is_at_once() {
    run::<Simulated>(async {
        let hub = hub(stream()).build();
        hub.close(CloseCode::GOING_AWAY, "", Duration::from_secs(10), sleep)
            .await;
        let hub = crate::kit::hub(stream()).build();
        let mut guests: Vec<_> = (0..5).map(|_| Guest::new(&hub, &lines())).collect();
        hub.close(CloseCode::GOING_AWAY, "", Duration::ZERO, sleep)
            .await;
        for guest in &mut guests {
            let frame = guest.end().await.unwrap();
            assert_eq!(frame.code, CloseCode::GOING_AWAY);
        }
    });
}

#[test]
fn a_driver_ends_with_the_closed_hub_whose_handles_are_still_there() {
    run::<Simulated>(async {
        let hub = hub(stream()).build();
        let mut guest = Guest::new(&hub, &lines());
        let driver = hub.drive(sleep);
        let closing = hub.close(CloseCode::GOING_AWAY, "", Duration::ZERO, sleep);
        join(driver, closing).await;
        assert!(guest.end().await.is_some());
    });
}

/// Both cannot be sent in a Close.
#[test]
fn a_reason_that_is_too_long_is_cut_and_a_code_that_cannot_be_sent_is_1011() {
    run::<Simulated>(async {
        let reason: &'static str = "ä".repeat(100).leak();
        let hub = hub(stream()).build();
        let (mut ann, mut bob) = (Guest::new(&hub, &lines()), Guest::new(&hub, &lines()));
        ann.peer.close(CloseCode::NORMAL, reason);
        let frame = ann.end().await.unwrap();
        assert_eq!((frame.code, frame.reason.len()), (CloseCode::NORMAL, 122));
        bob.peer.close(CloseCode::from(1006), "");
        let frame = bob.end().await.unwrap();
        assert_eq!(frame.code, CloseCode::INTERNAL_ERROR);
    });
}

#[test]
fn a_connection_that_is_over_is_not_attached() {
    run::<Simulated>(async {
        let hub = hub(stream()).build();
        let (near, far) = wskit_test::pipe(100);
        let io = wrap::<Simulated>(far);
        let ws = wskit_driver::WebSocket::from_parts(
            io,
            Role::Server,
            bytes::Bytes::new(),
            Config::new(),
        );
        let (mut reader, writer) = ws.split();
        drop(near);
        assert!(reader.recv().await.is_err());
        assert!(matches!(hub.attach(&writer, &lines()), Err(Error::Closed)));
        let weak = writer.downgrade();
        drop((reader, writer));
        assert!(matches!(hub.attach(weak, &lines()), Err(Error::Closed)));
    });
}

#[test]
fn the_end_of_a_connection_ends_its_subscriptions_and_its_place_is_used_again() {
    run::<Simulated>(async {
        let hub = hub(stream()).shards(1).build();
        let guest = Guest::new(&hub, &lines());
        guest.peer.subscribe("t", Since::Now).await.unwrap();
        let Guest { client, peer, .. } = guest;
        drop(client);
        settle().await;
        assert_eq!(hub.held().subscriptions, 0);
        let refused = peer.subscribe("t", Since::Now).await;
        assert!(matches!(refused, Err(Error::Closed)));
        drop(peer);
        assert_eq!(hub.held().peers, 0);
        let bytes = hub.held().peer_bytes;
        for _ in 0..100 {
            let mut guest = Guest::new(&hub, &lines());
            guest.peer.subscribe("t", Since::Now).await.unwrap();
            assert!(guest.line().await.unwrap().starts_with('='));
            drop(guest);
            settle().await;
        }
        assert_eq!(hub.held().peer_bytes, bytes);
    });
}

/// A peer is dropped by the waker of its own connection's task.
#[test]
fn a_peer_dropped_in_a_waker() {
    struct Drops(std::sync::Mutex<Option<wskit_hub::Peer>>);
    impl std::task::Wake for Drops {
        fn wake(self: std::sync::Arc<Self>) {
            let peer = self.0.lock().unwrap().take();
            drop(peer);
        }
    }
    run::<Simulated>(async {
        let hub = hub(stream())
            .limits(wskit_hub::Limits::new().undelivered(1))
            .build();
        let Guest { client, peer, .. } = Guest::new(&hub, &Wire::payloads());
        peer.subscribe("t", Since::Now).await.unwrap();
        // A publisher that waits has the waker that drops the peer.
        let mut driver = Box::pin(hub.drive(sleep));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(driver.as_mut().poll(&mut cx).is_pending());
        publish(&hub, "t", [1]).await;
        let waker = std::sync::Arc::new(Drops(std::sync::Mutex::new(Some(peer)))).into();
        let mut waits = std::task::Context::from_waker(&waker);
        let mut publishing = Box::pin(hub.publish("t", wskit_hub::Publication::text("2")));
        assert!(publishing.as_mut().poll(&mut waits).is_pending());
        assert!(driver.as_mut().poll(&mut cx).is_pending());
        assert!(driver.as_mut().poll(&mut cx).is_pending());
        assert_eq!(hub.held().peers, 0);
        assert!(publishing.as_mut().poll(&mut cx).is_ready());
        drop(client);
    });
}
