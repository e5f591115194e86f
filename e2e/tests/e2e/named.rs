//! BIND from Debian as the DNS of a small world: a private root, signed, with a chain of zones below it, and a resolver
//! that validates. On free ports of loopback, each in its own process, with keys made for this one test.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::tool::{Running, run, until};

/// How a zone below the root is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// Signed, and its parent says so.
    Signed,
    /// Signed like a large registry: hashed names, and unsigned delegations left out (NSEC3 with opt-out).
    OptOut,
    /// Not signed, and its parent says that, too.
    Unsigned,
    /// The parent says that it is signed, and its signatures were taken away.
    Stripped,
    /// Signed; then a record was changed, and the signatures were not.
    Broken {
        /// Text in the signed zone …
        from: &'static str,
        /// … and what stands there instead.
        to: &'static str,
    },
}

/// One zone: its name with the final dot, and its records without SOA, NS and DS.
pub struct Zone {
    pub name: &'static str,
    pub signing: Signing,
    pub records: String,
}

/// The name servers, until it is dropped.
pub struct Named {
    folder: TempDir,
    /// Has all the zones, and resolves nothing.
    pub authority: SocketAddr,
    /// Validates, and says so by the AD bit; what fails it answers with SERVFAIL.
    pub resolver: SocketAddr,
    processes: Vec<Running>,
}

impl Named {
    /// Signs the zones, parents last, and starts both servers. The root needs no mention.
    pub fn start(zones: &[Zone]) -> Self {
        for program in ["named", "dnssec-keygen", "dnssec-signzone", "dnssec-dsfromkey"] {
            assert!(exists(program), "{program} is missing: apt-get install bind9 bind9-utils");
        }
        let folder = tempfile::tempdir().unwrap();
        let (authority, resolver) = (free_place(), free_place());
        let mut this = Self { folder, authority, resolver, processes: Vec::new() };
        let mut sorted: Vec<&Zone> = zones.iter().collect();
        sorted.sort_by_key(|zone| std::cmp::Reverse(zone.name.matches('.').count()));
        let mut files = Vec::new();
        for zone in sorted {
            files.push((zone.name, this.zone(zone.name, zone.signing, &zone.records, zones)));
        }
        files.push((".", this.zone(".", Signing::Signed, "", zones)));
        this.serve(&files);
        this.resolve();
        this
    }

    /// DNSKEY of the root, for whoever validates by himself.
    pub fn trust_anchors(&self) -> PathBuf {
        self.folder.path().join("root.key")
    }

    /// Writes a zone, signs it, and answers its file.
    fn zone(&self, name: &str, signing: Signing, records: &str, all: &[Zone]) -> String {
        let mut text = format!(
            "$TTL 60\n$ORIGIN {name}\n@ SOA ns.test. root.test. 1 3600 600 86400 60\n@ NS ns.test.\n{records}\n"
        );
        for child in all.iter().filter(|child| parent(child.name) == name) {
            text.push_str(&format!("{} NS ns.test.\n", child.name));
            let ds = self.path(&format!("{}ds", child.name));
            text.push_str(&fs::read_to_string(ds).unwrap_or_default());
        }
        let file = self.path(&format!("{}zone", if name == "." { "root." } else { name }));
        fs::write(&file, text).unwrap();
        if signing == Signing::Unsigned {
            return file.display().to_string();
        }
        let key =
            run(self.tool("dnssec-keygen").args(["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", name])).succeeded().out;
        let key = format!("{}.key", key.trim());
        let ds = run(self.tool("dnssec-dsfromkey").args(["-2", &key])).succeeded().out;
        fs::write(self.path(&format!("{name}ds")), ds).unwrap();
        let public = fs::read_to_string(self.path(&key)).unwrap();
        if name == "." {
            let record = public.lines().find(|line| !line.starts_with(';')).unwrap();
            fs::write(self.trust_anchors(), format!("{record}\n")).unwrap();
        }
        if signing == Signing::Stripped {
            return file.display().to_string();
        }
        fs::write(&file, format!("{}{public}", fs::read_to_string(&file).unwrap())).unwrap();
        let signed = format!("{}.signed", file.display());
        let mut sign = self.tool("dnssec-signzone");
        sign.args(["-z", "-o", name, "-f", &signed]);
        if signing == Signing::OptOut {
            sign.args(["-A", "-3", "-", "-H", "0"]);
        }
        run(sign.arg(&file)).succeeded();
        if let Signing::Broken { from, to } = signing {
            let text = fs::read_to_string(&signed).unwrap();
            assert!(text.contains(from), "{from} is not in\n{text}");
            fs::write(&signed, text.replace(from, to)).unwrap();
        }
        signed
    }

    fn serve(&mut self, zones: &[(&str, String)]) {
        let mut config = options(self.authority, "recursion no; dnssec-validation no;");
        for (name, file) in zones {
            config.push_str(&format!("zone \"{name}\" {{ type primary; file \"{file}\"; }};\n"));
        }
        self.run("authority", &config, self.authority);
    }

    fn resolve(&mut self) {
        let public = fs::read_to_string(self.trust_anchors()).unwrap();
        let key: Vec<&str> = public.split_whitespace().skip_while(|word| *word != "DNSKEY").skip(1).collect();
        let [flags, protocol, algorithm, key @ ..] = key.as_slice() else { panic!("{public}") };
        let forward = format!(
            "recursion yes; dnssec-validation yes; forward only; forwarders {{ {} port {}; }};",
            self.authority.ip(),
            self.authority.port()
        );
        let mut config = options(self.resolver, &forward);
        let key = key.concat();
        config.push_str(&format!("trust-anchors {{ . static-key {flags} {protocol} {algorithm} \"{key}\"; }};\n"));
        self.run("resolver", &config, self.resolver);
    }

    fn run(&mut self, name: &str, config: &str, place: SocketAddr) {
        let file = self.path(&format!("{name}.conf"));
        fs::write(&file, config).unwrap();
        let log = self.path(&format!("{name}.log"));
        let mut command = self.tool("named");
        command.args(["-g", "-n", "1", "-c"]).arg(&file);
        let mut process = Running::start(&mut command, &log);
        until("named", || {
            assert!(process.is_running(), "named ended:\n{}", fs::read_to_string(&log).unwrap_or_default());
            std::net::TcpStream::connect(place).is_ok().then_some(())
        });
        self.processes.push(process);
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command.current_dir(self.folder.path()).env("PATH", format!("{path}:/usr/sbin:/sbin"));
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        self.processes.clear();
        if std::thread::panicking() {
            for name in ["authority.log", "resolver.log"] {
                let text = fs::read_to_string(self.path(name)).unwrap_or_default();
                let from = text.len().saturating_sub(4000);
                eprintln!("--- {name}\n{}", text.get(from..).unwrap_or_default());
            }
        }
    }
}

fn options(place: SocketAddr, more: &str) -> String {
    let (ip, port) = (place.ip(), place.port());
    format!(
        "options {{ directory \".\"; listen-on port {port} {{ {ip}; }}; listen-on-v6 {{ none; }}; pid-file none; \
         session-keyfile none; empty-zones-enable no; notify no; allow-query {{ any; }}; {more} }};\ncontrols {{ }};\n"
    )
}

/// The zone above, as far as the test's world goes: every name has one label more than its parent.
fn parent(name: &str) -> &str {
    match name.split_once('.') {
        Some((_, "")) | None => ".",
        Some((_, above)) => above,
    }
}

fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    folders.map(|folder| folder.join(program)).any(|file| Path::new(&file).exists())
}

/// Free a moment ago, for datagrams and for connections.
fn free_place() -> SocketAddr {
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let place = listener.local_addr().unwrap();
        if UdpSocket::bind(place).is_ok() {
            return place;
        }
    }
}
