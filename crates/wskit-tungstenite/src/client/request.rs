use http::{HeaderName, Uri};

use crate::error::{Result, UrlError};
use crate::handshake::client::{Request, generate_key};

/// What a client's request can be made of.
pub trait IntoClientRequest {
    /// Returns the request, with all headers that a WebSocket needs.
    ///
    /// # Errors
    /// The URL cannot be parsed, or has no host.
    fn into_client_request(self) -> Result<Request>;
}

impl IntoClientRequest for &str {
    fn into_client_request(self) -> Result<Request> {
        self.parse::<Uri>()?.into_client_request()
    }
}

impl IntoClientRequest for &String {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for String {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for &Uri {
    fn into_client_request(self) -> Result<Request> {
        self.clone().into_client_request()
    }
}

impl IntoClientRequest for Uri {
    fn into_client_request(self) -> Result<Request> {
        let authority = self.authority().ok_or(UrlError::NoHostName)?.as_str();
        let host = authority.rsplit('@').next().unwrap_or(authority);
        if host.is_empty() {
            return Err(UrlError::EmptyHostName.into());
        }
        Ok(Request::get(&self)
            .header("Host", host)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key())
            .body(())?)
    }
}

#[cfg(feature = "url")]
impl IntoClientRequest for &url::Url {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

#[cfg(feature = "url")]
impl IntoClientRequest for url::Url {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

/// Returns the request as it is: the caller has set all headers.
impl IntoClientRequest for Request {
    fn into_client_request(self) -> Result<Request> {
        Ok(self)
    }
}

/// Takes the path and the headers. There is no host in the URL, so the stream must be at hand.
impl IntoClientRequest for httparse::Request<'_, '_> {
    fn into_client_request(self) -> Result<Request> {
        use crate::error::ProtocolError;
        if self.method != Some("GET") {
            return Err(ProtocolError::WrongHttpMethod.into());
        }
        if self.version != Some(1) {
            return Err(ProtocolError::WrongHttpVersion.into());
        }
        let mut request = Request::get(self.path.unwrap_or_default()).body(())?;
        for header in self.headers.iter() {
            let name = HeaderName::from_bytes(header.name.as_bytes())?;
            let value = http::HeaderValue::from_bytes(header.value)?;
            request.headers_mut().append(name, value);
        }
        Ok(request)
    }
}

/// Builds a request of a URL, with headers and subprotocols.
///
/// ```no_run
/// use wskit_tungstenite::{ClientRequestBuilder, connect};
/// # fn main() -> wskit_tungstenite::Result<()> {
/// let request = ClientRequestBuilder::new("ws://localhost:3012/socket".parse()?)
///     .with_header("Authorization", "Bearer token")
///     .with_sub_protocol("chat");
/// let (socket, response) = connect(request)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ClientRequestBuilder {
    uri: Uri,
    headers: Vec<(String, String)>,
    protocols: Vec<String>,
}

impl ClientRequestBuilder {
    /// Creates a request without anything added.
    #[must_use]
    pub const fn new(uri: Uri) -> Self {
        Self {
            uri,
            headers: Vec::new(),
            protocols: Vec::new(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header<K: Into<String>, V: Into<String>>(mut self, key: K, value: V) -> Self {
        self.headers.push((key.into(), value.into()));
        self
    }

    /// Offers a subprotocol. The server must choose one of those that are offered.
    #[must_use]
    pub fn with_sub_protocol<P: Into<String>>(mut self, protocol: P) -> Self {
        self.protocols.push(protocol.into());
        self
    }
}

impl IntoClientRequest for ClientRequestBuilder {
    fn into_client_request(self) -> Result<Request> {
        let mut request = self.uri.into_client_request()?;
        let headers = request.headers_mut();
        for (name, value) in self.headers {
            headers.append(HeaderName::try_from(name)?, value.parse()?);
        }
        if !self.protocols.is_empty() {
            headers.append("Sec-WebSocket-Protocol", self.protocols.join(", ").parse()?);
        }
        Ok(request)
    }
}
