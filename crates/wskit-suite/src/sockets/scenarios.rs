//! The scenarios on real sockets, each generic over its harness.

mod addresses;
mod buffers;
mod error_texts;
mod peer_error_texts;
mod reconnect;
mod serve;
mod tls;
mod tls_layer;
mod transport;

pub use addresses::*;
pub use buffers::*;
pub use error_texts::*;
pub use peer_error_texts::*;
pub use reconnect::*;
pub use serve::*;
pub use tls::*;
pub use tls_layer::*;
pub use transport::*;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use rcgen::date_time_ymd;
use wskit_dial::{
    ConnectCause, Connector, DialError, Error, Net, Proxy, ProxyError, Stage,
    tls::{Acceptor, BadCertificate, TlsError},
};
use wskit_driver::{Server, Transport, WebSocket, within};
use wskit_handshake::OriginPolicy;
use wskit_proto::{CloseCode, Message};
use wskit_test::join;

use super::proxy::{Kind, Proxies};
use super::{Authority, Sockets};

/// The transport of a client.
type ClientIo<S> = <<S as Sockets>::Net as Net>::Io;

/// A name that only a proxy can look up.
const NAME: &str = "server.test";

/// Echoes one client's messages. Returns the client's address and how the connection ended.
async fn serve<S: Sockets>(
    listener: &S::Listener,
    acceptor: Option<&Acceptor<S::Net>>,
) -> (SocketAddr, Result<(), Error>) {
    let (tcp, from) = S::accept(listener).await;
    let server = Server::<S::Net>::new(OriginPolicy::Any);
    let served = async {
        match acceptor {
            None => echo(server.accept(tcp).await?).await,
            Some(acceptor) => echo(server.accept(acceptor.accept(tcp).await?).await?).await,
        }
    };
    let served = served.await;
    (from, served)
}

async fn echo<T: Transport>(mut ws: WebSocket<T>) -> Result<(), Error> {
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}

fn tls_error(error: &DialError) -> &TlsError {
    assert_eq!(error.stage(), Some(Stage::Tls));
    match error.cause() {
        Some(ConnectCause::Tls(error)) => error,
        _ => panic!("{error:?}"),
    }
}

/// Runs a test for at most a minute; none takes a second.
fn run<S: Sockets>(test: impl Future<Output = ()>) {
    // async-std moves futures so often that a large one overflows the stack.
    let test = Box::pin(test);
    S::run(async {
        let timer = <S::Net as Net>::Timer::default();
        let done = within(timer, Duration::from_secs(60), test).await;
        assert!(done.is_ok(), "it hangs");
    });
}

/// Sends a small and a large message, expects them back, and closes.
async fn talk<T: Transport>(mut ws: WebSocket<T>) {
    for message in [Message::text("grüße"), Message::binary(vec![7; 300_000])] {
        ws.send(&message).await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap(), message);
    }
    assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().is_clean());
}

/// A conversation through a proxy.
fn through<S: Sockets>(
    scheme: &str,
    kind: impl FnOnce(&Authority) -> (Kind<S::Net>, &'static str),
) {
    run::<S>(async {
        let authority = Authority::new();
        let (kind, proxy) = kind(&authority);
        let (proxies, proxy_port) = Proxies::<S>::listen(kind).await;
        let (listener, port) = S::listen().await;
        let acceptor = (scheme == "wss").then(|| authority.acceptor(NAME, |_| ()));
        let connector = Connector::<S::Net>::new()
            .tls(authority.connector())
            .proxy(Proxy::new(&format!("{proxy}:{proxy_port}")).unwrap());
        let client = async {
            let url = format!("{scheme}://{NAME}:{port}/");
            let (ws, _) = connector.connect(url).await.unwrap();
            // That of the server, never that of the proxy.
            let session = ws.tls_session();
            assert_eq!(session.is_some(), scheme == "wss");
            for certificate in session
                .iter()
                .flat_map(|session| &session.peer_certificates)
            {
                let mut names = certificate.windows(NAME.len());
                assert!(names.any(|name| name == NAME.as_bytes()));
            }
            talk(ws).await;
        };
        let servers = join(proxies.serve(1), serve::<S>(&listener, acceptor.as_ref()));
        let ((), ((), (_, served))) = join(client, servers).await;
        served.unwrap();
        assert_eq!(*proxies.asked.borrow(), [format!("{NAME}:{port}")]);
    });
}

/// Proves: R6455-4.1-d, R6455-4.1-f, R6455-4.1-h, R8441-6-a
pub fn wss_goes_through_an_http_proxy<S: Sockets>() {
    through::<S>("wss", |_| (Kind::Http, "http://localhost"));
}

/// TLS to the server inside TLS to the proxy.
///
/// Proves: R6455-4.1-d, R6455-4.1-f
pub fn wss_goes_through_an_https_proxy<S: Sockets>() {
    through::<S>("wss", |authority| {
        (
            Kind::Https(authority.acceptor("localhost", |_| ())),
            "https://localhost",
        )
    });
}

/// Proves: R6455-4.1-d, R6455-4.1-f
pub fn wss_goes_through_a_socks_proxy<S: Sockets>() {
    through::<S>("wss", |_| (Kind::Socks, "socks5://user:secret@127.0.0.1"));
}

/// Proves: R6455-4.1-d
pub fn ws_goes_through_an_https_proxy<S: Sockets>() {
    through::<S>("ws", |authority| {
        (
            Kind::Https(authority.acceptor("localhost", |_| ())),
            "https://localhost",
        )
    });
}

/// Proves: R6455-4.1-f
pub fn certificate_behind_a_proxy_is_the_servers_affair<S: Sockets>() {
    for expired in [false, true] {
        run::<S>(async {
            let authority = Authority::new();
            let (proxies, proxy_port) = Proxies::<S>::listen(Kind::Http).await;
            let (listener, port) = S::listen().await;
            let name = if expired { NAME } else { "other.test" };
            let acceptor = authority.acceptor(name, |params| {
                if expired {
                    params.not_after = date_time_ymd(2020, 1, 1);
                }
            });
            let connector = Connector::<S::Net>::new()
                .tls(authority.connector())
                .proxy(Proxy::new(&format!("http://127.0.0.1:{proxy_port}")).unwrap());
            let client = connector.connect(format!("wss://{NAME}:{port}/"));
            let servers = join(proxies.serve(1), serve::<S>(&listener, Some(&acceptor)));
            let (connected, ((), (_, served))) = join(client, servers).await;
            let error = connected.unwrap_err();
            let wrong = if expired {
                BadCertificate::Expired
            } else {
                BadCertificate::WrongName
            };
            assert_eq!(tls_error(&error).bad_certificate(), Some(wrong));
            // The certificate was checked before any byte of a handshake.
            assert!(
                matches!(&served, Err(Error::Dial(error)) if error.stage() == Some(Stage::Tls)),
                "{served:?}"
            );
        });
    }
}

/// Proves: R6455-4.1-e
pub fn certificate_of_a_proxy_is_the_proxys_affair<S: Sockets>() {
    run::<S>(async {
        let authority = Authority::new();
        let kind = Kind::Https(authority.acceptor("elsewhere.test", |_| ()));
        let (proxies, proxy_port) = Proxies::<S>::listen(kind).await;
        let connector = Connector::<S::Net>::new()
            .tls(authority.connector())
            .proxy(Proxy::new(&format!("https://localhost:{proxy_port}")).unwrap());
        let client = connector.connect(format!("ws://{NAME}/"));
        let (connected, ()) = join(client, proxies.serve(1)).await;
        let error = connected.unwrap_err();
        let Some(ConnectCause::Proxy(ProxyError::Tls(error))) = error.cause() else {
            panic!("{error:?}");
        };
        assert_eq!(error.bad_certificate(), Some(BadCertificate::WrongName));
        assert!(proxies.asked.borrow().is_empty());
    });
}

/// `localhost` is often ::1 and 127.0.0.1, and only one of them answers here.
pub fn name_with_addresses_of_both_families_is_reached<S: Sockets>() {
    run::<S>(async {
        let (listener, port) = S::listen().await;
        let connector = Connector::<S::Net>::new();
        let client = async {
            let (ws, _) = connector
                .connect(format!("ws://localhost:{port}/"))
                .await
                .unwrap();
            talk(ws).await;
        };
        let ((), (_, served)) = join(client, serve::<S>(&listener, None)).await;
        served.unwrap();
    });
}

/// Linux has all of 127.0.0.0/8. Other systems use 127.0.0.1.
pub fn local_address_is_where_the_connection_comes_from<S: Sockets>() {
    run::<S>(async {
        let last = if cfg!(target_os = "linux") { 77 } else { 1 };
        let local = Ipv4Addr::new(127, 0, 0, last);
        let (listener, port) = S::listen().await;
        let connector = Connector::<S::Net>::new().local_address(local);
        let client = async {
            let (ws, _) = connector
                .connect(format!("ws://127.0.0.1:{port}/"))
                .await
                .unwrap();
            talk(ws).await;
        };
        let ((), (from, served)) = join(client, serve::<S>(&listener, None)).await;
        served.unwrap();
        assert_eq!(from.ip(), IpAddr::V4(local));
        // An address that this machine does not have.
        let connector = connector.local_address(Ipv4Addr::new(192, 0, 2, 1));
        let error = connector.connect(format!("ws://127.0.0.1:{port}/")).await;
        assert_eq!(error.unwrap_err().stage(), Some(Stage::Tcp));
    });
}

/// Halves share the streams behind a lock.
pub fn split_connection_in_two_layers_of_tls_works<S: Sockets>() {
    run::<S>(async {
        let authority = Authority::new();
        let kind = Kind::Https(authority.acceptor("localhost", |_| ()));
        let (proxies, proxy_port) = Proxies::<S>::listen(kind).await;
        let (listener, port) = S::listen().await;
        let acceptor = authority.acceptor(NAME, |_| ());
        let connector = Connector::<S::Net>::new()
            .tls(authority.connector())
            .proxy(Proxy::new(&format!("https://localhost:{proxy_port}")).unwrap());
        let client = async {
            let url = format!("wss://{NAME}:{port}/");
            let ws: WebSocket<ClientIo<S>> = connector.connect(url).await.unwrap().0;
            let (mut reader, writer) = ws.split();
            let sending = async {
                for n in 0..100 {
                    writer.send(format!("{n}")).await.unwrap();
                }
                writer.close(CloseCode::NORMAL, "").await.unwrap()
            };
            let receiving = async {
                for n in 0..100 {
                    let message = reader.recv().await.unwrap().unwrap();
                    assert_eq!(message, Message::text(format!("{n}")));
                }
                assert!(reader.recv().await.unwrap().is_none());
            };
            assert!(join(sending, receiving).await.0.is_clean());
        };
        let servers = join(proxies.serve(1), serve::<S>(&listener, Some(&acceptor)));
        let ((), ((), (_, served))) = join(client, servers).await;
        served.unwrap();
    });
}
