//! Messages as JSON (RFC 8259), by the feature `json`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use crate::wire::*;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use wskit_proto::{Config, Event, JsonError, Message, Outgoing, PreparedMessage, Role};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order<'a> {
    id: u32,
    #[serde(borrow)]
    side: Cow<'a, str>,
}

#[test]
fn a_value_is_sent_as_text_and_received_from_text_or_binary() {
    let order = Order {
        id: 7,
        side: "buy".into(),
    };
    let json = r#"{"id":7,"side":"buy"}"#;
    for outgoing in [
        Outgoing::json(&order).unwrap(),
        (&PreparedMessage::json(&order).unwrap()).into(),
        Message::from_json(&order).unwrap().into(),
    ] {
        let mut server = open(Role::Server, Config::new());
        server.feed(outgoing).unwrap();
        assert_eq!(server.take_output(), unmasked(FIN | TEXT, json.as_bytes()));
    }
    assert_eq!(Message::text(json).json::<Order<'_>>().unwrap(), order);
    assert_eq!(Message::binary(json).json::<Order<'_>>().unwrap(), order);
}

/// A `&str` of the value lies in the message.
#[test]
fn a_value_borrows_from_the_message() {
    let message = Message::text(r#"{"id":7,"side":"buy"}"#);
    let order: Order<'_> = message.json().unwrap();
    let Cow::Borrowed(side) = order.side else {
        panic!("copied")
    };
    assert!(message.as_bytes().as_ptr_range().contains(&side.as_ptr()));
}

#[test]
fn a_lent_message_gives_its_value() {
    let frame = masked(FIN | TEXT, b"[1,2,3]");
    let mut server = open(Role::Server, Config::new());
    assert_eq!(server.receive(&frame), frame.len());
    let Ok(Some(Event::Message(message))) = server.poll_event(Instant::now()) else {
        panic!("no message")
    };
    assert_eq!(message.json::<Vec<u8>>().unwrap(), [1, 2, 3]);
    assert!(message.json::<String>().is_err());
}

#[test]
fn an_error_says_where() {
    type Orders = HashMap<String, Vec<(u32, String)>>;
    for (json, path, line, column, syntax, text) in [
        (
            r#"{"open": [[1, "buy"], [2, 3]]}"#,
            "open[1][1]",
            1,
            27,
            false,
            "invalid JSON at open[1][1]: invalid type: integer `3`, expected a string at line 1 column 27",
        ),
        (
            "{\n\"open\": [[1 \"buy\"]]}",
            "open[0]",
            2,
            13,
            true,
            "invalid JSON at open[0]: expected `,` or `]` at line 2 column 13",
        ),
        (
            "{\"open\": [",
            "open",
            1,
            10,
            true,
            "invalid JSON at open: EOF while parsing a list at line 1 column 10",
        ),
        (
            "hello",
            ".",
            1,
            1,
            true,
            "invalid JSON: expected value at line 1 column 1",
        ),
        (
            "",
            ".",
            1,
            0,
            true,
            "invalid JSON: EOF while parsing a value at line 1 column 0",
        ),
        (
            "{} {}",
            ".",
            1,
            4,
            true,
            "invalid JSON: trailing characters at line 1 column 4",
        ),
        (
            "[]",
            ".",
            1,
            0,
            false,
            "invalid JSON: invalid type: sequence, expected a map at line 1 column 0",
        ),
    ] {
        let error: JsonError = Message::text(json).json::<Orders>().unwrap_err();
        assert_eq!(error.to_string(), text, "{json}");
        assert_eq!(error.path(), Some(path), "{json}");
        assert_eq!((error.line(), error.column()), (line, column), "{json}");
        assert_eq!(error.is_syntax(), syntax, "{json}");
        assert!(std::error::Error::source(&error).is_none());
    }
}

#[test]
fn a_value_without_a_json_form_is_not_sent() {
    let pairs = HashMap::from([((1, 2), 3)]);
    let error = Outgoing::json(&pairs).unwrap_err();
    assert_eq!(error.path(), None);
    assert_eq!(
        error.to_string(),
        "the value cannot be written as JSON: key must be a string"
    );
}

/// Nested too deeply for the parser's stack: an error, no overflow.
#[test]
fn deep_nesting_is_an_error() {
    let error = Message::text("[".repeat(100_000))
        .json::<serde_json::Value>()
        .unwrap_err();
    assert!(
        error.to_string().contains("recursion limit exceeded"),
        "{error}"
    );
}

#[derive(Debug, Deserialize)]
enum Side {
    Buy,
    Sell,
}

/// Checks what is logged of an error: one line, and not much more than the peer's first words.
fn check_told(error: &JsonError) {
    for told in [error.to_string(), format!("{error:?}")] {
        assert!(!told.contains(char::is_control), "{told:?}");
        assert!(told.len() <= 512, "{} bytes", told.len());
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    assert!(error.to_string().ends_with(&place), "{error}");
}

/// Map keys are in the path; names of variants and fields, and values, in the text.
#[test]
fn text_of_the_peer_is_escaped_and_cut() {
    type Map = HashMap<String, Side>;
    let wide = "\u{1F980}".repeat(1000);
    let error =
        |json: serde_json::Value| Message::text(json.to_string()).json::<Map>().unwrap_err();
    let key = error(serde_json::json!({ "a\r\n\u{1b}[31m\u{202e}": 1 }));
    assert_eq!(key.path(), Some("a\r\n\u{1b}[31m\u{202e}"));
    assert_eq!(
        key.to_string(),
        "invalid JSON at a\\r\\n\\u{1b}[31m\\u{202e}: expected value at line 1 column 23"
    );
    check_told(&key);
    let variant = error(serde_json::json!({ "a": "\n2026 INFO paid" }));
    assert_eq!(
        variant.to_string(),
        "invalid JSON at a: unknown variant `\\n2026 INFO paid`, expected `Buy` or `Sell` at line 1 column 23"
    );
    check_told(&variant);
    for long in [
        error(serde_json::json!({ &wide: 1 })),
        error(serde_json::json!({ "a": wide })),
    ] {
        assert!(long.to_string().contains("\u{1F980}..."), "{long}");
        check_told(&long);
    }
}

proptest! {
    #[test]
    fn text_of_the_peer_is_told_on_one_line(key in "(?s).{0,300}", value in "(?s).{0,300}") {
        let json = serde_json::json!({ key: value }).to_string();
        check_told(&Message::text(json).json::<HashMap<String, Side>>().unwrap_err());
    }
}
