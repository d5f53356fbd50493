//! The servers: what they are called, how they are started.

/// One way of using one library.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its name in tables and on the command line.
    pub name: &'static str,
    /// The program beside this one.
    pub program: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
    /// What it is.
    pub role: Role,
    /// Whether it can compress.
    pub deflates: bool,
}

/// What an entry is compared with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The limit.
    Raw,
    /// Ours.
    Ours,
    /// The peers: Rust libraries.
    Peer,
    /// A peer that was given on the command line.
    Foreign,
    /// Not Rust; for orientation.
    Outsider,
}

/// All of them.
pub const ENTRIES: &[Entry] = &[
    entry("raw", "raw", &[], Role::Raw, false),
    entry("wskit-lent", "wskit-lent", &[], Role::Ours, true),
    entry("wskit-owned", "wskit-owned", &[], Role::Ours, false),
    entry(
        "wskit-owned-batched",
        "wskit-owned",
        &["--batched"],
        Role::Ours,
        false,
    ),
    entry("wskit-split", "wskit-split", &[], Role::Ours, false),
    entry("wskit-sink", "wskit-sink", &[], Role::Ours, false),
    entry(
        "wskit-sink-batched",
        "wskit-sink",
        &["--batched"],
        Role::Ours,
        false,
    ),
    entry(
        "wskit-tungstenite",
        "wskit-tungstenite",
        &[],
        Role::Ours,
        false,
    ),
    entry(
        "wskit-tungstenite-batched",
        "wskit-tungstenite",
        &["--batched"],
        Role::Ours,
        false,
    ),
    entry("tungstenite", "tungstenite", &[], Role::Peer, false),
    entry(
        "tungstenite-batched",
        "tungstenite",
        &["--batched"],
        Role::Peer,
        false,
    ),
    entry(
        "tokio-websockets",
        "tokio-websockets",
        &[],
        Role::Peer,
        false,
    ),
    entry(
        "tokio-websockets-batched",
        "tokio-websockets",
        &["--batched"],
        Role::Peer,
        false,
    ),
    entry("fastwebsockets", "fastwebsockets", &[], Role::Peer, false),
    entry(
        "fastwebsockets-hyper",
        "fastwebsockets",
        &["--hyper"],
        Role::Peer,
        false,
    ),
    entry("yawc", "yawc", &[], Role::Peer, true),
    entry("yawc-batched", "yawc", &["--batched"], Role::Peer, true),
    entry("yawc-hyper", "yawc", &["--hyper"], Role::Peer, false),
    entry("sockudo", "sockudo", &[], Role::Peer, true),
    entry(
        "sockudo-batched",
        "sockudo",
        &["--batched"],
        Role::Peer,
        true,
    ),
    // For TLS: rustls takes more at a time than it does by itself.
    entry(
        "tungstenite-wide",
        "tungstenite",
        BATCHED_WIDE,
        Role::Peer,
        false,
    ),
    entry(
        "tokio-websockets-wide",
        "tokio-websockets",
        BATCHED_WIDE,
        Role::Peer,
        false,
    ),
    entry("sockudo-wide", "sockudo", BATCHED_WIDE, Role::Peer, false),
    entry("web-socket", "web-socket", &[], Role::Peer, false),
    entry(
        "wskit-dedicated",
        "wskit-lent",
        &["--spec", "dedicated"],
        Role::Ours,
        true,
    ),
    entry(
        "wskit-lent-8m",
        "wskit-lent",
        &["--spec", "budget=8388608"],
        Role::Ours,
        true,
    ),
    entry("node-ws", "node", &[], Role::Outsider, true),
];

/// What runs if nothing is said: all but the variants that only some tables want.
pub const USUAL: &[&str] = &[
    "raw",
    "wskit-lent",
    "wskit-owned",
    "wskit-owned-batched",
    "wskit-split",
    "wskit-sink",
    "wskit-tungstenite",
    "wskit-tungstenite-batched",
    "tungstenite",
    "tungstenite-batched",
    "tokio-websockets",
    "tokio-websockets-batched",
    "fastwebsockets",
    "yawc",
    "yawc-batched",
    "sockudo",
    "sockudo-batched",
    "web-socket",
];

const BATCHED_WIDE: &[&str] = &["--batched", "--tls-limit", "262144"];

const fn entry(
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    role: Role,
    deflates: bool,
) -> Entry {
    Entry {
        name,
        program,
        arguments,
        role,
        deflates,
    }
}

/// Picks entries by a list of names; an empty list picks `usual`.
///
/// # Errors
/// A name is not known.
pub fn pick(list: Option<&str>, usual: &[&str]) -> Result<Vec<Entry>, String> {
    let wanted: Vec<&str> = match list {
        Some(list) => list.split(',').collect(),
        None => usual.to_vec(),
    };
    wanted
        .into_iter()
        .map(|name| {
            let found = ENTRIES.iter().find(|entry| entry.name == name);
            found.copied().ok_or_else(|| {
                let names: Vec<&str> = ENTRIES.iter().map(|entry| entry.name).collect();
                format!("{name}: none of {}", names.join(", "))
            })
        })
        .collect()
}
