//! Whether a host is us: what is brought there would come back, and go round for ever.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use envelope::Domain;

/// How others see this host.
#[derive(Debug, Clone, Default)]
pub struct Ourselves {
    /// Its names.
    pub names: Vec<Domain>,
    /// Where it takes mail in from other hosts.
    pub doors: Vec<SocketAddr>,
}

impl Ourselves {
    /// Whether the name is one of ours.
    pub fn is_called(&self, name: &Domain) -> bool {
        self.names.contains(name)
    }

    /// Whether a connection there comes out at one of our own doors.
    pub fn is_at(&self, there: SocketAddr) -> bool {
        self.doors.iter().filter(|door| door.port() == there.port()).any(|door| {
            door.ip() == there.ip() || door.ip().is_unspecified() && reaches(*door, there) && is_of_this_machine(there)
        })
    }
}

/// Whether it is an address where no stranger has a mail host, whatever his DNS says: one of this machine itself (unspecified,
/// loopback), of whoever is next to it (link-local: 169.254.0.0/16, and RFC 4291 section 2.5.6, without a scope), or of many
/// at once (multicast, broadcast).
pub(super) fn nobodys(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            // 0.0.0.0/8 is "this network".
            v4.octets().first() == Some(&0)
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
        }
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_loopback() || v6.is_unicast_link_local() || v6.is_multicast(),
    }
}

/// Whether a door on every address is one on this kind of address.
fn reaches(door: SocketAddr, there: SocketAddr) -> bool {
    door.is_ipv6() || there.is_ipv4()
}

/// Whether it is one of this machine's addresses: then what is sent there comes from there. Nothing is sent to find out.
fn is_of_this_machine(there: SocketAddr) -> bool {
    let any: IpAddr = if there.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    there.ip().is_loopback() || there.ip().is_unspecified() || {
        let from = UdpSocket::bind((any, 0)).and_then(|socket| {
            socket.connect(there)?;
            socket.local_addr()
        });
        from.is_ok_and(|from| from.ip() == there.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_stranger_is() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:0.0.0.0",
        ] {
            assert!(nobodys(address.parse().unwrap()), "{address}");
        }
        // A network of one's own is a place for mail hosts as any other is.
        for address in ["192.0.2.1", "10.0.0.1", "192.168.1.1", "2001:db8::1", "fd00::1", "::ffff:192.0.2.1"] {
            assert!(!nobodys(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn our_own_doors() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        for (door, there, is_ours) in [
            ("127.0.0.2:25", "127.0.0.2:25", true),
            ("127.0.0.2:25", "127.0.0.3:25", false),
            ("127.0.0.2:25", "127.0.0.2:2525", false),
            ("0.0.0.0:25", "127.0.0.3:25", true),
            ("0.0.0.0:25", "0.0.0.0:25", true),
            ("0.0.0.0:25", "192.0.2.1:25", false),
            ("[::]:25", "127.0.0.3:25", true),
            ("0.0.0.0:25", "[::1]:25", false),
        ] {
            let ourselves = Ourselves { names: Vec::new(), doors: vec![at(door)] };
            assert_eq!(ourselves.is_at(at(there)), is_ours, "{door} {there}");
        }
    }
}
