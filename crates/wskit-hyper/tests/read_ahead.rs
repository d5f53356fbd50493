//! Small messages over HTTP/2 for a busy application.

#[path = "net/flood.rs"]
mod flood;
mod net;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use flood::{CLOSE, Socket, message, number};
use h2::client::SendRequest;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use net::bounded;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use wskit_handshake::OriginPolicy;
use wskit_hyper::{
    ConnectionError, ReadAhead, ReadAheadFull, Server, WebSocket, http2_settings, upgrade,
};

type Builder = auto::Builder<TokioExecutor>;

/// What a busy handler received after it was released, and how that ended.
type Told = (Vec<u64>, Result<(), ConnectionError>);

struct Site {
    client: SendRequest<Bytes>,
    release: Arc<Notify>,
    told: mpsc::UnboundedReceiver<Told>,
}

/// hyper-util's server with its default windows, as in `axum::serve`.
fn own_windows() -> Builder {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().enable_connect_protocol();
    builder
}

fn set_windows() -> Builder {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    http2_settings(&mut builder);
    builder
}

async fn site(builder: Builder, policy: ReadAhead) -> Site {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, server) = tokio::join!(client, listener.accept());
    site_on(client.unwrap(), server.unwrap().0, builder, policy).await
}

/// `/echo` echoes; `/busy` and `/gone` echo one message and are busy until they are released. Then the
/// one receives, and the other drops its connection.
async fn site_on<S>(client: S, server: S, builder: Builder, policy: ReadAhead) -> Site
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let release = Arc::new(Notify::new());
    let (tell, told) = mpsc::unbounded_channel();
    let released = release.clone();
    tokio::spawn(async move {
        let service = service_fn(move |mut request: Request<Incoming>| {
            let server = Server::new(OriginPolicy::SameOrigin);
            let (response, opening) = upgrade(&mut request, &server).unwrap();
            let (released, tell) = (released.clone(), tell.clone());
            tokio::spawn(async move {
                let mut ws = opening.read_ahead(policy).open().await.unwrap();
                if request.uri().path() == "/echo" {
                    return echo(ws).await;
                }
                let first = ws.recv().await.unwrap().unwrap();
                ws.send(first).await.unwrap();
                released.notified().await;
                let told = if request.uri().path() == "/busy" {
                    receive_all(ws).await
                } else {
                    drop(ws);
                    (Vec::new(), Ok(()))
                };
                let _ = tell.send(told);
            });
            let response: Response<Full<Bytes>> = response.map(|()| Full::default());
            async { Ok::<_, Infallible>(response) }
        });
        let _ = builder
            .serve_connection_with_upgrades(TokioIo::new(server), service)
            .await;
    });
    Site {
        client: flood::connect(client).await,
        release,
        told,
    }
}

async fn echo(mut ws: WebSocket) {
    while let Ok(Some((message, out))) = ws.recv_ref().await {
        out.feed(message).unwrap();
    }
}

async fn receive_all(mut ws: WebSocket) -> Told {
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

/// Sends `count` messages. After each 1000 a round trip of the neighbour proves that it is alive
/// and that the data sent before has been read.
async fn flood(busy: &mut Socket, neighbour: &mut Socket, count: u64) {
    for number in 0..count {
        assert!(busy.data(message(number)).await, "ended at {number}");
        if number % 1000 == 999 {
            neighbour.round_trip(number).await;
        }
    }
}

fn close(socket: &mut Socket) {
    let close = Bytes::from_static(CLOSE);
    socket.send.send_data(close, true).unwrap();
}

/// 2,241 messages of 22 bytes that stay in h2 are the end of the whole connection with the windows that
/// hyper has.
#[tokio::test]
async fn small_messages_wait_for_a_busy_handler() {
    bounded(async {
        let mut site = site(own_windows(), ReadAhead::default()).await;
        let mut busy = Socket::open(&site.client, "/busy").await;
        let mut neighbour = Socket::open(&site.client, "/echo").await;
        busy.round_trip(0).await;
        flood(&mut busy, &mut neighbour, 10_000).await;
        site.release.notify_one();
        close(&mut busy);
        let (numbers, end) = site.told.recv().await.unwrap();
        assert!(end.is_ok(), "{end:?}");
        assert!(numbers.into_iter().eq(0..10_000));
        neighbour.round_trip(2).await;
    })
    .await;
}

/// A connection reads all of this before any other task runs. `http2_settings` leaves room for it.
#[tokio::test]
async fn small_messages_at_once_wait_for_a_busy_handler() {
    bounded(async {
        let mut site = site(set_windows(), ReadAhead::default()).await;
        let mut busy = Socket::open(&site.client, "/busy").await;
        let mut neighbour = Socket::open(&site.client, "/echo").await;
        busy.round_trip(0).await;
        for number in 0..10_000 {
            assert!(busy.data(message(number)).await, "ended at {number}");
        }
        neighbour.round_trip(1).await;
        site.release.notify_one();
        close(&mut busy);
        let (numbers, end) = site.told.recv().await.unwrap();
        assert!(end.is_ok(), "{end:?}");
        assert!(numbers.into_iter().eq(0..10_000));
    })
    .await;
}

/// Data after the end is discarded without ending the connection.
#[tokio::test]
async fn more_than_is_read_ahead_ends_one_websocket_alone() {
    bounded(async {
        let mut site = site(own_windows(), ReadAhead::default()).await;
        let mut busy = Socket::open(&site.client, "/busy").await;
        let mut neighbour = Socket::open(&site.client, "/echo").await;
        busy.round_trip(0).await;
        flood(&mut busy, &mut neighbour, 200_000).await;
        // The peer sees it before the application looks: END_STREAM, and no reset.
        assert_eq!(busy.read_to_end().await.unwrap(), b"");
        busy.send.send_data(Bytes::new(), true).unwrap();
        site.release.notify_one();
        let (numbers, end) = site.told.recv().await.unwrap();
        let Err(ConnectionError::Io(error)) = end else {
            panic!("{end:?}");
        };
        let full = error.get_ref().unwrap().downcast_ref::<ReadAheadFull>();
        assert_eq!(full.unwrap().limit, 1 << 20);
        // 1 MiB in order, and the message that went beyond it.
        let whole = (1_u64 << 20).div_ceil(22);
        assert!(numbers.into_iter().eq(0..whole));
        neighbour.round_trip(1).await;
    })
    .await;
}

/// Sends from a task, as fast as the windows allow, until a hundred round trips of the neighbour have
/// seen nothing sent.
async fn held_back(mut busy: Socket, neighbour: &mut Socket, frames: Vec<Bytes>) -> usize {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    tokio::spawn(async move {
        for frame in frames {
            assert!(busy.data(frame).await);
            count.fetch_add(1, Ordering::Relaxed);
        }
        close(&mut busy);
        busy.read_to_end().await.unwrap();
    });
    let mut quiet = 0;
    let mut last = 0;
    while quiet < 100 {
        neighbour.round_trip(quiet).await;
        let now = sent.load(Ordering::Relaxed);
        quiet = if now == last { quiet + 1 } else { 0 };
        last = now;
    }
    last
}

#[tokio::test]
async fn windows_hold_a_flood_back_while_the_neighbour_lives() {
    bounded(async {
        let mut site = site(set_windows(), ReadAhead::HoldBack).await;
        let mut busy = Socket::open(&site.client, "/busy").await;
        let mut neighbour = Socket::open(&site.client, "/echo").await;
        busy.round_trip(0).await;
        let sent = held_back(busy, &mut neighbour, (0..10_000).map(message).collect()).await;
        // 64 KiB read ahead and 64 KiB of window, less what was not given back at once.
        assert!((4000..6000).contains(&sent), "{sent}");
        site.release.notify_one();
        let (numbers, end) = site.told.recv().await.unwrap();
        assert!(end.is_ok(), "{end:?}");
        assert!(numbers.into_iter().eq(0..10_000));
        neighbour.round_trip(1).await;
    })
    .await;
}

/// Messages that are not small end nothing: the window stops the peer.
#[tokio::test]
async fn large_messages_are_held_back() {
    bounded(async {
        let mut site = site(set_windows(), ReadAhead::default()).await;
        let mut busy = Socket::open(&site.client, "/busy").await;
        let mut neighbour = Socket::open(&site.client, "/echo").await;
        busy.round_trip(0).await;
        let large = |number: u64| {
            let head = &b"\x82\xfe\x3f\x00\0\0\0\0"[..];
            let body = [0; 0x3f00 - 8];
            Bytes::from([head, &number.to_be_bytes(), &body].concat())
        };
        let sent = held_back(busy, &mut neighbour, (0..200).map(large).collect()).await;
        assert!((30..50).contains(&sent), "{sent}");
        site.release.notify_one();
        let (numbers, end) = site.told.recv().await.unwrap();
        assert!(end.is_ok(), "{end:?}");
        assert!(numbers.into_iter().eq(0..200));
    })
    .await;
}

/// h2 counts data that arrives for a reset stream and never returns it. The stream of a dropped
/// connection is therefore ended, and read until the peer has ended it too.
#[tokio::test]
async fn small_messages_for_a_dropped_websocket_leave_the_neighbour_alone() {
    bounded(async {
        let mut site = site(own_windows(), ReadAhead::default()).await;
        let mut gone = Socket::open(&site.client, "/gone").await;
        let mut neighbour = Socket::open(&site.client, "/echo").await;
        gone.round_trip(0).await;
        site.release.notify_one();
        site.told.recv().await.unwrap().1.unwrap();
        flood(&mut gone, &mut neighbour, 10_000).await;
        assert_eq!(gone.read_to_end().await.unwrap(), b"");
        gone.send.send_data(Bytes::new(), true).unwrap();
        neighbour.round_trip(1).await;
    })
    .await;
}

/// A peer that does not end its side of an abandoned stream gets a reset.
#[tokio::test(start_paused = true)]
async fn dropped_websocket_is_reset_when_its_peer_is_silent() {
    bounded(async {
        let (client, server) = tokio::io::duplex(64 << 10);
        let mut site = site_on(client, server, own_windows(), ReadAhead::default()).await;
        let mut gone = Socket::open(&site.client, "/gone").await;
        gone.round_trip(0).await;
        site.release.notify_one();
        site.told.recv().await.unwrap().1.unwrap();
        assert_eq!(gone.read_to_end().await.unwrap(), b"");
        let reset = std::future::poll_fn(|cx| gone.send.poll_reset(cx)).await;
        // hyper has sent END_STREAM, and h2 says NO_ERROR then.
        assert_eq!(reset.unwrap(), h2::Reason::NO_ERROR);
    })
    .await;
}

/// A message each second is no silence; the stream must end all the same.
#[tokio::test(start_paused = true)]
async fn dropped_websocket_is_reset_when_its_peer_goes_on_sending() {
    let (client, server) = tokio::io::duplex(64 << 10);
    let mut site = site_on(client, server, own_windows(), ReadAhead::default()).await;
    let mut gone = Socket::open(&site.client, "/gone").await;
    gone.round_trip(0).await;
    site.release.notify_one();
    site.told.recv().await.unwrap().1.unwrap();
    let mut seconds = 0;
    while gone.data(message(1)).await {
        tokio::time::sleep(Duration::from_secs(1)).await;
        seconds += 1;
        assert!(seconds < 35);
    }
    // It had its time to end.
    assert!(seconds > 25, "{seconds}");
}

/// The peer's Close is answered, then comes END_STREAM; no reset overtakes or follows it.
///
/// Proves: R8441-5-i
#[tokio::test]
async fn clean_close_ends_the_stream_without_a_reset() {
    bounded(async {
        let site = site(own_windows(), ReadAhead::default()).await;
        let mut socket = Socket::open(&site.client, "/echo").await;
        let mut neighbour = Socket::open(&site.client, "/echo").await;
        socket.round_trip(0).await;
        assert!(socket.data(Bytes::from_static(CLOSE)).await);
        assert_eq!(socket.read_to_end().await.unwrap(), b"\x88\0");
        neighbour.round_trip(1).await;
        // Still open for the own END_STREAM.
        socket.send.send_data(Bytes::new(), true).unwrap();
        neighbour.round_trip(2).await;
    })
    .await;
}
