//! IPv6 and IPv4: which is tried first, and the address that a connection comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses of a host are tried, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Prefer {
    /// IPv6 first (RFC 6724).
    #[default]
    V6,
    /// IPv4 first.
    V4,
    /// Only IPv6.
    V6Only,
    /// Only IPv4.
    V4Only,
}

impl Prefer {
    /// The addresses in the order of trying: the families take turns (RFC 8305 section 4), so that one that leads
    /// nowhere does not use up all attempts.
    pub fn order(self, addresses: &[IpAddr]) -> Vec<IpAddr> {
        let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().partition(|address| address.is_ipv6());
        let (first, second) = match self {
            Self::V6 => (v6, v4),
            Self::V4 => (v4, v6),
            Self::V6Only => (v6, Vec::new()),
            Self::V4Only => (v4, Vec::new()),
        };
        let mut ordered = Vec::with_capacity(first.len() + second.len());
        let (mut first, mut second) = (first.into_iter(), second.into_iter());
        loop {
            let pair = (first.next(), second.next());
            ordered.extend(pair.0.into_iter().chain(pair.1));
            if pair == (None, None) {
                return ordered;
            }
        }
    }

    /// Whether addresses of this kind are never used.
    pub fn excludes(self, address: IpAddr) -> bool {
        matches!((self, address), (Self::V6Only, IpAddr::V4(_)) | (Self::V4Only, IpAddr::V6(_)))
    }
}

/// The addresses that connections come from, one a family. A family without one leaves it to the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Sources {
    /// For peers with an IPv4 address.
    pub v4: Option<Ipv4Addr>,
    /// For peers with an IPv6 address.
    pub v6: Option<Ipv6Addr>,
}

impl Sources {
    /// From a list with one address of a family at most; `Err` with the one too many.
    pub fn new(addresses: impl IntoIterator<Item = IpAddr>) -> Result<Self, IpAddr> {
        let mut sources = Self::default();
        for address in addresses {
            let taken = match address {
                IpAddr::V4(v4) => sources.v4.replace(v4).is_some(),
                IpAddr::V6(v6) => sources.v6.replace(v6).is_some(),
            };
            if taken {
                return Err(address);
            }
        }
        Ok(sources)
    }

    /// For a connection to this address.
    pub fn towards(&self, peer: IpAddr) -> Option<IpAddr> {
        match peer {
            IpAddr::V4(_) => self.v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.v6.map(IpAddr::V6),
        }
    }

    /// These, and for a family without one that of `others`.
    pub fn or(self, others: Self) -> Self {
        Self { v4: self.v4.or(others.v4), v6: self.v6.or(others.v6) }
    }

    /// Those that are named.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> + use<> {
        self.v4.map(IpAddr::V4).into_iter().chain(self.v6.map(IpAddr::V6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_families_take_turns() {
        let all = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "192.0.2.3", "2001:db8::2"].map(at);
        for (prefer, wanted) in [
            (Prefer::V6, vec!["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"]),
            (Prefer::V4, vec!["192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2", "192.0.2.3"]),
            (Prefer::V6Only, vec!["2001:db8::1", "2001:db8::2"]),
            (Prefer::V4Only, vec!["192.0.2.1", "192.0.2.2", "192.0.2.3"]),
        ] {
            assert_eq!(prefer.order(&all), wanted.into_iter().map(at).collect::<Vec<_>>(), "{prefer:?}");
        }
        assert!(Prefer::V6.order(&[]).is_empty());
        assert!(Prefer::V6Only.excludes(at("192.0.2.1")) && !Prefer::V6.excludes(at("192.0.2.1")));
    }

    #[test]
    fn one_source_a_family() {
        let route = Sources::new([at("192.0.2.9")]).unwrap();
        let all = Sources::new([at("2001:db8::1"), at("192.0.2.1")]).unwrap();
        assert_eq!(route.or(all).towards(at("198.51.100.1")), Some(at("192.0.2.9")));
        assert_eq!(route.or(all).towards(at("2001:db8::25")), Some(at("2001:db8::1")));
        assert_eq!(route.towards(at("2001:db8::25")), None);
        assert_eq!(all.addresses().count(), 2);
        assert_eq!(Sources::new([at("192.0.2.1"), at("192.0.2.2")]), Err(at("192.0.2.2")));
    }
}
