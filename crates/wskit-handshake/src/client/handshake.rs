//! The client's handshake, from a request to an open WebSocket (RFC 6455 §4.1).

use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode, Version};
use httparse::Status;

use crate::client::body::Body;
use crate::client::request::ClientRequest;
use crate::client::response::{Agreement, Offers};
use crate::error::Refusal;
use crate::error::{HandshakeError, HeadFault};
use crate::http::extensions::ExtensionList;
use crate::http::head::{Head, HeadBuffer, Kind, parse_error};
use crate::http::header::header_map;
use crate::http::limits::HeadLimits;
use crate::progress::{Latch, Progress};

/// A client's opening handshake: one request and the check of its response.
///
/// Send [`request_bytes`](Self::request_bytes) and nothing else, then pass
/// received bytes to [`receive`](Self::receive) until it returns
/// [`Done`](Progress::Done) or an error. On an error close the connection.
pub struct ClientHandshake {
    request: Vec<u8>,
    offers: Offers,
    limits: HeadLimits,
    head: HeadBuffer,
    interim: usize,
    /// The refusal whose body is being received.
    refusal: Option<Box<(Refusal, Body)>>,
    end: Latch,
}

/// The result of a successful handshake on the client.
#[derive(Debug)]
#[non_exhaustive]
pub struct ClientAccepted {
    /// The 101 response with all headers.
    pub response: Response<()>,
    /// The subprotocol in use, which was offered.
    pub protocol: Option<String>,
    /// The extensions in use, in order. Each one was offered; the
    /// implementation of the extension checks the parameters.
    pub extensions: ExtensionList<'static>,
    /// The server's bytes after its response: the beginning of its frames.
    pub leftover: Bytes,
}

impl ClientHandshake {
    /// Creates a handshake for a request.
    ///
    /// `nonce` must be 16 fresh random bytes for every connection (§4.1 item
    /// 7). It proves that the response belongs to this request, and need not be
    /// secret.
    pub fn new(request: ClientRequest, nonce: [u8; 16], limits: HeadLimits) -> Self {
        let (bytes, key) = request.to_bytes(nonce);
        Self {
            request: bytes,
            offers: request.into_offers(&key),
            limits,
            head: HeadBuffer::new(Kind::Response),
            interim: 0,
            refusal: None,
            end: Latch::default(),
        }
    }

    /// Returns the bytes of the request.
    pub fn request_bytes(&self) -> &[u8] {
        &self.request
    }

    /// Processes received bytes, which may be split anywhere.
    ///
    /// Bytes after a 101 are returned as `leftover`. Any other final response is the error
    /// [`HandshakeError::Refused`] once its body is complete or longer than the limit;
    /// [`refusal`](Self::refusal) returns it earlier. After an error every further call returns the
    /// same error; after `Done`, it is [`HandshakeError::Finished`].
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Progress<ClientAccepted>, HandshakeError> {
        self.end.check()?;
        let outcome = self.advance(bytes);
        self.end.keep(outcome)
    }

    /// Returns the refusal whose head is complete and whose body is still being
    /// received. Its `body` is empty. `None` before the head is complete and
    /// after the end of the handshake.
    ///
    /// A body may never end. Wait for a short time, or not at all, then call
    /// [`cut_refusal`](Self::cut_refusal).
    pub fn refusal(&self) -> Option<&Refusal> {
        self.refusal.as_ref().map(|refusal| &refusal.0)
    }

    /// Stops waiting for the body of a [`refusal`](Self::refusal). Call it
    /// after a timeout or when reading fails. Returns the error with the body
    /// received so far, its [`body_is_complete`](Refusal::body_is_complete)
    /// false. `None` if there is no such refusal; then the handshake continues.
    pub fn cut_refusal(&mut self) -> Option<HandshakeError> {
        let refusal = self.refusal.take()?;
        Some(self.end.end_with(|| refused(*refusal, false)))
    }

    /// Reports that the server has closed its side. Always returns an error:
    /// [`Refused`](HandshakeError::Refused) with the body received so far if a
    /// refusal was being received.
    pub fn receive_eof(&mut self) -> HandshakeError {
        let refusal = self.refusal.take();
        let received = self.head.len();
        self.end.end_with(|| match refusal {
            Some(refusal) => refused(*refusal, true),
            None => HandshakeError::UnexpectedEof { received },
        })
    }

    /// Returns how many bytes have been examined, counting each pass.
    #[doc(hidden)]
    pub fn work(&self) -> u64 {
        self.head.work()
    }

    fn advance(&mut self, mut bytes: &[u8]) -> Result<Progress<ClientAccepted>, HandshakeError> {
        while self.refusal.is_none() {
            let Some((head, taken)) = self.head.receive(bytes, &self.limits)? else {
                return Ok(Progress::NeedMore);
            };
            bytes = bytes.get(taken..).unwrap_or_default();
            match self.answer(&head)? {
                Answer::Interim => {
                    self.interim = self.interim.saturating_add(1);
                    let limit = self.limits.get_max_interim_responses();
                    if self.interim > limit {
                        return Err(HandshakeError::TooManyInterimResponses { limit });
                    }
                }
                Answer::Switch(response, agreement) => {
                    return Ok(Progress::Done(ClientAccepted {
                        response,
                        protocol: agreement.protocol,
                        extensions: agreement.extensions,
                        leftover: Bytes::copy_from_slice(bytes),
                    }));
                }
                Answer::Refuse(refusal) => self.refusal = Some(refusal),
            }
        }
        if let Some(mut refusal) = self.refusal.take() {
            if refusal.1.is_over() || refusal.1.receive(bytes) {
                return Err(refused(*refusal, false));
            }
            self.refusal = Some(refusal);
        }
        Ok(Progress::NeedMore)
    }

    fn answer(&self, head: &Head) -> Result<Answer, HandshakeError> {
        Head::with_storage(head.headers, |storage| {
            let mut response = httparse::Response::new(&mut []);
            let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
                &mut response,
                &head.bytes,
                storage,
            );
            match parsed {
                Ok(Status::Complete(length)) if length == head.bytes.len() => {}
                Ok(_) => return Err(HandshakeError::Malformed(HeadFault::StartLine)),
                Err(error) => return Err(parse_error(error)),
            }
            let code = response.code.unwrap_or_default();
            let status = StatusCode::from_u16(code)
                .map_err(|_| HandshakeError::Malformed(HeadFault::StartLine))?;
            if status.is_informational() && code != 101 {
                return Ok(Answer::Interim);
            }
            if code == 101 {
                if response.version != Some(1) {
                    return Err(HandshakeError::HttpVersion);
                }
                let agreement = self.offers.check(response.headers)?;
                let mut switch = Response::new(());
                *switch.status_mut() = status;
                *switch.version_mut() = Version::HTTP_11;
                *switch.headers_mut() = header_map(response.headers)?;
                return Ok(Answer::Switch(switch, agreement));
            }
            let refusal = Refusal::without_body(status, header_map(response.headers)?);
            let body = Body::new(code, response.headers, self.limits.get_max_body_bytes());
            Ok(Answer::Refuse(Box::new((refusal, body))))
        })
    }
}

/// Does not show the request, which may hold credentials.
impl fmt::Debug for ClientHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientHandshake")
            .field("offers", &self.offers)
            .field("received", &self.head.len())
            .finish_non_exhaustive()
    }
}

/// The meaning of one head from the server.
enum Answer {
    Interim,
    Switch(Response<()>, Agreement),
    Refuse(Box<(Refusal, Body)>),
}

fn refused((mut refusal, body): (Refusal, Body), eof: bool) -> HandshakeError {
    let (bytes, complete) = body.finish(eof);
    refusal.body = bytes.into();
    refusal.body_is_complete = complete;
    HandshakeError::Refused(Box::new(refusal))
}
