//! Which proxy is asked: URLs and the environment.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;

use wskit_driver::dial::{Proxy, ProxyUrlError};

fn vars(pairs: &[(&str, &str)]) -> Result<Proxy, ProxyUrlError> {
    let pairs: HashMap<_, _> = pairs.iter().copied().collect();
    Proxy::from_vars(|name| pairs.get(name).map(|value| (*value).to_owned()))
}

#[test]
fn urls_of_proxies_are_read() {
    for url in [
        "http://proxy",
        "proxy:3128",
        "HTTPS://proxy:1/",
        "socks5://[::1]",
        "socks5h://a%40b:c%3Ad@10.0.0.1:9050",
        "socks://proxy",
        "http://user@proxy",
        " http://proxy:8080/ ",
    ] {
        assert!(Proxy::new(url).is_ok(), "{url}");
    }
}

#[test]
fn urls_that_name_no_proxy_are_errors_that_hide_the_password() {
    for (url, what) in [
        ("ftp://proxy", "scheme"),
        ("socks4://proxy", "scheme"),
        ("http://", "no host"),
        ("http://:3128", "no host"),
        ("http://proxy:0", "port"),
        ("http://proxy:99999", "port"),
        ("http://pro xy", "host"),
        ("http://secret%zz@proxy", "percent-encoded"),
        ("http://a:secret%00@proxy", "cannot be sent"),
        ("http://a%3Ab:secret@proxy", "cannot be sent"),
    ] {
        let error = Proxy::new(url).unwrap_err().to_string();
        assert!(error.contains(what), "{url}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    let long = "x".repeat(256);
    let socks = || Proxy::new("socks5://proxy").unwrap();
    assert!(socks().credentials(&long, "").is_err());
    assert!(socks().credentials("a:b", "c").is_ok());
    assert!(
        Proxy::new("http://p")
            .unwrap()
            .credentials("a:b", "c")
            .is_err()
    );
    assert!(!format!("{:?}", socks().credentials("a", "hidden").unwrap()).contains("hidden"));
}

#[test]
fn bad_variable_is_named() {
    let error = vars(&[("HTTPS_PROXY", "gopher://x")]).unwrap_err();
    assert_eq!(error.variable(), Some("HTTPS_PROXY"));
    assert!(error.to_string().contains("HTTPS_PROXY"));
    assert!(vars(&[("https_proxy", " "), ("HTTPS_PROXY", "http://p")]).is_ok());
}
