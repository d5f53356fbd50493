use std::sync::Arc;

use bytes::Bytes;
use wskit_driver::WebSocket;
use wskit_proto::{Config, Role};

use crate::frames::opposite;
use crate::harness::{Harness, Io, wrap};
use crate::pipe::pipe;
use crate::probe::Probe;
use crate::script::Script;

/// Both roles, to loop over.
pub(super) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Bytes that a pipe holds unless the test says otherwise.
pub(super) const CAPACITY: usize = 64 << 10;

/// The defaults without keepalive, so that no deadline hides a wake-up that was lost.
pub(super) fn config() -> Config {
    Config::new().keepalive(None)
}

/// An open connection of this role, facing a script.
pub(super) fn facing<H: Harness>(role: Role, config: Config) -> (WebSocket<Io<H>>, Script, Probe) {
    facing_through::<H>(role, config, CAPACITY)
}

/// The same, with a pipe of this capacity.
pub(super) fn facing_through<H: Harness>(
    role: Role,
    config: Config,
    capacity: usize,
) -> (WebSocket<Io<H>>, Script, Probe) {
    let (near, far) = pipe(capacity);
    let probe = near.probe();
    let ws = WebSocket::from_parts(wrap::<H>(near), role, Bytes::new(), config);
    (ws, Script::new(far, opposite(role)), probe)
}

/// Two connections that face each other.
pub(super) struct Pair<H: Harness> {
    pub(super) client: WebSocket<Io<H>>,
    pub(super) server: WebSocket<Io<H>>,
    pub(super) client_probe: Probe,
    pub(super) server_probe: Probe,
}

pub(super) fn pair<H: Harness>(config: Config, capacity: usize) -> Pair<H> {
    let (near, far) = pipe(capacity);
    let (client_probe, server_probe) = (near.probe(), far.probe());
    let config = Arc::new(config);
    Pair {
        client: WebSocket::from_parts(wrap::<H>(near), Role::Client, Bytes::new(), config.clone()),
        server: WebSocket::from_parts(wrap::<H>(far), Role::Server, Bytes::new(), config),
        client_probe,
        server_probe,
    }
}

/// Answers every message with itself until the end.
pub(super) async fn echo<H: Harness>(ws: &mut WebSocket<Io<H>>) -> Result<(), wskit_driver::Error> {
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}

/// Bytes in which a lost, doubled or moved one shows.
pub(super) fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}
