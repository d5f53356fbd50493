//! Real hubs with the engine of the simulation.

use wskit_proto::{Config, PreparedMessage};

use super::node::Node;
use crate::{Access, Event, History, Hub, Member, Publication, Rules, Since, Wire};

fn hub(engine: Node) -> Hub {
    let rules = Rules::stream(History::last(4))
        .presence()
        .subscribe(Access::Everyone);
    let hub = Hub::builder(move |_| rules.clone()).engine(engine).build();
    tokio::spawn(hub.drive(tokio::time::sleep));
    hub
}

fn wire() -> Wire {
    Wire::new(|event| {
        let text = match event {
            Event::Published { message, .. } => message.publication().as_text()?.to_owned(),
            Event::Joined { member, .. } => format!("{} has come", member.identity()),
            Event::Gap { .. } => "gap".to_owned(),
            _ => return None,
        };
        Some(PreparedMessage::text(text))
    })
}

/// One hub is cut off while messages are published on the other one: they arrive late, but they do. When the
/// engine has lost them, that is told.
#[tokio::test]
async fn two_hubs_are_one() {
    let nodes = Node::cluster(2);
    let [one, other] = [0, 1].map(|i: usize| hub(nodes[i].clone()));
    let (mut client, server) = wskit_tokio::pair(Config::new());
    let (_reader, writer) = server.split();
    let peer = one.attach(&writer, &wire()).unwrap();
    peer.subscribe("room", Since::Start).await.unwrap();
    let (_client2, server2) = wskit_tokio::pair(Config::new());
    let (_reader2, writer2) = server2.split();
    let peer2 = other.attach(&writer2, &wire()).unwrap();

    let mut expect = async |texts: &[&str]| {
        for text in texts {
            let message = client.recv().await.unwrap().unwrap();
            assert_eq!(message.to_text().unwrap(), *text);
        }
    };
    let publish = async |text: &str| {
        let publication = Publication::text(text.to_owned());
        other.publish("room", publication).await.unwrap()
    };
    publish("a").await;
    expect(&["a"]).await;
    peer2.enter("room", Member::new("ann")).unwrap();
    expect(&["ann has come"]).await;
    assert_eq!(one.present("room").await.unwrap().count, 1);

    nodes[0].with(|cluster| cluster.cut(0));
    let refused = one.publish("room", Publication::text("x")).await;
    assert!(refused.is_err());
    publish("b").await;
    let last = publish("c").await;
    nodes[0].with(|cluster| cluster.connect(0));
    expect(&["b", "c"]).await;
    let (past, top) = one.history("room", Since::Start, 10).await.unwrap();
    assert_eq!((past.len(), top), (3, last));

    nodes[0].with(|cluster| cluster.forget("room"));
    publish("d").await;
    expect(&["gap", "d"]).await;
}
