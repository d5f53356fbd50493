//! What a client asks for.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN, PROXY_AUTHORIZATION,
};
use http::{Method, Uri, Version};

use crate::accept_key::encode_key;
use crate::error::{HeaderError, RequestError};
use crate::extensions::{ExtensionError, ExtensionList, write_extension};
use crate::token::{is_token, list_names};
use crate::url::{Credentials, Target};

/// The request of a client, built from a URL.
///
/// ```
/// use wskit_handshake::ClientRequest;
/// let request = ClientRequest::new("wss://user:secret@example.com/feed?x=1")?
///     .protocol("graphql-transport-ws")?
///     .header("x-trace", "42")?;
/// assert_eq!((request.host(), request.port(), request.is_secure()), ("example.com", 443, true));
/// assert_eq!(request.resource(), "/feed?x=1");
/// # Ok::<(), wskit_handshake::RequestError>(())
/// ```
///
/// The rules for URLs:
///
/// - `ws` and `wss`, in any case. The host is written in lower case; a name
///   that is not ASCII is refused, give its IDNA form.
/// - An empty port is the default one, 80 or 443; port 0 is refused.
/// - Characters that a URL cannot carry in its path or query, non-ASCII ones
///   among them, are percent-encoded. Blanks and control characters are
///   refused, and so is a fragment. An empty query is dropped.
/// - User name and password become an `Authorization` header and never appear
///   on the request line.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    target: Target,
    protocols: Vec<String>,
    /// A header value, written by [`write_extension`] or parsed.
    extensions: String,
    headers: HeaderMap,
}

impl ClientRequest {
    /// Reads a URL.
    pub fn new(url: &str) -> Result<Self, RequestError> {
        let mut target = Target::parse(url)?;
        let credentials = target.credentials.take();
        let mut request = Self {
            target,
            protocols: Vec::new(),
            extensions: String::new(),
            headers: HeaderMap::new(),
        };
        if let Some(credentials) = credentials {
            request.authorize(&credentials);
        }
        Ok(request)
    }

    /// Takes a URL that was parsed elsewhere, under the same rules.
    /// `http::Uri` has dropped a fragment before it gets here.
    pub fn from_uri(uri: &Uri) -> Result<Self, RequestError> {
        Self::new(&uri.to_string())
    }

    /// Takes over the URL and the headers of a request.
    ///
    /// Headers of the handshake need not be there. If they are: `Host`,
    /// `Upgrade`, `Connection` and `Sec-WebSocket-Version` must say what this
    /// crate writes, `Sec-WebSocket-Protocol` and `Sec-WebSocket-Extensions`
    /// become offers, and a `Sec-WebSocket-Key` is replaced by one made from
    /// the nonce of the handshake. Other reserved headers are refused. Method
    /// and version must be GET and HTTP/1.1.
    pub fn from_http(request: &http::Request<()>) -> Result<Self, RequestError> {
        // §4.1 items 1 and 2.
        if request.method() != Method::GET {
            return Err(RequestError::Method);
        }
        if request.version() != Version::HTTP_11 {
            return Err(RequestError::Version);
        }
        let mut built = Self::from_uri(request.uri())?;
        for (name, value) in request.headers() {
            let bytes = value.as_bytes();
            let agrees = match name.as_str() {
                "host" => bytes.eq_ignore_ascii_case(built.target.authority().as_bytes()),
                "upgrade" => bytes.eq_ignore_ascii_case(b"websocket"),
                "connection" => list_names(bytes, b"upgrade"),
                "sec-websocket-version" => bytes == b"13",
                "sec-websocket-key" => true,
                "sec-websocket-protocol" => {
                    let list = value.to_str().map_err(|_| RequestError::InvalidProtocol)?;
                    built = built.protocols(list.split(',').map(str::trim))?;
                    true
                }
                "sec-websocket-extensions" => {
                    let list = value.to_str().map_err(|_| ExtensionError::Name)?;
                    built = built.extensions(list)?;
                    true
                }
                _ => {
                    built = built.header(name.clone(), value.clone())?;
                    true
                }
            };
            if !agrees {
                return Err(HeaderError::Reserved(name.clone()).into());
            }
        }
        Ok(built)
    }

    /// Adds a header: a cookie, a token, whatever the server wants to know.
    /// Headers are sent in the order of their names' first appearance.
    /// `Authorization` and `Origin` replace what was there, others add up.
    /// `Debug` does not show credentials and cookies.
    ///
    /// Refused are names that are not tokens, values with control characters,
    /// and the headers that the handshake writes itself: `Host`, `Upgrade`,
    /// `Connection`, all of `Sec-WebSocket-*`, and those that frame a body.
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<Self, RequestError>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let (name, mut value) = checked_header(name, value)?;
        if CREDENTIALS.contains(&name) {
            value.set_sensitive(true);
        }
        if name == AUTHORIZATION || name == ORIGIN {
            self.headers.insert(name, value);
        } else {
            self.headers
                .try_append(name, value)
                .map_err(|_| HeaderError::InvalidName)?;
        }
        Ok(self)
    }

    /// Offers a subprotocol, after those offered before (§4.1 item 10).
    pub fn protocol(mut self, name: &str) -> Result<Self, RequestError> {
        if !is_token(name.as_bytes()) {
            return Err(RequestError::InvalidProtocol);
        }
        if self.protocols.iter().any(|offered| offered == name) {
            return Err(RequestError::RepeatedProtocol);
        }
        self.protocols.push(name.to_owned());
        Ok(self)
    }

    /// Offers subprotocols, best first.
    pub fn protocols<I>(self, names: I) -> Result<Self, RequestError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        names
            .into_iter()
            .try_fold(self, |request, name| request.protocol(name.as_ref()))
    }

    /// Offers an extension, after those offered before. One extension may be
    /// offered several times with other parameters, best first.
    ///
    /// Offer only what the connection can carry out: a server that accepts it
    /// will use it.
    pub fn extension<'a>(
        mut self,
        name: &str,
        params: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
    ) -> Result<Self, RequestError> {
        write_extension(&mut self.extensions, name, params)?;
        Ok(self)
    }

    /// Offers a list of extensions given as a header value, such as
    /// `permessage-deflate; client_max_window_bits`.
    pub fn extensions(mut self, list: &str) -> Result<Self, RequestError> {
        for extension in &ExtensionList::parse(list)? {
            write_extension(&mut self.extensions, extension.name(), extension.params())?;
        }
        Ok(self)
    }

    /// Names the origin, as a browser would: `https://example.com`.
    pub fn origin(self, origin: &str) -> Result<Self, RequestError> {
        self.header(ORIGIN, origin)
    }

    /// Sets user name and password for HTTP basic authentication, instead of
    /// those of the URL.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Result<Self, RequestError> {
        self.authorize(&Credentials::new(user.into(), password.into())?);
        Ok(self)
    }

    /// The same request for the place that a redirect names: an absolute ws,
    /// wss, http or https URL, or a path on the same server.
    ///
    /// No redirect is ever followed unasked. `Authorization`, `Cookie` and
    /// `Proxy-Authorization` do not go to another scheme, host or port. A way
    /// from wss to ws is refused.
    pub fn redirected_to(&self, location: &str) -> Result<Self, RequestError> {
        // RFC 9110 §10.2.2: a fragment is for the user agent, not the server.
        let (location, _) = location.split_once('#').unwrap_or((location, ""));
        let lower = location.to_ascii_lowercase();
        let url = if location.starts_with('/') && !location.starts_with("//") {
            let base = Target {
                resource: String::new(),
                ..self.target.clone()
            };
            format!("{}{location}", base.to_url())
        } else if lower.starts_with("http") {
            format!("ws{}", location.get(4..).unwrap_or_default())
        } else {
            location.to_owned()
        };
        let mut next = Self::new(&url)?;
        if self.target.secure && !next.target.secure {
            return Err(RequestError::InsecureRedirect);
        }
        let same = (&next.target.host, next.target.port, next.target.secure)
            == (&self.target.host, self.target.port, self.target.secure);
        let own = next.headers.remove(AUTHORIZATION);
        next.headers = self.headers.clone();
        if !same {
            for name in CREDENTIALS {
                next.headers.remove(name);
            }
        }
        if let Some(own) = own {
            next.headers.insert(AUTHORIZATION, own);
        }
        next.protocols.clone_from(&self.protocols);
        next.extensions.clone_from(&self.extensions);
        Ok(next)
    }

    /// The host to dial, without the brackets of an IPv6 literal.
    pub fn host(&self) -> &str {
        self.target.host.trim_matches(['[', ']'])
    }

    /// The port to dial.
    pub fn port(&self) -> u16 {
        self.target.port
    }

    /// Whether the connection must go through TLS (§3: the secure flag).
    pub fn is_secure(&self) -> bool {
        self.target.secure
    }

    /// The resource name of §3, which goes on the request line.
    pub fn resource(&self) -> &str {
        &self.target.resource
    }

    /// The URL without credentials, in the form that this crate writes: what a
    /// proxy auto-configuration script is asked with.
    pub fn url(&self) -> String {
        self.target.to_url()
    }

    /// The additional headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The bytes of the request.
    pub(crate) fn to_bytes(&self, nonce: [u8; 16]) -> (Vec<u8>, [u8; 24]) {
        let key = encode_key(nonce);
        let mut text = String::with_capacity(self.target.resource.len().saturating_add(256));
        // §4.1: the items of the list, in its order. Writing to a String does
        // not fail.
        let _ = write!(
            text,
            "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\n",
            self.target.resource,
            self.target.authority(),
            String::from_utf8_lossy(&key),
        );
        if !self.protocols.is_empty() {
            let list = self.protocols.join(", ");
            let _ = write!(text, "Sec-WebSocket-Protocol: {list}\r\n");
        }
        if !self.extensions.is_empty() {
            let _ = write!(text, "Sec-WebSocket-Extensions: {}\r\n", self.extensions);
        }
        let mut bytes = text.into_bytes();
        for (name, value) in &self.headers {
            write_header(&mut bytes, name, value);
        }
        bytes.extend_from_slice(b"\r\n");
        (bytes, key)
    }

    /// The offers, which the answer is checked against.
    pub(crate) fn into_offers(self) -> (Vec<String>, ExtensionList<'static>) {
        let extensions = ExtensionList::from_checked(self.extensions.into());
        (self.protocols, extensions)
    }

    fn authorize(&mut self, credentials: &Credentials) {
        let mut pair = credentials.user.clone();
        pair.push(b':');
        pair.extend_from_slice(&credentials.password);
        let text = format!("Basic {}", STANDARD.encode(pair));
        // Base64 is always a valid value.
        if let Ok(mut value) = HeaderValue::try_from(text) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
    }
}

impl TryFrom<&str> for ClientRequest {
    type Error = RequestError;

    fn try_from(url: &str) -> Result<Self, RequestError> {
        Self::new(url)
    }
}

impl TryFrom<String> for ClientRequest {
    type Error = RequestError;

    fn try_from(url: String) -> Result<Self, RequestError> {
        Self::new(&url)
    }
}

impl TryFrom<&String> for ClientRequest {
    type Error = RequestError;

    fn try_from(url: &String) -> Result<Self, RequestError> {
        Self::new(url)
    }
}

impl TryFrom<Uri> for ClientRequest {
    type Error = RequestError;

    fn try_from(uri: Uri) -> Result<Self, RequestError> {
        Self::from_uri(&uri)
    }
}

impl TryFrom<http::Request<()>> for ClientRequest {
    type Error = RequestError;

    fn try_from(request: http::Request<()>) -> Result<Self, RequestError> {
        Self::from_http(&request)
    }
}

/// Converts a header and refuses those that are not the caller's to set.
pub(crate) fn checked_header<N, V>(
    name: N,
    value: V,
) -> Result<(HeaderName, HeaderValue), HeaderError>
where
    N: TryInto<HeaderName>,
    V: TryInto<HeaderValue>,
{
    let name = name.try_into().map_err(|_| HeaderError::InvalidName)?;
    let value = value.try_into().map_err(|_| HeaderError::InvalidValue)?;
    let reserved = matches!(
        name.as_str(),
        "host" | "upgrade" | "connection" | "content-length" | "transfer-encoding" | "trailer"
    ) || name.as_str().starts_with("sec-websocket-");
    if reserved {
        return Err(HeaderError::Reserved(name));
    }
    Ok((name, value))
}

pub(crate) fn write_header(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Headers that are for one server only.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];
