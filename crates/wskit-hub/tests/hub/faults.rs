//! Callbacks that panic, and memory that runs out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use wskit_hub::{
    CloseCode, Error, Event, History, Hub, Limits, PreparedMessage, Publication, Rules, Since,
    Subscribed, Wire,
};
use wskit_test::{Simulated, run, run_timed};

use crate::kit::{Guest, hub, lines, open, publish, settle, sleep};

fn stream() -> Rules {
    open(Rules::stream(History::last(4)))
}

#[test]
fn rules_that_panic_are_an_error() {
    run::<Simulated>(async {
        let hub = Hub::builder(|name| {
            assert_ne!(name, "bad");
            stream()
        })
        .build();
        let guest = Guest::new(&hub, &lines());
        let panicked = |error: &Error| matches!(error, Error::CallbackPanicked);
        for _ in 0..2 {
            let published = hub.publish("bad", Publication::text("")).await;
            assert!(published.is_err_and(|e| panicked(&e)));
            let subscribed = guest.peer.subscribe("bad", Since::Now).await;
            assert!(subscribed.is_err_and(|e| panicked(&e)));
        }
        guest.peer.subscribe("good", Since::Now).await.unwrap();
        publish(&hub, "good", [1]).await;
    });
}

/// For the message, the hello, the list of members, and what a slow subscriber is told.
#[test]
fn a_wire_that_panics_closes_its_connections_and_no_other() {
    for kind in ["=", "+", "x"] {
        run::<Simulated>(async move {
            let hub = hub(stream()).build();
            let good = lines();
            let bad = Wire::new(move |event| {
                let kind_of = match event {
                    Event::Subscribed { .. } => "=",
                    Event::Published { .. } => "+",
                    Event::Unsubscribed { .. } => "x",
                    _ => "",
                };
                assert_ne!(kind_of, kind, "the wire panics");
                Some(PreparedMessage::text("?"))
            });
            let mut quick = Guest::new(&hub, &good);
            let config = wskit_proto::Config::new().write_queue_limit(16);
            let mut broken = Guest::narrow(&hub, &bad, 16, config);
            quick.peer.subscribe("t", Since::Now).await.unwrap();
            let _ = broken.peer.subscribe("t", Since::Now).await;
            for number in 0..50 {
                publish(&hub, "t", [number]).await;
                quick.until(&number.to_string()).await;
            }
            while broken.client.recv().await.unwrap().is_some() {}
            let received = broken.client.outcome().unwrap().received;
            let code = received.flatten().map(|frame| frame.code);
            assert_eq!(code, Some(CloseCode::INTERNAL_ERROR), "{kind}");
            settle().await;
            assert_eq!(hub.stats().panicked, 1);
            assert_eq!(hub.held().subscriptions, 1);
            assert_eq!(quick.seen.messages("t"), 50);
        });
    }
}

#[test]
fn a_waker_that_panics_loses_nothing_of_others() {
    struct Panics(AtomicBool);
    impl std::task::Wake for Panics {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
            panic!("the waker panics");
        }
    }
    run::<Simulated>(async {
        let hub = hub(stream()).limits(Limits::new().undelivered(1)).build();
        let mut guest = Guest::new(&hub, &lines());
        guest.peer.subscribe("t", Since::Now).await.unwrap();
        let mut driver = Box::pin(hub.drive(sleep));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(driver.as_mut().poll(&mut cx).is_pending());
        publish(&hub, "t", [1]).await;
        let panics = std::sync::Arc::new(Panics(AtomicBool::new(false)));
        let waker = panics.clone().into();
        let mut waits = Context::from_waker(&waker);
        let mut publishing = Box::pin(hub.publish("t", Publication::text("2")));
        assert!(publishing.as_mut().poll(&mut waits).is_pending());
        assert!(driver.as_mut().poll(&mut cx).is_pending());
        assert!(panics.0.load(Ordering::Relaxed));
        guest.until("1").await;
    });
}

#[test]
fn memory_that_runs_out_forgets_the_histories_used_least_recently() {
    run_timed::<Simulated>(async {
        let limits = Limits::new().memory(100 << 10);
        let rules = open(Rules::stream(History::last(100)));
        let hub = hub(rules).limits(limits).build();
        let old = hub.publish("old", Publication::text("1")).await.unwrap();
        hub.publish("old", Publication::text("2")).await.unwrap();
        let payload = vec![0; 1000];
        for number in 0..500 {
            sleep(Duration::from_millis(1)).await;
            let topic = (number % 10).to_string();
            let publication = Publication::binary(payload.clone());
            hub.publish(&topic, publication).await.unwrap();
            let held = hub.held();
            let bytes = held.topic_bytes + held.peer_bytes;
            assert!(bytes <= 100 << 10, "{bytes} after {number}");
        }
        // The newest is there.
        let (page, _) = hub.history("9", Since::Start, 100).await.unwrap();
        assert!(!page.is_empty());
        let guest = Guest::new(&hub, &lines());
        let subscribed = guest.peer.subscribe("old", old).await.unwrap();
        assert!(
            matches!(subscribed, Subscribed::Gap { .. }),
            "{subscribed:?}"
        );
    });
}

#[test]
fn memory_without_anything_to_forget_is_an_error_until_topics_are_unused() {
    run_timed::<Simulated>(async {
        let limits = Limits::new().memory(60 << 10).commands_per_sec(0);
        let hub = hub(open(Rules::live())).limits(limits).build();
        let guest = Guest::new(&hub, &lines());
        guest.peer.subscribe("first", Since::Now).await.unwrap();
        let mut names = 0u32..;
        let error = loop {
            let name = names.next().unwrap().to_string();
            if let Err(error) = guest.peer.subscribe(&name, Since::Now).await {
                break error;
            }
        };
        assert!(matches!(error, Error::OutOfMemory), "{error:?}");
        let refused = hub.publish("another", Publication::text("")).await;
        assert!(matches!(refused, Err(Error::OutOfMemory)));
        let held = hub.held();
        assert!(held.topic_bytes + held.peer_bytes <= 60 << 10, "{held:?}");
        // Topics that nothing uses are forgotten after a while.
        for name in 0..names.start / 2 {
            guest.peer.unsubscribe(&name.to_string());
        }
        sleep(Duration::from_secs(100)).await;
        let mut guest = Guest::new(&hub, &lines());
        guest.peer.subscribe("first", Since::Now).await.unwrap();
        publish(&hub, "first", [1]).await;
        guest.until("1").await;
    });
}

/// A transport whose writes panic.
mod panicking {
    use std::io::{self, IoSlice};
    use std::task::{Context, Poll};
    use std::time::Instant;

    use wskit_driver::{PollRead, PollWrite, Transport};
    use wskit_test::{Alarm, Clock};

    pub(super) struct Panicking(pub(super) Clock);

    pub(super) struct Half;

    impl PollRead for Half {
        fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl PollWrite for Half {
        fn poll_write(
            &mut self,
            _: &mut Context<'_>,
            _: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            panic!("the transport panics");
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    impl PollRead for Panicking {
        fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
            Half.poll_read(cx, buf)
        }
    }

    impl PollWrite for Panicking {
        fn poll_write(
            &mut self,
            cx: &mut Context<'_>,
            chunks: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Half.poll_write(cx, chunks)
        }

        fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Half.poll_flush(cx)
        }

        fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Half.poll_shutdown(cx)
        }
    }

    impl Transport for Panicking {
        type Read = Half;
        type Write = Half;
        type Timer = Alarm;

        fn timer(&self) -> Alarm {
            self.0.alarm()
        }

        fn into_split(self) -> (Half, Half) {
            (Half, Half)
        }

        fn reunite(_: Half, _: Half) -> Result<Self, (Half, Half)> {
            let clock = Clock::current();
            let _: Instant = clock.now();
            Ok(Self(clock))
        }
    }
}

#[test]
fn a_transport_that_panics_ends_its_own_connection_only() {
    run::<Simulated>(async {
        let hub = hub(stream()).build();
        let transport = panicking::Panicking(wskit_test::Clock::current());
        let ws = wskit_driver::WebSocket::from_parts(
            transport,
            wskit_proto::Role::Server,
            bytes::Bytes::new(),
            wskit_proto::Config::new(),
        );
        let (_reader, writer) = ws.split();
        let broken = hub.attach(&writer, &lines()).unwrap();
        let mut guest = Guest::new(&hub, &lines());
        guest.peer.subscribe("t", Since::Now).await.unwrap();
        let _ = broken.subscribe("t", Since::Now).await;
        publish(&hub, "t", [1, 2]).await;
        guest.until("2").await;
        assert_eq!(hub.held().subscriptions, 1);
        let refused = broken.subscribe("t", Since::Now).await;
        assert!(matches!(refused, Err(Error::Closed)));
    });
}
