//! A server's side of the opening handshake: any two cuttings give the same result, no byte is lost,
//! the work is linear, and every answer is a response.
//!
//! Input: which limits, two times cuts (8), then what the client sends.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wskit_fuzz::{
    Cuts, HeadReading, Input, assert_final_response, end_of_head, read_request, read_response,
};
use wskit_handshake::{
    HandshakeError, HeadLimits, Incoming, OriginPolicy, PlainRequest, Progress, Rejection,
    ServerHandshake, UpgradeRequest, accept_key,
};

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let limits = match input.byte() % 4 {
        0 => HeadLimits::default(),
        1 => HeadLimits::default().max_head_bytes(300),
        2 => HeadLimits::default().max_head_bytes(60),
        _ => HeadLimits::default().max_headers(6),
    };
    let (one, other) = (Cuts::new(&mut input), Cuts::new(&mut input));
    let wire = input.rest();
    let (first, second) = (run(wire, one, limits), run(wire, other, limits));
    assert_eq!(
        first.verdict, second.verdict,
        "the verdict depends on the cuts"
    );
    assert_eq!(
        first.taken, second.taken,
        "the length of the head depends on the cuts"
    );
    answer(first, wire, limits);
});

struct Run {
    verdict: String,
    /// The bytes of the head, once it is whole.
    taken: Option<usize>,
    end: Result<Incoming, HandshakeError>,
}

fn run(wire: &[u8], cuts: Cuts, limits: HeadLimits) -> Run {
    let mut handshake = ServerHandshake::new(limits);
    let mut given = 0;
    let mut end = None;
    for piece in cuts.pieces(wire) {
        given += piece.len();
        match handshake.receive(piece) {
            Ok(Progress::NeedMore) => {}
            Ok(Progress::Done(incoming)) => {
                end = Some(Ok(incoming));
                break;
            }
            Err(error) => {
                end = Some(Err(error));
                break;
            }
        }
    }
    // Each byte is tried as an ordinary request's, searched once, parsed once and picked over once.
    assert!(
        handshake.work() <= 4 * given as u64,
        "{} bytes looked at of {given}",
        handshake.work()
    );
    let end = end.unwrap_or_else(|| {
        assert_eq!(given, wire.len());
        Err(handshake.receive_eof())
    });
    let after = handshake
        .receive(b"GET / HTTP/1.1\r\n\r\n")
        .expect_err("it is over");
    let eof = handshake.receive_eof();
    let taken = match &end {
        Ok(incoming) => {
            assert_eq!(
                (format!("{after:?}"), format!("{eof:?}")),
                ("Finished".into(), "Finished".into())
            );
            let leftover = match incoming {
                Incoming::Upgrade(request) => request.leftover(),
                Incoming::Http(request) => &request.leftover,
            };
            let taken = given - leftover.len();
            assert_eq!(
                leftover,
                &wire[taken..given],
                "what follows the head is handed on"
            );
            Some(taken)
        }
        Err(error) => {
            let told = format!("{error:?}");
            assert_eq!(
                (format!("{after:?}"), format!("{eof:?}")),
                (told.clone(), told),
                "an error stays"
            );
            if let HandshakeError::UnexpectedEof { received } = error {
                assert_eq!(*received, wire.len());
                assert!(wire.len() <= limits.get_max_head_bytes());
            }
            None
        }
    };
    Run {
        verdict: end
            .as_ref()
            .map_or_else(|error| format!("{error:?}"), describe),
        taken,
        end,
    }
}

/// Everything about a request but what is left over, which the cuts decide.
fn describe(incoming: &Incoming) -> String {
    match incoming {
        Incoming::Upgrade(request) => format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            request.path(),
            request.query(),
            request.host(),
            request.request_origin(),
            request.offered_protocols().collect::<Vec<_>>(),
            request
                .offered_extensions()
                .map(|extension| extension.to_string())
                .collect::<Vec<_>>(),
            request.headers().collect::<Vec<_>>(),
        ),
        Incoming::Http(plain) => format!("{:?}", plain.request),
    }
}

fn answer(run: Run, wire: &[u8], limits: HeadLimits) {
    let incoming = match run.end {
        Ok(incoming) => incoming,
        Err(error) => {
            if let Some(rejection) = error.rejection() {
                assert_final_response(&rejection.to_bytes(), false);
            } else {
                assert!(
                    matches!(error, HandshakeError::UnexpectedEof { .. }),
                    "no client to answer {error:?}"
                );
            }
            return;
        }
    };
    let taken = run.taken.expect("there is a head");
    assert_eq!(
        Some(taken),
        end_of_head(wire),
        "a head ends with its first blank line"
    );
    let head = &wire[..taken];
    assert!(taken <= limits.get_max_head_bytes());
    let lines: Vec<&[u8]> = head[..taken - 4].split(|byte| *byte == b'\n').collect();
    assert!(lines.len() - 1 <= limits.get_max_headers());
    let read = read_request(head).expect("what is accepted is HTTP");
    assert_eq!((read.size, read.headers.len()), (taken, lines.len() - 1));
    match incoming {
        Incoming::Upgrade(request) => accept(request, &read),
        Incoming::Http(plain) => respond(&plain, &read),
    }
}

fn accept(request: UpgradeRequest, read: &HeadReading) {
    // §4.2.1, by another reader.
    assert_eq!((read.start.0.as_str(), read.minor), ("GET", 1));
    assert_eq!(read.only("host"), Some(request.host().as_bytes()));
    assert_eq!(read.only("sec-websocket-version"), Some(&b"13"[..]));
    let key = read.only("sec-websocket-key").expect("one key");
    assert_eq!(key.len(), 24);
    assert!(read.all("upgrade").any(|value| {
        value
            .to_ascii_lowercase()
            .windows(9)
            .any(|word| word == b"websocket")
    }));
    assert!(read.all("connection").any(|value| {
        value
            .to_ascii_lowercase()
            .windows(7)
            .any(|word| word == b"upgrade")
    }));
    assert!(read.all("transfer-encoding").next().is_none());
    assert!(read.start.1.contains(request.path()) || request.path() == "/");
    let headers: Vec<_> = request
        .headers()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()))
        .collect();
    assert_eq!(headers, read.headers, "all headers in their order");

    let http = request.to_http();
    assert_eq!(http.headers().len(), read.headers.len());
    let protocols: Vec<String> = request.offered_protocols().map(str::to_owned).collect();
    let extension = request
        .offered_extensions()
        .next()
        .map(|extension| extension.name().to_owned());
    let leftover = request.leftover().to_vec();
    let checked = match request.check(&OriginPolicy::SameOrigin) {
        Ok(checked) => checked,
        Err(forbidden) => return assert_final_response(&forbidden.to_bytes(), false),
    };
    let mut accept = checked.accept().protocol_from(&protocols);
    if let Some(name) = &extension {
        accept = accept
            .extension(name, [("p", Some("1"))])
            .expect("it was offered");
        accept = accept.header("x-test", "1").expect("an ordinary header");
    }
    let accepted = accept.finish();
    assert_eq!(accepted.leftover, leftover);
    assert_eq!(accepted.protocol.as_ref(), protocols.first());
    let response = read_response(&accepted.response).expect("the yes is HTTP");
    assert_eq!(
        response.size,
        accepted.response.len(),
        "nothing follows the blank line"
    );
    assert_eq!(
        end_of_head(&accepted.response),
        Some(response.size),
        "no header ends the head early"
    );
    assert_eq!((response.start.0.as_str(), response.minor), ("101", 1));
    assert_eq!(
        response.only("sec-websocket-accept"),
        Some(&accept_key(key)[..])
    );
    assert_eq!(
        response.only("sec-websocket-protocol"),
        protocols.first().map(String::as_bytes)
    );
    let chosen = extension.map(|name| format!("{name}; p=1"));
    assert_eq!(
        response.only("sec-websocket-extensions"),
        chosen.as_deref().map(str::as_bytes)
    );
    assert_eq!(
        response.headers.len(),
        3 + usize::from(accepted.protocol.is_some()) + 2 * usize::from(chosen.is_some())
    );
    assert_final_response(&Rejection::not_found().body("no").to_bytes(), false);
}

fn respond(plain: &PlainRequest, read: &HeadReading) {
    assert!(
        read.all("sec-websocket-key").next().is_none(),
        "this is an attempt to upgrade"
    );
    assert!(
        read.all("sec-websocket-version").next().is_none(),
        "this is an attempt to upgrade"
    );
    assert_eq!(plain.request.method().as_str(), read.start.0);
    assert_eq!(plain.request.headers().len(), read.headers.len());
    let response = plain
        .respond(&http::Response::new("hello"))
        .expect("a final status");
    assert_final_response(&response, read.start.0 == "HEAD");
}
