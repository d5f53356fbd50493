use futures_util::stream::FusedStream;
use futures_util::{SinkExt, StreamExt};
use tokio::io::DuplexStream;
use wskit_tungstenite::WebSocketStream;
use wskit_tungstenite::protocol::{Message, Role};

use crate::pair;

/// Reading in one task and sending in another, both waiting for the same stream.
#[tokio::test(flavor = "multi_thread")]
async fn halves_in_two_tasks_do_not_lose_wake_ups() {
    let (client, server) = tokio::io::duplex(64);
    let client = WebSocketStream::from_raw_socket(client, Role::Client, None).await;
    let server = WebSocketStream::from_raw_socket(server, Role::Server, None).await;
    let send = |ws: WebSocketStream<DuplexStream>| async move {
        let (mut sink, mut stream) = ws.split();
        let sender = tokio::spawn(async move {
            for at in 0..2000 {
                sink.send(Message::text(format!("{at}"))).await.unwrap();
                if at % 100 == 0 {
                    sink.send(Message::Ping("p".into())).await.unwrap();
                }
            }
            sink
        });
        let mut at = 0;
        while at < 2000 {
            if let Message::Text(text) = stream.next().await.unwrap().unwrap() {
                assert_eq!(text, at.to_string());
                at += 1;
            }
        }
        sender.await.unwrap().reunite(stream).unwrap()
    };
    let both = async { tokio::join!(tokio::spawn(send(client)), tokio::spawn(send(server))) };
    let (client, server) = tokio::time::timeout(std::time::Duration::from_secs(60), both)
        .await
        .unwrap();
    let _ = (client.unwrap(), server.unwrap());
}

#[tokio::test]
async fn feed_waits_for_the_flush() {
    let (mut client, mut server) = pair().await;
    for text in ["a", "b"] {
        client.feed(text.into()).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), "a".into());
    assert_eq!(server.next().await.unwrap().unwrap(), "b".into());
    assert!(!server.is_terminated());
    drop(client);
    assert!(server.next().await.unwrap().is_err());
    assert!(server.is_terminated());
}
