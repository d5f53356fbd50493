//! Two connections that face each other in memory.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::Future;

use wskit_async_std::pair;
use wskit_proto::Config;
use wskit_suite::pair::{pair_ends_with_one_of_them, pair_talks_and_closes};
use wskit_test::join;

fn run(test: impl Future<Output = ()>) {
    async_std::task::block_on(test);
}

#[test]
fn messages_larger_than_the_pipe_come_back() {
    let (client, server) = pair(Config::new());
    run(pair_talks_and_closes(client, server));
}

#[test]
fn end_that_is_left_is_told() {
    run(pair_ends_with_one_of_them(|| pair(Config::new()).into()));
}

#[test]
fn configuration_is_for_both_ends() {
    run(async {
        for limit in [3, 4] {
            let (mut client, mut server) = pair(Config::new().max_message_size(limit));
            client.send("four").await.unwrap();
            server.send("four").await.unwrap();
            for received in <[_; 2]>::from(join(client.recv(), server.recv()).await) {
                assert_eq!(received.is_ok(), limit == 4, "{received:?}");
            }
        }
    });
}
