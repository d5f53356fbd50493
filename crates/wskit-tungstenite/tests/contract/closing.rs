use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use wskit_tungstenite::error::{Error, ProtocolError};
use wskit_tungstenite::protocol::frame::coding::CloseCode;
use wskit_tungstenite::protocol::{CloseFrame, Message};

use crate::pair;

fn bye() -> CloseFrame {
    CloseFrame {
        code: CloseCode::Away,
        reason: "bye".into(),
    }
}

/// The Close is returned and echoed, then the stream ends at both ends.
#[tokio::test]
async fn close_is_echoed_then_the_stream_ends() {
    let (mut client, mut server) = pair().await;
    client.close(Some(bye())).await.unwrap();
    assert_eq!(
        server.next().await.unwrap().unwrap(),
        Message::Close(Some(bye()))
    );
    assert!(server.next().await.is_none());
    // A client waits for the server to end the stream.
    assert_eq!(
        client.next().await.unwrap().unwrap(),
        Message::Close(Some(bye()))
    );
    drop(server);
    assert!(client.next().await.is_none());
    assert!(client.next().await.is_none(), "it stays ended");
}

#[tokio::test]
async fn messages_still_come_after_our_close() {
    let (mut client, mut server) = pair().await;
    client.close(None).await.unwrap();
    server.send("still here".into()).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), "still here".into());
}

#[tokio::test]
async fn sending_after_a_close_is_an_error() {
    let (mut client, mut server) = pair().await;
    client.close(None).await.unwrap();
    let refused = |result| {
        matches!(
            result,
            Err(Error::Protocol(ProtocolError::SendAfterClosing))
        )
    };
    assert!(refused(client.send("late".into()).await));
    server.next().await.unwrap().unwrap();
    assert!(refused(server.send("late".into()).await));
    // The end is no error for a flush or another close.
    server.flush().await.unwrap();
    drop(server);
    client.next().await.unwrap().unwrap();
    assert!(client.next().await.is_none());
    assert!(matches!(
        client.send("x".into()).await,
        Err(Error::AlreadyClosed)
    ));
}

#[tokio::test]
async fn end_without_a_close_is_told_apart() {
    let (client, mut server) = pair().await;
    drop(client);
    let end = server.next().await.unwrap();
    assert!(matches!(
        end,
        Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))
    ));
    assert!(server.next().await.is_none());
}

#[tokio::test]
async fn bytes_after_a_close_are_told_apart() {
    let (mut client, mut server) = pair().await;
    server.get_mut().write_all(&[0x88, 0]).await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::Close(None));
    server.get_mut().write_all(&[0x81, 0]).await.unwrap();
    let late = client.next().await.unwrap();
    assert!(matches!(
        late,
        Err(Error::Protocol(ProtocolError::ReceivedAfterClosing))
    ));
}

/// `SinkExt::close` sends a Close, and may be called again.
#[tokio::test]
async fn closing_the_sink_sends_a_close() {
    let (mut client, mut server) = pair().await;
    SinkExt::<Message>::close(&mut client).await.unwrap();
    SinkExt::<Message>::close(&mut client).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Close(None));
    assert!(server.next().await.is_none());
}
