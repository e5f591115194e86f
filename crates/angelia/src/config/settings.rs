//! The second step: each value gets its type, or a problem with its line.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use directory::{Network, TrustedNetworks};
use envelope::{Address, Domain};
use journal::Service;
use mhs::mta::outbound::tls::TlsPolicy;
use net::CertificateFiles;
use queue::Backoff;

use super::Problem;
use super::keys::{self, Default as KeyDefault};
use super::kind::{self, Kind};
use super::raw::{Found, Raw, Value};

/// The configuration, right by construction.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Our name in the DNS.
    pub hostname: Domain,
    /// Where everything is kept.
    pub data: PathBuf,
    /// Whom to become after binding.
    pub user: Option<String>,
    /// Who reads what is sent to a postmaster.
    pub postmaster: Option<Address>,
    /// The doors.
    pub listen: Vec<ListenSettings>,
    /// Certificates.
    pub tls: TlsSettings,
    /// Whether a password may come in the clear from elsewhere.
    pub signin_without_tls: bool,
    /// Who may send without signing in.
    pub relay_networks: TrustedNetworks,
    /// SIZE, in octets.
    pub message_octets_max: u64,
    /// Recipients of one message.
    pub recipients_max: usize,
    /// Connections to one group of doors.
    pub connections_max: usize,
    /// Connections from one address.
    pub connections_per_address_max: usize,
    /// The name server, when one is named.
    pub dns_server: Option<SocketAddr>,
    /// The port of other mail servers.
    pub outbound_port: u16,
    /// Where connections to them come from.
    pub outbound_source: Option<IpAddr>,
    /// Whether letters travel encrypted.
    pub outbound_tls: TlsPolicy,
    /// The queue's patience.
    pub backoff: Backoff,
    /// The store.
    pub storage: Engine,
    /// How the journal looks on stderr.
    pub journal_format: JournalFormat,
    /// How long the journal's rows are kept.
    pub journal_days: u32,
}

/// One door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenSettings {
    /// What is spoken there.
    pub service: Service,
    /// Where.
    pub address: SocketAddr,
}

/// Certificates, ours and whom we believe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// Those of the file, or the one in the data folder.
    pub certificates: Vec<CertificateFiles>,
    /// Whether we make the certificate ourselves when it is not there.
    pub self_signed: bool,
    /// Further authorities.
    pub authorities: Vec<PathBuf>,
}

/// Where rows are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// In the data folder.
    Embedded,
    /// In a PostgreSQL database.
    Postgres {
        /// Its address.
        url: String,
        /// Where the letters are.
        bodies: Bodies,
    },
}

/// Where letters are kept that several machines share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bodies {
    /// In a folder.
    Folder(PathBuf),
    /// In a bucket that speaks S3.
    Bucket {
        /// The bucket.
        name: String,
        /// What our names in it begin with.
        prefix: String,
        /// Where it is.
        region: String,
        /// Who keeps it, if not Amazon.
        endpoint: Option<String>,
    },
}

/// How the journal looks on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalFormat {
    /// As suits what stderr is.
    Auto,
    /// Whole lines.
    Text,
    /// One object a line.
    Json,
    /// Nothing.
    Off,
}

const DOORS: [(&str, Service); 7] = [
    ("smtp.listen", Service::Smtp),
    ("submission.listen", Service::Submission),
    ("submissions.listen", Service::Submissions),
    ("imap.listen", Service::Imap),
    ("imaps.listen", Service::Imaps),
    ("pop3.listen", Service::Pop3),
    ("pop3s.listen", Service::Pop3s),
];

/// `None` only when there is a problem.
pub(super) fn build(raw: Raw, folder: &Path, problems: &mut Vec<Problem>) -> Option<Settings> {
    let mut reader = Reader { raw, folder, problems };
    let hostname = reader.hostname();
    let data = reader.path("data");
    let tls = reader.tls(data.as_deref());
    let storage = reader.storage();
    let listen = reader.doors();
    let backoff = reader.backoff();
    Some(Settings {
        user: reader.text("user"),
        postmaster: reader.address("postmaster"),
        listen,
        tls,
        signin_without_tls: reader.bool("signin.without_tls"),
        relay_networks: reader.networks("relay.networks"),
        message_octets_max: reader.size("limits.message_size"),
        recipients_max: reader.count("limits.recipients"),
        connections_max: reader.count("limits.connections"),
        connections_per_address_max: reader.count("limits.connections_per_address"),
        dns_server: reader.socket_address("dns.server"),
        outbound_port: u16::try_from(reader.number("outbound.port")).unwrap_or(25),
        outbound_source: reader.read("outbound.source", |value| {
            let text = as_text(value, "outbound.source")?;
            text.parse().map_err(|_| format!("{text:?} is no address; {}", wanted("outbound.source")))
        }),
        outbound_tls: match reader.choice("outbound.tls") {
            Some("required") => TlsPolicy::Required,
            Some("never") => TlsPolicy::Never,
            _ => TlsPolicy::Opportunistic,
        },
        backoff,
        journal_format: reader.journal_format(),
        journal_days: u32::try_from(reader.number("journal.days")).unwrap_or(30),
        storage: storage?,
        hostname: hostname?,
        data: data?,
    })
}

struct Reader<'a> {
    raw: Raw,
    folder: &'a Path,
    problems: &'a mut Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, name: &str, line: usize, text: &str) {
        let line = (line > 0).then_some(line);
        self.problems.push(Problem { line, text: format!("`{name}`: {text}") });
    }

    /// What the file says, or else the default; line 0 stands for the latter.
    fn value(&mut self, name: &'static str) -> Option<Found> {
        if let Some(found) = self.raw.take(name) {
            return Some(found);
        }
        match keys::find(name)?.default {
            KeyDefault::Is { value, .. } => {
                let (mut raw, _) = Raw::parse(&format!("{name} = {value}"));
                raw.take(name).map(|found| Found { line: 0, ..found })
            }
            KeyDefault::Required { example } => {
                self.problem(name, 0, &format!("is missing; write for instance {name} = {example}"));
                None
            }
            KeyDefault::Unset { .. } => None,
        }
    }

    /// Takes the value apart by `read`; what that refuses becomes a problem.
    fn read<T>(&mut self, name: &'static str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let found = self.value(name)?;
        match read(&found.value) {
            Ok(value) => Some(value),
            Err(text) => {
                self.problem(name, found.line, &text);
                None
            }
        }
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        self.read(name, |value| as_text(value, name).map(str::to_owned))
    }

    /// A name that others can ask the DNS for: they refuse mail from who greets with less (RFC 5321 section 4.1.1.1).
    fn hostname(&mut self) -> Option<Domain> {
        let name = "hostname";
        self.read(name, |value| {
            let text = as_text(value, name)?;
            let example = "write the name of this machine in the DNS, such as \"mail.example.org\"";
            let bare = text.trim_start_matches('[').trim_end_matches(']').trim_start_matches("IPv6:");
            if bare.parse::<IpAddr>().is_ok() {
                return Err(format!("{text:?} is an address; {example}"));
            }
            let domain = Domain::parse(text).map_err(|error| format!("{text:?}: {error}"))?;
            let is_local = domain.as_str() == "localhost" || domain.as_str().ends_with(".localhost");
            if is_local || domain.as_str() == "localhost.localdomain" {
                return Err(format!("{text:?} is what every machine calls itself; {example}"));
            }
            if !domain.as_str().contains('.') {
                return Err(format!("{text:?} has no dot, so nobody else can find it; {example}"));
            }
            Ok(domain)
        })
    }

    fn address(&mut self, name: &'static str) -> Option<Address> {
        self.read(name, |value| {
            let text = as_text(value, name)?;
            Address::parse(text).map_err(|error| format!("{text:?}: {error}"))
        })
    }

    fn path(&mut self, name: &'static str) -> Option<PathBuf> {
        let folder = self.folder.to_owned();
        self.read(name, |value| as_text(value, name).map(|text| folder.join(text)))
    }

    fn paths(&mut self, name: &'static str) -> Vec<PathBuf> {
        let folder = self.folder.to_owned();
        let read =
            |value: &Value| as_texts(value, name).map(|texts| texts.into_iter().map(|t| folder.join(t)).collect());
        self.read(name, read).unwrap_or_default()
    }

    fn bool(&mut self, name: &'static str) -> bool {
        let read = |value: &Value| match value {
            Value::Bool(value) => Ok(*value),
            _ => Err(wanted(name)),
        };
        self.read(name, read).unwrap_or_default()
    }

    fn number(&mut self, name: &'static str) -> i64 {
        let read = |value: &Value| match (value, keys::find(name).map(|key| key.kind)) {
            (Value::Number(number), Some(Kind::Number { min, max })) if (min..=max).contains(number) => Ok(*number),
            _ => Err(wanted(name)),
        };
        self.read(name, read).unwrap_or_default()
    }

    fn count(&mut self, name: &'static str) -> usize {
        usize::try_from(self.number(name)).unwrap_or_default()
    }

    fn size(&mut self, name: &'static str) -> u64 {
        let least = match keys::find(name).map(|key| key.kind) {
            Some(Kind::Size { least, .. }) => least,
            _ => 0,
        };
        let read = |value: &Value| {
            let octets = match value {
                Value::Number(number) => u64::try_from(*number).map_err(|_| wanted(name))?,
                other => kind::size(as_text(other, name)?)?,
            };
            if octets < least { Err(format!("{octets} octets are too few; {}", wanted(name))) } else { Ok(octets) }
        };
        self.read(name, read).unwrap_or_default()
    }

    fn duration(&mut self, name: &'static str) -> Duration {
        self.read(name, |value| kind::duration(as_text(value, name)?)).unwrap_or_default()
    }

    fn socket_address(&mut self, name: &'static str) -> Option<SocketAddr> {
        let port = match keys::find(name).map(|key| key.kind) {
            Some(Kind::SocketAddress { port }) => Some(port),
            _ => None,
        };
        self.read(name, |value| kind::socket_address(as_text(value, name)?, port))
    }

    fn networks(&mut self, name: &'static str) -> TrustedNetworks {
        let read = |value: &Value| {
            let texts = as_texts(value, name)?;
            each(&texts, |text| text.parse::<Network>().map_err(|error| error.to_string()))?;
            TrustedNetworks::parse(texts).map_err(|error| error.to_string())
        };
        self.read(name, read).unwrap_or_default()
    }

    fn doors(&mut self) -> Vec<ListenSettings> {
        let mut doors: Vec<ListenSettings> = Vec::new();
        for (name, service) in DOORS {
            let read = |value: &Value| each(&as_texts(value, name)?, |text| kind::socket_address(text, None));
            let addresses: Vec<SocketAddr> = self.read(name, read).unwrap_or_default();
            for address in addresses {
                if let Some(other) = doors.iter().find(|door| door.address == address && address.port() != 0) {
                    let other = DOORS.iter().find(|(_, service)| *service == other.service).map_or("", |door| door.0);
                    self.problem(name, 0, &format!("{address} is taken by `{other}` already"));
                }
                doors.push(ListenSettings { service, address });
            }
        }
        doors
    }

    fn tls(&mut self, data: Option<&Path>) -> TlsSettings {
        let chains = self.paths("tls.certificate");
        let keys = self.paths("tls.key");
        let authorities = self.paths("tls.authorities");
        if chains.len() != keys.len() {
            let text = format!("there are {} certificates and {} keys; each needs the other", chains.len(), keys.len());
            self.problem("tls.key", 0, &text);
        }
        if chains.is_empty() {
            let folder = data.unwrap_or(self.folder).join("tls");
            let own = CertificateFiles { chain: folder.join("certificate.pem"), key: folder.join("key.pem") };
            return TlsSettings { certificates: vec![own], self_signed: true, authorities };
        }
        let pairs = chains.into_iter().zip(keys);
        let certificates = pairs.map(|(chain, key)| CertificateFiles { chain, key }).collect();
        TlsSettings { certificates, self_signed: false, authorities }
    }

    fn storage(&mut self) -> Option<Engine> {
        let engine = self.choice("storage.engine")?;
        let url = self.text("storage.url");
        let bodies = self.text("storage.bodies");
        let region = self.text("storage.region").unwrap_or_default();
        let endpoint = self.text("storage.endpoint");
        if engine == "embedded" {
            let for_postgres = [
                ("storage.url", url.is_some()),
                ("storage.bodies", bodies.is_some()),
                ("storage.endpoint", endpoint.is_some()),
            ];
            for (name, given) in for_postgres {
                if given {
                    self.problem(name, 0, "is for the engine \"postgres\"; set `storage.engine` or take this away");
                }
            }
            return Some(Engine::Embedded);
        }
        if url.is_none() {
            self.problem("storage.url", 0, "is missing; the engine \"postgres\" needs the address of its database");
        }
        if bodies.is_none() {
            self.problem("storage.bodies", 0, "is missing; the engine \"postgres\" needs a folder or an s3:// address");
        }
        let bodies = bodies.map(|text| match text.strip_prefix("s3://") {
            Some(bucket) => {
                let (name, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
                Bodies::Bucket { name: name.to_owned(), prefix: prefix.to_owned(), region, endpoint }
            }
            None => Bodies::Folder(self.folder.join(text)),
        });
        Some(Engine::Postgres { url: url?, bodies: bodies? })
    }

    fn backoff(&mut self) -> Backoff {
        let backoff = Backoff {
            first: self.duration("queue.retry_first"),
            longest: self.duration("queue.retry_longest"),
            lifetime: self.duration("queue.lifetime"),
            delay_notice: self.duration("queue.delay_notice"),
        };
        if backoff.first.is_zero() && self.problems.is_empty() {
            self.problem("queue.retry_first", 0, "must be longer than nothing");
        }
        if backoff.longest < backoff.first {
            self.problem("queue.retry_longest", 0, "is shorter than `queue.retry_first`");
        }
        backoff
    }

    fn journal_format(&mut self) -> JournalFormat {
        match self.choice("journal.format") {
            Some("text") => JournalFormat::Text,
            Some("json") => JournalFormat::Json,
            Some("off") => JournalFormat::Off,
            _ => JournalFormat::Auto,
        }
    }

    fn choice(&mut self, name: &'static str) -> Option<&'static str> {
        let Some(Kind::Choice(words)) = keys::find(name).map(|key| key.kind) else { return None };
        self.read(name, |value| {
            let text = as_text(value, name)?;
            words.iter().copied().find(|word| *word == text).ok_or_else(|| wanted(name))
        })
    }
}

fn wanted(name: &str) -> String {
    format!("wants {}", keys::find(name).map_or_else(String::new, |key| key.kind.describe()))
}

fn as_text<'v>(value: &'v Value, name: &str) -> Result<&'v str, String> {
    match value {
        Value::Text(text) if !text.is_empty() => Ok(text),
        Value::Text(_) => Err(format!("is empty; {}", wanted(name))),
        Value::Other(what) => Err(format!("is {what}; {}", wanted(name))),
        _ => Err(wanted(name)),
    }
}

/// All entries of a list, or all that is wrong with them.
fn each<T>(texts: &[&str], read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let (mut good, mut wrong) = (Vec::new(), Vec::new());
    for text in texts {
        match read(text) {
            Ok(value) => good.push(value),
            Err(text) => wrong.push(text),
        }
    }
    if wrong.is_empty() { Ok(good) } else { Err(wrong.join("; ")) }
}

/// One text, or a list of texts.
fn as_texts<'v>(value: &'v Value, name: &str) -> Result<Vec<&'v str>, String> {
    match value {
        Value::List(list) => list.iter().map(|value| as_text(value, name)).collect(),
        one => as_text(one, name).map(|text| vec![text]),
    }
}
