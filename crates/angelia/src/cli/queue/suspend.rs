//! `queue suspend|resume`, and what is said of a suspension wherever one stands in the way.

use std::path::Path;

use anyhow::bail;
use envelope::{Domain, Timestamp};
use queue::{Filter, Scope, Suspension, Why};

use super::view::span;
use super::{note, wall_clock};
use crate::config::table;
use crate::privileges;
use crate::sinks::date_time;
use crate::wiring::Ground;

/// What is suspended.
#[derive(Debug, clap::Args)]
pub(super) struct What {
    /// The domain of recipients' addresses; with --via the next hop, as `queue sites` names it
    domain: String,
    /// A next hop is meant, whatever domains go by it
    #[arg(long)]
    via: bool,
}

impl What {
    fn scope(&self) -> anyhow::Result<Scope> {
        let name = self.domain.to_ascii_lowercase();
        if self.via {
            return Ok(Scope::Destination(name));
        }
        if Domain::parse(&name).is_err() && !(name.starts_with('[') && name.ends_with(']')) {
            bail!("{name:?} is no domain; say --via if a next hop is meant, as `angelia queue sites` names it");
        }
        Ok(Scope::Domain(name))
    }
}

/// As a command names it.
fn argument(scope: &Scope) -> String {
    match scope {
        Scope::Domain(domain) => domain.clone(),
        Scope::Destination(destination) => format!("--via {destination}"),
    }
}

/// The command that ends it.
pub(super) fn resume_command(scope: &Scope) -> String {
    format!("angelia queue resume {}", argument(scope))
}

/// Since when, by whom, why, and how it ends.
pub(in crate::cli) fn words(of: &Suspension, now: Timestamp) -> String {
    let by = of.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let reason = if of.reason.is_empty() { String::new() } else { format!(": {}", of.reason) };
    let (since, ago) = (date_time(of.since), span(of.since, now));
    let scope = argument(&of.scope);
    format!("{scope} suspended {ago} ago ({since}){by}{reason}; `{}` ends it", resume_command(&of.scope))
}

/// Who says so: the person behind sudo, else the user.
fn who() -> Option<String> {
    let behind = std::env::var("SUDO_USER").ok().filter(|user| !user.is_empty());
    behind.or_else(|| privileges::User::name_of(privileges::own_uid()).ok().flatten())
}

/// What is to be said of a next hop that no route has and nothing waits for: it may be misspelt.
pub(super) async fn doubt(via: &str, ground: &Ground, config: Option<&Path>) -> anyhow::Result<Option<String>> {
    let routed = table(&crate::cli::settings(config)?).find(via).is_some_and(|hop| hop.route.is_some());
    let filter = Filter { destination: Some(via.to_owned()), ..Filter::default() };
    if routed || !ground.queue.list(filter, 1, wall_clock()).await?.is_empty() {
        return Ok(None);
    }
    let text = "and no letter waits for it now: `angelia queue sites` shows how they are named";
    Ok(Some(format!("warning: no route has the next hop {via}, {text}")))
}

/// `queue suspend`.
pub(super) async fn suspend(what: &What, reason: &str, config: Option<&Path>) -> anyhow::Result<()> {
    let (scope, who) = (what.scope()?, who());
    let ground = crate::cli::ground(config).await?;
    ground.queue.suspend(&scope, Why { reason, by: who.as_deref() }, wall_clock()).await?;
    if let Scope::Destination(via) = &scope
        && let Some(text) = doubt(via, &ground, config).await?
    {
        crate::shown::tell!("{text}");
    }
    let (name, resume) = (&what.domain, resume_command(&scope));
    crate::shown::tell!("nothing is sent to {name} until `{resume}`; letters are taken and wait");
    note(&format!("suspend {}", argument(&scope)), &ground, config).await
}

/// `queue resume`.
pub(super) async fn resume(what: &What, config: Option<&Path>) -> anyhow::Result<()> {
    let scope = what.scope()?;
    let ground = crate::cli::ground(config).await?;
    if !ground.queue.resume(&scope, wall_clock()).await? {
        bail!("{} is not suspended (see `angelia queue sites`)", argument(&scope));
    }
    crate::shown::tell!("{} is sent to again", what.domain);
    note(&format!("resume {}", argument(&scope)), &ground, config).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_a_suspension() {
        let since = Timestamp(1_700_000_000_000);
        let now = Timestamp(since.0 + 3 * 3_600_000);
        let mut one = Suspension {
            scope: Scope::Domain("patras.test".to_owned()),
            reason: "they asked us".to_owned(),
            by: Some("eleni".to_owned()),
            since,
        };
        let wanted = "patras.test suspended 3h ago (2023-11-14T22:13:20.000Z) by eleni: they asked us; \
                      `angelia queue resume patras.test` ends it";
        assert_eq!(words(&one, now), wanted);
        one = Suspension {
            scope: Scope::Destination("smtp:hub.test:25".to_owned()),
            by: None,
            reason: String::new(),
            ..one
        };
        let text = words(&one, now);
        assert!(text.ends_with("Z); `angelia queue resume --via smtp:hub.test:25` ends it"), "{text}");
    }

    #[test]
    fn a_next_hop_is_no_domain() {
        let scope = |domain: &str, via| What { domain: domain.to_owned(), via }.scope();
        assert_eq!(scope("Patras.test", false).unwrap(), Scope::Domain("patras.test".to_owned()));
        assert_eq!(scope("[192.0.2.1]", false).unwrap(), Scope::Domain("[192.0.2.1]".to_owned()));
        assert_eq!(scope("smtp:hub.test:25", true).unwrap(), Scope::Destination("smtp:hub.test:25".to_owned()));
        assert!(scope("smtp:hub.test:25", false).unwrap_err().to_string().contains("--via"));
    }
}
