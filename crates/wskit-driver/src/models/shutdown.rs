//! Models of a shutdown: every connection is told, and it finishes when the last one is gone.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use loom::thread;
use wskit_proto::MessageKind;

use super::executor::block_on;
use super::socket::{Clock, fill, split};
use super::{join, model, spawn_with};
use crate::Shutdown;
use crate::shutdown::{Joining, Member, Role, Told, accept_until_requested};
use crate::sync::{Arc, AtomicUsize, Ordering};

/// Two connections are dropped while the shutdown is requested and waits without a deadline. A
/// connection that was dropped before the request does not count.
#[test]
fn finish_ends_when_the_last_connection_has_gone() {
    model(3, || {
        let shutdown = Shutdown::with_timer(Clock::still());
        let leaving = [(); 2].map(|()| {
            let (shutdown, member) = (shutdown.clone(), shutdown.member());
            thread::spawn(move || {
                let before = shutdown.is_requested();
                drop(member);
                (before, shutdown.is_requested())
            })
        });
        let report = block_on(shutdown.finish(Duration::MAX)).unwrap();
        assert_eq!(shutdown.connections(), 0);
        let left = join(leaving);
        let least = left.iter().filter(|(before, _)| *before).count();
        let most = left.iter().filter(|(_, after)| *after).count();
        assert!((least..=most).contains(&report.dropped), "{report}");
        assert_eq!(report.total(), report.dropped);
    });
}

/// A shutdown is requested inside a message in pieces, which is finished first: the reader, which waits
/// or is about to, is told then.
#[test]
fn reader_is_told_when_a_message_in_pieces_has_ended() {
    model(2, || {
        let shutdown = Shutdown::with_timer(Clock::still());
        let (mut reader, writer, socket) = split(usize::MAX);
        socket.answer_going_away();
        reader.track(&shutdown);
        let streaming = thread::spawn(move || {
            block_on(async {
                let message = writer.begin(MessageKind::Binary).await.unwrap();
                shutdown.request();
                message.finish().await.unwrap();
            });
        });
        assert!(block_on(reader.recv()).unwrap().is_none());
        join([streaming]);
    });
}

/// A connection joins while the shutdown is requested: it is told, and counts.
#[test]
fn connection_that_joins_late_is_told() {
    model(3, || {
        let shutdown = Shutdown::with_timer(Clock::still());
        let joining = spawn_with(&shutdown, move |shutdown| {
            let mut member = shutdown.member();
            wait_for(&mut member, Told::Close);
        });
        let first = block_on(shutdown.finish(Duration::MAX)).unwrap();
        join([joining]);
        let last = block_on(shutdown.finish(Duration::MAX)).unwrap();
        assert!(first.dropped <= 1, "{first}");
        assert_eq!((last.dropped, last.total()), (1, 1));
    });
}

/// One `finish` reaches its deadline while another waits without one. One connection stays until it is
/// given up, and one is dropped: both calls return the same report.
#[test]
fn finishes_end_when_one_gives_up() {
    model(2, || {
        let shutdown = Shutdown::with_timer(Clock::leaping());
        let mut stays = shutdown.member();
        let staying = thread::spawn(move || wait_for(&mut stays, Told::GiveUp));
        let goes = shutdown.member();
        let going = thread::spawn(move || drop(goes));
        let waiting = spawn_with(&shutdown, move |shutdown| {
            block_on(shutdown.finish(Duration::MAX)).unwrap()
        });
        let report = block_on(shutdown.finish(Duration::ZERO)).unwrap();
        assert_eq!(join([waiting]), [report]);
        join([staying, going]);
        assert!(report.timed_out == 1 || report.timed_out == 2, "{report}");
        assert!(report.total() <= 2, "{report}");
    });
}

/// A task that waits for the request is woken, while other connections join and leave.
#[test]
fn request_reaches_those_who_wait_for_it() {
    model(3, || {
        let shutdown = Shutdown::with_timer(Clock::still());
        let waiting = spawn_with(&shutdown, move |shutdown| block_on(shutdown.requested()));
        let passing = spawn_with(&shutdown, move |shutdown| drop(shutdown.member()));
        shutdown.request();
        join([waiting, passing]);
    });
}

/// A reader that waits, or is about to, closes with 1001 and sees the peer's answer.
#[test]
fn shutdown_closes_a_connection_that_waits() {
    model(3, || {
        let (mut reader, writer, socket) = split(usize::MAX);
        socket.answer_going_away();
        let shutdown = Shutdown::with_timer(Clock::still());
        reader.track(&shutdown);
        let reading = thread::spawn(move || assert!(block_on(reader.recv()).unwrap().is_none()));
        let report = block_on(shutdown.finish(Duration::MAX)).unwrap();
        assert_eq!((report.clean, report.total()), (1, 1));
        join([reading]);
        assert!(writer.outcome().unwrap().is_clean());
    });
}

/// The reader was dropped, and a writer waits for room in vain: the shutdown ends its call.
#[test]
fn shutdown_reaches_a_writer_without_a_reader() {
    model(3, || {
        let (mut reader, writer, _) = split(0);
        let shutdown = Shutdown::with_timer(Clock::still());
        reader.track(&shutdown);
        drop(reader);
        fill(&writer);
        let waiting = thread::spawn(move || block_on(writer.feed(&b"x"[..])).unwrap_err());
        shutdown.request();
        for error in join([waiting]) {
            assert!(error.is_closed(), "{error:?}");
        }
    });
}

/// A step of the loop that accepts connections: a client is there when the shutdown is requested. It joins
/// before `finish` ends, or is not accepted.
#[test]
fn no_connection_is_accepted_after_finish() {
    model(3, || {
        let shutdown = Shutdown::with_timer(Clock::still());
        let finished = Arc::new(AtomicUsize::new(0));
        let has_finished = finished.clone();
        let accepting = spawn_with(&shutdown, move |shutdown| {
            let members = shutdown.members();
            let mut stopping = members.join(Role::Waits);
            let client = std::future::ready(());
            let accepting = accept_until_requested(Some(&members), Some(&mut stopping), client);
            if let Some(((), step)) = block_on(accepting) {
                let joining = Joining::new(Some(members.join(Role::Opening)));
                drop(step);
                assert_eq!(has_finished.load(Ordering::SeqCst), 0);
                drop(joining);
            }
        });
        block_on(shutdown.finish(Duration::MAX)).unwrap();
        finished.store(1, Ordering::SeqCst);
        join([accepting]);
    });
}

fn wait_for(member: &mut Member, told: Told) {
    block_on(poll_fn(|cx| {
        while let Some(now) = member.poll_told(|| true, cx) {
            if now == told {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }));
}
