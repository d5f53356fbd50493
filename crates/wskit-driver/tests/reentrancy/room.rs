//! A room as in the guide: a list of lanes, or of weak writers, behind a lock that is held while messages are
//! pushed, or batches queued.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use wskit_driver::{Ended, Lane, LaneConfig, Observed, Observer, Overflow, WeakWriter};
use wskit_proto::{Config, PreparedMessage, Role};

use super::hook::from_everywhere;
use super::methods::once;
use super::scene::{Io, NARROW, Scene, WIDE};

#[derive(Default)]
struct Room {
    members: Mutex<Vec<Member>>,
    ended: AtomicUsize,
}

enum Member {
    Lane(Lane<Io>),
    Weak(WeakWriter<Io>),
}

impl Room {
    fn publish(&self) {
        let news = PreparedMessage::text("news");
        let mut members = self.members.lock().unwrap();
        members.retain_mut(|member| match member {
            Member::Lane(lane) => lane.push(&news).is_ok(),
            Member::Weak(writer) => writer.batch(&[&news]).is_ok(),
        });
    }
}

/// Locks the list of the room whenever it is called.
impl Observer for Room {
    fn ended(&self, _: &Observed<'_>, _: &Ended<'_>) {
        let members = self.members.lock().unwrap();
        drop(members);
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// What happens to the connection that messages are sent to.
type Fate = fn(&mut Scene);

/// A push calls no observer. The next awaited call does, or the drop of the last handle.
#[test]
fn push_with_the_list_locked_that_the_observer_locks() {
    publish_locked(|scene| {
        let rule = LaneConfig::new().overflow(Overflow::Disconnect);
        Member::Lane(scene.writer.lane(rule.max_messages(3)))
    });
}

/// A batch calls no observer either.
#[test]
fn batch_with_the_list_locked_that_the_observer_locks() {
    publish_locked(|scene| Member::Weak(scene.writer.downgrade()));
}

fn publish_locked(join: fn(&Scene) -> Member) {
    let fates: &[(&'static str, Fate)] = &[
        ("goes on", |_| {}),
        ("closed by the peer", |scene| {
            scene.receive_close();
            scene.reader = None;
        }),
        ("closed by the peer, not yet read", Scene::receive_close),
        ("gone", |scene| {
            scene.peer.hang_up();
            scene.reader = None;
        }),
        ("gone, not yet read", |scene| scene.peer.hang_up()),
        ("reset", |scene| {
            scene.peer.probe().reset();
            scene.reader = None;
        }),
        ("broken rule", |scene| {
            scene.receive(b"\xff\x80\x00\x00\x00\x00");
            scene.reader = None;
        }),
        ("too slow", |scene| {
            let _ = once(scene.writer.send(vec![0; 3_000]));
            scene.reader = None;
        }),
    ];
    for room_in_pipe in [WIDE, NARROW] {
        from_everywhere(fates, move |hook, fate| {
            let room = Arc::new(Room::default());
            let config = Config::new().keepalive(None).write_high_water(2_000);
            let observer: Arc<dyn Observer> = room.clone();
            let mut scene = Scene::with(Role::Server, room_in_pipe, config, Some(observer));
            room.members.lock().unwrap().push(join(&scene));
            fate(&mut scene);
            for _ in 0..300 {
                room.publish();
            }
            assert_eq!(room.ended.load(Ordering::Relaxed), 0);
            // They are dropped without the lock.
            let members = std::mem::take(&mut *room.members.lock().unwrap());
            drop(members);
            drop(scene);
            assert_eq!(room.ended.load(Ordering::Relaxed), 1, "reported once");
            hook.arm(|| {});
            hook.fire();
        });
    }
}
