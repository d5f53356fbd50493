//! The client's request.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::header::{
    AUTHORIZATION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, PROXY_AUTHORIZATION,
};
use http::{Method, Uri, Version};

use crate::accept_key::{accept_of, base64, encode_key};
use crate::client::location::resolve;
use crate::client::response::Offers;
use crate::client::url::{Credentials, Target};
use crate::error::ExtensionError;
use crate::error::{HeaderError, RequestError};
use crate::http::authority::split_host;
use crate::http::extensions::{ExtensionList, write_extension};
use crate::http::header::{append, check_name, header_parts, write_header};
use crate::http::token::{is_token, list_names};

/// A client's request, built from a URL.
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
/// - The scheme is `ws` or `wss` in any case. The host is converted to lower
///   case. A host name that is not ASCII is an error; pass its IDNA form.
/// - An empty port means the default port, 80 or 443. Port 0 is an error.
/// - Characters that are not allowed in a path or query, such as non-ASCII
///   ones, are percent-encoded. Blanks, control characters and fragments are
///   errors. An empty query is dropped.
/// - User name and password become an `Authorization` header and never appear
///   in the request line. They consist of the characters of RFC 3986 §3.2.1;
///   others must be percent-encoded.
/// - A link-local IPv6 address may have a zone (RFC 6874):
///   `ws://[fe80::1%25eth0]/`. The zone is used to connect and is never sent.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    target: Target,
    /// The host to connect to, with its zone and without brackets.
    dialled: String,
    protocols: Vec<String>,
    /// The header value, written by [`write_extension`] or parsed.
    extensions: String,
    headers: HeaderMap,
}

impl ClientRequest {
    /// Creates a request from a URL: a `&str`, a `String`, or a `Url` of the
    /// crate `url`.
    pub fn new(url: impl AsRef<str>) -> Result<Self, RequestError> {
        Ok(Self::to(Target::parse(url.as_ref())?))
    }

    fn to(mut target: Target) -> Self {
        let credentials = target.credentials.take();
        let address = target.host.trim_matches(['[', ']']);
        let dialled = match &target.zone {
            Some(zone) => format!("{address}%{zone}"),
            None => address.to_owned(),
        };
        let mut request = Self {
            target,
            dialled,
            protocols: Vec::new(),
            extensions: String::new(),
            headers: HeaderMap::new(),
        };
        if let Some(value) = credentials.as_ref().and_then(basic) {
            // There is none to replace yet, and an empty map takes it.
            let _ = append(&mut request.headers, AUTHORIZATION, value);
        }
        request
    }

    /// Creates a request from a parsed URL, under the same rules. `http::Uri`
    /// drops a fragment without an error.
    pub fn from_uri(uri: &Uri) -> Result<Self, RequestError> {
        Self::new(uri.to_string())
    }

    /// Creates a request with the URL and the headers of an `http::Request`.
    ///
    /// Headers of the handshake are optional. `Host` is sent as with
    /// [`header`](Self::header). `Upgrade`, `Connection` and
    /// `Sec-WebSocket-Version` must have the values that this crate writes.
    /// `Sec-WebSocket-Protocol` and `Sec-WebSocket-Extensions` become offers.
    /// `Sec-WebSocket-Key` is replaced by one made from the nonce of the
    /// handshake. Other reserved headers are errors. The method must be GET and
    /// the version HTTP/1.1.
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

    /// Adds a header, such as a cookie or a token.
    ///
    /// Headers are sent in the order in which their names were first added,
    /// with the words of their names capitalized (`X-Api-Key`), which some
    /// servers expect. `Authorization` and `Origin` replace an earlier value,
    /// cookies are joined into one line (RFC 6265 §5.4), and other headers are
    /// repeated. `Debug` does not show credentials or cookies.
    ///
    /// `Host`, a host with an optional port, replaces the host of the URL in
    /// the request, for a server that is reached under another name or address.
    /// The connection and TLS still use the host of the URL.
    ///
    /// # Errors
    /// [`RequestError::Header`] for a name that is not a token, for a value
    /// with control characters, for an invalid `Host`, and for the headers that
    /// the handshake writes itself: `Upgrade`, `Connection`, all of
    /// `Sec-WebSocket-*`, and those that frame a body.
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<Self, RequestError>
    where
        N: AsRef<[u8]>,
        V: TryInto<HeaderValue>,
    {
        let (name, mut value) = header_parts(name, value)?;
        if name == HOST {
            value
                .to_str()
                .ok()
                .and_then(split_host)
                .ok_or(HeaderError::InvalidValue)?;
        } else {
            check_name(&name)?;
        }
        if let Some(before) = self.headers.get(&name).filter(|_| name == COOKIE) {
            let both = [before.as_bytes(), b"; ", value.as_bytes()].concat();
            value = HeaderValue::try_from(both).map_err(|_| HeaderError::InvalidValue)?;
        }
        if CREDENTIALS.contains(&name) {
            value.set_sensitive(true);
        }
        if [AUTHORIZATION, COOKIE, HOST, ORIGIN].contains(&name) {
            self.headers.insert(name, value);
        } else {
            append(&mut self.headers, name, value).ok_or(HeaderError::TooMany)?;
        }
        Ok(self)
    }

    /// Offers a subprotocol, in addition to those already offered (§4.1 item
    /// 10).
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

    /// Offers subprotocols in order of preference.
    pub fn protocols<I>(self, names: I) -> Result<Self, RequestError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        names
            .into_iter()
            .try_fold(self, |request, name| request.protocol(name.as_ref()))
    }

    /// Offers an extension, in addition to those already offered. An extension
    /// may be offered several times with different parameters, in order of
    /// preference.
    ///
    /// Offer only extensions that the connection implements: a server that
    /// accepts one will use it.
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

    /// Sets the `Origin` header, such as `https://example.com`.
    pub fn origin(self, origin: &str) -> Result<Self, RequestError> {
        self.header(ORIGIN, origin)
    }

    /// Sets user name and password for HTTP basic authentication, replacing
    /// those of the URL.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Result<Self, RequestError> {
        let credentials = Credentials::new(user.into(), password.into())?;
        if let Some(value) = basic(&credentials) {
            self.headers.insert(AUTHORIZATION, value);
        }
        Ok(self)
    }

    /// Returns this request for the target of a redirect. `location` is
    /// resolved against the URL of this request (RFC 3986 §5.2). It may be
    /// `/there`, `there`, `?x=1`, `//example.com/there` or an absolute ws, wss,
    /// http or https URL. A fragment is dropped.
    ///
    /// Redirects are never followed automatically. If scheme, host or port
    /// differ, the new request keeps only the offered extensions: headers may
    /// carry tokens, and so may subprotocols in some services. Set on the
    /// result what that server should receive.
    ///
    /// # Errors
    /// Those of [`new`](Self::new); [`RequestError::InsecureRedirect`] for a
    /// redirect from wss to ws; [`RequestError::InvalidCharacter`] for a
    /// backslash, which browsers read as a slash.
    pub fn redirected_to(&self, location: &str) -> Result<Self, RequestError> {
        let mut next = Self::to(resolve(&self.target, location)?);
        if self.target.secure && !next.target.secure {
            return Err(RequestError::InsecureRedirect);
        }
        if self.target.is_same_origin(&next.target) {
            let own = next.headers.remove(AUTHORIZATION);
            next.headers = self.headers.clone();
            if let Some(own) = own {
                next.headers.insert(AUTHORIZATION, own);
            }
            next.protocols.clone_from(&self.protocols);
        }
        next.extensions.clone_from(&self.extensions);
        Ok(next)
    }

    /// Returns the host to connect to, without the brackets of an IPv6 literal.
    /// An IPv6 zone is written as the resolvers of operating systems expect it:
    /// `fe80::1%eth0`.
    pub fn host(&self) -> &str {
        &self.dialled
    }

    /// Returns the host without the zone of an IPv6 address, for checking the
    /// server's certificate.
    pub fn server_name(&self) -> &str {
        self.target.host.trim_matches(['[', ']'])
    }

    /// Returns the port to connect to.
    pub fn port(&self) -> u16 {
        self.target.port
    }

    /// Returns whether the connection must use TLS (§3: the secure flag).
    pub fn is_secure(&self) -> bool {
        self.target.secure
    }

    /// Returns the resource name of §3, which is sent in the request line.
    pub fn resource(&self) -> &str {
        &self.target.resource
    }

    /// Returns the URL without credentials, in normalized form. A proxy
    /// auto-configuration script takes it as input.
    pub fn url(&self) -> String {
        self.target.to_url()
    }

    /// Returns the additional headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the bytes of the request and its key.
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
            self.host_field(),
            String::from_utf8_lossy(&key),
        );
        if !self.protocols.is_empty() {
            text.push_str("Sec-WebSocket-Protocol: ");
            for (nth, name) in self.protocols.iter().enumerate() {
                text.push_str(if nth == 0 { "" } else { ", " });
                text.push_str(name);
            }
            text.push_str("\r\n");
        }
        if !self.extensions.is_empty() {
            let _ = write!(text, "Sec-WebSocket-Extensions: {}\r\n", self.extensions);
        }
        let mut bytes = text.into_bytes();
        for (name, value) in self.headers.iter().filter(|(name, _)| **name != HOST) {
            write_header(&mut bytes, name, value);
        }
        bytes.extend_from_slice(b"\r\n");
        (bytes, key)
    }

    /// The value of `Host`: the caller's, or host and port of the URL.
    fn host_field(&self) -> Cow<'_, str> {
        match self.headers.get(HOST).map(HeaderValue::to_str) {
            Some(Ok(host)) => host.into(),
            _ => self.target.authority().into(),
        }
    }

    /// The offers, which the answer is checked against.
    pub(crate) fn into_offers(self, key: &[u8; 24]) -> Offers {
        Offers {
            accept: accept_of(key),
            protocols: self.protocols,
            extensions: ExtensionList::from_checked(self.extensions.into()),
        }
    }
}

/// Returns the value of `Authorization` for HTTP basic authentication. Base64 is always a valid value.
fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    let mut pair = credentials.user.clone();
    pair.push(b':');
    pair.extend_from_slice(&credentials.password);
    let mut value = HeaderValue::try_from(format!("Basic {}", base64(&pair))).ok()?;
    value.set_sensitive(true);
    Some(value)
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

/// Headers whose values `Debug` does not show.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];
