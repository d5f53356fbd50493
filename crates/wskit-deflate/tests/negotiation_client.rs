//! RFC 7692 §5, §7.1: the offers of a client, and the responses that it
//! accepts.

use std::error::Error;

use proptest::prelude::*;
use wskit_deflate::{Config, EXTENSION, ParamError, Params, ResponseError, Role};

type Pairs<'a> = Vec<(&'a str, Option<&'a str>)>;

fn element(text: &str) -> (&str, Pairs<'_>) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap();
    let params = parts.map(|part| match part.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (part, None),
    });
    (name, params.collect())
}

fn confirm(config: &Config, answer: &str) -> Result<Option<Params>, ResponseError> {
    config.confirm(
        answer
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(element),
    )
}

fn offers(config: &Config) -> String {
    let offers = config.offers().map(|offer| {
        let params = offer.params().map(|(name, value)| match value {
            Some(value) => format!("; {name}={value}"),
            None => format!("; {name}"),
        });
        offer.name().to_owned() + &params.collect::<String>()
    });
    offers.collect::<Vec<_>>().join(", ")
}

/// Proves: R7692-7.1.1.1-a, R7692-7.1.1.2-a, R7692-7.1.2.2-a, R7692-5-a
#[test]
fn client_offers_what_it_is_told() {
    let client = Config::client;
    let table = [
        (client(), "permessage-deflate; client_max_window_bits"),
        (
            client().client_max_window_bits(10),
            "permessage-deflate; client_max_window_bits=10",
        ),
        (
            client()
                .server_no_context_takeover(true)
                .client_no_context_takeover(true),
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        ),
        // A server that cannot limit its window may give up takeover instead.
        (
            client().server_max_window_bits(11),
            "permessage-deflate; server_max_window_bits=11; client_max_window_bits, \
             permessage-deflate; server_no_context_takeover; client_max_window_bits",
        ),
        // Values outside are clamped.
        (
            client()
                .server_max_window_bits(0)
                .client_max_window_bits(99),
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits, \
             permessage-deflate; server_no_context_takeover; client_max_window_bits",
        ),
    ];
    for (config, expected) in table {
        assert_eq!(offers(&config), expected);
    }
}

/// `(server bits, server empty, client bits, client empty)`.
fn agreed(params: Params) -> (u8, bool, u8, bool) {
    let (server, client) = (params.server(), params.client());
    (
        server.bits,
        server.no_context_takeover,
        client.bits,
        client.no_context_takeover,
    )
}

/// Proves: R7692-7.1.1.1-c, R7692-7.1.1.2-b, R7692-7.1.2.1-a, R7692-7.1.2.1-b, R7692-7.1.2.2-c, R7692-7-i
#[test]
fn client_accepts_what_keeps_to_its_offer() {
    let client = Config::client;
    let table = [
        (client(), "", (15, false, 15, false)),
        (
            client(),
            "; server_no_context_takeover",
            (15, true, 15, false),
        ),
        (
            client(),
            "; client_no_context_takeover",
            (15, false, 15, true),
        ),
        (
            client(),
            "; server_max_window_bits=8",
            (8, false, 15, false),
        ),
        (
            client(),
            "; server_max_window_bits=15",
            (15, false, 15, false),
        ),
        (
            client(),
            "; client_max_window_bits=9",
            (15, false, 9, false),
        ),
        (
            client(),
            "; client_max_window_bits=15; server_max_window_bits=9",
            (9, false, 15, false),
        ),
        (
            client().server_max_window_bits(10),
            "; server_max_window_bits=10",
            (10, false, 15, false),
        ),
        (
            client().server_max_window_bits(10),
            "; server_max_window_bits=9",
            (9, false, 15, false),
        ),
        // The response to the second offer.
        (
            client().server_max_window_bits(10),
            "; server_no_context_takeover",
            (15, true, 15, false),
        ),
        (
            client().client_max_window_bits(10),
            "; client_max_window_bits=10",
            (15, false, 10, false),
        ),
        // It was in the offer, so it holds although the response does not have
        // it.
        (
            client().client_max_window_bits(10),
            "",
            (15, false, 10, false),
        ),
        (
            client().client_no_context_takeover(true),
            "",
            (15, false, 15, true),
        ),
        (
            client().server_no_context_takeover(true),
            "; server_no_context_takeover",
            (15, true, 15, false),
        ),
    ];
    for (config, params, expected) in table {
        let got = confirm(&config, &format!("x-other, {EXTENSION}{params}"))
            .unwrap()
            .unwrap();
        assert_eq!(agreed(got), expected, "{params}");
        assert_eq!(got.role(), Role::Client);
        assert_eq!(
            (got.outgoing(), got.incoming()),
            (got.client(), got.server())
        );
    }
    assert_eq!(confirm(&client(), ""), Ok(None));
    assert_eq!(confirm(&client(), "x-other; foo"), Ok(None));
}

/// Proves: R7692-7-e, R7692-7-f, R7692-7-g, R7692-7-h, R7692-5-b, R7692-5-c, R7692-7.1.2.1-a, R7692-7.1.2.2-c,
/// R7692-7.1.2.2-f
#[test]
fn client_refuses_what_breaks_the_rules() {
    let (server_bits, client_bits) = ("server_max_window_bits", "client_max_window_bits");
    let (server_empty, client_empty) = ("server_no_context_takeover", "client_no_context_takeover");
    let param = ResponseError::Param;
    let client = Config::client;
    let mut table = vec![
        (client(), "; foo".to_owned(), param(ParamError::Unknown)),
        (
            client(),
            format!("; {server_bits}"),
            param(ParamError::MissingValue("server_max_window_bits")),
        ),
        (
            client(),
            format!("; {client_bits}"),
            param(ParamError::MissingValue("client_max_window_bits")),
        ),
        (
            client(),
            format!("; {client_bits}=8"),
            ResponseError::ClientWindowTooSmall,
        ),
        (
            client().server_no_context_takeover(true),
            String::new(),
            ResponseError::TakeoverNotGivenUp,
        ),
        (
            client().server_max_window_bits(10),
            String::new(),
            ResponseError::ServerWindow,
        ),
        (
            client().server_max_window_bits(10),
            format!("; {server_bits}=11"),
            ResponseError::ServerWindow,
        ),
        (
            client().client_max_window_bits(10),
            format!("; {client_bits}=11"),
            ResponseError::ClientWindow,
        ),
        (client(), format!(", {EXTENSION}"), ResponseError::Twice),
    ];
    for value in ["", "0", "7", "16", "08", "+9", "1000", "true"] {
        for name in [server_bits, client_bits] {
            table.push((
                client(),
                format!("; {name}={value}"),
                param(ParamError::InvalidWindow(name)),
            ));
        }
        for name in [server_empty, client_empty] {
            table.push((
                client(),
                format!("; {name}={value}"),
                param(ParamError::UnexpectedValue(name)),
            ));
        }
    }
    for name in [server_bits, client_bits] {
        table.push((
            client(),
            format!("; {name}=10; {name}=10"),
            param(ParamError::Repeated(name)),
        ));
    }
    for name in [server_empty, client_empty] {
        table.push((
            client(),
            format!("; {name}; {name}"),
            param(ParamError::Repeated(name)),
        ));
    }
    for (config, params, expected) in table {
        let error = confirm(&config, &format!("{EXTENSION}{params}")).unwrap_err();
        assert_eq!(error, expected, "{params}");
        assert!(
            error
                .to_string()
                .starts_with("the server's permessage-deflate response is invalid: ")
        );
        assert!(error.source().is_none());
    }
}

fn config() -> impl Strategy<Value = Config> {
    (
        any::<bool>(),
        any::<bool>(),
        8..=15_u8,
        8..=15_u8,
        any::<bool>(),
    )
        .prop_map(
            |(server_empty, client_empty, server_bits, client_bits, server)| {
                if server {
                    Config::server()
                } else {
                    Config::client()
                }
                .server_no_context_takeover(server_empty)
                .client_no_context_takeover(client_empty)
                .server_max_window_bits(server_bits)
                .client_max_window_bits(client_bits)
            },
        )
}

proptest! {
    /// For any configurations, both ends agree on the same parameters, and no
    /// response exceeds its offer.
    ///
    /// Proves: R7692-7.1.2.2-b, R7692-5-b
    #[test]
    fn client_and_server_agree(client in config(), server in config()) {
        let offers: Vec<_> = client.offers().collect();
        let answer = server.accept(offers.iter().map(|offer| (offer.name(), offer.params())));
        let answer = answer.expect("an offer without 8 bits can always be honoured");
        let confirmed = client.confirm([(answer.name(), answer.params())]).unwrap().unwrap();
        let (server, client) = (answer.agreed(), confirmed);
        prop_assert_eq!(server.server(), client.server());
        // A client may use less than the server must expect.
        prop_assert!(client.client().bits <= server.client().bits);
        prop_assert!(client.client().no_context_takeover >= server.client().no_context_takeover);
    }

    /// A response has `client_max_window_bits` only if the offer had it.
    ///
    /// Proves: R7692-7.1.2.2-b
    #[test]
    fn server_never_limits_a_client_unasked(server in config(), server_bits in 9..=15_u8, offered in any::<bool>()) {
        let bits = server_bits.to_string();
        let mut offer = vec![("server_max_window_bits", Some(&*bits))];
        if offered {
            offer.push(("client_max_window_bits", None));
        }
        let answer = server.accept([(EXTENSION, offer)]).unwrap();
        let limits = answer.params().any(|(name, _)| name == "client_max_window_bits");
        prop_assert!(offered || !limits);
        prop_assert!(answer.agreed().server().bits <= server_bits);
    }

    /// No text causes a panic, and accepted values are in range.
    #[test]
    fn any_parameters_are_answered_or_refused(pairs in prop::collection::vec(
        ("(server|client)_(no_context_takeover|max_window_bits)|.{0,4}", prop::option::of("[0-9]{0,3}|.{0,4}")), 0..5,
    )) {
        let pairs: Pairs<'_> = pairs.iter().map(|(name, value)| (&**name, value.as_deref())).collect();
        if let Some(answer) = Config::server().accept([(EXTENSION, pairs.clone())]) {
            prop_assert!((9..=15).contains(&answer.agreed().server().bits));
        }
        if let Ok(Some(params)) = Config::client().confirm([(EXTENSION, pairs)]) {
            prop_assert!((9..=15).contains(&params.client().bits));
        }
    }
}
