//! A request in one piece takes the fast path, one in several pieces the full parser. Both must
//! give the same result.

mod wire;

use proptest::prelude::*;
use wire::REQUEST;
use wskit_handshake::{HeadLimits, Incoming, OriginPolicy, Progress, ServerHandshake};

const CHROMIUM: &str = "GET /chat?room=42&user=al%20ice HTTP/1.1\r\n\
    Host: server.example.com:8443\r\n\
    Connection: Upgrade\r\n\
    Pragma: no-cache\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)\r\n\
    Upgrade: websocket\r\n\
    Origin: https://server.example.com:8443\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Cookie: session=3f9a2c\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    \r\n";

const FIREFOX: &str = "GET / HTTP/1.1\r\n\
    Host: 127.0.0.1:9001\r\n\
    Sec-WebSocket-Version: 13\r\n\
    origin: null\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Extensions: permessage-deflate\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Upgrade: WebSocket\r\n\
    \r\n";

const ODD: &str = "GET http://h:1/a?b HTTP/1.1\r\n\
    HOST: h:1\r\n\
    upgrade:websocket\t\r\n\
    connection:  x ,Upgrade \r\n\
    X_Y: \té\r\n\
    Content-Length: 0\r\n\
    sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ==\r\n\
    sec-websocket-version:13\r\n\
    sec-websocket-extensions: a; b=\"c\"\r\n\
    sec-websocket-protocol: x\r\n\
    sec-websocket-protocol: y\r\n\
    \r\n";

/// Everything that a server reads from the request, and its response.
fn serve(limits: HeadLimits, pieces: &[&[u8]]) -> String {
    let mut handshake = ServerHandshake::new(limits);
    let mut rest = pieces.iter();
    for piece in rest.by_ref() {
        let request = match handshake.receive(piece) {
            Ok(Progress::NeedMore) => continue,
            Err(error) => return format!("{error:?}"),
            Ok(Progress::Done(Incoming::Http(plain))) => {
                return format!("{:?} {:?}", plain.request, plain.leftover);
            }
            Ok(Progress::Done(Incoming::Upgrade(request))) => request,
        };
        let told = format!(
            "{} {:?} {} {:?} {:?} {:?} {:?} {:?}",
            request.path(),
            request.query(),
            request.host(),
            request.request_origin(),
            request.offered_protocols().collect::<Vec<_>>(),
            request.offered_extensions().collect::<Vec<_>>(),
            request.headers().collect::<Vec<_>>(),
            request.to_http(),
        );
        let accepted = request.check(&OriginPolicy::Any).unwrap();
        let accepted = accepted.accept().protocol_from(&["superchat"]).finish();
        let leftover = [&accepted.leftover[..], &rest.as_slice().concat()];
        let response = accepted.response.escape_ascii();
        return format!("{told} {response} {}", leftover.concat().escape_ascii());
    }
    format!("{:?}", handshake.receive_eof())
}

fn both_ways_agree(limits: HeadLimits, request: &[u8]) {
    let (first, rest) = request.split_at(1.min(request.len()));
    assert_eq!(
        serve(limits, &[request]),
        serve(limits, &[first, rest]),
        "{}",
        request.escape_ascii()
    );
}

fn samples() -> [Vec<u8>; 4] {
    [CHROMIUM, FIREFOX, ODD, REQUEST]
        .map(|request| [request.as_bytes(), b"\x81\x85\r\n\r\nframe"].concat())
}

/// Proves: R6455-4.2.1-a, R6455-4.2.1-d, R6455-4.2.1-e
#[test]
fn server_finds_the_same_in_one_piece_and_in_two() {
    for request in samples() {
        let whole = serve(HeadLimits::default(), &[&request]);
        assert!(whole.contains("101 Switching"), "{whole}");
        both_ways_agree(HeadLimits::default(), &request);
    }
}

/// Proves: R6455-4.2.1-a
#[test]
fn server_finds_the_same_after_any_change_of_a_byte() {
    for request in samples() {
        for at in 0..request.len() {
            for byte in b"\0\t\n\r !-/09:AZ[_az{\x7f\x80\xff" {
                let mut changed = request.clone();
                changed[at] = *byte;
                both_ways_agree(HeadLimits::default(), &changed);
            }
            let mut without = request.clone();
            without.remove(at);
            both_ways_agree(HeadLimits::default(), &without);
            both_ways_agree(HeadLimits::default(), &request[..at]);
        }
    }
}

/// Proves: X-http-1
#[test]
fn server_keeps_the_same_limits_in_one_piece_and_in_two() {
    for request in samples() {
        for bound in 0..request.len() + 2 {
            let limits = HeadLimits::default();
            both_ways_agree(limits.max_head_bytes(bound), &request);
            both_ways_agree(limits.max_headers(bound), &request);
        }
    }
}

proptest! {
    /// Lines are repeated, omitted and moved, and bytes are changed.
    ///
    /// Proves: R6455-4.2.1-a
    #[test]
    fn server_finds_the_same_in_mangled_requests(
        which in 0..4_usize,
        lines in prop::collection::vec(any::<prop::sample::Index>(), 1..16),
        keep_most in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let head = [CHROMIUM, FIREFOX, ODD, REQUEST][which];
        let head = head.strip_suffix("\r\n").unwrap();
        let mut mangled: Vec<&str> = head.split_inclusive("\r\n").collect();
        if keep_most {
            for pair in lines.chunks_exact(2) {
                let (from, to) = (pair[0].index(mangled.len()), pair[1].index(mangled.len()));
                let line = mangled[from];
                mangled.insert(to, line);
            }
        } else {
            let rest = mangled.split_off(1);
            mangled.extend(lines.iter().map(|line| *line.get(&rest)));
        }
        let mut request = mangled.concat().into_bytes();
        request.extend_from_slice(b"\r\n\x82\x80mask");
        for (at, byte) in changes {
            let at = at.index(request.len());
            request[at] = byte;
        }
        both_ways_agree(HeadLimits::default(), &request);
    }
}
