//! The client's handshake by an HTTP library, which writes the request and
//! reads the response.

use bytes::Bytes;
use http::header::HeaderValue;
use http::{Request, Response, StatusCode, Version};
use httparse::Header;

use crate::client::handshake::ClientAccepted;
use crate::client::request::ClientRequest;
use crate::client::response::Offers;
use crate::error::HandshakeError;
use crate::error::Refusal;
use crate::http::headers::Headers;

impl ClientRequest {
    /// Returns the request for an HTTP library to send: the one that
    /// [`ClientHandshake`](crate::ClientHandshake) writes, with the path as its
    /// URI and the host in `Host`. Pass the response to the [`ResponseCheck`].
    ///
    /// `nonce` must be 16 fresh random bytes for every request (§4.1 item 7).
    ///
    /// ```
    /// use wskit_handshake::ClientRequest;
    /// let nonce = [7; 16]; // 16 fresh random bytes
    /// let (request, check) = ClientRequest::new("ws://example.com/chat")?.into_http(nonce);
    /// assert_eq!((request.uri().path(), &request.headers()["host"]), ("/chat", &"example.com".parse()?));
    ///
    /// // What the library received.
    /// let response = http::Response::builder().status(101)
    ///     .header("upgrade", "websocket")
    ///     .header("connection", "upgrade")
    ///     .header("sec-websocket-accept", "CdXSYUsvsaMthlEXWDNURGWA/1o=")
    ///     .body(())?;
    /// assert_eq!(check.check(&response)?.protocol, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_http(self, nonce: [u8; 16]) -> (Request<()>, ResponseCheck) {
        let (head, key) = self.to_bytes(nonce);
        let mut request = Request::new(());
        // The resource was checked when the request was built.
        if let Ok(uri) = self.resource().try_into() {
            *request.uri_mut() = uri;
        }
        *request.headers_mut() = Headers::of_head(&head).to_map();
        for (name, value) in request.headers_mut() {
            let given = self.headers().get(name);
            value.set_sensitive(given.is_some_and(HeaderValue::is_sensitive));
        }
        let offers = self.into_offers(&key);
        (request, ResponseCheck { offers })
    }
}

/// Checks the response to a request of [`ClientRequest::into_http`].
#[derive(Debug)]
pub struct ResponseCheck {
    offers: Offers,
}

impl ResponseCheck {
    /// Checks a response that an HTTP library has parsed, by the rules of
    /// [`ClientHandshake`](crate::ClientHandshake).
    ///
    /// `leftover` is empty: the library has the bytes after the response. Any
    /// final response other than 101 is [`HandshakeError::Refused`] with the
    /// status and the headers; its body stays in `response`.
    pub fn check<B>(self, response: &Response<B>) -> Result<ClientAccepted, HandshakeError> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let refusal = Refusal::without_body(response.status(), response.headers().clone());
            return Err(HandshakeError::Refused(Box::new(refusal)));
        }
        if response.version() != Version::HTTP_11 {
            return Err(HandshakeError::HttpVersion);
        }
        let lines = response.headers().iter();
        let lines: Vec<_> = lines
            .map(|(name, value)| Header {
                name: name.as_str(),
                value: value.as_bytes(),
            })
            .collect();
        let agreement = self.offers.check(&lines)?;
        let mut head = Response::new(());
        *head.status_mut() = response.status();
        *head.headers_mut() = response.headers().clone();
        Ok(ClientAccepted {
            response: head,
            protocol: agreement.protocol,
            extensions: agreement.extensions,
            leftover: Bytes::new(),
        })
    }
}
