//! Small messages over HTTP/2 for an application that is busy.

#[path = "net/flood.rs"]
mod flood;
mod net;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use flood::{Socket, message, number};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use net::bounded;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use wskit_handshake::OriginPolicy;
use wskit_hyper::{Error, Server, WebSocket, upgrade};

/// What the handler of `/stalled` received after it was released, and how that ended.
type Told = (Vec<u64>, Result<(), Error>);

struct Site {
    address: SocketAddr,
    release: Arc<Notify>,
    told: mpsc::UnboundedReceiver<Told>,
}

/// hyper-util's server with the windows that it has if nothing is said, as `axum::serve` has them.
fn own_windows() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    builder
}

async fn site(builder: auto::Builder<TokioExecutor>) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let release = Arc::new(Notify::new());
    let (tell, told) = mpsc::unbounded_channel();
    let released = release.clone();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let service = service_fn(move |mut request: Request<Incoming>| {
            let server = Server::new(OriginPolicy::SameOrigin);
            let (response, opening) = upgrade(&mut request, &server).unwrap();
            let (released, tell) = (released.clone(), tell.clone());
            tokio::spawn(async move {
                let ws = opening.open().await.unwrap();
                if request.uri().path() == "/stalled" {
                    let _ = tell.send(stalled(ws, &released).await);
                } else {
                    echo(ws).await;
                }
            });
            let response: Response<Full<Bytes>> = response.map(|()| Full::default());
            async { Ok::<_, Infallible>(response) }
        });
        let _ = builder
            .serve_connection_with_upgrades(TokioIo::new(tcp), service)
            .await;
    });
    Site {
        address,
        release,
        told,
    }
}

async fn echo(mut ws: WebSocket) {
    while let Ok(Some((message, out))) = ws.recv_ref().await {
        out.feed(message).unwrap();
    }
}

/// Echoes the first message, is busy until it is released, and receives all that is there then.
async fn stalled(mut ws: WebSocket, release: &Notify) -> Told {
    let first = ws.recv().await.unwrap().unwrap();
    ws.send(first).await.unwrap();
    release.notified().await;
    let mut numbers = Vec::new();
    let end = loop {
        match ws.recv().await {
            Ok(Some(message)) => numbers.push(number(message.as_bytes())),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    (numbers, end)
}

/// 2,241 messages of 22 bytes that nobody takes out of h2 are the end of a whole connection with the
/// windows that hyper has.
#[tokio::test]
async fn small_messages_for_a_busy_handler_leave_the_neighbour_alone() {
    bounded(async {
        let mut site = site(own_windows()).await;
        let client = flood::connect(site.address).await;
        let mut busy = Socket::open(&client, "/stalled").await;
        let mut neighbour = Socket::open(&client, "/echo").await;
        busy.round_trip(0).await;
        for number in 0..10_000 {
            assert!(busy.data(message(number)).await, "ended at {number}");
            if number % 1000 == 0 {
                neighbour.round_trip(number).await;
            }
        }
        neighbour.round_trip(1).await;
        site.release.notify_one();
        busy.send
            .send_data(Bytes::from_static(b"\x88\x80\0\0\0\0"), true)
            .unwrap();
        let (numbers, end) = site.told.recv().await.unwrap();
        assert!(end.is_ok(), "{end:?}");
        assert!(numbers.into_iter().eq(0..10_000));
        neighbour.round_trip(2).await;
    })
    .await;
}
