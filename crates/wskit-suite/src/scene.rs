use std::sync::Arc;

use bytes::Bytes;
use wskit_driver::WebSocket;
use wskit_proto::{Config, Role};
use wskit_test::{Harness, Io, Probe, Script, opposite, pipe, wrap};

/// Both roles, to loop over.
pub(crate) const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// Bytes that a pipe holds unless the test says otherwise.
pub(crate) const CAPACITY: usize = 64 << 10;

/// The defaults without keepalive, so that no deadline hides a wake-up that was lost.
pub(crate) fn config() -> Config {
    Config::new().keepalive(None)
}

/// Returns an open connection of this role, facing a script.
pub(crate) fn facing<H: Harness>(role: Role, config: Config) -> (WebSocket<Io<H>>, Script, Probe) {
    facing_through::<H>(role, config, CAPACITY)
}

/// Returns an open connection of this role over a pipe of this capacity, facing a script.
pub(crate) fn facing_through<H: Harness>(
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
pub(crate) struct Pair<H: Harness> {
    pub(crate) client: WebSocket<Io<H>>,
    pub(crate) server: WebSocket<Io<H>>,
    pub(crate) client_probe: Probe,
    pub(crate) server_probe: Probe,
}

pub(crate) fn pair<H: Harness>(config: Config, capacity: usize) -> Pair<H> {
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

/// Echoes every message until the end.
pub(crate) async fn echo<H: Harness>(ws: &mut WebSocket<Io<H>>) -> Result<(), wskit_dial::Error> {
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}

/// Returns bytes in which a lost, duplicated or moved byte shows.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}
