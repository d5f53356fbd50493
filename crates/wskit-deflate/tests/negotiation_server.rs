//! RFC 7692 §5, §7.1: the response of a server.

use wskit_deflate::{Answer, Config, EXTENSION, Role};

/// `name; a=1; b` as the iterators of a header parser lend it.
fn element(text: &str) -> (&str, Vec<(&str, Option<&str>)>) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap();
    let params = parts.map(|part| match part.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (part, None),
    });
    (name, params.collect())
}

fn accept(config: &Config, offers: &str) -> Option<Answer> {
    config.accept(
        offers
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(element),
    )
}

/// The response as written.
fn answer(config: &Config, offers: &str) -> Option<String> {
    accept(config, offers).map(|answer| {
        answer
            .params()
            .fold(answer.name().to_owned(), |mut text, (name, value)| {
                text.push_str("; ");
                text.push_str(name);
                if let Some(value) = value {
                    text.push('=');
                    text.push_str(value);
                }
                text
            })
    })
}

/// A server that limits nothing.
fn open() -> Config {
    Config::server().client_max_window_bits(15)
}

/// Proves: R7692-7.1.1.1-a, R7692-7.1.1.1-b, R7692-7.1.1.2-a, R7692-7.1.1.2-b, R7692-7.1.2.1-a, R7692-7.1.2.1-b,
/// R7692-7.1.2.2-a, R7692-7.1.2.2-b, R7692-7.1.2.2-c
#[test]
fn server_answers_each_offer() {
    let small = || Config::server().client_max_window_bits(11);
    let table: [(Config, &str, &str); 21] = [
        (open(), "", ""),
        (
            open(),
            "; server_no_context_takeover",
            "; server_no_context_takeover",
        ),
        (
            open(),
            "; client_no_context_takeover",
            "; client_no_context_takeover",
        ),
        (
            open(),
            "; client_no_context_takeover; server_no_context_takeover",
            "; server_no_context_takeover; client_no_context_takeover",
        ),
        (
            open().server_no_context_takeover(true),
            "",
            "; server_no_context_takeover",
        ),
        (
            open().client_no_context_takeover(true),
            "",
            "; client_no_context_takeover",
        ),
        (
            open(),
            "; server_max_window_bits=15",
            "; server_max_window_bits=15",
        ),
        (
            open(),
            "; server_max_window_bits=10",
            "; server_max_window_bits=10",
        ),
        (
            open(),
            "; server_max_window_bits=9",
            "; server_max_window_bits=9",
        ),
        (
            open().server_max_window_bits(10),
            "",
            "; server_max_window_bits=10",
        ),
        (
            open().server_max_window_bits(10),
            "; server_max_window_bits=12",
            "; server_max_window_bits=10",
        ),
        (
            open().server_max_window_bits(12),
            "; server_max_window_bits=10",
            "; server_max_window_bits=10",
        ),
        (open(), "; client_max_window_bits", ""),
        (open(), "; client_max_window_bits=10", ""),
        (open(), "; client_max_window_bits=8", ""),
        (
            small(),
            "; client_max_window_bits",
            "; client_max_window_bits=11",
        ),
        (
            small(),
            "; client_max_window_bits=15",
            "; client_max_window_bits=11",
        ),
        (small(), "; client_max_window_bits=11", ""),
        (small(), "; client_max_window_bits=9", ""),
        // Not offered: the client cannot be bound to a window, so it gives up takeover.
        (small(), "", "; client_no_context_takeover"),
        (
            small(),
            "; server_max_window_bits=10; server_no_context_takeover",
            "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10",
        ),
    ];
    for (config, offered, answered) in table {
        let expected = format!("{EXTENSION}{answered}");
        assert_eq!(
            answer(&config, &format!("{EXTENSION}{offered}")),
            Some(expected),
            "{offered}"
        );
    }
}

/// Proves: R7692-7-a, R7692-7-b, R7692-7-c, R7692-7-d, R7692-7-i, R7692-5-e, R7692-7.1.2.2-f
#[test]
fn server_declines_what_is_invalid() {
    let mut bad = vec![
        "foo".to_owned(),
        "foo=1".to_owned(),
        "Server_No_Context_Takeover".to_owned(),
        "server_max_window_bits".to_owned(),
        // Valid, but not supported by any engine.
        "server_max_window_bits=8".to_owned(),
    ];
    for value in [
        "",
        "0",
        "7",
        "16",
        "08",
        "008",
        "+9",
        "-9",
        "1000",
        "0x9",
        "9.0",
        "a",
        "\"",
        "٩",
        "18446744073709551625",
    ] {
        for name in ["server_max_window_bits", "client_max_window_bits"] {
            bad.push(format!("{name}={value}"));
        }
    }
    for name in ["server_no_context_takeover", "client_no_context_takeover"] {
        for value in ["", "true", "1", "8"] {
            bad.push(format!("{name}={value}"));
        }
        bad.push(format!("{name}; {name}"));
    }
    for (first, second) in [("=10", "=10"), ("=10", "=9"), ("=15", "")] {
        bad.push(format!(
            "server_max_window_bits{first}; server_max_window_bits{second}"
        ));
        bad.push(format!(
            "client_max_window_bits{first}; client_max_window_bits{second}"
        ));
    }
    bad.push("client_max_window_bits; client_max_window_bits".to_owned());
    for offer in bad {
        let alone = format!("{EXTENSION}; {offer}");
        assert_eq!(answer(&open(), &alone), None, "{offer}");
        // The next offer is tried, and an invalid parameter affects only its own element.
        let then =
            format!("{alone}, {EXTENSION}; server_no_context_takeover; {offer}, {EXTENSION}");
        assert_eq!(
            answer(&open(), &then).as_deref(),
            Some(EXTENSION),
            "{offer}"
        );
    }
}

/// Proves: R7692-5-a, R7692-5-b, R7692-5-e
#[test]
fn server_takes_the_first_offer_it_can_honour() {
    let offers = "x-other; foo, permessage-deflate; server_max_window_bits=8, \
                  permessage-deflate; server_max_window_bits=10, permessage-deflate";
    assert_eq!(
        answer(&open(), offers).as_deref(),
        Some("permessage-deflate; server_max_window_bits=10")
    );
    assert_eq!(answer(&open(), ""), None);
    assert_eq!(
        answer(
            &open(),
            "x-webkit-deflate-frame, Permessage-Deflate, permessage-deflate2"
        ),
        None
    );
}

/// Proves: R7692-7.1.2.2-c, R7692-7.2.2-b
#[test]
fn server_agrees_to_what_it_answers() {
    let limit = Config::server()
        .client_max_window_bits(11)
        .server_max_window_bits(13);
    let agreed = accept(&limit, "permessage-deflate; client_max_window_bits")
        .unwrap()
        .agreed();
    assert_eq!(agreed.role(), Role::Server);
    assert_eq!(
        (agreed.outgoing(), agreed.incoming()),
        (agreed.server(), agreed.client())
    );
    assert_eq!((agreed.server().bits, agreed.client().bits), (13, 11));
    assert!(!agreed.server().no_context_takeover && !agreed.client().no_context_takeover);

    // An offered value binds the client although the response does not have it.
    let agreed = accept(&open(), "permessage-deflate; client_max_window_bits=9")
        .unwrap()
        .agreed();
    assert_eq!(agreed.client().bits, 9);

    // No context can be kept, so none is.
    let agreed = accept(&limit, "permessage-deflate").unwrap().agreed();
    assert_eq!(
        (agreed.client().bits, agreed.client().no_context_takeover),
        (15, true)
    );
}

/// A client's hint is binding only if the response has it, which this server's
/// responses always do. Nothing else lets the receiver drop its context.
///
/// Proves: R7692-7.2.2-c, R7692-7.1.1.2-a
#[test]
fn server_forgets_only_what_its_answer_says() {
    let hints = [
        "",
        "; client_no_context_takeover",
        "; server_no_context_takeover",
        "; client_max_window_bits",
    ];
    for config in [
        open(),
        Config::server(),
        open().client_no_context_takeover(true),
    ] {
        for hint in hints {
            let answer = accept(&config, &format!("{EXTENSION}{hint}")).unwrap();
            let said = |wanted| answer.params().any(|(name, _)| name == wanted);
            let agreed = answer.agreed();
            assert_eq!(
                agreed.client().no_context_takeover,
                said("client_no_context_takeover"),
                "{hint}"
            );
            assert_eq!(
                agreed.server().no_context_takeover,
                said("server_no_context_takeover"),
                "{hint}"
            );
        }
    }
}
