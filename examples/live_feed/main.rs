//! A live feed: each sample is encoded once and pushed to all pages, which plot it. A page that reads too
//! slowly gets the newest sample next.
//!
//! ```sh
//! cargo run --example live_feed    # then open http://127.0.0.1:9001 in two tabs
//! ```
//!
//! Arguments: `[ADDRESS] [--tls]`. `--tls` (with `--features tls`) serves `https://` and `wss://`, with a
//! certificate made on the spot.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wskit::hub::{Access, Event, Hub, Publication, Rules, Since, Wire};
use wskit::{
    BoxError, OriginPolicy, PreparedMessage, Rejection, Request, Server, ServerStream, deflate,
};
use wskit_examples::pages;

const PAGE: &str = include_str!("index.html");
const SERIES: &str = r#"{"series":["tide","wind","noise"]}"#;
const FEED: &str = "feed";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (listener, address) = pages::listen().await?;
    // Pages of any origin may watch: the feed holds no secrets.
    let server = Server::new(OriginPolicy::Any).deflate(deflate::Config::server());
    let hub = Hub::builder(|_| Rules::latest().subscribe(Access::Everyone)).build();
    let wire = Wire::new(|event| match event {
        Event::Subscribed { .. } => Some(PreparedMessage::text(SERIES)),
        Event::Published { message, .. } => {
            message.publication().as_text().map(PreparedMessage::text)
        }
        _ => None,
    });
    tokio::spawn(tokio::task::unconstrained(hub.drive(tokio::time::sleep)));
    tokio::spawn(measure(hub.clone()));
    let serving = server.serve_requests(listener, move |request, _| serve(request, hub, wire));
    let serving = pages::with_tls(serving, address)?.on_error(wskit_examples::report);
    Ok(serving.await?)
}

/// Makes a sample twenty times a second.
async fn measure(hub: Hub) {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let mut noise = 0.0;
    loop {
        ticks.tick().await;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let t = now.as_secs_f64();
        noise = 0.9 * noise + (t * 7919.0).sin() * 3.0;
        let (tide, wind) = (
            40.0 * (t / 9.0).sin(),
            15.0 * (t / 2.3).cos() + 10.0 * (t / 0.7).sin(),
        );
        let sample = format!(
            r#"{{"t":{},"v":[{tide:.2},{wind:.2},{noise:.2}]}}"#,
            now.as_millis()
        );
        if let Err(error) = hub.publish(FEED, Publication::text(sample)).await {
            eprintln!("{error}");
        }
    }
}

async fn serve(request: Request<ServerStream>, hub: Hub, wire: Wire) -> Result<(), BoxError> {
    let ws = match request {
        Request::WebSocket(upgrade) if upgrade.path() == "/ws" => upgrade.accept().await?,
        Request::WebSocket(upgrade) => {
            return Ok(upgrade.reject(&Rejection::not_found()).await?);
        }
        Request::Http(request) => return Ok(pages::respond(request, PAGE).await?),
    };
    let (mut reader, writer) = ws.split();
    let peer = hub.attach(&writer, &wire)?;
    peer.subscribe(FEED, Since::Start).await?;
    // No message is expected; this answers pings and the page's Close.
    while reader.recv_ref().await?.is_some() {}
    Ok(())
}
