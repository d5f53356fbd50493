//! The zone of a link-local address (RFC 4007 §11): `fe80::1%eth0`.

use std::net::Ipv6Addr;

/// Splits the zone off an IPv6 address without brackets. Any other host is returned unchanged.
///
/// A zone names an interface of this machine. Resolvers need it to connect; certificates, server names
/// and proxies know addresses only.
pub(crate) fn split_zone(host: &str) -> (&str, Option<&str>) {
    match host.split_once('%') {
        Some((address, zone)) if address.parse::<Ipv6Addr>().is_ok() => (address, Some(zone)),
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::split_zone;

    #[test]
    fn zone_is_split_off_addresses_only() {
        assert_eq!(split_zone("fe80::1%lo"), ("fe80::1", Some("lo")));
        assert_eq!(split_zone("fe80::1%3"), ("fe80::1", Some("3")));
        for other in [
            "::1",
            "127.0.0.1",
            "example.com",
            "a%b",
            "10.0.0.1%lo",
            "%lo",
        ] {
            assert_eq!(split_zone(other), (other, None));
        }
    }
}
