//! RFC 6455 §9.1 for this extension: its registered name and parameters, and exclusive use of RSV1.

use wskit_deflate::{Config, EXTENSION};

const PARAMS: [&str; 4] = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
];

/// Every configuration that changes what is negotiated.
fn configs() -> impl Iterator<Item = Config> {
    (0_u8..4 * 7 * 7).map(|n| {
        Config::client()
            .server_no_context_takeover(n & 1 != 0)
            .client_no_context_takeover(n & 2 != 0)
            .server_max_window_bits(9 + n / 4 % 7)
            .client_max_window_bits(9 + n / 28)
    })
}

/// For any configuration, offers and responses have the registered name and parameters, each once,
/// flags without a value and windows with a number from 8 to 15.
///
/// Proves: R6455-9.1-d, R6455-9-c
#[test]
fn both_roles_write_what_is_registered_only() {
    fn check<'a>(params: impl Iterator<Item = (&'a str, Option<&'a str>)>) {
        let mut seen = Vec::new();
        for (name, value) in params {
            assert!(PARAMS.contains(&name), "{name}");
            assert!(!seen.contains(&name), "{name} twice");
            let window = value.map(|value| value.parse::<u8>().expect("a number"));
            match name {
                "server_max_window_bits" => assert!(matches!(window, Some(8..=15))),
                "client_max_window_bits" => assert!(matches!(window, None | Some(8..=15))),
                _ => assert_eq!(window, None),
            }
            seen.push(name);
        }
    }
    for client in configs() {
        for offer in client.offers() {
            assert_eq!(offer.name(), EXTENSION);
            check(offer.params());
        }
        for server in configs().step_by(5) {
            let offers: Vec<_> = client.offers().collect();
            let answer = server
                .accept(offers.iter().map(|offer| (offer.name(), offer.params())))
                .expect("every one of our offers can be honoured");
            assert_eq!(answer.name(), EXTENSION);
            check(answer.params());
            let bare = answer
                .params()
                .find(|(name, value)| *name == "client_max_window_bits" && value.is_none());
            assert_eq!(bare, None, "an answer gives a value");
            let agreed = client.confirm([(answer.name(), answer.params())]);
            assert!(agreed.is_ok_and(|agreed| agreed.is_some()));
        }
    }
}

/// Invalid parameters are declined by a server and fail a client.
///
/// Proves: R6455-9-c
#[test]
fn both_roles_refuse_what_breaks_the_rules() {
    let bad: [&[(&str, Option<&str>)]; 9] = [
        &[("x", None)],
        &[("server_no_context_takeover", Some("1"))],
        &[("client_no_context_takeover", Some("true"))],
        &[("server_max_window_bits", None)],
        &[("server_max_window_bits", Some("16"))],
        &[("client_max_window_bits", Some("7"))],
        &[("client_max_window_bits", Some("010"))],
        &[
            ("server_no_context_takeover", None),
            ("server_no_context_takeover", None),
        ],
        &[("Server_Max_Window_Bits", Some("10"))],
    ];
    for params in bad {
        let element = || [(EXTENSION, params.iter().copied())];
        assert!(Config::server().accept(element()).is_none(), "{params:?}");
        assert!(Config::client().confirm(element()).is_err(), "{params:?}");
    }
}

/// Two extensions with RSV1 cannot be agreed on: this one is answered once however often it is
/// offered, and a client refuses a response that has it twice.
///
/// Proves: R7692-5-d, R7692-5-b
#[test]
fn rsv1_is_given_away_once() {
    let no_params = || std::iter::empty::<(&str, Option<&str>)>();
    let offers = [
        (EXTENSION, no_params()),
        ("x-webkit-deflate-frame", no_params()),
        (EXTENSION, no_params()),
    ];
    // One response, for the known extension.
    let answer = Config::server().accept(offers).expect("it is offered");
    assert_eq!(answer.name(), EXTENSION);
    let twice = [(EXTENSION, no_params()), (EXTENSION, no_params())];
    assert!(Config::client().confirm(twice).is_err());
    let foreign = Config::client().confirm([("x-webkit-deflate-frame", no_params())]);
    assert_eq!(foreign, Ok(None), "no RSV1 for what is not ours");
}
