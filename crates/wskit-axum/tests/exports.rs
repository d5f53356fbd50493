//! What a server needs is exported, so that a program depends on one crate of wskit.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::response::Response;
use axum::{Router, routing::get};
use wskit_axum::{Lane, LaneConfig, Overflow, PreparedMessage, Shutdown, WebSocketUpgrade};

/// Names of the facade's root that a server inside of hyper or axum has no use for: clients, servers that
/// listen by themselves, and the runtimes.
const NOT_HERE: [&str; 49] = [
    "BoxError",
    "Client",
    "ClientRequest",
    "ClientStream",
    "ConnectCause",
    "ConnectError",
    "Connector",
    "DialError",
    "IntoPartsError",
    "Listener",
    "LookupFailure",
    "Parts",
    "PlainHttp",
    "ProxyError",
    "ProxyUrlError",
    "Reconnect",
    "ReconnectHandle",
    "RedirectError",
    "Request",
    "ReuniteError",
    "SendTransport",
    "Serve",
    "ServeError",
    "ServeFault",
    "ServerStream",
    "ServerTls",
    "SocketOptions",
    "SocksFailure",
    "Stage",
    "StreamListener",
    "TlsSession",
    "Transport",
    "Upgrade",
    "WhenFull",
    "async_std",
    "bytes",
    "connect",
    "dial",
    "from_parts",
    "guide",
    "handshake",
    "http",
    "pair",
    "reconnect",
    "serve",
    "smol",
    "tls",
    "tokio",
    // A crate of its own, whatever the connections come from.
    "hub",
];

/// The names in a crate root's `pub use` items and `pub type` aliases.
fn names(root: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in root.split("\npub ").skip(1) {
        let mut words = item
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .filter(|word| !word.is_empty());
        if item.starts_with("type ") {
            names.extend(words.nth(1).map(str::to_owned));
        } else if let Some(item) = item.strip_prefix("use ") {
            let item = &item[..item.find(';').expect("an end")];
            for each in item.split(['{', '}', ',']) {
                let name = each.rsplit([' ', ':']).next().unwrap_or_default();
                names.insert(name.trim().to_owned());
            }
        }
    }
    names.remove("");
    names.remove("self");
    names
}

/// A name that the facade gets has to be exported here, or to be listed above.
#[test]
fn servers_find_the_names_of_the_facade() {
    let facade = names(include_str!("../../wskit/src/lib.rs"));
    assert!(facade.contains("PreparedMessage") && facade.contains("Overflow"));
    for (name, root) in [
        ("wskit-axum", include_str!("../src/lib.rs")),
        ("wskit-hyper", include_str!("../../wskit-hyper/src/lib.rs")),
    ] {
        let has = names(root);
        let missing: Vec<_> = facade
            .iter()
            .filter(|name| !has.contains(*name) && !NOT_HERE.contains(&name.as_str()))
            .collect();
        assert!(missing.is_empty(), "{name} does not export {missing:?}");
    }
}

/// The getters of the request are reached through the extractor: none has the name of a setting.
#[test]
fn extractor_shows_the_request_without_a_dereference() {
    async fn handler(ws: WebSocketUpgrade) -> Response {
        let token = ws
            .offered_protocols()
            .find_map(|protocol| protocol.strip_prefix("bearer."))
            .map(str::to_owned);
        let _ = (
            ws.request_origin(),
            ws.offered_extensions(),
            ws.header_str("cookie"),
        );
        ws.protocols(["chat"]).on_upgrade(|ws| async move {
            drop((ws, token));
        })
    }
    let _: Router = Router::new().route("/", get(handler));
}

/// `Shutdown::new()` needs no type, and a room can be named.
#[tokio::test]
async fn shutdown_and_rooms_need_no_other_crate() {
    struct Room(Vec<Lane>, PreparedMessage);
    let room = Room(Vec::new(), PreparedMessage::text("hello"));
    let config = LaneConfig::new().overflow(Overflow::LatestOnly);
    let shutdown = Shutdown::new();
    let report = shutdown.finish(Duration::from_secs(1)).await.unwrap();
    assert_eq!(report.clean, 0);
    drop((room.0, room.1, config));
}

/// What the extractor lends of the request may be kept while a handler awaits.
#[test]
fn handler_awaits_with_a_part_of_the_request() {
    async fn user_of(session: &str) -> Option<String> {
        tokio::task::yield_now().await;
        (session == "42").then(|| "Ada".to_owned())
    }
    async fn handler(ws: WebSocketUpgrade) -> Response {
        let user = match ws.cookie("session") {
            Some(session) => user_of(session).await,
            None => None,
        };
        ws.on_upgrade(|_ws| async move { drop(user) })
    }
    let _: Router = Router::new().route("/", get(handler));
}
