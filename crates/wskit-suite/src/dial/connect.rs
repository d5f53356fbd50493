//! From a URL to an open connection, over an in-memory network.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use wskit_dial::{ConnectCause, Connector, DialError, LookupFailure, Proxy, Stage};
use wskit_proto::{Message, Role};
use wskit_test::{
    Answer, Boxed, Harness, Network, OnNetwork, Script, join, join_all, now, once, run, run_timed,
};

use crate::opening::handshake::answer;
use crate::scene::config;

pub(crate) const AT_ONCE: Duration = Duration::ZERO;

pub(crate) fn connector<H: Harness>() -> Connector<OnNetwork<H>> {
    Connector::new().config(config())
}

/// Returns a connector with this handshake timeout.
pub(crate) fn patient<H: Harness>(limit: Duration) -> Connector<OnNetwork<H>> {
    Connector::new().config(config().handshake_timeout(limit))
}

/// Accepts the next connection.
pub(crate) async fn server(network: &Network) -> Script {
    Script::new(network.accept().await.1, Role::Server)
}

/// Accepts the opening handshake and sends one message. Returns the head of the request.
pub(crate) async fn welcome(script: &mut Script) -> String {
    let head = script.head().await;
    script.send(answer(&head, "")).await;
    let hello = script.frames().text("hello");
    script.send(hello).await;
    head
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn dialled(network: &Network) -> Vec<String> {
    let dialled = network.dialled();
    dialled.iter().map(|(to, _)| to.to_string()).collect()
}

/// RFC 8305 §5. Proves: R6455-4.1-h
pub fn first_address_that_answers_wins<H: Harness>() {
    run_timed::<H>(async {
        let network = Network::new()
            .name("example.com", &["2001:db8::1", "2001:db8::2", "192.0.2.1"])
            .at("192.0.2.1:80", Answer::Accept(millis(100)));
        let begun = now::<H>();
        let connector = connector::<H>();
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            let mut script = server(&network).await;
            assert_eq!(now::<H>() - begun, millis(350));
            assert_eq!(script.probe().written().len(), 0);
            let head = welcome(&mut script).await;
            assert!(head.starts_with("GET / HTTP/1.1\r\n"), "{head}");
        })
        .await;
        let mut ws = connected.unwrap().0;
        assert_eq!(ws.recv().await.unwrap(), Some(Message::text("hello")));
        assert_eq!(dialled(&network), ["[2001:db8::1]:80", "192.0.2.1:80"]);
        // The other attempts were dropped.
        assert_eq!(network.under_way(), 0);
        assert_eq!(network.lookups(), ["example.com"]);
    });
}

/// An attempt goes on beside the later ones, and may win.
pub fn slow_address_may_still_win<H: Harness>() {
    run_timed::<H>(async {
        let network = Network::new()
            .name("example.com", &["192.0.2.1", "2001:db8::1"])
            .at("192.0.2.1:80", Answer::Accept(millis(300)));
        let connector = connector::<H>();
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            welcome(&mut server(&network).await).await;
        })
        .await;
        assert!(connected.is_ok());
        assert_eq!(dialled(&network), ["192.0.2.1:80", "[2001:db8::1]:80"]);
        assert_eq!(network.under_way(), 0);
    });
}

/// A refused attempt is followed by the next at once, not after 250 ms.
pub fn refusal_is_followed_by_the_next_address_at_once<H: Harness>() {
    run::<H>(async {
        let network = Network::new()
            .name("example.com", &["2001:db8::1", "192.0.2.1", "192.0.2.2"])
            .at("[2001:db8::1]:80", Answer::Refuse(AT_ONCE))
            .at("192.0.2.1:80", Answer::Refuse(AT_ONCE))
            .at("192.0.2.2:80", Answer::Accept(AT_ONCE));
        let connector = connector::<H>();
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            welcome(&mut server(&network).await).await;
        })
        .await;
        assert!(connected.is_ok());
        assert_eq!(network.dialled().len(), 3);
    });
}

/// Also while another attempt goes on: the third is dialled when the first is refused, not 250 ms after the
/// second.
pub fn refusal_beside_another_attempt_is_followed_at_once<H: Harness>() {
    run_timed::<H>(async {
        let network = Network::new()
            .name("example.com", &["192.0.2.1", "192.0.2.2", "192.0.2.3"])
            .at("192.0.2.1:80", Answer::Refuse(millis(260)))
            .at("192.0.2.3:80", Answer::Accept(AT_ONCE));
        let begun = now::<H>();
        let connector = connector::<H>();
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            let mut script = server(&network).await;
            assert_eq!(now::<H>() - begun, millis(260));
            welcome(&mut script).await;
        })
        .await;
        assert!(connected.is_ok());
        assert_eq!(network.dialled().len(), 3);
        assert_eq!(network.under_way(), 0);
    });
}

/// Proves: R6455-4.1-e
pub fn no_address_that_answers_is_one_error<H: Harness>() {
    run_timed::<H>(async {
        let network = Network::new()
            .name("example.com", &["2001:db8::1", "192.0.2.1"])
            .at("[2001:db8::1]:80", Answer::Refuse(millis(400)))
            .at("192.0.2.1:80", Answer::Refuse(millis(10)));
        let error = connector::<H>()
            .connect("ws://example.com/")
            .await
            .unwrap_err();
        let DialError::Connect(error) = error else {
            panic!("{error:?}");
        };
        assert_eq!(error.stage(), Stage::Tcp);
        assert_eq!(
            (error.host(), error.port()),
            (Some("example.com"), Some(80))
        );
        let ConnectCause::Io(last) = error.cause() else {
            panic!("{error:?}");
        };
        assert_eq!(last.kind(), ErrorKind::ConnectionRefused);
        let tried = |(address, error): (SocketAddr, Option<&Error>)| {
            (address.to_string(), error.map(Error::kind))
        };
        let refused = |address: &str| (address.to_owned(), Some(ErrorKind::ConnectionRefused));
        let expected = [refused("[2001:db8::1]:80"), refused("192.0.2.1:80")];
        assert_eq!(error.addresses().map(tried).collect::<Vec<_>>(), expected);
        assert_eq!(
            error.to_string(),
            format!("cannot connect to example.com:80 (TCP, 2 addresses): {last}")
        );
        assert_eq!(network.dialled().len(), 2);

        for url in ["ws://nobody.example/", "ws://empty.example/"] {
            let _network = Network::new().name("empty.example", &[]);
            let error = connector::<H>().connect(url).await.unwrap_err();
            let DialError::Connect(error) = error else {
                panic!("{error:?}");
            };
            assert_eq!(error.stage(), Stage::Dns);
            assert_eq!(error.lookup_failure(), Some(LookupFailure::NoSuchHost));
        }
    });
}

/// A literal address is not looked up. With a local address, only addresses of its family are dialled.
pub fn addresses_and_local_addresses_are_used_as_given<H: Harness>() {
    run::<H>(async {
        let network = Network::new()
            .name("example.com", &["2001:db8::1", "192.0.2.1"])
            .at("[::1]:8080", Answer::Accept(AT_ONCE))
            .at("192.0.2.1:80", Answer::Accept(AT_ONCE));
        let connector = connector::<H>();
        let (connected, ()) = join(connector.connect("ws://[::1]:8080/"), async {
            welcome(&mut server(&network).await).await;
        })
        .await;
        assert!(connected.is_ok());
        assert!(network.lookups().is_empty());

        let from = std::net::Ipv4Addr::new(10, 0, 0, 9);
        let connector = connector.local_address(from);
        let (connected, ()) = join(connector.connect("ws://example.com/"), async {
            welcome(&mut server(&network).await).await;
        })
        .await;
        assert!(connected.is_ok());
        let dialled = network.dialled();
        assert_eq!(
            dialled.last(),
            Some(&("192.0.2.1:80".parse().unwrap(), Some(from.into())))
        );
        assert_eq!(dialled.len(), 2);
        let error = connector.connect("ws://[::1]:8080/").await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "cannot connect to [::1]:8080 (TCP): no address of the family of the local address"
        );
        assert_eq!(network.dialled().len(), 2);
    });
}

/// Proves: R6455-4.1-e, X-io-1
pub fn one_deadline_covers_every_step<H: Harness>() {
    run_timed::<H>(async {
        let connector = patient::<H>(Duration::from_secs(7));
        for url in [
            "ws://silent.example/",
            "ws://192.0.2.1/",
            "ws://192.0.2.2/",
            "ws://slow.example/",
        ] {
            let network = Network::new()
                .silent_name("silent.example")
                .name("slow.example", &["192.0.2.1", "192.0.2.3"])
                .at("192.0.2.3:80", Answer::Accept(Duration::from_secs(6)))
                .at("192.0.2.2:80", Answer::Accept(AT_ONCE));
            let begun = now::<H>();
            let error = connector.connect(url).await.unwrap_err();
            // The last two have let the client in.
            let (stage, text) = match url {
                "ws://silent.example/" => (Stage::Dns, "during the name lookup (DNS)"),
                "ws://192.0.2.1/" => (Stage::Tcp, "waiting for TCP"),
                _ => (Stage::Http, "during the opening handshake"),
            };
            assert!(error.is_timeout(), "{url}: {error:?}");
            assert_eq!(error.stage(), Some(stage), "{url}");
            let host = &url[5..url.len() - 1];
            assert_eq!(
                error.to_string(),
                format!("cannot connect to {host}:80: timed out after 7s {text}")
            );
            assert_eq!(now::<H>() - begun, Duration::from_secs(7), "{url}");
            assert_eq!(network.under_way(), 0);
        }
    });
}

/// A connect that is dropped at any step leaves no attempt behind.
pub fn dropped_connect_leaves_nothing_behind<H: Harness>() {
    run::<H>(async {
        let connector = connector::<H>().proxy(Proxy::new("socks5://proxy.example").unwrap());
        for answer in [None, Some(millis(100)), Some(AT_ONCE)] {
            let mut network = Network::new().name("proxy.example", &["2001:db8::1", "192.0.2.1"]);
            if let Some(after) = answer {
                network = network
                    .at("[2001:db8::1]:1080", Answer::Refuse(AT_ONCE))
                    .at("192.0.2.1:1080", Answer::Accept(after));
            }
            assert!(once(connector.connect("ws://example.com/")).await.is_none());
            assert_eq!(network.under_way(), 0);
            if answer == Some(AT_ONCE) {
                assert_eq!(server(&network).await.rest().await, b"\x05\x01\x00");
            }
        }
    });
}

/// Proves: R6455-4.1-a
pub fn bad_url_opens_no_socket<H: Harness>() {
    run::<H>(async {
        let network = Network::new().name("example.com", &["192.0.2.1"]);
        for url in ["http://example.com/", "ws://", "ws://example.com/#x"] {
            let error = connector::<H>().connect(url).await.unwrap_err();
            assert!(matches!(error, DialError::Request(_)), "{url}");
        }
        // No TLS in this network.
        let error = connector::<H>().connect("wss://example.com/").await;
        assert!(matches!(error, Err(DialError::TlsUnavailable)));
        assert!(network.dialled().is_empty() && network.lookups().is_empty());
    });
}

/// Proves: R6455-4.1-b, R6455-4.1-c
pub fn connections_are_opened_so_many_at_a_time<H: Harness>() {
    for limit in [1, 2] {
        run_timed::<H>(async {
            let network = Network::new().at("192.0.2.1:80", Answer::Accept(millis(100)));
            let connector = patient::<H>(Duration::from_secs(7)).max_concurrent(limit);
            let another = connector.clone();
            let begun = now::<H>();
            let servers = async {
                for _ in 0..5 {
                    let mut script = server(&network).await;
                    // No address answers the first; the others wait for their own attempts only.
                    let _ = script.rest().await;
                }
            };
            let clients = (0..5).map(|nth| -> Boxed<'_, bool> {
                let connector = if nth % 2 == 0 { &connector } else { &another };
                Box::pin(async {
                    let connected = connector.connect("ws://192.0.2.1/").await;
                    connected.unwrap_err().is_timeout()
                })
            });
            let (timed_out, ()) = join(join_all(clients.collect()), servers).await;
            assert_eq!(timed_out, [true; 5]);
            let rounds = if limit == 1 { 5 } else { 3 };
            assert_eq!(now::<H>() - begun, Duration::from_secs(7) * rounds);
        });
    }
}

/// A waiter that is dropped, before or after it was woken, passes its turn to the next.
///
/// Proves: R6455-4.1-b
pub fn dropped_turn_is_passed_on<H: Harness>() {
    run::<H>(async {
        let network = Network::new().at("192.0.2.1:80", Answer::Accept(AT_ONCE));
        let connector = connector::<H>().max_concurrent(1);
        let url = "ws://192.0.2.1/";
        let mut first = Box::pin(connector.connect(url));
        assert!(once(first.as_mut()).await.is_none());
        let mut second = Box::pin(connector.connect(url));
        assert!(once(second.as_mut()).await.is_none());
        let mut third = Box::pin(connector.connect(url));
        let mut fourth = Box::pin(connector.connect(url));
        assert!(once(third.as_mut()).await.is_none());
        assert!(once(fourth.as_mut()).await.is_none());
        assert_eq!(network.dialled().len(), 1);
        drop(third);
        let (connected, ()) = join(fourth, async {
            let _ = network.accept().await;
            // The second waiter is woken and dropped; the turn then goes to the fourth.
            drop(first);
            drop(second);
            welcome(&mut server(&network).await).await;
        })
        .await;
        assert!(connected.is_ok());
        assert_eq!(network.dialled().len(), 2);
    });
}
