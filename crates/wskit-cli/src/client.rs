//! What all clients have in common: the request, and how the server is reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
#[cfg(unix)]
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use wskit::dial::Proxy;
use wskit::{ClientRequest, Config, Connector, RequestError, deflate, tls};

use crate::exit::Failure;
use crate::tls::ClientTls;
use crate::units;

/// The server, what it is asked, and the way to it.
#[derive(Args, Clone, Debug)]
pub(crate) struct ClientOptions {
    /// The server: ws://, wss:// (http:// and https:// mean the same); ws:// if there is no scheme
    pub(crate) url: String,

    /// Add a header to the request; may be repeated
    #[arg(
        short = 'H',
        long = "header",
        value_name = "NAME: VALUE",
        help_heading = "Request"
    )]
    headers: Vec<String>,
    /// Log in with Basic authentication
    #[arg(short, long, value_name = "NAME:PASSWORD", help_heading = "Request")]
    user: Option<String>,
    /// Log in with a token: Authorization: Bearer TOKEN
    #[arg(
        long,
        value_name = "TOKEN",
        conflicts_with = "user",
        help_heading = "Request"
    )]
    bearer: Option<String>,
    /// Offer a sub-protocol; may be repeated, best first
    #[arg(
        short = 's',
        long = "subprotocol",
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Request"
    )]
    subprotocols: Vec<String>,
    /// Send an Origin header, as browsers do
    #[arg(short = 'o', long, value_name = "URL", help_heading = "Request")]
    origin: Option<String>,
    /// Offer compression (permessage-deflate)
    #[arg(short = 'z', long, help_heading = "Request")]
    pub(crate) compress: bool,
    /// Follow redirects, at most 10
    #[arg(short = 'L', long, help_heading = "Request")]
    location: bool,

    #[command(flatten)]
    pub(crate) tls: ClientTls,

    /// Connect through a proxy: http://, https:// or socks5://. Default: as the environment says
    /// (WS_PROXY, WSS_PROXY, HTTPS_PROXY, HTTP_PROXY, ALL_PROXY)
    #[arg(long, value_name = "URL", help_heading = "Network")]
    proxy: Option<String>,
    /// Reach these hosts directly, as NO_PROXY lists them; `*` is all
    #[arg(long, value_name = "LIST", help_heading = "Network")]
    no_proxy: Option<String>,
    /// Connect to this Unix socket; the URL gives host and path of the request
    #[cfg(unix)]
    #[arg(long, value_name = "PATH", conflicts_with_all = ["proxy", "ipv4", "ipv6"], help_heading = "Network")]
    pub(crate) unix: Option<PathBuf>,
    /// Connect by IPv4 only
    #[arg(short = '4', long, conflicts_with = "ipv6", help_heading = "Network")]
    ipv4: bool,
    /// Connect by IPv6 only
    #[arg(short = '6', long, help_heading = "Network")]
    ipv6: bool,
    /// Give up connecting after this time
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "10s", help_heading = "Network")]
    connect_timeout: Duration,
    /// Refuse larger messages (bytes, or with k, M or G)
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "64M", help_heading = "Network")]
    max_message: usize,
}

impl ClientOptions {
    /// Returns the request that the options describe.
    pub(crate) fn request(&self) -> Result<ClientRequest, Failure> {
        let named =
            |what: &str, error: RequestError| Failure::usage(format_args!("{what}: {error}"));
        let url = full_url(&self.url);
        let mut request = ClientRequest::new(url).map_err(|error| named(&self.url, error))?;
        for header in &self.headers {
            let Some((name, value)) = header.split_once(':') else {
                return Err(Failure::usage(format_args!(
                    "-H {header:?}: not NAME: VALUE"
                )));
            };
            request = request
                .header(name.trim(), value.trim())
                .map_err(|error| named(&format!("-H {name}"), error))?;
        }
        if let Some(user) = &self.user {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            request = request
                .basic_auth(name, password)
                .map_err(|error| named("--user", error))?;
        }
        if let Some(token) = &self.bearer {
            request = request
                .header("authorization", format!("Bearer {token}"))
                .map_err(|error| named("--bearer", error))?;
        }
        if let Some(origin) = &self.origin {
            request = request
                .origin(origin)
                .map_err(|error| named("--origin", error))?;
        }
        request
            .protocols(&self.subprotocols)
            .map_err(|error| named("--subprotocol", error))
    }

    /// Returns the limits and deadlines of the connections.
    pub(crate) fn config(&self) -> Config {
        Config::new()
            .max_message_size(self.max_message)
            .handshake_timeout(self.connect_timeout)
    }

    /// Returns the TLS settings, if `request` needs them or an option asks for them.
    pub(crate) fn tls_for(
        &self,
        request: &ClientRequest,
    ) -> Result<Option<tls::Connector>, Failure> {
        if request.is_secure() || self.tls.is_given() {
            return self.tls.connector().map(Some);
        }
        Ok(None)
    }

    /// Returns a connector with these options, and the connections' settings.
    pub(crate) fn connector(
        &self,
        request: &ClientRequest,
        config: Config,
        local: Option<IpAddr>,
    ) -> Result<Connector, Failure> {
        let proxy = match &self.proxy {
            Some(url) => Proxy::new(url),
            None => Proxy::from_env(),
        };
        let mut proxy = proxy.map_err(Failure::usage)?;
        if let Some(list) = &self.no_proxy {
            proxy = proxy.no_proxy(list);
        }
        let mut connector = Connector::new().config(config).proxy(proxy);
        if let Some(tls) = self.tls_for(request)? {
            connector = connector.tls(tls);
        }
        if self.compress {
            connector = connector.deflate(deflate::Config::client());
        }
        if self.location {
            connector = connector.redirects(10);
        }
        // Addresses of the other family are not tried from such an address.
        let family: Option<IpAddr> = match (self.ipv4, self.ipv6) {
            (true, _) => Some(Ipv4Addr::UNSPECIFIED.into()),
            (_, true) => Some(Ipv6Addr::UNSPECIFIED.into()),
            _ => None,
        };
        if let Some(address) = local.or(family) {
            connector = connector.local_address(address);
        }
        Ok(connector)
    }
}

/// Returns the URL with the scheme that is meant.
fn full_url(url: &str) -> String {
    match url.split_once("://") {
        Some(("http", rest)) => format!("ws://{rest}"),
        Some(("https", rest)) => format!("wss://{rest}"),
        Some(_) => url.to_owned(),
        None => format!("ws://{url}"),
    }
}
