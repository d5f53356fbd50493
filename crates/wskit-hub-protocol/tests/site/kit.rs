//! A site over connections in memory, and clients that speak JSON by hand.

use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use wskit_driver::ConnectionError;
use wskit_hub::{Access, History, Hub, Rules};
use wskit_hub_protocol::{ErrorCode, Grant, Identity, Refusal, Site};
use wskit_proto::Config;
use wskit_tokio::{DuplexStream, WebSocket};

/// `room:` keeps ten messages and who is present, `last:` the newest, `live:` nothing; `open:` is for everyone.
pub(crate) fn hub() -> Hub {
    Hub::builder(|topic| match topic.split_once(':') {
        Some(("room", _)) => Rules::stream(History::last(10)).presence(),
        Some(("last", _)) => Rules::latest(),
        Some(("live", _)) => Rules::live(),
        Some(("open", _)) => Rules::stream(History::last(10))
            .subscribe(Access::Everyone)
            .publish(Access::Everyone),
        _ => Rules::unknown(),
    })
    .clock(|| tokio::time::Instant::now().into_std())
    .shards(2)
    .build()
}

/// The token is the name of the user, `bad` is not valid and `old` expired. Topics with `secret` are not for clients.
pub(crate) fn site() -> Site {
    Site::new(hub())
        .on_connect(|request| async move {
            match request.token.as_str() {
                "bad" => Err(wskit_hub_protocol::DisconnectCode::InvalidToken.into()),
                "old" => Err(ErrorCode::TokenExpired.into()),
                name => Ok(Identity::new(name).info(Bytes::from(format!("{{\"n\":\"{name}\"}}")))),
            }
        })
        .on_subscribe(|client, request| async move {
            if request.channel.contains("secret") {
                return Err(ErrorCode::PermissionDenied.into());
            }
            Ok(Grant::new().publish(client.user() != "reader"))
        })
        .on_rpc(|client, method, data| async move {
            match method.as_str() {
                "echo" => Ok(data),
                "who" => Ok(format!("\"{}\"", client.user()).into()),
                "shop" => Err(Refusal::error(1000, "closed")),
                "leave" => Err(Refusal::disconnect(4500, "as asked")),
                "slow" => {
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    Ok(data)
                }
                _ => Err(ErrorCode::MethodNotFound.into()),
            }
        })
        .clock(|| tokio::time::Instant::now().into_std())
}

/// A client that writes and reads frames as they are.
pub(crate) struct Raw {
    pub(crate) ws: WebSocket<DuplexStream>,
    pub(crate) served: JoinHandle<Result<(), ConnectionError>>,
}

impl Raw {
    pub(crate) fn open(site: &Site) -> Self {
        let (client, server) = wskit_tokio::pair(Config::new());
        let site = site.clone();
        let served = tokio::spawn(async move { site.serve(server, tokio::time::sleep).await });
        Self { ws: client, served }
    }

    /// Opens a connection whose session has begun.
    pub(crate) async fn connect(site: &Site, token: &str) -> Self {
        let mut raw = Self::open(site);
        raw.send(&format!(r#"{{"id":1,"connect":{{"token":"{token}"}}}}"#))
            .await;
        let reply = raw.recv().await;
        assert!(
            reply.starts_with(r#"{"id":1,"connect":{"client":""#),
            "{reply}"
        );
        raw
    }

    pub(crate) async fn send(&mut self, frame: &str) {
        self.ws.send(frame).await.unwrap();
    }

    /// Returns the next frame.
    pub(crate) async fn recv(&mut self) -> String {
        let message = self.ws.recv().await.unwrap().expect("a frame");
        message.into_text().unwrap().to_string()
    }

    /// Sends a frame and returns the next one.
    pub(crate) async fn ask(&mut self, frame: &str) -> String {
        self.send(frame).await;
        self.recv().await
    }

    /// Subscribes, and returns the epoch of the topic, if it keeps one.
    pub(crate) async fn subscribe(&mut self, topic: &str) -> String {
        let reply = self
            .ask(&format!(
                r#"{{"id":2,"subscribe":{{"channel":"{topic}"}}}}"#
            ))
            .await;
        assert!(reply.starts_with(r#"{"id":2,"subscribe":{"#), "{reply}");
        epoch_of(&reply)
    }

    /// Reads to the end, and returns the code and the reason of the Close.
    pub(crate) async fn closed(mut self) -> (u16, String) {
        while self.ws.recv().await.unwrap().is_some() {}
        let outcome = self.ws.outcome().unwrap();
        let closed = (outcome.code().get(), outcome.reason().to_owned());
        self.served.await.unwrap().unwrap();
        closed
    }
}

pub(crate) fn epoch_of(reply: &str) -> String {
    let epoch = reply.split(r#""epoch":""#).nth(1);
    let epoch = epoch.and_then(|rest| rest.split('"').next());
    epoch.unwrap_or_default().to_owned()
}
