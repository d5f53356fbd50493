//! A server has decided whose pages may connect (RFC 6455 §10.2): there is no way to have one otherwise.
#![allow(clippy::unwrap_used, reason = "a test")]

use wskit_driver::{OpenError, Server};
use wskit_handshake::OriginPolicy;
use wskit_test::{Executor, PipeEnd, Script, Simulated, join, pipe};

/// Says what a type has if it is not `Default`; of one that is, the compiler cannot say which is meant.
trait NotDefault<Which> {
    const HOLDS: bool = true;
}

struct IfDefault;

impl<T> NotDefault<()> for T {}
impl<T: Default> NotDefault<IfDefault> for T {}

/// The one constructor takes a policy, and neither a server nor a policy comes from nothing. That it
/// compiles is the proof.
///
/// Proves: R6455-10.2-a
#[test]
fn server_cannot_be_made_without_a_policy() {
    let new: fn(OriginPolicy) -> Server<Simulated> = Server::new;
    let holds = [
        <Server<Simulated> as NotDefault<_>>::HOLDS,
        <OriginPolicy as NotDefault<_>>::HOLDS,
    ];
    assert_eq!(holds, [true; 2]);
    let _ = new(OriginPolicy::Any);
}

/// Serves one request from this page; the status that it was answered with.
async fn status(policy: OriginPolicy, origin: &str) -> String {
    let (near, far): (PipeEnd, PipeEnd) = pipe(4096);
    let server = Server::<Simulated>::new(policy);
    let mut peer = Script::new(far, wskit_proto::Role::Client);
    let script = async {
        peer.send(format!(
            "GET / HTTP/1.1\r\nHost: good.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{origin}\r\n"
        ))
        .await;
        let head = peer.head().await;
        peer.hang_up();
        head[9..12].to_owned()
    };
    let (accepted, status) = join(server.accept(near), script).await;
    match accepted {
        Ok(_) => assert_eq!(status, "101"),
        Err(OpenError::OriginRefused) => assert_eq!(status, "403"),
        Err(OpenError::Handshake(_)) => assert_eq!(status, "400"),
        Err(other) => panic!("{other:?}"),
    }
    status
}

/// Origins that another program took for its own, and what each policy answers: on the wire, through a
/// whole server.
///
/// Proves: R6455-10.2-a, R6455-10.2-b, R6455-4.2.2-c
#[test]
fn server_answers_every_origin_by_its_policy() {
    let table = [
        ("https://good.example", "101"),
        ("https://GOOD.example", "101"),
        ("https://good.example:443", "101"),
        ("https://good.example.evil", "403"),
        ("https://evilgood.example", "403"),
        ("https://good.example:444", "403"),
        ("https://user@good.example", "403"),
        ("https://good.example@evil.example", "403"),
        ("https://good.example.", "403"),
        ("https://g\u{f6}od.example", "403"),
        ("https://xn--gd-fka.example", "403"),
        ("null", "403"),
        ("", "403"),
    ];
    let list = || OriginPolicy::list(["https://good.example"]).unwrap();
    let two = "Origin: https://good.example\r\nOrigin: https://good.example\r\n";
    Executor::new().block_on(async {
        for (origin, expected) in table {
            let line = format!("Origin: {origin}\r\n");
            assert_eq!(status(list(), &line).await, expected, "{origin}");
            assert_eq!(
                status(OriginPolicy::SameOrigin, &line).await,
                expected,
                "{origin}"
            );
            assert_eq!(status(OriginPolicy::Any, &line).await, "101", "{origin}");
        }
        // The same host by another scheme: a list knows it, a server behind a terminator cannot.
        let plain = "Origin: http://good.example\r\n";
        assert_eq!(status(list(), plain).await, "403");
        assert_eq!(status(OriginPolicy::SameOrigin, plain).await, "101");
        for policy in [list(), OriginPolicy::SameOrigin, OriginPolicy::Any] {
            assert_eq!(status(policy.clone(), two).await, "400");
            assert_eq!(status(policy.clone(), "").await, "101");
            assert_eq!(status(policy.required(), "").await, "403");
        }
    });
}
