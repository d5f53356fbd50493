use std::time::Duration;

use wskit_hub::{Command, EngineEvent, Member, Reply};

use crate::kit::{Node, servers, settings, wait_for};

#[tokio::test(flavor = "multi_thread")]
async fn members_of_other_hubs_are_known_and_told() {
    for server in servers(|server| server) {
        let (a, b) = (
            Node::connect(settings(&server)).await,
            Node::connect(settings(&server)).await,
        );
        b.listen(&["room"]).await;
        a.listen(&["room"]).await;
        let ann = Member::new("ann").info(&b"\xff1"[..]);
        let odd = Member::new(" .*>\u{fc}");
        for member in [&ann, &odd] {
            a.enter("room", member.clone()).await;
        }
        a.enter("elsewhere", ann.clone()).await;
        let joined = b.event(
            "ann",
            |event| matches!(event, EngineEvent::Joined { member, .. } if *member == ann),
        );
        let EngineEvent::Joined { node, .. } = joined.await else {
            unreachable!()
        };
        let mut members = b.members("room").await;
        members.sort_by(|(_, a), (_, b)| a.identity().cmp(b.identity()));
        assert_eq!(members, [(node, odd.clone()), (node, ann.clone())]);
        // Its own are left out.
        assert!(a.members("room").await.is_empty());
        assert!(a.events().is_empty(), "{:?}", a.events());
        a.leave("room", "ann").await;
        b.event(
            "left",
            |event| matches!(event, EngineEvent::Left { identity, .. } if **identity == *"ann"),
        )
        .await;
        assert_eq!(b.members("room").await, [(node, odd.clone())]);
        // The newest is what counts, however fast they come and go.
        let mut calls = Vec::new();
        for i in 0..50 {
            let (topic, identity): (std::sync::Arc<str>, std::sync::Arc<str>) =
                ("room".into(), "bob".into());
            let member = Member::new("bob").info(i.to_string());
            calls.push(a.ask(Command::Enter {
                topic: topic.clone(),
                member,
            }));
            if i < 49 {
                calls.push(a.ask(Command::Leave { topic, identity }));
            }
        }
        for call in calls {
            call.await.unwrap();
        }
        let members = b.members("room").await;
        assert!(
            members.contains(&(node, Member::new("bob").info("49"))),
            "{members:?}"
        );
        a.end().await;
        b.event(
            "gone",
            |event| matches!(event, EngineEvent::NodeGone { node: gone } if *gone == node),
        )
        .await;
        assert!(b.members("room").await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_hubs_that_enter_and_ask_who_is_there_one_sees_the_other() {
    for server in servers(|server| server) {
        let nodes = [
            Node::connect(settings(&server)).await,
            Node::connect(settings(&server)).await,
        ];
        for round in 0..50 {
            let topic: std::sync::Arc<str> = format!("room{round}").into();
            let mut calls = Vec::new();
            for node in &nodes {
                let enter = Command::Enter {
                    topic: topic.clone(),
                    member: Member::new("eve"),
                };
                let members = Command::Members {
                    topic: topic.clone(),
                };
                calls.push((node.ask(enter), node.ask(members)));
            }
            let mut seen = 0;
            for (entered, members) in calls {
                entered.await.unwrap();
                match members.await {
                    Ok(Reply::Members(members)) => seen += members.len(),
                    reply => panic!("{reply:?}"),
                }
            }
            assert!(seen > 0, "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_learns_that_the_members_were_lost() {
    for server in servers(|server| server) {
        let node = Node::connect(settings(&server)).await;
        node.enter("room", Member::new("ann")).await;
        server
            .jetstream("STREAM.DELETE.hub_members", &serde_json::Value::Null)
            .unwrap();
        // It enters them again after an Up.
        node.up().await;
        node.enter("room", Member::new("ann")).await;
        // Also if another hub has created the stream again meanwhile.
        node.forget_events();
        server
            .jetstream("STREAM.DELETE.hub_members", &serde_json::Value::Null)
            .unwrap();
        let other = Node::connect(settings(&server)).await;
        node.up().await;
        node.enter("room", Member::new("ann")).await;
        assert_eq!(other.members("room").await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_the_stream_of_leases_does_not_keep_is_refused() {
    for server in servers(|server| server) {
        let _node = Node::connect(settings(&server).lease(Duration::from_secs(5))).await;
        let longer = settings(&server).lease(Duration::from_secs(30));
        let error = longer.connect().await.unwrap_err();
        assert_eq!(error.kind(), wskit_hub_nats::ConnectErrorKind::Stream);
        assert!(crate::kit::chain(&error).contains("hub_nodes"));
        // One that is shorter is.
        Node::connect(settings(&server).lease(Duration::from_secs(3))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_not_heard_of_any_more_is_gone_with_its_members() {
    for server in servers(|server| server) {
        let lease = |server| settings(server).lease(Duration::from_secs(3));
        let b = Node::connect(lease(&server)).await;
        // One that was killed: it says nothing of its end.
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let builder = lease(&server);
        let a = runtime.spawn(async move {
            let a = Node::connect(builder).await;
            a.enter("room", Member::new("ann")).await;
            a
        });
        let a = a.await.unwrap();
        let members = b.members("room").await;
        assert_eq!(members.len(), 1);
        runtime.shutdown_background();
        std::mem::forget(a);
        b.event(
            "gone",
            |event| matches!(event, EngineEvent::NodeGone { node } if *node == members[0].0),
        )
        .await;
        assert!(b.members("room").await.is_empty());
        // Its members are not kept either.
        let info = server
            .jetstream("STREAM.INFO.hub_members", &serde_json::Value::Null)
            .unwrap();
        assert_eq!(info["state"]["messages"], 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_whose_connection_was_cut_is_another_one_afterwards() {
    for server in servers(|server| server) {
        let (a, b) = (
            Node::connect(settings(&server)).await,
            Node::connect(settings(&server)).await,
        );
        a.enter("room", Member::new("ann")).await;
        let before = b.members("room").await[0].0;
        server.restart();
        a.up().await;
        b.up().await;
        a.enter("room", Member::new("ann")).await;
        let members = b.members("room").await;
        assert_eq!(members.len(), 1);
        assert_ne!(members[0].0, before);
        wait_for("no lease of before", || {
            let info = server
                .jetstream("STREAM.INFO.hub_nodes", &serde_json::Value::Null)
                .ok()?;
            (info["state"]["messages"] == 2).then_some(())
        })
        .await;
    }
}
