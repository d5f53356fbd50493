use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::Poll;

use wskit_driver::{PollRead, PollWrite};
use wskit_frame::OpCode;
use wskit_test::{Frame, Frames, PipeRead, PipeWrite, pause};

use crate::End;
use crate::dice::Dice;
use crate::watched::data;
use crate::world::{Job, World};

/// Reads in parts, with pauses, and sometimes answers.
pub(crate) async fn peer_reads(world: Rc<World>, mut read: PipeRead, mut dice: Dice) {
    let frames = Frames::to(world.role);
    let mut unread = Vec::new();
    loop {
        let rests = dice.pick(&[0, 0, 1, 3, 30]);
        for _ in 0..rests {
            pause().await;
        }
        let mut buf = vec![0; dice.pick(&[1, 10, 500, 4096])];
        let n = poll_fn(|cx| PollRead::poll_read(&mut read, cx, &mut buf)).await;
        let Ok(n @ 1..) = n else {
            world.peer_read_all.set(true);
            return world.changed();
        };
        unread.extend_from_slice(&buf[..n]);
        while let Some((frame, size)) = Frame::parse(world.role, &unread) {
            unread.drain(..size);
            match frame.opcode {
                OpCode::Binary => {
                    let who = usize::from(frame.payload[0]);
                    let number = world.sinks[who].arrived.get();
                    assert!(
                        frame.payload == data(who, number, frame.payload.len()),
                        "sink {who}: {frame:?} for {number}"
                    );
                    world.sinks[who].arrived.set(number + 1);
                    match dice.below(6) {
                        0 => world.job(Job::Frame(frames.ping(b"?"))),
                        1 | 2 => world.answer(),
                        _ => {}
                    }
                }
                OpCode::Close => {
                    for _ in 0..dice.below(3) {
                        world.answer();
                    }
                    world.job(Job::Close);
                    world.job(Job::Finish);
                }
                _ => {}
            }
        }
        world.changed();
    }
}

/// Writes what is queued.
pub(crate) async fn peer_writes(world: Rc<World>, mut write: PipeWrite, mut dice: Dice) {
    loop {
        let job = poll_fn(|cx| match world.jobs.borrow_mut().pop_front() {
            Some(job) => Poll::Ready(job),
            None => {
                *world.peer.borrow_mut() = Some(cx.waker().clone());
                Poll::Pending
            }
        })
        .await;
        for _ in 0..dice.pick(&[0, 1, 10]) {
            pause().await;
        }
        let bytes = match job {
            Job::Frame(bytes) => bytes,
            Job::Close => {
                world.ending.set(true);
                Frames::to(world.role).close(1000, "")
            }
            Job::Finish => {
                let _ = poll_fn(|cx| PollWrite::poll_shutdown(&mut write, cx)).await;
                return;
            }
        };
        let mut left = &bytes[..];
        while !left.is_empty() {
            let chunk = [IoSlice::new(left)];
            let written = poll_fn(|cx| PollWrite::poll_write(&mut write, cx, &chunk)).await;
            let Ok(n) = written else { return };
            left = &left[n..];
        }
    }
}

/// Ends the connection at some time, if the plan says that the peer does.
pub(crate) async fn peer_ends(world: Rc<World>, mut dice: Dice) {
    for _ in 0..dice.below(300) {
        pause().await;
    }
    match world.plan.end {
        End::Peers => world.job(Job::Close),
        End::Gone => {
            world.ending.set(true);
            world.far.reset();
        }
        End::None | End::Ours => {}
    }
}
