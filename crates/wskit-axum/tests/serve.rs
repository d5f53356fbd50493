//! `wskit_axum::serve`, over loopback.

#[path = "../../wskit-hyper/tests/net/flood.rs"]
mod flood;

use std::future::{Future, IntoFuture as _};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use flood::{CLOSE, Socket};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use wskit_axum::{CloseCode, Config, Shutdown, WebSocketUpgrade, serve};

async fn bounded<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("in time")
}

/// `/echo` echoes and follows the shutdown; `/panic` panics; `/page` is a page.
fn app(shutdown: &Shutdown) -> Router {
    async fn echo(ws: WebSocketUpgrade, State(shutdown): State<Shutdown>) -> Response {
        let config = Config::new().close_timeout(Duration::from_secs(60));
        ws.config(config)
            .shutdown(&shutdown)
            .on_upgrade(|mut ws| async move {
                while let Ok(Some((message, out))) = ws.recv_ref().await {
                    let _ = out.feed(message);
                }
            })
    }
    async fn panicking() {
        panic!("a handler of this test");
    }
    Router::new()
        .route("/echo", any(echo))
        .route("/panic", any(panicking))
        .route("/page", any(|| async { "a page" }))
        .with_state(shutdown.clone())
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[tokio::test]
async fn both_versions_of_http_reach_the_handler() {
    bounded(async {
        let (listener, address) = listen().await;
        tokio::spawn(serve(listener, app(&Shutdown::new())).into_future());
        let mut ws = wskit_tokio::connect(format!("ws://{address}/echo"))
            .await
            .unwrap();
        ws.send("one").await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("one"));
        let client = flood::connect(TcpStream::connect(address).await.unwrap()).await;
        Socket::open(&client, "/echo").await.round_trip(2).await;
    })
    .await;
}

/// The socket is taken out of hyper's box, as behind `axum::serve`.
#[tokio::test]
async fn handler_has_the_socket_and_the_address_of_its_peer() {
    bounded(async {
        let (tell, mut told) = mpsc::unbounded_channel();
        let handler = move |ws: WebSocketUpgrade, ConnectInfo(peer): ConnectInfo<SocketAddr>| {
            let tell = tell.clone();
            async move {
                ws.on_upgrade(move |ws| async move {
                    let tcp = ws.get_ref().tcp().expect("a socket");
                    let _ = tell.send((peer, tcp.peer_addr().unwrap(), tcp.nodelay().unwrap()));
                })
            }
        };
        let app = Router::new().route("/", any(handler));
        let (listener, address) = listen().await;
        let make = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(serve(listener, make).into_future());
        let tcp = TcpStream::connect(address).await.unwrap();
        let own = tcp.local_addr().unwrap();
        let client = wskit_tokio::Client::new();
        let _ws = client.handshake(tcp, "ws://a/").await.unwrap();
        assert_eq!(told.recv().await.unwrap(), (own, own, true));
    })
    .await;
}

/// What `axum::serve` takes is taken too.
#[tokio::test]
async fn routers_handlers_and_their_makers_are_apps() {
    let (listener, address) = listen().await;
    let server = serve(listener, any(|| async {}));
    assert_eq!(server.local_addr().unwrap(), address);
    let app: Router = Router::new();
    let _ = serve(listen().await.0, app.clone());
    let _ = serve(listen().await.0, app.clone().into_make_service());
    let _ = serve(
        listen().await.0,
        app.clone().into_service::<axum::body::Body>(),
    );
    let layered = tower::ServiceBuilder::new().service(app);
    let _ = serve(listen().await.0, layered.into_make_service());
}

#[tokio::test]
async fn panic_of_a_handler_ends_its_connection_only() {
    bounded(async {
        let (listener, address) = listen().await;
        tokio::spawn(serve(listener, app(&Shutdown::new())).into_future());
        let mut before = wskit_tokio::connect(format!("ws://{address}/echo"))
            .await
            .unwrap();
        wskit_tokio::connect(format!("ws://{address}/panic"))
            .await
            .unwrap_err();
        before.send("alive").await.unwrap();
        before.recv().await.unwrap().unwrap();
        wskit_tokio::connect(format!("ws://{address}/echo"))
            .await
            .unwrap();
    })
    .await;
}

/// The first connection is dropped, and the loop that accepts goes on.
#[tokio::test]
async fn panic_of_what_makes_the_services_ends_one_connection_only() {
    bounded(async {
        let (listener, address) = listen().await;
        let (tell, mut told) = mpsc::unbounded_channel();
        let (app, mut made) = (app(&Shutdown::new()), 0);
        let make = tower::service_fn(move |_: SocketAddr| {
            made += 1;
            assert!(made > 1, "a maker of this test");
            std::future::ready(Ok::<_, std::convert::Infallible>(app.clone()))
        });
        let serving = serve(listener, make).on_error(move |error| {
            tell.send(error.to_string()).unwrap();
            panic!("a callback of this test");
        });
        tokio::spawn(serving.into_future());
        let url = format!("ws://{address}/echo");
        wskit_tokio::connect(&*url).await.unwrap_err();
        assert_eq!(told.recv().await.unwrap(), "the app panicked");
        wskit_tokio::connect(&*url).await.unwrap();
    })
    .await;
}

/// Stops the server while two WebSockets are open, one of each version of HTTP. `answers` says whether
/// their clients answer the Close.
async fn stop(answers: bool, within: Duration) -> wskit_axum::Report {
    let (listener, address) = listen().await;
    let shutdown = Shutdown::new();
    let requested = shutdown.clone();
    let serving = serve(listener, app(&shutdown))
        .with_graceful_shutdown(async move { requested.requested().await });
    let (stop, stopped) = oneshot::channel();
    let stopping = {
        let shutdown = shutdown.clone();
        async move {
            stopped.await.unwrap();
            shutdown.finish(within).await.unwrap()
        }
    };
    let server = tokio::spawn(serving.into_future());
    let stopping = tokio::spawn(stopping);

    let mut one = wskit_tokio::connect(format!("ws://{address}/echo"))
        .await
        .unwrap();
    one.send("open").await.unwrap();
    one.recv().await.unwrap();
    let client = flood::connect(TcpStream::connect(address).await.unwrap()).await;
    let mut two = Socket::open(&client, "/echo").await;
    two.round_trip(1).await;
    stop.send(()).unwrap();
    if answers {
        assert!(one.recv().await.unwrap().is_none());
        assert_eq!(one.outcome().unwrap().code(), CloseCode::GOING_AWAY);
        assert!(two.read(4).await.starts_with(b"\x88"));
        two.send.send_data(Bytes::from_static(CLOSE), true).unwrap();
        two.read_to_end().await.unwrap();
    }
    let report = stopping.await.unwrap();
    // A stream that was given up is drained for some seconds, unless its client goes.
    drop((two, client));
    server.await.unwrap().unwrap();
    // Nothing listens any more.
    TcpStream::connect(address).await.unwrap_err();
    report
}

#[tokio::test]
async fn graceful_shutdown_ends_the_websockets_of_both_versions() {
    let report = bounded(stop(true, Duration::from_secs(20))).await;
    assert_eq!((report.clean, report.total()), (2, 2), "{report}");
}

#[tokio::test]
async fn graceful_shutdown_gives_up_clients_that_do_not_answer() {
    let report = bounded(stop(false, Duration::from_millis(20))).await;
    assert_eq!((report.timed_out, report.total()), (2, 2), "{report}");
}

/// A certificate for `localhost`, and a client that trusts it and asks for these protocols.
fn tls() -> (TlsAcceptor, impl Fn(&[&str]) -> TlsConnector) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let connector = move |protocols: &[&str]| {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let mut client = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        TlsConnector::from(Arc::new(client))
    };
    (TlsAcceptor::from(Arc::new(server)), connector)
}

#[tokio::test]
async fn both_versions_of_http_come_through_tls() {
    bounded(async {
        let (acceptor, connector) = tls();
        let (tell, mut told) = mpsc::unbounded_channel();
        let (listener, address) = listen().await;
        let serving = serve(listener, app(&Shutdown::new()))
            .tls(move |tcp| acceptor.accept(tcp))
            .on_error(move |error| tell.send(error).unwrap());
        tokio::spawn(serving.into_future());
        let name = ServerName::try_from("localhost").unwrap();

        // It speaks no TLS, and disturbs no other client.
        let plain = wskit_tokio::connect(format!("ws://{address}/echo")).await;
        plain.unwrap_err();
        let error = told.recv().await.unwrap();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);

        let tcp = TcpStream::connect(address).await.unwrap();
        let tls = connector(&["http/1.1"])
            .connect(name.clone(), tcp)
            .await
            .unwrap();
        let client = wskit_tokio::Client::new();
        let (mut ws, _) = client.handshake(tls, "wss://localhost/echo").await.unwrap();
        ws.send("one").await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("one"));

        let tcp = TcpStream::connect(address).await.unwrap();
        let tls = connector(&["h2"]).connect(name, tcp).await.unwrap();
        let client = flood::connect(tls).await;
        Socket::open(&client, "/echo").await.round_trip(2).await;
    })
    .await;
}

/// Runs the next test in a process that may have few open files.
#[cfg(unix)]
#[test]
fn too_many_open_files_are_survived() {
    let status = std::process::Command::new("sh")
        .args([
            "-c",
            "ulimit -n 64 && exec \"$0\" --exact server_runs_out_of_files",
        ])
        .arg(std::env::current_exe().unwrap())
        .env("WSKIT_FEW_FILES", "1")
        .status();
    assert!(status.unwrap().success());
}

#[cfg(unix)]
#[tokio::test]
async fn server_runs_out_of_files() {
    if std::env::var_os("WSKIT_FEW_FILES").is_none() {
        return; // the test above runs it
    }
    bounded(async {
        let (tell, mut told) = mpsc::unbounded_channel();
        let (listener, address) = listen().await;
        let serving =
            serve(listener, app(&Shutdown::new())).on_error(move |error| tell.send(error).unwrap());
        tokio::spawn(serving.into_future());
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        // One for the client, none for the server.
        files.pop();
        let tcp = TcpStream::connect(address).await.unwrap();
        let error = told.recv().await.unwrap();
        assert!(error.to_string().contains("open files"), "{error}");
        drop(files);
        let client = wskit_tokio::Client::new();
        let (mut ws, _) = client.handshake(tcp, "ws://a/echo").await.unwrap();
        ws.send("one").await.unwrap();
        assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("one"));
    })
    .await;
}
