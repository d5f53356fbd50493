//! Which servers there are.

use redis::{
    AsyncConnectionConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion,
    Value,
};

use crate::builder::{Builder, Servers, host};
use crate::connect::{open, within};
use crate::fault::{ConnectError, Failure, Fault};
use crate::keys::SLOTS;
use crate::session::{ask, text};

/// A server to connect to.
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) info: ConnectionInfo,
}

/// Finds the servers to connect to, and, in a cluster, which of them has which slot.
pub(crate) async fn find(
    settings: &Builder,
    known: &[String],
) -> Result<(Vec<Target>, Option<Vec<u16>>), ConnectError> {
    match &settings.servers {
        Servers::One(url) => {
            let mut target = target(settings, url)?;
            target.info = with_credentials(settings, target.info);
            Ok((vec![target], None))
        }
        Servers::Sentinel(sentinels, name) => {
            let primary = ask_sentinels(settings, sentinels, name).await?;
            Ok((vec![primary], None))
        }
        Servers::Cluster(seeds) => {
            let seeds: Vec<_> = seeds.iter().chain(known).collect();
            let (targets, owners) = ask_cluster(settings, &seeds).await?;
            Ok((targets, Some(owners)))
        }
    }
}

/// TLS needs a feature, and a provider of its cryptography.
fn check_tls(info: &ConnectionInfo) -> Result<(), Fault> {
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return Ok(());
    }
    #[cfg(feature = "rustls")]
    if rustls::crypto::CryptoProvider::get_default().is_some() {
        return Ok(());
    }
    Err(Fault::Setting(if cfg!(feature = "rustls") {
        "TLS to Redis needs a default `CryptoProvider` of rustls: call `install_default` on one first"
    } else {
        "TLS to Redis needs the feature `rustls` of wskit-hub-redis"
    }))
}

fn with_credentials(settings: &Builder, info: ConnectionInfo) -> ConnectionInfo {
    let mut redis = info.redis_settings().clone();
    if let Some(user) = &settings.user {
        redis = redis.set_username(user);
    }
    if let Some(password) = &settings.password {
        redis = redis.set_password(password);
    }
    redis = redis.set_protocol(ProtocolVersion::RESP3);
    info.set_redis_settings(redis)
}

/// Returns the server at `host:port`, or at a URL.
fn target(settings: &Builder, address: &str) -> Result<Target, ConnectError> {
    let failed = |fault| ConnectError::new(host(address), fault);
    let setting = || {
        failed(Fault::Setting(
            "the address of a Redis server is like 127.0.0.1:6379, or redis://127.0.0.1:6379",
        ))
    };
    let info = if address.contains("://") {
        address.into_connection_info().map_err(|_| setting())?
    } else {
        let parts = address.rsplit_once(':');
        let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (name, port) = parts.ok_or_else(setting)?;
        let host = name.trim_matches(['[', ']']).to_owned();
        let addr = ConnectionAddr::Tcp(host, port);
        addr.into_connection_info().map_err(|_| setting())?
    };
    let info = match info.addr().clone() {
        ConnectionAddr::Tcp(host, port) if settings.is_tls => {
            let (insecure, tls_params) = (false, None);
            info.set_addr(ConnectionAddr::TcpTls {
                host,
                port,
                insecure,
                tls_params,
            })
        }
        _ => info,
    };
    check_tls(&info).map_err(failed)?;
    Ok(Target {
        address: info.addr().to_string(),
        info,
    })
}

/// Asks the sentinels for the primary, one after the other until one knows.
pub(crate) async fn ask_sentinels(
    settings: &Builder,
    sentinels: &[String],
    name: &str,
) -> Result<Target, ConnectError> {
    let mut result = unasked(settings);
    for sentinel in sentinels {
        let asked = ask_sentinel(settings, target(settings, sentinel)?, name);
        result = match within(settings, asked).await {
            Ok(address) => {
                let mut target = target(settings, &address)?;
                target.info = with_credentials(settings, target.info);
                return Ok(target);
            }
            Err(failure) => Err(ConnectError::new(host(sentinel), failure.fault)),
        };
    }
    result
}

fn unasked<T>(settings: &Builder) -> Result<T, ConnectError> {
    let fault = Fault::Unreachable("no address".to_owned());
    Err(ConnectError::new(settings.servers.to_string(), fault))
}

async fn ask_sentinel(settings: &Builder, sentinel: Target, name: &str) -> Result<String, Failure> {
    let mut redis = sentinel.info.redis_settings().clone();
    if let Some(password) = &settings.sentinel_password {
        redis = redis.set_password(password);
    }
    let info = sentinel.info.set_redis_settings(redis);
    let connection = open(settings, info, AsyncConnectionConfig::new()).await?;
    let mut pipeline = redis::pipe();
    let command = pipeline.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME");
    command.arg(name);
    let values = ask(&connection, &pipeline, 1).await?;
    let address = match values.first() {
        Some(Value::Array(address)) => address.iter().map(text).collect::<Option<Vec<_>>>(),
        Some(Value::Nil) => return Err(Failure::refused(Fault::NoPrimary(name.to_owned()))),
        _ => None,
    };
    match address.as_deref() {
        Some([host, port]) => Ok(address_of(host, port)),
        _ => Err(Failure::nonsense("SENTINEL")),
    }
}

fn address_of(host: &str, port: &str) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Asks the nodes of a cluster which of them has which slot, one after the other until one knows.
async fn ask_cluster(
    settings: &Builder,
    seeds: &[&String],
) -> Result<(Vec<Target>, Vec<u16>), ConnectError> {
    let mut result = unasked(settings);
    for seed in seeds {
        let mut asked = target(settings, seed)?;
        asked.info = with_credentials(settings, asked.info);
        result = match within(settings, ask_node(settings, asked)).await {
            Ok((addresses, owners)) => {
                let targets = addresses.iter().map(|address| {
                    let mut target = target(settings, address)?;
                    target.info = with_credentials(settings, target.info);
                    Ok(target)
                });
                return Ok((targets.collect::<Result<_, ConnectError>>()?, owners));
            }
            Err(failure) => Err(ConnectError::new(host(seed), failure.fault)),
        };
    }
    result
}

async fn ask_node(settings: &Builder, node: Target) -> Result<(Vec<String>, Vec<u16>), Failure> {
    let connection = open(settings, node.info, AsyncConnectionConfig::new()).await?;
    let mut pipeline = redis::pipe();
    pipeline.cmd("CLUSTER").arg("SLOTS");
    let values = match ask(&connection, &pipeline, 1).await {
        Err(failure)
            if failure
                .fault
                .to_string()
                .contains("cluster support disabled") =>
        {
            return Err(Failure::refused(Fault::WrongMode));
        }
        values => values?,
    };
    let Some(Value::Array(ranges)) = values.first() else {
        return Err(Failure::nonsense("CLUSTER SLOTS"));
    };
    slots(ranges, &node.address)
}

/// Reads the answer of `CLUSTER SLOTS`.
fn slots(ranges: &[Value], asked: &str) -> Result<(Vec<String>, Vec<u16>), Failure> {
    let nonsense = || Failure::nonsense("CLUSTER SLOTS");
    let mut addresses: Vec<String> = Vec::new();
    let mut owners = vec![u16::MAX; SLOTS];
    for range in ranges {
        let Value::Array(range) = range else {
            return Err(nonsense());
        };
        let [
            Value::Int(start),
            Value::Int(end),
            Value::Array(primary),
            ..,
        ] = range.as_slice()
        else {
            return Err(nonsense());
        };
        let [host, Value::Int(port), ..] = primary.as_slice() else {
            return Err(nonsense());
        };
        let host = text(host).filter(|host| !host.is_empty() && host != "?");
        let asked_host = asked.rsplit_once(':').map_or(asked, |(host, _)| host);
        let host = host.unwrap_or_else(|| asked_host.trim_matches(['[', ']']).to_owned());
        let address = address_of(&host, &port.to_string());
        let number = addresses.iter().position(|other| *other == address);
        let number = number.unwrap_or_else(|| {
            addresses.push(address);
            addresses.len() - 1
        });
        let number = u16::try_from(number).map_err(|_| nonsense())?;
        let start = usize::try_from(*start).map_err(|_| nonsense())?;
        let end = usize::try_from(*end).map_err(|_| nonsense())?;
        let slots = owners.get_mut(start..=end).ok_or_else(nonsense)?;
        slots.fill(number);
    }
    if owners.contains(&u16::MAX) {
        let text = "not every slot has a server".to_owned();
        return Err(Failure::refused(Fault::Incomplete(text)));
    }
    Ok((addresses, owners))
}
