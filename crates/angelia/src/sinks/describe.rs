//! An event in a sentence, for people: on stderr, in `angelia trace`, in the lab. Programs read the JSON form.

use envelope::{Address, ReversePath};
use journal::{AttemptOutcome, Event, Service};

use super::limits::PHRASE_CHARS_MAX;

/// One line, without control characters.
pub(crate) fn describe(event: &Event) -> String {
    let sentence = about_program(event).or_else(|| about_connection(event)).unwrap_or_else(|| about_letter(event));
    clean(sentence)
}

/// The door's name as the configuration has it.
pub(crate) fn service_name(service: Service) -> &'static str {
    match service {
        Service::Smtp => "smtp",
        Service::Submission => "submission",
        Service::Submissions => "submissions",
        Service::Imap => "imap",
        Service::Imaps => "imaps",
        Service::Pop3 => "pop3",
        Service::Pop3s => "pop3s",
        Service::Lmtp => "lmtp",
        Service::Outbound => "outbound",
        Service::Local => "local",
    }
}

/// Octets as people read them.
pub(crate) fn octets(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} octets");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = UNITS[0];
    for larger in &UNITS[1..] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    format!("{value:.1} {unit}")
}

fn about_program(event: &Event) -> Option<String> {
    let sentence = match event {
        Event::Started { version, listeners } => {
            let doors: Vec<String> =
                listeners.iter().map(|(service, address)| format!("{} {address}", service_name(*service))).collect();
            format!("angelia {version} is ready: {}", doors.join(", "))
        }
        Event::Stopping => "finishes what is under way, then ends".to_owned(),
        Event::Reloaded { what } => format!("{what}, read again"),
        Event::Operator { action, recipient } => match recipient {
            Some(recipient) => format!("{action} {recipient}"),
            None => action.clone(),
        },
        Event::Fault { place, reason } | Event::Warning { place, reason } => format!("{place}: {reason}"),
        _ => return None,
    };
    Some(sentence)
}

fn about_connection(event: &Event) -> Option<String> {
    let from = |peer: &Option<std::net::IpAddr>| peer.map(|ip| format!(" from {ip}")).unwrap_or_default();
    let sentence = match event {
        Event::Connected { service: Service::Outbound, path: Some(path), .. } => {
            format!("outbound to the socket {path}")
        }
        Event::Connected { service, path: Some(path), .. } => format!("{} at {path}", service_name(*service)),
        Event::Connected { service: Service::Outbound, peer, local, .. } => format!("outbound to {peer} from {local}"),
        Event::Connected { service, peer, local, .. } => format!("{} from {peer} to {local}", service_name(*service)),
        Event::Disconnected { service, reason, bytes_in, bytes_out } => {
            let (heard, said) = (octets(*bytes_in), octets(*bytes_out));
            format!("{}: {reason}; {heard} in, {said} out", service_name(*service))
        }
        Event::Secured { version, cipher } => format!("{version}, {cipher}"),
        Event::TlsFailed { reason } => reason.clone(),
        Event::SignedIn { service, account, mechanism, peer } => {
            format!("{account} by {mechanism} at {}{}", service_name(*service), from(peer))
        }
        Event::SignInRefused { service, user, mechanism, reason, peer } => {
            format!("{user:?} by {mechanism} at {}{}: {reason}", service_name(*service), from(peer))
        }
        Event::Rejected { phase, subject, reply } => format!("{phase} {subject}: {reply}"),
        Event::Limited { service, limit, peer } => format!("{}: {limit}{}", service_name(*service), from(peer)),
        _ => return None,
    };
    Some(sentence)
}

fn about_letter(event: &Event) -> String {
    match event {
        Event::Accepted { reverse_path, recipients, octets: count, message_id, service } => format!(
            "by {} from {} to {}; {}; Message-ID {}",
            service_name(*service),
            sender(reverse_path),
            list(recipients),
            octets(*count),
            if message_id.is_empty() { "none" } else { message_id },
        ),
        Event::HandedIn { login, uid, replaced: None } => format!("by the local user {login} (uid {uid})"),
        Event::HandedIn { login, uid, replaced: Some(asked) } => {
            format!(
                "by the local user {login} (uid {uid}), who may not send as <{asked}> (drop.trusted_users), so in his own name"
            )
        }
        Event::Delivered { recipient, account, mailbox, uid } if recipient == account => {
            format!("{recipient}: into {mailbox}, UID {uid}")
        }
        Event::Delivered { recipient, account, mailbox, uid } => {
            format!("{recipient}: into {mailbox} of {account}, UID {uid}")
        }
        Event::Queued { recipient, destination } => format!("for {recipient}, to go by {destination}"),
        Event::SentOn { by, recipient, reverse_path, letter, carried_as } => {
            let carried = match letter == carried_as {
                true => String::new(),
                false => format!("; letter {letter} goes on as {carried_as}"),
            };
            format!("{by} sends it on to {recipient}, with the sender {}{carried}", sender(reverse_path))
        }
        Event::Circle { recipient } => {
            format!("it goes in a circle: {recipient} has sent it on before, and does not again")
        }
        Event::Routed { destination, hosts } if hosts.is_empty() => format!("{destination} has no host for mail"),
        Event::Routed { destination, hosts } => format!("{destination} takes mail at {}", hosts.join(", ")),
        Event::Attempt { recipient, host, ip, tls, outcome, reply } => {
            // Without an address there was no connection, and so nothing to encrypt.
            let connection = ip.map(|ip| format!(" [{ip}], {}", tls.as_deref().unwrap_or("not encrypted")));
            let connection = connection.unwrap_or_default();
            let outcome = match outcome {
                AttemptOutcome::Delivered => "taken",
                AttemptOutcome::Deferred => "not now",
                AttemptOutcome::Failed => "never",
            };
            format!("{recipient} at {host}{connection}: {outcome}: {reply}")
        }
        Event::Notified { to, kind, about } => notified(to, kind, about),
        other => other.name().to_owned(),
    }
}

/// Whom a notice tells what.
fn notified(to: &ReversePath, kind: &str, about: &[Address]) -> String {
    let what = match kind {
        "failed" => "it could not be delivered",
        "delayed" => "it is late",
        "delivered" => "it has arrived",
        "relayed" => "it was passed on",
        "expanded" => "it was passed on to the addresses behind",
        other => other,
    };
    let whom = if about.is_empty() { String::new() } else { format!(": {}", list(about)) };
    format!("{} is told that {what}{whom}", sender(to))
}

fn sender(path: &ReversePath) -> String {
    format!("<{path}>")
}

/// The first few, and how many more.
fn list(addresses: &[Address]) -> String {
    const SHOWN: usize = 5;
    let mut text = addresses.iter().take(SHOWN).map(Address::to_string).collect::<Vec<_>>().join(", ");
    if addresses.len() > SHOWN {
        text.push_str(&format!(" and {} more", addresses.len() - SHOWN));
    }
    text
}

/// What strangers said may not steer a terminal, begin a line, or fill a screen.
fn clean(text: String) -> String {
    if text.len() <= PHRASE_CHARS_MAX && !text.contains(envelope::steers) {
        return text;
    }
    let end = text.char_indices().nth(PHRASE_CHARS_MAX).map(|(end, _)| end);
    let shown = envelope::shown(end.and_then(|end| text.get(..end)).unwrap_or(&text));
    if end.is_some() { shown.into_owned() + "…" } else { shown.into_owned() }
}
