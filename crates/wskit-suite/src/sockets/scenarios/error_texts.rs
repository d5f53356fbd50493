//! What a user reads when connecting, or a connection, fails: for each input the text, whether it counts as
//! a disconnect, and whether a client that reconnects tries again.

use std::error::Error as _;
use std::time::Duration;

use wskit_dial::reconnect::{Loss, Verdict};
use wskit_dial::{Connector, Error, LookupFailure, Net, Proxy, Stage, tls};
use wskit_driver::{PollRead, PollWrite, Runtime, Server, SocketOptions};
use wskit_handshake::OriginPolicy;
use wskit_proto::Config;
use wskit_test::join;

use super::{Authority, Sockets, run};
use crate::sockets::Identity;

/// What is expected of an error.
pub(super) struct Told<'a> {
    text: &'a str,
    is_disconnect: bool,
    verdict: Verdict,
}

pub(super) const RETRY: Verdict = Verdict::Retry;
pub(super) const GIVE_UP: Verdict = Verdict::GiveUp;

pub(super) fn told(text: &str, is_disconnect: bool, verdict: Verdict) -> Told<'_> {
    Told {
        text,
        is_disconnect,
        verdict,
    }
}

/// Compares an error that kept a connection from being opened. `{port}` in the text is the server's.
pub(super) fn check(error: Error, port: u16, told: &Told<'_>) {
    check_loss(Loss::NotOpened(error), &port.to_string(), told);
}

pub(super) fn check_loss(loss: Loss, port: &str, told: &Told<'_>) {
    let error = loss.error().expect("an error");
    let text = error.to_string();
    assert_eq!(text, told.text.replace("{port}", port));
    assert_eq!(error.is_disconnect(), told.is_disconnect, "{text}");
    let mut line = text.clone();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        assert!(!line.contains(&text), "{text:?} again after {line:?}");
        line = format!("{line}: {text}");
        next = source.source();
    }
    assert_eq!(Verdict::of(&loss), told.verdict, "{text}");
}

/// Accepts one client and lets it say something. Then says this, and closes the connection, or lets the
/// client do so.
async fn say<S: Sockets>(listener: &S::Listener, says: &[u8], closes: bool) {
    let mut io = <S::Net as Runtime<S::Tcp>>::wrap(S::accept(listener).await.0);
    let mut buf = [0; 4096];
    let _ = io.read(&mut buf).await;
    let _ = io.write_all(says).await;
    while !closes && io.read(&mut buf).await.is_ok_and(|n| n > 0) {}
}

/// Connects to a server that says this.
pub(super) async fn connect_to<S: Sockets>(
    connector: &Connector<S::Net>,
    scheme: &str,
    says: &[u8],
    closes: bool,
) -> (Error, u16) {
    let (listener, port) = S::listen().await;
    let client = connector.connect(format!("{scheme}://127.0.0.1:{port}/feed?token=secret"));
    let (connected, ()) = join(client, say::<S>(&listener, says, closes)).await;
    let error = connected.expect_err("no WebSocket server");
    (error.into(), port)
}

/// By address and by name; on Linux the whole text.
pub fn error_of_a_closed_port_names_the_address<S: Sockets>() {
    run::<S>(async {
        let (listener, port) = S::listen().await;
        drop(listener);
        for host in ["127.0.0.1", "localhost"] {
            let url = format!("ws://{host}:{port}/");
            let error = Connector::<S::Net>::new().connect(url).await.unwrap_err();
            assert_eq!(error.stage(), Some(Stage::Tcp));
            let text = error.to_string();
            let begin = format!("cannot connect to {host}:{port} (TCP");
            assert!(text.starts_with(&begin), "{text}");
            assert!(text.to_lowercase().contains("refused"), "{text}");
            if host != "localhost" {
                let kind = std::io::Error::from(error).kind();
                assert_eq!(kind, std::io::ErrorKind::ConnectionRefused);
            }
        }
        if cfg!(target_os = "linux") {
            let url = format!("ws://127.0.0.1:{port}/");
            let error = Connector::<S::Net>::new().connect(url).await.unwrap_err();
            let text =
                "cannot connect to 127.0.0.1:{port} (TCP): Connection refused (os error 111)";
            check(error.into(), port, &told(text, false, RETRY));
        }
    });
}

/// The resolver finds the fault in such a name without asking a server.
pub fn error_of_an_unknown_name_is_told_apart<S: Sockets>() {
    run::<S>(async {
        let connector = Connector::<S::Net>::new();
        let error = connector.connect("ws://a..b/").await.unwrap_err();
        let text = error.to_string();
        let wskit_dial::DialError::Connect(inner) = &error else {
            panic!("{error:?}");
        };
        assert_eq!(inner.stage(), Stage::Dns);
        assert_eq!(inner.lookup_failure(), Some(LookupFailure::NoSuchHost));
        let begin = "cannot connect to a..b:80: the name is unknown (DNS): ";
        assert!(text.starts_with(begin), "{text}");
        check(error.into(), 80, &told(&text, false, RETRY));
    });
}

/// No byte is sent for a request that cannot be right.
pub fn error_of_a_url_says_what_to_change<S: Sockets>() {
    run::<S>(async {
        for (url, text) in [
            ("http://h/", "the URL must begin with ws:// or wss://"),
            ("h:80", "the URL must begin with ws:// or wss://"),
            ("ws://", "the URL has no host"),
            (
                "ws://h/#b",
                "a WebSocket URL has no fragment; write # as %23",
            ),
            (
                "ws://bücher.example/",
                "the host is not ASCII; use its IDNA form",
            ),
            (
                "ws://h:99999/",
                "the port in the URL is not a number from 1 to 65535",
            ),
            (
                "ws://h/a b",
                "the character ' ' at byte 8 of the URL is not allowed there",
            ),
            (
                "ws://a<b/",
                "the character '<' at byte 6 of the URL is not allowed there",
            ),
            (
                "ws://h/100%",
                "the character '%' at byte 10 of the URL is not allowed there; a literal % in a path \
                 or query is %25",
            ),
            (
                "ws://me:se[ret@h/",
                "byte 10 of the URL, in its user name or password, must be percent-encoded",
            ),
        ] {
            let error = Connector::<S::Net>::new().connect(url).await.unwrap_err();
            let text = format!("the request cannot be built: {text}");
            check(error.into(), 0, &told(&text, false, GIVE_UP));
        }
    });
}

/// A server that goes before it answers says nothing about its protocol; with a part of an answer it went
/// away.
pub fn error_of_a_server_that_goes_away_asks_for_tls<S: Sockets>() {
    run::<S>(async {
        let connector = Connector::<S::Net>::new();
        for (says, text) in [
            (
                "",
                "cannot connect to 127.0.0.1:{port}: the server closed the connection without an \
                 answer; is it wss://?",
            ),
            (
                "HTTP/1.1 1",
                "cannot connect to 127.0.0.1:{port}: the opening handshake failed: connection closed \
                 during the handshake",
            ),
        ] {
            let (error, port) = connect_to::<S>(&connector, "ws", says.as_bytes(), true).await;
            check(error, port, &told(text, true, RETRY));
        }
    });
}

/// Each of `ws://` and `wss://` where the other is spoken.
pub fn error_of_a_wrong_scheme_names_the_right_one<S: Sockets>() {
    run::<S>(async {
        // wss:// to a server without TLS, which answers HTTP, another protocol, or nothing.
        let authority = Authority::new();
        let connector = Connector::<S::Net>::new().tls(authority.connector());
        for says in [
            "HTTP/1.1 400 Bad Request\r\n\r\n",
            "SSH-2.0-OpenSSH_9.6\r\n",
        ] {
            let (error, port) = connect_to::<S>(&connector, "wss", says.as_bytes(), false).await;
            let text = "cannot connect to 127.0.0.1:{port} (TLS): the server does not speak TLS on this \
                        port; is it ws://?";
            check(error, port, &told(text, false, GIVE_UP));
        }
        let (error, port) = connect_to::<S>(&connector, "wss", b"", true).await;
        let text = "cannot connect to 127.0.0.1:{port}: the peer closed the connection during the TLS \
                    handshake";
        check(error, port, &told(text, true, RETRY));
        // ws:// to a server with TLS, which answers with an alert.
        let (error, port) = connect_to::<S>(&connector, "ws", ALERT, false).await;
        let text = "cannot connect to 127.0.0.1:{port}: the opening handshake failed: the server does \
                    not speak HTTP: its response begins with \"\\x15\\x03\\x03\\x00\\x02\\x02F\", which looks \
                    like TLS; is it wss://?";
        check(error, port, &told(text, false, GIVE_UP));
        // The same with a real server. What it thinks of the client is an error of its own.
        let (listener, port) = S::listen().await;
        let acceptor: tls::Acceptor<S::Net> = authority.acceptor("localhost", |_| ());
        let client = connector.connect(format!("ws://127.0.0.1:{port}/"));
        let server = async { acceptor.accept(S::accept(&listener).await.0).await.err() };
        let (connected, accepted) = join(client, server).await;
        let text = connected.unwrap_err().to_string();
        assert!(text.ends_with("; is it wss://?"), "{text}");
        let text = "the TLS handshake failed: the client does not speak TLS";
        check(accepted.unwrap().into(), port, &told(text, false, GIVE_UP));
    });
}

/// `protocol_version`, fatal, as OpenSSL sends it to a client that begins with `GET`.
const ALERT: &[u8] = b"\x15\x03\x03\x00\x02\x02F";

/// Another name, another authority, no certificate.
pub fn error_of_a_certificate_says_what_is_wrong_with_it<S: Sockets>() {
    run::<S>(async {
        let authority = Authority::new();
        let acceptor: tls::Acceptor<S::Net> = authority.acceptor("localhost", |_| ());
        let other = Identity::self_signed("other.test", |_| ()).pem();
        for (trusted, host, text) in [
            (
                authority.pem(),
                "127.0.0.1",
                "cannot connect to 127.0.0.1:{port} (TLS): invalid peer certificate: certificate not \
                 valid for name \"127.0.0.1\"; certificate is only valid for DnsName(\"localhost\")",
            ),
            (
                other,
                "localhost",
                "cannot connect to localhost:{port} (TLS): invalid peer certificate: UnknownIssuer (its \
                 issuer is not trusted: give the issuer's certificate to tls::Connector::trusting)",
            ),
        ] {
            let (listener, port) = S::listen().await;
            let connector =
                Connector::<S::Net>::new().tls(tls::Connector::trusting(trusted).unwrap());
            let client = connector.connect(format!("wss://{host}:{port}/"));
            let server = async { acceptor.accept(S::accept(&listener).await.0).await.err() };
            let (connected, _) = join(client, server).await;
            check(
                connected.unwrap_err().into(),
                port,
                &told(text, false, GIVE_UP),
            );
        }
        let text =
            "the TLS settings cannot be used: the PEM text cannot be used: no certificate in it";
        let error = tls::Connector::<S::Net>::trusting("nothing").unwrap_err();
        check(error.into(), 0, &told(text, false, GIVE_UP));
        let [one, two] = ["one.test", "two.test"].map(|name| authority.identity(name, |_| ()));
        for (key, text) in [
            (
                two.key(),
                "the TLS settings cannot be used: the private key does not belong to the first \
                 certificate of the chain, which must be the server's own",
            ),
            (
                one.pem(),
                "the TLS settings cannot be used: the PEM text cannot be used: no private key in it",
            ),
        ] {
            let error = tls::Acceptor::<S::Net>::from_pem(one.pem(), key).unwrap_err();
            check(error.into(), 0, &told(text, false, GIVE_UP));
        }
    });
}

/// In each stage in which a peer can keep silent. All wait at the same time.
pub fn error_of_a_timeout_says_the_stage<S: Sockets>() {
    run::<S>(async {
        let limit = Duration::from_secs(2);
        let config = Config::new().handshake_timeout(limit);
        let connector = Connector::<S::Net>::new()
            .config(config.clone())
            .tls(Authority::new().connector());
        let direct = async |scheme: &str, stage: &str| {
            let (error, port) = connect_to::<S>(&connector, scheme, b"", false).await;
            let text =
                format!("cannot connect to 127.0.0.1:{{port}}: timed out after 2s during {stage}");
            check(error, port, &told(&text, false, RETRY));
        };
        let through_proxy = async {
            let (listener, port) = S::listen().await;
            let proxy = Proxy::new(&format!("http://127.0.0.1:{port}")).unwrap();
            let connector = connector.clone().proxy(proxy);
            let client = connector.connect("ws://feed.example/");
            let (connected, ()) = join(client, say::<S>(&listener, b"", false)).await;
            let text = &format!(
                "cannot connect to feed.example:80 by the proxy 127.0.0.1:{port}: timed out after 2s \
                 waiting for the proxy"
            );
            let error = connected.unwrap_err().into();
            check(error, port, &told(text, false, RETRY));
        };
        // A server reports the same of a client.
        let server = async {
            let server = Server::<S::Net>::new(OriginPolicy::Any).config(config);
            let (listener, port) = S::listen().await;
            let client = <S::Net as Net>::connect_tcp(
                ([127, 0, 0, 1], port).into(),
                None,
                SocketOptions::new(),
            )
            .await;
            let accepted = server.accept(S::accept(&listener).await.0).await;
            drop(client);
            let text = "the opening handshake was not completed in time";
            check(
                accepted.unwrap_err().into(),
                port,
                &told(text, false, RETRY),
            );
        };
        let directly = join(
            direct("ws", "the opening handshake"),
            direct("wss", "the TLS handshake"),
        );
        join(directly, join(through_proxy, server)).await;
    });
}

/// The proxy refuses, or goes away. An error names the server, the proxy and what it answered.
pub fn error_of_a_proxy_names_the_server_and_the_proxys_answer<S: Sockets>() {
    run::<S>(async {
        for (says, closes, text, verdict) in [
            (
                "HTTP/1.1 502 Bad Gateway\r\n\r\n",
                false,
                "the proxy answered CONNECT with 502 Bad Gateway",
                RETRY,
            ),
            (
                "HTTP/1.1 407 x\r\n\r\n",
                false,
                "the proxy requires a user name and a password",
                GIVE_UP,
            ),
            (
                "",
                true,
                "the proxy closed the connection without an answer",
                RETRY,
            ),
        ] {
            let (listener, port) = S::listen().await;
            let proxy = Proxy::new(&format!("http://127.0.0.1:{port}")).unwrap();
            let connector = Connector::<S::Net>::new().proxy(proxy);
            let client = connector.connect("ws://feed.example/");
            let server = say::<S>(&listener, says.as_bytes(), closes);
            let (connected, ()) = join(client, server).await;
            let text =
                format!("cannot connect to feed.example:80 by the proxy 127.0.0.1:{port}: {text}");
            check(
                connected.unwrap_err().into(),
                port,
                &told(&text, false, verdict),
            );
        }
        let error = Proxy::from_vars(|name| (name == "HTTPS_PROXY").then_some("ftp://h"));
        let text = "the variable HTTPS_PROXY cannot be used: its scheme is none of http, https, socks5 and \
                    socks5h";
        check(error.unwrap_err().into(), 0, &told(text, false, GIVE_UP));
    });
}
