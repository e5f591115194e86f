//! What the lab is made of: two offices, their addresses, ports, accounts and folders. Written down as a configuration
//! file for each office, so that every command of the program works on them too.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use envelope::{Address, Domain};
use journal::Service;

/// The doors of an office, with the registered port of each: the lab's port is the base and this.
const DOORS: [(Service, &str, u16); 7] = [
    (Service::Smtp, "smtp", 25),
    (Service::Submission, "submission", 587),
    (Service::Submissions, "submissions", 465),
    (Service::Imap, "imap", 143),
    (Service::Imaps, "imaps", 993),
    (Service::Pop3, "pop3", 110),
    (Service::Pop3s, "pop3s", 995),
];

/// DNS is the lab's own, beside the offices.
const DNS_PORT: u16 = 53;

/// How often free ports are looked for before we give up: each time somebody else may take one meanwhile.
const ATTEMPTS: usize = 50;

/// Everything about one office that does not change while it runs.
#[derive(Debug, Clone)]
pub(super) struct OfficePlan {
    pub(super) domain: Domain,
    /// `mail.athens.test`
    pub(super) hostname: String,
    pub(super) ip: IpAddr,
    /// Who has an account there.
    pub(super) person: Person,
    /// Its configuration, data and certificate.
    pub(super) folder: PathBuf,
    pub(super) doors: Vec<Door>,
}

/// One open door.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) service: Service,
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
}

/// Somebody with an account.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) address: Address,
    pub(super) password: &'static str,
}

/// A server that somebody else runs beside the lab: the lab's DNS sends the domain's mail to it.
#[derive(Debug, Clone)]
pub(super) struct Neighbour {
    pub(super) domain: Domain,
    pub(super) ip: Ipv4Addr,
}

/// The whole lab.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) folder: PathBuf,
    pub(super) athens: OfficePlan,
    pub(super) patras: OfficePlan,
    pub(super) neighbours: Vec<Neighbour>,
    pub(super) dns: SocketAddr,
    pub(super) authority: PathBuf,
}

impl Plan {
    /// Lays it out. With the base 0 it looks for free ports.
    pub(super) fn new(folder: &Path, port_base: u16, neighbours: Vec<Neighbour>) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("making the folder {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let ips = [Ipv4Addr::new(127, 0, 1, 1), Ipv4Addr::new(127, 0, 2, 1)];
        let ports = if port_base == 0 { free_ports(&ips)? } else { fixed_ports(port_base)? };
        let athens = OfficePlan::new(&folder, "athens", ips[0], ("anna", "thalassa"), &ports)?;
        let patras = OfficePlan::new(&folder, "patras", ips[1], ("kostas", "ouranos"), &ports)?;
        let dns = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.dns));
        let authority = folder.join("ca.pem");
        Ok(Self { folder, athens, patras, neighbours, dns, authority })
    }

    pub(super) fn offices(&self) -> [&OfficePlan; 2] {
        [&self.athens, &self.patras]
    }

    /// What DNS and outbound must be told is the same for all: one port for SMTP, since an MX names none.
    pub(super) fn smtp_port(&self) -> u16 {
        self.athens.door(Service::Smtp).port()
    }
}

impl OfficePlan {
    fn new(
        folder: &Path,
        name: &str,
        ip: Ipv4Addr,
        (person, password): (&'static str, &'static str),
        ports: &Ports,
    ) -> anyhow::Result<Self> {
        let domain = Domain::parse(&format!("{name}.test"))?;
        let address = Address::parse(&format!("{person}@{domain}"))?;
        let doors = DOORS.iter().zip(ports.doors);
        Ok(Self {
            hostname: format!("mail.{domain}"),
            ip: IpAddr::V4(ip),
            person: Person { address, password },
            folder: folder.join(name),
            doors: doors
                .map(|((service, name, _), port)| Door {
                    service: *service,
                    name,
                    address: SocketAddr::from((ip, port)),
                })
                .collect(),
            domain,
        })
    }

    /// Where this service is.
    pub(super) fn door(&self, service: Service) -> SocketAddr {
        let door = self.doors.iter().find(|door| door.service == service);
        door.map_or(SocketAddr::new(self.ip, 0), |door| door.address)
    }

    pub(super) fn config_file(&self) -> PathBuf {
        self.folder.join("angelia.toml")
    }

    /// The configuration as text.
    pub(super) fn config(&self, plan: &Plan) -> String {
        let mut text = format!(
            "# Written by `angelia lab` at each start. Every command works with it:\n\
             #   angelia --config {} queue list\n\
             hostname = \"{}\"\ndata = \"data\"\n",
            self.config_file().display(),
            self.hostname
        );
        for door in &self.doors {
            text.push_str(&format!("{}.listen = [\"{}\"]\n", door.name, door.address));
        }
        text.push_str(&format!(
            "tls.certificate = \"certificate.pem\"\ntls.key = \"key.pem\"\ntls.authorities = \"../ca.pem\"\n\
             dns.server = \"{}\"\n\
             # The MX hosts of the lab are on loopback, where port 25 is not ours.\n\
             outbound.port = {}\n\
             # Impatient, so that a letter that waits can be watched.\n\
             queue.retry_first = \"2s\"\nqueue.retry_longest = \"10s\"\n\
             journal.format = \"auto\"\n",
            plan.dns,
            plan.smtp_port()
        ));
        text
    }
}

struct Ports {
    dns: u16,
    doors: [u16; DOORS.len()],
}

fn fixed_ports(base: u16) -> anyhow::Result<Ports> {
    let port = |registered: u16| {
        base.checked_add(registered)
            .with_context(|| format!("--port-base {base} is too high: {registered} is added to it"))
    };
    let mut doors = [0; DOORS.len()];
    for (place, (_, _, registered)) in doors.iter_mut().zip(DOORS) {
        *place = port(registered)?;
    }
    Ok(Ports { dns: port(DNS_PORT)?, doors })
}

/// Ports that are free now on every address of the lab.
fn free_ports(ips: &[Ipv4Addr]) -> anyhow::Result<Ports> {
    let mut found: Vec<u16> = Vec::new();
    for _ in 0..ATTEMPTS {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("looking for free ports")?;
        let port = first.local_addr()?.port();
        let is_free = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
            && ips.iter().all(|ip| TcpListener::bind((*ip, port)).is_ok());
        if is_free && !found.contains(&port) {
            found.push(port);
        }
        if let [dns, doors @ ..] = found.as_slice()
            && let Ok(doors) = <[u16; DOORS.len()]>::try_from(doors)
        {
            return Ok(Ports { dns: *dns, doors });
        }
    }
    bail!("no free ports on loopback")
}
