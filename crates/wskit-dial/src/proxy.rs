//! Proxies: their URLs, the environment, and what is asked of them. Sans-I/O: the dialler moves the bytes.

mod error;
mod handshake;
mod http_connect;
mod no_proxy;
mod socks5;
mod via;

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use wskit_handshake::{ClientRequest, HeaderError, RequestError};

use http_connect::check_header;
use no_proxy::NoProxy;

pub use error::{ProxyError, ProxyUrlError, SocksFailure};
pub use handshake::ProxyHandshake;
pub(crate) use via::Via;

/// Chooses the proxy for each server.
///
/// ```
/// use wskit_dial::Proxy;
/// # fn doc() -> Result<(), wskit_dial::ProxyUrlError> {
/// let everything = Proxy::new("socks5h://user:secret@proxy.example:1080")?;
/// let but = Proxy::new("http://proxy.example:3128")?.no_proxy("intranet.example, 10.0.0.0/8");
/// let as_configured = Proxy::from_env()?;
/// # Ok(()) }
/// ```
///
/// | URL | the proxy speaks | default port |
/// |---|---|---|
/// | `http://`, or no scheme | HTTP CONNECT (RFC 9110 §9.3.6) | 80 |
/// | `https://` | the same inside TLS | 443 |
/// | `socks5://`, `socks5h://`, `socks://` | SOCKS5 (RFC 1928) | 1080 |
///
/// The proxy always looks the server's name up. User name and password of the
/// URL (percent-encoded where a URL needs that) are for the proxy (RFC 7617; RFC 1929).
/// HTTP/2 (RFC 8441 §6) goes through a proxy by an ordinary CONNECT too.
///
/// A proxy auto-configuration script is not run here. Ask an engine of your own with
/// [`ClientRequest::url`] (RFC 6455 §4.1) and pass the answer to [`Proxy::new`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Proxy {
    /// For `ws://`.
    plain: Option<Arc<ProxyServer>>,
    /// For `wss://`.
    secure: Option<Arc<ProxyServer>>,
    except: NoProxy,
}

impl Proxy {
    /// Uses one proxy for every server.
    ///
    /// # Errors
    /// The URL is not valid.
    pub fn new(url: &str) -> Result<Self, ProxyUrlError> {
        let server = ProxyServer::parse(url).map_err(|fault| ProxyUrlError {
            variable: None,
            fault,
        })?;
        let server = Some(Arc::new(server));
        Ok(Self {
            plain: server.clone(),
            secure: server,
            except: NoProxy::default(),
        })
    }

    /// Reads the proxies from the environment of the process; none if nothing is set.
    ///
    /// For `wss://` the first of `WSS_PROXY`, `HTTPS_PROXY` and `ALL_PROXY` that is set and not empty;
    /// for `ws://` the first of `WS_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`: RFC 6455 §4.1
    /// prefers the proxy for HTTPS to the one for HTTP, because it certainly supports CONNECT. The name
    /// in lower case comes first. `HTTP_PROXY` is ignored in a CGI program (one with a variable
    /// `REQUEST_METHOD`), where a client of the web server could have set it, and so is `http_proxy`,
    /// because some systems ignore the case of names.
    ///
    /// `NO_PROXY` lists what is reached directly; this machine (`localhost` and loopback addresses)
    /// always is.
    ///
    /// # Errors
    /// A variable is set and is not a valid URL, or is not UTF-8. Continuing without the proxy would reveal
    /// to the network what the proxy should hide.
    pub fn from_env() -> Result<Self, ProxyUrlError> {
        Self::from_vars(|name| env::var_os(name))
    }

    /// Reads the proxies from variables that `get` returns, as [`from_env`](Proxy::from_env) does from the
    /// environment.
    ///
    /// # Errors
    /// Those of [`from_env`](Proxy::from_env).
    pub fn from_vars<V>(get: impl Fn(&str) -> Option<V>) -> Result<Self, ProxyUrlError>
    where
        V: Into<OsString>,
    {
        let first = |names: &[&str]| {
            let set = names.iter().find_map(|name| variable(&get, name));
            let Some(variable) = set else {
                return Ok(None);
            };
            let server = ProxyServer::parse(variable.text()?);
            match server {
                Ok(server) => Ok(Some(Arc::new(server))),
                Err(fault) => Err(variable.error(fault)),
            }
        };
        let mut except = NoProxy::loopback();
        if let Some(variable) = variable(&get, "no_proxy") {
            except.add(variable.text()?);
        }
        Ok(Self {
            plain: first(&["ws_proxy", "https_proxy", "http_proxy", "all_proxy"])?,
            secure: first(&["wss_proxy", "https_proxy", "all_proxy"])?,
            except,
        })
    }

    /// Sets the user name and password for the proxy, instead of those of its URL.
    ///
    /// # Errors
    /// HTTP: a colon in the user name, or a control character. SOCKS5: more than 255 bytes.
    pub fn credentials(mut self, user: &str, password: &str) -> Result<Self, ProxyUrlError> {
        for server in self.servers() {
            server.credentials = Some(Credentials {
                user: user.to_owned(),
                password: password.to_owned(),
            });
            server.check().map_err(|fault| ProxyUrlError {
                variable: None,
                fault,
            })?;
        }
        Ok(self)
    }

    /// Adds a header to the CONNECT request to an HTTP proxy: a `User-Agent`, a token. A SOCKS5 proxy gets
    /// none, and neither does the server, whose headers are those of the [`ClientRequest`].
    ///
    /// A name that is given again replaces its value. `Proxy-Authorization` replaces user name and
    /// password, for schemes other than Basic. `Debug` shows no values.
    ///
    /// # Errors
    /// [`RequestError::Header`]: the name is not a token, the value has control characters, or the header
    /// is reserved: `Host`, `Content-Length` and `Transfer-Encoding`.
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<Self, RequestError>
    where
        N: AsRef<[u8]>,
        V: TryInto<HeaderValue>,
    {
        let name = name.as_ref();
        let name = HeaderName::from_bytes(name).map_err(|_| HeaderError::invalid_name(name))?;
        let mut value = value.try_into().map_err(|_| HeaderError::InvalidValue)?;
        check_header(&name)?;
        value.set_sensitive(true);
        for server in self.servers() {
            server.headers.insert(name.clone(), value.clone());
        }
        Ok(self)
    }

    fn servers(&mut self) -> impl Iterator<Item = &mut ProxyServer> {
        let servers = [&mut self.plain, &mut self.secure];
        servers.into_iter().flatten().map(Arc::make_mut)
    }

    /// Adds servers that are reached directly, as `NO_PROXY` lists them: names (with all below them),
    /// addresses and networks (`10.0.0.0/8`), each with a port or for all, and `*` for everything;
    /// separated by commas or blanks. Addresses match only servers that are given by address: names are
    /// not looked up for this.
    pub fn no_proxy(mut self, list: &str) -> Self {
        self.except.add(list);
        self
    }

    /// Returns the proxy for the server of `request`; `None` to connect directly.
    fn server_for(&self, request: &ClientRequest) -> Option<&ProxyServer> {
        let server = if request.is_secure() {
            &self.secure
        } else {
            &self.plain
        };
        server
            .as_deref()
            .filter(|_| !self.except.holds(request.host(), request.port()))
    }
}

impl std::str::FromStr for Proxy {
    type Err = ProxyUrlError;

    fn from_str(url: &str) -> Result<Self, ProxyUrlError> {
        Self::new(url)
    }
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProxyServer {
    protocol: Protocol,
    /// Without brackets.
    host: String,
    port: u16,
    credentials: Option<Credentials>,
    headers: HeaderMap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http,
    Https,
    Socks5,
}

#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl ProxyServer {
    fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.trim().split_once("://").unwrap_or(("http", url.trim()));
        let (protocol, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Protocol::Http, 80),
            "https" => (Protocol::Https, 443),
            "socks5" | "socks5h" | "socks" => (Protocol::Socks5, 1080),
            _ => return Err("its scheme is none of http, https, socks5 and socks5h"),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (userinfo, place) = match authority.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, authority),
        };
        // Hosts and ports follow the rules of every URL.
        let checked = ClientRequest::new(format!("ws://{place}")).map_err(|error| match error {
            RequestError::InvalidPort => "its port is not a number from 1 to 65535",
            RequestError::EmptyHost => "it has no host",
            _ => "its host is none",
        })?;
        let after_host = place.rsplit(']').next().unwrap_or(place);
        let has_port = after_host
            .split_once(':')
            .is_some_and(|(_, port)| !port.is_empty());
        let server = Self {
            protocol,
            host: checked.host().to_owned(),
            port: if has_port {
                checked.port()
            } else {
                default_port
            },
            credentials: userinfo.map(Credentials::parse).transpose()?,
            headers: HeaderMap::new(),
        };
        server.check()?;
        Ok(server)
    }

    /// Returns whether the connection to the proxy itself is inside TLS.
    fn is_secure(&self) -> bool {
        self.protocol == Protocol::Https
    }

    fn handshake(&self, host: &str, port: u16) -> Result<ProxyHandshake, ProxyError> {
        let credentials = self
            .credentials
            .as_ref()
            .map(|own| (own.user.as_str(), own.password.as_str()));
        match self.protocol {
            Protocol::Http | Protocol::Https => {
                ProxyHandshake::connect_with_headers(host, port, credentials, &self.headers)
            }
            Protocol::Socks5 => ProxyHandshake::socks5(host, port, credentials),
        }
        .map_err(ProxyError::Host)
    }

    /// Checks that the credentials can be sent.
    fn check(&self) -> Result<(), &'static str> {
        match self.handshake("example.com", 443) {
            Ok(_) => Ok(()),
            Err(_) => Err("this user name and password cannot be sent to such a proxy"),
        }
    }
}

impl Credentials {
    fn parse(userinfo: &str) -> Result<Self, &'static str> {
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        Ok(Self {
            user: percent_decode(user)?,
            password: percent_decode(password)?,
        })
    }
}

/// An environment variable that is set.
struct Variable {
    name: String,
    value: OsString,
}

impl Variable {
    fn text(&self) -> Result<&str, ProxyUrlError> {
        let text = self.value.to_str();
        text.ok_or_else(|| self.error("it is not UTF-8"))
    }

    fn error(&self, fault: &'static str) -> ProxyUrlError {
        ProxyUrlError {
            variable: Some(self.name.clone()),
            fault,
        }
    }
}

/// Returns a variable by its name in lower case, or else in upper case. An empty one counts as not set.
fn variable<V: Into<OsString>>(get: &impl Fn(&str) -> Option<V>, name: &str) -> Option<Variable> {
    // CVE-2016-5385: a web server gives the header `Proxy` to a CGI program as HTTP_PROXY. On Windows that
    // is `http_proxy` too.
    if name == "http_proxy" && get("REQUEST_METHOD").is_some() {
        return None;
    }
    let value = |name: String| {
        let value = get(&name)?.into();
        let is_empty = value.to_str().is_some_and(|text| text.trim().is_empty());
        (!is_empty).then_some(Variable { name, value })
    };
    value(name.to_owned()).or_else(|| value(name.to_ascii_uppercase()))
}

fn percent_decode(text: &str) -> Result<String, &'static str> {
    const FAULT: &str = "its user name or password is not percent-encoded UTF-8";
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        // Some URL parsers take the part before a backslash for the host.
        if *byte == b'\\' {
            return Err(FAULT);
        }
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let [high, low, tail @ ..] = tail else {
            return Err(FAULT);
        };
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
            return Err(FAULT);
        };
        decoded.push((high * 16 + low) as u8);
        rest = tail;
    }
    String::from_utf8(decoded).map_err(|_| FAULT)
}
