//! RFC 6455 §4.1, §4.2.2 and §11.3 for any offers and choices: the written heads as `httparse`
//! reads them, and the result of the other role.

mod wire;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use wire::{NONCE, upgrade};
use wskit_handshake::{
    Accept, BuildError, ClientHandshake, ClientRequest, HeadLimits, OriginPolicy, Progress,
    RequestError,
};

/// Characters of tokens, and others.
const PIECES: [&str; 16] = [
    "chat",
    "v1",
    ".",
    "!#$%&'*+-^_`|~",
    "A",
    "a",
    " ",
    ",",
    ";",
    "/",
    "\"",
    "\r\n",
    "é",
    "\0",
    "\u{7f}",
    "@",
];

/// RFC 9110 §5.6.2, by a list of the characters that are not allowed.
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|char| char.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(char))
}

/// Returns the values of all lines with this name, unchanged.
fn lines(head: &[u8], name: &str) -> Vec<String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let parsed = if head.starts_with(b"HTTP") {
        let mut response = httparse::Response::new(&mut headers);
        response.parse(head).map(|_| response.headers.to_vec())
    } else {
        let mut request = httparse::Request::new(&mut headers);
        request.parse(head).map(|_| request.headers.to_vec())
    };
    let parsed = parsed.expect("it is HTTP");
    let lines = parsed
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case(name));
    lines
        .map(|header| String::from_utf8_lossy(header.value).into_owned())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Any request has one line of each header of the handshake, and its subprotocols are distinct
    /// tokens.
    ///
    /// Proves: R6455-4.1-t, R6455-11.3.5-a, R6455-11.3.1-a
    #[test]
    fn client_offers_tokens_that_differ(
        names in vec(vec(select(&PIECES[..]), 0..4).prop_map(|pieces| pieces.concat()), 0..5),
        more in vec("x-[a-c]", 0..4),
    ) {
        let tokens = names.iter().all(|name| is_token(name));
        let differ = names.iter().enumerate().all(|(at, name)| !names[..at].contains(name));
        let request = ClientRequest::new("ws://h/").unwrap().protocols(&names);
        let request = match request {
            Ok(request) => request,
            Err(RequestError::InvalidProtocol) => {
                prop_assert!(!tokens, "{names:?}");
                return Ok(());
            }
            Err(error) => {
                prop_assert_eq!(error, RequestError::RepeatedProtocol);
                prop_assert!(!differ, "{names:?}");
                return Ok(());
            }
        };
        prop_assert!(tokens && differ, "{names:?} are taken");
        let request = more.iter().fold(request, |request, name| {
            request.header(name.as_str(), "1").unwrap()
        });
        for name in ["Sec-WebSocket-Version", "Sec-WebSocket-Key", "sec-websocket-protocol"] {
            prop_assert!(request.clone().header(name, "13").is_err());
        }
        let handshake = ClientHandshake::new(request, NONCE, HeadLimits::default());
        let head = handshake.request_bytes();
        prop_assert_eq!(lines(head, "sec-websocket-version"), ["13"]);
        prop_assert_eq!(lines(head, "sec-websocket-key").len(), 1);
        let offered = lines(head, "sec-websocket-protocol");
        let expected: Vec<String> = (!names.is_empty()).then(|| names.join(", ")).into_iter().collect();
        prop_assert_eq!(offered, expected);
    }

    /// For any offer and any choice of the server, the response has one accept line, a subprotocol
    /// only if both have it, and extensions that were offered, each once. The client accepts it.
    ///
    /// Proves: R6455-4.2.2-h, R6455-4.2.2-i, R6455-4.2.2-j, R6455-11.3.3-a, R6455-11.3.4-a
    #[test]
    fn server_answers_with_what_was_offered(
        offered in subsequence(&["a", "b", "c", "B"][..], 0..=4).prop_shuffle(),
        supported in subsequence(&["b", "c", "d", "A"][..], 0..=4).prop_shuffle(),
        extensions in subsequence(&["x-one", "x-two", "X-One"][..], 0..=3).prop_shuffle(),
        wanted in vec(select(&["x-one", "x-two", "X-One", "x-none", ""][..]), 0..6),
    ) {
        let mut request = ClientRequest::new("ws://h/").unwrap().protocols(&offered).unwrap();
        for name in &extensions {
            request = request.extension(name, [("p", Some("1"))]).unwrap();
        }
        let mut client = ClientHandshake::new(request, NONCE, HeadLimits::default());
        let accept = |granted: &[&str]| -> Result<Accept, BuildError> {
            let request = upgrade(client.request_bytes());
            let checked = request.check(&OriginPolicy::Any).unwrap();
            let accept = checked.accept().protocol_from(&supported);
            granted.iter().try_fold(accept, |accept, name| accept.extension(name, []))
        };
        let mut granted = Vec::new();
        for name in wanted {
            let tried = [&granted[..], &[name]].concat();
            let may = extensions.contains(&name) && !granted.contains(&name);
            prop_assert_eq!(accept(&tried).is_ok(), may, "{} of {:?}", name, &extensions);
            if may {
                granted = tried;
            }
        }
        let accepted = accept(&granted).unwrap().finish();
        let chosen = offered.iter().find(|name| supported.contains(name)).copied();
        prop_assert_eq!(accepted.protocol.as_deref(), chosen);

        let head = &accepted.response;
        prop_assert_eq!(lines(head, "sec-websocket-accept"), ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]);
        prop_assert_eq!(lines(head, "sec-websocket-protocol"), Vec::from_iter(chosen));
        let list: Vec<String> = (!granted.is_empty()).then(|| granted.join(", ")).into_iter().collect();
        prop_assert_eq!(lines(head, "sec-websocket-extensions"), list);
        prop_assert_eq!(lines(head, "sec-websocket-version").len(), 0);

        let Ok(Progress::Done(agreed)) = client.receive(head) else {
            panic!("the client does not agree: {}", head.escape_ascii())
        };
        prop_assert_eq!(agreed.protocol.as_deref(), chosen);
        prop_assert_eq!(agreed.extensions.as_str(), granted.join(", "));
        prop_assert_eq!(agreed.extensions, accepted.extensions);
    }
}
