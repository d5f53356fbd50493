//! What an idle connection holds under `Server::serve`, beside the loop that one would write by hand.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use wskit_driver::Transport;
use wskit_handshake::OriginPolicy;
use wskit_test::alloc::{self, Counting};
use wskit_tokio::{Error, Server, WebSocket};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

async fn by_hand(listener: TcpListener, server: Server) {
    while let Ok((stream, peer)) = listener.accept().await {
        let server = server.clone();
        tokio::spawn(async move {
            match accept_and_echo(&server, stream).await {
                Err(error) if !error.is_disconnect() => eprintln!("{peer}: {error}"),
                _ => {}
            }
        });
    }
}

async fn accept_and_echo(server: &Server, stream: TcpStream) -> Result<(), Error> {
    echo(server.accept(stream).await?).await
}

async fn echo<T: Transport>(mut ws: wskit_driver::WebSocket<T>) -> Result<(), Error> {
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}

async fn served(listener: TcpListener, server: Server) {
    let serving = server
        .serve(listener, |ws, _: SocketAddr| echo(ws))
        .max_connections(1000)
        .on_error(|error| eprintln!("{error}"));
    serving.into_future().await.unwrap();
}

/// Returns the bytes that this thread has for each of a number of idle connections, with those of a client
/// that is the same for each.
fn bytes_held<F>(serve: impl FnOnce(TcpListener, Server) -> F) -> isize
where
    F: Future<Output = ()> + Send + 'static,
{
    const CONNECTIONS: isize = 32;
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Server::new(OriginPolicy::Any)));
        let mut clients = Vec::with_capacity(64);
        let mut before = 0;
        for at in 0..2 * CONNECTIONS {
            if at == CONNECTIONS {
                before = alloc::live(); // pools and tables have been filled
            }
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(REQUEST.as_bytes()).await.unwrap();
            let mut answer = [0; 512];
            let n = client.read(&mut answer).await.unwrap();
            assert!(answer[..n].ends_with(b"\r\n\r\n"));
            // A message, so that the connection has been used.
            client
                .write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x'])
                .await
                .unwrap();
            assert_eq!(client.read(&mut answer).await.unwrap(), 3);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
            clients.push(client);
        }
        (alloc::live() - before) / CONNECTIONS
    })
}

#[test]
fn served_connection_holds_no_more_than_one_of_a_loop_written_by_hand() {
    let _warm = bytes_held(by_hand);
    let (by_hand, served) = (bytes_held(by_hand), bytes_held(served));
    let plain = size_of::<WebSocket<TcpStream>>();
    println!("by hand {by_hand}, served {served}, a connection's state {plain}");
    assert!(served <= by_hand, "{served} > {by_hand} bytes");
    assert_eq!(size_of::<WebSocket<wskit_tokio::ServerStream>>(), plain);
}
