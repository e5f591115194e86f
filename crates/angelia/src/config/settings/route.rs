//! Routes: each `[[route]]` becomes one entry of the table.

use mhs::mta::outbound::SiteLimits;
use mhs::mta::outbound::tls::TlsPolicy;
use mhs::route::{Credentials, Endpoint, Options, Protocol, Route, Sender, Table, To};

use super::Settings;
use super::reader::{Reader, as_text, as_texts, each};
use crate::config::kind;
use crate::config::raw::{Entry, Value};

/// One route.
#[derive(Debug, Clone)]
pub struct RouteSettings {
    /// Where it stands in the file.
    pub line: usize,
    /// What it says.
    pub route: Route,
}

/// All of them, as mail out takes them.
pub fn table(settings: &Settings) -> Table {
    let routes = settings.routes.iter().map(|one| one.route.clone()).collect();
    Table::new(routes).with_limits(settings.outbound.limits)
}

impl Reader<'_> {
    /// A route that does not say what a destination bears says what is `usual`.
    pub(super) fn routes(&mut self, usual: SiteLimits) -> Vec<RouteSettings> {
        let entries = self.raw.take_list("route");
        let mut routes = Vec::with_capacity(entries.len());
        for Entry { raw, line } in entries {
            let mut reader = Reader { raw, line, folder: self.folder, problems: self.problems };
            routes.extend(reader.route(usual).map(|route| RouteSettings { line, route }));
        }
        routes
    }

    fn route(&mut self, usual: SiteLimits) -> Option<Route> {
        let domains = self.domains("route.domain");
        let senders = self.senders();
        let options = Options {
            mx: self.bool("route.mx"),
            port: u16::try_from(self.number("route.port")).ok().filter(|port| *port > 0),
            credentials: self.credentials(),
            tls: self.tls_policy("route.tls"),
            sources: self.sources("route.source"),
            limits: self.limits(usual),
        };
        let read = |value: &Value| To::parse(as_texts(value, "route.to")?).map_err(|error| error.to_string());
        let to = self.read("route.to", read)?;
        self.agree(&to, &options, usual);
        Some(Route { domains, senders, to, options })
    }

    fn senders(&mut self) -> Vec<Sender> {
        let name = "route.sender";
        let read = |value: &Value| {
            each(&as_texts(value, name)?, |text| {
                text.parse::<Sender>().map_err(|error| {
                    format!("{text:?}: {error}; write \"anna@example.org\", \"@example.org\" or \"<>\"")
                })
            })
        };
        self.read(name, read).unwrap_or_default()
    }

    fn credentials(&mut self) -> Option<Credentials> {
        let (user, password_file) = (self.text("route.user"), self.path("route.password_file"));
        match (user, password_file) {
            (Some(user), Some(password_file)) => Some(Credentials { user, password_file }),
            (Some(_), None) => {
                self.problem("route.user", self.line, "needs `password_file`, whose first line is the password");
                None
            }
            (None, Some(_)) => {
                self.problem("route.password_file", self.line, "needs `user`, whose password it is");
                None
            }
            (None, None) => None,
        }
    }

    fn limits(&mut self, usual: SiteLimits) -> SiteLimits {
        let name = "route.rate";
        let rate = self.read(name, |value| kind::rate(as_text(value, name)?));
        let connections = Some(self.count("route.connections")).filter(|count| *count > 0);
        SiteLimits { connections_max: connections.unwrap_or(usual.connections_max), rate: rate.or(usual.rate) }
    }

    /// Keys that say nothing together.
    fn agree(&mut self, to: &To, options: &Options, usual: SiteLimits) {
        let is_host = matches!(to, To::Hosts { .. });
        let is_socket = matches!(to, To::Hosts { endpoints, .. }
            if endpoints.iter().any(|endpoint| matches!(endpoint, Endpoint::Unix(_))));
        let is_smtps = matches!(to, To::Hosts { protocol: Protocol::Smtps, .. });
        let is_nowhere = matches!(to, To::Reject(_));
        let tls = options.tls;
        let demands = matches!(tls, Some(TlsPolicy::Required | TlsPolicy::Verify | TlsPolicy::Dane));
        let says_how = *options != Options { limits: usual, ..Options::default() };
        for (name, is_wrong, text) in [
            (
                "route.to",
                is_nowhere && says_how,
                "refuses mail, so nothing else but `domain` and `sender` has a meaning",
            ),
            ("route.mx", options.mx && !is_host, "is for hosts that `to` names"),
            ("route.mx", options.mx && is_socket, "has no meaning for a socket"),
            ("route.user", options.credentials.is_some() && !is_host, "is for hosts that `to` names"),
            ("route.tls", is_socket && demands, "cannot be had over a socket, which never leaves this machine"),
            ("route.tls", is_smtps && tls == Some(TlsPolicy::Never), "is \"never\", and `to` begins with TLS"),
        ] {
            if is_wrong {
                self.problem(name, self.line, text);
            }
        }
    }
}
