//! The same head to wskit and to tungstenite, as a server and as a client: both accept it or both refuse it,
//! and read the same path, headers and subprotocols, and the same bytes behind it. What differs on purpose
//! is in [`Difference`] and nowhere else, each with its row of `docs/checklist.md`; that it is this and not
//! another mistake is looked up in the head, by `httparse`.
//!
//! Input: flags (bit 0: client, 1: the head is a script, 2: the client offers subprotocols, 3: it offers an
//! extension, 4: they answer each other instead), cuts (8), then what the peer sends, or choices.
#![no_main]

use std::io::{self, Cursor, Read, Write};

use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use libfuzzer_sys::fuzz_target;
use tungstenite::error::SubProtocolError;
use tungstenite::handshake::HandshakeError as Interrupted;
use tungstenite::handshake::client::{self, generate_request};
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{self, create_response, write_response};
use tungstenite::{Error, error::ProtocolError};
use wskit_fuzz::{
    Cuts, HeadReading, Input, authority_of, is_plain_host, is_plain_target, is_token_list,
    list_names, read_extensions, read_request, read_response, request_script, response_script,
};
use wskit_handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HeadFault, HeadLimits, Incoming, OriginPolicy,
    Progress, ServerHandshake,
};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let cuts = Cuts::new(&mut input);
    let offers = Offers {
        protocols: if flags & 4 != 0 { &PROTOCOLS } else { &[] },
        extension: flags & 8 != 0,
    };
    if flags & 16 != 0 {
        answer_each_other(&mut input, offers, cuts);
        return;
    }
    let client = flags & 1 != 0;
    let script = (flags & 2 != 0).then(|| {
        if client {
            response_script(&mut input)
        } else {
            request_script(&mut input)
        }
    });
    let wire = script.as_deref().unwrap_or(input.rest());
    // tungstenite takes 64 KiB, with whatever came in the same read.
    let wire = &wire[..wire.len().min(60_000)];
    if client {
        let (ours, theirs) = (
            read_response_ours(wire, cuts, offers),
            read_response_theirs(wire, offers),
        );
        compare(wire, &ours, &theirs, offers, read_response);
    } else {
        let (ours, theirs) = (read_request_ours(wire, cuts), read_request_theirs(wire));
        compare(wire, &ours, &theirs, offers, read_request);
    }
});

/// Where the two differ, and which one is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Difference {
    /// R6455-4.2.1-c: tungstenite does not look at Host.
    Host,
    /// R6455-4.1-k, X-http-3: there a target may be `*`, an authority, of any scheme, and have a fragment.
    Target,
    /// R6455-4.2.1-f: a key is one value in base64; tungstenite takes several behind each other, each with its padding,
    /// and wants the bits that mean nothing to be 0.
    Key,
    /// R6455-4.2.1-d: of an Upgrade with several protocols, `websocket` is picked here; there it stands alone,
    /// in the first line.
    UpgradeList,
    /// R6455-4.1-y: a client takes one Upgrade line of one word here; there other lines do not matter. An empty
    /// line adds nothing to a list (RFC 9110 §5.6.1), which only matters there.
    UpgradeLines,
    /// R6455-4.2.1-e, R6455-4.1-z: Connection is a list, of one line or several; tungstenite reads the first line,
    /// and as a client one word.
    ConnectionList,
    /// R6455-4.2.1-e: blanks do not separate the elements of a list; tungstenite's server lets them.
    ConnectionBlanks,
    /// R6455-11.3.1-a, R6455-11.3.3-a, R6455-11.3.4-a, R6455-11.3.5-a: of a header that stands once tungstenite takes
    /// the first.
    Repeated,
    /// R6455-4.1-t, R6455-4.3-a, R6455-9.1-a: as a server tungstenite leaves both lists to its caller.
    Lists,
    /// R6455-4.1-ab, R6455-9.1-a, R7692-5-b: as a client tungstenite does not look at the extensions agreed on.
    Extensions,
    /// R6455-4.1-ac: no subprotocol is an answer (R6455-4.2.2-h); tungstenite's client wants one if it has offered any.
    NoProtocol,
    /// X-http-4, X-http-6: neither head has a body; tungstenite takes what is announced for frames. (An answer of
    /// length 0, or in chunks, has none for us either.)
    Body,
    /// X-http-3: tungstenite takes a bare LF for a line end, and skips blank lines before a head.
    LineEnds,
    /// X-http-8: answers before the final one are for the client to skip; to tungstenite they are a refusal.
    Interim,
    /// X-http-3: these are refused here as they come, there when the head is whole.
    Early,
}

/// What one of the two made of a head.
#[derive(Debug)]
enum Verdict<E> {
    Accepted(Box<Agreed>),
    Refused(E),
    /// It is not whole.
    Pending,
}

#[derive(Debug, PartialEq, Eq)]
struct Agreed {
    /// Of a request.
    path: String,
    query: Option<String>,
    /// Those offered in a request; the one chosen in a response.
    protocols: Vec<String>,
    headers: HeaderMap,
    /// Bytes of the head.
    taken: usize,
}

#[derive(Debug, Clone, Copy)]
struct Offers {
    protocols: &'static [&'static str],
    extension: bool,
}

fn compare(
    wire: &[u8],
    ours: &Verdict<Option<HandshakeError>>,
    theirs: &Verdict<Error>,
    offers: Offers,
    read: fn(&[u8]) -> Option<HeadReading>,
) {
    let shown = wire[..wire.len().min(2000)].escape_ascii();
    match (ours, theirs) {
        (Verdict::Accepted(ours), Verdict::Accepted(theirs)) => assert_eq!(ours, theirs, "{shown}"),
        (Verdict::Refused(error), Verdict::Accepted(_)) => {
            let read = read(wire).expect("they have read it");
            let known = error
                .as_ref()
                .and_then(|error| why_they_take(error, &read, wire, offers));
            assert!(
                known.is_some(),
                "they take what we refuse: {error:?} {shown}"
            );
        }
        (Verdict::Accepted(_), Verdict::Refused(error)) => {
            let read = read(wire).expect("we have read it");
            let known = why_we_take(error, &read, offers);
            assert!(
                known.is_some(),
                "they refuse what we take: {error:?} {shown}"
            );
        }
        (Verdict::Refused(error), Verdict::Pending) => {
            let known = error.as_ref().and_then(|error| refused_early(error, wire));
            assert_eq!(
                known,
                Some(Difference::Early),
                "a head for us only: {error:?} {shown}"
            );
        }
        // Either may see the mistake first.
        (Verdict::Refused(_), Verdict::Refused(_))
        | (Verdict::Pending, Verdict::Refused(_) | Verdict::Pending) => {}
        (Verdict::Pending, Verdict::Accepted(_)) => panic!("a head for them only: {shown}"),
        (Verdict::Accepted(_), Verdict::Pending) => panic!("a head for us only: {shown}"),
    }
}

/// Why tungstenite may have taken this head, which we refused.
fn why_they_take(
    error: &HandshakeError,
    read: &HeadReading,
    wire: &[u8],
    offers: Offers,
) -> Option<Difference> {
    let head = &wire[..read.size];
    let target = read.start.1.as_str();
    let request = !target.is_empty();
    let count = |name: &str| read.all(name).count();
    let list = |name: &str| {
        let lines: Vec<&[u8]> = read.all(name).collect();
        lines.join(&b","[..])
    };
    let (known, difference) = match error {
        HandshakeError::Malformed(HeadFault::BareLf) => {
            let mut before = 0;
            let bare = head.iter().any(|&byte| {
                let bare = byte == b'\n' && before != b'\r';
                before = byte;
                bare
            });
            (bare, Difference::LineEnds)
        }
        HandshakeError::Malformed(HeadFault::LeadingBlankLine) => {
            (head.starts_with(b"\r\n"), Difference::LineEnds)
        }
        HandshakeError::MissingHost => (request && count("host") == 0, Difference::Host),
        HandshakeError::InvalidHost => {
            let host = read.only("host").unwrap_or_default();
            let other = authority_of(target).is_some_and(|name| !name.eq_ignore_ascii_case(host));
            (!is_plain_host(host) || other, Difference::Host)
        }
        HandshakeError::DuplicateHeader("Host") => (count("host") > 1, Difference::Host),
        HandshakeError::DuplicateHeader(name) => {
            let singles = if request {
                ["sec-websocket-key", "sec-websocket-version", "origin"]
            } else {
                ["sec-websocket-accept", "sec-websocket-protocol", "-"]
            };
            let name = name.to_ascii_lowercase();
            let single = singles.contains(&name.as_str());
            (single && count(&name) > 1, Difference::Repeated)
        }
        HandshakeError::RequestBody => {
            let none = count("content-length") == 0 || read.only("content-length") == Some(b"0");
            (count("transfer-encoding") > 0 || !none, Difference::Body)
        }
        HandshakeError::ResponseBody => (
            read.all("content-length").any(|length| length != b"0"),
            Difference::Body,
        ),
        HandshakeError::InvalidTarget => (!is_plain_target(target), Difference::Target),
        HandshakeError::InvalidKey => {
            let key = read.only("sec-websocket-key").unwrap_or_default();
            let padded = key.iter().position(|byte| *byte == b'=');
            (padded.is_some_and(|at| at + 2 < key.len()), Difference::Key)
        }
        HandshakeError::InvalidConnection => (
            request && !list_names(&list("connection"), "upgrade"),
            Difference::ConnectionBlanks,
        ),
        HandshakeError::InvalidUpgrade => {
            (!request && count("upgrade") > 1, Difference::UpgradeLines)
        }
        HandshakeError::InvalidProtocols => (
            !is_token_list(&list("sec-websocket-protocol")),
            Difference::Lists,
        ),
        HandshakeError::InvalidExtensions(_) => {
            let list = list("sec-websocket-extensions");
            let right =
                core::str::from_utf8(&list).is_ok_and(|list| read_extensions(list).is_some());
            let difference = if request {
                Difference::Lists
            } else {
                Difference::Extensions
            };
            (!right, difference)
        }
        HandshakeError::ExtensionNotOffered | HandshakeError::ExtensionRepeated => {
            let list = list("sec-websocket-extensions");
            let list = String::from_utf8_lossy(&list);
            let agreed = read_extensions(&list)?;
            let wrong = !offers.extension
                || agreed.len() > 1
                || agreed.iter().any(|(name, _)| name != "permessage-deflate");
            (wrong, Difference::Extensions)
        }
        _ => return None,
    };
    known.then_some(difference)
}

/// Why tungstenite may have refused this head, which we took.
fn why_we_take(error: &Error, read: &HeadReading, offers: Offers) -> Option<Difference> {
    let request = !read.start.1.is_empty();
    let mut lines = read.all("connection");
    let first = lines.next().unwrap_or_default();
    let (known, difference) = match error {
        Error::Protocol(ProtocolError::MissingUpgradeWebSocketHeader) => {
            let alone = |line: &[u8]| line.eq_ignore_ascii_case(b"websocket");
            let first = read.all("upgrade").next().is_some_and(alone);
            let mut lines = read.all("upgrade");
            if request {
                let named = lines.any(|line| list_names(line, "websocket"));
                (named && !first, Difference::UpgradeList)
            } else {
                let mut filled = lines.filter(|line| !line.is_empty());
                let named = filled.next().is_some_and(alone) && filled.next().is_none();
                (named && !first, Difference::UpgradeLines)
            }
        }
        Error::Protocol(ProtocolError::MissingConnectionUpgradeHeader) => {
            let named = read
                .all("connection")
                .any(|line| list_names(line, "upgrade"));
            let mut words = first.split(|byte| request && b" ,".contains(byte));
            let text = first.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
            let first = text && words.any(|word| word.eq_ignore_ascii_case(b"upgrade"));
            (named && !first, Difference::ConnectionList)
        }
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol,
        )) => {
            let answered = read.all("sec-websocket-protocol").next().is_some();
            (
                !offers.protocols.is_empty() && !answered,
                Difference::NoProtocol,
            )
        }
        Error::Protocol(ProtocolError::InvalidSecWebSocketKey) => {
            let key = read.only("sec-websocket-key").unwrap_or_default();
            let last = key.strip_suffix(b"==").and_then(|digits| digits.last());
            let right = key.len() == 24 && !key[..22].contains(&b'=');
            (
                right && !last.is_some_and(|last| b"AQgw".contains(last)),
                Difference::Key,
            )
        }
        // An interim answer of HTTP/1.0 is skipped like any; the final one has to be of HTTP/1.1.
        Error::Protocol(ProtocolError::WrongHttpVersion) => (
            read.start.0.starts_with('1') && read.start.0 != "101",
            Difference::Interim,
        ),
        Error::Http(response) => {
            let interim = response.status().is_informational() && response.status() != 101;
            (
                interim && read.start.0.starts_with('1'),
                Difference::Interim,
            )
        }
        _ => return None,
    };
    known.then_some(difference)
}

/// What is refused before the head is whole.
fn refused_early(error: &HandshakeError, wire: &[u8]) -> Option<Difference> {
    let known = match error {
        HandshakeError::Malformed(
            HeadFault::BareLf | HeadFault::LeadingBlankLine | HeadFault::NotHttp | HeadFault::Tls,
        ) => true,
        // Of a response only.
        HandshakeError::NotHttp(_) => !wire.starts_with(b"HTTP/1."),
        HandshakeError::HttpVersion => wire.starts_with(b"HTTP/") && !wire.starts_with(b"HTTP/1."),
        _ => false,
    };
    known.then_some(Difference::Early)
}

fn read_request_ours(wire: &[u8], cuts: Cuts) -> Verdict<Option<HandshakeError>> {
    let mut handshake = ServerHandshake::new(limits());
    let mut given = 0;
    for piece in cuts.pieces(wire) {
        given += piece.len();
        match handshake.receive(piece) {
            Ok(Progress::NeedMore) => {}
            Ok(Progress::Done(Incoming::Http(_))) => return Verdict::Refused(None),
            Err(error) => return Verdict::Refused(Some(error)),
            Ok(Progress::Done(Incoming::Upgrade(request))) => {
                let taken = given - request.leftover().len();
                assert_eq!(
                    request.leftover(),
                    &wire[taken..given],
                    "what follows the head"
                );
                return Verdict::Accepted(Box::new(Agreed {
                    path: request.path().to_owned(),
                    query: request.query().map(str::to_owned),
                    protocols: request.offered_protocols().map(str::to_owned).collect(),
                    headers: request.to_http().headers().clone(),
                    taken,
                }));
            }
        }
    }
    Verdict::Pending
}

fn read_request_theirs(wire: &[u8]) -> Verdict<Error> {
    let read = server::Request::try_parse(wire).and_then(|read| {
        let Some((taken, request)) = read else {
            return Ok(None);
        };
        create_response(&request).map(|_| Some((taken, request)))
    });
    match read {
        Ok(None) => Verdict::Pending,
        Ok(Some((taken, request))) => Verdict::Accepted(Box::new(Agreed {
            path: request.uri().path().to_owned(),
            query: request.uri().query().map(str::to_owned),
            protocols: elements(request.headers()),
            headers: request.headers().clone(),
            taken,
        })),
        Err(error) => Verdict::Refused(error),
    }
}

fn read_response_ours(wire: &[u8], cuts: Cuts, offers: Offers) -> Verdict<Option<HandshakeError>> {
    let mut handshake =
        ClientHandshake::new(our_request("ws://example.com/", offers), NONCE, limits());
    let mut given = 0;
    for piece in cuts.pieces(wire) {
        given += piece.len();
        match handshake.receive(piece) {
            Ok(Progress::NeedMore) => {}
            Err(error) => return Verdict::Refused(Some(error)),
            Ok(Progress::Done(accepted)) => {
                let taken = given - accepted.leftover.len();
                assert_eq!(
                    accepted.leftover,
                    wire[taken..given],
                    "what follows the head"
                );
                return Verdict::Accepted(Box::new(Agreed {
                    path: String::new(),
                    query: None,
                    protocols: accepted.protocol.into_iter().collect(),
                    headers: accepted.response.headers().clone(),
                    taken,
                }));
            }
        }
    }
    // A refusal whose body has not come whole is one all the same.
    match handshake.receive_eof() {
        error @ HandshakeError::Refused(_) => Verdict::Refused(Some(error)),
        _ => Verdict::Pending,
    }
}

fn read_response_theirs(wire: &[u8], offers: Offers) -> Verdict<Error> {
    let stream = Memory {
        input: Cursor::new(wire),
        output: Vec::new(),
    };
    let handshake = client::ClientHandshake::start(stream, their_request("/", offers), None)
        .expect("the request is right");
    match handshake.handshake() {
        Err(Interrupted::Interrupted(_)) => Verdict::Pending,
        Err(Interrupted::Failure(error)) => Verdict::Refused(error),
        Ok((_, response)) => {
            let parsed = client::Response::try_parse(wire).expect("it was read");
            let (taken, _) = parsed.expect("it was whole");
            Verdict::Accepted(Box::new(Agreed {
                path: String::new(),
                query: None,
                protocols: elements(response.headers()),
                headers: response.headers().clone(),
                taken,
            }))
        }
    }
}

/// Each end of one with the other end of the other.
fn answer_each_other(input: &mut Input<'_>, offers: Offers, cuts: Cuts) {
    let choice = usize::from(input.byte());
    let behind = usize::from(input.byte() % 32);
    let mut resource = String::from("/");
    for &byte in input.slice(64) {
        resource.push_str(PARTS[usize::from(byte) % PARTS.len()]);
    }
    let chosen = offers.protocols.get(choice % 3).copied();

    // Our client asks their server.
    let url = format!("ws://example.com{resource}");
    let mut ours = ClientHandshake::new(our_request(&url, offers), NONCE, limits());
    let (taken, request) = server::Request::try_parse(ours.request_bytes())
        .expect("what we ask they read")
        .expect("it is whole");
    assert_eq!(taken, ours.request_bytes().len());
    assert_eq!(request.method(), "GET");
    assert_eq!(elements(request.headers()), offers.protocols);
    let mut response = create_response(&request).expect("what we ask they grant");
    if let Some(name) = chosen {
        let headers = response.headers_mut();
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(name));
    }
    let mut wire = Vec::new();
    write_response(&mut wire, &response).expect("memory takes everything");
    wire.extend(vec![0x82; behind]);
    let mut accepted = None;
    let mut given = 0;
    for piece in cuts.pieces(&wire) {
        given += piece.len();
        if let Progress::Done(done) = ours.receive(piece).expect("what they answer we take") {
            accepted = Some(done);
            break;
        }
    }
    let accepted = accepted.expect("the answer is whole");
    assert_eq!(accepted.protocol.as_deref(), chosen);
    assert_eq!(wire.len() - given + accepted.leftover.len(), behind);

    // Their client asks our server.
    let (mut wire, key) =
        generate_request(their_request(&resource, offers)).expect("the request is right");
    let head = wire.len();
    wire.extend(vec![0x82; behind]);
    let Verdict::Accepted(agreed) = read_request_ours(&wire, cuts) else {
        panic!("what they ask we refuse: {}", wire.escape_ascii());
    };
    assert_eq!(agreed.taken, head);
    let target = match &agreed.query {
        Some(query) => format!("{}?{query}", agreed.path),
        None => agreed.path.clone(),
    };
    assert_eq!(target, resource);
    assert_eq!(agreed.protocols, offers.protocols);
    assert_eq!(agreed.headers["sec-websocket-key"], key);
    let Ok(Progress::Done(Incoming::Upgrade(request))) =
        ServerHandshake::new(limits()).receive(&wire)
    else {
        panic!("it was one");
    };
    let checked = request
        .check(&OriginPolicy::Any)
        .expect("any origin will do");
    let accepted = checked.accept().protocol_from(chosen.as_slice()).finish();
    assert_eq!(accepted.protocol.as_deref(), chosen);
    match read_response_theirs(&accepted.response, offers) {
        Verdict::Accepted(agreed) => {
            assert_eq!(agreed.protocols, Vec::from_iter(chosen));
            assert_eq!(agreed.taken, accepted.response.len());
        }
        Verdict::Refused(Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol,
        ))) if chosen.is_none() && !offers.protocols.is_empty() => {}
        other => panic!("what we answer they refuse: {other:?}"),
    }
}

fn our_request(url: &str, offers: Offers) -> ClientRequest {
    let request = ClientRequest::new(url).and_then(|request| request.protocols(offers.protocols));
    let request = if offers.extension {
        request.and_then(|request| request.extensions("permessage-deflate"))
    } else {
        request
    };
    request.expect("the request is right")
}

fn their_request(resource: &str, offers: Offers) -> client::Request {
    let mut request = http::Request::get(format!("ws://example.com{resource}"))
        .header("Host", "example.com")
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", KEY);
    if !offers.protocols.is_empty() {
        request = request.header("Sec-WebSocket-Protocol", offers.protocols.join(", "));
    }
    if offers.extension {
        request = request.header("Sec-WebSocket-Extensions", "permessage-deflate");
    }
    request.body(()).expect("the request is right")
}

/// As many headers as tungstenite takes, and no other limit.
fn limits() -> HeadLimits {
    HeadLimits::default()
        .max_headers(124)
        .max_head_bytes(1 << 20)
}

/// The subprotocols named in all lines.
fn elements(headers: &HeaderMap) -> Vec<String> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
    let all = lines.collect::<Vec<_>>().join(",");
    let elements = all
        .split(',')
        .map(|element| element.trim_matches([' ', '\t']));
    let filled = elements.filter(|element| !element.is_empty());
    filled.map(str::to_owned).collect()
}

struct Memory<'a> {
    input: Cursor<&'a [u8]>,
    output: Vec<u8>,
}

impl Read for Memory<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buf)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Memory<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.output.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const NONCE: [u8; 16] = [7; 16];
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBw==";
const PROTOCOLS: [&str; 2] = ["chat", "superchat"];
/// Of a path and a query that both write down as they are.
const PARTS: [&str; 12] = [
    "a", "/", "?", "=", "&", "%41", "~", ";", "(", "x.y", "%00", "-_",
];
