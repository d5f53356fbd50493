use std::time::Duration;

use wskit_hub::{History, Publication};
use wskit_hub_redis::{Fault, Redis};
use wskit_hub_suite::servers::redis::Sentinel;

use crate::kit::{Node, publishes};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_by_sentinel_there_is_a_new_epoch_and_what_waits_is_published() {
    let sentinel = Sentinel::start();
    let builder =
        || Redis::sentinel(sentinel.urls(), Sentinel::NAME).deadline(Duration::from_secs(9));
    let (mut ann, mut ben) = (Node::with(builder()).await, Node::with(builder()).await);
    let before = ann.publish("t", "a", 10).await;
    let old = sentinel.primary();
    old.kill();
    ann.until_down().await;
    let named = Publication::text("b").id("b");
    let waits = ann.begin(publishes("t", named, Some(History::last(10))));
    sentinel.wait_for_failover(old.port());
    ann.until_up().await;
    ben.until_up().await;
    ann.answer(waits).await.expect("it is published");
    let after = ben.publish("t", "c", 10).await;
    assert_ne!(after.epoch, before.epoch);
    assert_eq!(ann.tops(&["t"]).await, [Some(after)]);
    // A hub that starts now finds the new primary.
    let mut cid = Node::with(builder()).await;
    assert_eq!(cid.tops(&["t"]).await, [Some(after)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_others_have_given_up_is_left_though_it_answers() {
    let sentinel = Sentinel::start();
    let builder = Redis::sentinel(sentinel.urls(), Sentinel::NAME);
    let mut ann = Node::with(builder).await;
    let before = ann.publish("t", "a", 10).await;
    let old = sentinel.primary();
    sentinel.sentinels()[0].command(&["SENTINEL", "FAILOVER", Sentinel::NAME]);
    sentinel.wait_for_failover(old.port());
    ann.until_down().await;
    ann.until_up().await;
    assert_ne!(ann.publish("t", "b", 10).await.epoch, before.epoch);
}

#[tokio::test]
async fn a_name_that_the_sentinels_do_not_know_is_told() {
    let sentinel = Sentinel::start();
    let error = Redis::sentinel(sentinel.urls(), "other").connect().await;
    let error = error.expect_err("there is no such primary");
    assert_eq!(error.fault(), &Fault::NoPrimary("other".into()));
}
