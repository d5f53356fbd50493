//! SOCKS5 with user name and password, as the client (RFC 1928, RFC 1929). Sans-I/O.

use std::net::IpAddr;

use wskit_handshake::RequestError;

use super::error::{ProxyError, SocksFailure};
use crate::zone::split_zone;

/// A SOCKS5 request to a proxy, and the reader of its answers.
pub(super) struct Socks5 {
    output: Vec<u8>,
    /// The bytes received of the current answer.
    answer: Vec<u8>,
    state: State,
    /// The message of RFC 1929 §2.
    credentials: Option<Vec<u8>>,
    request: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The choice of a method (RFC 1928 §3).
    Method,
    /// The judgement of the credentials (RFC 1929 §2).
    Credentials,
    /// The answer to the request (RFC 1928 §6).
    Reply,
    Done,
}

impl Socks5 {
    pub(super) fn new(
        host: &str,
        port: u16,
        credentials: Option<(&str, &str)>,
    ) -> Result<Self, RequestError> {
        // An interface of this machine means nothing to a proxy.
        if split_zone(host).1.is_some() {
            return Err(RequestError::InvalidHost);
        }
        // RFC 1928 §4: CONNECT, and an address or a name of at most 255 bytes.
        let mut request = vec![VERSION, CONNECT, 0];
        match host.parse() {
            Ok(IpAddr::V4(address)) => {
                request.push(IPV4);
                request.extend_from_slice(&address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                request.push(IPV6);
                request.extend_from_slice(&address.octets());
            }
            Err(_) => {
                request.push(NAME);
                push_short(&mut request, host, RequestError::InvalidHost)?;
            }
        }
        request.extend_from_slice(&port.to_be_bytes());
        let credentials = match credentials {
            None => None,
            Some((user, password)) => {
                let mut message = vec![1];
                push_short(&mut message, user, RequestError::InvalidCredentials)?;
                push_short(&mut message, password, RequestError::InvalidCredentials)?;
                Some(message)
            }
        };
        // RFC 1928 §3: a proxy that needs no credentials does not get them.
        let output = match credentials {
            None => vec![VERSION, 1, NO_AUTHENTICATION],
            Some(_) => vec![VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
        };
        Ok(Self {
            output,
            answer: Vec::new(),
            state: State::Method,
            credentials,
            request,
        })
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    pub(super) fn wanted(&self) -> usize {
        let whole = match self.state {
            State::Method | State::Credentials => 2,
            State::Reply => match *self.answer.as_slice() {
                [_, _, _, IPV4, ..] => 4 + 4 + 2,
                [_, _, _, IPV6, ..] => 4 + 16 + 2,
                [_, _, _, NAME, len, ..] => 5 + usize::from(len) + 2,
                [_, _, _, NAME] => 5,
                _ => 4,
            },
            State::Done => return 0,
        };
        whole.saturating_sub(self.answer.len())
    }

    /// Processes at most as many bytes as are wanted.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Result<(), ProxyError> {
        self.answer.extend_from_slice(bytes);
        // The answer of RFC 1929 has a version of its own, which some proxies get wrong.
        let is_ours = self.state == State::Credentials || self.answer.first() == Some(&VERSION);
        if !is_ours {
            return Err(ProxyError::Malformed(
                "the answer is not of SOCKS version 5",
            ));
        }
        match (self.state, self.answer.as_slice()) {
            (State::Method, [_, method]) => match (*method, &mut self.credentials) {
                (NO_AUTHENTICATION, _) => self.ask(),
                (USER_AND_PASSWORD, Some(message)) => {
                    self.output.append(message);
                    self.go_on(State::Credentials);
                }
                (NO_METHOD, None) => return Err(ProxyError::CredentialsRequired),
                (NO_METHOD, Some(_)) => return Err(ProxyError::NoMethod),
                _ => return Err(ProxyError::Malformed("a method that was not offered")),
            },
            (State::Credentials, [_, status]) => match status {
                0 => self.ask(),
                _ => return Err(ProxyError::CredentialsRefused),
            },
            // A proxy that refuses may leave out the rest.
            (State::Reply, [_, failure, ..]) if *failure != 0 => {
                return Err(ProxyError::Socks(SocksFailure::from_code(*failure)));
            }
            (State::Reply, [_, _, _, kind, ..]) => {
                if !matches!(*kind, IPV4 | NAME | IPV6) {
                    return Err(ProxyError::Malformed("an address of an unknown kind"));
                }
                if self.wanted() == 0 {
                    self.go_on(State::Done);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn ask(&mut self) {
        self.output.append(&mut self.request);
        self.go_on(State::Reply);
    }

    fn go_on(&mut self, state: State) {
        self.answer.clear();
        self.state = state;
    }
}

/// Appends a text after its length in one byte.
fn push_short(out: &mut Vec<u8>, text: &str, error: RequestError) -> Result<(), RequestError> {
    out.push(u8::try_from(text.len()).map_err(|_| error)?);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

const VERSION: u8 = 5;
const CONNECT: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xFF;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
