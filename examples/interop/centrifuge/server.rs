//! A site for the clients of Centrifugo's protocol, which do with it what they like by procedures:
//! `interop_centrifuge_server ADDRESS`.

#[path = "../../site/token.rs"]
mod token;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::net::TcpListener;
use wskit::hub::{Access, History, Hub, Publication, Rules};
use wskit::{OriginPolicy, Server};
use wskit_hub_protocol::{
    Client, DisconnectCode, ErrorCode, Grant, Identity, Refusal, SUBPROTOCOLS, Site,
};

use self::token::Claims;

const SECRET: &str = "secret";

/// The argument of procedures.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Ask {
    topic: String,
    code: u32,
    data: Option<Box<RawValue>>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let address = std::env::args().nth(1).ok_or("ADDRESS is missing")?;
    let hub = Hub::builder(|topic| match topic.split_once(':') {
        Some(("room" | "token", _)) => Rules::stream(History::last(10)).presence(),
        Some(("last", _)) => Rules::latest(),
        Some(("live", _)) => Rules::live(),
        Some(("open", _)) => Rules::stream(History::last(10))
            .subscribe(Access::Everyone)
            .publish(Access::Everyone),
        _ => Rules::unknown(),
    })
    .build();
    for _ in 0..2 {
        tokio::spawn(tokio::task::unconstrained(hub.drive(tokio::time::sleep)));
    }
    let listener = TcpListener::bind(address).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    let procedures = Site::new(hub.clone());
    let site = Site::new(hub)
        .on_connect(connect)
        .on_refresh(|_, token| async move { Ok(Claims::of(&token, SECRET)?.expires_in()) })
        .on_subscribe(|_, request| async move {
            let mut grant = Grant::new().publish(true).info(request.data);
            if request.channel.contains("secret") {
                return Err(ErrorCode::PermissionDenied.into());
            }
            if request.channel.starts_with("token:") {
                let claims = Claims::for_topic(&request.channel, &request.token, SECRET)?;
                if let Some(time) = claims.expires_in() {
                    grant = grant.expires_in(time);
                }
            }
            Ok(grant)
        })
        .on_sub_refresh(|_, topic, token| async move {
            Ok(Claims::for_topic(&topic, &token, SECRET)?.expires_in())
        })
        .on_send(|client, data| async move {
            client.send(data);
            Ok(())
        })
        .on_rpc(move |client, method, data| {
            let site = procedures.clone();
            async move { call(site, client, &method, data).await }
        });
    // Nothing keeps pages of others away: there are no cookies here.
    let server = Server::new(OriginPolicy::Any).protocols(SUBPROTOCOLS);
    let site = Arc::new(site);
    server
        .serve(listener, move |ws, _| async move {
            site.serve(ws, tokio::time::sleep).await
        })
        .await?;
    Ok(())
}

async fn connect(
    request: wskit_hub_protocol::message::ConnectRequest,
) -> Result<Identity, Refusal> {
    let claims = Claims::of(&request.token, SECRET)?;
    let mut identity = Identity::new(claims.sub.clone())
        .info(claims.info())
        .data(request.data);
    if let Some(time) = claims.expires_in() {
        identity = identity.expires_in(time);
    }
    for topic in claims.channels {
        identity = identity.subscribe(topic, Grant::new().publish(true));
    }
    Ok(identity)
}

async fn call(site: Site, client: Client, method: &str, data: Bytes) -> Result<Bytes, Refusal> {
    if method == "echo" {
        return Ok(data);
    }
    let ask: Ask = if data.is_empty() {
        Ask::default()
    } else {
        serde_json::from_slice(&data).map_err(|_| ErrorCode::BadRequest)?
    };
    match method {
        "who" => return Ok(format!("\"{}\"", client.user()).into()),
        "error" => return Err(Refusal::error(ask.code, "as asked")),
        "slow" => tokio::time::sleep(Duration::from_millis(300)).await,
        "publish" => {
            let data = ask
                .data
                .map_or("null".to_owned(), |data| data.get().to_owned());
            site.hub()
                .publish(&ask.topic, Publication::text(data))
                .await?;
        }
        "publish_bytes" => {
            let data = Publication::binary(vec![0, 255, 10]);
            site.hub().publish(&ask.topic, data).await?;
        }
        "subscribe" => client.subscribe(ask.topic, Grant::new().publish(true)),
        "unsubscribe" => client.unsubscribe(ask.topic),
        "disconnect" => match DisconnectCode::from_number(ask.code) {
            Some(code) => client.disconnect(code),
            None => {
                if let Refusal::Disconnect(why) = Refusal::disconnect(ask.code, "as asked") {
                    client.disconnect(why);
                }
            }
        },
        "shutdown" => {
            tokio::spawn(async move {
                let window = Duration::from_millis(200);
                site.shutdown(window, tokio::time::sleep).await;
            });
        }
        _ => return Err(ErrorCode::MethodNotFound.into()),
    }
    Ok(Bytes::from_static(b"{}"))
}
