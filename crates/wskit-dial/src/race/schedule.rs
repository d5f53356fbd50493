//! The schedule of the race: which address is tried when (RFC 8305). Sans-I/O: it has no clock and no
//! sockets.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The addresses that wait, and the number of attempts in progress.
pub(super) struct Schedule {
    /// The next one is the last.
    waiting: Vec<SocketAddr>,
    running: usize,
    /// When the next attempt may begin while others are in progress.
    next: Option<Instant>,
}

impl Schedule {
    /// Orders the addresses (§4): the families alternate, beginning with that of the first address, and
    /// each keeps the resolver's order. From a local address only its own family can be reached.
    pub(super) fn new(addresses: Vec<SocketAddr>, from: Option<IpAddr>) -> Self {
        let mut first = Vec::new();
        let mut second = Vec::new();
        for address in addresses {
            let reachable = from.is_none_or(|from| from.is_ipv4() == address.is_ipv4());
            let family = match first.first() {
                Some(SocketAddr::V4(_)) if address.is_ipv6() => &mut second,
                Some(SocketAddr::V6(_)) if address.is_ipv4() => &mut second,
                _ => &mut first,
            };
            if reachable && !family.contains(&address) {
                family.push(address);
            }
        }
        let mut waiting = Vec::with_capacity(first.len() + second.len());
        for nth in (0..first.len().max(second.len())).rev() {
            waiting.extend(second.get(nth));
            waiting.extend(first.get(nth));
        }
        Self {
            waiting,
            running: 0,
            next: None,
        }
    }

    /// Returns the address to try now, if an attempt is due. Call it until it returns `None`.
    pub(super) fn begin(&mut self, now: Instant) -> Option<SocketAddr> {
        let due = self.running == 0 || self.next.is_none_or(|next| next <= now);
        let address = if due { self.waiting.pop() } else { None };
        if address.is_some() {
            self.running += 1;
            self.next = now.checked_add(ATTEMPT_DELAY);
        }
        address
    }

    /// Records that an attempt has failed, so the next need not wait.
    pub(super) fn fail(&mut self) {
        self.running = self.running.saturating_sub(1);
        self.next = None;
    }

    /// Returns when to call [`begin`](Schedule::begin) again; `None` if no address waits.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next.filter(|_| !self.waiting.is_empty())
    }

    /// Returns whether every attempt has failed.
    pub(super) fn is_over(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}

/// §5: the recommended Connection Attempt Delay.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &str) -> Vec<SocketAddr> {
        list.split(' ').map(|one| one.parse().unwrap()).collect()
    }

    /// Every attempt fails at once.
    fn order(list: &str, from: Option<&str>) -> Vec<String> {
        let from = from.map(|from| from.parse().unwrap());
        let mut schedule = Schedule::new(addresses(list), from);
        let now = Instant::now();
        let mut begun = Vec::new();
        while let Some(address) = schedule.begin(now) {
            begun.push(address.to_string());
            assert_eq!(schedule.begin(now), None);
            schedule.fail();
        }
        assert!(schedule.is_over());
        begun
    }

    #[test]
    fn families_take_turns() {
        let four_first = "1.1.1.1:1 1.1.1.2:1 1.1.1.3:1 [::1]:1 [::2]:1";
        assert_eq!(
            order(four_first, None),
            ["1.1.1.1:1", "[::1]:1", "1.1.1.2:1", "[::2]:1", "1.1.1.3:1"]
        );
        let six_first = "[::1]:1 [::2]:1 1.1.1.1:1 [::1]:1";
        assert_eq!(order(six_first, None), ["[::1]:1", "1.1.1.1:1", "[::2]:1"]);
    }

    #[test]
    fn local_address_leaves_its_own_family() {
        let both = "[::1]:1 1.1.1.1:1 [::2]:1";
        assert_eq!(order(both, Some("0.0.0.0")), ["1.1.1.1:1"]);
        assert_eq!(order(both, Some("::")), ["[::1]:1", "[::2]:1"]);
    }

    #[test]
    fn attempts_are_a_quarter_of_a_second_apart() {
        let mut schedule = Schedule::new(addresses("[::1]:1 1.1.1.1:1 [::2]:1"), None);
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        assert!(schedule.begin(at(0)).is_some());
        assert_eq!(schedule.next(), Some(at(250)));
        assert!(schedule.begin(at(249)).is_none());
        assert!(schedule.begin(at(250)).is_some());
        // One of two fails: the third begins although the other goes on.
        schedule.fail();
        assert!(schedule.begin(at(251)).is_some());
        assert_eq!(schedule.next(), None);
        schedule.fail();
        assert!(!schedule.is_over());
        schedule.fail();
        assert!(schedule.is_over());
    }
}
