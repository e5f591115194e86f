//! What a route says: where to, and how.
//!
//! `"mx"` · `"smtp://host:port"` · `"smtps://host:port"` (TLS from the first octet, RFC 8314) · `"lmtp://host:port"` ·
//! `"lmtp:/path/of/a/socket"` (RFC 2033) · `"reject:text"`.

use std::fmt;
use std::path::{Path, PathBuf};

use envelope::{DomainError, EnhancedStatus, Host, Reply};

use super::Sources;
use crate::mta::outbound::SiteLimits;
use crate::mta::outbound::tls::TlsPolicy;

/// What `reject:` says without words of its own.
pub const USUAL_REFUSAL: &str = "mail to this address is not taken";

/// What is spoken with the next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// SMTP with TLS from the first octet (RFC 8314 section 3.3 has it for submission).
    Smtps,
    /// RFC 2033: an answer for each recipient after the letter.
    Lmtp,
}

impl Protocol {
    /// Before the colon of a way.
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Smtps => "smtps",
            Self::Lmtp => "lmtp",
        }
    }

    /// The port where none is named. `usual` is that of other mail servers: 25 but in a lab.
    fn port(self, usual: u16) -> u16 {
        match self {
            Self::Smtp => usual,
            Self::Smtps => 465,
            Self::Lmtp => 24,
        }
    }
}

/// A host that an operator names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// By TCP.
    Tcp {
        /// A name, or an address.
        host: Host,
        /// `None`: that of the route, else the protocol's.
        port: Option<u16>,
    },
    /// By a Unix socket, which only LMTP is spoken over.
    Unix(PathBuf),
}

/// Where a route leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// To the MX hosts of the recipient's domain, as without a route.
    Mx,
    /// To these, in their order.
    Hosts {
        /// What is spoken there.
        protocol: Protocol,
        /// Never empty.
        endpoints: Vec<Endpoint>,
    },
    /// Nowhere: mail is refused with these words.
    Reject(Reply),
}

/// A name and a password for the next hop. The password stays in its file and is read at each signing in, so that it can
/// be changed without a word to us, and stands in no memory meanwhile.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// Its first line is the password.
    pub password_file: PathBuf,
}

/// How a route leads there. The default is what holds without a route.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// The named hosts are domains whose MX is looked up.
    pub mx: bool,
    /// The port where a host names none.
    pub port: Option<u16>,
    /// Sign in with these.
    pub credentials: Option<Credentials>,
    /// Instead of what holds for all mail out.
    pub tls: Option<TlsPolicy>,
    /// Instead of those for all mail out.
    pub sources: Sources,
    /// How much it bears.
    pub limits: SiteLimits,
}

/// Why a text is no way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WayError {
    /// Nothing that we know.
    #[error(
        "{0:?} is no way; write \"mx\", \"smtp://host:port\", \"smtps://host\", \"lmtp://host:port\", \"lmtp:/path\" or \"reject:text\""
    )]
    Scheme(String),
    /// There is nothing to go to.
    #[error("it names no host")]
    NoHost,
    /// The part between scheme and port.
    #[error("{text:?} is no host: {error}")]
    Host {
        /// As it was written.
        text: String,
        /// What is wrong.
        error: DomainError,
    },
    /// The part behind the colon.
    #[error("{0:?} is no port; a port is a number, 1 to 65535")]
    Port(String),
    /// A path, a query or a user in what looks like a URL.
    #[error("{0:?} has more than a host and a port; a name and a password are the keys `user` and `password_file`")]
    More(String),
    /// A socket that is not an absolute path.
    #[error("{0:?} is no absolute path of a socket")]
    Path(String),
    /// `smtp:/path`.
    #[error("over a socket in the file system only LMTP is spoken; write \"lmtp:{0}\"")]
    NotLmtp(String),
    /// Several, of which one is not a host.
    #[error("{0:?} stands alone: only hosts can be several")]
    Alone(String),
    /// Several that do not speak the same.
    #[error("several hosts of one route speak the same protocol; here are {} and {}", .0.scheme(), .1.scheme())]
    Mixed(Protocol, Protocol),
    /// A refusal without words that fit into a reply.
    #[error("the words of a refusal are printable ASCII, on one line")]
    Words,
    /// A refusal with a code of another class.
    #[error("a refusal is permanent: its code begins with 5, as in \"reject:5.1.2 moved away\"")]
    Code,
}

impl To {
    /// Reads what an operator wrote: one way, or several hosts of one protocol.
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, WayError> {
        let mut ways = texts.into_iter().map(|text| Ok((text, Self::one(text)?)));
        let (_, mut to) = ways.next().unwrap_or(Err(WayError::NoHost))?;
        for way in ways {
            let (text, next) = way?;
            match (&mut to, next) {
                (To::Hosts { protocol, endpoints }, To::Hosts { protocol: other, endpoints: more }) => {
                    if *protocol != other {
                        return Err(WayError::Mixed(*protocol, other));
                    }
                    endpoints.extend(more);
                }
                (To::Hosts { .. }, _) => return Err(WayError::Alone(text.to_owned())),
                (first, _) => return Err(WayError::Alone(first.to_string())),
            }
        }
        Ok(to)
    }

    fn one(text: &str) -> Result<Self, WayError> {
        if text == "mx" {
            return Ok(Self::Mx);
        }
        let (scheme, rest) = text.split_once(':').ok_or_else(|| WayError::Scheme(text.to_owned()))?;
        let protocol = match scheme {
            "reject" => return refusal(rest.trim()),
            "smtp" => Protocol::Smtp,
            "smtps" => Protocol::Smtps,
            "lmtp" => Protocol::Lmtp,
            _ => return Err(WayError::Scheme(text.to_owned())),
        };
        let endpoint = match rest.strip_prefix("//") {
            Some(authority) => endpoint(authority)?,
            None if rest.starts_with('/') => socket(protocol, rest)?,
            // As Postfix writes it.
            None if rest.starts_with("unix:") => socket(protocol, rest.trim_start_matches("unix:"))?,
            None => return Err(WayError::Scheme(text.to_owned())),
        };
        Ok(Self::Hosts { protocol, endpoints: vec![endpoint] })
    }
}

fn socket(protocol: Protocol, path: &str) -> Result<Endpoint, WayError> {
    if protocol != Protocol::Lmtp {
        return Err(WayError::NotLmtp(path.to_owned()));
    }
    if !Path::new(path).is_absolute() || path.contains('\0') {
        return Err(WayError::Path(path.to_owned()));
    }
    Ok(Endpoint::Unix(PathBuf::from(path)))
}

/// `host`, `host:port`, `192.0.2.1:port`, `[2001:db8::1]:port`.
fn endpoint(authority: &str) -> Result<Endpoint, WayError> {
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    if authority.contains(['/', '@', '?', '#']) {
        return Err(WayError::More(authority.to_owned()));
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return Err(WayError::NoHost);
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']').trim_start_matches("IPv6:");
    let host = match bare.parse() {
        Ok(address) => Host::Literal(address),
        Err(_) => Host::parse(host).map_err(|error| WayError::Host { text: host.to_owned(), error })?,
    };
    let number = |text: &str| text.parse().ok().filter(|port| *port > 0).ok_or_else(|| WayError::Port(text.to_owned()));
    Ok(Endpoint::Tcp { host, port: port.map(number).transpose()? })
}

/// `text`, or `5.1.2 text`.
fn refusal(text: &str) -> Result<To, WayError> {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let (status, words) = match first.parse::<EnhancedStatus>() {
        Ok(status) if status.class != 5 => return Err(WayError::Code),
        Ok(status) => (status, rest.trim()),
        Err(_) => (EnhancedStatus::new(5, 7, 1), text),
    };
    let words = if words.is_empty() { USUAL_REFUSAL } else { words };
    if words.len() > 400 || !words.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(WayError::Words);
    }
    Ok(To::Reject(Reply { code: 550, enhanced: Some(status), text: words.to_owned() }))
}

impl Endpoint {
    /// The port, when it is reached by TCP. `usual` is that of other mail servers.
    pub fn port(&self, protocol: Protocol, options: &Options, usual: u16) -> Option<u16> {
        match self {
            Self::Tcp { port, .. } => Some(port.or(options.port).unwrap_or_else(|| protocol.port(usual))),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host: Host::Literal(address), port } if address.is_ipv6() => {
                write!(f, "[{address}]")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Tcp { host: Host::Literal(address), port } => {
                write!(f, "{address}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Tcp { host: Host::Name(name), port } => {
                write!(f, "{name}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl fmt::Display for To {
    /// As the queue names the next hop: `smtp:relay.example.net:587`, `lmtp:/run/dovecot/lmtp`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mx => f.write_str("mx"),
            Self::Reject(reply) => match reply.enhanced {
                Some(status) => write!(f, "reject:{status} {}", reply.text),
                None => write!(f, "reject:{}", reply.text),
            },
            Self::Hosts { protocol, endpoints } => {
                write!(f, "{}:", protocol.scheme())?;
                for (index, endpoint) in endpoints.iter().enumerate() {
                    write!(f, "{}{endpoint}", if index > 0 { "," } else { "" })?;
                }
                Ok(())
            }
        }
    }
}
