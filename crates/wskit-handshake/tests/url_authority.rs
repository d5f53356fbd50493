//! A URL leads to the same host as in browsers, or is an error: an allow-list that uses their rules
//! (the URL standard of the WHATWG) cannot be bypassed.

mod wire;

use proptest::prelude::*;
use wskit_handshake::{ClientRequest, RequestError};

/// Returns the host by the URL standard for `ws` and `wss`: tabs and line ends are dropped, a
/// backslash is a slash, any number of slashes precedes the authority, and the last `@` ends the
/// user info.
fn host_of_browsers(url: &str) -> Option<String> {
    let url: String = url
        .chars()
        .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
        .collect();
    let url = url.trim_matches(|c: char| c <= ' ').replace('\\', "/");
    let (scheme, rest) = url.split_once(':')?;
    if !["ws", "wss", "http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let rest = rest.trim_start_matches('/');
    let authority = rest.split(['/', '?', '#']).next()?;
    let host_port = authority.rsplit('@').next()?;
    let host = match host_port.split_once(']') {
        Some((literal, _)) => format!("{literal}]"),
        None => host_port.split(':').next()?.to_owned(),
    };
    Some(host.to_ascii_lowercase())
}

#[test]
fn user_info_is_that_of_rfc_3986() {
    for url in [
        "wss://a.example\\@b.example/",
        "wss://a.example\\:80@b.example/",
        "ws://a@b@c.example/",
        "ws://a:b@c@d.example/",
        "ws://a[b@h/",
        "ws://a]b@h/",
        "ws://a^b@h/",
        "ws://a|b@h/",
        "ws://a\"b@h/",
        "ws://<a>@h/",
        "ws://a`b@h/",
        "ws://{a}@h/",
        "ws://é@h/",
        "ws://a:é@h/",
    ] {
        let error = ClientRequest::new(url)
            .map(|request| request.url())
            .unwrap_err();
        assert!(
            matches!(error, RequestError::InvalidCharacter { .. }),
            "{url}"
        );
        let request = ClientRequest::new("wss://h/").unwrap();
        let location = url.replacen("ws://", "wss://", 1);
        let error = request
            .redirected_to(&location)
            .map(|request| request.url());
        assert!(
            matches!(error, Err(RequestError::InvalidCharacter { .. })),
            "{url}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Proves: R6455-3-a, R6455-4.1-h
    #[test]
    fn client_dials_the_host_that_browsers_read(
        scheme in "wss?|WS|https?",
        slashes in "[/\\\\]{0,3}",
        parts in prop::collection::vec(prop::sample::select(&[
            "a", "b.example", "C.example", "@", ":", "\\", "/", "?", "#", "%41", "80", "[::1]", "[", "]", ".", "..",
            "é", "~", "!", ";", "\t", " ", "x:y@", "\\@",
        ][..]), 0..8),
    ) {
        let text = format!("{scheme}:{slashes}{}", parts.concat());
        if let Ok(request) = ClientRequest::new(&text) {
            let host = request.host().to_owned();
            let expected = host_of_browsers(&text).unwrap();
            prop_assert_eq!(host, expected.trim_matches(['[', ']']), "{}", text);
        }
        // A `Location` may be relative: the standard resolves it against the URL of the request.
        let base = ClientRequest::new("ws://base.example/x/y").unwrap();
        let location = if slashes.len() % 2 == 0 { text } else { format!("{slashes}{}", parts.concat()) };
        if let Ok(request) = base.redirected_to(&location) {
            let plain = location.replace('\\', "/");
            let absolute = if plain.contains(':') && host_of_browsers(&location).is_some() {
                location.clone()
            } else if plain.starts_with("//") {
                format!("ws:{location}")
            } else {
                "ws://base.example/".into()
            };
            let expected = host_of_browsers(&absolute).unwrap();
            prop_assert_eq!(request.host(), expected.trim_matches(['[', ']']), "{}", location);
        }
    }
}
