//! Limits on the data of a peer, and on the work that it can cause.

mod wire;

use wire::{NONCE, REQUEST, RESPONSE, assert_matches, client, with_more};
use wskit_handshake::{
    ClientHandshake, ClientRequest, HandshakeError, HeadLimits, Progress, ServerHandshake,
};

fn serve(limits: HeadLimits, request: &str) -> Result<(), HandshakeError> {
    let mut handshake = ServerHandshake::new(limits);
    handshake.receive(request.as_bytes()).map(|progress| {
        assert_matches!(progress, Progress::Done(_));
    })
}

fn status(error: &HandshakeError) -> u16 {
    error.rejection().unwrap().status().as_u16()
}

/// Proves: X-http-1
#[test]
fn server_bounds_the_head() {
    let limits = HeadLimits::default();
    serve(limits.max_head_bytes(REQUEST.len()), REQUEST).unwrap();
    serve(
        limits.max_head_bytes(REQUEST.len()),
        &format!("{REQUEST}more"),
    )
    .unwrap();
    let error = serve(limits.max_head_bytes(REQUEST.len() - 1), REQUEST).unwrap_err();
    assert_matches!(error, HandshakeError::HeadTooLong { .. });
    assert_eq!(status(&error), 431);
}

/// Proves: X-http-1
#[test]
fn server_bounds_the_number_of_headers() {
    let limits = HeadLimits::default().max_head_bytes(1 << 20);
    // Each line counts, with one name or many.
    for name in ["X", "Sec-WebSocket-Protocol"] {
        let line = format!("{name}: x\r\n");
        let add = |count: usize| with_more(REQUEST, line.repeat(count).trim_end());
        serve(limits, &add(121)).unwrap();
        let error = serve(limits, &add(122)).unwrap_err();
        assert_matches!(error, HandshakeError::TooManyHeaders { limit: 128 });
        assert_eq!(status(&error), 431);
        assert_matches!(
            serve(limits, &add(10_000)),
            Err(HandshakeError::TooManyHeaders { .. })
        );
    }
}

/// A head that never ends is refused as soon as it is too long.
///
/// Proves: X-http-1
#[test]
fn server_refuses_endless_heads_early() {
    for text in ["GET / HTTP/1.1\r\n", ""] {
        let mut handshake = ServerHandshake::new(HeadLimits::default());
        let mut sent = text.len();
        let mut outcome = handshake.receive(text.as_bytes());
        while let Ok(Progress::NeedMore) = outcome {
            outcome = handshake.receive(b"x");
            sent += 1;
        }
        assert_eq!(sent, (32 << 10) + 1);
        assert_matches!(outcome, Err(HandshakeError::HeadTooLong { limit: 32768 }));
    }
    let mut handshake = ServerHandshake::new(HeadLimits::default());
    let line = format!("X: {}\r\n", "x".repeat(1000));
    let _ = handshake.receive(b"GET / HTTP/1.1\r\n");
    let refused = (0..40).find(|_| handshake.receive(line.as_bytes()).is_err());
    assert_eq!(refused, Some(32));
}

/// Any limits can be used, including extreme ones.
///
/// Proves: X-http-1
#[test]
fn server_takes_any_limits() {
    let limits = HeadLimits::default();
    assert!(serve(limits.max_head_bytes(0), REQUEST).is_err());
    assert!(serve(limits.max_headers(0), REQUEST).is_err());
    let open = limits.max_head_bytes(usize::MAX).max_headers(usize::MAX);
    let many = with_more(REQUEST, "X: y\r\n".repeat(16_377).trim_end());
    serve(open, &many).unwrap();
    let more = with_more(REQUEST, "X: y\r\n".repeat(20_000).trim_end());
    assert_matches!(
        serve(open, &more),
        Err(HandshakeError::TooManyHeaders { .. })
    );
    // `http::Uri` ends at 64 KiB.
    let long = REQUEST.replace("/chat", &format!("/{}", "x".repeat(70_000)));
    assert_matches!(serve(open, &long), Err(HandshakeError::InvalidTarget));
    let long = with_more(REQUEST, &format!("{}: x", "n".repeat(70_000)));
    assert_matches!(serve(open, &long), Err(HandshakeError::Malformed(_)));
}

/// Proves: X-http-1
#[test]
fn client_bounds_the_head() {
    let connect = |limits: HeadLimits, response: &str| {
        let request = ClientRequest::new("ws://server.example.com/chat")
            .and_then(|request| request.protocol("chat"))
            .and_then(|request| request.extensions("x-echo"))
            .unwrap();
        let mut handshake = ClientHandshake::new(request, NONCE, limits);
        handshake.receive(response.as_bytes()).map(drop)
    };
    let limits = HeadLimits::default();
    connect(limits.max_head_bytes(RESPONSE.len()), RESPONSE).unwrap();
    let head = connect(limits.max_head_bytes(RESPONSE.len() - 1), RESPONSE);
    assert_matches!(head, Err(HandshakeError::HeadTooLong { .. }));
    connect(limits.max_headers(5), RESPONSE).unwrap();
    let headers = connect(limits.max_headers(4), RESPONSE);
    assert_matches!(headers, Err(HandshakeError::TooManyHeaders { limit: 4 }));
}

/// Proves: X-http-1, R6455-4.1-x
#[test]
fn client_bounds_the_body_of_a_refusal() {
    let refuse = |limit: usize, head: &str, body: &str| {
        let request = ClientRequest::new("ws://h/").unwrap();
        let limits = HeadLimits::default().max_body_bytes(limit);
        let mut handshake = ClientHandshake::new(request, NONCE, limits);
        let response = format!("HTTP/1.1 500 x\r\n{head}\r\n{body}");
        match handshake.receive(response.as_bytes()) {
            Err(HandshakeError::Refused(refusal)) => (refusal.body.len(), refusal.body_is_complete),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        refuse(10, "Content-Length: 10\r\n", "0123456789"),
        (10, true)
    );
    assert_eq!(
        refuse(10, "Content-Length: 11\r\n", "0123456789"),
        (10, false)
    );
    assert_eq!(
        refuse(10, "Content-Length: 99999999999999\r\n", "0123456789"),
        (10, false)
    );
    assert_eq!(refuse(10, "", "01234567890"), (10, false));
    assert_eq!(
        refuse(10, "Content-Length: 1, 2\r\n", "01234567890"),
        (10, false)
    );
    assert_eq!(
        refuse(10, "Transfer-Encoding: gzip\r\n", "01234567890"),
        (10, false)
    );
    let chunked = "Transfer-Encoding: chunked\r\n";
    assert_eq!(
        refuse(10, chunked, "a\r\n0123456789\r\n0\r\n\r\n"),
        (10, true)
    );
    assert_eq!(
        refuse(10, chunked, "b\r\n01234567890\r\n0\r\n\r\n"),
        (10, false)
    );
    assert_eq!(refuse(0, "Content-Length: 5\r\n", ""), (0, false));
    // Endless chunk extensions and trailers.
    assert_eq!(
        refuse(10, chunked, &format!("1;{}", "x".repeat(5000))),
        (0, false)
    );
    assert_eq!(
        refuse(10, chunked, &format!("0\r\n{}", "x: y\r\n".repeat(5000))),
        (0, false)
    );
}

/// Proves: X-http-2
#[test]
fn server_work_is_linear_however_the_head_is_cut() {
    let limits = HeadLimits::default()
        .max_head_bytes(128 * 1024)
        .max_headers(10_000);
    for (line, count) in [("X-Header: some value\r\n", 3_000), ("x:\r\n", 8_000)] {
        let head = with_more(REQUEST, line.repeat(count).trim_end());
        for piece in [1, 2, 7, 64, 1500, head.len()] {
            let mut handshake = ServerHandshake::new(limits);
            let mut outcome = Ok(Progress::NeedMore);
            for bytes in head.as_bytes().chunks(piece) {
                assert_matches!(outcome, Ok(Progress::NeedMore));
                outcome = handshake.receive(bytes);
            }
            assert_matches!(outcome, Ok(Progress::Done(_)));
            let work = handshake.work();
            assert!(
                work <= 4 * head.len() as u64,
                "{work} for {} by {piece}",
                head.len()
            );
            assert!(work >= head.len() as u64);
        }
    }
}

/// Proves: X-http-2
#[test]
fn client_work_is_linear_however_the_head_is_cut() {
    let response = with_more(
        RESPONSE,
        "X-Header: some value of a length\r\n".repeat(90).trim_end(),
    );
    for piece in [1, 3, response.len()] {
        let mut handshake = client();
        for bytes in response.as_bytes().chunks(piece) {
            let _ = handshake.receive(bytes).unwrap();
        }
        assert!(handshake.work() <= 4 * response.len() as u64);
    }
}

/// Bytes of frames are not examined.
///
/// Proves: X-http-2
#[test]
fn server_does_not_search_the_frames() {
    let mut handshake = ServerHandshake::new(HeadLimits::default());
    let _ = handshake.receive(&[REQUEST.as_bytes(), &vec![0x82; 1 << 20]].concat());
    assert!(handshake.work() <= 4 * REQUEST.len() as u64);
}
