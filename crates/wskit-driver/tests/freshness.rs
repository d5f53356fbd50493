//! How old is what a slow client reads, on a path that holds more than it reads in the whole test?
//! In virtual time.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use wskit_driver::{Client, LaneConfig, Overflow, Server, Timer};
use wskit_handshake::OriginPolicy;
use wskit_proto::{Config, deflate};
use wskit_test::{Clock, Executor, PipeRead, PipeWrite, Simulated, join, pipe, sleep};

const TICK: Duration = Duration::from_millis(50);

/// What a client has read.
struct Read {
    /// How many messages.
    messages: usize,
    /// How many ticks old the oldest of them was when it was read.
    oldest: usize,
}

/// Runs a server that pushes a tick of 4 kB 20 times a second for 30 s, and a client that receives a
/// message, pauses, and receives the next. Bytes take half of `round_trip` in each direction.
fn run(config: LaneConfig, pause: Duration, compressed: bool, round_trip: Duration) -> Read {
    let executor = Executor::new();
    let (near, one) = pipe(4 << 20);
    let (other, far) = pipe(4 << 20);
    let now = Rc::new(Cell::new(0));
    executor.block_on(async {
        let ((read_one, write_one), (read_other, write_other)) = (one.split(), other.split());
        executor.spawn(carry(read_one, write_other, round_trip / 2));
        executor.spawn(carry(read_other, write_one, round_trip / 2));
        let mut server = Server::<Simulated>::new(OriginPolicy::Any);
        let mut client = Client::<Simulated>::new().config(Config::new());
        if compressed {
            server = server.deflate(deflate::Config::server().threshold(0));
            client = client.deflate(deflate::Config::client().threshold(0));
        }
        let opening = client.handshake(near, "ws://example.com/");
        let (client, server) = join(opening, server.accept(far)).await;
        let (mut client, server) = (client.unwrap().0, server.unwrap());
        assert_eq!(server.deflate().is_some(), compressed);

        let (mut reader, writer) = server.split();
        let mut lane = writer.lane(config);
        executor.spawn(async move {
            while reader.recv().await.is_ok_and(|message| message.is_some()) {}
        });
        let ticks = now.clone();
        executor.spawn(async move {
            for tick in 0..600_usize {
                let mut state = vec![0; 4000];
                state[..8].copy_from_slice(&tick.to_be_bytes());
                lane.push(state).unwrap();
                ticks.set(tick);
                sleep::<Simulated>(TICK).await;
            }
            drop(writer);
        });
        let mut read = Read {
            messages: 0,
            oldest: 0,
        };
        while now.get() < 590 {
            let message = client.recv().await.unwrap().unwrap();
            let tick = usize::from_be_bytes(message.as_bytes()[..8].try_into().unwrap());
            read.messages += 1;
            read.oldest = read.oldest.max(now.get() - tick);
            sleep::<Simulated>(pause).await;
        }
        read
    })
}

/// Passes on what is read after some time.
async fn carry(mut from: PipeRead, mut to: PipeWrite, after: Duration) {
    let clock = Clock::current();
    let mut alarm = clock.alarm();
    let mut under_way = VecDeque::new();
    let mut buf = vec![0; 64 << 10];
    poll_fn(|cx| {
        while let Poll::Ready(read) = from.poll_read(cx, &mut buf) {
            match read {
                Ok(n) if n > 0 => under_way.push_back((clock.now() + after, buf[..n].to_vec())),
                _ => return Poll::Ready(()),
            }
        }
        while let Some((due, bytes)) = under_way.front() {
            if alarm.poll_until(cx, *due).is_pending() {
                break;
            }
            match to.poll_write(cx, &[IoSlice::new(bytes)]) {
                Poll::Ready(Ok(n)) => assert_eq!(n, bytes.len(), "the pipe is full"),
                _ => return Poll::Ready(()),
            }
            under_way.pop_front();
        }
        Poll::Pending
    })
    .await;
}

fn latest() -> LaneConfig {
    LaneConfig::new().overflow(Overflow::LatestOnly)
}

const HALF: Duration = Duration::from_millis(500);

/// The buffers of the path take all that a lane has, and it drops nothing.
#[test]
fn latest_only_alone_is_not_latest() {
    let read = run(latest(), HALF, false, Duration::ZERO);
    assert!(read.oldest > 500, "{}", read.oldest);
}

#[test]
fn client_that_reads_twice_a_second_stays_within_one_second_of_now() {
    for compressed in [false, true] {
        for (config, most) in [
            (latest().paced(1), 1),
            (latest().paced(2), 11),
            (latest().paced_by_delay(Duration::from_millis(100)), 11),
        ] {
            let read = run(config.clone(), HALF, compressed, Duration::ZERO);
            assert!(read.oldest <= most, "{} {config:?}", read.oldest);
            assert!(read.messages >= 58, "{} {config:?}", read.messages);
        }
    }
}

/// A client that keeps up gets all.
#[test]
fn client_that_keeps_up_misses_nothing() {
    for config in [
        latest().paced(1),
        latest().paced_by_delay(Duration::from_millis(100)),
    ] {
        let read = run(config, Duration::ZERO, false, Duration::ZERO);
        assert!(read.messages >= 590, "{}", read.messages);
        assert_eq!(read.oldest, 0);
    }
}

/// A client 200 ms away gets 5 of the 20 ticks in a second if one is on its way, and all with a limit that
/// follows the round trip.
#[test]
fn limit_by_delay_gives_a_distant_client_every_tick() {
    let far = Duration::from_millis(200);
    let read = run(latest().paced(1), Duration::ZERO, false, far);
    assert!((140..160).contains(&read.messages), "{}", read.messages);
    let by_delay = latest().paced_by_delay(Duration::from_millis(100));
    let read = run(by_delay, Duration::ZERO, false, far);
    assert!(read.messages > 570, "{}", read.messages);
    assert!(read.oldest <= 8, "{}", read.oldest);
    // One that is far away and slow is fresh too.
    let by_delay = latest().paced_by_delay(Duration::from_millis(100));
    let read = run(by_delay, HALF, false, far);
    assert!(read.oldest <= 20, "{}", read.oldest);
}
