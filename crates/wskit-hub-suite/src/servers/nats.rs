//! NATS: one server, and a cluster of three.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::process::Process;
use super::{find, free_port, loopback, wait_for};

/// One NATS server.
#[derive(Debug)]
pub struct Nats {
    process: Process,
    port: u16,
    monitor: u16,
    name: String,
    login: Option<(String, String)>,
    has_jetstream: bool,
}

/// How a [`Nats`] is started. By default it has JetStream, and takes anyone.
#[derive(Clone, Debug)]
pub struct Builder {
    program: Option<PathBuf>,
    login: Option<(String, String)>,
    has_jetstream: bool,
    lines: Vec<String>,
}

impl Builder {
    /// Starts this program instead of the one that is found; see [`newest`].
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// Leaves JetStream out.
    #[must_use]
    pub fn without_jetstream(mut self) -> Self {
        self.has_jetstream = false;
        self
    }

    /// Asks for a user and a password.
    #[must_use]
    pub fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some((user.into(), password.into()));
        self.line(&format!(
            "authorization {{ user: \"{user}\", password: \"{password}\" }}"
        ))
    }

    /// Sets the largest message that it takes, in bytes; 1 MiB by default.
    #[must_use]
    pub fn max_payload(self, bytes: usize) -> Self {
        self.line(&format!("max_payload: {bytes}"))
    }

    /// Adds a line to the configuration file.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Starts it, and waits until it answers.
    #[must_use]
    pub fn start(self) -> Nats {
        let nats = self.prepare();
        nats.restart();
        nats
    }

    fn prepare(self) -> Nats {
        let (port, monitor) = (free_port(), free_port());
        let name = format!("wskit-{}-{port}", std::process::id());
        let program = self.program.clone();
        let program = program.unwrap_or_else(|| find("NATS_SERVER", "nats-server", "nats-server"));
        let process = Process::new(&program, |folder| {
            let file = folder.join("nats.conf");
            let configuration = self.configuration(&name, port, monitor, folder);
            fs::write(&file, configuration).expect("a configuration file");
            vec!["-c".into(), file.into()]
        });
        Nats {
            process,
            port,
            monitor,
            name,
            login: self.login,
            has_jetstream: self.has_jetstream,
        }
    }

    fn configuration(&self, name: &str, port: u16, monitor: u16, folder: &Path) -> String {
        let mut text = format!(
            "server_name: {name}\n\
             listen: 127.0.0.1:{port}\n\
             http: 127.0.0.1:{monitor}\n\
             lame_duck_duration: \"30s\"\n\
             lame_duck_grace_period: \"1s\"\n"
        );
        if self.has_jetstream {
            let store = folder.join("store");
            let _ = writeln!(
                text,
                "jetstream {{ store_dir: \"{}\", max_mem: 256M, max_file: 1G }}",
                store.display()
            );
        }
        for line in &self.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

/// Returns the newest NATS server, if the environment variable `NATS_SERVER_NEW` names one.
#[must_use]
pub fn newest() -> Option<PathBuf> {
    let path = std::env::var_os("NATS_SERVER_NEW").filter(|path| !path.is_empty())?;
    let path = PathBuf::from(path);
    assert!(
        path.is_file(),
        "NATS_SERVER_NEW={}: no such file",
        path.display()
    );
    Some(path)
}

impl Nats {
    /// Starts a server with JetStream.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Returns what starts a server with other settings.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            program: None,
            login: None,
            has_jetstream: true,
            lines: Vec::new(),
        }
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

    /// Its URL, without user and password.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// Its URL through a [link](crate::link).
    #[must_use]
    pub fn url_at(&self, port: u16) -> String {
        format!("nats://127.0.0.1:{port}")
    }

    /// Its name among servers.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks its monitoring port, as in `/varz` or `/jsz?streams=1`.
    ///
    /// # Errors
    /// As the connection has them, and if the answer is no JSON.
    pub fn monitor(&self, path: &str) -> io::Result<Value> {
        let mut stream = connect(loopback(self.monitor))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok(serde_json::from_str(body)?)
    }

    /// Sends a request to a subject over a connection of its own, and returns the answer.
    ///
    /// # Errors
    /// As the connection has them; `UnexpectedEof` if nothing listens to the subject.
    pub fn request(&self, subject: &str, payload: &[u8]) -> io::Result<Vec<u8>> {
        let mut stream = BufReader::new(connect(self.addr())?);
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let (user, password) = self.login.clone().unwrap_or_default();
        let hello = json!({
            "verbose": false, "pedantic": false, "headers": true, "no_responders": true,
            "lang": "test", "version": "0", "user": user, "pass": password,
        });
        let mut request = format!(
            "CONNECT {hello}\r\nSUB answer 1\r\nPUB {subject} answer {}\r\n",
            payload.len()
        )
        .into_bytes();
        request.extend_from_slice(payload);
        request.extend_from_slice(b"\r\n");
        stream.get_mut().write_all(&request)?;
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["PING"] => stream.get_mut().write_all(b"PONG\r\n")?,
                ["MSG", .., len] => {
                    let len = len.parse().map_err(io::Error::other)?;
                    let mut payload = vec![0; len];
                    stream.read_exact(&mut payload)?;
                    return Ok(payload);
                }
                // Headers alone: there is no responder.
                ["HMSG", .., head, all] if head == all => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                ["HMSG", .., head, all] => {
                    let (head, all): (usize, usize) = (
                        head.parse().map_err(io::Error::other)?,
                        all.parse().map_err(io::Error::other)?,
                    );
                    let mut payload = vec![0; all];
                    stream.read_exact(&mut payload)?;
                    return Ok(payload.split_off(head));
                }
                ["-ERR", ..] => return Err(io::Error::other(line)),
                _ => {}
            }
        }
    }

    /// Asks JetStream, as in `STREAM.INFO.hub`. Errors of JetStream are in the field `error` of the answer.
    ///
    /// # Errors
    /// As [`request`](Self::request) has them.
    pub fn jetstream(&self, call: &str, body: &Value) -> io::Result<Value> {
        let payload = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.request(&format!("$JS.API.{call}"), payload.as_bytes())?;
        Ok(serde_json::from_slice(&answer)?)
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

    /// Makes it tell its clients that it will end, which it does some 30 seconds later.
    pub fn lame_duck(&self) {
        self.process.signal("USR2");
    }

    /// Starts it again on the same ports and in the same folder, and waits until it answers. If it runs,
    /// it is killed before.
    pub fn restart(&self) {
        self.begin();
        self.wait_until_ready();
    }

    /// Kills it, removes all that it has stored in files, and starts it again.
    pub fn wipe(&self) {
        self.kill();
        self.remove_store();
        self.restart();
    }

    fn remove_store(&self) {
        let store = self.process.folder().join("store");
        if store.exists() {
            fs::remove_dir_all(store).expect("a store that can be removed");
        }
    }

    fn begin(&self) {
        self.process.kill();
        self.process.start();
    }

    fn wait_until_ready(&self) {
        self.process.wait_for("NATS", || {
            let info = self.info()?;
            // Another server may have taken the port.
            let is_it = info["server_name"] == self.name.as_str();
            let has_jetstream = info["jetstream"] == true;
            (is_it && has_jetstream == self.has_jetstream).then_some(())
        });
    }

    /// What it says of itself first.
    fn info(&self) -> Option<Value> {
        let mut line = String::new();
        BufReader::new(connect(self.addr()).ok()?)
            .read_line(&mut line)
            .ok()?;
        serde_json::from_str(line.strip_prefix("INFO ")?).ok()
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

fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let timeout = Duration::from_secs(5);
    let stream = TcpStream::connect_timeout(&to, timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    Ok(stream)
}

/// Three NATS servers that are one cluster, with JetStream.
#[derive(Debug)]
pub struct NatsCluster {
    servers: Vec<Nats>,
}

impl NatsCluster {
    /// Starts it, and waits until it has a leader.
    #[must_use]
    pub fn start() -> Self {
        Self::with(Nats::builder())
    }

    /// Starts three servers with these settings, and waits until they have a leader.
    #[must_use]
    pub fn with(builder: Builder) -> Self {
        let ports = [free_port(), free_port(), free_port()];
        let server = |port: &u16| {
            let others = ports.iter().filter(|other| *other != port);
            let routes: Vec<_> = others
                .map(|port| format!("nats://127.0.0.1:{port}"))
                .collect();
            let routes = routes.join(", ");
            let line = format!(
                "cluster {{ name: wskit, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}"
            );
            builder.clone().line(&line).prepare()
        };
        let this = Self {
            servers: ports.iter().map(server).collect(),
        };
        // None is ready without another.
        this.servers.iter().for_each(Nats::begin);
        this.wait_until_whole();
        this
    }

    /// Waits until all servers run and the cluster has a leader.
    pub fn wait_until_whole(&self) {
        for server in &self.servers {
            server.wait_until_ready();
            server.process.wait_for("a cluster", || {
                let meta = &server.monitor("/jsz").ok()?["meta_cluster"];
                let has_leader = meta["leader"].as_str().is_some_and(|name| !name.is_empty());
                (has_leader && meta["cluster_size"] == 3).then_some(())
            });
        }
        wait_for("JetStream", || {
            let info = self.servers[0].jetstream("INFO", &Value::Null).ok()?;
            info["error"].is_null().then_some(())
        });
    }

    /// Its servers.
    #[must_use]
    pub fn servers(&self) -> &[Nats] {
        &self.servers
    }

    /// Their URLs.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(Nats::url).collect()
    }

    /// The server that leads a stream, an index into [`servers`](Self::servers); waits until there is one.
    #[must_use]
    pub fn leader_of(&self, stream: &str) -> usize {
        wait_for("a stream's leader", || {
            self.servers.iter().find_map(|server| {
                if !server.is_running() {
                    return None;
                }
                let call = format!("STREAM.INFO.{stream}");
                let info = server.jetstream(&call, &Value::Null).ok()?;
                let leader = info["cluster"]["leader"].as_str()?;
                self.servers.iter().position(|one| one.name == leader)
            })
        })
    }

    /// Kills a server, with SIGKILL.
    pub fn kill(&self, server: usize) {
        self.servers[server].kill();
    }

    /// Starts a server again, and waits until the cluster is whole if the others run.
    pub fn restart(&self, server: usize) {
        self.servers[server].begin();
        if self.servers.iter().all(Nats::is_running) {
            self.wait_until_whole();
        }
    }

    /// Kills all servers. `wipe` removes what they have stored, too. [`restart`](Self::restart) starts each again.
    pub fn kill_all(&self, wipe: bool) {
        self.servers.iter().for_each(Nats::kill);
        if wipe {
            self.servers.iter().for_each(Nats::remove_store);
        }
    }
}
