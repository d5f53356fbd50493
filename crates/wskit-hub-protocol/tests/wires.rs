//! A publication is encoded once for each encoding, however many sessions there are.

use wskit_hub::{Access, History, Hub, Publication, Rules};
use wskit_hub_protocol::{Grant, Identity, Site};
use wskit_proto::Config;

/// 100 sessions, then what one message adds to the bytes that the hub counts for its encoded forms.
#[tokio::test]
async fn a_hundred_sessions_share_what_is_encoded() {
    let hub = Hub::builder(|_| Rules::stream(History::last(10)).subscribe(Access::Everyone));
    let hub = hub.shards(1).build();
    let site = Site::new(hub.clone())
        .on_connect(|_| async { Ok(Identity::new("").subscribe("server", Grant::new())) });
    let mut clients = Vec::new();
    for _ in 0..100 {
        let (mut client, server) = wskit_tokio::pair(Config::new());
        tokio::spawn(site.serve(server, tokio::time::sleep));
        client
            .send("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"client\"}}")
            .await
            .unwrap();
        for _ in 0..2 {
            client.recv().await.unwrap().unwrap();
        }
        clients.push(client);
    }
    let payload = format!("\"{}\"", "a".repeat(10_000));
    for topic in ["client", "server"] {
        let before = hub.held().topic_bytes;
        hub.publish(topic, Publication::text(payload.clone()))
            .await
            .unwrap();
        let added = hub.held().topic_bytes - before;
        assert!(
            (20_000..25_000).contains(&added),
            "{added} bytes: itself and one encoded form"
        );
    }
    for client in &mut clients {
        for topic in ["client", "server"] {
            let frame = client.recv().await.unwrap().unwrap();
            let push = format!(
                r#"{{"push":{{"channel":"{topic}","pub":{{"data":{payload},"offset":1}}}}}}"#
            );
            assert_eq!(frame.as_text(), Some(&*push));
        }
    }
}
