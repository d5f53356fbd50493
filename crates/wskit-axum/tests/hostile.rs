//! Clients of `wskit_axum::serve` that hold their connection as long as they can. The clock is virtual, and
//! moves on when every task waits. So the connections are pipes, which are put in the place of the accepted
//! sockets: what is on its way through a socket is seen by no task.

#[path = "../../wskit-hyper/tests/net/flood.rs"]
mod flood;

use std::future::{Future, pending, ready};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use h2::client::SendRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use wskit_axum::serve;

/// The first half of a request.
const HALF_A_HEAD: &[u8] = b"GET /page HTTP/1.1\r\nhost: a\r\n";
/// The first half of what an HTTP/2 client sends first.
const HALF_A_PREFACE: &[u8] = b"PRI * HTTP/2";
/// The first bytes of a TLS ClientHello.
const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01";

/// Waits for at most `seconds` of the virtual clock.
async fn within<F: Future>(seconds: u64, future: F) -> F::Output {
    let limited = timeout(Duration::from_secs(seconds), future).await;
    limited.expect("in time")
}

fn app() -> Router {
    Router::new()
        .route("/page", get(|| async { "a page" }))
        .route("/never", get(pending::<()>))
}

fn acceptor() -> TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

struct Site {
    address: SocketAddr,
    pipes: mpsc::UnboundedSender<DuplexStream>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

async fn site(tls: bool) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = serve(listener, app()).with_graceful_shutdown(async { drop(stopped.await) });
    let (pipes, accepted) = mpsc::unbounded_channel();
    let accepted = Arc::new(Mutex::new(accepted));
    let pipe = move |_| accepted.lock().unwrap().try_recv().unwrap();
    let server = tokio::spawn(async move {
        if tls {
            let acceptor = acceptor();
            serving.tls(move |tcp| acceptor.accept(pipe(tcp))).await
        } else {
            serving.tls(move |tcp| ready(Ok(pipe(tcp)))).await
        }
        .unwrap();
    });
    Site {
        address,
        pipes,
        stop,
        server,
    }
}

impl Site {
    async fn connect(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(64 << 10);
        self.pipes.send(far).unwrap();
        TcpStream::connect(self.address).await.unwrap();
        near
    }

    async fn client(&self, sends: &[u8]) -> DuplexStream {
        let mut client = self.connect().await;
        client.write_all(sends).await.unwrap();
        client
    }

    async fn http2(&self) -> SendRequest<Bytes> {
        flood::connect(self.connect().await).await
    }

    /// Asks the server to stop, and returns how long that took by the virtual clock.
    async fn stop(self) -> Duration {
        let start = Instant::now();
        self.stop.send(()).unwrap();
        within(3600, self.server).await.unwrap();
        start.elapsed()
    }
}

/// Reads until the server ends the connection, in whatever way.
async fn ended(mut client: DuplexStream) {
    let mut all = Vec::new();
    let _ = client.read_to_end(&mut all).await;
}

/// A request that is sent to its end and never answered.
async fn ask(client: &SendRequest<Bytes>, path: &str) -> h2::client::ResponseFuture {
    let request = http::Request::get(format!("http://a{path}"))
        .body(())
        .unwrap();
    let mut client = client.clone().ready().await.unwrap();
    client.send_request(request, true).unwrap().0
}

#[tokio::test(start_paused = true)]
async fn client_that_sends_no_whole_request_is_dropped() {
    let site = site(false).await;
    for sends in [&b""[..], HALF_A_HEAD, HALF_A_PREFACE] {
        let client = site.client(sends).await;
        within(31, ended(client)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn client_that_sends_no_whole_hello_of_tls_is_dropped() {
    let site = site(true).await;
    for sends in [&b""[..], HALF_A_HELLO] {
        let client = site.client(sends).await;
        within(11, ended(client)).await;
    }
}

/// Proxies keep idle connections for 60 s, and send the next request on them.
#[tokio::test(start_paused = true)]
async fn second_request_may_start_after_a_minute_and_has_to_be_whole_after_75_s() {
    const WHOLE: &[u8] = b"GET /page HTTP/1.1\r\nhost: a\r\n\r\n";
    async fn page(client: &mut DuplexStream) {
        let mut got = Vec::new();
        while !got.ends_with(b"a page") {
            assert_ne!(within(5, client.read_buf(&mut got)).await.unwrap(), 0);
        }
    }
    let site = site(false).await;
    let mut client = site.client(WHOLE).await;
    page(&mut client).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    client.write_all(WHOLE).await.unwrap();
    page(&mut client).await;
    client.write_all(HALF_A_HEAD).await.unwrap();
    within(76, ended(client)).await;
}

/// The client has sent a request, and then reads no more: it answers no PING.
#[tokio::test(start_paused = true)]
async fn http2_client_that_answers_no_ping_is_dropped() {
    let site = site(false).await;
    let (near, far) = tokio::io::duplex(64 << 10);
    let (mut from, mut to) = tokio::io::split(site.connect().await);
    let (mut up, mut down) = tokio::io::split(far);
    tokio::spawn(async move { tokio::io::copy(&mut up, &mut to).await });
    let reading = tokio::spawn(async move {
        let copying = tokio::io::copy(&mut from, &mut down);
        let _ = timeout(Duration::from_secs(1), copying).await;
        let mut all = Vec::new();
        let _ = from.read_to_end(&mut all).await;
    });
    let client = flood::connect(near).await;
    let _never = ask(&client, "/never").await;
    within(50, reading).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn http2_client_that_answers_pings_is_kept() {
    let site = site(false).await;
    let client = site.http2().await;
    let never = ask(&client, "/never").await;
    let waited = timeout(Duration::from_secs(600), never).await;
    assert!(waited.is_err(), "{waited:?}");
    assert_eq!(ask(&client, "/page").await.await.unwrap().status(), 200);
}

/// They have no request to wait for.
#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_clients_that_have_asked_for_nothing() {
    for (tls, sends) in [
        (true, &b""[..]),
        (true, HALF_A_HELLO),
        (false, b""),
        (false, HALF_A_PREFACE),
    ] {
        let site = site(tls).await;
        let _client = site.client(sends).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert!(site.stop().await < Duration::from_secs(1), "{sends:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_requests_up_to_its_limit() {
    let one = site(false).await;
    let _client = one.client(b"GET /never HTTP/1.1\r\nhost: a\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(one.stop().await.as_secs(), 20);

    let half = site(false).await;
    let _client = half.client(HALF_A_HEAD).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(half.stop().await <= Duration::from_secs(21));

    let two = site(false).await;
    let client = two.http2().await;
    let _never = ask(&client, "/never").await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(two.stop().await.as_secs(), 20);
}
