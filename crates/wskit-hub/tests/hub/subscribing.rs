use wskit_hub::{
    Access, Event, History, Hub, PreparedMessage, Publication, Rules, Since, Subscribed, Wire,
};
use wskit_proto::Config;

fn wire() -> Wire {
    Wire::new(|event| {
        let text = match event {
            Event::Published { message, past } => {
                let payload = message.publication().as_text()?;
                format!("{}{payload}", if past { "past " } else { "" })
            }
            Event::Subscribed { subscribed, .. } => format!("{subscribed:?}"),
            other => format!("{other:?}"),
        };
        Some(PreparedMessage::text(text))
    })
}

fn hub() -> Hub {
    let stream = Rules::stream(History::last(3)).subscribe(Access::Everyone);
    Hub::builder(move |topic| match topic {
        "stream" => stream.clone(),
        _ => Rules::unknown(),
    })
    .build()
}

#[tokio::test]
async fn a_subscriber_gets_the_past_then_what_comes() {
    let hub = hub();
    for text in ["a", "b", "c", "d"] {
        hub.publish("stream", Publication::text(text))
            .await
            .unwrap();
    }
    let (mut client, server) = wskit_tokio::pair(Config::new());
    let (_reader, writer) = server.split();
    let peer = hub.attach(&writer, &wire()).unwrap();
    let subscribed = peer.subscribe("stream", Since::Start).await.unwrap();
    let Subscribed::Fresh {
        replayed: 3,
        position,
    } = subscribed
    else {
        panic!("{subscribed:?}");
    };
    assert_eq!(position.offset, 4);
    hub.publish("stream", Publication::text("e")).await.unwrap();
    let mut got = Vec::new();
    for _ in 0..5 {
        let message = client.recv().await.unwrap().unwrap();
        got.push(message.to_text().unwrap().to_owned());
    }
    assert_eq!(got[1..], ["past b", "past c", "past d", "e"]);
    drop(peer);
    assert_eq!(hub.held().peers, 0);
    assert_eq!(hub.held().subscriptions, 0);
}
