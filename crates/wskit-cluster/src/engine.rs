//! The engine that a URL names.

use std::error::Error;
use std::fmt;

use wskit::hub::HubBuilder;
use wskit_hub_nats::{Nats, NatsBuilder, Storage};
use wskit_hub_redis::Redis;

/// Which engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// None: one node, with its own memory.
    None,
    Nats,
    Redis,
}

impl Kind {
    /// Reads the value of `--engine`: a kind, or a URL of one.
    pub(crate) fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        match text {
            "none" => Ok(Self::None),
            _ if text.starts_with("nats") => Ok(Self::Nats),
            _ if text.starts_with("redis") => Ok(Self::Redis),
            _ => Err(format!("--engine is nats or redis, not {text}").into()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Nats => "nats",
            Self::Redis => "redis",
        })
    }
}

/// Gives a hub the engine of a URL. `none` is the hub's own memory.
///
/// NATS keeps messages on disk, or `in_memory`. The engine need not be there yet.
pub(crate) async fn engine(
    hub: HubBuilder,
    url: &str,
    in_memory: bool,
) -> Result<HubBuilder, Box<dyn Error>> {
    Ok(match Kind::parse(url)? {
        Kind::None => hub,
        Kind::Nats => {
            // Each message is kept by all servers that are named.
            let servers = url.split(',');
            let settings = Nats::builder()
                .replicas(servers.clone().count())
                .storage(if in_memory {
                    Storage::Memory
                } else {
                    Storage::File
                })
                .messages(256)
                .max_bytes(128 << 20);
            let settings = servers.fold(settings, NatsBuilder::server);
            hub.engine(settings.connect_later().await?)
        }
        Kind::Redis => {
            let settings = match url.strip_prefix("redis+sentinel://") {
                Some(rest) => {
                    let (hosts, primary) = rest.split_once('/').ok_or("no name of a primary")?;
                    Redis::sentinel(hosts.split(','), primary)
                }
                None => Redis::server(url),
            };
            hub.engine(settings.connect_later()?)
        }
    })
}
