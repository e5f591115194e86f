//! Who may send mail to somebody else's domain. Nobody relays without a [`RelayAllowed`], and only this file makes one:
//! who forgets the check does not compile.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use envelope::Address;

use crate::limits::{V4_WIDEST, V6_WIDEST};
use crate::{DomainSet, Returning, SignedIn, Target};

/// The permission to queue a letter for a domain that is not ours, and why it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayAllowed(Why);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    SignedIn,
    Network,
    OwnNotice,
    Alias,
    Returning,
    Operator,
    RelayDomain,
}

impl RelayAllowed {
    /// The sender has signed in.
    pub fn for_signed_in(_who: &SignedIn) -> Self {
        Self(Why::SignedIn)
    }

    /// The peer stands in a network that the operator trusts.
    pub fn for_network(peer: IpAddr, trusted: &TrustedNetworks) -> Option<Self> {
        trusted.contains(peer).then_some(Self(Why::Network))
    }

    /// A bounce or another notice that we write ourselves about a letter that we had accepted. Its reverse-path is
    /// null.
    pub fn for_own_notice() -> Self {
        Self(Why::OwnNotice)
    }

    /// An alias of ours leads outside. `None` when the target is an account here.
    pub fn for_alias(target: &Target) -> Option<Self> {
        matches!(target, Target::Remote { .. }).then_some(Self(Why::Alias))
    }

    /// A notice comes back to an address of ours that stands for a foreign sender: to him, and to nobody else.
    pub fn for_returning(_returning: &Returning) -> Self {
        Self(Why::Returning)
    }

    /// The recipient is in a domain whose mail we take for others (a backup MX): anybody may send there, and it goes on to
    /// the domain's own hosts. `None` when the domain is none of these. An address literal is never one. Nor is a local part
    /// that names a way of its own (`x%elsewhere`, `elsewhere!x`, `"x@elsewhere"`): the domain's own hosts trust us, and an
    /// old one would go that way.
    pub fn for_relay_domain(recipient: &Address, domains: &DomainSet) -> Option<Self> {
        let domain = recipient.host().name()?;
        if recipient.local().as_str().contains(['%', '!', '@']) {
            return None;
        }
        domains.contains(domain).then_some(Self(Why::RelayDomain))
    }

    /// A command on this machine that opened the store itself (`angelia send`): who can write the store need not ask.
    pub fn for_operator() -> Self {
        Self(Why::Operator)
    }
}

impl fmt::Display for RelayAllowed {
    /// For the journal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Why::SignedIn => "signed in",
            Why::Network => "trusted network",
            Why::OwnNotice => "own notice",
            Why::Alias => "alias",
            Why::Returning => "notice to a sender",
            Why::Operator => "operator",
            Why::RelayDomain => "relay domain",
        })
    }
}

/// Networks whose hosts may relay without signing in. Empty unless the operator names some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedNetworks(Vec<Network>);

impl TrustedNetworks {
    /// Reads a list of networks as [`Network`] has them.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, NetworkError> {
        let networks = texts.into_iter().map(str::parse).collect::<Result<Vec<Network>, _>>()?;
        let v4 = networks.iter().filter(|network| network.base.is_ipv4());
        let addresses: u64 = v4.map(|network| 1_u64 << (32 - network.prefix.min(32))).sum();
        if addresses > u64::from(u32::MAX / 2) { Err(NetworkError::Together) } else { Ok(Self(networks)) }
    }

    /// Whether one of them holds the address. `::ffff:192.0.2.1` counts as `192.0.2.1`.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// `192.0.2.0/24`, `2001:db8::/32`, or one address (RFC 4632 section 3.1, RFC 4291 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

/// Why a text is no network to trust.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not an address, or a length out of range.
    #[error("{0:?} is no network: write it like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.7")]
    Syntax(String),
    /// Bits set behind the prefix: probably a slip.
    #[error("{text:?} has bits set behind its prefix: the network is {network}")]
    HostBits {
        /// As it was written.
        text: String,
        /// What it would be.
        network: Network,
    },
    /// All the world.
    #[error("{0:?} is everybody: that would be an open relay")]
    Everybody(String),
    /// A large part of it.
    #[error(
        "{0:?} is a large part of the Internet: that would be an open relay; write networks of /{V4_WIDEST} or narrower \
         (IPv6: /{V6_WIDEST})"
    )]
    Wide(String),
    /// The same, in pieces.
    #[error("these networks together are half of the Internet: that would be an open relay")]
    Together,
}

impl Network {
    /// Whether it is wider than anybody's own network. Addresses that never leave a house (RFC 4193, RFC 4291 section
    /// 2.5.6) are one's own at any width.
    fn is_wide(&self) -> bool {
        match self.base {
            IpAddr::V4(_) => self.prefix < V4_WIDEST,
            IpAddr::V6(v6) => {
                let is_local =
                    (v6.is_unique_local() && self.prefix >= 7) || (v6.is_unicast_link_local() && self.prefix >= 10);
                self.prefix < V6_WIDEST && !is_local
            }
        }
    }

    /// Whether the address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address.to_canonical()) {
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
            (_, address) => masked(address, self.prefix) == self.base,
        }
    }
}

/// The address with all bits behind the prefix cleared.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let syntax = || NetworkError::Syntax(text.to_owned());
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let base: IpAddr = address.parse().map_err(|_| syntax())?;
        // `::ffff:192.0.2.0/120` would never match, since peers are compared in their canonical form.
        if base.to_canonical() != base {
            return Err(syntax());
        }
        let width = if base.is_ipv4() { 32 } else { 128 };
        let digits = |text: &&str| text.bytes().all(|b| b.is_ascii_digit());
        let prefix: u8 = match prefix {
            Some(text) => Some(text).filter(digits).and_then(|text| text.parse().ok()).ok_or_else(syntax)?,
            None => width,
        };
        if prefix > width {
            return Err(syntax());
        }
        if prefix == 0 {
            return Err(NetworkError::Everybody(text.to_owned()));
        }
        let network = Self { base: masked(base, prefix), prefix };
        if network.base != base {
            return Err(NetworkError::HostBits { text: text.to_owned(), network });
        }
        if network.is_wide() {
            return Err(NetworkError::Wide(text.to_owned()));
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(texts: &[&str]) -> TrustedNetworks {
        TrustedNetworks::parse(texts.iter().copied()).unwrap()
    }

    #[test]
    fn who_is_in() {
        let networks = trusted(&["127.0.0.0/8", "::1", "192.0.2.7", "2001:db8:1::/48", "10.2.0.0/15"]);
        for inside in
            ["127.0.0.1", "127.255.255.255", "::1", "192.0.2.7", "::ffff:192.0.2.7", "2001:db8:1:2::3", "10.3.0.1"]
        {
            assert!(networks.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in [
            "126.255.255.255",
            "128.0.0.0",
            "::2",
            "192.0.2.8",
            "2001:db8:2::",
            "::",
            "0.0.0.0",
            "::7f00:1",
            "10.1.0.1",
        ] {
            assert!(!networks.contains(outside.parse().unwrap()), "{outside}");
        }
        assert!(!TrustedNetworks::default().contains(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }

    #[test]
    fn what_is_no_network() {
        for bad in [
            "",
            "/",
            "127.0.0.1/",
            "127.0.0.0/33",
            "::/129",
            "127.1",
            "a",
            "10.0.0.0/+8",
            "10.0.0.0/8 ",
            "::ffff:1.2.3.4",
        ] {
            assert_eq!(bad.parse::<Network>(), Err(NetworkError::Syntax(bad.to_owned())), "{bad}");
        }
        for wide in ["0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/7", "2000::/3", "2001::/18", "fc00::/6"] {
            assert_eq!(wide.parse::<Network>(), Err(NetworkError::Wide(wide.to_owned())), "{wide}");
        }
        for own in ["10.0.0.0/8", "2001:2000::/19", "fc00::/7", "fe80::/10"] {
            assert!(own.parse::<Network>().is_ok(), "{own}");
        }
        let pieces: Vec<String> = (0..=255).map(|first| format!("{first}.0.0.0/8")).collect();
        let together = TrustedNetworks::parse(pieces.iter().map(String::as_str));
        assert_eq!(together, Err(NetworkError::Together));
        for everybody in ["0.0.0.0/0", "::/0", "10.0.0.0/0"] {
            assert_eq!(everybody.parse::<Network>(), Err(NetworkError::Everybody(everybody.to_owned())));
        }
        let slip = "10.1.2.3/8".parse::<Network>().unwrap_err().to_string();
        assert!(slip.ends_with("the network is 10.0.0.0/8"), "{slip}");
    }

    #[test]
    fn permission_needs_a_reason() {
        let networks = trusted(&["127.0.0.0/8"]);
        let allowed = RelayAllowed::for_network(IpAddr::V4(Ipv4Addr::LOCALHOST), &networks).unwrap();
        assert_eq!(allowed.to_string(), "trusted network");
        assert_eq!(RelayAllowed::for_network(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), &networks), None);
    }
    #[test]
    fn a_backup_mx_takes_mail_for_its_domains_only() {
        let domains = DomainSet::new(vec!["a.test".parse().unwrap(), ".b.test".parse().unwrap()]);
        for (recipient, wanted) in [
            ("x@a.test", true),
            ("x%elsewhere.test@a.test", false),
            ("elsewhere.test!x@a.test", false),
            ("\"x@elsewhere.test\"@a.test", false),
            ("x@c.b.test", true),
            ("x@b.test", false),
            ("x@ca.test", false),
            ("x@[127.0.0.1]", false),
        ] {
            let recipient = Address::parse(recipient).unwrap();
            assert_eq!(RelayAllowed::for_relay_domain(&recipient, &domains).is_some(), wanted, "{recipient}");
        }
    }
}
