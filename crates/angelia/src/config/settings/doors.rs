//! Our name, and the doors: where each service listens.

use std::net::{IpAddr, SocketAddr};

use envelope::Domain;
use journal::Service;

use super::reader::{Reader, as_text, as_texts, each};
use crate::config::kind;
use crate::config::raw::Value;

/// One door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenSettings {
    /// What is spoken there.
    pub service: Service,
    /// Where.
    pub address: SocketAddr,
}

const DOORS: [(&str, Service); 8] = [
    ("smtp.listen", Service::Smtp),
    ("submission.listen", Service::Submission),
    ("submissions.listen", Service::Submissions),
    ("lmtp.listen", Service::Lmtp),
    ("imap.listen", Service::Imap),
    ("imaps.listen", Service::Imaps),
    ("pop3.listen", Service::Pop3),
    ("pop3s.listen", Service::Pop3s),
];

impl Reader<'_> {
    /// A name that others can ask the DNS for: they refuse mail from who greets with less (RFC 5321 section 4.1.1.1).
    pub(super) fn hostname(&mut self) -> Option<Domain> {
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

    pub(super) fn doors(&mut self) -> Vec<ListenSettings> {
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
}
