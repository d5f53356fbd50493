//! Through a scripted proxy (RFC 9110 §9.3.6, RFC 1928, RFC 1929).

use std::time::Duration;

use wskit_dial::{ConnectCause, DialError, Proxy, ProxyError, SocksFailure, Stage};
use wskit_proto::Message;
use wskit_test::{
    Answer, Fault, Faults, Harness, Network, Script, join, now, run, run_timed, sleep,
};

use super::connect::{AT_ONCE, connector, patient, server, welcome};
use crate::opening::handshake::answer;

/// Returns a network that contains only the proxy: no other name is known.
fn network() -> Network {
    Network::new()
        .name("proxy.example", &["192.0.2.9"])
        .at("192.0.2.9:3128", Answer::Accept(AT_ONCE))
}

fn http() -> Proxy {
    Proxy::new("http://proxy.example:3128").unwrap()
}

fn socks() -> Proxy {
    Proxy::new("socks5h://proxy.example:3128").unwrap()
}

/// Reads exactly these bytes.
async fn expect(script: &mut Script, bytes: &[u8]) {
    let got = script.bytes(bytes.len()).await;
    assert_eq!(got, bytes, "{:?}", String::from_utf8_lossy(&got));
}

/// Returns the result of a client whose proxy is asked and then does this.
async fn asked<H: Harness, F: Future<Output = ()>>(
    proxy: Proxy,
    scene: impl FnOnce(Script) -> F,
) -> DialError {
    let network = network();
    let connector = connector::<H>().proxy(proxy);
    let (connected, ()) = join(connector.connect("ws://example.com/chat"), async {
        scene(server(&network).await).await;
    })
    .await;
    assert_eq!(network.under_way(), 0);
    // The proxy looks the server's name up.
    assert_eq!(network.lookups(), ["proxy.example"]);
    connected.unwrap_err()
}

/// Returns the result of a client whose proxy says this and then waits for the end.
async fn told<H: Harness>(proxy: Proxy, answer: &[u8]) -> ProxyError {
    let error = asked::<H, _>(proxy, |mut script| async move {
        let _ = script.try_send(answer).await;
        let _ = script.rest().await;
    })
    .await;
    proxy_error(error)
}

fn proxy_error(error: DialError) -> ProxyError {
    assert_eq!(error.stage(), Some(Stage::Proxy));
    match error {
        DialError::Connect(error) => match error.into_cause() {
            ConnectCause::Proxy(error) => error,
            cause => panic!("{cause:?}"),
        },
        error => panic!("{error:?}"),
    }
}

const CONNECT: &str = "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n";
const OPEN: &[u8] = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n";

/// Proves: R6455-4.1-d, R6455-4.1-h, R8441-6-a
pub fn http_proxy_opens_the_way<H: Harness>() {
    for faults in [Faults::none(), Faults::slow()] {
        run::<H>(async {
            let network = network();
            let connector = connector::<H>().proxy(http());
            let (connected, ()) = join(connector.connect("ws://example.com/chat"), async {
                let mut script = server(&network).await;
                script.probe().set_faults(faults);
                assert_eq!(script.head().await, format!("{CONNECT}\r\n"));
                script.send(b"HTTP/1.1 102 Processing\r\n\r\n").await;
                // The server may send as soon as the tunnel is open: this is its interim response.
                script
                    .send([OPEN, b"HTTP/1.1 103 Early Hints\r\n\r\n"].concat())
                    .await;
                let head = welcome(&mut script).await;
                assert!(head.starts_with("GET /chat HTTP/1.1\r\nHost: example.com\r\n"));
                // The credentials are for the proxy only.
                assert!(!head.contains("Proxy"), "{head}");
            })
            .await;
            let mut ws = connected.unwrap().0;
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
            assert_eq!(network.lookups(), ["proxy.example"]);
        });
    }
}

/// Proves: R6455-4.1-d
pub fn socks_proxy_opens_the_way<H: Harness>() {
    for faults in [Faults::none(), Faults::slow()] {
        run::<H>(async {
            let network = network();
            let connector = connector::<H>().proxy(socks());
            let (connected, ()) = join(connector.connect("ws://example.com:8080/chat"), async {
                let mut script = server(&network).await;
                script.probe().set_faults(faults);
                expect(&mut script, b"\x05\x01\x00").await;
                script.send(b"\x05\x00").await;
                expect(&mut script, b"\x05\x01\x00\x03\x0bexample.com\x1f\x90").await;
                // Its own address as a name: allowed, and of any length.
                script
                    .send(b"\x05\x00\x00\x03\x04here\x00\x01HTTP/1.1 103 x\r\n\r\n")
                    .await;
                welcome(&mut script).await;
            })
            .await;
            let mut ws = connected.unwrap().0;
            assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
            assert_eq!(network.lookups(), ["proxy.example"]);
        });
    }
}

/// Proves: R6455-4.1-d
pub fn only_proxies_get_their_credentials<H: Harness>() {
    run::<H>(async {
        let with = |url: &str| Proxy::new(url).unwrap();
        let network = network();
        let connector = connector::<H>();
        let http = connector
            .clone()
            .proxy(with("http://Aladdin:open%20sesame@proxy.example:3128"));
        let (connected, ()) = join(http.connect("ws://example.com/"), async {
            let mut script = server(&network).await;
            let basic = "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n";
            assert_eq!(script.head().await, format!("{CONNECT}{basic}\r\n"));
            script.send(OPEN).await;
            let head = welcome(&mut script).await;
            assert!(!head.contains("uthorization"), "{head}");
        })
        .await;
        assert!(connected.is_ok());

        let socks = connector.proxy(with("socks5://u%40:s%3A@proxy.example:3128"));
        let (connected, ()) = join(socks.connect("ws://[::1]/"), async {
            let mut script = server(&network).await;
            expect(&mut script, b"\x05\x02\x00\x02").await;
            script.send(b"\x05\x02").await;
            expect(&mut script, b"\x01\x02u@\x02s:").await;
            script.send(b"\x01\x00").await;
            let request = [&b"\x05\x01\x00\x04"[..], &[0; 15], b"\x01\x00\x50"].concat();
            expect(&mut script, &request).await;
            let reply = [&b"\x05\x00\x00\x04"[..], &[0; 18]].concat();
            script.send(reply).await;
            welcome(&mut script).await;
        })
        .await;
        assert!(connected.is_ok());
    });
}

/// Headers for the proxy, such as `User-Agent`, do not reach the server.
pub fn only_http_proxies_get_headers<H: Harness>() {
    run::<H>(async {
        let network = network();
        let proxy = http().header("User-Agent", "old").unwrap();
        let proxy = proxy.header("user-agent", "feed/1").unwrap();
        let connector = connector::<H>().proxy(proxy);
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            let mut script = server(&network).await;
            let expected = format!("{CONNECT}User-Agent: feed/1\r\n\r\n");
            assert_eq!(script.head().await, expected);
            script.send(OPEN).await;
            let head = welcome(&mut script).await;
            assert!(!head.contains("feed/1"), "{head}");
        })
        .await;
        assert!(connected.is_ok());
        // A refused token is a refused credential.
        let token = http().header("Proxy-Authorization", "Bearer t").unwrap();
        let error = told::<H>(token, b"HTTP/1.1 407 x\r\n\r\n").await;
        assert!(matches!(error, ProxyError::CredentialsRefused), "{error:?}");
    });
}

/// Proves: R6455-4.1-e
pub fn proxy_that_refuses_is_told_as_such<H: Harness>() {
    run::<H>(async {
        let forbidden = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";
        let error = told::<H>(http(), forbidden).await;
        assert!(
            matches!(error, ProxyError::Status(status) if status == 403),
            "{error:?}"
        );
        let unauthorized = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
        let error = told::<H>(http(), unauthorized).await;
        assert!(
            matches!(error, ProxyError::CredentialsRequired),
            "{error:?}"
        );
        let known = http().credentials("user", "wrong").unwrap();
        let error = told::<H>(known, unauthorized).await;
        assert!(matches!(error, ProxyError::CredentialsRefused), "{error:?}");

        let error = told::<H>(socks(), b"\x05\x00\x05\x05").await;
        let refused = SocksFailure::ConnectionRefused;
        assert!(
            matches!(error, ProxyError::Socks(told) if told == refused),
            "{error:?}"
        );
        let error = told::<H>(socks(), b"\x05\xff").await;
        assert!(
            matches!(error, ProxyError::CredentialsRequired),
            "{error:?}"
        );
        let known = socks().credentials("user", "wrong").unwrap();
        let error = told::<H>(known, b"\x05\x02\x01\x01").await;
        assert!(matches!(error, ProxyError::CredentialsRefused), "{error:?}");
    });
}

/// Garbage is reported at once, and only the beginning of megabytes is read.
///
/// Proves: R6455-4.1-e
pub fn what_is_no_proxy_is_told_as_such<H: Harness>() {
    run::<H>(async {
        for proxy in [http(), socks()] {
            let error = told::<H>(proxy, b"SSH-2.0-OpenSSH_9.9\r\n").await;
            assert!(matches!(error, ProxyError::Malformed(_)), "{error:?}");
        }
        let error = asked::<H, _>(http(), |mut script| async move {
            let _ = script.head().await;
            let mut sent = 0;
            let mut piece = b"HTTP/1.1 200 OK\r\n".to_vec();
            while script.try_send(&piece).await.is_ok() {
                sent += piece.len();
                assert!(sent < 1 << 20, "it reads on and on");
                piece = [&b"X: "[..], &[b'x'; 1 << 10], b"\r\n"].concat();
            }
        })
        .await;
        let ProxyError::AnswerTooLong { limit } = proxy_error(error) else {
            panic!("another error");
        };
        assert!(limit <= 64 << 10);
    });
}

/// Proves: R6455-4.1-e
pub fn proxy_that_goes_away_is_told_at_every_byte<H: Harness>() {
    run::<H>(async {
        let socks_answers = b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0".as_slice();
        for (proxy, answer) in [(http(), OPEN), (socks(), socks_answers)] {
            for cut in 0..answer.len() {
                let answer = &answer[..cut];
                let error = asked::<H, _>(proxy.clone(), |mut script| async move {
                    let _ = script.read().await;
                    let _ = script.try_send(answer).await;
                    script.finish().await;
                    let _ = script.rest().await;
                })
                .await;
                let error = proxy_error(error);
                assert!(matches!(error, ProxyError::Closed), "{cut}: {error:?}");
                let error = asked::<H, _>(proxy.clone(), |mut script| async move {
                    let _ = script.try_send(answer).await;
                    script.probe().reset();
                    let _ = script.read().await;
                })
                .await;
                let error = proxy_error(error);
                assert!(matches!(error, ProxyError::Io(_)), "{cut}: {error:?}");
            }
        }
    });
}

/// Proves: R6455-4.1-e, X-io-1
pub fn proxy_that_hangs_is_blamed_for_the_deadline<H: Harness>() {
    run_timed::<H>(async {
        let limit = Duration::from_secs(7);
        for (proxy, answer) in [
            (http(), &OPEN[..OPEN.len() - 1]),
            (http(), b""),
            (socks(), b"\x05\x00\x05"),
            (socks(), b""),
        ] {
            let network = network();
            let begun = now::<H>();
            let connector = patient::<H>(limit).proxy(proxy);
            let (connected, ()) = join(connector.connect("ws://example.com/"), async {
                let mut script = server(&network).await;
                script.send(answer).await;
                let _ = script.rest().await;
            })
            .await;
            let error = connected.unwrap_err();
            assert!(error.is_timeout(), "{error:?}");
            assert_eq!(error.stage(), Some(Stage::Proxy));
            assert_eq!(now::<H>() - begun, limit);
        }
        // A proxy that cannot be reached is blamed too; a server behind an open tunnel is not the proxy.
        let silent = Proxy::new("http://192.0.2.200").unwrap();
        let error = patient::<H>(limit).proxy(silent).connect("ws://a/").await;
        let error = error.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(error.stage(), Some(Stage::Proxy));
        let network = network();
        let connector = patient::<H>(limit).proxy(http());
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            let mut script = server(&network).await;
            // So late that the opening handshake alone would take longer than the whole limit.
            sleep::<H>(limit / 2).await;
            script.send(OPEN).await;
            let _ = script.rest().await;
        })
        .await;
        let error = connected.unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert_eq!(error.stage(), Some(Stage::Http));
    });
}

/// Proves: R6455-4.1-e
pub fn proxy_that_cannot_be_reached_is_told_as_such<H: Harness>() {
    run::<H>(async {
        let network = Network::new()
            .at("192.0.2.9:80", Answer::Refuse(AT_ONCE))
            .at("[2001:db8::9]:1080", Answer::Refuse(AT_ONCE));
        for (url, named) in [
            ("http://192.0.2.9", "192.0.2.9:80"),
            (
                "http://user:secret@absent.example:3128/",
                "absent.example:3128",
            ),
            ("socks5://[2001:db8::9]", "[2001:db8::9]:1080"),
        ] {
            let connector = connector::<H>().proxy(Proxy::new(url).unwrap());
            let error = connector.connect("ws://example.com/").await.unwrap_err();
            let text = format!(
                "cannot connect to example.com:80 by the proxy {named}: the proxy cannot be reached: "
            );
            assert!(error.to_string().starts_with(&text), "{error}");
            let all = format!("{error:?}");
            assert!(!all.contains("secret"), "{all}");
            let error = proxy_error(error);
            assert!(matches!(error, ProxyError::Unreachable(_)), "{error:?}");
        }
        assert_eq!(network.under_way(), 0);
    });
}

/// The URL of the server is `ws://` and in order: the proxy cannot be used.
pub fn tls_that_the_proxy_needs_is_told_as_such<H: Harness>() {
    run::<H>(async {
        let network = network();
        let connector = connector::<H>().proxy(Proxy::new("https://proxy.example:3128").unwrap());
        let error = connector.connect("ws://example.com/").await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot connect to example.com:80 by the proxy proxy.example:3128: an https:// proxy needs TLS: enable the \
             features rustls-ring and webpki-roots, or use http://"
        );
        let error = proxy_error(error);
        assert!(matches!(error, ProxyError::TlsUnavailable), "{error:?}");
        assert!(network.dialled().is_empty());
    });
}

/// Proves: X-io-5
pub fn every_operation_on_the_way_through_a_proxy_may_fail<H: Harness>() {
    for (proxy, is_socks) in [(http(), false), (socks(), true)] {
        for fault in Fault::ALL {
            let mut at = 0;
            while through_a_fault::<H>(&proxy, is_socks, fault, at) {
                at += 1;
            }
            assert!(at > 3, "{fault:?}");
        }
    }
}

/// Returns whether the fault occurred.
fn through_a_fault<H: Harness>(proxy: &Proxy, is_socks: bool, fault: Fault, at: usize) -> bool {
    let mut struck = false;
    run::<H>(async {
        let network = network().faults(Faults {
            at: Some((fault, at)),
            ..Faults::none()
        });
        let connector = connector::<H>().proxy(proxy.clone());
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            let mut script = server(&network).await;
            let answers: &[&[u8]] = if is_socks {
                &[b"\x05\x00", b"\x05\x00\x00\x01\0\0\0\0\0\0"]
            } else {
                &[OPEN]
            };
            for answer in answers {
                if !script.read().await.is_ok_and(|n| n > 0)
                    || script.try_send(answer).await.is_err()
                {
                    return;
                }
            }
            script.forget();
            while script.read().await.is_ok_and(|n| n > 0) {
                if script.has_head() {
                    // The client may have failed already; the write then fails.
                    let head = script.head().await;
                    let _ = script.try_send(answer(&head, "")).await;
                    return;
                }
            }
        })
        .await;
        struck = network.has_struck();
        match connected {
            Ok(_) => assert!(!struck || fault.is_harmless(), "{fault:?} at {at}"),
            Err(error) => {
                assert!(struck && !fault.is_harmless(), "{fault:?} at {at}: {error}");
            }
        }
    });
    struck
}
