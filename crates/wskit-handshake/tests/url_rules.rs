//! RFC 6455 §3 and §11.1 for any URL: it is accepted if and only if each of its parts is valid, and
//! the request is that of a second, simpler writer.

mod wire;

use proptest::prelude::*;
use proptest::sample::select;
use wire::NONCE;
use wskit_handshake::{ClientHandshake, ClientRequest, HeadLimits, RequestError};

/// A part of a URL, and whether it is allowed.
type Part = (&'static str, bool);

const SCHEMES: [Part; 10] = [
    ("ws", true),
    ("wss", true),
    ("WS", true),
    ("wSs", true),
    ("http", false),
    ("https", false),
    ("wsss", false),
    ("w", false),
    ("", false),
    ("ẃs", false),
];
const USERS: [Part; 6] = [
    ("", true),
    ("", true),
    ("user:pass@", true),
    ("us%40er@", true),
    ("a%3Ab:c@", false),
    ("a%0D:b@", false),
];
const HOSTS: [Part; 12] = [
    ("h", true),
    ("H.example", true),
    ("192.0.2.1", true),
    ("[::1]", true),
    ("[2001:DB8::1]", true),
    ("xn--bcher-kva.example", true),
    ("bücher.example", false),
    ("例え.example", false),
    ("h%c3%a9", false),
    ("", false),
    ("[::1", false),
    ("h,i", false),
];
const PORTS: [Part; 9] = [
    ("", true),
    (":", true),
    (":80", true),
    (":443", true),
    (":8080", true),
    (":0", false),
    (":65536", false),
    (":x", false),
    (":８０", false),
];
const RESOURCES: [Part; 22] = [
    ("a", true),
    ("/", true),
    ("?", true),
    ("x=1&y", true),
    (":@!$'()*+,;", true),
    ("%23", true),
    ("%c3%a9", true),
    ("é", true),
    ("世界", true),
    ("\u{1f600}", true),
    ("\u{a0}", true),
    ("{}|^`", true),
    ("\"<>\\", true),
    ("[]", true),
    ("..", true),
    ("#", false),
    ("#part", false),
    ("%", false),
    ("%zz", false),
    (" ", false),
    ("\r\nX: y", false),
    ("\u{7f}", false),
];

/// Returns the resource as it must be written: allowed ASCII is kept, all else is percent-encoded
/// as UTF-8. An empty query is dropped.
fn written(resource: &str) -> String {
    let (path, query) = resource.split_once('?').unwrap_or((resource, ""));
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'%' | b'/' | b'?' => char::from(byte).to_string(),
                _ if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte) => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    let path = if path.is_empty() {
        "/".into()
    } else {
        encoded(path)
    };
    if query.is_empty() {
        path
    } else {
        format!("{path}?{}", encoded(query))
    }
}

/// Target and Host, as `httparse` reads the request.
fn on_the_wire(request: ClientRequest) -> (String, String) {
    let handshake = ClientHandshake::new(request, NONCE, HeadLimits::default());
    let bytes = handshake.request_bytes();
    assert!(bytes.is_ascii(), "{}", bytes.escape_ascii());
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut parsed = httparse::Request::new(&mut headers);
    let read = parsed.parse(bytes).expect("it is HTTP");
    assert_eq!(read, httparse::Status::Complete(bytes.len()));
    let host = parsed.headers.iter().find(|header| header.name == "Host");
    let host = String::from_utf8(host.expect("a Host").value.to_vec()).unwrap();
    (parsed.path.expect("a target").to_owned(), host)
}

/// One of these parts, or one of the valid ones.
fn part(parts: &[Part], only_right: bool) -> impl Strategy<Value = Part> + use<> {
    let parts = parts.iter().filter(|(_, right)| *right || !only_right);
    select(parts.copied().collect::<Vec<_>>())
}

/// Scheme, user, host and port; the first characters of the resource; the rest of it. Half of them
/// are valid.
fn url() -> impl Strategy<Value = ([Part; 4], &'static str, Vec<Part>)> {
    any::<bool>().prop_flat_map(|right| {
        let authority = [&SCHEMES[..], &USERS, &HOSTS, &PORTS].map(|parts| part(parts, right));
        let rest = prop::collection::vec(part(&RESOURCES, right), 0..5);
        (authority, select(&["", "/", "?"][..]), rest)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Proves: R6455-3-a, R6455-3-c, R6455-3-d, R6455-11.1-a, R6455-11.1-b, R6455-4.1-pac
    #[test]
    fn client_takes_a_url_by_its_parts((parts, start, rest) in url()) {
        let [scheme, user, host, port] = parts;
        // Without a slash or a question mark it would belong to the host.
        let rest = if start.is_empty() { Vec::new() } else { rest };
        // The characters after a percent sign may make it valid.
        prop_assume!(rest.windows(2).all(|pair| pair[0].0 != "%"));
        let right = parts.iter().chain(&rest).all(|(_, right)| *right);
        let resource: String = start.chars().chain(rest.iter().flat_map(|(text, _)| text.chars())).collect();
        let url = format!("{}://{}{}{}{resource}", scheme.0, user.0, host.0, port.0);
        let request = match ClientRequest::new(&url) {
            Err(error) => {
                prop_assert!(!right, "{url:?}: {error}");
                return Ok(());
            }
            Ok(request) => request,
        };
        prop_assert!(right, "{url:?} is taken");

        let secure = scheme.0.eq_ignore_ascii_case("wss");
        prop_assert_eq!(request.is_secure(), secure);
        let default = if secure { 443 } else { 80 };
        let number = port.0.trim_start_matches(':').parse().unwrap_or(default);
        prop_assert_eq!(request.port(), number);
        let name = host.0.to_ascii_lowercase();
        let authority = if number == default { name } else { format!("{name}:{number}") };

        // The URL written for a proxy's script leads to the same place.
        let again = ClientRequest::new(request.url()).expect("it was written here");
        prop_assert_eq!(again.url(), request.url());
        prop_assert!(again.headers().is_empty(), "credentials stay behind");
        prop_assert_eq!((again.host(), again.port()), (request.host(), request.port()));
        prop_assert_eq!(again.is_secure(), secure);

        let wire = (written(&resource), authority);
        prop_assert!(!wire.0.contains('#'));
        prop_assert_eq!(on_the_wire(again), wire.clone());
        prop_assert_eq!(on_the_wire(request), wire);
    }
}

/// Every scheme of up to three letters.
///
/// Proves: R6455-3-a
#[test]
fn client_knows_two_of_all_short_schemes() {
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').collect();
    let mut schemes = vec![String::new()];
    let mut taken = Vec::new();
    for _ in 0..=3 {
        for scheme in &schemes {
            match ClientRequest::new(format!("{scheme}://h")) {
                Ok(request) => taken.push((scheme.clone(), request.is_secure())),
                Err(error) => assert_eq!(error, RequestError::Scheme, "{scheme}"),
            }
        }
        schemes = schemes
            .iter()
            .flat_map(|scheme| {
                letters
                    .iter()
                    .map(move |letter| format!("{scheme}{letter}"))
            })
            .filter(|scheme| scheme.len() < 4)
            .collect();
    }
    assert_eq!(taken.len(), 4 + 8, "{taken:?}");
    for (scheme, secure) in taken {
        let expected = if secure { "wss" } else { "ws" };
        assert_eq!(scheme.to_ascii_lowercase(), expected);
    }
}
