//! Payloads whose owner runs code when it is dropped.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wskit_driver::{Lane, LaneConfig, Overflow};
use wskit_proto::{CloseCode, Role, Utf8Bytes};

use super::hook::{Hook, from_everywhere};
use super::methods::{METHODS, Method, once};
use super::scene::{Io, NARROW, Scene, WIDE};

/// Calls the hook when it is dropped.
struct Owner {
    bytes: Vec<u8>,
    hook: Arc<Hook>,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.hook.fire();
    }
}

fn payload(hook: &Arc<Hook>, len: usize) -> Bytes {
    Bytes::from_owner(Owner {
        bytes: vec![b'x'; len],
        hook: hook.clone(),
    })
}

/// Copied into the queue, and dropped at once.
const SMALL: usize = 10;
/// Queued as it is, until it is written.
const LARGE: usize = 20_000;

fn arm(hook: &Hook, scene: &mut Scene, with_reader: bool, method: Method) {
    let mut handles = scene.handles(with_reader);
    hook.arm(move || method(&mut handles));
}

const ROLES: [Role; 2] = [Role::Client, Role::Server];

#[test]
fn payload_that_is_copied_into_the_queue() {
    for role in ROLES {
        for len in [SMALL, LARGE] {
            from_everywhere(METHODS, move |hook, method| {
                let mut scene = Scene::new(role, WIDE);
                arm(hook, &mut scene, true, method);
                let _ = once(scene.writer.feed(payload(hook, len)));
                let _ = scene.writer.try_feed(payload(hook, len));
                if let Some(Ok(permit)) = once(scene.writer.reserve()) {
                    permit.send(payload(hook, len));
                }
                // A server's large payload is kept until it is written.
                let _ = once(scene.writer.flush());
            });
        }
    }
}

#[test]
fn payload_that_a_batch_has_written() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = Scene::new(Role::Server, WIDE);
        scene.writer.try_feed(payload(hook, LARGE)).unwrap();
        arm(hook, &mut scene, true, method);
        let _ = scene.writer.batch(&[]);
    });
}

#[test]
fn payload_that_a_writer_has_written() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = Scene::new(Role::Server, WIDE);
        scene.writer.try_feed(payload(hook, LARGE)).unwrap();
        arm(hook, &mut scene, true, method);
        let _ = once(scene.writer.flush());
    });
}

#[test]
fn payload_that_a_reader_has_written() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = Scene::new(Role::Server, WIDE);
        scene.writer.try_feed(payload(hook, LARGE)).unwrap();
        arm(hook, &mut scene, false, method);
        scene.poll_reader();
    });
}

#[test]
fn payload_that_is_refused() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = Scene::new(Role::Server, NARROW);
        scene.fill();
        arm(hook, &mut scene, true, method);
        let _ = scene.writer.try_feed(payload(hook, SMALL));
        let mut full = scene.writer.lane(LaneConfig::new().max_messages(1));
        let _ = full.push("x");
        let _ = full.push(payload(hook, SMALL));
        let _ = scene.writer.start_close(CloseCode::NORMAL, "");
        let _ = scene.writer.try_feed(payload(hook, SMALL));
        let _ = full.push(payload(hook, SMALL));
    });
}

#[test]
fn payload_of_a_call_that_is_dropped() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = Scene::new(Role::Server, NARROW);
        scene.fill();
        let mut full = scene.writer.lane(LaneConfig::new().max_messages(1));
        full.push("x").unwrap();
        arm(hook, &mut scene, true, method);
        let _ = once(scene.writer.feed(payload(hook, SMALL)));
        let _ = once(scene.writer.send(payload(hook, SMALL)));
        let _ = once(full.feed(payload(hook, SMALL)));
    });
}

/// Returns a connection whose transport takes nothing, and a lane in which `messages` messages wait.
fn lane_with(hook: &Arc<Hook>, messages: usize, config: LaneConfig) -> (Scene, Lane<Io>) {
    let scene = Scene::new(Role::Server, NARROW);
    scene.fill();
    let mut lane = scene.writer.lane(config);
    for _ in 0..messages {
        lane.push(payload(hook, SMALL)).unwrap();
    }
    assert_eq!(lane.buffered().messages, messages);
    (scene, lane)
}

#[test]
fn payload_that_is_displaced_in_its_lane() {
    for rule in [Overflow::DropOldest, Overflow::LatestOnly] {
        from_everywhere(METHODS, move |hook, method| {
            let config = LaneConfig::new().overflow(rule).max_messages(1);
            let (mut scene, mut lane) = lane_with(hook, 1, config);
            arm(hook, &mut scene, true, method);
            let _ = lane.push("newer");
            let _ = once(lane.feed("newest"));
        });
    }
}

#[test]
fn payloads_of_a_lane_that_disconnects() {
    from_everywhere(METHODS, |hook, method| {
        let config = LaneConfig::new().overflow(Overflow::Disconnect);
        let (mut scene, mut lane) = lane_with(hook, 3, config.max_messages(3));
        arm(hook, &mut scene, true, method);
        let _ = lane.push("too much");
    });
}

#[test]
fn payload_that_leaves_its_lane() {
    from_everywhere(METHODS, |hook, method| {
        let (mut scene, lane) = lane_with(hook, 3, LaneConfig::new());
        drop(lane);
        arm(hook, &mut scene, true, method);
        for _ in 0..1_000 {
            scene.make_room();
            let _ = once(scene.writer.flush());
        }
    });
}

#[test]
fn payloads_in_lanes_when_this_side_closes() {
    from_everywhere(METHODS, |hook, method| {
        let (mut scene, _lane) = lane_with(hook, 3, LaneConfig::new());
        arm(hook, &mut scene, true, method);
        let _ = scene.writer.start_close(CloseCode::NORMAL, "");
    });
}

#[test]
fn payloads_in_lanes_when_a_shutdown_closes() {
    from_everywhere(METHODS, |hook, method| {
        let (mut scene, _lane) = lane_with(hook, 3, LaneConfig::new());
        arm(hook, &mut scene, false, method);
        scene.shutdown.request();
        scene.poll_reader();
    });
}

#[test]
fn payloads_when_a_reader_finds_that_the_peer_closes() {
    from_everywhere(METHODS, |hook, method| {
        let (mut scene, _lane) = lane_with(hook, 3, LaneConfig::new());
        scene.receive_close();
        arm(hook, &mut scene, false, method);
        scene.poll_reader();
    });
}

#[test]
fn payloads_when_a_writer_finds_that_the_peer_closes() {
    from_everywhere(METHODS, |hook, method| {
        let (mut scene, _lane) = lane_with(hook, 3, LaneConfig::new());
        scene.receive_close();
        arm(hook, &mut scene, false, method);
        scene.reader = None;
        let _ = once(scene.writer.flush());
    });
}

/// Returns a connection in which messages wait both encoded and in a lane.
fn stuffed(hook: &Arc<Hook>) -> (Scene, Lane<Io>) {
    let scene = Scene::new(Role::Server, NARROW);
    scene.writer.try_feed(payload(hook, LARGE)).unwrap();
    let mut lane = scene.writer.lane(LaneConfig::new());
    lane.push(payload(hook, SMALL)).unwrap();
    assert_eq!(lane.buffered().messages, 1);
    (scene, lane)
}

#[test]
fn payloads_when_a_reader_finds_that_the_transport_has_failed() {
    from_everywhere(METHODS, |hook, method| {
        let (mut scene, _lane) = stuffed(hook);
        arm(hook, &mut scene, false, method);
        scene.peer.probe().reset();
        while !scene.poll_reader() {}
    });
}

#[test]
fn payloads_when_a_writer_finds_that_the_transport_has_failed() {
    from_everywhere(METHODS, |hook, method| {
        let (mut scene, _lane) = stuffed(hook);
        arm(hook, &mut scene, true, method);
        scene.peer.probe().reset();
        let _ = once(scene.writer.flush());
    });
}

#[test]
fn payloads_when_a_push_finds_that_the_transport_has_failed() {
    from_everywhere(METHODS, |hook, method| {
        let (mut scene, mut lane) = stuffed(hook);
        arm(hook, &mut scene, true, method);
        scene.peer.probe().reset();
        let _ = lane.push("x");
    });
}

#[test]
fn payloads_when_the_close_deadline_of_a_writer_passes() {
    from_everywhere(METHODS, |hook, method| {
        let (mut scene, _lane) = stuffed(hook);
        let clock = scene.clock.clone();
        let writer = scene.writer.clone();
        let mut close = Box::pin(writer.close(CloseCode::NORMAL, ""));
        assert!(once(close.as_mut()).is_none());
        arm(hook, &mut scene, false, method);
        clock.advance(Duration::from_secs(3600));
        let _ = once(close.as_mut());
    });
}

#[test]
fn payloads_when_a_shutdown_gives_up() {
    from_everywhere(METHODS, |hook, method| {
        let (mut scene, _lane) = stuffed(hook);
        let shutdown = scene.shutdown.clone();
        let mut finish = Box::pin(shutdown.finish(Duration::from_secs(1)));
        assert!(once(finish.as_mut()).is_none());
        scene.poll_reader();
        arm(hook, &mut scene, false, method);
        scene.clock.advance(Duration::from_secs(2));
        let _ = once(finish.as_mut());
        scene.poll_reader();
    });
}

#[test]
fn reason_of_a_close() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = Scene::new(Role::Server, WIDE);
        let reason = |len| Utf8Bytes::try_from(payload(hook, len)).unwrap();
        let reasons = [reason(124), reason(SMALL), reason(SMALL)];
        arm(hook, &mut scene, true, method);
        for reason in reasons {
            let _ = scene.writer.start_close(CloseCode::NORMAL, reason);
        }
    });
}
