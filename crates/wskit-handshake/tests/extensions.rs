//! RFC 6455 §9.1: the grammar of extension lists.

use proptest::prelude::*;
use wskit_handshake::{ExtensionError, ExtensionList, write_extension};

type Plain = Vec<(String, Vec<(String, Option<String>)>)>;

fn plain(list: &ExtensionList<'_>) -> Plain {
    list.iter()
        .map(|extension| {
            let params = extension.params();
            let params = params.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
            (extension.name().to_owned(), params.collect())
        })
        .collect()
}

fn read(text: &str) -> String {
    let list = ExtensionList::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    list.iter()
        .map(|extension| extension.to_string())
        .collect::<Vec<_>>()
        .join(" | ")
}

fn error(text: &str) -> ExtensionError {
    ExtensionList::parse(text).expect_err(text)
}

/// Proves: R6455-4.3-a, R6455-4.3-b
#[test]
fn lists_are_read() {
    for (text, seen) in [
        ("a", "a"),
        ("a, b", "a | b"),
        (" \t a ;\tx = 1 ; y ,, , b;z\t", "a; x=1; y | b; z"),
        (",a,", "a"),
        ("a;x, a;y, a", "a; x | a; y | a"),
        ("!#$%&'*+-.^_`|~09azAZ", "!#$%&'*+-.^_`|~09azAZ"),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
        ),
    ] {
        assert_eq!(read(text), seen, "{text:?}");
    }
}

/// Proves: R6455-9.1-b, R6455-4.3-b
#[test]
fn quoted_values_are_tokens() {
    for (text, seen) in [
        ("a; x=\"15\"", "a; x=15"),
        (
            "a; x = \"1\\5\" ; y=\"z\", b; c=\"\\d\\e\"",
            "a; x=15; y=z | b; c=de",
        ),
        ("b, a;x=\"1\"", "b | a; x=1"),
    ] {
        assert_eq!(read(text), seen, "{text:?}");
    }
    for value in [
        "a b", "", "a,b", "a;b", "a\\\"b", "a\\\\b", "a=b", "é", "\u{1}", "a\\ b",
    ] {
        assert_eq!(
            error(&format!("a; x=\"{value}\"")),
            ExtensionError::ParamValue,
            "{value:?}"
        );
    }
}

/// Proves: R6455-9.1-a, R6455-4.3-a
#[test]
fn broken_lists_are_refused() {
    for (text, expected) in [
        ("", ExtensionError::Empty),
        (" \t", ExtensionError::Empty),
        (",, ,", ExtensionError::Empty),
        (";", ExtensionError::Name),
        ("=", ExtensionError::Name),
        ("\"a\"", ExtensionError::Name),
        ("a, ;", ExtensionError::Name),
        ("é", ExtensionError::Name),
        ("a;", ExtensionError::ParamName),
        ("a;;b", ExtensionError::ParamName),
        ("a;=1", ExtensionError::ParamName),
        ("a;,b", ExtensionError::ParamName),
        ("a;b=", ExtensionError::ParamValue),
        ("a;b=,c", ExtensionError::ParamValue),
        ("a;b==c", ExtensionError::ParamValue),
        ("a;b=\"", ExtensionError::UnclosedQuote),
        ("a;b=\"x", ExtensionError::UnclosedQuote),
        ("a;b=\"x\\", ExtensionError::UnclosedQuote),
        ("a b", ExtensionError::Separator),
        ("a;b c", ExtensionError::Separator),
        ("a;b=c d", ExtensionError::Separator),
        ("a;b=\"c\"d", ExtensionError::Separator),
        ("a\u{1}", ExtensionError::Separator),
        ("a\0", ExtensionError::Separator),
    ] {
        assert_eq!(error(text), expected, "{text:?}");
    }
}

/// Inputs that took a regular expression quadratic time elsewhere are read in
/// one pass. A parser with backtracking would run too long.
///
/// Proves: R6455-4.3-b
#[test]
fn long_lists_are_read_in_one_pass() {
    let unclosed = format!("a;b=\"{}", "\\c".repeat(2_000_000));
    assert_eq!(error(&unclosed), ExtensionError::UnclosedQuote);
    let blanks = format!("a;{}\u{1}", " ".repeat(4_000_000));
    assert_eq!(error(&blanks), ExtensionError::ParamName);
    let commas = ",".repeat(4_000_000);
    assert_eq!(error(&commas), ExtensionError::Empty);
    let quoted = "a;b=\"c\",".repeat(500_000);
    assert_eq!(
        ExtensionList::parse(&quoted).unwrap().iter().count(),
        500_000
    );
}

/// Proves: R6455-9.1-a
#[test]
fn writer_refuses_what_is_no_token() {
    let mut out = String::from("kept");
    for (name, param, value, expected) in [
        ("", "p", None, ExtensionError::Name),
        ("a b", "p", None, ExtensionError::Name),
        ("a", "p;", None, ExtensionError::ParamName),
        ("a", "", Some("v"), ExtensionError::ParamName),
        ("a", "p", Some(""), ExtensionError::ParamValue),
        ("a", "p", Some("\r\nX: y"), ExtensionError::ParamValue),
    ] {
        assert_eq!(
            write_extension(&mut out, name, [("ok", None), (param, value)]),
            Err(expected)
        );
        assert_eq!(out, "kept");
    }
}

fn token() -> impl Strategy<Value = String> {
    "[!#$%&'*+.^_`|~0-9a-zA-Z-]{1,8}"
}

fn list() -> impl Strategy<Value = Plain> {
    let params = prop::collection::vec((token(), prop::option::of(token())), 0..4);
    prop::collection::vec((token(), params), 1..5)
}

proptest! {
    /// Proves: R6455-4.3-a, R6455-4.3-b
    #[test]
    fn lists_survive_writing_and_reading(list in list()) {
        let mut text = String::new();
        for (name, params) in &list {
            let params = params.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
            write_extension(&mut text, name, params).unwrap();
        }
        let read = ExtensionList::parse(&text).unwrap();
        prop_assert_eq!(plain(&read), list);
        prop_assert_eq!(read.as_str(), &text);
    }

    /// Blanks, empty elements, quotes and escapes do not change the result.
    ///
    /// Proves: R6455-4.3-a, R6455-9.1-b
    #[test]
    fn lists_mean_the_same_however_written(list in list(), style: [u8; 4]) {
        let blank = [" ", "", "\t", "  "][usize::from(style[0] % 4)];
        let comma = [",", ",,", ", ,"][usize::from(style[1] % 3)];
        let mut text = String::new();
        for (name, params) in &list {
            text.extend([blank, name, blank]);
            for (name, value) in params {
                text.extend([";", blank, name, blank]);
                if let Some(value) = value {
                    let value = match style[2] % 3 {
                        0 => format!("={blank}{value}"),
                        1 => format!("={blank}\"{value}\"{blank}"),
                        _ => format!("=\"\\{value}\""),
                    };
                    text += &value;
                }
            }
            text += comma;
        }
        prop_assert_eq!(plain(&ExtensionList::parse(&text).unwrap()), list);
    }

    /// Proves: R6455-9.1-a
    #[test]
    fn any_text_is_read_or_refused(text in "[a;=,\" \\\\\t\u{1}é]{0,40}") {
        if let Ok(list) = ExtensionList::parse(&text) {
            let owned = list.clone().into_owned();
            prop_assert!(!list.is_empty());
            prop_assert_eq!(&list, &owned);
            // A parsed list can be written, so it consists of tokens.
            let mut out = String::new();
            for extension in &list {
                write_extension(&mut out, extension.name(), extension.params()).unwrap();
            }
            prop_assert_eq!(&ExtensionList::parse(&out).unwrap(), &list);
        }
    }
}
