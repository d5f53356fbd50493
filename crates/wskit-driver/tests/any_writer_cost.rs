//! What messages of writers and lanes allocate: nothing if they are small, whether or not the writer names its
//! transport.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::{Future, ready};

use bytes::Bytes;
use wskit_driver::{AnyLane, AnyWriter, Lane, LaneConfig, Overflow, WebSocket, Writer};
use wskit_proto::{Config, Role};
use wskit_test::alloc::{self, Counting};
use wskit_test::{Executor, Probe, Simulated, SimulatedIo, pipe, wrap};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CALLS: usize = 100;

/// A writer with its reader, over a pipe that takes everything. What is written is thrown away.
fn writer() -> (impl Sized, Writer<SimulatedIo>, Probe) {
    writer_as(Role::Server)
}

fn writer_as(role: Role) -> (impl Sized, Writer<SimulatedIo>, Probe) {
    let (near, far) = pipe(1 << 20);
    let probe = near.probe();
    let io = wrap::<Simulated>(near);
    let config = Config::new().keepalive(None);
    let (reader, writer) = WebSocket::from_parts(io, role, Bytes::new(), config).split();
    ((reader, far), writer, probe)
}

/// Counts the allocations of calls, after one that fills the pools.
async fn count<F: Future>(probe: &Probe, mut call: impl FnMut() -> F) -> usize {
    call().await;
    probe.forget_written();
    let before = alloc::calls();
    for _ in 0..CALLS {
        call().await;
    }
    alloc::calls() - before
}

#[test]
fn any_writer_allocates_as_a_writer_does() {
    Executor::new().block_on(async {
        let (_rest, plain, probe) = writer();
        let plain_cost = count(&probe, || async { plain.send("hello").await.unwrap() }).await;
        let (_rest, any, probe) = writer();
        let any: AnyWriter = any.erase();
        let any_cost = count(&probe, || async { any.send("hello").await.unwrap() }).await;
        assert_eq!(any_cost, plain_cost);

        let plain_cost = count(&probe, || async {
            plain.feed("hello").await.unwrap();
            plain.try_feed("hello").unwrap();
            plain.reserve().await.unwrap().send("hello");
            plain.flush().await.unwrap();
        })
        .await;
        let any_cost = count(&probe, || async {
            any.feed("hello").await.unwrap();
            any.try_feed("hello").unwrap();
            any.reserve().await.unwrap().send("hello");
            any.flush().await.unwrap();
        })
        .await;
        assert_eq!(any_cost, plain_cost);
    });
}

/// Its payload is copied, and dropped when the lock has been released. (The pipe allocates as it grows.)
#[test]
fn small_message_that_owns_its_payload_allocates_as_a_borrowed_one_does() {
    Executor::new().block_on(async {
        for role in [Role::Server, Role::Client] {
            let (_rest, writer, probe) = writer_as(role);
            let borrowed = count(&probe, || async {
                writer.feed(b"hello").await.unwrap();
                writer.try_feed(b"hello").unwrap();
                writer.reserve().await.unwrap().send(b"hello");
                writer.send(b"hello").await.unwrap();
            })
            .await;
            let (_rest, writer, probe) = writer_as(role);
            let payload = Bytes::from(b"hello".to_vec());
            let owned = count(&probe, || async {
                writer.feed(payload.clone()).await.unwrap();
                writer.try_feed(payload.clone()).unwrap();
                writer.reserve().await.unwrap().send(payload.clone());
                writer.send(payload.clone()).await.unwrap();
            })
            .await;
            assert_eq!(owned, borrowed, "{role:?}");
        }
    });
}

#[test]
fn any_lane_allocates_as_a_lane_does() {
    Executor::new().block_on(async {
        let config = LaneConfig::new().overflow(Overflow::LatestOnly);
        let (_rest, plain, probe) = writer();
        let mut plain: Lane<SimulatedIo> = plain.lane(config.clone());
        let plain_cost = count(&probe, || ready(plain.push("hello").unwrap())).await;
        let (_rest, any, probe) = writer();
        // The lane alone does not keep the connection.
        let any = any.erase();
        let mut lane: AnyLane = any.lane(config);
        let any_cost = count(&probe, || ready(lane.push("hello").unwrap())).await;
        assert_eq!(any_cost, plain_cost);
    });
}
