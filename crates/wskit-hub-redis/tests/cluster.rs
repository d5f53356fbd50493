//! The scenarios that every engine passes, on a cluster of three servers: those in which a cluster may differ.

use std::time::Duration;

use wskit_hub_redis::Redis;
use wskit_hub_suite::servers::redis::RedisCluster;
use wskit_hub_suite::{Bench, Line};

/// Engines connect to the addresses that the cluster tells, so nothing is between.
struct ClusterBench(RedisCluster);

impl Bench for ClusterBench {
    type Engine = Redis;

    async fn start() -> Self {
        Self(RedisCluster::start())
    }

    async fn engine(&self) -> (Redis, Box<dyn Line>) {
        let engine = Redis::cluster(self.0.urls())
            .lease(self.lease())
            .deadline(Duration::from_secs(3));
        let engine = if self.0.nodes()[0].is_running() {
            engine.connect().await
        } else {
            engine.connect_later()
        };
        (engine.expect("an engine"), Box::new(()))
    }

    fn lease(&self) -> Duration {
        Duration::from_secs(3)
    }

    fn kill(&self) -> bool {
        self.0.nodes()[0].kill();
        true
    }

    fn restart(&self) -> bool {
        self.0.nodes()[0].restart();
        self.0.wait_until_whole();
        true
    }

    fn wipe(&self) -> bool {
        for node in self.0.nodes() {
            node.restart();
        }
        self.0.wait_until_whole();
        true
    }
}

wskit_hub_suite::listed! { ClusterBench, engines {
    publishing:
        an_id_is_published_once_by_all_nodes
        two_publishers_have_no_offset_twice
        live_topics_pass_messages_on;
    reading:
        an_empty_topic_has_no_messages
        as_many_are_kept_as_the_history_has
        tops_are_those_of_five_hundred_topics;
    following:
        before_is_the_message_before
        nothing_comes_after_unlistening
        listening_again_after_unlistening_works
        many_topics_are_listened_to_at_once;
    names:
        odd_names_are_different_topics;
    presence:
        members_come_and_go
        odd_identities_are_different_members
        members_of_a_node_that_is_gone_are_gone
        members_are_told_again_after_a_wipe;
    alone:
        commands_before_the_server_is_there_are_answered
        commands_fail_while_the_server_is_down
        an_engine_is_dropped_with_commands_in_flight
        many_commands_are_all_answered;
    back:
        a_killed_server_comes_back
        lost_memory_is_a_new_epoch;
} }
