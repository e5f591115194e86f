//! What there is to say about a recipient: who gets the letter here, and which next hops get it elsewhere.

use std::sync::Arc;

use directory::RelayAllowed;
use envelope::{Address, ForwardPath, ReversePath};
use mhs::recipients::{self, Asking, Options};
use net::Shutdown;
use serde::Serialize;

use super::hop::{self, Hop};
use super::words;
use crate::config::Settings;
use crate::wiring::{Ground, transfer, way_out};

/// The whole answer.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The recipient.
    pub(super) address: String,
    /// The sender that it was asked for; empty for a notice.
    pub(super) from: String,
    /// Who may send there.
    pub(super) who: String,
    /// How the directory comes from the address to those who get it.
    pub(super) way: Vec<String>,
    /// Why nobody gets it.
    pub(super) refused: Option<String>,
    /// Mailboxes here that it is put into.
    pub(super) mailboxes: Vec<String>,
    /// Ways out of this house.
    pub(super) next_hops: Vec<Hop>,
    /// What the reader should know besides.
    pub(super) notes: Vec<String>,
}

/// Asks everybody.
pub(super) async fn gather(
    settings: &Settings,
    ground: &Ground,
    from: &ReversePath,
    recipient: &Address,
    from_is_said: bool,
) -> anyhow::Result<Report> {
    let context = transfer(settings, ground, None, Arc::new(Silence), Shutdown::new());
    let (outbound, _) = way_out(settings, &context)?;
    let is_ours = match recipient.host().name() {
        Some(domain) => ground.directory.is_local(domain).await?,
        None => false,
    };
    let mut report = Report {
        address: recipient.to_string(),
        from: from.to_string(),
        who: who(settings, recipient, is_ours),
        way: ground.directory.explain(recipient).await?.iter().map(words::step).collect(),
        refused: None,
        mailboxes: Vec::new(),
        next_hops: Vec::new(),
        notes: Vec::new(),
    };
    let path = ForwardPath::Address(recipient.clone());
    let asking = Asking { sender: from, relay: Some(RelayAllowed::for_operator()), local: None, local_only: false };
    let ways = recipients::resolve(&context, &path, Options::default(), asking).await;
    let ways = match ways {
        Ok((_, ways)) => ways,
        Err(refusal) => {
            report.refused = Some(refusal.reply().to_string());
            return Ok(report);
        }
    };
    for local in &ways.local {
        let mailbox = local.mailbox.as_ref().map(|name| format!(" (mailbox {name}, if there is one)"));
        report.mailboxes.push(format!("{}{}", local.address, mailbox.unwrap_or_default()));
    }
    let asker = hop::Asker { settings, ground, context: &context, outbound: &outbound };
    for remote in &ways.remote {
        let onward = remote.onward.as_ref();
        let under = onward.map_or(from, |onward| &onward.reverse_path);
        let mut hop = asker.ask(under, &remote.recipient.address).await?;
        hop.sender = onward.map(|onward| onward.reverse_path.to_string()).filter(|under| *under != report.from);
        report.next_hops.push(hop);
    }
    if let Some(now) = &ways.moved_to {
        report.notes.push(format!("the recipient has moved to {now}, and the sender is told so"));
    }
    let looks_at_sender = settings.routes.iter().any(|one| !one.route.senders.is_empty());
    if looks_at_sender && !from_is_said && !report.next_hops.is_empty() {
        report.notes.push("some routes look at the sender: name one with --from".to_owned());
    }
    Ok(report)
}

fn who(settings: &Settings, recipient: &Address, is_ours: bool) -> String {
    let host = recipient.host();
    if is_ours {
        format!("{host} is a domain of ours: anybody may write to it")
    } else if host.name() == Some(&settings.hostname) && directory::is_role(recipient.local()) {
        format!("{host} is this host: anybody may write to its {}", recipient.local())
    } else if RelayAllowed::for_relay_domain(recipient, &settings.relay_domains).is_some() {
        format!("{host} is in `relay.domains`: anybody may write to it through this host")
    } else {
        let networks = if settings.relay_networks == directory::TrustedNetworks::default() {
            "whoever signs in"
        } else {
            "whoever signs in or is in `relay.networks`"
        };
        format!("{host} is no domain of ours: {networks} may write to it through this host")
    }
}

/// Nothing happens that a journal should tell.
struct Silence;

impl journal::Journal for Silence {
    fn record(&self, _entry: journal::Entry) {}
}
