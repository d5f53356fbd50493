//! A chat: one port serves the page and its WebSocket. Open it in two tabs.
//!
//! ```sh
//! cargo run --example chat    # then open http://127.0.0.1:9001 in two tabs
//! ```
//!
//! Arguments: `[ADDRESS] [--origin=ORIGIN]… [--tls] [--nats URL,…] [--redis URL]`. `--origin` names pages of
//! other servers that may connect. `--tls` (with `--features tls`) serves `https://` and `wss://`, with a
//! certificate made on the spot.
//!
//! With `--nats` (and `--features nats`) or `--redis` (and `--features redis`) several processes have the same
//! rooms. `bash examples/cluster.sh nats` or `redis` starts servers for that. Each message is kept on as many
//! NATS servers as are named.
//!
//! The protocol is in `PROTOCOL.md`, the rooms are in `../src/chat.rs`, one person is served in
//! `../src/chat/serve.rs`.

use std::error::Error;
use std::sync::Arc;

use wskit::Server;
use wskit::hub::HubBuilder;
use wskit_examples::chat::{self, Chat};
use wskit_examples::pages;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (listener, address) = pages::listen().await?;
    let server: Server = chat::server()?;
    let chat = Arc::new(Chat::new(shared(chat::rooms()).await?.build()));
    tokio::spawn(tokio::task::unconstrained(
        chat.hub.drive(tokio::time::sleep),
    ));
    let serving = server.serve_requests(listener, move |request, _| chat::serve(chat, request));
    let serving = pages::with_tls(serving, address)?.on_error(wskit_examples::report);
    Ok(serving.await?)
}

/// Shares the rooms with other processes, if an argument names an engine.
async fn shared(rooms: HubBuilder) -> Result<HubBuilder, Box<dyn Error>> {
    if let Some(urls) = wskit_examples::argument("--nats") {
        return nats(rooms, &urls).await;
    }
    match wskit_examples::argument("--redis") {
        Some(url) => redis(rooms, &url).await,
        None => Ok(rooms),
    }
}

#[cfg(feature = "nats")]
async fn nats(rooms: HubBuilder, urls: &str) -> Result<HubBuilder, Box<dyn Error>> {
    let servers = urls.split(',');
    let settings = wskit_hub_nats::Nats::builder()
        .replicas(servers.clone().count())
        .max_age(chat::DAY);
    let settings = servers.fold(settings, wskit_hub_nats::NatsBuilder::server);
    Ok(rooms.engine(settings.connect().await?))
}

#[cfg(not(feature = "nats"))]
#[allow(clippy::unused_async, reason = "with the feature it waits")]
async fn nats(_: HubBuilder, _: &str) -> Result<HubBuilder, Box<dyn Error>> {
    Err("--nats needs the feature nats".into())
}

#[cfg(feature = "redis")]
async fn redis(rooms: HubBuilder, url: &str) -> Result<HubBuilder, Box<dyn Error>> {
    use wskit_hub_redis::Redis;
    // `redis+sentinel://HOST:PORT,…/PRIMARY`, or one server.
    let settings = match url.strip_prefix("redis+sentinel://") {
        Some(rest) => {
            let (sentinels, primary) = rest.split_once('/').unwrap_or((rest, ""));
            Redis::sentinel(sentinels.split(','), primary)
        }
        None => Redis::server(url),
    };
    Ok(rooms.engine(settings.connect().await?))
}

#[cfg(not(feature = "redis"))]
#[allow(clippy::unused_async, reason = "with the feature it waits")]
async fn redis(_: HubBuilder, _: &str) -> Result<HubBuilder, Box<dyn Error>> {
    Err("--redis needs the feature redis".into())
}
