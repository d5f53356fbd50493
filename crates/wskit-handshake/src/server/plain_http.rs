//! Plain HTTP requests on the port of a WebSocket.

use bytes::Bytes;
use http::{Method, Version};

use crate::error::{BuildError, HandshakeError, HeadFault};
use crate::http::header::header_map;
use crate::http::response::{is_framing, write_final};

/// A request that does not ask for a WebSocket.
///
/// Answer it with [`respond`](Self::respond) and close, or pass it to an HTTP
/// server together with the connection.
#[derive(Debug)]
#[non_exhaustive]
pub struct PlainRequest {
    /// Method, target, version and headers.
    pub request: http::Request<()>,
    /// The bytes after the head: the beginning of a body, or of the next
    /// request.
    pub leftover: Bytes,
}

impl PlainRequest {
    /// Writes a response to this request, without its body if the method is
    /// HEAD. See [`write_response`].
    pub fn respond<B: AsRef<[u8]>>(
        &self,
        response: &http::Response<B>,
    ) -> Result<Vec<u8>, BuildError> {
        write_response(response, self.request.method() == Method::HEAD)
    }

    pub(crate) fn build(
        parsed: &httparse::Request<'_, '_>,
    ) -> Result<http::Request<()>, HandshakeError> {
        let start_line = HandshakeError::Malformed(HeadFault::StartLine);
        let mut request = http::Request::new(());
        let method = parsed.method.unwrap_or_default();
        *request.method_mut() =
            Method::from_bytes(method.as_bytes()).map_err(|_| start_line.clone())?;
        let target = parsed.path.unwrap_or_default();
        if target.contains('#') || !target.is_ascii() {
            return Err(HandshakeError::InvalidTarget);
        }
        *request.uri_mut() = target
            .try_into()
            .map_err(|_| HandshakeError::InvalidTarget)?;
        *request.version_mut() = match parsed.version {
            Some(0) => Version::HTTP_10,
            _ => Version::HTTP_11,
        };
        *request.headers_mut() = header_map(parsed.headers)?;
        Ok(request)
    }
}

/// Writes a response as HTTP/1.1 bytes. `Content-Length` and `Connection:
/// close` replace framing headers in `response`. Close the connection after
/// sending it.
///
/// `head_only` omits the body, as needed for HEAD. A 1xx status is an error, as
/// it is not a final response.
pub fn write_response<B: AsRef<[u8]>>(
    response: &http::Response<B>,
    head_only: bool,
) -> Result<Vec<u8>, BuildError> {
    if response.status().is_informational() {
        return Err(BuildError::InterimStatus);
    }
    let headers = response.headers().iter();
    Ok(write_final(
        response.status(),
        headers.filter(|(name, _)| !is_framing(name)),
        response.body().as_ref(),
        head_only,
    ))
}
