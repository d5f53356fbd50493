//! Who is present in the topics that hubs share.

use std::time::Duration;

use wskit_hub::{Member, Since};

use crate::Bench;
use crate::guest::{Guest, HubNode, Told};

/// How long something may take that depends on leases.
fn patience<B: Bench>(bench: &B) -> Duration {
    bench.lease() * 4 + Duration::from_secs(30)
}

fn enter(guest: &Guest, identity: &str) {
    let entered = guest.peer.enter("room:1", Member::new(identity));
    entered.expect("a member");
}

fn joined(identity: &str) -> Told {
    Told::Joined(identity.into())
}

fn left(identity: &str) -> Told {
    Told::Left(identity.into())
}

/// All hubs list all, and subscribers are told who comes.
pub async fn members_of_all_hubs_are_present<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut at_a, _) = Guest::on(&a, "room:1", Since::Now).await;
    let (mut at_b, _) = Guest::on(&b, "room:1", Since::Now).await;
    enter(&at_a, "ann");
    at_b.until(&joined("ann")).await;
    enter(&at_b, "ben");
    at_a.until(&joined("ben")).await;
    let c = HubNode::new(bench).await;
    for hub in [&a, &b, &c] {
        hub.until_present("room:1", &["ann", "ben"], patience(bench))
            .await;
    }
    let (mut at_c, _) = Guest::on(&c, "room:1", Since::Now).await;
    // The hub may let it in before the engine has answered who is present.
    loop {
        let known = at_c.told.iter().map(|told| match told {
            Told::Present(members) => *members,
            Told::Joined(_) => 1,
            _ => 0,
        });
        if known.sum::<usize>() == 2 {
            break;
        }
        at_c.next().await;
    }
}

/// A client that goes on at another hub was never away.
pub async fn who_moves_to_another_hub_does_not_leave<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut watch, _) = Guest::on(&b, "room:1", Since::Now).await;
    let first = Guest::new(&a);
    enter(&first, "ann");
    watch.until(&joined("ann")).await;
    let second = Guest::new(&b);
    drop(first);
    enter(&second, "ann");
    // Someone who comes and leaves later shows that the time of leaving is over.
    let other = Guest::new(&a);
    enter(&other, "ben");
    watch.until(&joined("ben")).await;
    drop(other);
    let told = watch.until(&left("ben")).await;
    assert!(!told.contains(&left("ann")), "{told:?}");
    b.until_present("room:1", &["ann"], patience(bench)).await;
    drop(second);
    watch.until(&left("ann")).await;
}

/// Subscribers of all hubs are told who leaves.
pub async fn who_leaves_is_told_of<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut at_a, _) = Guest::on(&a, "room:1", Since::Now).await;
    let (mut at_b, _) = Guest::on(&b, "room:1", Since::Now).await;
    for round in 0..2 {
        let guest = Guest::new(&a);
        enter(&guest, &format!("ann {round}"));
        for watch in [&mut at_a, &mut at_b] {
            watch.until(&joined(&format!("ann {round}"))).await;
        }
        if round == 0 {
            guest.peer.leave("room:1");
        }
        drop(guest);
        for watch in [&mut at_a, &mut at_b] {
            watch.until(&left(&format!("ann {round}"))).await;
        }
    }
    for hub in [&a, &b] {
        hub.until_present("room:1", &[], patience(bench)).await;
    }
}

/// With the lease of their hub.
pub async fn members_of_a_killed_hub_leave<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut watch, _) = Guest::on(&b, "room:1", Since::Now).await;
    let guest = Guest::new(&a);
    enter(&guest, "ann");
    watch.until(&joined("ann")).await;
    // It can say no goodbye.
    a.line.refuse();
    drop((guest, a));
    watch.until(&left("ann")).await;
    b.until_present("room:1", &[], patience(bench)).await;
}

/// Hubs tell a server that has lost everything who is present.
pub async fn members_are_present_again_after_a_wipe<B: Bench>(bench: &B) {
    let (a, b) = (HubNode::new(bench).await, HubNode::new(bench).await);
    let (mut at_a, _) = Guest::on(&a, "room:1", Since::Now).await;
    let (at_b, _) = Guest::on(&b, "room:1", Since::Now).await;
    enter(&at_a, "ann");
    enter(&at_b, "ben");
    at_a.until(&joined("ben")).await;
    b.until_present("room:1", &["ann", "ben"], patience(bench))
        .await;
    if !bench.wipe() {
        return;
    }
    for hub in [&a, &b] {
        hub.until_present("room:1", &["ann", "ben"], patience(bench))
            .await;
    }
    let c = HubNode::new(bench).await;
    c.until_present("room:1", &["ann", "ben"], patience(bench))
        .await;
}
