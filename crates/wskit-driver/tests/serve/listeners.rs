//! Where connections come from, and accepts that fail.

use std::future::IntoFuture;
use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use wskit_driver::{StreamListener, Timer};
use wskit_test::{Alarm, Executor, once};

use crate::scene::{Clients, Notes, echo, leave, run, server, settle, spawn, talk};

/// Why accept(2) fails when there are no descriptors left.
const EMFILE: i32 = 24;

#[test]
fn connections_of_a_stream_are_served_side_by_side() {
    run(async {
        let clients = Clients::default();
        let notes = Notes::default();
        let ended = spawn(
            server()
                .serve(clients.listener(), {
                    let notes = notes.clone();
                    move |ws, peer| async move {
                        notes.add(peer);
                        echo(ws, peer).await
                    }
                })
                .on_error(notes.on_error()),
        );
        let mut ann = clients.open("ann").await;
        let mut bob = clients.open("bob").await;
        talk(&mut bob, "hello").await;
        talk(&mut ann, "hi").await;
        assert_eq!(notes.take(), ["ann", "bob"]);
        leave(ann).await;
        leave(bob).await;
        assert!(notes.take().is_empty());
        assert!(ended.take().is_empty());
    });
}

#[test]
fn end_of_the_stream_ends_the_future_and_no_connection() {
    run(async {
        let clients = Clients::default();
        let ended = spawn(server().serve(clients.listener(), echo));
        let mut client = clients.open("ann").await;
        clients.end();
        settle().await;
        assert_eq!(ended.take(), ["Ok(())"]);
        talk(&mut client, "still here").await;
        leave(client).await;
    });
}

#[test]
fn dropped_future_stops_accepting_and_ends_no_connection() {
    run(async {
        let clients = Clients::default();
        let mut serving = server().serve(clients.listener(), echo).into_future();
        let mut ann = clients.connect("ann");
        ann.send(crate::scene::REQUEST).await;
        assert!(once(&mut serving).await.is_none());
        drop(serving);
        let mut late = clients.connect("late");
        assert!(ann.head().await.starts_with("HTTP/1.1 101 "));
        talk(&mut ann, "still here").await;
        leave(ann).await;
        assert_eq!(clients.waiting(), 1);
        assert!(once(late.read()).await.is_none());
    });
}

/// The panic reaches the program, and takes neither the connections nor their places with it.
#[test]
fn listener_that_panics_ends_the_future_and_no_connection() {
    run(async {
        let clients = Clients::default();
        let connections = clients.clone().map(|accepted| match accepted {
            Ok((_, "the last")) => panic!("a listener of this test"),
            accepted => accepted,
        });
        let server = server().serve(StreamListener::new(connections), echo);
        let mut serving = AssertUnwindSafe(server.into_future()).catch_unwind();
        let mut ann = clients.connect("ann");
        ann.send(crate::scene::REQUEST).await;
        assert!(once(&mut serving).await.is_none());
        assert!(ann.head().await.starts_with("HTTP/1.1 101 "));
        let _last = clients.connect("the last");
        assert!(serving.await.is_err());
        talk(&mut ann, "still here").await;
        leave(ann).await;
    });
}

#[test]
fn accept_without_descriptors_left_is_reported_and_tried_again_after_a_while() {
    run(async {
        let clients = Clients::default();
        let notes = Notes::default();
        let ended = spawn(
            server()
                .serve(clients.listener(), echo)
                .on_error(notes.on_error()),
        );
        for _ in 0..3 {
            clients.fail(io::Error::from_raw_os_error(EMFILE));
        }
        let start = Alarm::default().now();
        leave(clients.open("ann").await).await;
        let passed = Alarm::default().now() - start;
        assert_eq!(passed, Duration::from_millis(10 + 20 + 40));
        let text = format!(
            "a connection could not be accepted: {}",
            io::Error::from_raw_os_error(EMFILE)
        );
        assert_eq!(notes.take(), [text.clone(), text.clone(), text.clone()]);
        // After a success it begins anew.
        clients.fail(io::Error::from_raw_os_error(EMFILE));
        let start = Alarm::default().now();
        leave(clients.open("ann").await).await;
        assert_eq!(Alarm::default().now() - start, Duration::from_millis(10));
        assert_eq!(notes.take(), [text]);
        assert!(ended.take().is_empty());
    });
}

#[test]
fn accept_of_a_client_that_has_gone_is_followed_by_the_next_at_once() {
    run(async {
        let clients = Clients::default();
        let notes = Notes::default();
        spawn(
            server()
                .serve(clients.listener(), echo)
                .on_error(notes.on_error()),
        );
        let start = Alarm::default().now();
        for kind in [
            io::ErrorKind::ConnectionAborted,
            io::ErrorKind::ConnectionReset,
            io::ErrorKind::Interrupted,
        ] {
            clients.fail(kind.into());
        }
        leave(clients.open("ann").await).await;
        assert_eq!(Alarm::default().now(), start);
        assert_eq!(
            notes.take(),
            [
                "a connection could not be accepted: connection aborted (gone)",
                "a connection could not be accepted: connection reset (gone)",
                "a connection could not be accepted: operation interrupted",
            ]
        );
    });
}

/// Other tasks of the executor run while a listener never has to wait.
#[test]
fn flood_of_connections_leaves_time_for_others() {
    run(async {
        let clients = Clients::default();
        for _ in 0..1000 {
            drop(clients.connect("flood"));
        }
        spawn(server().serve(clients.listener(), echo));
        let other = Notes::default();
        let notes = other.clone();
        let queue = clients.clone();
        Executor::spawn_on_current(async move { notes.add(queue.waiting()) });
        settle().await;
        let waiting: usize = other.take()[0].parse().unwrap();
        assert!(waiting > 900, "{waiting}");
    });
}
