use std::net::IpAddr;

use crate::zone::split_zone;

/// The destinations that are reached without a proxy: the contents of `NO_PROXY`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NoProxy {
    rules: Vec<Rule>,
    /// Whether loopback addresses and `localhost` are reached directly, without a rule.
    loopback: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    pattern: Pattern,
    /// `None`: any.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Anywhere,
    /// A name in lower case, and all below it.
    Name(String),
    /// An address and how many of its first bits count.
    Network(IpAddr, u32),
}

impl NoProxy {
    /// Makes a list of loopback addresses and `localhost` only.
    pub(super) fn loopback() -> Self {
        Self {
            rules: Vec::new(),
            loopback: true,
        }
    }

    /// Adds the entries of a list, separated by commas or blanks. An entry that is neither an address nor
    /// a network is a name.
    pub(super) fn add(&mut self, list: &str) {
        let entries = list.split(|c: char| c == ',' || c.is_ascii_whitespace());
        self.rules
            .extend(entries.filter(|entry| !entry.is_empty()).map(Rule::parse));
    }

    /// Returns whether `host` (without brackets) is reached directly.
    pub(super) fn holds(&self, host: &str, port: u16) -> bool {
        let (host, _) = split_zone(host);
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host
            .parse()
            .ok()
            .map(|address: IpAddr| address.to_canonical());
        let here = match address {
            Some(address) => address.is_loopback(),
            None => is_within(&host, "localhost"),
        };
        let matches = |rule: &Rule| {
            rule.port.is_none_or(|only| only == port)
                && match (&rule.pattern, address) {
                    (Pattern::Anywhere, _) => true,
                    (Pattern::Name(name), None) => is_within(&host, name),
                    (Pattern::Network(network, bits), Some(address)) => {
                        is_in_network(address, *network, *bits)
                    }
                    _ => false,
                }
        };
        (self.loopback && here) || self.rules.iter().any(matches)
    }
}

impl Rule {
    fn parse(entry: &str) -> Self {
        let (host, port) = split_port(entry);
        let host = host
            .strip_prefix('[')
            .and_then(|literal| literal.strip_suffix(']'))
            .unwrap_or(host);
        Self {
            pattern: Pattern::parse(host),
            port,
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Self {
        if text == "*" {
            return Self::Anywhere;
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Self::Network(address.to_canonical(), 128);
        }
        if let Some((address, bits)) = text.split_once('/') {
            if let (Ok(address), Ok(bits)) = (address.parse::<IpAddr>(), bits.parse()) {
                return Self::Network(address, bits);
            }
        }
        // `.example.com` and `*.example.com` mean the same as `example.com`.
        let name = text.strip_prefix('*').unwrap_or(text);
        Self::Name(name.trim_matches('.').to_ascii_lowercase())
    }
}

/// Cuts the port off, if there is one: `host:443`, `[::1]:443`, but not the end of `fe80::1`.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((host, port)) = entry.rsplit_once(':') {
        if !host.contains(':') || host.ends_with(']') {
            if let Ok(port) = port.parse() {
                return (host, Some(port));
            }
        }
    }
    (entry, None)
}

/// Returns whether `host` is `name` or ends in `.name`.
fn is_within(host: &str, name: &str) -> bool {
    !name.is_empty()
        && host
            .strip_suffix(name)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn is_in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let apart = u32::from(address) ^ u32::from(network);
            apart.leading_zeros() >= bits.min(32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let apart = u128::from(address) ^ u128::from(network);
            apart.leading_zeros() >= bits.min(128)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::NoProxy;

    fn holds(list: &str, host: &str, port: u16) -> bool {
        let mut rules = NoProxy::default();
        rules.add(list);
        rules.holds(host, port)
    }

    #[test]
    fn names_match_themselves_and_what_is_below() {
        for list in [
            "example.com",
            ".example.com",
            "*.example.com",
            "EXAMPLE.com.",
            "a, example.com b",
        ] {
            assert!(holds(list, "example.com", 80), "{list}");
            assert!(holds(list, "www.example.com.", 80), "{list}");
            assert!(!holds(list, "badexample.com", 80), "{list}");
            assert!(!holds(list, "example.com.evil", 80), "{list}");
        }
        assert!(!holds("", "example.com", 80));
        assert!(!holds(". ,,", "example.com", 80));
    }

    #[test]
    fn star_matches_everything() {
        assert!(holds("*", "example.com", 80));
        assert!(holds("x,*", "10.1.2.3", 80));
        assert!(holds("*:8080", "example.com", 8080));
        assert!(!holds("*:8080", "example.com", 80));
    }

    #[test]
    fn ports_narrow_a_rule() {
        assert!(holds("example.com:8443", "example.com", 8443));
        assert!(!holds("example.com:8443", "example.com", 443));
        assert!(holds("[::1]:90", "::1", 90));
        assert!(!holds("[::1]:90", "::1", 80));
        assert!(holds("10.0.0.1:90", "10.0.0.1", 90));
    }

    #[test]
    fn addresses_and_networks_match_literals_only() {
        assert!(holds("10.0.0.0/8", "10.200.3.4", 80));
        assert!(!holds("10.0.0.0/8", "11.0.0.1", 80));
        assert!(holds("0.0.0.0/0", "11.0.0.1", 80));
        assert!(!holds("0.0.0.0/0", "fd00::1", 80));
        assert!(holds("fd00::/8", "fd12::1", 80));
        assert!(!holds("fd00::/8", "fe80::1", 80));
        assert!(holds("fe80::1", "fe80::1", 80));
        assert!(holds("10.0.0.1", "::ffff:10.0.0.1", 80));
        assert!(!holds("10.0.0.0/8", "10.example.com", 80));
        assert!(holds("10.0.0.0/99", "10.0.0.0", 80));
        assert!(!holds("10.0.0.0/99", "10.0.0.1", 80));
    }

    #[test]
    fn loopback_is_a_rule_of_its_own() {
        let rules = NoProxy::loopback();
        for host in [
            "localhost",
            "a.localhost",
            "127.8.0.1",
            "::1",
            "::ffff:127.0.0.1",
        ] {
            assert!(rules.holds(host, 80), "{host}");
            assert!(!NoProxy::default().holds(host, 80), "{host}");
        }
        assert!(!rules.holds("mylocalhost", 80));
    }
}
