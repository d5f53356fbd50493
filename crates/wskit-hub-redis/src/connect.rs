use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    ProtocolVersion, Value,
};
use tokio::time::timeout;
use wskit_hub::NodeId;

use crate::builder::{Builder, Servers, host};
use crate::fault::{ConnectError, Failure, Fault};
use crate::inbox::{Inbox, Line};
use crate::keys::{Keys, SLOTS};
use crate::queue::Queue;
use crate::session::{Identity, Link, Scripts, Session, ask, info_field, text};

/// How many requests wait at most to be written. The worker begins no more at once.
pub(crate) const FLIGHTS: usize = 1024;
/// How long it takes at most until a connection is made.
const CONNECT: Duration = Duration::from_secs(2);

/// A server to connect to.
struct Target {
    address: String,
    info: ConnectionInfo,
}

impl Session {
    /// Connects to all servers, and takes the lease of this hub.
    ///
    /// `known` are other nodes of the cluster that may know it.
    pub(crate) async fn connect(
        settings: &Arc<Builder>,
        queue: &Arc<Queue>,
        node: NodeId,
        known: &[String],
    ) -> Result<Arc<Self>, ConnectError> {
        let (targets, owners) = find(settings, known).await?;
        let inbox = Arc::new(Inbox::new(queue.clone(), node));
        let keys = Keys::new(&settings.prefix);
        let mut links = Vec::with_capacity(targets.len());
        let mut scripts = None;
        for (number, target) in targets.into_iter().enumerate() {
            let takes = |slot: usize| match &owners {
                Some(owners) => owners
                    .get(slot)
                    .is_some_and(|owner| usize::from(*owner) == number),
                None => true,
            };
            let probe = keys.probe(node.0, takes);
            let address = target.address.clone();
            let link = connect_link(settings, target, &inbox, probe, owners.is_some());
            let link = within(settings, link).await;
            let (link, loaded) =
                link.map_err(|failure| ConnectError::new(address, failure.fault))?;
            links.push(link);
            scripts = Some(loaded);
        }
        let failed =
            |failure: Failure| ConnectError::new(settings.servers.to_string(), failure.fault);
        let scripts = scripts
            .ok_or_else(|| failed(Failure::refused(Fault::Incomplete("no servers".to_owned()))))?;
        let session = Self::new(settings.clone(), node, inbox, links, owners, scripts);
        let session = Arc::new(session);
        within(settings, session.begin()).await.map_err(failed)?;
        Ok(session)
    }

    /// Listens to itself, and takes the lease.
    async fn begin(self: &Arc<Self>) -> Result<(), Failure> {
        let nodes = self.keys.nodes();
        for (number, link) in self.links.iter().enumerate() {
            let mut pipeline = redis::pipe();
            pipeline.cmd(self.subscribe_command()).arg(&link.probe);
            let mut count = 1;
            if self.owner(&nodes) == number {
                pipeline.cmd(self.subscribe_command()).arg(&nodes);
                count += 1;
            }
            ask(&link.pushes, &pipeline, count).await?;
        }
        self.clone().renew(true).await
    }

    /// Gives the scripts to all servers again.
    pub(crate) async fn load_scripts(&self) -> Result<(), Failure> {
        for link in &self.links {
            load_scripts(&link.commands).await?;
        }
        Ok(())
    }

    /// Asks the sentinels whether there is another primary, which the old one may not know.
    pub(crate) async fn look(self: Arc<Self>) -> Result<(), Failure> {
        let Servers::Sentinel(sentinels, name) = &self.settings.servers else {
            return Ok(());
        };
        // That they cannot be asked does not matter now.
        let wait = self.settings.deadline / 2;
        let asked = timeout(wait, ask_sentinels(&self.settings, sentinels, name)).await;
        match (asked, self.links.first()) {
            (Ok(Ok(primary)), Some(link)) if primary.address != link.address => {
                Err(Failure::lost(Fault::Replica))
            }
            _ => Ok(()),
        }
    }
}

async fn within<T>(
    settings: &Builder,
    future: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let answered = timeout(settings.deadline, future).await;
    answered.unwrap_or_else(|_| Err(Failure::lost(Fault::NoAnswer(settings.deadline))))
}

/// Finds the servers to connect to, and, in a cluster, which of them has which slot.
async fn find(
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

#[cfg_attr(
    not(feature = "rustls"),
    expect(unused_variables, reason = "it is for TLS alone")
)]
fn client(settings: &Builder, info: ConnectionInfo) -> redis::RedisResult<Client> {
    #[cfg(feature = "rustls")]
    if let (ConnectionAddr::TcpTls { .. }, Some(root)) = (info.addr(), &settings.root_certificate) {
        let certificates = redis::TlsCertificates {
            client_tls: None,
            root_cert: Some(root.clone()),
        };
        return Client::build_with_tls(info, certificates);
    }
    Client::open(info)
}

async fn open(
    settings: &Builder,
    info: ConnectionInfo,
    config: AsyncConnectionConfig,
) -> Result<MultiplexedConnection, Failure> {
    let wait = CONNECT.min(settings.deadline);
    // The deadline is the worker's.
    let config = config
        .set_connection_timeout(Some(wait))
        .set_response_timeout(None)
        .set_pipeline_buffer_size(FLIGHTS);
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let client = client(settings, info.set_tcp_settings(tcp))?;
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    match timeout(wait, connection).await {
        Ok(connection) => Ok(connection?),
        Err(_) => Err(Failure::lost(Fault::NoAnswer(wait))),
    }
}

/// Asks the sentinels for the primary, one after the other until one knows.
async fn ask_sentinels(
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
    let distinct: HashSet<_> = addresses.iter().collect();
    debug_assert_eq!(distinct.len(), addresses.len());
    Ok((addresses, owners))
}

/// Makes the two connections to a server, and checks that it is a primary.
async fn connect_link(
    settings: &Builder,
    target: Target,
    inbox: &Arc<Inbox>,
    probe: Vec<u8>,
    is_cluster: bool,
) -> Result<(Link, Scripts), Failure> {
    let deaf = Arc::new(Line {
        salt: 0,
        is_heard: AtomicBool::new(true),
    });
    let config = listening(inbox, &deaf);
    let commands = open(settings, target.info.clone(), config).await?;
    let identity = identify(&commands, is_cluster).await?;
    let line = Arc::new(Line {
        salt: identity.salt(),
        is_heard: AtomicBool::new(true),
    });
    let pushes = open(settings, target.info, listening(inbox, &line)).await?;
    // There may be another server at the address now, or something between that chooses one.
    if identify(&pushes, is_cluster).await? != identity {
        let text = "two connections are to two servers".to_owned();
        return Err(Failure::lost(Fault::Unreachable(text)));
    }
    let scripts = load_scripts(&commands).await?;
    let link = Link {
        address: target.address,
        commands,
        pushes,
        line,
        identity,
        probe,
    };
    Ok((link, scripts))
}

fn listening(inbox: &Arc<Inbox>, line: &Arc<Line>) -> AsyncConnectionConfig {
    let (inbox, line) = (inbox.clone(), line.clone());
    AsyncConnectionConfig::new().set_push_sender(move |push| {
        inbox.take(&line, push);
        Ok::<_, std::convert::Infallible>(())
    })
}

/// Returns which server it is, if it can be used.
async fn identify(
    connection: &MultiplexedConnection,
    is_cluster: bool,
) -> Result<Identity, Failure> {
    let mut pipeline = redis::pipe();
    pipeline.cmd("INFO").arg("server");
    pipeline.cmd("INFO").arg("replication");
    let values = ask(connection, &pipeline, 2).await?;
    let nonsense = || Failure::nonsense("INFO");
    let infos: Option<Vec<_>> = values.iter().map(text).collect();
    let infos = infos.ok_or_else(nonsense)?;
    let [server, replication] = infos.as_slice() else {
        return Err(nonsense());
    };
    let version = info_field(server, "redis_version").ok_or_else(nonsense)?;
    let major = version
        .split('.')
        .next()
        .and_then(|major| major.parse().ok());
    if major.unwrap_or(0) < if is_cluster { 7 } else { 6 } {
        return Err(Failure::refused(Fault::TooOld(version.to_owned())));
    }
    if (info_field(server, "redis_mode") == Some("cluster")) != is_cluster {
        return Err(Failure::refused(Fault::WrongMode));
    }
    if info_field(replication, "role") != Some("master") {
        return Err(Failure::refused(Fault::Replica));
    }
    let field = |info, name| {
        info_field(info, name)
            .map(ToOwned::to_owned)
            .ok_or_else(nonsense)
    };
    Ok(Identity {
        run: field(server, "run_id")?,
        replication: field(replication, "master_replid")?,
    })
}

async fn load_scripts(connection: &MultiplexedConnection) -> Result<Scripts, Failure> {
    let mut pipeline = redis::pipe();
    for script in [
        include_str!("scripts/publish.lua"),
        include_str!("scripts/read.lua"),
        include_str!("scripts/lease.lua"),
        include_str!("scripts/touch.lua"),
    ] {
        pipeline.cmd("SCRIPT").arg("LOAD").arg(script);
    }
    let values = ask(connection, &pipeline, 4).await?;
    let nonsense = || Failure::nonsense("SCRIPT LOAD");
    let names: Option<Vec<_>> = values.iter().map(text).collect();
    let names: [String; 4] = names
        .and_then(|names| names.try_into().ok())
        .ok_or_else(nonsense)?;
    let [publish, read, lease, touch] = names;
    Ok(Scripts {
        publish,
        read,
        lease,
        touch,
    })
}
