//! What every binding's `pair` does.

use wskit_driver::{Transport, WebSocket};
use wskit_proto::{CloseCode, Message};
use wskit_test::join;

/// Echoes messages smaller and larger than the pipe between the two, and closes.
pub async fn pair_talks_and_closes<T: Transport>(
    mut client: WebSocket<T>,
    mut server: WebSocket<T>,
) {
    assert_eq!(client.peer_addr(), None);
    let serving = async {
        while let Some((message, out)) = server.recv_ref().await.expect("no error") {
            out.feed(message).expect("room");
        }
    };
    let talking = async {
        for message in [Message::text("grüße"), Message::binary(vec![7; 1 << 20])] {
            client.send(&message).await.expect("sent");
            assert_eq!(client.recv().await.expect("no error"), Some(message));
        }
        let outcome = client.close(CloseCode::NORMAL, "").await;
        assert!(outcome.expect("an outcome").is_clean());
    };
    join(serving, talking).await;
}

/// The end that is left is told, while it receives and while it sends more than the pipe holds.
pub async fn pair_ends_with_one_of_them<T: Transport>(pair: impl Fn() -> [WebSocket<T>; 2]) {
    for gone in 0..2 {
        let mut ends = Vec::from(pair());
        drop(ends.remove(gone));
        let error = ends[0].recv().await.expect_err("it has gone");
        assert!(error.is_disconnect(), "{error}");

        let [first, second] = pair();
        let (mut left, dropped) = if gone == 0 {
            (second, first)
        } else {
            (first, second)
        };
        let sending = async {
            let error = left.send(vec![7; 1 << 20]).await.expect_err("it has gone");
            assert!(error.is_disconnect() || error.is_closed(), "{error}");
        };
        join(sending, async { drop(dropped) }).await;
    }
}
