//! What stands in the way of a post office on this machine: ports, the resolver, our own names, block lists. Each check
//! has an end in time, and one that cannot be made says so and is no failure.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use envelope::Domain;
use net::{DnsError, Listener, MailHosts, Resolver};
use serde::Serialize;

use crate::config::Settings;

/// All questions to the DNS together.
const PATIENCE: Duration = Duration::from_secs(8);

/// Lists that many mail servers ask, and that answer everybody.
const BLOCK_LISTS: [&str; 3] = ["zen.spamhaus.org", "bl.spamcop.net", "b.barracudacentral.org"];

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    /// Nothing stands in the way.
    Fine,
    /// Something does.
    Trouble,
    /// It could not be found out.
    Unknown,
}

/// One check.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Check {
    /// About what, in a few words.
    pub(super) what: String,
    /// How it ended.
    pub(super) verdict: Verdict,
    /// What was found, and what to do.
    pub(super) detail: String,
}

fn check(what: impl Into<String>, verdict: Verdict, detail: impl Into<String>) -> Check {
    Check { what: what.into(), verdict, detail: detail.into() }
}

/// The addresses by which the Internet could know this machine. Nothing is sent to find them: the kernel is asked which
/// address it would take.
pub(super) fn own_addresses() -> Vec<IpAddr> {
    // Addresses of the root servers A, which is as far from home as one can be.
    let far = ["198.41.0.4:53", "[2001:503:ba3e::2:30]:53"];
    let own = far.iter().filter_map(|far| {
        let far: SocketAddr = far.parse().ok()?;
        let here = if far.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(here).ok()?;
        socket.connect(far).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    });
    own.filter(|ip| !ip.is_loopback() && !ip.is_unspecified()).collect()
}

/// Whether the doors can be opened.
pub(super) fn ports(settings: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    for door in &settings.listen {
        let what = format!("port {}", door.address.port());
        match Listener::bind(door.address) {
            Ok(_) => checks.push(check(what, Verdict::Fine, "can be listened on")),
            Err(error) => {
                let advice = match error.error.kind() {
                    std::io::ErrorKind::PermissionDenied => {
                        "start `angelia serve` as root, it becomes `user` after binding; or give the program the \
                         capability: setcap cap_net_bind_service=+ep"
                    }
                    std::io::ErrorKind::AddrInUse => {
                        "another program has it: find it with `ss -tlnp` and stop it, or change the address in the \
                         configuration"
                    }
                    _ => "change the address in the configuration",
                };
                checks.push(check(what, Verdict::Trouble, format!("{error}; {advice}")));
            }
        }
    }
    checks
}

/// Whether the DNS can be asked, and what it says of us.
pub(super) async fn names(settings: &Settings, domain: &Domain, own: &[IpAddr]) -> Vec<Check> {
    let resolver = match settings.dns_server.map_or_else(Resolver::system, Resolver::named) {
        Ok(resolver) => resolver,
        Err(error) => return vec![check("the DNS", Verdict::Unknown, format!("could not check: {error}"))],
    };
    let all = async {
        let (mail, mut rest) = tokio::join!(mx(&resolver, domain, &settings.hostname), host(&resolver, settings, own));
        rest.insert(0, mail);
        rest.extend(lists(&resolver, own).await);
        rest
    };
    match tokio::time::timeout(PATIENCE, all).await {
        Ok(checks) => checks,
        Err(_) => {
            let detail = "could not check: no network, or no name server that answers (see /etc/resolv.conf)";
            vec![check("the DNS", Verdict::Unknown, detail)]
        }
    }
}

fn unknown(what: impl Into<String>, error: &DnsError) -> Check {
    check(what, Verdict::Unknown, format!("could not check: {error}"))
}

async fn mx(resolver: &Resolver, domain: &Domain, hostname: &Domain) -> Check {
    let what = format!("MX of {domain}");
    match resolver.mx(domain).await {
        Ok(MailHosts::Exchanges(all)) if all.iter().any(|one| one.host == *hostname) => {
            check(what, Verdict::Fine, format!("leads to {hostname}"))
        }
        Ok(MailHosts::Exchanges(all)) => {
            let hosts: Vec<_> = all.iter().map(|one| one.host.to_string()).collect();
            check(what, Verdict::Trouble, format!("leads to {} and not to {hostname}", hosts.join(", ")))
        }
        Ok(MailHosts::Implicit(_)) => check(what, Verdict::Trouble, "is not there yet: publish the records below"),
        Ok(MailHosts::Null) => check(what, Verdict::Trouble, "says that the domain takes no mail (RFC 7505)"),
        Err(DnsError::NoSuchName) => check(what, Verdict::Trouble, "the domain does not exist in the DNS"),
        Err(error) => unknown(what, &error),
    }
}

/// The name leads to the address, and the address back to the name.
async fn host(resolver: &Resolver, settings: &Settings, own: &[IpAddr]) -> Vec<Check> {
    let hostname = &settings.hostname;
    let mut checks = Vec::new();
    let what = format!("address of {hostname}");
    checks.push(match resolver.addresses(hostname).await {
        Ok(found) if found.is_empty() => check(what, Verdict::Trouble, "there is none yet: publish the records below"),
        Ok(found) if found.iter().any(|ip| own.contains(ip)) => check(what, Verdict::Fine, "is this machine's"),
        Ok(found) => {
            let found: Vec<_> = found.iter().map(IpAddr::to_string).collect();
            let detail =
                format!("is {}; this machine has another one, which is right behind NAT only", found.join(", "));
            check(what, Verdict::Trouble, detail)
        }
        Err(DnsError::NoSuchName) => check(what, Verdict::Trouble, "there is none yet: publish the records below"),
        Err(error) => unknown(what, &error),
    });
    for ip in own.iter().filter(|ip| is_public(**ip)) {
        let what = format!("PTR of {ip}");
        checks.push(match resolver.ptr(*ip).await {
            Ok(names) if names.contains(hostname) => check(what, Verdict::Fine, format!("is {hostname}")),
            Ok(names) if names.is_empty() => check(
                what,
                Verdict::Trouble,
                format!(
                    "there is none; ask whoever gave you the address to point it to {hostname}, else mail is refused"
                ),
            ),
            Ok(names) => {
                let names: Vec<_> = names.iter().map(Domain::to_string).collect();
                check(what, Verdict::Trouble, format!("is {}; it should be {hostname}", names.join(", ")))
            }
            Err(error) => unknown(what, &error),
        });
    }
    checks
}

async fn lists(resolver: &Resolver, own: &[IpAddr]) -> Vec<Check> {
    let mut checks = Vec::new();
    for ip in own.iter().filter(|ip| is_public(**ip)) {
        for list in BLOCK_LISTS {
            let Ok(name) = Domain::parse(&format!("{}.{list}", reversed(*ip))) else { continue };
            let what = format!("{ip} at {list}");
            checks.push(match resolver.addresses(&name).await {
                Err(DnsError::NoSuchName) => check(what, Verdict::Fine, "is not listed"),
                Ok(found) if found.is_empty() => check(what, Verdict::Fine, "is not listed"),
                Ok(found) if found.iter().any(|ip| ip.to_string().starts_with("127.255.255.")) => {
                    check(what, Verdict::Unknown, "could not check: the list refuses this name server")
                }
                Ok(_) => check(what, Verdict::Trouble, format!("is listed: see https://{list}")),
                Err(error) => unknown(what, &error),
            });
        }
    }
    checks
}

/// `4.3.2.1` of `1.2.3.4`; the nibbles of an IPv6 address (RFC 5782 section 2).
fn reversed(ip: IpAddr) -> String {
    let parts: Vec<String> = match ip {
        IpAddr::V4(v4) => v4.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().flat_map(|octet| [octet >> 4, octet & 15]);
            nibbles.rev().map(|nibble| format!("{nibble:x}")).collect()
        }
    };
    parts.join(".")
}

pub(super) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_documentation() || shared)
        }
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_read_backwards() {
        assert_eq!(reversed("192.0.2.99".parse().unwrap()), "99.2.0.192");
        let text = reversed("2001:db8::1".parse().unwrap());
        assert!(text.starts_with("1.0.0.0.") && text.ends_with(".8.b.d.0.1.0.0.2"), "{text}");
        assert_eq!(text.len(), 63);
    }

    #[test]
    fn what_the_internet_can_reach() {
        for (text, public) in
            [("8.8.8.8", true), ("10.1.2.3", false), ("100.64.0.1", false), ("2600::1", true), ("fe80::1", false)]
        {
            assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
        }
    }
}
