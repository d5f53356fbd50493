use std::fmt;
use std::time::Duration;

use crate::Redis;
use crate::fault::{ConnectError, Fault};

/// The settings of an engine on [`Redis`].
///
/// [`Redis::server`], [`Redis::sentinel`] and [`Redis::cluster`] create it, [`connect`](Builder::connect) makes
/// the engine. All hubs that share topics need the same servers, [`prefix`](Builder::prefix) and
/// [`lease`](Builder::lease).
#[derive(Clone)]
pub struct Builder {
    pub(crate) servers: Servers,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) sentinel_password: Option<String>,
    pub(crate) is_tls: bool,
    /// PEM.
    #[cfg(feature = "rustls")]
    pub(crate) root_certificate: Option<Vec<u8>>,
    pub(crate) prefix: String,
    pub(crate) deadline: Duration,
    pub(crate) lease: Duration,
    pub(crate) keep: Duration,
    pub(crate) largest: usize,
    pub(crate) replicas: u32,
}

#[derive(Clone)]
pub(crate) enum Servers {
    /// A URL, or `host:port`.
    One(String),
    /// The sentinels, and the name of the primary.
    Sentinel(Vec<String>, String),
    /// Some nodes of the cluster.
    Cluster(Vec<String>),
}

impl Builder {
    pub(crate) fn new(servers: Servers) -> Self {
        Self {
            servers,
            user: None,
            password: None,
            sentinel_password: None,
            is_tls: false,
            #[cfg(feature = "rustls")]
            root_certificate: None,
            prefix: "hub".to_owned(),
            deadline: Duration::from_secs(5),
            lease: Duration::from_secs(30),
            keep: Duration::from_secs(24 * 3600),
            largest: 16 << 20,
            replicas: 0,
        }
    }

    /// Sets the name of the user, for servers with access control lists; by default that of the URL, or none.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>) -> Self {
        self.user = Some(name.into());
        self
    }

    /// Sets the password; by default that of the URL, or none.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sets the password of the sentinels, if they have one.
    #[must_use]
    pub fn sentinel_password(mut self, password: impl Into<String>) -> Self {
        self.sentinel_password = Some(password.into());
        self
    }

    /// Encrypts the connections to servers that were given as `host:port`, and to the sentinels. In a URL,
    /// `rediss://` does it.
    ///
    /// Certificates are checked against the roots that the operating system trusts, or against
    /// [`root_certificate`](Builder::root_certificate). The process needs a default `CryptoProvider` of rustls.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.is_tls = true;
        self
    }

    /// Sets the certificates that are trusted instead of those of the operating system, in PEM.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificate = Some(pem.into());
        self
    }

    /// Sets what the names of all keys and channels begin with; by default `hub`. It has 1 to 64 bytes and no
    /// braces.
    ///
    /// Channels are the same in all databases of a server: hubs that are to be apart need different prefixes.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets how long a server may take to answer; by default 5 s, at most 9 s, at least 100 ms.
    ///
    /// After that the connection is given up and made again. Messages that are published while there is no
    /// connection wait as long, and are sent if it comes back in time.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.clamp(Duration::from_millis(100), Duration::from_secs(9));
        self
    }

    /// Sets after which time without a sign of life a hub, and all members on it, counts as gone; by default
    /// 30 s, at least 1 s and at most an hour. A hub gives three signs in that time.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease.clamp(Duration::from_secs(1), Duration::from_secs(3600));
        self
    }

    /// Sets how long the keys of a topic live that no hub uses; by default a day, at least a minute and at most
    /// a year. After that its history is gone and it has a new epoch. Histories with
    /// [`within`](wskit_hub::History::within) may end sooner.
    #[must_use]
    pub fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep.clamp(
            Duration::from_secs(60),
            Duration::from_secs(366 * 24 * 3600),
        );
        self
    }

    /// Sets how long a message may be, with its id; by default 16 MiB. The server's own limit is
    /// `proto-max-bulk-len`, 512 MiB unless configured: it cuts connections that go over it.
    #[must_use]
    pub fn largest(mut self, bytes: usize) -> Self {
        self.largest = bytes;
        self
    }

    /// Sets how many replicas must have a message before it counts as published; by default none.
    ///
    /// If they do not have it in time, [`Hub::publish`](wskit_hub::Hub::publish) fails, though subscribers may
    /// get the message: publish it again with the same [id](wskit_hub::Publication::id). This makes the loss of
    /// an acknowledged message at a failover less likely; it does not exclude it. It costs: the messages of a hub
    /// wait for each other, so that each takes as long as its way to the replicas and back.
    #[must_use]
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Connects. Later, the engine connects again by itself.
    ///
    /// # Errors
    /// A [`ConnectError`] if no server can be reached now, or refuses, or a setting makes no sense.
    ///
    /// # Panics
    /// Outside of a tokio runtime with its timers and I/O.
    ///
    /// # Cancel safety
    /// Dropping the future closes what was connected.
    pub async fn connect(self) -> Result<Redis, ConnectError> {
        self.check()?;
        Redis::with(self).await
    }

    /// Makes an engine that connects in the background, for a hub that starts before its server does. Until then
    /// requests fail, and messages to publish wait as [`deadline`](Builder::deadline) says.
    ///
    /// # Errors
    /// A [`ConnectError`] if a setting makes no sense.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn connect_later(self) -> Result<Redis, ConnectError> {
        self.check()?;
        Ok(Redis::later(self))
    }

    fn check(&self) -> Result<(), ConnectError> {
        let (servers, name) = match &self.servers {
            Servers::One(url) => (std::slice::from_ref(url), None),
            Servers::Sentinel(servers, name) => (servers.as_slice(), Some(name)),
            Servers::Cluster(servers) => (servers.as_slice(), None),
        };
        let is_plain = |text: &str| {
            (1..=64).contains(&text.len())
                && !text.contains(|char: char| char.is_control() || "{}".contains(char))
        };
        let text = if servers.is_empty() {
            "the address of a Redis server is needed"
        } else if name.is_some_and(String::is_empty) {
            "the sentinels of Redis need the name of the primary"
        } else if !is_plain(&self.prefix) {
            "the prefix of keys in Redis has 1 to 64 bytes, and no braces or control characters"
        } else {
            return Ok(());
        };
        Err(ConnectError::new(
            self.servers.to_string(),
            Fault::Setting(text),
        ))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("servers", &self.servers.to_string())
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

/// Without passwords.
impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (servers, name) = match self {
            Self::One(url) => (std::slice::from_ref(url), None),
            Self::Sentinel(servers, name) => (servers.as_slice(), Some(name)),
            Self::Cluster(servers) => (servers.as_slice(), None),
        };
        if let Some(name) = name {
            write!(f, "{name} of ")?;
        }
        let shown: Vec<_> = servers.iter().map(|server| host(server)).collect();
        f.write_str(&shown.join(", "))
    }
}

/// Returns what is after the user and the password in a URL.
pub(crate) fn host(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.rsplit_once('@').map_or(rest, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_in_no_text() {
        let builder = Redis::server("redis://ann:secret@10.0.0.1:6379").password("secret");
        assert!(!format!("{builder:?}").contains("secret"));
        assert_eq!(builder.servers.to_string(), "10.0.0.1:6379");
        let url = "redis://ann:secret@10.0.0.1:99999";
        for servers in [
            Servers::Cluster(vec![url.into()]),
            Servers::Sentinel(vec![url.into()], "hub".into()),
        ] {
            assert!(!servers.to_string().contains("secret"));
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let none: [&str; 0] = [];
        let server = || Redis::server("redis://127.0.0.1");
        for builder in [
            Redis::cluster(none),
            Redis::sentinel(none, "mymaster"),
            Redis::sentinel(["127.0.0.1:26379"], ""),
            server().prefix(""),
            server().prefix("{hub}"),
            server().prefix("h".repeat(65)),
        ] {
            let error = builder.check().expect_err("it is refused");
            assert!(matches!(error.fault(), Fault::Setting(_)), "{error}");
        }
        assert!(server().prefix("chat:1").check().is_ok());
    }

    #[test]
    fn durations_are_kept_within_what_works() {
        let builder = Redis::server("redis://127.0.0.1")
            .deadline(Duration::MAX)
            .lease(Duration::ZERO)
            .keep(Duration::MAX);
        assert_eq!(builder.deadline, Duration::from_secs(9));
        assert_eq!(builder.lease, Duration::from_secs(1));
        assert_eq!(builder.keep, Duration::from_secs(366 * 24 * 3600));
    }
}
