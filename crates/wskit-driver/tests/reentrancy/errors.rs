//! Errors of the transport with a foreign value inside, whose code runs when they are dropped.

use std::sync::Arc;

use wskit_driver::{Lane, LaneConfig};
use wskit_proto::{CloseCode, Role, SendError};
use wskit_test::{Fault, Faults};

use super::hook::{Hook, from_everywhere};
use super::methods::{METHODS, Method, once};
use super::scene::{Io, NARROW, Scene, WIDE, pong_to};

fn arm(hook: &Hook, scene: &mut Scene, method: Method) {
    let mut handles = scene.handles(true);
    hook.arm(move || method(&mut handles));
}

fn full(hook: &Arc<Hook>) -> Scene {
    let scene = Scene::with_foreign_errors(Role::Server, NARROW, hook);
    scene.fill();
    scene
}

#[test]
fn error_that_a_push_finds() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = full(hook);
        let mut lane = scene.writer.lane(LaneConfig::new().max_messages(1));
        let _ = lane.push("x");
        arm(hook, &mut scene, method);
        scene.peer.probe().reset();
        let _ = lane.push("y");
    });
}

#[test]
fn error_that_a_batch_finds() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = full(hook);
        arm(hook, &mut scene, method);
        scene.peer.probe().reset();
        assert_eq!(scene.writer.batch(&[]), Err(SendError::Closed));
    });
}

/// The pong lets the second message of a lane go.
#[test]
fn error_that_the_pong_of_a_lane_finds() {
    from_everywhere(METHODS, |hook, method| {
        for at in 0..4 {
            let mut scene = Scene::with_foreign_errors(Role::Server, WIDE, hook);
            let mut lane = scene.writer.lane(LaneConfig::new().paced(1));
            lane.push("1").unwrap();
            lane.push("2").unwrap();
            scene.receive(pong_to(Role::Server, b"lane\0\0\0\x01"));
            let mut reader = scene.reader.take().unwrap();
            arm(hook, &mut scene, method);
            scene.probe.set_faults(Faults::at(Fault::Reset, at));
            let _ = once(reader.recv());
            hook.disarm();
        }
    });
}

/// The transport wakes inside the write of the call, which then writes again and finds the error.
#[test]
fn error_that_a_waiting_call_finds() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = full(hook);
        let (first, second) = (scene.writer.clone(), scene.writer.clone());
        let mut first = Box::pin(first.send("x"));
        let mut second = Box::pin(second.send("y"));
        assert!(once(first.as_mut()).is_none());
        assert!(once(second.as_mut()).is_none());
        arm(hook, &mut scene, method);
        scene.probe.set_faults(Faults::hesitant());
        scene.peer.probe().reset();
        let _ = once(second.as_mut());
        let _ = once(first.as_mut());
    });
}

/// A session of an end that closes, with and without its reader, whose transport fails at each
/// operation in turn.
#[test]
fn error_anywhere_in_a_closing_handshake() {
    for peer_closes in [false, true] {
        for parked in [false, true] {
            from_everywhere(METHODS, move |hook, method| {
                for at in 0..10 {
                    let mut scene = Scene::with_foreign_errors(Role::Server, WIDE, hook);
                    let mut reader = scene.reader.take_if(|_| !parked);
                    arm(hook, &mut scene, method);
                    scene.receive_close();
                    scene.probe.set_faults(Faults::at(Fault::Reset, at));
                    if !peer_closes {
                        let _ = scene.writer.start_close(CloseCode::NORMAL, "");
                        let _ = once(scene.writer.flush());
                    }
                    for _ in 0..4 {
                        let _ = once(scene.writer.close(CloseCode::NORMAL, ""));
                        let _ = once(scene.writer.flush());
                        if let Some(reader) = &mut reader {
                            let _ = once(reader.recv());
                        }
                    }
                    hook.disarm();
                }
            });
        }
    }
}

type LaneMethod = fn(&mut Lane<Io>);

/// Only a lane is left, so its methods alone can be called.
#[test]
fn error_when_the_last_writer_is_dropped() {
    let methods: &[(&str, LaneMethod)] = &[
        ("Lane::push", |lane| _ = lane.push("x")),
        ("Lane::send", |lane| _ = once(lane.send("x"))),
        ("Lane::buffered", |lane| _ = lane.buffered()),
    ];
    from_everywhere(methods, |hook, method| {
        for at in 0..3 {
            let mut scene = Scene::with_foreign_errors(Role::Server, WIDE, hook);
            let mut lane = scene.writer.lane(LaneConfig::new());
            hook.arm(move || method(&mut lane));
            scene.writer.try_feed("x").unwrap();
            scene.probe.set_faults(Faults::at(Fault::Reset, at));
            scene.reader = None;
            drop(scene);
            hook.disarm();
        }
    });
}
