//! `max_connections`: who waits, and who is refused.

use std::time::Duration;

use wskit_driver::WhenFull;
use wskit_test::once;

use crate::scene::{Clients, Notes, echo, leave, run, server, settle, spawn, talk};

#[test]
fn connection_beyond_the_limit_waits_until_another_has_ended() {
    run(async {
        let clients = Clients::default();
        spawn(server().serve(clients.listener(), echo).max_connections(2));
        let ann = clients.open("ann").await;
        // One in its handshake counts.
        let mut bob = clients.connect("bob");
        let mut eve = clients.connect("eve");
        eve.send(crate::scene::REQUEST).await;
        settle().await;
        assert_eq!(clients.waiting(), 1);
        assert!(once(eve.read()).await.is_none());
        bob.hang_up();
        assert!(eve.head().await.starts_with("HTTP/1.1 101 "));
        // And the other way: an open connection ends.
        let mut tom = clients.connect("tom");
        tom.send(crate::scene::REQUEST).await;
        settle().await;
        assert_eq!(clients.waiting(), 1);
        leave(ann).await;
        assert!(tom.head().await.starts_with("HTTP/1.1 101 "));
        talk(&mut tom, "hello").await;
        leave(eve).await;
        leave(tom).await;
    });
}

#[test]
fn limit_of_0_is_1() {
    run(async {
        let clients = Clients::default();
        spawn(server().serve(clients.listener(), echo).max_connections(0));
        leave(clients.open("ann").await).await;
    });
}

#[test]
fn accept_that_fails_takes_no_place() {
    run(async {
        let clients = Clients::default();
        spawn(server().serve(clients.listener(), echo).max_connections(1));
        clients.fail(std::io::ErrorKind::ConnectionAborted.into());
        clients.fail(std::io::Error::from_raw_os_error(24));
        leave(clients.open("ann").await).await;
    });
}

#[test]
fn connection_beyond_the_limit_is_answered_with_503_and_when_to_come_again() {
    run(async {
        let clients = Clients::default();
        let notes = Notes::default();
        spawn(
            server()
                .serve(clients.listener(), echo)
                .max_connections(1)
                .when_full(WhenFull::Refuse {
                    retry_after: Duration::from_millis(6001),
                })
                .on_error(notes.on_error()),
        );
        let mut ann = clients.open("ann").await;
        let mut bob = clients.connect("bob");
        // Also before it has sent a request.
        let answer = bob.rest().await;
        assert_eq!(
            String::from_utf8(answer).unwrap(),
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        bob.hang_up();
        talk(&mut ann, "still here").await;
        leave(ann).await;
        leave(clients.open("bob").await).await;
        assert!(notes.take().is_empty());
    });
}

/// Clients that do not go away after their answer hold no more than that many tasks.
#[test]
fn at_most_256_are_refused_at_once() {
    run(async {
        let clients = Clients::default();
        spawn(
            server()
                .serve(clients.listener(), echo)
                .max_connections(1)
                .when_full(WhenFull::Refuse {
                    retry_after: Duration::ZERO,
                }),
        );
        let ann = clients.open("ann").await;
        let mut refused: Vec<_> = (0..256).map(|_| clients.connect("bob")).collect();
        let mut closed = clients.connect("eve");
        for client in &mut refused {
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
            assert!(head.contains("\r\nRetry-After: 0\r\n"), "{head}");
        }
        closed.expect_end().await;
        leave(ann).await;
        leave(clients.open("ann").await).await;
    });
}
