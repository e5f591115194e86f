//! What may stand at a key, and how it is read: sizes and durations with units, addresses, lists.

use std::net::SocketAddr;
use std::time::Duration;

use mhs::mta::outbound::Rate;

/// A kind of value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A path.
    Path,
    /// A path or a list of paths.
    Paths,
    /// A mail address.
    Address,
    /// A domain name.
    Domain,
    /// Names of users of this machine; `"*"` for all.
    Users,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Number { min: i64, max: i64 },
    /// Octets: `"50 MiB"`; `least` in the same way, for people.
    Size { least: u64, said: &'static str },
    /// Time: `"5m"`, `"1h30m"`.
    Duration,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Socket addresses to listen on.
    Addresses,
    /// Addresses without a port, one a family.
    Ips,
    /// One socket address; `port` when it names none.
    SocketAddress { port: u16 },
    /// Addresses and networks: `"192.0.2.0/24"`.
    Networks,
    /// Domains, `.example.org` for what is below one.
    Domains,
    /// Reverse-paths: `"anna@example.org"`, `"@example.org"`, `"<>"`.
    Senders,
    /// Where a route leads: `"mx"`, `"smtp://host:port"` …
    Ways,
    /// So many in a time: `"100/h"`.
    Rate,
}

impl Kind {
    /// For people.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Path => "path".into(),
            Self::Paths => "path, or list of paths".into(),
            Self::Address => "mail address".into(),
            Self::Domain => "domain name".into(),
            Self::Users => "list of users such as \"www-data\"; \"*\" for all".into(),
            Self::Bool => "true or false".into(),
            Self::Number { min, max } => format!("number, {min} to {max}"),
            Self::Size { said, .. } => format!("size: octets, or a text such as \"50 MiB\"; {said} at least"),
            Self::Duration => "duration: a text such as \"30s\", \"5m\", \"4h\", \"5d\"".into(),
            Self::Choice(words) => words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" or "),
            Self::Addresses => "list of addresses such as \"[::]:25\", \"192.0.2.1:25\"".into(),
            Self::Ips => "address such as \"192.0.2.1\", or list of one IPv4 and one IPv6 address".into(),
            Self::SocketAddress { .. } => "address such as \"127.0.0.1:53\"".into(),
            Self::Networks => "list of networks such as \"192.0.2.0/24\"".into(),
            Self::Domains => "domain, or list of domains; \".example.org\" is every domain below that one".into(),
            Self::Senders => {
                "reverse-path, or list of them: \"anna@example.org\", \"@example.org\", \"<>\" for notices".into()
            }
            Self::Ways => {
                "\"mx\", \"smtp://host:port\", \"smtps://host:port\", \"lmtp://host:port\", \"lmtp:/path/of/socket\" or \
                 \"reject:text\"; several hosts as a list"
                    .into()
            }
            Self::Rate => "letters in a time: a text such as \"10/s\", \"100/h\", \"500/10m\"".into(),
        }
    }
}

/// `"50 MiB"` in octets. Decimal units (`MB`) are powers of ten, binary ones (`MiB`) powers of two.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = split_unit(text);
    if number.is_empty() {
        return Err(format!("{text:?} is no size; write for instance \"50 MiB\""));
    }
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "octets" | "bytes" => 1,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        _ => return Err(format!("{unit:?} is no unit of size; there are KiB, MiB, GiB, KB, MB, GB")),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text:?} is no size; write for instance \"50 MiB\""))?;
    number.checked_mul(factor).ok_or_else(|| format!("{text:?} is too large"))
}

/// `"1h30m"`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let bad = || format!("{text:?} is no duration; write for instance \"30s\", \"5m\", \"4h\" or \"5d\"");
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let millis: u64 = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return Err(bad()),
        };
        let count: u64 = number.parse().map_err(|_| bad())?;
        let part = count.checked_mul(millis).filter(|millis| *millis < 1 << 50).ok_or_else(bad)?;
        total += Duration::from_millis(part);
        rest = tail.trim_start();
    }
    Ok(total)
}

/// `"100/h"`, `"500/10m"`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    let bad = || format!("{text:?} is no rate; write for instance \"10/s\", \"100/h\" or \"500/10m\"");
    let (letters, per) = text.split_once('/').ok_or_else(bad)?;
    let letters = letters.trim().parse().ok().filter(|letters| *letters > 0).ok_or_else(bad)?;
    let per = per.trim();
    let whole = if per.starts_with(|c: char| c.is_ascii_digit()) { per.to_owned() } else { format!("1{per}") };
    let per = duration(&whole).ok().filter(|per| !per.is_zero()).ok_or_else(bad)?;
    Ok(Rate { letters, per })
}

/// `"[::]:25"`, `"192.0.2.1:25"`; with a `default_port` also a bare address.
pub(crate) fn socket_address(text: &str, default_port: Option<u16>) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match (bare.parse(), default_port) {
        (Ok(ip), Some(port)) => Ok(SocketAddr::new(ip, port)),
        (Ok(_), None) => Err(format!("{text:?} lacks its port; write for instance \"192.0.2.1:25\"")),
        (Err(_), _) => Err(format!(
            "{text:?} is no address with a port; write for instance \"[::]:25\" (every address) or \"127.0.0.1:25\""
        )),
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, octets) in [("0", 0), ("1500", 1500), ("50 MiB", 50 << 20), ("10MB", 10_000_000), ("2g", 2 << 30)] {
            assert_eq!(size(text), Ok(octets), "{text}");
        }
        for bad in ["", "MiB", "-1", "1.5 MiB", "5 parsecs", "99999999999999999999", "99999999999 GiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_have_units() {
        let seconds = Duration::from_secs;
        let table = [("30s", seconds(30)), ("5m", seconds(300)), ("1h30m", seconds(5400)), ("5d", seconds(432_000))];
        for (text, wanted) in table {
            assert_eq!(duration(text), Ok(wanted), "{text}");
        }
        for bad in ["", "5", "m", "5 fortnights", "-5m", "1h30", "99999999999999999999s", "9999999999999w"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates_have_a_time() {
        let rate = |letters, seconds| Ok(Rate { letters, per: Duration::from_secs(seconds) });
        for (text, wanted) in [("10/s", rate(10, 1)), ("100 / h", rate(100, 3600)), ("500/10m", rate(500, 600))] {
            assert_eq!(super::rate(text), wanted, "{text}");
        }
        for bad in ["", "100", "100/", "/h", "0/h", "-1/h", "1/0s", "1/parsec", "1.5/h", "99999999999/h"] {
            assert!(super::rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_have_ports() {
        assert_eq!(socket_address("[::]:25", None), Ok("[::]:25".parse().unwrap()));
        assert_eq!(socket_address("127.0.0.1", Some(53)), Ok("127.0.0.1:53".parse().unwrap()));
        assert_eq!(socket_address("::1", Some(53)), Ok("[::1]:53".parse().unwrap()));
        for bad in ["25", "localhost:25", "127.0.0.1", "::1", ""] {
            assert!(socket_address(bad, None).is_err(), "{bad}");
        }
    }
}
