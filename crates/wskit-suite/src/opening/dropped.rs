//! Opening handshakes and dials that are dropped at each poll, or of which each operation fails.

use std::cell::Cell;

use wskit_dial::Error;
use wskit_driver::{Client, Server};
use wskit_handshake::OriginPolicy;
use wskit_proto::{Message, Role};
use wskit_test::{
    Answer, Fault, Faults, Harness, Network, Probe, cut, join, once, pause, pipe, run,
};

use crate::dial::connect::{AT_ONCE, connector};
use crate::scene::config;

/// A handshake that is dropped after its `k`-th poll drops its stream, and the other end sees the end.
///
/// Proves: X-io-4
pub fn dropped_handshakes_leave_nothing<H: Harness>() {
    for dropping in [Role::Client, Role::Server] {
        let mut polls = 1;
        while !handshake_within::<H>(dropping, polls) {
            polls += 1;
            assert!(polls < 1000, "the handshake does not come to an end");
        }
        assert!(polls > 10, "{dropping:?}: done after {polls} polls");
    }
}

/// Returns whether this number of polls was enough.
fn handshake_within<H: Harness>(dropping: Role, polls: usize) -> bool {
    let done = Cell::new(false);
    run::<H>(async {
        let (near, far) = pipe(30);
        let probes = [near.probe(), far.probe()];
        for probe in &probes {
            probe.set_faults(Faults::hesitant());
        }
        let server = Server::<H::Runtime>::new(OriginPolicy::Any).config(config());
        let client = Client::<H::Runtime>::new().config(config());
        let limit = |role| if role == dropping { polls } else { usize::MAX };
        let accept = cut(server.accept(H::stream(far)), limit(Role::Server));
        let dial = cut(
            client.handshake(H::stream(near), "ws://example.com/"),
            limit(Role::Client),
        );
        let (accepted, dialled) = join(accept, dial).await;
        let both = [
            accepted.as_ref().map(Result::is_ok),
            dialled.as_ref().map(Result::is_ok),
        ];
        drop((accepted, dialled));
        let (dropped, other) = match (dropping, both) {
            (Role::Server, [mine, other]) | (Role::Client, [other, mine]) => {
                (mine.is_none(), other)
            }
        };
        done.set(!dropped);
        // A server that has answered may be done although the client was dropped.
        assert!(other == Some(true) || dropped, "{polls} polls");
        assert!(probes.iter().all(Probe::is_dropped));
    });
    done.get()
}

/// A dial is dropped after its `k`-th poll, anywhere between the lookup and the connection: no attempt
/// is left in progress, and the server that accepted it sees the end.
///
/// Proves: X-io-4
pub fn dropped_dials_leave_nothing<H: Harness>() {
    let mut polls = 1;
    while dial::<H>(polls, Faults::hesitant()).is_none() {
        polls += 1;
        assert!(polls < 1000, "the dial does not come to an end");
    }
    assert!(polls > 3, "done after {polls} polls");
}

/// Operation number 0, 1, 2, … of a dial fails: the dial reports it and drops the stream.
///
/// Proves: X-io-5
pub fn dial_with_every_operation_failing<H: Harness>() {
    for fault in Fault::ALL {
        for base in [Faults::none(), Faults::hesitant()] {
            let mut nth = 0;
            loop {
                let at = Some((fault, nth));
                let (dialled, struck) = dial::<H>(usize::MAX, Faults { at, ..base })
                    .expect("a dial that is not dropped ends");
                if !struck || fault.is_harmless() {
                    assert!(dialled.is_ok(), "{fault:?} at {nth}: {dialled:?}");
                }
                if !struck {
                    break;
                }
                nth += 1;
                assert!(nth < 1000, "the dial does not come to an end");
            }
            assert!(nth > 0, "{fault:?} has never struck");
        }
    }
}

/// Returns the result of a dial and whether the fault occurred, or `None` if it was dropped before it
/// was done.
fn dial<H: Harness>(polls: usize, faults: Faults) -> Option<(Result<(), Error>, bool)> {
    let told = Cell::new(None);
    run::<H>(async {
        let network = Network::new()
            .name("example.com", &["192.0.2.1"])
            .at("192.0.2.1:80", Answer::Accept(AT_ONCE))
            .faults(faults);
        let over = Cell::new(false);
        let connector = connector::<H>();
        let here = async {
            let dialled = cut(connector.connect("ws://example.com/"), polls).await;
            assert_eq!(network.under_way(), 0, "after {polls} polls");
            let dialled = match dialled {
                Some(Ok((mut ws, _))) => Some(match ws.recv().await {
                    Ok(Some(message)) => {
                        assert_eq!(message, Message::text("hello"));
                        Ok(())
                    }
                    Ok(None) => panic!("a clean end that was not asked for"),
                    Err(error) => Err(error.into()),
                }),
                Some(Err(error)) => Some(Err(error.into())),
                None => None,
            };
            over.set(true);
            dialled
        };
        let there = async {
            let far = loop {
                if let Some((_, far)) = once(network.accept()).await {
                    break far;
                }
                if over.get() {
                    return;
                }
                pause().await;
            };
            // Reads until the end, which a dropped dial causes.
            let server = Server::<H::Runtime>::new(OriginPolicy::Any).config(config());
            if let Ok(mut ws) = server.accept(H::stream(far)).await {
                let _ = ws.send("hello").await;
                let _ = ws.recv().await;
            }
        };
        let (dialled, ()) = join(here, there).await;
        told.set(dialled.map(|dialled| (dialled, network.has_struck())));
    });
    told.take()
}
