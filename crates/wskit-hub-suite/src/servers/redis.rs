//! Redis: one server, a primary with Sentinel, and a cluster.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use super::process::Process;
use super::resp::{Resp, Value};
use super::{find, free_port, loopback, wait_for};

/// One Redis server.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    port: u16,
    password: Option<String>,
    is_sentinel: bool,
}

/// How a [`Redis`] is started. By default it keeps everything in memory alone, and has no password.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    password: Option<String>,
    lines: Vec<String>,
    is_sentinel: bool,
}

impl Builder {
    /// Asks for a password.
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self.line(&format!("requirepass {password}"))
    }

    /// Writes each command to a file before it is answered.
    #[must_use]
    pub fn append_only(self) -> Self {
        self.line("appendonly yes").line("appendfsync always")
    }

    /// Sets how much memory it may use, as in `8mb`. More is refused: nothing is evicted.
    #[must_use]
    pub fn max_memory(self, memory: &str) -> Self {
        self.line(&format!("maxmemory {memory}"))
            .line("maxmemory-policy noeviction")
    }

    /// Adds a line to the configuration file.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Starts it, and waits until it answers.
    #[must_use]
    pub fn start(self) -> Redis {
        let port = free_port();
        let program = find("REDIS_SERVER", "redis-server", "redis-server");
        let process = Process::new(&program, |folder| {
            let file = folder.join("redis.conf");
            fs::write(&file, self.configuration(port, folder)).expect("a configuration file");
            let mut arguments = vec![file.into()];
            arguments.extend(self.is_sentinel.then(|| "--sentinel".into()));
            arguments
        });
        let redis = Redis {
            process,
            port,
            password: self.password,
            is_sentinel: self.is_sentinel,
        };
        redis.restart();
        redis
    }

    fn configuration(&self, port: u16, folder: &Path) -> String {
        let mut lines = vec![
            "bind 127.0.0.1".into(),
            format!("port {port}"),
            format!("dir \"{}\"", folder.display()),
            "daemonize no".into(),
        ];
        if !self.is_sentinel {
            lines.push("save \"\"".into());
            lines.push("enable-debug-command yes".into());
            // Replicas get the primary's state at once.
            lines.push("repl-diskless-sync-delay 0".into());
        }
        lines.extend(self.lines.iter().cloned());
        lines.join("\n") + "\n"
    }
}

impl Redis {
    /// Starts a server that keeps everything in memory.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Returns what starts a server with other settings.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        loopback(self.port)
    }

    /// Its URL, with the password.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// Its URL through a [link](crate::link), with the password.
    #[must_use]
    pub fn url_at(&self, port: u16) -> String {
        match &self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{port}"),
            None => format!("redis://127.0.0.1:{port}"),
        }
    }

    /// Sends a command over a connection of its own.
    ///
    /// # Errors
    /// As the connection has them. Those of Redis are [`Value::Error`].
    pub fn try_command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> io::Result<Value> {
        let mut resp = Resp::connect(self.addr())?;
        if let Some(password) = &self.password {
            resp.command(&["AUTH", password])?;
        }
        resp.command(arguments)
    }

    /// Sends a command over a connection of its own.
    ///
    /// # Panics
    /// If it fails.
    pub fn command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> Value {
        let answer = self.try_command(arguments).expect("Redis answers");
        assert!(!matches!(answer, Value::Error(_)), "{answer:?}");
        answer
    }

    /// Returns a field of `INFO`.
    #[must_use]
    pub fn info(&self, field: &str) -> Option<String> {
        let info = self.try_command(&["INFO"]).ok()?.text();
        info.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name == field).then(|| value.into())
        })
    }

    /// Kills it with SIGKILL.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Stops it with SIGTERM, and waits for its end.
    pub fn stop(&self) {
        self.process.stop();
    }

    /// Stops it in its tracks with SIGSTOP, and waits for that.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.resume();
    }

    /// Starts it again on the same port and in the same folder, and waits until it answers. If it runs,
    /// it is killed before.
    pub fn restart(&self) {
        self.process.kill();
        self.process.start();
        // Another server may have taken the port.
        let id = self.process.id().map(|id| id.to_string());
        self.process.wait_for("Redis", || {
            let has_loaded = self.is_sentinel || self.info("loading")? == "0";
            (self.info("process_id") == id && has_loaded).then_some(())
        });
    }

    /// Whether its process runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// Its process.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// A primary, a replica, and three processes of Sentinel that watch them. A failover takes some two seconds.
#[derive(Debug)]
pub struct Sentinel {
    servers: [Redis; 2],
    sentinels: [Redis; 3],
}

impl Sentinel {
    /// The name that the primary has at Sentinel.
    pub const NAME: &str = "hub";

    /// Starts them, and waits until they know each other.
    #[must_use]
    pub fn start() -> Self {
        let primary = Redis::start();
        let replica = Redis::builder()
            .line(&format!("replicaof 127.0.0.1 {}", primary.port))
            .start();
        let sentinel = || {
            let name = Self::NAME;
            let mut builder = Redis::builder()
                .line(&format!(
                    "sentinel monitor {name} 127.0.0.1 {} 2",
                    primary.port
                ))
                .line(&format!("sentinel down-after-milliseconds {name} 1000"))
                .line(&format!("sentinel failover-timeout {name} 3000"));
            builder.is_sentinel = true;
            builder.start()
        };
        let this = Self {
            sentinels: [sentinel(), sentinel(), sentinel()],
            servers: [primary, replica],
        };
        this.wait_until_whole();
        this
    }

    /// Waits until the replica follows the primary, and each Sentinel knows all others. After a failover that
    /// takes some twenty seconds.
    pub fn wait_until_whole(&self) {
        wait_for("Sentinel", || {
            let replica = &self.servers[usize::from(self.primary_index()? == 0)];
            let follows = replica.info("master_link_status")? == "up";
            let is_known = self.sentinels.iter().all(|sentinel| {
                let of = |command: &str| sentinel.try_command(&["SENTINEL", command, Self::NAME]);
                let primary = of("MASTER");
                let is = |field, expected: &str| {
                    let value = primary
                        .as_ref()
                        .ok()
                        .and_then(|primary| primary.field(field));
                    value.is_some_and(|value| value.text() == expected)
                };
                let replicas = of("REPLICAS").ok();
                let replica = replicas.as_ref().and_then(|all| all.items().first());
                let link = replica.and_then(|replica| replica.field("master-link-status"));
                is("num-other-sentinels", "2")
                    && is("num-slaves", "1")
                    && is("flags", "master")
                    && link.is_some_and(|link| link.text() == "ok")
            });
            (follows && is_known).then_some(())
        });
    }

    fn primary_index(&self) -> Option<usize> {
        let ask = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self::NAME];
        let running = self.sentinels.iter().filter(|one| one.is_running());
        let answers = running.filter_map(|sentinel| sentinel.try_command(&ask).ok());
        // As most of them say.
        let mut votes = [0; 2];
        for answer in answers {
            let port = answer.items().get(1)?.text();
            let index = self
                .servers
                .iter()
                .position(|one| one.port.to_string() == port)?;
            votes[index] += 1;
        }
        votes.iter().position(|votes| *votes >= 2)
    }

    /// The server that is the primary now, as Sentinel says; waits until that is clear.
    #[must_use]
    pub fn primary(&self) -> &Redis {
        &self.servers[wait_for("a primary", || self.primary_index())]
    }

    /// The server that is not the primary now.
    #[must_use]
    pub fn replica(&self) -> &Redis {
        &self.servers[1 - wait_for("a primary", || self.primary_index())]
    }

    /// Waits until another server than `old` is the primary, and takes writes.
    pub fn wait_for_failover(&self, old: u16) {
        wait_for("a failover", || {
            let primary = &self.servers[self.primary_index()?];
            let is_new = primary.port != old && primary.info("role")? == "master";
            is_new.then_some(())
        });
    }

    /// The processes of Sentinel.
    #[must_use]
    pub fn sentinels(&self) -> &[Redis; 3] {
        &self.sentinels
    }

    /// Both servers: the first was the primary at the beginning.
    #[must_use]
    pub fn servers(&self) -> &[Redis; 2] {
        &self.servers
    }

    /// The URLs of the processes of Sentinel.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Redis::url).collect()
    }
}

/// A cluster of three nodes without replicas. Each has a third of the slots.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: [Redis; 3],
}

impl RedisCluster {
    /// Starts it, and waits until all nodes serve.
    #[must_use]
    pub fn start() -> Self {
        let node = || {
            Redis::builder()
                .line("cluster-enabled yes")
                .line(&format!("cluster-port {}", free_port()))
                .line("cluster-node-timeout 2000")
                .start()
        };
        let this = Self {
            nodes: [node(), node(), node()],
        };
        let slots = ["0 5460", "5461 10922", "10923 16383"];
        for (number, (node, slots)) in (1..).zip(this.nodes.iter().zip(slots)) {
            let mut command = vec!["CLUSTER", "ADDSLOTSRANGE"];
            command.extend(slots.split(' '));
            node.command(&command);
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &format!("{number}")]);
            let (port, bus) = (
                node.port.to_string(),
                node.command(&["CONFIG", "GET", "cluster-port"]),
            );
            let bus = bus.items()[1].text();
            this.nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        this.wait_until_whole();
        this
    }

    /// Waits until all nodes serve.
    pub fn wait_until_whole(&self) {
        for node in &self.nodes {
            wait_for("a cluster", || {
                let info = node.try_command(&["CLUSTER", "INFO"]).ok()?.text();
                let has = |line: &str| info.lines().any(|other| other == line);
                (has("cluster_state:ok") && has("cluster_known_nodes:3")).then_some(())
            });
        }
    }

    /// Its nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Redis; 3] {
        &self.nodes
    }

    /// The URLs of its nodes.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }
}
