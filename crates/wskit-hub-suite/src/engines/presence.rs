//! Who is present.

use std::time::Duration;

use tokio::time::Instant;
use wskit_hub::{Engine, EngineEvent, Member, NodeId};

use crate::Bench;
use crate::node::Node;

fn member(identity: &str, info: &str) -> Member {
    Member::new(identity).info(info.as_bytes().to_vec())
}

async fn joined<E: Engine>(node: &mut Node<E>, topic: &str, identity: &str) -> (NodeId, Member) {
    let what = format!("that {identity} joins {topic}");
    node.event(&what, |event| match event {
        EngineEvent::Joined {
            topic: other,
            node,
            member,
        } if **other == *topic && member.identity() == identity => Some((*node, member.clone())),
        _ => None,
    })
    .await
}

async fn left<E: Engine>(node: &mut Node<E>, topic: &str, identity: &str) -> NodeId {
    let what = format!("that {identity} leaves {topic}");
    node.event(&what, |event| match event {
        EngineEvent::Left {
            topic: other,
            node,
            identity: other_identity,
        } if **other == *topic && **other_identity == *identity => Some(*node),
        _ => None,
    })
    .await
}

/// How long something may take that depends on leases.
fn patience<B: Bench>(bench: &B) -> Duration {
    bench.lease() * 4 + Duration::from_secs(10)
}

/// Members are told of and listed, in their topic.
pub async fn members_come_and_go<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t", "u"]).await;
    assert!(b.members("t").await.is_empty());
    a.enter("t", member("ann", "1")).await;
    let (at, came) = joined(&mut b, "t", "ann").await;
    assert_eq!(came, member("ann", "1"));
    a.enter("t", member("bob", "")).await;
    assert_eq!(joined(&mut b, "t", "bob").await, (at, member("bob", "")));
    a.enter("u", member("ann", "2")).await;
    let expected = [(at, member("ann", "1")), (at, member("bob", ""))];
    assert_eq!(b.members("t").await, expected);
    assert_eq!(b.members("u").await, [(at, member("ann", "2"))]);
    a.leave("t", "ann").await;
    assert_eq!(left(&mut b, "t", "ann").await, at);
    assert_eq!(b.identities("t").await, ["bob"]);
    assert_eq!(b.identities("u").await, ["ann"]);
    // Someone who is not there leaves.
    a.leave("t", "ann").await;
    a.leave("never used", "ann").await;
    a.leave("t", "bob").await;
    assert!(b.members("t").await.is_empty());
}

/// Entering again replaces what is told.
pub async fn what_is_told_of_a_member_changes<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t"]).await;
    for info in ["here", "away", "", "\u{0}\r\n\"{}"] {
        a.enter("t", member("ann", info)).await;
        let (at, came) = joined(&mut b, "t", "ann").await;
        assert_eq!(came, member("ann", info));
        assert_eq!(b.members("t").await, [(at, member("ann", info))]);
    }
    let all = Member::new("ann").info((0..=255).collect::<Vec<u8>>());
    a.enter("t", all.clone()).await;
    assert_eq!(joined(&mut b, "t", "ann").await.1, all);
    assert_eq!(b.members("t").await[0].1, all);
}

/// A node is told of the members of others only.
pub async fn own_members_are_not_among_the_others<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    a.listen(&["t"]).await;
    a.enter("t", member("ann", "")).await;
    b.enter("t", member("bob", "")).await;
    joined(&mut a, "t", "bob").await;
    assert_eq!(a.identities("t").await, ["bob"]);
    assert_eq!(b.identities("t").await, ["ann"]);
    for event in a.take_events() {
        assert!(!matches!(event, EngineEvent::Joined { .. }), "{event:?}");
    }
}

/// An identity that is on two nodes leaves one and stays on the other.
pub async fn one_identity_on_two_nodes_is_two_members<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let mut c = Node::new(bench).await;
    c.listen(&["t"]).await;
    a.enter("t", member("ann", "phone")).await;
    let (on_a, _) = joined(&mut c, "t", "ann").await;
    b.enter("t", member("ann", "desk")).await;
    let (on_b, _) = joined(&mut c, "t", "ann").await;
    assert_ne!(on_a, on_b, "two nodes are two");
    assert_eq!(c.identities("t").await, ["ann", "ann"]);
    a.leave("t", "ann").await;
    assert_eq!(left(&mut c, "t", "ann").await, on_a);
    assert_eq!(c.members("t").await, [(on_b, member("ann", "desk"))]);
    assert_eq!(a.members("t").await, [(on_b, member("ann", "desk"))]);
}

/// Identities and topics that a server might take for something else.
pub async fn odd_identities_are_different_members<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let topics = ["a.b", "a", "*", ">", "a b", "{a}", "日本"];
    let long = "x".repeat(255);
    let mut identities = vec![
        "", "ann", "Ann", "a.b", "b", "b.c", "*", ">", " ", "a b", "é", "🦀", "%", "%2E", "{}",
        "|", "\r\n", "\u{0}", "1", "01", ":", "a:b", "=", "/", &long,
    ];
    identities.sort_unstable();
    for topic in topics {
        for identity in &identities {
            a.enter(topic, member(identity, topic)).await;
        }
    }
    for topic in topics {
        assert_eq!(b.identities(topic).await, identities, "{topic:?}");
        a.leave(topic, "a.b").await;
        a.leave(topic, "*").await;
        let rest: Vec<_> = identities
            .iter()
            .filter(|one| !["a.b", "*"].contains(one))
            .collect();
        assert_eq!(b.identities(topic).await.iter().collect::<Vec<_>>(), rest);
    }
    let members = b.members("a.b").await;
    assert!(members.iter().all(|(_, member)| member.get_info() == "a.b"));
}

/// A node that was killed has no members any more, after its lease.
pub async fn members_of_a_node_that_is_gone_are_gone<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t", "u"]).await;
    for (topic, identity) in [("t", "ann"), ("t", "bob"), ("u", "ann")] {
        a.enter(topic, member(identity, "")).await;
    }
    b.enter("t", member("own", "")).await;
    let (node, _) = joined(&mut b, "t", "ann").await;
    // It can say no goodbye.
    a.line.refuse();
    drop(a);
    let is_gone = |event: &EngineEvent| match event {
        EngineEvent::NodeGone { node: gone } if *gone == node => Some(()),
        _ => None,
    };
    let gone = b.event("that the node is gone", is_gone);
    let gone = tokio::time::timeout(patience(bench), gone).await;
    gone.expect("the node is gone with its lease");
    b.until_members("t", &[], patience(bench)).await;
    b.until_members("u", &[], patience(bench)).await;
    let mut c = Node::new(bench).await;
    assert_eq!(c.identities("t").await, ["own"]);
    // The place is free for others.
    c.enter("t", member("ann", "new")).await;
    b.until_members("t", &["ann"], patience(bench)).await;
}

/// A node keeps its lease without any command.
pub async fn members_stay_while_their_node_lives<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t"]).await;
    a.enter("t", member("ann", "")).await;
    let start = Instant::now();
    // `a` is not polled meanwhile.
    while start.elapsed() < bench.lease() * 2 {
        assert_eq!(b.identities("t").await, ["ann"]);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for event in b.take_events() {
        assert!(!matches!(event, EngineEvent::NodeGone { .. }), "{event:?}");
    }
}

/// Members are told to a server that has lost everything, as a hub does after [`EngineEvent::Up`].
pub async fn members_are_told_again_after_a_wipe<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t"]).await;
    a.enter("t", member("ann", "")).await;
    joined(&mut b, "t", "ann").await;
    a.take_events();
    b.take_events();
    if !bench.wipe() {
        return;
    }
    a.up().await;
    b.up().await;
    a.until_it_answers().await;
    b.until_it_answers().await;
    b.listen(&["t"]).await;
    a.enter("t", member("ann", "again")).await;
    b.until_members("t", &["ann"], patience(bench)).await;
    b.take_events();
    a.enter("t", member("bob", "")).await;
    joined(&mut b, "t", "bob").await;
}
