//! Connections under floods of several kinds.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wskit_driver::WebSocket;
use wskit_proto::{Config, Role};
use wskit_test::{Flood, Frames, Harness, Io, Script, now, opposite, pipe, run_timed, wrap};

use crate::scene::{CAPACITY, ROLES, config, pattern};

/// Every deadline here, unless a test says otherwise.
pub(super) const TIME: Duration = Duration::from_millis(300);
/// How late a deadline may be: some turns of a connection and a tick of the runtime.
pub(super) const SLACK: Duration = Duration::from_millis(600);
/// The time after which a flood panics.
pub(super) const LONGEST: Duration = Duration::from_secs(4);

/// A flood of one kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) content: Content,
    /// Bytes in a read at most.
    most: usize,
    /// Virtual time that a read takes.
    takes: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Messages,
    /// Each is larger than any buffer of a connection.
    Large,
    Pings,
    #[cfg(feature = "deflate")]
    Compressed,
}

const SLAB: usize = 32 << 10;

/// Messages in each size of read.
pub(super) const KINDS: &[Kind] = &[
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
pub(super) const PINGS: &[Kind] = &[
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
pub(super) struct Scene {
    role: Role,
    kind: Kind,
    pub(super) start: Instant,
}

impl Scene {
    /// Asserts that it is `deadline` now, or a little later.
    pub(super) fn ends_by<H: Harness>(&self, deadline: Duration) {
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
pub(super) fn flooded<H: Harness>(
    kinds: &[Kind],
    config: Config,
    test: impl AsyncFn(WebSocket<Io<H>>, &mut Script, &Scene),
) {
    flooded_through::<H>(CAPACITY, kinds, config, test);
}

pub(super) fn flooded_through<H: Harness>(
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

pub(super) fn brief() -> Config {
    config().close_timeout(TIME)
}
