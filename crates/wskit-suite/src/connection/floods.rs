//! A peer that never stops sending: no read comes back empty, and every deadline is kept.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_sink::Sink;
use wskit_driver::{ByteStream, ConnectionError, Shutdown, WebSocket};
use wskit_frame::{CloseCode, OpCode};
use wskit_proto::{Cause, Config, Keepalive, Outcome, Role, TimeoutKind};
use wskit_test::{
    Flood, Frames, Harness, Io, Script, join, now, once, opposite, pipe, run_timed, timer, wrap,
};

use crate::scene::{CAPACITY, ROLES, config, pattern};
use crate::streams::byte_stream::{close, read};

/// Every deadline here, unless a test says otherwise.
const TIME: Duration = Duration::from_millis(300);
/// How late a deadline may be: some turns of a connection and a tick of the runtime.
const SLACK: Duration = Duration::from_millis(600);
/// The time after which a flood panics.
const LONGEST: Duration = Duration::from_secs(4);

/// A flood of one kind.
#[derive(Clone, Copy, Debug)]
struct Kind {
    content: Content,
    /// Bytes in a read at most.
    most: usize,
    /// Virtual time that a read takes.
    takes: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Messages,
    /// Each is larger than any buffer of a connection.
    Large,
    Pings,
    #[cfg(feature = "deflate")]
    Compressed,
}

const SLAB: usize = 32 << 10;

/// Messages in each size of read.
const KINDS: &[Kind] = &[
    Kind {
        content: Content::Messages,
        most: SLAB,
        takes: Duration::from_millis(4),
    },
    Kind {
        content: Content::Messages,
        most: 512,
        takes: Duration::from_micros(64),
    },
    Kind {
        content: Content::Large,
        most: SLAB,
        takes: Duration::from_micros(400),
    },
    #[cfg(feature = "deflate")]
    Kind {
        content: Content::Compressed,
        most: SLAB,
        takes: Duration::from_millis(20),
    },
    #[cfg(feature = "deflate")]
    Kind {
        content: Content::Compressed,
        most: 512,
        takes: Duration::from_micros(320),
    },
];

/// Pings in each size of read.
const PINGS: &[Kind] = &[
    Kind {
        content: Content::Pings,
        ..KINDS[0]
    },
    Kind {
        content: Content::Pings,
        ..KINDS[1]
    },
];

impl Kind {
    fn flood<H: Harness>(self, role: Role) -> Flood {
        let frames = Frames::to(role);
        let bytes = match self.content {
            Content::Messages => frames.binary(&pattern(500)),
            Content::Large => frames.binary(&pattern(300_000)),
            Content::Pings => frames.ping(&pattern(120)),
            // "Hello" (RFC 7692 §7.2.3.1), which refers to nothing before it.
            #[cfg(feature = "deflate")]
            Content::Compressed => {
                let mut bytes = frames.text("\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}");
                let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
                let at = bytes.len() - hello.len();
                bytes[at..]
                    .iter_mut()
                    .zip(hello)
                    .for_each(|(to, byte)| *to ^= byte);
                bytes[0] |= 0x40;
                bytes
            }
        };
        Flood::new(bytes, self.most, self.takes, LONGEST, H::advance)
    }

    fn open<H: Harness>(self, io: Io<H>, role: Role, config: &Config) -> WebSocket<Io<H>> {
        #[cfg(feature = "deflate")]
        if self.content == Content::Compressed {
            use wskit_proto::deflate::{self, Params, Window};
            let (own, terms) = match role {
                Role::Client => (deflate::Role::Client, deflate::Config::client()),
                Role::Server => (deflate::Role::Server, deflate::Config::server()),
            };
            let agreed = Params::new(own, Window::FULL, Window::FULL);
            let config = config.clone();
            return WebSocket::from_parts_with_deflate(
                io,
                role,
                Bytes::new(),
                config,
                agreed,
                &terms,
            );
        }
        WebSocket::from_parts(io, role, Bytes::new(), config.clone())
    }
}

/// The case of a test: names it in failures and measures its time.
struct Scene {
    role: Role,
    kind: Kind,
    start: Instant,
}

impl Scene {
    /// Asserts that it is `deadline` now, or a little later.
    fn ends_by<H: Harness>(&self, deadline: Duration) {
        let passed = now::<H>() - self.start;
        assert!(
            passed >= deadline && passed < deadline + SLACK,
            "{passed:?} instead of {deadline:?}: {self}"
        );
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}", self.role, self.kind)
    }
}

/// Runs a test of a connection of each role under a flood of each of these kinds.
fn flooded<H: Harness>(
    kinds: &[Kind],
    config: Config,
    test: impl AsyncFn(WebSocket<Io<H>>, &mut Script, &Scene),
) {
    flooded_through::<H>(CAPACITY, kinds, config, test);
}

fn flooded_through<H: Harness>(
    capacity: usize,
    kinds: &[Kind],
    config: Config,
    test: impl AsyncFn(WebSocket<Io<H>>, &mut Script, &Scene),
) {
    for role in ROLES {
        for kind in kinds {
            run_timed::<H>(async {
                let (near, far) = pipe(capacity);
                let ws = kind.open::<H>(wrap::<H>(near), role, &config);
                let mut peer = Script::new(far, opposite(role));
                peer.probe().flood(kind.flood::<H>(role));
                let scene = Scene {
                    role,
                    kind: *kind,
                    start: now::<H>(),
                };
                test(ws, &mut peer, &scene).await;
            });
        }
    }
}

fn brief() -> Config {
    config().close_timeout(TIME)
}

fn ran_out(outcome: &Outcome) {
    assert_eq!(outcome.cause, Cause::Timeout(TimeoutKind::Close));
}

/// Receives to the end of a connection whose closing handshake runs out of time.
macro_rules! receive_until_time_is_up {
    ($receiver:expr) => {{
        let error = loop {
            match $receiver.recv().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("an ending that is not clean is an error first"),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error, ConnectionError::Timeout(TimeoutKind::Close)),
            "{error:?}"
        );
        assert!(matches!($receiver.recv().await, Ok(None)));
    }};
}

/// Proves: R6455-5.5.1-k, X-io-2
pub fn flooded_close_ends_by_its_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        ran_out(&ws.close(CloseCode::NORMAL, "").await.unwrap());
        scene.ends_by::<H>(TIME);
    });
    flooded::<H>(PINGS, brief(), async |mut ws, _, scene| {
        ran_out(&ws.close(CloseCode::NORMAL, "").await.unwrap());
        scene.ends_by::<H>(TIME);
    });
}

/// The Close waits behind a queue that the peer does not read.
///
/// Proves: X-io-2
pub fn flooded_close_behind_a_stuck_queue_ends_by_its_deadline<H: Harness>() {
    flooded_through::<H>(100, KINDS, brief(), async |mut ws, _, scene| {
        assert!(once(ws.send(&pattern(10_000))).await.is_none());
        ran_out(&ws.close(CloseCode::NORMAL, "").await.unwrap());
        scene.ends_by::<H>(TIME);
    });
}

/// Messages of the peer are received until the deadline.
///
/// Proves: X-io-2
pub fn flooded_receiver_ends_by_the_close_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        receive_until_time_is_up!(ws);
        scene.ends_by::<H>(TIME);
    });
}

/// A receiver of lent messages, or of pieces, keeps the deadline too.
///
/// Proves: X-io-2
pub fn flooded_lender_ends_by_the_close_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        let error = loop {
            match ws.recv_ref().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("an ending that is not clean is an error first"),
                Err(error) => break error,
            }
        };
        assert!(matches!(
            error,
            ConnectionError::Timeout(TimeoutKind::Close)
        ));
        scene.ends_by::<H>(TIME);
    });
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        let error = loop {
            match ws.recv_piece().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("an ending that is not clean is an error first"),
                Err(error) => break error,
            }
        };
        assert!(matches!(
            error,
            ConnectionError::Timeout(TimeoutKind::Close)
        ));
        scene.ends_by::<H>(TIME);
    });
}

/// Bytes behind a broken rule are read and discarded until the deadline, so that our Close arrives.
///
/// Proves: R6455-7.1.7-a, X-io-2
pub fn flooded_protocol_error_is_told_by_the_close_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, peer, scene| {
        peer.send(peer.frames().frame(OpCode::Continuation, true, b"of what?"))
            .await;
        let error = ws.recv().await.unwrap_err();
        assert!(matches!(error, ConnectionError::Protocol(_)), "{error:?}");
        let passed = now::<H>() - scene.start;
        assert!(passed < TIME + SLACK, "{passed:?}: {scene}");
        assert!(matches!(ws.recv().await, Ok(None)));
        peer.expect_close(1002).await;
    });
}

/// The peer sends a Close and then more.
///
/// Proves: R6455-7.1.1-a, X-io-2
pub fn flood_behind_the_peers_close_ends_by_the_close_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, peer, scene| {
        peer.send(peer.frames().close(1000, "")).await;
        assert!(matches!(ws.recv().await, Ok(None)));
        let passed = now::<H>() - scene.start;
        assert!(passed < TIME + SLACK, "{passed:?}: {scene}");
        assert!(ws.outcome().unwrap().is_clean());
        peer.expect_close(1000).await;
    });
}

/// Pings are not messages: a connection that receives nothing else is idle.
///
/// Proves: X-io-2
pub fn idle_timeout_ends_a_flood_of_pings<H: Harness>() {
    for split in [false, true] {
        let config = brief().idle_timeout(Some(TIME));
        flooded::<H>(PINGS, config, async |mut ws, _, scene| {
            let outcome = if split {
                let (mut reader, writer) = ws.split();
                receive_until_time_is_up!(reader);
                writer.outcome()
            } else {
                receive_until_time_is_up!(ws);
                ws.outcome()
            };
            let sent = outcome.unwrap().sent;
            assert_eq!(sent, Some(Some(CloseCode::GOING_AWAY)), "{scene}");
            // The idle timeout is checked four times within its length.
            let passed = now::<H>() - scene.start;
            assert!(
                passed >= TIME * 2 && passed < TIME * 2 + TIME / 4 + SLACK,
                "{passed:?}: {scene}"
            );
        });
    }
}

/// With the reader dropped, the writer that closes reads in its place.
///
/// Proves: X-io-2
pub fn flooded_writer_without_a_reader_closes_by_its_deadline<H: Harness>() {
    for kinds in [KINDS, PINGS] {
        flooded::<H>(kinds, brief(), async |ws, _, scene| {
            let (reader, writer) = ws.split();
            drop(reader);
            ran_out(&writer.close(CloseCode::NORMAL, "").await.unwrap());
            scene.ends_by::<H>(TIME);
        });
        flooded::<H>(kinds, brief(), async |ws, _, scene| {
            let (reader, mut writer) = ws.split();
            drop(reader);
            let _ = poll_fn(|cx| Pin::new(&mut writer).poll_close(cx)).await;
            ran_out(&writer.outcome().expect("the end"));
            scene.ends_by::<H>(TIME);
        });
    }
}

/// The reader exists, and its task does something else.
///
/// Proves: X-io-2
pub fn flooded_writer_beside_a_reader_that_rests_closes_by_its_deadline<H: Harness>() {
    for as_sink in [false, true] {
        flooded::<H>(KINDS, brief(), async |ws, _, scene| {
            let (_reader, mut writer) = ws.split();
            if as_sink {
                let _ = poll_fn(|cx| Pin::new(&mut writer).poll_close(cx)).await;
                ran_out(&writer.outcome().expect("the end"));
            } else {
                ran_out(&writer.close(CloseCode::NORMAL, "").await.unwrap());
            }
            scene.ends_by::<H>(TIME);
        });
    }
}

/// Both halves are in use.
///
/// Proves: X-io-2
pub fn flooded_halves_close_by_their_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |ws, _, scene| {
        let (mut reader, writer) = ws.split();
        let read = async {
            receive_until_time_is_up!(reader);
            scene.ends_by::<H>(TIME);
        };
        let close = async {
            ran_out(&writer.close(CloseCode::NORMAL, "").await.unwrap());
            scene.ends_by::<H>(TIME);
        };
        join(read, close).await;
    });
    // The closing writer does not wait for it.
    flooded::<H>(KINDS, brief(), async |ws, _, scene| {
        let (mut reader, writer) = ws.split();
        writer.start_close(CloseCode::NORMAL, "").unwrap();
        receive_until_time_is_up!(reader);
        scene.ends_by::<H>(TIME);
    });
}

/// The sink of a whole connection.
///
/// Proves: X-io-2
pub fn flooded_sink_closes_by_its_deadline<H: Harness>() {
    flooded::<H>(KINDS, brief(), async |mut ws, _, scene| {
        // A message has come that the stream has to receive before closing goes on.
        poll_fn(|cx| Pin::new(&mut ws).poll_close(cx))
            .await
            .unwrap();
        receive_until_time_is_up!(ws);
        scene.ends_by::<H>(TIME);
    });
}

/// A byte stream is read until the deadline.
///
/// Proves: X-io-2
pub fn flooded_byte_stream_closes_by_its_deadline<H: Harness>() {
    let plain: Vec<Kind> = KINDS
        .iter()
        .copied()
        // Byte streams take no text messages.
        .filter(|kind| matches!(kind.content, Content::Messages | Content::Large))
        .collect();
    flooded::<H>(&plain, brief(), async |ws, _, scene| {
        let mut stream = ByteStream::new(ws);
        close(&mut stream).await.unwrap();
        let error = loop {
            match read(&mut stream, 4096).await {
                Ok(some) => assert!(!some.is_empty(), "a stream that was cut has no end"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
        scene.ends_by::<H>(TIME);
    });
}

/// The shutdown's deadline holds, however long the connections themselves would wait.
///
/// Proves: X-io-2
pub fn shutdown_gives_up_a_flood<H: Harness>() {
    let patient = || config().close_timeout(TIME * 1000);
    for split in [false, true] {
        flooded::<H>(KINDS, patient(), async |mut ws, _, scene| {
            let shutdown = Shutdown::with_timer(timer::<H>());
            ws.track(&shutdown);
            let own = async {
                if split {
                    let (mut reader, _writer) = ws.split();
                    receive_until_time_is_up!(reader);
                } else {
                    receive_until_time_is_up!(ws);
                }
            };
            let finish = async {
                let report = shutdown.finish(TIME).await.unwrap();
                assert_eq!((report.timed_out, report.total()), (1, 1), "{scene}");
            };
            join(own, finish).await;
            let passed = now::<H>() - scene.start;
            // A runtime's own timer fires between two polls of a task.
            assert!(
                passed >= TIME && passed < TIME + SLACK,
                "{passed:?}: {scene}"
            );
        });
    }
}

/// Any bytes are a sign of life, pongs or not.
///
/// Proves: X-io-2
pub fn keepalive_spares_a_peer_that_never_stops<H: Harness>() {
    let keepalive = Keepalive {
        every: TIME / 3,
        answer_within: TIME / 3,
    };
    let config = brief().keepalive(Some(keepalive));
    flooded::<H>(KINDS, config, async |mut ws, _, scene| {
        while now::<H>() - scene.start < TIME * 4 {
            assert!(ws.recv().await.unwrap().is_some(), "{scene}");
        }
    });
}
