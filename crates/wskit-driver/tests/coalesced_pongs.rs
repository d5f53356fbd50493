//! Paced lanes, whose peer cannot write for a while: RFC 6455 §5.5.3 lets it answer only the latest ping. In
//! virtual time.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::cell::Cell;
use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use wskit_driver::{LaneConfig, WebSocket};
use wskit_proto::{Config, Keepalive, Message, Role};
use wskit_test::{Clock, Executor, PipeRead, PipeWrite, Simulated, pipe, sleep, wrap};

const SECOND: Duration = Duration::from_secs(1);

/// Passes on what it reads, while the seconds of the clock are not in the first half of a period.
async fn carry(mut from: PipeRead, mut to: PipeWrite, period: u64) {
    let clock = Clock::current();
    let mut buf = vec![0; 1 << 10];
    loop {
        while clock.elapsed().as_secs() % period < period / 2 {
            sleep::<Simulated>(SECOND).await;
        }
        let Ok(read @ 1..) = poll_fn(|cx| from.poll_read(cx, &mut buf)).await else {
            return;
        };
        let mut rest = &buf[..read];
        while !rest.is_empty() {
            match poll_fn(|cx| to.poll_write(cx, &[IoSlice::new(rest)])).await {
                Ok(written) => rest = &rest[written..],
                Err(_) => return,
            }
        }
    }
}

/// The client has more to send than its socket takes. The pongs of the lane's pings are replaced by those
/// of the keepalive's while it waits.
///
/// Proves: R6455-5.5.3-b
#[test]
fn lane_goes_on_when_the_keepalive_replaces_its_pong() {
    for (role, other) in [(Role::Server, Role::Client), (Role::Client, Role::Server)] {
        for period in [2, 30, 70] {
            let executor = Executor::new();
            executor.block_on(async {
                let (near, one) = pipe(60);
                let (two, far) = pipe(1 << 10);
                let ((read_one, write_one), (read_two, write_two)) = (one.split(), two.split());
                executor.spawn(carry(read_one, write_two, 1));
                executor.spawn(carry(read_two, write_one, period));
                let keepalive = Keepalive {
                    every: SECOND * 7,
                    answer_within: SECOND * 60,
                };
                let config = Config::new().keepalive(Some(keepalive));
                let ws = WebSocket::from_parts(wrap::<Simulated>(near), role, Bytes::new(), config);
                let (mut reader, writer) = ws.split();
                let mut lane = writer.lane(LaneConfig::new().paced(1));
                executor.spawn(async move { while reader.recv().await.unwrap().is_some() {} });
                executor.spawn(async move {
                    for number in 0..10_u8 {
                        lane.feed(vec![number]).await.unwrap();
                    }
                    lane.flush().await.unwrap();
                    drop(writer);
                });

                let config = Config::new().keepalive(None);
                let peer =
                    WebSocket::from_parts(wrap::<Simulated>(far), other, Bytes::new(), config);
                let (mut reader, writer) = peer.split();
                executor.spawn(async move {
                    while writer.send(vec![0; 3000]).await.is_ok() {
                        sleep::<Simulated>(SECOND).await;
                    }
                });
                let received = Rc::new(Cell::new(0));
                let count = received.clone();
                executor.spawn(async move {
                    while let Some(message) = reader.recv().await.unwrap() {
                        assert_eq!(message, Message::binary(vec![count.get()]));
                        count.set(count.get() + 1);
                    }
                });
                sleep::<Simulated>(SECOND * 100 * u32::try_from(period).unwrap()).await;
                assert_eq!(received.get(), 10, "{role:?}, period {period}");
            });
        }
    }
}
