//! The client's side.

use std::fmt;
use std::io::{Read, Write};
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, HOST, HeaderName, ORIGIN, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Version};
use wskit_handshake::{
    ClientAccepted, ClientHandshake as Check, ClientRequest, HandshakeError as CheckError, Progress,
};

use super::machine::{HandshakeMachine, Outgoing, READ, read};
use super::{HandshakeRole, MidHandshake, Step, limits};
use crate::error::{Error, ProtocolError, Result, SubProtocolError, UrlError, handshake_error};
use crate::protocol::{Role, WebSocket, WebSocketConfig, WebSocketContext};

/// The request of a client.
pub type Request = http::Request<()>;

/// The server's response. It has a body only where it refuses.
pub type Response = http::Response<Option<Vec<u8>>>;

/// The client's side of the handshake.
pub struct ClientHandshake<S> {
    request: Option<Outgoing>,
    check: Check,
    offered_protocols: bool,
    accepted: Option<ClientAccepted>,
    config: Option<WebSocketConfig>,
    #[cfg(feature = "deflate")]
    deflate: Option<(
        wskit_proto::deflate::Config,
        Option<wskit_proto::deflate::Params>,
    )>,
    stream: PhantomData<S>,
}

impl<S> fmt::Debug for ClientHandshake<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake")
            .field("check", &self.check)
            .finish_non_exhaustive()
    }
}

impl<S: Read + Write> ClientHandshake<S> {
    /// Begins a handshake. Nothing is written yet.
    ///
    /// # Errors
    /// The request cannot be one for a WebSocket: its method, its version, its URL or a header is wrong.
    pub fn start(
        stream: S,
        #[allow(unused_mut, reason = "only compression adds to it")] mut request: Request,
        config: Option<WebSocketConfig>,
    ) -> Result<MidHandshake<Self>> {
        if request.method() != Method::GET {
            return Err(ProtocolError::WrongHttpMethod.into());
        }
        if request.version() != Version::HTTP_11 {
            return Err(ProtocolError::WrongHttpVersion.into());
        }
        crate::client::uri_mode(request.uri())?;
        #[cfg(feature = "deflate")]
        let deflate = config
            .and_then(|config| config.deflate)
            .map(|deflate| deflate.to_proto(wskit_proto::deflate::Config::client()));
        #[cfg(feature = "deflate")]
        if let Some(deflate) = &deflate {
            offer(&mut request, deflate)?;
        }
        let check = check(&request)?;
        let offered_protocols = request.headers().contains_key(SEC_WEBSOCKET_PROTOCOL);
        let (request, _) = generate_request(request)?;
        let role = Self {
            request: Some(Outgoing::new(request)),
            check,
            offered_protocols,
            accepted: None,
            config,
            #[cfg(feature = "deflate")]
            deflate: deflate.map(|deflate| (deflate, None)),
            stream: PhantomData,
        };
        let machine = HandshakeMachine::new(stream);
        Ok(MidHandshake { role, machine })
    }

    fn accept(&mut self, accepted: ClientAccepted) -> Result<()> {
        if self.offered_protocols && accepted.protocol.is_none() {
            let error = SubProtocolError::NoSubProtocol;
            return Err(ProtocolError::SecWebSocketSubProtocolError(error).into());
        }
        #[cfg(feature = "deflate")]
        if let Some((deflate, agreed)) = &mut self.deflate {
            let answer = accepted
                .extensions
                .iter()
                .map(|element| (element.name(), element.params()));
            *agreed = deflate
                .confirm(answer)
                .map_err(|_| header(SEC_WEBSOCKET_EXTENSIONS))?;
        }
        self.accepted = Some(accepted);
        Ok(())
    }

    fn failed(&self, error: CheckError) -> Error {
        match error {
            CheckError::ProtocolNotOffered if !self.offered_protocols => {
                let error = SubProtocolError::ServerSentSubProtocolNoneRequested;
                ProtocolError::SecWebSocketSubProtocolError(error).into()
            }
            error => handshake_error(error),
        }
    }
}

impl<S: Read + Write> HandshakeRole for ClientHandshake<S> {
    type InternalStream = S;
    type FinalResult = (WebSocket<S>, Response);

    fn advance(&mut self, stream: &mut S) -> Result<Step> {
        if let Some(request) = &mut self.request {
            if request.write(stream)? == Step::WouldBlock {
                return Ok(Step::WouldBlock);
            }
            self.request = None;
        }
        let mut buf = [0; READ];
        while self.accepted.is_none() {
            let progress = match read(stream, &mut buf)? {
                None => return Ok(Step::WouldBlock),
                Some([]) => {
                    return Err(self.check.receive_eof()).map_err(|error| self.failed(error));
                }
                Some(bytes) => self.check.receive(bytes),
            };
            if let Progress::Done(accepted) = progress.map_err(|error| self.failed(error))? {
                self.accept(accepted)?;
            } else if let Some(refused) = self.check.cut_refusal() {
                // A body may never end, and there is no deadline: what has come is enough.
                return Err(self.failed(refused));
            }
        }
        Ok(Step::Done)
    }

    fn finish(self, stream: S) -> Self::FinalResult {
        let (response, leftover) = match self.accepted {
            Some(accepted) => (accepted.response, accepted.leftover),
            None => Default::default(),
        };
        let leftover = leftover.to_vec();
        #[cfg(feature = "deflate")]
        let context = {
            let agreed = self
                .deflate
                .and_then(|(deflate, agreed)| Some((agreed?, deflate)));
            WebSocketContext::with_deflate(leftover, Role::Client, self.config, agreed)
        };
        #[cfg(not(feature = "deflate"))]
        let context = WebSocketContext::from_partially_read(leftover, Role::Client, self.config);
        (
            WebSocket::from_context(stream, context),
            response.map(|()| None),
        )
    }
}

/// Adds an offer of compression to the request.
#[cfg(feature = "deflate")]
fn offer(request: &mut Request, deflate: &wskit_proto::deflate::Config) -> Result<()> {
    let mut offers = String::new();
    for offer in deflate.offers() {
        // The name and the parameters are tokens.
        let _ = wskit_handshake::write_extension(&mut offers, offer.name(), offer.params());
    }
    let offers = offers.parse()?;
    request
        .headers_mut()
        .append(SEC_WEBSOCKET_EXTENSIONS, offers);
    Ok(())
}

/// What the response has to agree with.
fn check(request: &Request) -> Result<Check> {
    let key = request
        .headers()
        .get(SEC_WEBSOCKET_KEY)
        .ok_or_else(|| header(SEC_WEBSOCKET_KEY))?;
    let nonce = STANDARD
        .decode(key)
        .ok()
        .and_then(|key| key.try_into().ok());
    let nonce = nonce.ok_or(ProtocolError::InvalidSecWebSocketKey)?;
    // The request is written by `generate_request`. This one has the offers only.
    let mut offers = ClientRequest::new("ws://offers/").map_err(|_| UrlError::NoHostName)?;
    for list in request.headers().get_all(SEC_WEBSOCKET_PROTOCOL) {
        offers = offers
            .protocols(list.to_str()?.split(',').map(str::trim))
            .map_err(|_| {
                let error = SubProtocolError::InvalidSubProtocol;
                ProtocolError::SecWebSocketSubProtocolError(error)
            })?;
    }
    for list in request.headers().get_all(SEC_WEBSOCKET_EXTENSIONS) {
        offers = offers
            .extensions(list.to_str()?)
            .map_err(|_| header(SEC_WEBSOCKET_EXTENSIONS))?;
    }
    Ok(Check::new(offers, nonce, limits()))
}

fn header(name: HeaderName) -> ProtocolError {
    ProtocolError::InvalidHeader(Box::new(name))
}

/// The headers that every request needs, in the order and the spelling in which they are written: some
/// servers compare names with their case.
const REQUIRED: [(HeaderName, &str); 5] = [
    (HOST, "Host"),
    (CONNECTION, "Connection"),
    (UPGRADE, "Upgrade"),
    (SEC_WEBSOCKET_VERSION, "Sec-WebSocket-Version"),
    (SEC_WEBSOCKET_KEY, "Sec-WebSocket-Key"),
];

/// Writes a request as bytes, and returns its key too.
///
/// # Errors
/// A header that every request needs is missing or there twice, or the URL has no path.
pub fn generate_request(mut request: Request) -> Result<(Vec<u8>, String)> {
    let path = request.uri().path_and_query();
    let path = path.ok_or(UrlError::NoPathOrQuery)?.as_str().to_owned();
    let version = request.version();
    if version > Version::HTTP_11 {
        return Err(ProtocolError::WrongHttpVersion.into());
    }
    let mut bytes = format!("GET {path} {version:?}\r\n").into_bytes();
    let mut line = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    };
    let headers = request.headers_mut();
    let mut key = String::new();
    for (name, spelled) in REQUIRED {
        if headers.get_all(&name).iter().nth(1).is_some() {
            return Err(header(name).into());
        }
        let value = headers.remove(&name).ok_or_else(|| header(name.clone()))?;
        let text = value.to_str()?;
        line(spelled, text.as_bytes());
        if name == SEC_WEBSOCKET_KEY {
            text.clone_into(&mut key);
        }
    }
    for (name, value) in &*headers {
        let spelled = match name {
            name if *name == SEC_WEBSOCKET_PROTOCOL => "Sec-WebSocket-Protocol",
            name if *name == ORIGIN => "Origin",
            name => name.as_str(),
        };
        line(spelled, value.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    Ok((bytes, key))
}

/// Returns a new value for `Sec-WebSocket-Key`: 16 random bytes in base64.
///
/// # Panics
/// If the operating system has no random bytes.
#[allow(clippy::expect_used, reason = "the signature has no error")]
pub fn generate_key() -> String {
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).expect("the operating system gives no randomness");
    STANDARD.encode(nonce)
}
