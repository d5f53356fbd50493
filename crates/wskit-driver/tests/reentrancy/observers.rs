//! Observers and subscribers of `tracing`.

use std::sync::Arc;
use std::time::Duration;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use wskit_driver::{Ended, Observed, Observer};
use wskit_frame::OpCode;
use wskit_proto::{CloseCode, Config, Keepalive, Role};

use super::hook::{Hook, from_everywhere};
use super::methods::{METHODS, Method, once};
use super::scene::{Scene, WIDE, pong_to};

/// Calls the hook in each of its methods.
pub(crate) struct Telling(pub(crate) Arc<Hook>);

impl Observer for Telling {
    fn opened(&self, _: &Observed<'_>) {
        self.0.fire();
    }

    fn refused(&self, _: Role, _: &(dyn std::error::Error + 'static)) {
        self.0.fire();
    }

    fn round_trip(&self, _: &Observed<'_>, _: Duration) {
        self.0.fire();
    }

    fn ended(&self, _: &Observed<'_>, _: &Ended<'_>) {
        self.0.fire();
    }
}

impl Subscriber for Telling {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "wskit"
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {
        self.0.fire();
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn observed(hook: &Arc<Hook>) -> Scene {
    let keepalive = Keepalive {
        every: Duration::from_secs(20),
        answer_within: Duration::from_secs(20),
    };
    let config = Config::new().keepalive(Some(keepalive));
    let observer = Arc::new(Telling(hook.clone()));
    Scene::with(Role::Server, WIDE, config, Some(observer))
}

fn arm(hook: &Hook, scene: &mut Scene, method: Method) {
    let mut handles = scene.handles(false);
    hook.arm(move || method(&mut handles));
}

fn reader_finds_the_end(hook: &Arc<Hook>, method: Method, mut scene: Scene) {
    scene.receive_close();
    arm(hook, &mut scene, method);
    while !scene.poll_reader() {}
}

fn writer_finds_the_end(hook: &Arc<Hook>, method: Method, mut scene: Scene) {
    scene.receive_close();
    arm(hook, &mut scene, method);
    scene.reader = None;
    let _ = once(scene.writer.flush());
    let _ = once(scene.writer.close(CloseCode::NORMAL, ""));
}

/// No handle of the connection exists yet while it is opened: the methods are called on another connection
/// with the same observer.
#[test]
fn observer_that_is_told_of_an_opening() {
    from_everywhere(METHODS, |hook, method| {
        let mut other = observed(hook);
        let mut handles = other.handles(true);
        hook.arm(move || method(&mut handles));
        drop(observed(hook));
    });
}

#[test]
fn observer_that_a_reader_tells_of_the_end() {
    from_everywhere(METHODS, |hook, method| {
        reader_finds_the_end(hook, method, observed(hook));
    });
}

#[test]
fn observer_that_a_writer_tells_of_the_end() {
    from_everywhere(METHODS, |hook, method| {
        writer_finds_the_end(hook, method, observed(hook));
    });
}

#[test]
fn observer_that_is_told_of_a_lost_connection_by_a_writer() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = observed(hook);
        scene.peer.hang_up();
        arm(hook, &mut scene, method);
        scene.reader = None;
        let _ = once(scene.writer.send("x"));
        let _ = once(scene.writer.close(CloseCode::NORMAL, ""));
    });
}

#[test]
fn subscriber_that_a_reader_tells_of_the_end() {
    from_everywhere(METHODS, |hook, method| {
        tracing::subscriber::with_default(Telling(hook.clone()), || {
            reader_finds_the_end(hook, method, observed(&Arc::default()));
        });
    });
}

#[test]
fn subscriber_that_a_writer_tells_of_the_end() {
    from_everywhere(METHODS, |hook, method| {
        tracing::subscriber::with_default(Telling(hook.clone()), || {
            writer_finds_the_end(hook, method, observed(&Arc::default()));
        });
    });
}

/// Sends a keepalive ping and receives its pong.
fn ping_and_pong(scene: &mut Scene, mut poll: impl FnMut(&mut Scene)) {
    poll(scene);
    scene.clock.advance(Duration::from_secs(21));
    poll(scene);
    let ping = once(scene.peer.frame()).unwrap();
    assert_eq!(ping.opcode, OpCode::Ping);
    scene.receive(pong_to(Role::Server, &ping.payload));
    scene.clock.advance(Duration::from_millis(1));
    poll(scene);
}

#[test]
fn observer_that_a_reader_tells_of_a_round_trip() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = observed(hook);
        arm(hook, &mut scene, method);
        ping_and_pong(&mut scene, |scene| {
            assert!(!scene.poll_reader());
        });
    });
}

#[test]
fn observer_that_a_writer_tells_of_a_round_trip() {
    from_everywhere(METHODS, |hook, method| {
        let mut scene = observed(hook);
        arm(hook, &mut scene, method);
        scene.reader = None;
        ping_and_pong(&mut scene, |scene| _ = once(scene.writer.flush()));
    });
}
