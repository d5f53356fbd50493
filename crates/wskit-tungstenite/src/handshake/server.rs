//! The server's side.

use std::fmt;
use std::io::{Read, Write};
use std::marker::PhantomData;

use http::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_KEY, UPGRADE};
use http::{StatusCode, Version};
use wskit_handshake::{Incoming, Progress, ServerHandshake as Check, UpgradeRequest};

use super::machine::{HandshakeMachine, Outgoing, READ, read};
use super::{HandshakeRole, MidHandshake, Step, derive_accept_key, limits};
use crate::error::{Error, ProtocolError, Result, handshake_error};
use crate::protocol::{Role, WebSocket, WebSocketConfig, WebSocketContext};

/// A client's request.
pub type Request = http::Request<()>;

/// The response that accepts.
pub type Response = http::Response<()>;

/// A response that refuses, with a body.
pub type ErrorResponse = http::Response<Option<String>>;

/// Returns the response that accepts a request.
///
/// # Errors
/// The request is not one for a WebSocket.
pub fn create_response(request: &Request) -> Result<Response> {
    create_response_with_body(request, || ())
}

/// Returns the response that accepts a request, with a body of the caller's.
///
/// # Errors
/// The request is not one for a WebSocket.
pub fn create_response_with_body<T1, T2>(
    request: &http::Request<T1>,
    generate_body: impl FnOnce() -> T2,
) -> Result<http::Response<T2>> {
    let mut head = Request::new(());
    // The place is what `Host` says, whatever else the URI has.
    if let Some(path) = request.uri().path_and_query() {
        *head.uri_mut() = path.clone().into();
    }
    *head.method_mut() = request.method().clone();
    *head.version_mut() = request.version();
    *head.headers_mut() = request.headers().clone();
    UpgradeRequest::from_http(&head).map_err(|error| refusal(request, error))?;
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    let key = key.ok_or(ProtocolError::MissingSecWebSocketKey)?;
    Ok(http::Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .version(request.version())
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header("Sec-WebSocket-Accept", derive_accept_key(key.as_bytes()))
        .body(generate_body())?)
}

/// Why a request is not one for a WebSocket. Of several things that are missing, `Connection` is named first.
fn refusal<T>(request: &http::Request<T>, error: wskit_handshake::HandshakeError) -> Error {
    let missing = ProtocolError::MissingConnectionUpgradeHeader;
    let connection = request.headers().get(CONNECTION);
    let upgrades = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        text.split([' ', ','])
            .any(|part| part.eq_ignore_ascii_case("upgrade"))
    };
    match handshake_error(error) {
        Error::Protocol(ProtocolError::MissingUpgradeWebSocketHeader)
            if !connection.is_some_and(upgrades) =>
        {
            missing.into()
        }
        error => error,
    }
}

/// Writes the head of a response.
///
/// # Errors
/// Those of `w`, a version above HTTP/1.1, and a header that is not ASCII.
pub fn write_response<T>(mut w: impl Write, response: &http::Response<T>) -> Result<()> {
    if response.version() > Version::HTTP_11 {
        return Err(ProtocolError::WrongHttpVersion.into());
    }
    write!(w, "{:?} {}\r\n", response.version(), response.status())?;
    for (name, value) in response.headers() {
        write!(w, "{name}: {}\r\n", value.to_str()?)?;
    }
    write!(w, "\r\n")?;
    Ok(())
}

/// Looks at a request, and may change the response or refuse. Closures implement it.
pub trait Callback: Sized {
    /// Returns the response to send: the given one, with headers added for example.
    ///
    /// # Errors
    /// A response that refuses.
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse>;
}

impl<F> Callback for F
where
    F: FnOnce(&Request, Response) -> Result<Response, ErrorResponse>,
{
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        self(request, response)
    }
}

/// Accepts every request.
#[derive(Clone, Copy, Debug)]
pub struct NoCallback;

impl Callback for NoCallback {
    fn on_request(self, _: &Request, response: Response) -> Result<Response, ErrorResponse> {
        Ok(response)
    }
}

/// The server's side of the handshake.
pub struct ServerHandshake<S, C> {
    check: Check,
    callback: Option<C>,
    response: Option<Outgoing>,
    refused: Option<ErrorResponse>,
    config: Option<WebSocketConfig>,
    #[cfg(feature = "deflate")]
    deflate: Option<crate::protocol::Agreed>,
    stream: PhantomData<S>,
}

impl<S, C> fmt::Debug for ServerHandshake<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerHandshake")
            .field("check", &self.check)
            .finish_non_exhaustive()
    }
}

impl<S: Read + Write, C: Callback> ServerHandshake<S, C> {
    /// Begins a handshake. Nothing is read yet.
    pub fn start(stream: S, callback: C, config: Option<WebSocketConfig>) -> MidHandshake<Self> {
        let role = Self {
            check: Check::new(limits()),
            callback: Some(callback),
            response: None,
            refused: None,
            config,
            #[cfg(feature = "deflate")]
            deflate: None,
            stream: PhantomData,
        };
        let machine = HandshakeMachine::new(stream);
        MidHandshake { role, machine }
    }

    /// Returns the response to a request.
    fn respond(&mut self, incoming: Incoming) -> Result<Vec<u8>> {
        let (request, checked, leftover) = match incoming {
            Incoming::Upgrade(request) => {
                let leftover = !request.leftover().is_empty();
                (request.to_http(), Some(request), leftover)
            }
            Incoming::Http(plain) => (plain.request, None, !plain.leftover.is_empty()),
        };
        if leftover {
            return Err(ProtocolError::JunkAfterRequest.into());
        }
        #[allow(unused_mut, reason = "only compression adds to it")]
        let mut response = create_response(&request)?;
        #[cfg(feature = "deflate")]
        self.offer_deflate(checked.as_ref(), &mut response)?;
        #[cfg(not(feature = "deflate"))]
        let _ = checked;
        let decided = match self.callback.take() {
            Some(callback) => callback.on_request(&request, response),
            None => Ok(response),
        };
        let mut head = Vec::new();
        match decided {
            Ok(response) => {
                #[cfg(feature = "deflate")]
                if !response.headers().contains_key(EXTENSIONS) {
                    self.deflate = None; // the callback has taken it back
                }
                write_response(&mut head, &response)?;
            }
            Err(refused) if refused.status().is_success() => {
                return Err(ProtocolError::CustomResponseSuccessful.into());
            }
            Err(refused) => {
                write_response(&mut head, &refused)?;
                head.extend_from_slice(refused.body().as_deref().unwrap_or_default().as_bytes());
                self.refused = Some(refused);
            }
        }
        Ok(head)
    }

    /// Accepts the first offer of compression that can be accepted.
    #[cfg(feature = "deflate")]
    fn offer_deflate(
        &mut self,
        request: Option<&UpgradeRequest>,
        response: &mut Response,
    ) -> Result<()> {
        let deflate = self.config.and_then(|config| config.deflate);
        if let (Some(request), Some(deflate)) = (request, deflate) {
            let deflate = deflate.to_proto(wskit_proto::deflate::Config::server());
            let offers = request.offered_extensions();
            let offers = offers.map(|offer| (offer.name(), offer.params()));
            if let Some(answer) = deflate.accept(offers) {
                let mut value = String::new();
                // The name and the parameters are tokens.
                let _ =
                    wskit_handshake::write_extension(&mut value, answer.name(), answer.params());
                response.headers_mut().insert(EXTENSIONS, value.parse()?);
                self.deflate = Some((answer.agreed(), deflate));
            }
        }
        Ok(())
    }
}

#[cfg(feature = "deflate")]
const EXTENSIONS: http::HeaderName = http::header::SEC_WEBSOCKET_EXTENSIONS;

impl<S: Read + Write, C: Callback> HandshakeRole for ServerHandshake<S, C> {
    type InternalStream = S;
    type FinalResult = WebSocket<S>;

    fn advance(&mut self, stream: &mut S) -> Result<Step> {
        let mut buf = [0; READ];
        loop {
            if let Some(response) = &mut self.response {
                if response.write(stream)? == Step::WouldBlock {
                    return Ok(Step::WouldBlock);
                }
                return match self.refused.take() {
                    None => Ok(Step::Done),
                    Some(refused) => {
                        let refused = refused.map(|body| body.map(String::into_bytes));
                        Err(Error::Http(Box::new(refused)))
                    }
                };
            }
            let progress = match read(stream, &mut buf)? {
                None => return Ok(Step::WouldBlock),
                Some([]) => Err(self.check.receive_eof()),
                Some(bytes) => self.check.receive(bytes),
            };
            if let Progress::Done(incoming) = progress.map_err(handshake_error)? {
                self.response = Some(Outgoing::new(self.respond(incoming)?));
            }
        }
    }

    fn finish(self, stream: S) -> WebSocket<S> {
        #[cfg(feature = "deflate")]
        let context =
            WebSocketContext::with_deflate(Vec::new(), Role::Server, self.config, self.deflate);
        #[cfg(not(feature = "deflate"))]
        let context = WebSocketContext::new(Role::Server, self.config);
        WebSocket::from_context(stream, context)
    }
}
