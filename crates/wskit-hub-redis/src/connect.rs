use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo};
use tokio::time::timeout;
use wskit_hub::NodeId;

use crate::builder::{Builder, Servers};
use crate::fault::{ConnectError, Failure, Fault};
use crate::find::{Target, ask_sentinels, find};
use crate::inbox::{Inbox, Line};
use crate::keys::Keys;
use crate::queue::Queue;
use crate::session::{Identity, Link, Scripts, Session, ask, info_field, text};

/// How many requests wait at most to be written. The worker begins no more at once.
pub(crate) const FLIGHTS: usize = 1024;
/// How long it takes at most until a connection is made.
const CONNECT: Duration = Duration::from_secs(2);

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
        self.clone().renew().await
    }

    /// Gives the scripts to all servers again.
    pub(crate) async fn load_scripts(&self) -> Result<(), Failure> {
        for link in &self.links {
            load_scripts(&link.commands, link.identity.major).await?;
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

pub(crate) async fn within<T>(
    settings: &Builder,
    future: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let answered = timeout(settings.deadline, future).await;
    answered.unwrap_or_else(|_| Err(Failure::lost(Fault::NoAnswer(settings.deadline))))
}

#[cfg_attr(
    not(feature = "rustls"),
    expect(unused_variables, reason = "it is for TLS alone")
)]
fn client(settings: &Builder, info: ConnectionInfo) -> redis::RedisResult<Client> {
    #[cfg(feature = "rustls")]
    if let (redis::ConnectionAddr::TcpTls { .. }, Some(root)) =
        (info.addr(), &settings.root_certificate)
    {
        let certificates = redis::TlsCertificates {
            client_tls: None,
            root_cert: Some(root.clone()),
        };
        return Client::build_with_tls(info, certificates);
    }
    Client::open(info)
}

pub(crate) async fn open(
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
    let scripts = load_scripts(&commands, identity.major).await?;
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
    let major = major.unwrap_or(0);
    if major < if is_cluster { 7 } else { 6 } {
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
        major,
        replication: field(replication, "master_replid")?,
    })
}

async fn load_scripts(connection: &MultiplexedConnection, major: u32) -> Result<Scripts, Failure> {
    // A lease takes next to nothing, and without it a hub that lives would count as gone. Redis 6 has no flags.
    let flags = if major < 7 {
        ""
    } else {
        "#!lua flags=allow-oom\n"
    };
    let lease = format!("{flags}{}", include_str!("scripts/lease.lua"));
    let mut pipeline = redis::pipe();
    for script in [
        include_str!("scripts/publish.lua"),
        include_str!("scripts/read.lua"),
        &lease,
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
