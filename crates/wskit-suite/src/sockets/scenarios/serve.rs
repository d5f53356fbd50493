//! `Server::serve` on real sockets.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use wskit_dial::tls::Acceptor;
use wskit_dial::{Connector, Net};
use wskit_driver::{
    Listener, ServeError, ServeRuntime, Server, ServerTls, Shutdown, Timer, WhenFull,
};
use wskit_handshake::OriginPolicy;
use wskit_proto::Config;
use wskit_test::join;

use super::{echo, run, talk};
use crate::sockets::{Authority, Sockets};

const PATIENCE: Duration = Duration::from_secs(30);

/// [`Sockets`] whose listener can be served.
pub trait Serving:
    Sockets<
        Net: ServeRuntime<Self::Tcp> + Net<Timer: Timer + Send>,
        Tcp: Send,
        Listener: Listener<Self::Net, Stream = Self::Tcp, Addr = SocketAddr>,
    >
{
}

impl<S> Serving for S where
    S: Sockets<
            Net: ServeRuntime<S::Tcp> + Net<Timer: Timer + Send>,
            Tcp: Send,
            Listener: Listener<S::Net, Stream = S::Tcp, Addr = SocketAddr>,
        >
{
}

fn server<S: Sockets>() -> Server<S::Net> {
    Server::new(OriginPolicy::Any).config(Config::new().close_timeout(Duration::from_secs(2)))
}

fn shutdown<S: Sockets>() -> Shutdown<<S::Net as Net>::Timer> {
    Shutdown::new()
}

/// Returns what is to be given to `on_error`, and what it was told.
fn errors() -> (
    impl Fn(&ServeError<SocketAddr>) + Send + Sync + 'static,
    Receiver<String>,
) {
    let (tell, told) = channel();
    let tell = std::sync::Mutex::new(tell);
    let on_error = move |error: &ServeError<SocketAddr>| {
        let _ = tell.lock().expect("a lock").send(error.to_string());
    };
    (on_error, told)
}

/// Two clients, one of which the shutdown finds open.
async fn clients<S: Sockets>(
    connector: Connector<S::Net>,
    url: &str,
    shutdown: Shutdown<<S::Net as Net>::Timer>,
) {
    let connect = || async { connector.connect(url).await.expect("served").0 };
    let (ann, mut bob) = join(connect(), connect()).await;
    talk(ann).await;
    let ended = async {
        assert_eq!(bob.recv().await.expect("a Close"), None);
        assert!(bob.outcome().expect("an outcome").is_clean());
    };
    let (report, ()) = join(shutdown.finish(PATIENCE), ended).await;
    let report = report.expect("a timer");
    // The server may not have seen the end of the first one yet.
    assert!(matches!(report.total(), 1 | 2), "{report}");
    assert_eq!(report.clean, report.total(), "{report}");
}

/// TCP: the shutdown ends the connection that is open, and `serve`.
pub fn served_tcp_connections_talk_until_the_shutdown<S: Serving>() {
    run::<S>(async {
        let (listener, port) = S::listen().await;
        let (shutdown, (on_error, told)) = (shutdown::<S>(), errors());
        let serving = server::<S>()
            .serve(listener, |ws, _| echo(ws))
            .shutdown(&shutdown)
            .on_error(on_error);
        let url = format!("ws://127.0.0.1:{port}/");
        let talking = clients::<S>(Connector::new(), &url, shutdown);
        let (served, ()) = join(serving.into_future(), talking).await;
        served.expect("no error");
        assert_eq!(told.try_iter().next(), None);
    });
}

/// The handler is the same as without TLS. A client that speaks no TLS is reported, and holds up no other.
pub fn served_tls_connections_talk_until_the_shutdown<S: Serving>()
where
    Acceptor<S::Net>: ServerTls<S::Net, S::Tcp>,
{
    run::<S>(async {
        let authority = Authority::new();
        let (listener, port) = S::listen().await;
        let (shutdown, (on_error, told)) = (shutdown::<S>(), errors());
        let serving = server::<S>()
            .serve(listener, |ws, peer| {
                assert_eq!(ws.peer_addr(), Some(peer));
                let session = ws.tls_session().expect("it is TLS");
                assert_eq!(session.server_name.as_deref(), Some("localhost"));
                echo(ws)
            })
            .tls(authority.acceptor("localhost", |_| ()))
            .shutdown(&shutdown)
            .on_error(on_error);
        let talking = async {
            let plain = Connector::<S::Net>::new();
            let refused = plain.connect(format!("ws://localhost:{port}/")).await;
            assert!(refused.is_err());
            let connector = Connector::new().tls(authority.connector());
            clients::<S>(connector, &format!("wss://localhost:{port}/"), shutdown).await;
        };
        let (served, ()) = join(serving.into_future(), talking).await;
        served.expect("no error");
        let told: Vec<_> = told.try_iter().collect();
        assert_eq!(told.len(), 1, "{told:?}");
        for error in told {
            assert!(
                error.contains(": TLS: the TLS handshake failed: "),
                "{error}"
            );
            assert!(
                error.starts_with("127.0.0.1:") || error.starts_with("[::1]:"),
                "{error}"
            );
        }
    });
}

/// Inside TLS too.
pub fn served_connection_beyond_the_limit_is_refused_with_503<S: Serving>()
where
    Acceptor<S::Net>: ServerTls<S::Net, S::Tcp>,
{
    run::<S>(async {
        let authority = Authority::new();
        let (listener, port) = S::listen().await;
        let shutdown = shutdown::<S>();
        let serving = server::<S>()
            .serve(listener, |ws, _| echo(ws))
            .tls(authority.acceptor("localhost", |_| ()))
            .max_connections(1)
            .when_full(WhenFull::Refuse {
                retry_after: Duration::from_secs(7),
            })
            .shutdown(&shutdown);
        let talking = async {
            let connector = Connector::<S::Net>::new().tls(authority.connector());
            let url = format!("wss://localhost:{port}/");
            let (ws, _) = connector.connect(url.clone()).await.expect("served");
            let error = connector.connect(url).await.map(drop).expect_err("refused");
            let refusal = error.refusal().expect("an answer");
            assert_eq!(refusal.status, 503);
            assert_eq!(refusal.headers["retry-after"], "7");
            talk(ws).await;
            let report = shutdown.finish(PATIENCE).await.expect("a timer");
            assert_eq!(report.clean, report.total(), "{report}");
        };
        let (served, ()) = join(serving.into_future(), talking).await;
        served.expect("no error");
    });
}

/// What else is a listener, such as one for Unix sockets: `client` blocks while it talks to it, and returns the
/// bytes that came.
pub fn served_unix_connections_talk<S, L>(
    listen: impl Future<Output = L>,
    client: impl FnOnce() -> Vec<u8> + Send + 'static,
) where
    S: Sockets<Net: ServeRuntime<L::Stream> + Net<Timer: Timer + Send>>,
    L: Listener<S::Net>,
{
    run::<S>(async {
        let listener = listen.await;
        let shutdown = shutdown::<S>();
        let serving = server::<S>()
            .serve(listener, |ws, _| echo(ws))
            .shutdown(&shutdown);
        let ended = shutdown.clone();
        let client = std::thread::spawn(move || {
            let came = client();
            ended.request();
            came
        });
        serving.await.expect("no error");
        let came = client.join().expect("no panic");
        let text = String::from_utf8_lossy(&came);
        assert!(text.starts_with("HTTP/1.1 101 "), "{text}");
        assert!(came.ends_with(b"\x81\x02hi"), "{text}");
    });
}
