//! Which proxy is asked: URLs and the environment.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;

use wskit_dial::{Proxy, ProxyUrlError};
use wskit_handshake::RequestError;

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
        // Browsers would read the host `a`.
        ("http://a\\secret@proxy", "percent-encoded"),
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

/// A password in Latin-1 or a list of exceptions that cannot be read does not make a client bypass the
/// proxy. The test starts itself again for each variable.
#[cfg(unix)]
#[test]
fn variable_that_is_not_utf8_is_an_error() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    const EXPECTED: &str = "WSKIT_TEST_EXPECTED_VARIABLE";
    if let Ok(name) = std::env::var(EXPECTED) {
        let error = Proxy::from_env().unwrap_err();
        assert_eq!(error.variable(), Some(&*name));
        assert!(error.to_string().contains("UTF-8"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        return;
    }
    let value = OsStr::from_bytes(b"http://me:secret\xe9@proxy.example:3128");
    for name in [
        "HTTPS_PROXY",
        "https_proxy",
        "WS_PROXY",
        "HTTP_PROXY",
        "ALL_PROXY",
        "no_proxy",
        "NO_PROXY",
    ] {
        let test = std::env::current_exe().unwrap();
        let output = Command::new(test)
            .args(["--exact", "variable_that_is_not_utf8_is_an_error"])
            .env_clear()
            .env(EXPECTED, name)
            .env(name, value)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{name}: {told}");
    }
}

#[test]
fn headers_for_a_proxy_are_checked_and_not_shown() {
    let proxy = || Proxy::new("http://proxy.example").unwrap();
    let with = proxy().header("User-Agent", "secret/1").unwrap();
    assert!(!format!("{with:?}").contains("secret"), "{with:?}");
    for (name, value) in [
        ("Host", "x"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("no token", "x"),
        ("", "x"),
        ("X-A", "a\r\nX-B: b"),
        ("X-A", "a\0"),
    ] {
        let error = proxy().header(name, value).unwrap_err();
        assert!(matches!(error, RequestError::Header(_)), "{name}: {error}");
    }
    // Without a proxy the header is not sent.
    assert!(Proxy::default().header("User-Agent", "x").is_ok());
}
