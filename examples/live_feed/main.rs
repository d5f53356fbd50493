//! A live feed: each sample is encoded once and pushed to all pages, which plot it.
//!
//! ```sh
//! cargo run --example live_feed    # then open http://127.0.0.1:9001 in two tabs
//! ```
//!
//! Arguments: `[ADDRESS] [--tls]`. `--tls` (with `--features tls`) serves `https://` and `wss://`, with a
//! certificate made on the spot.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use wskit::{
    CloseCode, Error, OriginPolicy, PreparedMessage, Rejection, Request, Server, ServerStream,
    deflate,
};
use wskit_examples::pages;

const PAGE: &str = include_str!("index.html");
const SERIES: &str = r#"{"series":["tide","wind","noise"]}"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (listener, address) = pages::listen().await?;
    // Pages of any origin may watch: the feed holds no secrets.
    let server = Server::new(OriginPolicy::Any).deflate(deflate::Config::server());
    let (feed, _) = broadcast::channel(64);
    tokio::spawn(measure(feed.clone()));
    let serving = server.serve_requests(listener, move |request, _| serve(request, feed));
    let serving = pages::with_tls(serving, address)?.on_error(wskit_examples::report);
    Ok(serving.await?)
}

/// Makes a sample twenty times a second, each encoded once for all pages.
async fn measure(feed: broadcast::Sender<PreparedMessage>) {
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
        // It fails when no page is watching.
        let _ = feed.send(PreparedMessage::text(&sample));
    }
}

async fn serve(
    request: Request<ServerStream>,
    feed: broadcast::Sender<PreparedMessage>,
) -> Result<(), Error> {
    let mut ws = match request {
        Request::WebSocket(upgrade) if upgrade.path() == "/ws" => upgrade.accept().await?,
        Request::WebSocket(upgrade) => {
            return Ok(upgrade.reject(&Rejection::not_found()).await?);
        }
        Request::Http(request) => return Ok(pages::respond(request, PAGE).await?),
    };
    let mut feed = feed.subscribe();
    ws.send(SERIES).await?;
    loop {
        tokio::select! {
            // No message is expected; this answers pings and the page's Close.
            heard = ws.recv_ref() => if heard?.is_none() { return Ok(()) },
            sample = feed.recv() => match sample {
                Ok(sample) => ws.send(&sample).await?,
                // This page was too slow and missed some; the newest samples matter.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => {
                    ws.close(CloseCode::GOING_AWAY, "the feed has ended").await?;
                    return Ok(());
                }
            },
        }
    }
}
