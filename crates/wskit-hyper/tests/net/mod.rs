//! hyper servers on loopback and bare clients, each limited in time.
#![allow(dead_code, reason = "each test file uses its part")]

use std::convert::Infallible;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufStream};
use tokio::net::{TcpListener, TcpStream};

/// No test may hang.
pub(crate) async fn bounded<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("in time")
}

/// The ways in which hyper can hold a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Serve {
    /// hyper's own HTTP/1 connection on a socket.
    Http1,
    /// hyper-util's, which tells HTTP/1 from HTTP/2, on a socket.
    Auto,
    /// hyper's own HTTP/1 connection on a type that it cannot be downcast to.
    Boxed,
    /// Without upgrades, a common mistake.
    WithoutUpgrades,
}

impl Serve {
    pub(crate) const ALL: [Self; 3] = [Self::Http1, Self::Auto, Self::Boxed];
}

/// Serves until the test ends. Returns the URL. `answer` without a response never responds.
pub(crate) async fn hyper_server(
    serve: Serve,
    answer: impl Fn(Request<Incoming>) -> Option<Response<Bytes>> + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/chat", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answer = answer.clone();
                async move {
                    match answer(request) {
                        Some(response) => Ok::<_, Infallible>(response.map(Full::new)),
                        None => pending().await,
                    }
                }
            });
            let http1 = hyper::server::conn::http1::Builder::new();
            tokio::spawn(async move {
                // The client observes how it ends.
                match serve {
                    Serve::Http1 => {
                        let connection = http1.serve_connection(TokioIo::new(tcp), service);
                        let _ = connection.with_upgrades().await;
                    }
                    Serve::WithoutUpgrades => {
                        let _ = http1.serve_connection(TokioIo::new(tcp), service).await;
                    }
                    Serve::Boxed => {
                        let io = TokioIo::new(BufStream::new(tcp));
                        let _ = http1.serve_connection(io, service).with_upgrades().await;
                    }
                    Serve::Auto => {
                        let auto = auto::Builder::new(TokioExecutor::new());
                        let io = TokioIo::new(tcp);
                        let _ = auto.serve_connection_with_upgrades(io, service).await;
                    }
                }
            });
        }
    });
    url
}

pub(crate) async fn raw(url: &str) -> TcpStream {
    let address = url.strip_prefix("ws://").unwrap();
    let address = address.strip_suffix("/chat").unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// A valid request with additional header lines.
pub(crate) fn request(more: &str) -> String {
    format!(
        "GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    )
}

/// Sends, and reads the head and the rest until the end.
pub(crate) async fn exchange(tcp: &mut TcpStream, request: &str) -> (String, Vec<u8>) {
    tcp.write_all(request.as_bytes()).await.unwrap();
    read_to_end(tcp).await
}

pub(crate) async fn read_to_end(mut tcp: impl tokio::io::AsyncRead + Unpin) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    // A reset after the response is an end too.
    let _ = tcp.read_to_end(&mut bytes).await;
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no head in {}", bytes.escape_ascii()));
    let body = bytes.split_off(end + 4);
    (String::from_utf8(bytes).unwrap(), body)
}
