//! Names of topics and payloads that a server might take for something else.

use std::collections::HashMap;

use wskit_hub::{EngineErrorKind, EngineEvent, Error, History, Hub, MessageKind, Publication};

use crate::Bench;
use crate::node::Node;

const HISTORY: Option<History> = Some(History::last(10));

/// Names of topics that differ, although some servers would have them be one, or many.
#[must_use]
pub fn odd_names() -> Vec<String> {
    let mut names: Vec<_> = [
        "a",
        "A",
        "a.b",
        "a..b",
        ".a",
        "a.",
        ".",
        "..",
        "a b",
        " a",
        "a ",
        " ",
        "*",
        "a.*",
        ">",
        "a.>",
        "$JS.API.>",
        "$SYS",
        "_INBOX.a",
        "%",
        "%%",
        "%2E",
        "%2e",
        ".2E",
        "a%2Eb",
        "%41",
        "{}",
        "{a}",
        "{a}b",
        "a{",
        "a}b",
        "[a]",
        "a?",
        "a*",
        "\\",
        "\\a",
        "a/b",
        "/",
        "a:b",
        ":",
        "a::b",
        "a,b",
        ";",
        "'",
        "\"",
        "`",
        "#",
        "+",
        "&",
        "=",
        "~",
        "^",
        "|",
        "<",
        "!",
        "@",
        "-",
        "_",
        "--help",
        "null",
        "0",
        "00",
        "é",
        "e\u{301}",
        "日本語",
        "🦀",
        "\u{202e}a",
        "\u{feff}",
        "ß",
        "ss",
        "İ",
        "i",
        "\u{a0}",
        "*3",
        "$3",
        "KEYS",
        "hub",
        "hub.in",
        "hub:a",
        "a|b",
        "(a)",
    ]
    .map(String::from)
    .into();
    names.extend([
        "x".repeat(255),
        "x".repeat(254),
        "é".repeat(127),
        ".".repeat(255),
        "%".repeat(255),
        " ".repeat(255),
    ]);
    names.extend(["🦀".repeat(63) + "abc", "*".repeat(255), "a.".repeat(127)]);
    for name in &names {
        assert!(Hub::check_topic(name).is_ok(), "{name:?}");
    }
    names
}

/// Each is a topic of its own: heard, read, left, and nothing else's messages.
pub async fn odd_names_are_different_topics<B: Bench>(bench: &B) {
    assert!(matches!(Hub::check_topic("a\nb"), Err(Error::InvalidTopic)));
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let names = odd_names();
    let topics: Vec<_> = names.iter().map(String::as_str).collect();
    b.listen(&topics).await;
    let mut positions = HashMap::new();
    for topic in &topics {
        positions.insert(*topic, a.say(topic, topic, 10).await);
    }
    b.listen(&["end"]).await;
    for topic in &topics {
        let message = b.message(topic).await;
        assert_eq!(message.publication.as_text(), Some(*topic));
        assert_eq!(message.position, positions[topic], "{topic:?}");
        let page = b.read(topic, None, 10).await;
        let texts: Vec<_> = page.messages.iter().map(|(_, one)| one.as_text()).collect();
        assert_eq!(texts, [Some(*topic)], "{topic:?}");
    }
    let expected: Vec<_> = topics.iter().map(|topic| Some(positions[topic])).collect();
    assert_eq!(b.tops(&topics).await, expected);
    a.say("end", "end", 10).await;
    b.message("end").await;
    for event in b.take_events() {
        assert!(!matches!(event, EngineEvent::Published { .. }), "{event:?}");
    }
    // Live topics.
    let names = names.iter().filter(|name| name.len() <= 250);
    let live: Vec<_> = names.map(|name| format!("{name}!live")).collect();
    b.listen(&live.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    for topic in &live {
        a.publish(topic, Publication::text(topic.clone()), None)
            .await;
        let message = b.message(topic).await;
        assert_eq!(message.publication.as_text(), Some(&**topic));
    }
}

/// Kind and bytes of payloads are as they were, heard and read.
pub async fn payloads_are_passed_on_as_they_are<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t", "live"]).await;
    let all: Vec<u8> = (0..=255).collect();
    let text = "é日🦀\u{0}\r\n\"'\\{}";
    let payloads = [
        Publication::text(""),
        Publication::binary(Vec::new()),
        Publication::text("x"),
        Publication::binary(vec![0]),
        Publication::binary(vec![b'\n']),
        Publication::binary(all.clone()),
        Publication::binary(b"1234".to_vec()),
        Publication::binary(b"\r\nPING\r\n".to_vec()),
        Publication::text(text),
        Publication::text("-1"),
        Publication::text("null"),
        Publication::text(text.repeat(1000)),
        Publication::binary(all.repeat(100)),
    ];
    for payload in payloads {
        let position = a.publish("t", payload.clone(), HISTORY).await;
        let message = b.message("t").await;
        assert_same(&message.publication, &payload);
        let page = b.read("t", None, 1).await;
        assert_eq!(page.messages[0].0, position.offset);
        assert_same(&page.messages[0].1, &payload);
        a.publish("live", payload.clone(), None).await;
        let message = b.message("live").await;
        assert_same(&message.publication, &payload);
    }
}

fn assert_same(got: &Publication, expected: &Publication) {
    assert_eq!(got.kind(), expected.kind());
    assert!(got.payload() == expected.payload(), "the payload changed");
    let is_text = expected.kind() == MessageKind::Text;
    assert_eq!(got.as_text().is_some(), is_text);
}

/// The id of a message comes with it.
pub async fn ids_are_passed_on<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t"]).await;
    let ids = [
        Some("order-7"),
        None,
        Some(""),
        Some("é\r\n: \"x\"\u{0}\t "),
    ];
    for id in ids.into_iter().chain([Some(&*"x".repeat(255))]) {
        let mut message = Publication::text("x");
        if let Some(id) = id {
            message = message.id(id);
        }
        a.publish("t", message, HISTORY).await;
        let message = b.message("t").await;
        assert_eq!(message.publication.get_id(), id);
        let page = b.read("t", None, 1).await;
        assert_eq!(page.messages[0].1.get_id(), id);
    }
}

/// The largest payload that the server takes.
pub async fn a_large_payload_is_passed_on<B: Bench>(bench: &B) {
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    let size = bench.sizes().map_or(512 << 10, |(fits, _)| fits);
    b.listen(&["t"]).await;
    let payload = Publication::binary((0..size).map(|i| (i * 7 % 251) as u8).collect::<Vec<_>>());
    for _ in 0..2 {
        a.publish("t", payload.clone(), HISTORY).await;
        assert_same(&b.message("t").await.publication, &payload);
    }
    let page = b.read("t", None, 2).await;
    assert_eq!(page.messages.len(), 2);
    assert_same(&page.messages[0].1, &payload);
}

/// A payload that the server does not take is an error of its own, and the connection stays.
pub async fn a_payload_that_is_too_large_is_refused_and_the_rest_goes_on<B: Bench>(bench: &B) {
    let Some((_, too_large)) = bench.sizes() else {
        return;
    };
    let (mut a, mut b) = (Node::new(bench).await, Node::new(bench).await);
    b.listen(&["t"]).await;
    let first = a.say("t", "one", 10).await;
    for history in [HISTORY, None] {
        let payload = Publication::binary(vec![7; too_large]);
        let large = a.send_publish("t", payload, history);
        let small = a.send_publish("t", Publication::text("two"), HISTORY);
        let error = a.answer(large).await.expect_err("too large");
        assert_eq!(error.kind(), EngineErrorKind::Refused, "{error:?}");
        a.published(small).await;
    }
    let position = a.say("t", "end", 10).await;
    assert_eq!(position.epoch, first.epoch);
    while b.message("t").await.position != position {}
    for node in [&mut a, &mut b] {
        for event in node.take_events() {
            assert!(
                !matches!(event, EngineEvent::Down),
                "the connection was lost"
            );
        }
    }
}
