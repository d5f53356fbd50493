//! A hub process. It prints `listening on PORT` and serves until it is killed.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use wskit::driver::{Request, WebSocket};
use wskit::hub::{Grant, Hub, Limits, Member, Peer, Position, Present, Publication, Since, Wire};
use wskit::{
    BoxError, Config, Keepalive, Message, OriginPolicy, Rejection, SendTransport, Server,
    SocketOptions,
};

use wskit_hub_protocol::session::Settings;
use wskit_hub_protocol::{Identity, SUBPROTOCOLS, Site};

use crate::args::Args;
use crate::engine::engine;
use crate::protocol::{self, Wish};
use crate::topics::{self, SECRET};

/// Serves until the process is killed.
pub(crate) async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let limits = Limits::new().commands_per_sec(0);
    let hub = Hub::builder(topics::rules).limits(limits);
    let hub = engine(hub, args.need("engine")?, args.has("memory"))
        .await?
        .build();
    for _ in 0..2 {
        tokio::spawn(tokio::task::unconstrained(hub.drive(tokio::time::sleep)));
    }
    let listener = TcpListener::bind(("127.0.0.1", args.or("port", 0)?)).await?;
    println!("listening on {}", listener.local_addr()?.port());
    let keepalive = Keepalive {
        every: Duration::from_secs(2),
        answer_within: Duration::from_secs(6),
    };
    // Small buffers, so that a client that does not read is noticed.
    let server: Server = Server::new(OriginPolicy::SameOrigin)
        .config(
            Config::new()
                .keepalive(Some(keepalive))
                .write_high_water(16 << 10),
        )
        .socket_options(SocketOptions::new().send_buffer(16 << 10));
    let wire = protocol::wire();
    let site = site(hub.clone());
    let serving = server
        .protocols(SUBPROTOCOLS.iter().copied())
        .serve_requests(listener, move |request, _| {
            serve(hub.clone(), wire.clone(), site.clone(), request)
        });
    Ok(serving.await?)
}

/// Serves clients of Centrifugo's protocol. Their token is their name.
fn site(hub: Hub) -> Site {
    let seconds = Duration::from_secs;
    Site::new(hub)
        .settings(
            Settings::new()
                .ping_every(seconds(5))
                .pong_within(seconds(3)),
        )
        .on_connect(|request| async move { Ok(Identity::new(request.token)) })
}

async fn serve<T: SendTransport>(
    hub: Hub,
    wire: Wire,
    site: Site,
    request: Request<T>,
) -> Result<(), BoxError> {
    let upgrade = match request {
        Request::WebSocket(upgrade) => upgrade,
        Request::Http(request) => {
            let stats = format!("{:?}\n", hub.stats());
            return Ok(request.respond(&http::Response::new(stats)).await?);
        }
    };
    match upgrade.path() {
        "/own" => {}
        "/raw" => return raw(&hub, upgrade.accept().await?).await,
        "/connection/websocket" => {
            let ws = upgrade.accept().await?;
            return Ok(site.serve(ws, tokio::time::sleep).await?);
        }
        _ => return Ok(upgrade.reject(&Rejection::not_found()).await?),
    }
    let query = upgrade.query().unwrap_or_default().to_owned();
    let value = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find(|pair| pair.0 == name)
            .map(|pair| pair.1.to_owned())
    };
    let (name, knows_secret) = (value("name"), value("secret").is_some());
    let ws = upgrade.accept().await?;
    own(&hub, &wire, ws, name.unwrap_or_default(), knows_secret).await
}

/// Serves a client of the measurements. A text is a topic to subscribe to, and a position if there is one. Bytes
/// are a publication: the number of the topic, and the payload.
async fn raw<T: SendTransport>(hub: &Hub, ws: WebSocket<T>) -> Result<(), BoxError> {
    let (mut reader, writer) = ws.split();
    let peer = Arc::new(hub.attach(&writer, &Wire::payloads())?);
    while let Some(message) = reader.recv().await? {
        match message {
            Message::Text(text) => {
                let (topic, after) = text.split_once(' ').unwrap_or((&text, ""));
                let after: Option<Position> = after.parse().ok();
                let since = after.map_or(Since::Now, Since::After);
                peer.subscribe(topic, since).await?;
                if after.is_none() {
                    writer.send("subscribed").await?;
                }
            }
            Message::Binary(bytes) => {
                let Some((number, payload)) = bytes.split_at_checked(2) else {
                    continue;
                };
                let topic = format!("m:{}", u16::from_be_bytes([number[0], number[1]]));
                let publication = Publication::binary(payload.to_vec());
                let peer = peer.clone();
                tokio::spawn(async move { peer.publish(&topic, publication).await });
            }
        }
    }
    Ok(())
}

/// Serves one of our own clients.
async fn own<T: SendTransport>(
    hub: &Hub,
    wire: &Wire,
    ws: WebSocket<T>,
    name: String,
    knows_secret: bool,
) -> Result<(), BoxError> {
    let (mut reader, writer) = ws.split();
    let peer = Arc::new(hub.attach(&writer, wire)?);
    if knows_secret {
        peer.grant(SECRET, Grant::new().subscribe().publish());
    }
    while let Some(message) = reader.recv().await? {
        let Message::Text(text) = message else {
            continue;
        };
        match serde_json::from_str::<Wish>(&text)? {
            // What waits for the engine must not keep the others waiting.
            wish @ (Wish::Publish { .. } | Wish::Look { .. } | Wish::Subscribe { .. }) => {
                let (peer, writer) = (peer.clone(), writer.clone());
                tokio::spawn(async move {
                    if let Some(answer) = answer(&peer, wish).await {
                        let _ = writer.send(answer.to_string()).await;
                    }
                });
            }
            wish => {
                if let Some(answer) = obey(&peer, &name, wish) {
                    writer.send(answer.to_string()).await?;
                }
            }
        }
    }
    Ok(())
}

/// Does what waits for the engine.
async fn answer(peer: &Peer, wish: Wish) -> Option<Value> {
    Some(match wish {
        Wish::Publish { topic, id, pad } => {
            match peer.publish(&topic, protocol::publication(&id, pad)).await {
                Ok(at) => json!({"ev": "ack", "topic": topic, "id": id, "pos": at.to_string()}),
                Err(error) => {
                    json!({"ev": "fail", "topic": topic, "id": id, "why": explain(&error)})
                }
            }
        }
        Wish::Subscribe { topic, after } => {
            let after: Option<Position> = after.and_then(|after| after.parse().ok());
            let since = after.map_or(Since::Now, Since::After);
            match peer.subscribe(&topic, since).await {
                // The wire has told it.
                Ok(_) => return None,
                Err(wskit::hub::Error::NotGranted) => json!({"ev": "denied", "topic": topic}),
                Err(error) => json!({"ev": "nosub", "topic": topic, "why": explain(&error)}),
            }
        }
        Wish::Look { topic } => {
            let looked = async {
                let (_, top) = peer.history(&topic, Since::Now, 1).await?;
                match peer.present(&topic).await {
                    Err(wskit::hub::Error::NoPresence) => Ok((top, Present::default())),
                    present => Ok((top, present?)),
                }
            };
            match looked.await {
                Ok((top, present)) => {
                    let names = present.members.iter().map(Member::identity);
                    let names: Vec<_> = names.collect();
                    json!({"ev": "look", "topic": topic, "pos": top.to_string(), "names": names})
                }
                Err::<_, wskit::hub::Error>(error) => {
                    json!({"ev": "nolook", "topic": topic, "why": explain(&error)})
                }
            }
        }
        _ => return None,
    })
}

/// Does what does not wait.
fn obey(peer: &Peer, name: &str, wish: Wish) -> Option<Value> {
    match wish {
        Wish::Enter { topic } => Some(match peer.enter(&topic, Member::new(name)) {
            Ok(()) => json!({"ev": "enter", "topic": topic}),
            Err(error) => json!({"ev": "noenter", "topic": topic, "why": explain(&error)}),
        }),
        Wish::Leave { topic } => {
            peer.leave(&topic);
            Some(json!({"ev": "leave", "topic": topic}))
        }
        Wish::Revoke { topic } => {
            peer.grant(&topic, Grant::new());
            None
        }
        _ => None,
    }
}

/// An error with its causes.
pub(crate) fn explain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
