//! RFC 7692 §7 and §7.1 for any list of offers, compared with a second, simpler implementation of
//! the rules.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use wskit_deflate::{Config, EXTENSION};

type Param = (&'static str, Option<&'static str>);

const NAMES: [&str; 8] = [
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
    "server_max_window_bit",
    "Client_No_Context_Takeover",
    "x",
    "",
];
const VALUES: [Option<&str>; 14] = [
    None,
    None,
    None,
    Some("8"),
    Some("9"),
    Some("10"),
    Some("12"),
    Some("15"),
    Some("16"),
    Some("7"),
    Some("09"),
    Some(""),
    Some("1"),
    Some("true"),
];

/// Returns whether a server can accept this offer: each name is known and appears once, flags have
/// no value, and windows have a decimal number from 8 to 15, which the client's may omit. A server
/// cannot support a window of its own of 8 bits.
fn is_right(params: &[Param]) -> bool {
    let once = |at: usize| {
        params
            .iter()
            .filter(|(name, _)| *name == params[at].0)
            .count()
            == 1
    };
    params.iter().enumerate().all(|(at, (name, value))| {
        let right = match (*name, *value) {
            (
                "server_no_context_takeover"
                | "client_no_context_takeover"
                | "client_max_window_bits",
                None,
            ) => true,
            ("client_max_window_bits", Some(bits)) => {
                ["8", "9", "10", "11", "12", "13", "14", "15"].contains(&bits)
            }
            ("server_max_window_bits", Some(bits)) => {
                ["9", "10", "11", "12", "13", "14", "15"].contains(&bits)
            }
            _ => false,
        };
        right && once(at)
    })
}

/// Usually a valid one, as most invalid offers have a single fault.
fn param() -> impl Strategy<Value = Param> {
    let right = [
        ("server_no_context_takeover", None),
        ("client_no_context_takeover", None),
        ("server_max_window_bits", Some("10")),
        ("client_max_window_bits", Some("12")),
        ("client_max_window_bits", None),
    ];
    let any = (select(&NAMES[..]), select(&VALUES[..]));
    prop_oneof![5 => select(right.to_vec()), 1 => any]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// A server accepts the first offer whose parts are all valid, and otherwise none. The response
    /// grants no more than was offered, and everything that was requested.
    ///
    /// Proves: R7692-7-a, R7692-7-b, R7692-7-c, R7692-7-d, R7692-5-e
    #[test]
    fn server_answers_the_first_offer_that_is_right(
        offers in vec(vec(param(), 0..4), 0..4),
    ) {
        let lent = offers.iter().map(|params| (EXTENSION, params.iter().copied()));
        let answer = Config::server().client_max_window_bits(15).accept(lent);
        let Some(offer) = offers.iter().find(|params| is_right(params)) else {
            prop_assert!(answer.is_none(), "{offers:?}");
            return Ok(());
        };
        let answer = answer.expect("one of the offers is right");
        let said = |wanted: &str| answer.params().find(|(name, _)| *name == wanted);
        let asked = |wanted: &str| offer.iter().find(|(name, _)| *name == wanted);
        let bits = |value: Option<&str>| value.and_then(|bits| bits.parse::<u8>().ok());
        prop_assert_eq!(
            said("server_no_context_takeover").is_some(),
            asked("server_no_context_takeover").is_some()
        );
        if let Some((_, demanded)) = asked("server_max_window_bits") {
            let (_, granted) = said("server_max_window_bits").expect("a demand");
            prop_assert!(bits(granted) <= bits(*demanded), "{offers:?}");
        }
        if let Some((_, granted)) = said("client_max_window_bits") {
            let (_, hint) = asked("client_max_window_bits").expect("only where the client knows it");
            prop_assert!(bits(granted) <= bits(*hint).or(Some(15)), "{offers:?}");
        }
    }
}
