//! Logins create large cookies, and policies large responses: a head has one limit for all its
//! lines together.

mod wire;

use wire::{REQUEST, RESPONSE, assert_matches, connect, connected, refused, upgrade, with_more};
use wskit_handshake::HandshakeError;

fn lines() -> [String; 5] {
    let cookie = |length: usize| format!("Cookie: {}", "c".repeat(length));
    [
        cookie(9 << 10),
        vec![cookie(4 << 10); 4].join("\r\n"),
        cookie(31 << 10),
        ["X: y"; 120].join("\r\n"),
        format!("Content-Security-Policy: {}", "p".repeat(20 << 10)),
    ]
}

/// Proves: X-http-1
#[test]
fn large_cookies_and_many_headers_pass() {
    for lines in lines() {
        upgrade(with_more(REQUEST, &lines));
        connected(with_more(RESPONSE, &lines));
        // By the full parser too.
        let request = with_more(REQUEST, &lines).replacen("Host: ", "HOST:\t", 1);
        upgrade(request);
    }
    upgrade(REQUEST.replace("/chat", &format!("/{}", "x".repeat(31 << 10))));
}

/// Proves: X-http-1
#[test]
fn head_beyond_32_kib_or_128_lines_is_refused() {
    let pad = |head: &str, length: usize| {
        let more = length - head.len() - "X: \r\n".len();
        with_more(head, &format!("X: {}", "y".repeat(more)))
    };
    upgrade(pad(REQUEST, 32 << 10));
    let (error, status) = refused(pad(REQUEST, (32 << 10) + 1));
    assert_matches!(error, HandshakeError::HeadTooLong { limit: 32768 });
    assert_eq!(status, 431);
    connected(pad(RESPONSE, 32 << 10));
    assert_matches!(
        connect(pad(RESPONSE, (32 << 10) + 1)),
        Err(HandshakeError::HeadTooLong { limit: 32768 })
    );
    let many = |head: &str, count: usize| {
        let have = head.matches("\r\n").count() - 2;
        with_more(head, "X: y\r\n".repeat(count - have).trim_end())
    };
    upgrade(many(REQUEST, 128));
    let (error, status) = refused(many(REQUEST, 129));
    assert_matches!(error, HandshakeError::TooManyHeaders { limit: 128 });
    assert_eq!(status, 431);
    connected(many(RESPONSE, 128));
    assert_matches!(
        connect(many(RESPONSE, 129)),
        Err(HandshakeError::TooManyHeaders { limit: 128 })
    );
}
