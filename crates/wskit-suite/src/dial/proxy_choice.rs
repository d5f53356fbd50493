//! Which proxy the variables of the environment choose.

use wskit_dial::Proxy;
use wskit_test::{Answer, Harness, Network, run};

use super::connect::{AT_ONCE, connector};

/// The variables of the environment and their order. Excepted hosts are reached directly.
pub fn environment_chooses_the_proxy<H: Harness>() {
    run::<H>(async {
        for (vars, expected) in [
            (&[][..], "192.0.2.1:80"),
            (&[("HTTP_PROXY", "192.0.2.9:1")], "192.0.2.9:1"),
            (
                &[("HTTP_PROXY", "192.0.2.9:1"), ("http_proxy", "192.0.2.9:2")],
                "192.0.2.9:2",
            ),
            (
                &[
                    ("http_proxy", "192.0.2.9:1"),
                    ("HTTPS_PROXY", "192.0.2.9:2"),
                ],
                "192.0.2.9:2",
            ),
            (
                &[("https_proxy", "192.0.2.9:1"), ("WS_PROXY", "192.0.2.9:2")],
                "192.0.2.9:2",
            ),
            (
                &[
                    ("wss_proxy", "192.0.2.9:1"),
                    ("ALL_PROXY", "socks5://192.0.2.9"),
                ],
                "192.0.2.9:1080",
            ),
            (
                &[("HTTP_PROXY", "192.0.2.9:1"), ("REQUEST_METHOD", "GET")],
                "192.0.2.1:80",
            ),
            // On systems that ignore the case of names, this may be the variable itself.
            (
                &[("http_proxy", "192.0.2.9:1"), ("REQUEST_METHOD", "")],
                "192.0.2.1:80",
            ),
            (
                &[
                    ("http_proxy", "192.0.2.9:1"),
                    ("ALL_PROXY", "192.0.2.9:2"),
                    ("REQUEST_METHOD", "GET"),
                ],
                "192.0.2.9:2",
            ),
            (
                &[("ws_proxy", "192.0.2.9:1"), ("NO_PROXY", "x, .example.com")],
                "192.0.2.1:80",
            ),
            (
                &[("ws_proxy", "192.0.2.9:1"), ("NO_PROXY", "example.com:81")],
                "192.0.2.9:1",
            ),
            (
                &[("ws_proxy", "192.0.2.9:1"), ("no_proxy", "*")],
                "192.0.2.1:80",
            ),
        ] {
            let get = |name: &str| {
                let found = vars.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let network = Network::new()
                .name("example.com", &["192.0.2.1"])
                .at(expected, Answer::Refuse(AT_ONCE));
            let connector = connector::<H>().proxy(Proxy::from_vars(get).unwrap());
            let _ = connector.connect("ws://example.com/").await.unwrap_err();
            let dialled: Vec<_> = network
                .dialled()
                .iter()
                .map(|(to, _)| to.to_string())
                .collect();
            assert_eq!(dialled, [expected], "{vars:?}");
        }
    });
}
