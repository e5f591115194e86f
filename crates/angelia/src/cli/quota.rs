//! `angelia account quota`: what an account holds, and may hold.

use std::path::Path;

use clap::Args;
use directory::{AccountEntry, Limit, Quota};
use envelope::Address;
use mailstore::{Mailstore, Usage};
use serde::Serialize;

use super::output::{self, Json, whole};
use crate::config::parse_size;
use crate::shown::tell;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  angelia account quota anna@example.org --storage \"2 GiB\" --messages none\n  \
                        angelia account quota anna@example.org --storage default\n  \
                        angelia account quota     # what everybody holds")]
pub(super) struct QuotaArgs {
    /// The account; without one, all are listed
    account: Option<Address>,
    /// What its letters may measure together: a size, `none`, or `default` for quota.storage
    #[arg(long, requires = "account", value_parser = storage)]
    storage: Option<Limit>,
    /// How many letters it may hold: a number, `none`, or `default` for quota.messages
    #[arg(long, requires = "account", value_parser = messages)]
    messages: Option<Limit>,
    #[command(flatten)]
    json: Json,
}

#[derive(Serialize)]
struct Holding {
    account: String,
    octets: u64,
    octets_max: Option<u64>,
    messages: u64,
    messages_max: Option<u64>,
}

fn storage(text: &str) -> Result<Limit, String> {
    word(text).map_or_else(|| parse_size(text).map(Limit::At), Ok)
}

fn messages(text: &str) -> Result<Limit, String> {
    let number = || text.parse().map(Limit::At).map_err(|_| format!("{text:?} is no number, `none` or `default`"));
    word(text).map_or_else(number, Ok)
}

fn word(text: &str) -> Option<Limit> {
    match text {
        "none" => Some(Limit::Unlimited),
        "default" => Some(Limit::Default),
        _ => None,
    }
}

pub(super) async fn quota(args: QuotaArgs, config: Option<&Path>) -> anyhow::Result<()> {
    let ground = super::ground(config).await?;
    let Some(address) = args.account else {
        return list(&ground.mailstore, ground.directory.accounts(None).await?, &args.json).await;
    };
    if args.storage.is_none() && args.messages.is_none() {
        let one = ground.directory.account(&address).await?;
        let one = one.ok_or_else(|| directory::Error::NoAccount(address.clone()))?;
        return list(&ground.mailstore, vec![one], &args.json).await;
    }
    ground.directory.set_quota(&address, args.storage, args.messages).await?;
    let Some(one) = ground.directory.account(&address).await? else { return Ok(()) };
    let usage = ground.mailstore.usage(one.id).await?;
    tell!("account {address} holds {}", holds(&usage, &one.quota));
    if usage.is_over_with(&one.quota, 0, 0) {
        tell!("that is more than it may: nothing more comes in until letters are deleted");
    }
    Ok(())
}

async fn list(mailstore: &Mailstore, accounts: Vec<AccountEntry>, json: &Json) -> anyhow::Result<()> {
    let mut rows = Vec::with_capacity(accounts.len());
    for one in accounts {
        let usage = mailstore.usage(one.id).await?;
        rows.push(Holding {
            account: one.address.to_string(),
            octets: usage.octets,
            octets_max: one.quota.octets,
            messages: usage.messages,
            messages_max: one.quota.messages,
        });
    }
    let columns = [
        whole("address"),
        whole("storage").number(),
        whole("of").number(),
        whole("letters").number(),
        whole("of").number(),
    ];
    output::list(json, &columns, &rows, |one| {
        let most = |most: Option<String>| most.unwrap_or_else(|| "-".to_owned());
        vec![
            one.account.clone(),
            output::size(one.octets),
            most(one.octets_max.map(output::size)),
            one.messages.to_string(),
            most(one.messages_max.map(|most| most.to_string())),
        ]
    })
}

/// `1.2 MiB of 2.0 GiB, 17 letters`
fn holds(usage: &Usage, quota: &Quota) -> String {
    let of = |most: Option<String>| most.map(|most| format!(" of {most}")).unwrap_or_default();
    let octets = output::size(usage.octets) + &of(quota.octets.map(output::size));
    format!("{octets}, {}{} letters", usage.messages, of(quota.messages.map(|most| most.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        assert_eq!(storage("2 GiB"), Ok(Limit::At(2 << 30)));
        assert_eq!((storage("none"), messages("default")), (Ok(Limit::Unlimited), Ok(Limit::Default)));
        assert_eq!(messages("17"), Ok(Limit::At(17)));
        assert!(storage("much").is_err() && messages("17 MiB").is_err());
    }

    #[test]
    fn in_words() {
        let usage = Usage { octets: 2048, messages: 3 };
        assert_eq!(holds(&usage, &Quota::UNLIMITED), format!("{}, 3 letters", output::size(2048)));
        let quota = Quota { octets: None, messages: Some(4) };
        assert!(holds(&usage, &quota).ends_with(", 3 of 4 letters"));
    }
}
