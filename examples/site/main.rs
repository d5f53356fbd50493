//! A server for the clients of Centrifugo's protocol: centrifuge-js, -swift, -dart, -python and others.
//!
//! ```sh
//! SITE_SECRET=secret cargo run -p site --example site -- 127.0.0.1:8000
//! ```
//!
//! Clients connect to `ws://127.0.0.1:8000/connection/websocket` with a token (HS256, claims `sub`, `exp`,
//! `info`), and may use topics that begin with `room:`: those with `room:private-` by a token that has the topic as
//! its claim `channel`. Users without a name may only read.

mod token;

use std::error::Error;
use std::time::Duration;

use tokio::net::TcpListener;
use wskit::hub::{History, Hub, Rules};
use wskit::{OriginPolicy, Server, Shutdown};
use wskit_hub_protocol::{ErrorCode, Grant, Identity, SUBPROTOCOLS, Site};

use self::token::Claims;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let secret: &str = std::env::var("SITE_SECRET")
        .map_err(|_| "SITE_SECRET is to have the secret that tokens are signed with")?
        .leak();
    let address = std::env::args().nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:8000".to_owned());

    let five_minutes = Duration::from_secs(300);
    let hub = Hub::builder(move |topic| match topic.split_once(':') {
        Some(("room", _)) => Rules::stream(History::last(100).within(five_minutes)).presence(),
        _ => Rules::unknown(),
    })
    .build();
    for _ in 0..std::thread::available_parallelism()?.get() {
        tokio::spawn(tokio::task::unconstrained(hub.drive(tokio::time::sleep)));
    }
    let site = Site::new(hub)
        .on_connect(move |request| async move {
            let claims = Claims::of(&request.token, secret)?;
            let mut identity = Identity::new(claims.sub.clone()).info(claims.info());
            if let Some(time) = claims.expires_in() {
                identity = identity.expires_in(time);
            }
            for topic in claims.channels {
                identity = identity.subscribe(topic, Grant::new());
            }
            Ok(identity)
        })
        .on_refresh(move |client, token| async move {
            let claims = Claims::of(&token, secret)?;
            if claims.sub != client.user() {
                return Err(ErrorCode::Unauthorized.into());
            }
            Ok(claims.expires_in())
        })
        .on_subscribe(move |client, request| async move {
            let topic = &request.channel;
            if topic.starts_with("room:private-") {
                // The token says that this client may.
                let claims = Claims::for_topic(topic, &request.token, secret)?;
                if claims.sub != client.user() {
                    return Err(ErrorCode::PermissionDenied.into());
                }
            }
            Ok(Grant::new().publish(!client.user().is_empty()))
        });

    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    let shutdown = Shutdown::new();
    // Apps send no `Origin`. Pages are to come from here.
    let server = Server::new(OriginPolicy::SameOrigin).protocols(SUBPROTOCOLS);
    let serve = server.serve(listener, {
        let site = site.clone();
        |ws, _| async move { site.serve(ws, tokio::time::sleep).await }
    });
    tokio::select! {
        served = serve.shutdown(&shutdown) => served?,
        stopped = tokio::signal::ctrl_c() => {
            stopped?;
            // Clients come back over ten seconds, to the process that follows.
            site.shutdown(Duration::from_secs(10), tokio::time::sleep).await;
            println!("{}", shutdown.finish(Duration::from_secs(5)).await?);
        }
    }
    Ok(())
}
