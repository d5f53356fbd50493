//! What tungstenite does not have: compression, deadlines, and the way on to wskit.

use std::io::ErrorKind;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, DuplexStream};
use wskit_tungstenite::error::Error;
use wskit_tungstenite::handshake::client::Response;
use wskit_tungstenite::protocol::{Message, Role, WebSocketConfig};
use wskit_tungstenite::{
    Deflate, WebSocketStream, accept_async_with_config, client_async_with_config,
};

use crate::pair_with;

type Ends = (
    WebSocketStream<DuplexStream>,
    WebSocketStream<DuplexStream>,
    Response,
);

async fn opened(client: WebSocketConfig, server: WebSocketConfig) -> Ends {
    let (a, b) = tokio::io::duplex(1 << 20);
    let server = tokio::spawn(accept_async_with_config(b, Some(server)));
    let (client, response) = client_async_with_config("ws://localhost/", a, Some(client))
        .await
        .unwrap();
    (client, server.await.unwrap().unwrap(), response)
}

/// Both ends must ask for it. Then messages shrink, in both directions and with history.
#[tokio::test]
async fn compression_is_agreed_on_where_both_ask_for_it() {
    let plain = WebSocketConfig::default();
    let deflate = plain.deflate(Deflate::default().level(6));
    for (of_client, of_server) in [
        (deflate, deflate),
        (plain, deflate),
        (deflate, plain),
        (
            deflate.deflate(Deflate::default().no_context_takeover(true)),
            deflate,
        ),
    ] {
        let both = of_client.deflate.is_some() && of_server.deflate.is_some();
        let (mut client, mut server, response) = opened(of_client, of_server).await;
        assert_eq!(
            response.headers().contains_key("sec-websocket-extensions"),
            both
        );
        let text = "compressible text ".repeat(500);
        for _ in 0..3 {
            for (from, to) in [(0, 1), (1, 0)] {
                let ends = [&mut client, &mut server];
                ends[from].send(Message::text(text.clone())).await.unwrap();
                ends[from]
                    .send(Message::binary(vec![7; 300]))
                    .await
                    .unwrap();
                assert_eq!(
                    ends[to].next().await.unwrap().unwrap(),
                    Message::text(text.clone())
                );
                assert_eq!(ends[to].next().await.unwrap().unwrap().len(), 300);
            }
        }
        client.send(Message::text(text.clone())).await.unwrap();
        let mut wire = vec![0; 20_000];
        let n = server.get_mut().read(&mut wire).await.unwrap();
        if both {
            assert!(n < 300, "{n} bytes for {}", text.len());
            assert_eq!(wire[0], 0xc1);
        } else {
            assert_eq!(n, text.len() + 8);
        }
    }
}

/// The limit is on what a message becomes.
#[tokio::test]
async fn limit_holds_after_decompression() {
    let deflate = WebSocketConfig::default().deflate(Deflate::default());
    let (mut client, mut server, _) = opened(deflate, deflate.max_message_size(Some(1000))).await;
    client
        .send(Message::binary(vec![0; 100_000]))
        .await
        .unwrap();
    assert!(matches!(
        server.next().await.unwrap(),
        Err(Error::Capacity(_))
    ));
}

/// A callback that removes the answer takes the compression back.
#[tokio::test]
#[allow(clippy::result_large_err, reason = "the signature is given")]
async fn callback_can_take_compression_back() {
    use wskit_tungstenite::handshake::server::{Request, Response};
    let config = Some(WebSocketConfig::default().deflate(Deflate::default()));
    let (client, server) = tokio::io::duplex(1 << 16);
    let callback = |_: &Request, mut response: Response| {
        assert!(
            response
                .headers_mut()
                .remove("sec-websocket-extensions")
                .is_some()
        );
        Ok(response)
    };
    let server = tokio::spawn(wskit_tungstenite::accept_hdr_async_with_config(
        server, callback, config,
    ));
    let (mut client, _) = client_async_with_config("ws://localhost/", client, config)
        .await
        .unwrap();
    let mut server = server.await.unwrap().unwrap();
    client.send(Message::text("a".repeat(1000))).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap().len(), 1000);
}

/// A message that a full queue gives back is compressed when it is sent again.
#[test]
fn message_given_back_is_compressed_later() {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = WebSocketConfig::default()
        .deflate(Deflate::default())
        .write_buffer_size(0)
        .max_write_buffer_size(5000);
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut ws = wskit_tungstenite::accept_with_config(stream, Some(config)).unwrap();
        ws.get_mut().flush().unwrap();
        let mut head = [0; 2];
        ws.get_mut().read_exact(&mut head).unwrap();
        head
    });
    let stream = TcpStream::connect(address).unwrap();
    let url = format!("ws://{address}/");
    let (mut ws, _) =
        wskit_tungstenite::client::client_with_config(url, stream, Some(config)).unwrap();
    let Err(Error::WriteBufferFull(message)) = ws.write(Message::text("a".repeat(6000))) else {
        panic!("it was queued");
    };
    ws.set_config(|config| config.max_write_buffer_size = usize::MAX);
    ws.send(*message).unwrap();
    assert_eq!(server.join().unwrap()[0], 0xc1);
}

#[tokio::test(start_paused = true)]
async fn there_are_no_deadlines_unless_asked_for() {
    let (mut client, mut server) = pair_with(None).await;
    let quiet = tokio::time::timeout(Duration::from_secs(86_400), async {
        tokio::select! { message = client.next() => message, message = server.next() => message }
    });
    assert!(quiet.await.is_err(), "a silent connection lives on");
    let (silent, _peer) = tokio::io::duplex(64);
    let waits = tokio::time::timeout(
        Duration::from_secs(86_400),
        wskit_tungstenite::accept_async(silent),
    );
    assert!(waits.await.is_err(), "and so does a silent handshake");
}

fn timed_out<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Io(error)) if error.kind() == ErrorKind::TimedOut)
}

#[tokio::test(start_paused = true)]
async fn handshake_ends_in_time() {
    let config = WebSocketConfig::default().handshake_timeout(Duration::from_secs(5));
    let (silent, _peer) = tokio::io::duplex(1 << 16);
    assert!(timed_out(
        accept_async_with_config(silent, Some(config)).await
    ));
    let (silent, _peer) = tokio::io::duplex(1 << 16);
    assert!(timed_out(
        client_async_with_config("ws://a/", silent, Some(config)).await
    ));
}

#[tokio::test(start_paused = true)]
async fn idle_connection_ends_in_time() {
    let config = WebSocketConfig::default().idle_timeout(Duration::from_secs(30));
    let (mut client, _server) = pair_with(Some(config)).await;
    assert!(timed_out(client.next().await.unwrap()));
    assert!(client.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn keepalive_pings_and_notices_a_peer_that_has_gone() {
    let config = WebSocketConfig::default().keepalive(Duration::from_secs(20));
    let (client, server) = tokio::io::duplex(1 << 16);
    let mut client = WebSocketStream::from_raw_socket(client, Role::Client, Some(config)).await;
    let mut server = WebSocketStream::from_raw_socket(server, Role::Server, None).await;
    server.send("a".into()).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), "a".into());
    // The peer answers for a while, and its pongs are not seen.
    let mut pings = 0;
    let both = async {
        tokio::select! {
            message = client.next() => panic!("{message:?}"),
            () = async {
                while let Some(Ok(message)) = server.next().await {
                    pings += usize::from(message.is_ping());
                }
            } => {}
        }
    };
    assert!(
        tokio::time::timeout(Duration::from_secs(170), both)
            .await
            .is_err()
    );
    assert_eq!(pings, 8);
    assert!(timed_out(client.next().await.unwrap()));
}

/// Bytes that were read ahead go with it; the two ends need not both go.
#[tokio::test]
async fn connection_goes_on_with_wskit() {
    for deflate in [false, true] {
        let mut config = WebSocketConfig::default();
        if deflate {
            config = config.deflate(Deflate::default());
        }
        let (client, mut server, _) = opened(config, config).await;
        let client = client.into_wskit().unwrap();
        assert_eq!(client.deflate().is_some(), deflate);
        let (mut reader, writer) = client.split();
        let text = "text ".repeat(100);
        writer.send(text.as_str()).await.unwrap();
        assert_eq!(server.next().await.unwrap().unwrap(), text.as_str().into());
        server.send(Message::Ping("p".into())).await.unwrap();
        server.send(text.as_str().into()).await.unwrap();
        let message = reader.recv().await.unwrap().unwrap();
        assert_eq!(message.as_text(), Some(text.as_str()));
        // wskit answers while the connection is read.
        let pong = tokio::select! {
            pong = server.next() => pong,
            message = reader.recv() => panic!("{message:?}"),
        };
        assert!(pong.unwrap().unwrap().is_pong());
    }
}

#[tokio::test]
async fn connection_in_the_middle_of_something_stays() {
    let (mut client, mut server) = pair_with(None).await;
    client.feed("waits".into()).await.unwrap();
    let mut client = *client.into_wskit().unwrap_err();
    client.flush().await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), "waits".into());
    let mut client = client.into_wskit().unwrap();
    client.send("from wskit").await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), "from wskit".into());
}
