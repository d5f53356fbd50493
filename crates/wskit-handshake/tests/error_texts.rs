//! Texts of errors, in logs and in responses to a client.

use std::error::Error;

use http::{HeaderName, StatusCode};
use wskit_handshake::{
    BuildError, ClientHandshake, ClientRequest, ExtensionError, HandshakeError, HeadFault,
    HeadLimits, HeaderError, OriginList, OriginPolicy, Rejection, RequestError,
};

#[test]
fn handshake_error_says_what_the_peer_did() {
    for (error, words) in [
        (
            HandshakeError::HeadTooLong { limit: 9 },
            "head longer than 9 bytes",
        ),
        (
            HandshakeError::Malformed(HeadFault::BareLf),
            "malformed HTTP head: line feed without carriage return",
        ),
        (
            HandshakeError::Malformed(HeadFault::Tls),
            "this looks like a TLS handshake, and no TLS is spoken here: the client may have written \
             wss:// for ws://",
        ),
        (
            HandshakeError::DuplicateHeader("Host"),
            "more than one Host header",
        ),
        (
            HandshakeError::UnexpectedEof { received: 0 },
            "connection closed before the handshake",
        ),
        (
            HandshakeError::UnexpectedEof { received: 1 },
            "connection closed during the handshake",
        ),
        (HandshakeError::Finished, "the handshake has already ended"),
        (
            HandshakeError::TooManyInterimResponses { limit: 8 },
            "more than 8 interim responses",
        ),
        (
            HandshakeError::MissingAccept,
            "no Sec-WebSocket-Accept header",
        ),
        (
            HandshakeError::InvalidAccept,
            "the Sec-WebSocket-Accept header does not match the key",
        ),
        (
            HandshakeError::ProtocolNotOffered,
            "the server chose a subprotocol that was not offered",
        ),
        (
            HandshakeError::ExtensionNotOffered,
            "the server chose an extension that was not offered",
        ),
        (
            HandshakeError::ExtensionRepeated,
            "the server chose an extension twice",
        ),
        (
            HandshakeError::ResponseBody,
            "the 101 response announces a body",
        ),
    ] {
        assert_eq!(error.to_string(), words);
        assert!(error.source().is_none());
        // Only a server responds, and only to errors of requests.
        let answered = matches!(
            error,
            HandshakeError::HeadTooLong { .. }
                | HandshakeError::Malformed(_)
                | HandshakeError::DuplicateHeader(_)
        );
        assert_eq!(error.rejection().is_some(), answered, "{error}");
    }
    let error = HandshakeError::InvalidExtensions(ExtensionError::UnclosedQuote);
    assert!(error.to_string().ends_with(": quoted value is not closed"));
    assert!(error.source().is_none());
}

#[test]
fn server_without_http_is_told_by_its_answer() {
    for (answer, words) in [
        (
            &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
            "the server does not speak HTTP: its response begins with \"SSH-2.0-OpenSSH_9.6\", which \
             looks like SSH",
        ),
        (
            b"220 mail.example ESMTP\r\n",
            "the server does not speak HTTP: its response begins with \"220 mail.example ESMTP\", \
             which looks like SMTP or FTP",
        ),
        (
            b"\x15\x03\x01\x00\x02\x02\x46",
            "the server does not speak HTTP: its response begins with \
             \"\\x15\\x03\\x01\\x00\\x02\\x02F\", which looks like TLS; is it wss://?",
        ),
        (
            b"RFB 003.008\n",
            "the server does not speak HTTP: its response begins with \"RFB 003.008\"",
        ),
    ] {
        let request = ClientRequest::new("ws://h/").unwrap();
        let mut handshake = ClientHandshake::new(request, [7; 16], HeadLimits::default());
        let error = handshake.receive(answer).unwrap_err();
        assert_eq!(error.to_string(), words);
        assert!(error.source().is_none() && error.rejection().is_none());
    }
    let request = ClientRequest::new("ws://h/").unwrap();
    let mut handshake = ClientHandshake::new(request, [7; 16], HeadLimits::default());
    let error = handshake.receive(&[0; 500]).unwrap_err();
    let HandshakeError::NotHttp(answer) = error else {
        panic!("{error:?}");
    };
    assert_eq!((answer.bytes(), answer.looks_like()), (&[0; 64][..], None));
}

#[test]
fn every_answer_explains_itself_in_its_body() {
    for error in [
        HandshakeError::TooManyHeaders { limit: 9 },
        HandshakeError::HttpVersion,
        HandshakeError::MissingUpgrade,
        HandshakeError::InvalidUpgrade,
        HandshakeError::MissingConnection,
        HandshakeError::InvalidConnection,
        HandshakeError::InvalidExtensions(ExtensionError::Name),
        HandshakeError::Method,
        HandshakeError::InvalidTarget,
        HandshakeError::MissingHost,
        HandshakeError::InvalidHost,
        HandshakeError::MissingKey,
        HandshakeError::InvalidKey,
        HandshakeError::MissingVersion,
        HandshakeError::UnsupportedVersion,
        HandshakeError::InvalidProtocols,
        HandshakeError::RequestBody,
    ] {
        let rejection = error.rejection().expect("a server responds");
        let bytes = String::from_utf8(rejection.to_bytes()).unwrap();
        assert!(bytes.contains(&error.to_string()), "{bytes}");
    }
}

#[test]
fn request_error_says_what_the_caller_asked_for() {
    for (error, words) in [
        (
            RequestError::Scheme,
            "the URL must begin with ws:// or wss://",
        ),
        (RequestError::EmptyHost, "the URL has no host"),
        (
            RequestError::InvalidHost,
            "the host is neither a usable name nor an address",
        ),
        (
            RequestError::NonAsciiHost,
            "the host is not ASCII; use its IDNA form",
        ),
        (
            RequestError::InvalidPort,
            "the port in the URL is not a number from 1 to 65535",
        ),
        (
            RequestError::Fragment,
            "a WebSocket URL has no fragment; write # as %23",
        ),
        (
            RequestError::InvalidCharacter {
                character: Some('\n'),
                position: 7,
            },
            "the character '\\n' at byte 7 of the URL is not allowed there",
        ),
        (
            RequestError::InvalidCharacter {
                character: Some('%'),
                position: 7,
            },
            "the character '%' at byte 7 of the URL is not allowed there; a literal % in a path or \
             query is %25",
        ),
        (
            RequestError::InvalidCharacter {
                character: None,
                position: 5,
            },
            "byte 5 of the URL, in its user name or password, must be percent-encoded",
        ),
        (
            RequestError::InvalidCredentials,
            "basic authentication does not support these credentials",
        ),
        (RequestError::Method, "the method must be GET"),
        (RequestError::Version, "the version must be HTTP/1.1"),
        (
            RequestError::InvalidProtocol,
            "a subprotocol must be a token",
        ),
        (
            RequestError::RepeatedProtocol,
            "a subprotocol is offered twice",
        ),
        (
            ExtensionError::ParamValue.into(),
            "invalid extension offer: invalid parameter value",
        ),
        (
            RequestError::InsecureRedirect,
            "refused to redirect from wss to ws",
        ),
    ] {
        let error: Box<dyn Error> = error.into();
        assert_eq!(error.to_string(), words);
    }
}

/// What cannot be printed is escaped, and a long name is cut.
#[test]
fn header_name_that_is_no_token_is_told_with_its_first_wrong_byte() {
    let long = format!("{} ", "a".repeat(200));
    let cut = format!(
        "invalid header name \"{}...\": byte 200 is not allowed in a name",
        "a".repeat(64)
    );
    for (name, words) in [
        ("", "the header name is empty"),
        (
            "X Token",
            "invalid header name \"X Token\": byte 1 is not allowed in a name",
        ),
        (
            "Authorization:",
            "invalid header name \"Authorization:\": byte 13 is not allowed in a name",
        ),
        (
            "x\r\nevil",
            "invalid header name \"x\\r\\nevil\": byte 1 is not allowed in a name",
        ),
        (
            "größe",
            "invalid header name \"gr\\xc3\\xb6\\xc3\\x9fe\": byte 2 is not allowed in a name",
        ),
        (&long, &cut),
    ] {
        let new = ClientRequest::new("ws://h/").unwrap();
        let error = new.header(name, "x").unwrap_err();
        assert_eq!(error.to_string(), words);
        let error = Rejection::forbidden().header(name, "x").unwrap_err();
        assert_eq!(error.to_string(), words);
    }
    let longest = "a".repeat(65_536);
    let error = Rejection::forbidden().header(longest, "x").unwrap_err();
    assert!(
        error.to_string().ends_with("aaa...\": it is too long"),
        "{error}"
    );
}

#[test]
fn build_error_says_what_cannot_be_answered() {
    for (error, words) in [
        (HeaderError::InvalidValue.into(), "invalid header value"),
        (
            HeaderError::Reserved(HeaderName::from_static("upgrade")).into(),
            "the header upgrade is set by the handshake",
        ),
        (
            BuildError::ProtocolNotOffered,
            "the client did not offer this subprotocol",
        ),
        (
            BuildError::ExtensionNotOffered,
            "the client did not offer this extension",
        ),
        (
            BuildError::ExtensionRepeated,
            "the extension was already accepted",
        ),
        (
            ExtensionError::Separator.into(),
            "invalid extension: missing comma or semicolon",
        ),
        (
            BuildError::InterimStatus,
            "a rejection requires a status of 200 or above",
        ),
    ] {
        let error: Box<dyn Error> = BuildError::into(error);
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn wrong_entry_of_an_origin_list_is_named() {
    let error = OriginList::new(["https://chat.example", "chat.example"]).unwrap_err();
    assert_eq!(error.entry(), "chat.example");
    assert_eq!(
        error.to_string(),
        "\"chat.example\" is not an origin; write scheme://host or scheme://host:port"
    );
    let policy = OriginPolicy::SameOrigin;
    assert_eq!(format!("{policy:?}"), "SameOrigin");
    let list = OriginPolicy::List(OriginList::new(["https://chat.example"]).unwrap());
    assert!(format!("{list:?}").contains("chat.example"), "{list:?}");
    assert_eq!(format!("{:?}", OriginPolicy::Any), "Any");
}

#[test]
fn url_of_any_kind_makes_a_request() {
    let url = "ws://chat.example/room?a=b";
    let uri: http::Uri = url.parse().unwrap();
    for request in [
        ClientRequest::try_from(url),
        ClientRequest::try_from(url.to_owned()),
        ClientRequest::try_from(&url.to_owned()),
        ClientRequest::try_from(uri),
    ] {
        let request = request.unwrap();
        assert_eq!((request.host(), request.port()), ("chat.example", 80));
        assert_eq!(request.url(), url);
    }
}

#[test]
fn credentials_are_not_shown() {
    let request = ClientRequest::new("ws://user:geheim@chat.example/").unwrap();
    assert!(!format!("{request:?}").contains("geheim"));
    for (broken, position) in [("%", 5), ("a%4", 6), ("a:%g1", 7), ("%1g", 5), ("a\tb", 6)] {
        let url = format!("ws://{broken}@chat.example/");
        let error = ClientRequest::new(&url).unwrap_err();
        let expected = RequestError::InvalidCharacter {
            character: None,
            position,
        };
        assert_eq!(error, expected, "{url}");
    }
}

#[test]
fn ready_made_rejections_have_their_status() {
    for (rejection, head) in [
        (Rejection::bad_request(), "HTTP/1.1 400 Bad Request\r\n"),
        (
            Rejection::unavailable(),
            "HTTP/1.1 503 Service Unavailable\r\n",
        ),
        (Rejection::forbidden(), "HTTP/1.1 403 Forbidden\r\n"),
        (Rejection::not_found(), "HTTP/1.1 404 Not Found\r\n"),
    ] {
        assert!(rejection.to_bytes().starts_with(head.as_bytes()));
    }
    let error = Rejection::new(StatusCode::SWITCHING_PROTOCOLS).unwrap_err();
    assert_eq!(error, BuildError::InterimStatus);
}

#[test]
fn limit_of_interim_responses_is_kept() {
    assert_eq!(HeadLimits::default().get_max_interim_responses(), 8);
    let limits = HeadLimits::default().max_interim_responses(2);
    assert_eq!(limits.get_max_interim_responses(), 2);
}
