//! Redirects: followed only on request, bounded, and without credentials for other origins
//! (RFC 6455 §4.1, RFC 9110 §15.4).

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Mutex;
use std::time::Duration;

use wskit_dial::{Connector, Dial, DialError, RedirectError};
use wskit_handshake::{ClientRequest, RequestError};
use wskit_proto::{Message, Role};
use wskit_test::{
    Harness, Io, OnNetwork, PipeEnd, Script, join, now, pipe, run, run_timed, sleep, wrap,
};

use super::connect::welcome;
use crate::opening::handshake::answer;
use crate::scene::config;

/// Supplies one end after the other and records for which URL. It leaves TLS out.
struct Ends<H> {
    left: Mutex<VecDeque<PipeEnd>>,
    urls: Mutex<Vec<String>>,
    harness: PhantomData<fn() -> H>,
}

impl<H> Ends<H> {
    /// Creates a dialler with this number of ends, and the scripts that face them.
    fn new(count: usize) -> (Self, Vec<Script>) {
        let (near, far): (VecDeque<_>, Vec<_>) = (0..count).map(|_| pipe(64 << 10)).unzip();
        let scripts = far.into_iter().map(|end| Script::new(end, Role::Server));
        let ends = Self {
            left: Mutex::new(near),
            urls: Mutex::default(),
            harness: PhantomData,
        };
        (ends, scripts.collect())
    }
}

impl<H: Harness> Dial for &Ends<H> {
    type Stream = Io<H>;

    async fn dial(&self, request: &ClientRequest) -> Result<Io<H>, DialError> {
        self.urls.lock().expect("urls").push(request.url());
        let end = self.left.lock().expect("ends").pop_front();
        Ok(wrap::<H>(end.expect("another end")))
    }
}

fn connector<H: Harness>(ends: &Ends<H>) -> Connector<OnNetwork<H>, &Ends<H>> {
    Connector::new().config(config()).dial_by(ends)
}

fn moved(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 2\r\n\r\ngo")
}

/// Returns the request that a client with credentials sends after this redirect, and its target.
async fn heads<H: Harness>(status: u16, location: &str) -> (Vec<String>, [String; 2]) {
    let (ends, mut scripts) = Ends::<H>::new(2);
    let request = ClientRequest::new("ws://user:pw@example.com/a")
        .and_then(|request| request.header("cookie", "c=1"))
        .and_then(|request| request.header("x-mine", "1"))
        .and_then(|request| request.protocol("chat.v1"))
        .unwrap();
    let connector = connector(&ends).redirects(1);
    let (connected, heads) = join(connector.connect(request), async {
        let first = scripts[0].head().await;
        scripts[0].send(moved(status, location)).await;
        let second = scripts[1].head().await;
        let offered = second
            .lines()
            .find(|line| line.starts_with("Sec-WebSocket-Protocol"));
        let chosen = offered
            .map(|line| format!("{line}\r\n"))
            .unwrap_or_default();
        let answer = answer(&second, &chosen);
        scripts[1].send(answer).await;
        // The first connection is dropped.
        scripts[0].expect_end().await;
        [first, second]
    })
    .await;
    assert!(connected.is_ok());
    (ends.urls.into_inner().expect("urls"), heads)
}

/// Proves: R6455-4.1-x
pub fn redirect_is_a_refusal_unless_asked_for<H: Harness>() {
    run::<H>(async {
        let (ends, mut scripts) = Ends::<H>::new(1);
        let connector = connector(&ends);
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            scripts[0].head().await;
            scripts[0].send(moved(302, "ws://elsewhere.example/")).await;
        })
        .await;
        let error = connected.unwrap_err();
        let refusal = error.refusal().expect("a refusal");
        assert_eq!(refusal.location(), Some("ws://elsewhere.example/"));
    });
}

/// Proves: X-http-7
pub fn redirect_within_an_origin_keeps_everything<H: Harness>() {
    for status in [301, 302, 303, 307, 308] {
        run::<H>(async {
            let (urls, [_, second]) = heads::<H>(status, "/b?c").await;
            assert_eq!(urls, ["ws://example.com/a", "ws://example.com/b?c"]);
            for header in [
                "Authorization: Basic dXNlcjpwdw==",
                "Cookie: c=1",
                "X-Mine: 1",
                "Sec-WebSocket-Protocol: chat.v1",
            ] {
                assert!(second.contains(header), "{second}");
            }
        });
    }
}

/// Proves: X-http-7
pub fn redirect_to_another_origin_leaves_credentials_behind<H: Harness>() {
    for location in [
        "ws://elsewhere.example/a",
        "ws://example.com:81/a",
        "wss://example.com/a",
        "https://example.com/a",
        "ws://sub.example.com/a",
    ] {
        run::<H>(async {
            let (_, [first, second]) = heads::<H>(302, location).await;
            for line in [
                "Authorization:",
                "Cookie:",
                "X-Mine:",
                "Sec-WebSocket-Protocol:",
            ] {
                assert!(first.contains(line), "{first}");
                assert!(!second.contains(line), "{location}: {second}");
            }
        });
    }
}

/// RFC 9110 §15.4: the body of a redirect is for people and need not be read.
///
/// Proves: R6455-4.1-x
pub fn redirect_is_followed_before_its_body<H: Harness>() {
    for head in [
        "Location: there",
        "Location: there\r\nContent-Length: 9",
        "Location: //example.com/there\r\nTransfer-Encoding: chunked",
    ] {
        run::<H>(async {
            let (ends, mut scripts) = Ends::<H>::new(2);
            let connector = connector(&ends).redirects(1);
            let (connected, ()) = join(connector.connect("ws://example.com/"), async {
                scripts[0].head().await;
                scripts[0]
                    .send(format!("HTTP/1.1 302 x\r\n{head}\r\n\r\n"))
                    .await;
                scripts[0].expect_end().await;
                welcome(&mut scripts[1]).await;
            })
            .await;
            assert!(connected.is_ok());
            assert_eq!(
                *ends.urls.lock().expect("urls"),
                ["ws://example.com/", "ws://example.com/there"]
            );
        });
    }
}

/// Proves: R6455-4.1-x
pub fn redirect_loop_ends<H: Harness>() {
    run::<H>(async {
        let (ends, mut scripts) = Ends::<H>::new(4);
        let connector = connector(&ends).redirects(3);
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            for script in &mut scripts {
                script.head().await;
                script.send(moved(307, "/")).await;
            }
        })
        .await;
        let error = connected.unwrap_err();
        assert!(
            matches!(
                error,
                DialError::Redirect(RedirectError::TooMany { limit: 3 })
            ),
            "{error:?}"
        );
        assert_eq!(ends.urls.lock().expect("urls").len(), 4);
        for script in &mut scripts {
            script.expect_end().await;
        }
    });
}

/// Proves: R6455-4.1-x
pub fn redirect_to_nowhere_is_told_as_such<H: Harness>() {
    for (url, location, expected) in [
        (
            "wss://example.com/",
            "ws://example.com/",
            RequestError::InsecureRedirect,
        ),
        (
            "wss://example.com/",
            "http://example.com/",
            RequestError::InsecureRedirect,
        ),
        (
            "ws://example.com/",
            "ftp://example.com/",
            RequestError::Scheme,
        ),
        (
            "ws://example.com/",
            "a b",
            RequestError::InvalidCharacter {
                character: Some(' '),
                position: 18,
            },
        ),
        ("ws://example.com/", "ws:///", RequestError::EmptyHost),
    ] {
        run::<H>(async {
            let (ends, mut scripts) = Ends::<H>::new(1);
            let connector = connector(&ends).redirects(5);
            let (connected, ()) = join(connector.connect(url), async {
                scripts[0].head().await;
                scripts[0].send(moved(301, location)).await;
            })
            .await;
            match connected.unwrap_err() {
                DialError::Redirect(RedirectError::Location(error)) => assert_eq!(error, expected),
                error => panic!("{location}: {error:?}"),
            }
        });
    }
}

/// Other refusals are reported as before, also when redirects are followed.
pub fn other_refusals_are_not_followed<H: Harness>() {
    run::<H>(async {
        for answer in [
            "HTTP/1.1 302 x\r\nContent-Length: 0\r\n\r\n".to_owned(),
            moved(300, "/b"),
            moved(401, "/b"),
            moved(503, "/b"),
        ] {
            let (ends, mut scripts) = Ends::<H>::new(1);
            let connector = connector(&ends).redirects(5);
            let (connected, ()) = join(connector.connect("ws://example.com/"), async {
                scripts[0].head().await;
                scripts[0].send(answer).await;
            })
            .await;
            let error = connected.unwrap_err();
            assert!(error.refusal().is_some(), "{error:?}");
        }
    });
}

/// Proves: X-io-1
pub fn redirects_share_one_deadline<H: Harness>() {
    run_timed::<H>(async {
        let (ends, mut scripts) = Ends::<H>::new(2);
        let limit = Duration::from_secs(7);
        let connector = connector(&ends)
            .config(config().handshake_timeout(limit))
            .redirects(9);
        let begun = now::<H>();
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            scripts[0].head().await;
            sleep::<H>(limit / 2).await;
            scripts[0].send(moved(302, "/")).await;
            let _ = scripts[1].rest().await;
        })
        .await;
        assert!(connected.unwrap_err().is_timeout());
        assert_eq!(now::<H>() - begun, limit);
    });
}

/// A dialler of the caller's own supplies every stream.
pub fn own_dialler_supplies_the_stream<H: Harness>() {
    run::<H>(async {
        let (ends, mut scripts) = Ends::<H>::new(1);
        let connector = connector(&ends);
        let (connected, head) = join(
            connector.connect("wss://example.com/x"),
            welcome(&mut scripts[0]),
        )
        .await;
        let mut ws = connected.unwrap().0;
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
        assert!(
            head.starts_with("GET /x HTTP/1.1\r\nHost: example.com\r\n"),
            "{head}"
        );
    });
}
