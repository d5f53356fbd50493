//! Wakers, whose code runs when they are woken, cloned and dropped, and which must be dropped with the call
//! that waited.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_sink::Sink;
use wskit_driver::LaneConfig;
use wskit_proto::{CloseCode, MessageKind, Role};

use super::hook::{Hook, from_everywhere};
use super::methods::{METHODS, Method, once};
use super::scene::{NARROW, Scene};
use super::waker::{On, calling};

type Wait = Pin<Box<dyn Future<Output = ()>>>;

/// A call that waits.
type Kind = fn(&mut Scene) -> Wait;

/// Polls a call as long as it waits.
struct Task(Option<Wait>);

impl Task {
    fn poll(&mut self, waker: &Waker) {
        let polled = self.0.as_mut().map(|wait| {
            let mut cx = Context::from_waker(waker);
            wait.as_mut().poll(&mut cx).is_ready()
        });
        if polled == Some(true) {
            self.0 = None;
        }
    }
}

/// What happens while a call waits.
#[derive(Clone, Copy)]
struct Course {
    on: On,
    /// The reader was dropped.
    parked: bool,
    /// Whether it is the peer that closes, and not this side.
    peer_closes: bool,
}

/// Waits with one waker, then with another, is woken by room and by the end, and is dropped.
fn wait(hook: &Arc<Hook>, method: Method, course: Course, kind: Kind) {
    let Course { on, parked, .. } = course;
    let mut scene = Scene::new(Role::Server, NARROW);
    scene.fill();
    let mut task = Task(Some(kind(&mut scene)));
    if parked {
        scene.reader = None;
    }
    let mut handles = scene.handles(true);
    hook.arm(move || method(&mut handles));
    let first = calling(hook, on);
    task.poll(&first);
    let second = calling(hook, on);
    task.poll(&second);
    drop(first);
    if course.peer_closes {
        // Nothing was written meanwhile, so the task still waits.
        scene.receive_close();
        let _ = once(scene.writer.flush());
        task.poll(&second);
    }
    scene.make_room();
    task.poll(&second);
    let _ = once(scene.writer.flush());
    task.poll(&second);
    let _ = scene.writer.start_close(CloseCode::NORMAL, "");
    scene.shutdown.request();
    task.poll(&second);
    if !course.peer_closes {
        scene.make_room();
        scene.receive_close();
        task.poll(&second);
    }
    let _ = once(scene.writer.close(CloseCode::NORMAL, ""));
    scene.clock.advance(Duration::from_secs(3600));
    drop(task);
    drop(second);
}

fn waits(kind: Kind) {
    for on in [On::Wake, On::Clone, On::Drop] {
        for (parked, peer_closes) in [(false, false), (false, true), (true, false), (true, true)] {
            let course = Course {
                on,
                parked,
                peer_closes,
            };
            from_everywhere(METHODS, move |hook, method| {
                wait(hook, method, course, kind);
            });
        }
    }
}

/// A waker that is counted until it is dropped.
struct Counted(#[allow(dead_code, reason = "counted by its references")] Arc<()>);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {}
}

/// Returns how many wakers are left of calls that were polled once and dropped.
fn left_behind(kind: Kind) -> usize {
    let living = Arc::new(());
    let mut scene = Scene::new(Role::Server, NARROW);
    scene.fill();
    for _ in 0..4_000 {
        let waker = Waker::from(Arc::new(Counted(living.clone())));
        Task(Some(kind(&mut scene))).poll(&waker);
        if scene.reader.is_none() {
            break;
        }
    }
    Arc::strong_count(&living) - 1
}

macro_rules! waits {
    ($($name:ident: $kind:expr,)*) => {
        $(
            mod $name {
                use super::*;

                const KIND: Kind = $kind;

                #[test]
                fn calls_back() {
                    waits(KIND);
                }

                /// Neither the socket nor the peer has done anything meanwhile.
                #[test]
                fn goes_with_its_call() {
                    assert_eq!(left_behind(KIND), 0);
                }
            }
        )*
    };
}

/// The transport has the reader's waker too: it keeps the last one that it was polled with.
#[test]
fn receive_calls_back() {
    waits(|scene| {
        // The reader moves into the call.
        let mut reader = scene.reader.take().unwrap();
        Box::pin(async move { _ = reader.recv().await })
    });
}

waits! {
    send: |scene| {
        let writer = scene.writer.clone();
        Box::pin(async move { _ = writer.send("x").await })
    },
    feed: |scene| {
        let writer = scene.writer.clone();
        Box::pin(async move { _ = writer.feed("x").await })
    },
    flush: |scene| {
        let writer = scene.writer.clone();
        Box::pin(async move { _ = writer.flush().await })
    },
    ping: |scene| {
        let writer = scene.writer.clone();
        Box::pin(async move { _ = writer.ping(b"x").await })
    },
    reservation: |scene| {
        let writer = scene.writer.clone();
        Box::pin(async move { drop(writer.reserve().await) })
    },
    message_in_pieces: |scene| {
        let writer = scene.writer.clone();
        Box::pin(async move {
            if let Ok(mut message) = writer.begin(MessageKind::Binary).await {
                _ = message.write(&[0; 3_000]).await;
                _ = message.flush().await;
                _ = message.finish().await;
            }
        })
    },
    close: |scene| {
        let writer = scene.writer.clone();
        Box::pin(async move { _ = writer.close(CloseCode::NORMAL, "").await })
    },
    sink_that_wants_room: |scene| {
        let mut writer = scene.writer.clone();
        Box::pin(async move { _ = poll_fn(|cx| Pin::new(&mut writer).poll_ready(cx)).await })
    },
    sink_that_flushes: |scene| {
        let mut writer = scene.writer.clone();
        Box::pin(async move { _ = poll_fn(|cx| Pin::new(&mut writer).poll_flush(cx)).await })
    },
    sink_that_closes: |scene| {
        let mut writer = scene.writer.clone();
        Box::pin(async move { _ = poll_fn(|cx| Pin::new(&mut writer).poll_close(cx)).await })
    },
    full_lane: |scene| {
        let mut lane = scene.writer.lane(LaneConfig::new().max_messages(1));
        lane.push("x").unwrap();
        Box::pin(async move { _ = lane.feed("y").await })
    },
    lane_that_flushes: |scene| {
        let mut lane = scene.writer.lane(LaneConfig::new());
        lane.push("x").unwrap();
        Box::pin(async move { _ = lane.flush().await })
    },
    request_of_a_shutdown: |scene| {
        let shutdown = scene.shutdown.clone();
        Box::pin(async move { shutdown.requested().await })
    },
    accept_until_a_shutdown: |scene| {
        let shutdown = scene.shutdown.clone();
        Box::pin(async move { _ = shutdown.until_requested(std::future::pending::<()>()).await })
    },
    end_of_a_shutdown: |scene| {
        let shutdown = scene.shutdown.clone();
        Box::pin(async move { _ = shutdown.finish(Duration::from_secs(60)).await })
    },
}

/// The socket has dropped the waker. The connection, which goes on, must drop it too.
#[test]
fn waker_of_a_reader_that_was_dropped() {
    let living = Arc::new(());
    let mut scene = Scene::new(Role::Server, NARROW);
    let waker = Waker::from(Arc::new(Counted(living.clone())));
    let mut reader = scene.reader.take().unwrap();
    let mut cx = Context::from_waker(&waker);
    assert!(reader.poll_recv(&mut cx).is_pending());
    let ping = scene.peer.frames().ping(b"");
    scene.receive(ping);
    drop(waker);
    drop(reader);
    assert_eq!(Arc::strong_count(&living) - 1, 0);
}

/// Wakers that are kept without a call that waits, for room and for the end.
#[test]
fn wakers_of_no_call() {
    for on in [On::Wake, On::Clone, On::Drop] {
        for (parked, peer_closes) in [(false, false), (false, true), (true, false), (true, true)] {
            from_everywhere(METHODS, move |hook, method| {
                let mut scene = Scene::new(Role::Server, NARROW);
                scene.fill();
                if parked {
                    scene.reader = None;
                }
                let weak = scene.writer.downgrade();
                let mut handles = scene.handles(!parked && !peer_closes);
                hook.arm(move || method(&mut handles));
                let wakers = [calling(hook, on), calling(hook, on)];
                for waker in wakers.iter().chain(&wakers) {
                    weak.wake_when_room(waker);
                    weak.wake_when_closed(waker);
                }
                scene.make_room();
                // The transport has woken them, and they are kept again.
                for waker in &wakers {
                    scene.writer.wake_when_room(waker);
                }
                let _ = scene.writer.batch(&[]);
                if peer_closes {
                    scene.receive_close();
                    if scene.reader.is_some() {
                        scene.poll_reader();
                    }
                }
                let _ = once(scene.writer.close(CloseCode::NORMAL, ""));
                for waker in &wakers {
                    weak.wake_when_room(waker);
                    weak.wake_when_closed(waker);
                }
                drop(scene);
                for waker in &wakers {
                    weak.wake_when_room(waker);
                    weak.wake_when_closed(waker);
                }
            });
        }
    }
}

/// Connections that have ended in each way keep no waker.
#[test]
fn wakers_of_no_call_go_with_the_connection() {
    for peer_closes in [true, false] {
        let living = Arc::new(());
        let mut scene = Scene::new(Role::Server, NARROW);
        scene.fill();
        for _ in 0..10 {
            let waker = Waker::from(Arc::new(Counted(living.clone())));
            scene.writer.wake_when_room(&waker);
            scene.writer.wake_when_closed(&waker);
        }
        assert!(Arc::strong_count(&living) > 10);
        let lane = scene.writer.lane(LaneConfig::new());
        if peer_closes {
            scene.make_room();
            scene.receive_close();
            // Each takes what the pipe has room for, and the peer reads it.
            let is_over = (0..100).any(|_| {
                scene.make_room();
                scene.poll_reader()
            });
            assert!(is_over);
            assert_eq!(Arc::strong_count(&living), 1, "it is over");
        }
        scene.reader = None;
        drop(scene);
        assert_eq!(Arc::strong_count(&living), 1);
        drop(lane);
    }
}
