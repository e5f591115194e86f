//! The services, made from the settings that hold. A reload makes new ones; connections that were let in before keep
//! theirs.

use std::net::SocketAddr;
use std::sync::Arc;

use access::{imap, pop3};
use directory::ClearText;
use journal::{Journal, Service};
use mhs::limits::OUTBOUND_DRAIN_BESIDE;
use mhs::mta::inbound::Inbound;
use mhs::mta::outbound::Outbound;
use net::{DnsError, Door, Incoming, Resolver, Roots, SecureResolver, ServerTls, Shutdown};

use super::Ground;
use super::transport::Transport;
use crate::config::{Dnssec, Settings, table};

/// What a service needs of the house.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) ground: &'a Ground,
    pub(super) tls: &'a ServerTls,
    pub(super) journal: &'a Arc<dyn Journal>,
    pub(super) shutdown: &'a Shutdown,
}

/// The doors.
pub(super) struct Services {
    smtp: Arc<Inbound>,
    submission: Arc<Inbound>,
    submissions: Arc<Inbound>,
    lmtp: Arc<Inbound>,
    imap: Arc<imap::Door>,
    imaps: Arc<imap::Door>,
    pop3: Arc<pop3::Door>,
    pop3s: Arc<pop3::Door>,
}

impl Services {
    pub(super) fn new(parts: &Parts<'_>) -> Self {
        let (journal, shutdown) = (Arc::clone(parts.journal), parts.shutdown.clone());
        let context = transfer(parts.settings, parts.ground, Some(parts.tls.clone()), journal, shutdown);
        let readers = readers(parts);
        Self {
            smtp: Inbound::reception(&context),
            submission: Inbound::submission(&context),
            submissions: Inbound::submissions(&context),
            lmtp: Inbound::lmtp(&context),
            imap: imap::Door::imap(Arc::clone(&readers)),
            imaps: imap::Door::imaps(Arc::clone(&readers)),
            pop3: pop3::Door::pop3(Arc::clone(&readers)),
            pop3s: pop3::Door::pop3s(readers),
        }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(&self, service: Service, incoming: Incoming) {
        match service {
            Service::Smtp => Arc::clone(&self.smtp).serve(incoming).await,
            Service::Submission => Arc::clone(&self.submission).serve(incoming).await,
            Service::Submissions => Arc::clone(&self.submissions).serve(incoming).await,
            Service::Imap => Arc::clone(&self.imap).serve(incoming).await,
            Service::Imaps => Arc::clone(&self.imaps).serve(incoming).await,
            Service::Pop3 => Arc::clone(&self.pop3).serve(incoming).await,
            Service::Pop3s => Arc::clone(&self.pop3s).serve(incoming).await,
            Service::Lmtp => Arc::clone(&self.lmtp).serve(incoming).await,
            // Nobody listens there.
            Service::Outbound | Service::Local => {}
        }
    }
}

/// Between a program and a server on one machine nobody listens, so there a password may come in the clear.
fn cleartext_sign_in(settings: &Settings) -> ClearText {
    if settings.signin_without_tls { ClearText::Anywhere } else { ClearText::Loopback }
}

/// Mail out, as the settings have it; it runs until `shutdown`, which is its own, and then as long as its letters under way
/// need, unless it is cut off. The first one takes back what an earlier process had in hand; one that follows another leaves
/// that one its letters.
pub(super) fn outbound(
    parts: &Parts<'_>,
    shutdown: Shutdown,
    is_first: bool,
) -> anyhow::Result<impl Future<Output = ()> + use<>> {
    let context = transfer(parts.settings, parts.ground, None, Arc::clone(parts.journal), shutdown);
    let (mut own, transport) = way_out(parts.settings, &context)?;
    own.drain = OUTBOUND_DRAIN_BESIDE;
    let carrying = async move {
        match is_first {
            true => Outbound::run(context, own).await,
            false => Outbound::take_over(context, own).await,
        }
    };
    Ok(transport.beside(carrying))
}

/// Whether a reload changes anything of mail out.
pub(super) fn goes_another_way(old: &Settings, new: &Settings) -> bool {
    // Where a route stands in the file does not matter, only which comes first.
    let same_routes = old.routes.iter().map(|one| &one.route).eq(new.routes.iter().map(|one| &one.route));
    let same = same_routes
        && old.dns_server == new.dns_server
        && old.message_octets_max == new.message_octets_max
        && old.hostname == new.hostname
        && old.listen == new.listen
        && old.dnssec == new.dnssec
        && old.outbound == new.outbound
        && old.tls_reports == new.tls_reports
        && old.backoff == new.backoff
        && old.forward == new.forward
        && old.tls.authorities == new.tls.authorities;
    !same
}

/// How mail goes out: for the server that carries it, and for the operator who asks where it would go.
pub(crate) fn way_out(
    settings: &Settings,
    context: &Arc<mhs::Context>,
) -> anyhow::Result<(mhs::mta::outbound::Settings, Transport)> {
    let resolver = settings.dns_server.map_or_else(Resolver::system, Resolver::named)?;
    let mut roots = Roots::system();
    for file in &settings.tls.authorities {
        roots = roots.with_file(file)?;
    }
    let transport = Transport::new(settings, context, &resolver, &roots);
    let hello_name = settings.outbound.hello_name.as_ref().unwrap_or(&settings.hostname);
    let own = mhs::mta::outbound::Settings {
        port: settings.outbound.port,
        loopback: settings.outbound.loopback,
        policies: Some(transport.policies()),
        doors: doors(settings),
        backoff: settings.backoff.clone(),
        // No destination rests for longer than a letter waits.
        rest_first: settings.outbound.rests.0.min(settings.backoff.first),
        rest_longest: settings.outbound.rests.1.min(settings.backoff.longest),
        sources: settings.outbound.sources,
        prefer: settings.outbound.prefer,
        routes: Arc::new(table(settings)),
        tls: settings.outbound.tls,
        dnssec: secure_resolver(settings)?,
        ..mhs::mta::outbound::Settings::new(hello_name.as_str(), resolver, &roots)
    };
    Ok((own, transport))
}

/// Who tells what was signed in the DNS, where anybody does.
pub(crate) fn secure_resolver(settings: &Settings) -> Result<Option<SecureResolver>, DnsError> {
    Ok(match &settings.dnssec {
        Dnssec::Off => None,
        Dnssec::Ad(server) => Some(SecureResolver::trusting(*server)),
        Dnssec::Validate(anchors) => Some(SecureResolver::validating(settings.dns_server, anchors.as_deref())?),
    })
}

/// Where other hosts bring their mail.
fn doors(settings: &Settings) -> Vec<SocketAddr> {
    let smtp = settings.listen.iter().filter(|door| door.service == Service::Smtp);
    smtp.map(|door| door.address).collect()
}

/// What the doors of the Message Store work with.
fn readers(parts: &Parts<'_>) -> Arc<access::Context> {
    let settings = parts.settings;
    let own = access::Settings {
        message_octets_max: settings.message_octets_max,
        message_limit: settings.imap_messages_max,
        save_limit: Some(settings.imap_copied_max),
        tls: Some(parts.tls.clone()),
        cleartext_sign_in: cleartext_sign_in(settings),
        sign_ins: Arc::clone(&parts.ground.sign_ins),
        ..access::Settings::new(settings.hostname.to_string())
    };
    let (directory, mailstore) = (parts.ground.directory.clone(), parts.ground.mailstore.clone());
    access::Context::new(directory, mailstore, Arc::clone(parts.journal), own, parts.shutdown.clone())
}

/// What the Message Handling Service works with.
pub(crate) fn transfer(
    settings: &Settings,
    ground: &Ground,
    tls: Option<ServerTls>,
    journal: Arc<dyn Journal>,
    shutdown: Shutdown,
) -> Arc<mhs::Context> {
    let own = mhs::Settings {
        message_octets_max: settings.message_octets_max,
        recipients_max: settings.recipients_max,
        trusted: settings.relay_networks.clone(),
        relay_domains: settings.relay_domains.clone(),
        routes: Arc::new(table(settings)),
        vrfy: settings.vrfy,
        expn: settings.expn,
        lmtp_networks: settings.lmtp.networks.clone(),
        tls,
        cleartext_sign_in: cleartext_sign_in(settings),
        sign_ins: Arc::clone(&ground.sign_ins),
        full: settings.quota.full,
        double_bounce: settings.outbound.double_bounce,
        ..mhs::Settings::new(settings.hostname.clone())
    };
    let Ground { store, directory, mailstore, queue, .. } = ground.clone();
    mhs::Context::new(store, directory, mailstore, queue, journal, own, shutdown)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    fn settings(more: &str) -> Settings {
        let text = format!("hostname = \"athens.test\"\ndata = \"/var/lib/angelia\"\n{more}");
        parse(&text, Path::new("/")).unwrap()
    }

    #[test]
    fn only_what_mail_out_is_made_of_changes_it() {
        let route = "[[route]]\ndomain = [\"patras.test\"]\nto = \"mx\"\nconnections = 3\n";
        let old = settings(route);
        // A line further down, and something else.
        let same = settings(&format!("\n[limits]\nrecipients = 7\n\n{route}"));
        assert!(same.recipients_max != old.recipients_max && !goes_another_way(&old, &same));
        for other in [route.replace('3', "4"), String::new(), format!("{route}[outbound]\nconnections = 3\n")] {
            assert!(goes_another_way(&old, &settings(&other)), "{other}");
        }
    }
}
