//! What `angelia config check` says of where mail goes out: routes that come back to us, sockets that are not there,
//! addresses that are not this machine's. Nobody is asked but the machine itself.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use envelope::{Domain, Host};
use journal::Service;
use mhs::route::{Endpoint, Options, Ourselves, Prefer, Sources, To, USUAL_REFUSAL};

use crate::config::Settings;

/// Routes that no letter can take: they lead to a door of ours, or to what is no socket.
pub(in crate::cli) fn wrong(settings: &Settings) -> Vec<String> {
    let doors = settings.listen.iter().filter(|door| takes_mail(door.service)).map(|door| door.address).collect();
    let ourselves = Ourselves { names: vec![settings.hostname.clone()], doors };
    let mut wrong = Vec::new();
    for (line, endpoint, place) in places(settings) {
        let is_ours = match &place {
            Place::Tcp(host, port) => leads_back(&ourselves, host, *port),
            Place::Unix(path) => settings.lmtp.socket.as_deref() == Some(*path),
        };
        if is_ours {
            let text = "is a door of this server: letters would come back";
            wrong.push(format!("line {line}: `route.to`: {endpoint} {text}"));
        } else if let Place::Unix(path) = place
            && path.metadata().is_ok_and(|found| !found.file_type().is_socket())
        {
            wrong.push(format!("line {line}: `route.to`: {} is no socket", path.display()));
        }
    }
    wrong
}

/// What may be meant, or will be so when another program runs or an address comes over.
pub(in crate::cli) fn warnings(settings: &Settings) -> Vec<String> {
    let mut warnings = sources("`outbound.source`", &settings.outbound.sources, settings.outbound.prefer);
    for one in &settings.routes {
        let place = format!("line {}: `route.source`", one.line);
        warnings.extend(sources(&place, &one.route.options.sources, settings.outbound.prefer));
        if matches!(&one.route.to, To::Reject(reply) if reply.text == USUAL_REFUSAL) {
            let text = "says no reason, so senders hear only";
            warnings.push(format!("line {}: `route.to`: reject: {text} {USUAL_REFUSAL:?}", one.line));
        }
    }
    for (line, _, place) in places(settings) {
        if let Place::Unix(path) = place
            && path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
            && settings.lmtp.socket.as_deref() != Some(path)
        {
            let text = "is not there; letters wait until the other program has made it";
            warnings.push(format!("line {line}: `route.to`: {} {text}", path.display()));
        }
    }
    warnings
}

/// Where an endpoint is.
enum Place<'a> {
    Tcp(&'a Host, u16),
    Unix(&'a Path),
}

/// Every host that a route names, with its line. Domains whose MX is asked are no hosts.
fn places(settings: &Settings) -> impl Iterator<Item = (usize, &Endpoint, Place<'_>)> {
    settings.routes.iter().flat_map(move |one| {
        let options: &Options = &one.route.options;
        let (protocol, endpoints) = match &one.route.to {
            To::Hosts { protocol, endpoints } if !options.mx => (Some(*protocol), endpoints.as_slice()),
            _ => (None, &[][..]),
        };
        endpoints.iter().filter_map(move |endpoint| {
            let place = match endpoint {
                Endpoint::Unix(path) => Place::Unix(path),
                Endpoint::Tcp { host, .. } => {
                    Place::Tcp(host, endpoint.port(protocol?, options, settings.outbound.port)?)
                }
            };
            Some((one.line, endpoint, place))
        })
    })
}

fn takes_mail(service: Service) -> bool {
    matches!(service, Service::Smtp | Service::Submission | Service::Submissions | Service::Lmtp)
}

fn leads_back(ourselves: &Ourselves, host: &Host, port: u16) -> bool {
    let is_at = |ip: IpAddr| ourselves.is_at(SocketAddr::new(ip.to_canonical(), port));
    match host {
        Host::Literal(ip) => is_at(*ip),
        Host::Name(name) if is_localhost(name) => {
            is_at(Ipv4Addr::LOCALHOST.into()) || is_at(Ipv6Addr::LOCALHOST.into())
        }
        // Another program may have our name at another port.
        Host::Name(name) => ourselves.is_called(name) && ourselves.doors.iter().any(|door| door.port() == port),
    }
}

/// Names that lead to loopback everywhere.
fn is_localhost(name: &Domain) -> bool {
    name.as_str() == "localhost" || name.as_str().ends_with(".localhost")
}

fn sources(place: &str, sources: &Sources, prefer: Prefer) -> Vec<String> {
    let addresses = [sources.v4.map(IpAddr::from), sources.v6.map(IpAddr::from)];
    let said = addresses.into_iter().flatten().filter_map(|ip| match () {
        () if prefer.excludes(ip) => {
            let only = if ip.is_ipv4() { "ipv6-only" } else { "ipv4-only" };
            Some(format!("{place}: {ip} is never used: `outbound.prefer` is {only:?}"))
        }
        () if is_missing(ip) => {
            Some(format!("{place}: this machine does not have {ip}; connections from it fail until it has"))
        }
        () => None,
    });
    said.collect()
}

/// Nothing is sent to find out.
fn is_missing(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path, text: &str) -> Settings {
        crate::config::parse(&format!("hostname = \"mx.a.test\"\n{text}"), folder).unwrap()
    }

    #[test]
    fn routes_that_come_back() {
        let doors = "[smtp]\nlisten = [\"127.0.0.2:2525\", \"0.0.0.0:2526\"]\n[lmtp]\nlisten = \"[::1]:2424\"\nsocket = \"/run/own\"\n\
                     [imap]\nlisten = \"127.0.0.1:1143\"\n";
        for (to, comes_back) in [
            ("smtp://127.0.0.2:2525", true),
            ("smtp://127.0.0.3:2525", false),
            ("smtp://127.0.0.3:2526", true),
            ("smtp://mx.a.test:2525", true),
            ("smtp://mx.a.test:10025", false),
            ("smtp://mx.b.test:2525", false),
            ("smtp://localhost:2526", true),
            ("smtp://localhost:2525", false),
            ("smtp://127.0.0.1:1143", false),
            ("lmtp://[::1]:2424", true),
            ("lmtp://localhost:2424", true),
            ("lmtp:/run/own", true),
            ("mx", false),
        ] {
            let own = settings(Path::new("/"), &format!("{doors}[[route]]\nto = \"{to}\"\n"));
            let found = wrong(&own);
            assert_eq!(found.len(), usize::from(comes_back), "{to}: {found:?}");
            let text = "is a door of this server: letters would come back";
            assert!(
                found.iter().all(|said| said.starts_with("line 9: `route.to`: ") && said.ends_with(text)),
                "{found:?}"
            );
        }
        let by_mx = settings(Path::new("/"), &format!("{doors}[[route]]\nto = \"smtp://mx.a.test:2525\"\nmx = true\n"));
        assert!(wrong(&by_mx).is_empty(), "that is a domain");
    }

    #[test]
    fn sockets_that_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let (file, socket) = (folder.path().join("file"), folder.path().join("socket"));
        std::fs::write(&file, "").unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let at = |path: &Path| settings(folder.path(), &format!("[[route]]\nto = \"lmtp:{}\"\n", path.display()));
        assert!(wrong(&at(&file))[0].ends_with("/file is no socket"));
        assert!(wrong(&at(&socket)).is_empty() && warnings(&at(&socket)).is_empty());
        let none = at(&folder.path().join("none"));
        assert!(wrong(&none).is_empty());
        assert!(warnings(&none)[0].contains("/none is not there; letters wait"), "{:?}", warnings(&none));
    }

    #[test]
    fn addresses_that_are_not_ours() {
        let said = |text: &str| warnings(&settings(Path::new("/"), text));
        assert!(said("[outbound]\nsource = \"127.0.0.1\"\n").is_empty());
        let missing = said("[outbound]\nsource = \"192.0.2.25\"\n");
        assert_eq!(
            missing,
            ["`outbound.source`: this machine does not have 192.0.2.25; connections from it fail until it has"]
        );
        let unused = said("[outbound]\nsource = \"127.0.0.1\"\nprefer = \"ipv6-only\"\n");
        assert_eq!(unused, ["`outbound.source`: 127.0.0.1 is never used: `outbound.prefer` is \"ipv6-only\""]);
        let of_route = said("[[route]]\nto = \"mx\"\nsource = \"192.0.2.26\"\n");
        assert!(
            of_route[0].starts_with("line 2: `route.source`: this machine does not have 192.0.2.26"),
            "{of_route:?}"
        );
    }

    #[test]
    fn a_refusal_has_a_reason() {
        let said =
            |to: &str| warnings(&settings(Path::new("/"), &format!("[[route]]\ndomain = \"b.test\"\nto = \"{to}\"\n")));
        for to in ["reject:", "reject: ", "reject:5.1.2"] {
            assert!(said(to)[0].starts_with("line 2: `route.to`: reject: says no reason"), "{to}: {:?}", said(to));
        }
        assert!(said("reject:moved away").is_empty());
    }
}
