//! `angelia config check|show`. What is wrong with the file itself, [`config`] finds; here is what this machine lacks.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use directory::Lookup;
use mhs::mta::outbound::tls::TlsPolicy;
use mhs::route::To;
use net::ServerTls;

use super::{output, route};
use crate::config::{self, Dnssec, Effective, Settings};
use crate::privileges::{self, User};
use crate::shown::tell;
use crate::wiring::Ground;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Read the configuration and say what is wrong with it, line by line
    #[command(after_help = "Example:\n  angelia config check --config /etc/angelia/angelia.toml")]
    Check,
    /// Print the configuration that holds; with --all, every key with its default
    #[command(after_help = "Examples:\n  angelia config show\n  angelia config show --all > angelia.toml")]
    Show {
        /// Every key, as a sample file
        #[arg(long)]
        all: bool,
        /// The reference of all keys, in Markdown
        #[arg(long, conflicts_with = "all")]
        docs: bool,
        /// Print JSON: an array of keys with their values
        #[arg(long, conflicts_with_all = ["all", "docs"])]
        json: bool,
    },
}

pub(super) async fn run(command: Command, path: Option<&Path>) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check => check(path).await,
        Command::Show { all: true, .. } => {
            output::print(&config::docs::sample())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { docs: true, .. } => {
            output::print(&config::docs::reference())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Show { json, .. } => {
            let (path, _) = config::load(path)?;
            let entries = config::effective(&path)?;
            output::print(&if json {
                crate::shown::json(&serde_json::to_string_pretty(&entries)?) + "\n"
            } else {
                show(&path, &entries)
            })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn check(path: Option<&Path>) -> anyhow::Result<ExitCode> {
    let (path, settings) = config::load(path)?;
    let mut wrong = certificates(&settings);
    wrong.extend(user_and_data(&settings)?);
    wrong.extend(route::check::wrong(&settings));
    wrong.extend(route::reach::wrong(&settings));
    for text in &wrong {
        tell!("{}: {text}", path.display());
    }
    if !wrong.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    let mut warnings = route::check::warnings(&settings);
    warnings.extend(route::reach::warnings(&settings));
    warnings.extend(keeper(&settings));
    warnings.extend(doubts(&settings));
    warnings.extend(srs_domain(&settings).await);
    warnings.extend(postmaster(&settings).await);
    warnings.extend(route::check::own_domains(&settings).await);
    for text in warnings {
        tell!("{}: warning: {text}", path.display());
    }
    tell!("{}: fine", path.display());
    Ok(ExitCode::SUCCESS)
}

fn certificates(settings: &Settings) -> Vec<String> {
    let mut wrong = Vec::new();
    for files in settings.tls.certificates.iter().filter(|_| !settings.tls.self_signed) {
        if let Err(error) = ServerTls::open(vec![files.clone()]) {
            wrong.push(format!("`tls.certificate`: {error}"));
        }
    }
    for file in &settings.tls.authorities {
        if let Err(error) = net::Roots::none().with_file(file) {
            wrong.push(format!("`tls.authorities`: {error}"));
        }
    }
    wrong
}

fn user_and_data(settings: &Settings) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let user = settings.user.as_deref().map(User::find).transpose()?;
    if let (Some(None), Some(name)) = (&user, &settings.user) {
        wrong.push(format!("`user`: there is no user {name:?} on this machine: make it (`useradd --system {name}`)"));
    }
    let data = &settings.data;
    if !data.is_dir() && data.exists() {
        wrong.push(format!("`data`: {} is no folder", data.display()));
    } else if let Some(stands) = data.ancestors().find(|folder| folder.exists()) {
        // Who starts as root writes as `user`.
        let writable = match user.flatten().filter(|_| privileges::is_root()) {
            Some(user) => user.owns(stands),
            None => privileges::can_write(stands),
        };
        if !writable && data.is_dir() {
            let whose = settings.user.as_deref().unwrap_or("whoever runs the server");
            wrong.push(format!("`data`: {} cannot be written to; it must belong to {whose}", data.display()));
        } else if !writable {
            let text = "is not there, and cannot be made by who runs the server; make it, and give it to that user";
            wrong.push(format!("`data`: {} {text}", data.display()));
        }
    }
    Ok(wrong)
}

/// Root without `user`, and the data another's: the server starts, and leaves files that their owner cannot open.
pub(super) fn keeper(settings: &Settings) -> Option<String> {
    let keeper = privileges::other_keeper(&settings.data).filter(|_| settings.user.is_none())?.name();
    let data = settings.data.display();
    Some(format!(
        "`user`: {data} belongs to {keeper}, and a server that root starts would leave files there that {keeper} cannot \
         open; say user = {keeper:?}, or give the folder to root"
    ))
}

/// Keys that are right one by one, and together do what nobody wants.
fn doubts(settings: &Settings) -> Vec<String> {
    let mut doubts = Vec::new();
    if settings.dnssec == Dnssec::Off {
        let text = "\"dane\" cannot be had while `dns.dnssec` is \"off\": letters would wait, and go back at last";
        let routes = settings.routes.iter().filter(|one| one.route.options.tls == Some(TlsPolicy::Dane));
        doubts.extend(routes.map(|one| format!("line {}: `route.tls`: {text}", one.line)));
        if settings.outbound.tls == TlsPolicy::Dane {
            doubts.push(format!("`outbound.tls`: {text}"));
        }
    }
    for one in &settings.routes {
        if let To::Reject(reply) = &one.route.to
            && begins_with_code(&reply.text)
        {
            let text = "the words of reject: begin with a code, which senders hear beside ours";
            doubts.push(format!("line {}: `route.to`: {text}: write for instance \"reject:5.7.1 no\"", one.line));
        }
    }
    if settings.backoff.lifetime < settings.backoff.delay_notice {
        let text = "is shorter than `queue.delay_notice`: no sender hears of a delay before his letter goes back";
        doubts.push(format!("`queue.lifetime`: {text}"));
    }
    doubts
}

/// `550`, or `550-`, and a space.
fn begins_with_code(text: &str) -> bool {
    let first = text.split([' ', '-']).next().unwrap_or_default();
    first.len() == 3 && first.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether notices to rewritten senders come here, when the store is there to be asked.
async fn srs_domain(settings: &Settings) -> Option<String> {
    let domain = settings.forward.srs_domain.as_ref()?;
    privileges::become_keeper(settings.user.as_deref(), &settings.data).ok()?;
    if !settings.data.is_dir() {
        return None;
    }
    let is_ours = Ground::open(settings).await.ok()?.directory.is_local(domain).await.ok()?;
    let text = "is none of the domains here; if its mail comes here, say so with";
    (!is_ours).then(|| format!("`forward.srs_domain`: {domain} {text} `angelia domain add {domain}`"))
}

/// Whether somebody reads what is sent to the postmaster, when the store is there to be asked.
async fn postmaster(settings: &Settings) -> Option<String> {
    let address = settings.postmaster.as_ref()?;
    privileges::become_keeper(settings.user.as_deref(), &settings.data).ok()?;
    if !settings.data.is_dir() {
        return None;
    }
    let found = match Ground::open(settings).await {
        Ok(ground) => ground.directory.lookup(address).await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    match found {
        Ok(Lookup::Moved(to)) => Some(format!("`postmaster`: {address} has moved to {to}; name that one")),
        Ok(Lookup::Unknown) => Some(format!("`postmaster`: nobody here has the address {address}")),
        Ok(Lookup::Foreign) => {
            Some(format!("`postmaster`: the domain of {address} is not one of ours; such mail is sent there"))
        }
        Ok(_) => None,
        Err(error) => Some(format!("`postmaster`: could not be looked up: {error:#}")),
    }
}

/// What holds, in the words of the file.
fn show(path: &Path, entries: &[Effective]) -> String {
    let mut out = format!("# {}\n", path.display());
    let mut section = "";
    for entry in entries {
        let (this, name) = entry.name.split_once('.').unwrap_or(("", &entry.name));
        if section != this {
            // `route[1]` is one of several.
            let head = this.split_once('[').map_or_else(|| format!("[{this}]"), |(list, _)| format!("[[{list}]]"));
            out.push_str(&format!("\n{head}\n"));
            section = this;
        }
        match (&entry.value, entry.from_file) {
            (Some(value), true) => out.push_str(&format!("{name} = {value}\n")),
            (Some(value), false) => out.push_str(&format!("{name} = {value} # default\n")),
            (None, _) => out.push_str(&format!("# {name} is not set\n")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_go_together_is_doubted() {
        let said = |text: &str| {
            let text = format!("hostname = \"a.test\"\n{text}");
            doubts(&config::parse(&text, Path::new("/")).unwrap())
        };
        let route = |rest: &str| format!("[[route]]\ndomain = \"b.test\"\n{rest}\n");
        for (text, wanted) in [
            (route("to = \"mx\"\ntls = \"dane\""), "line 2: `route.tls`: \"dane\" cannot be had"),
            ("[queue]\nlifetime = \"1h\"\ndelay_notice = \"4h\"\n".to_owned(), "`queue.lifetime`: is shorter than"),
            (route("to = \"reject:500 5.7.1 no\""), "line 2: `route.to`: the words of reject: begin with a code"),
            (route("to = \"reject:5.1.2 550-moved\""), "line 2: `route.to`: the words of reject: begin with a code"),
        ] {
            let said = said(&text);
            assert!(said.len() == 1 && said[0].starts_with(wanted), "{text}: {said:?}");
        }
        let signed = "[dns]\ndnssec = \"validate\"\n[[route]]\ndomain = \"b.test\"\nto = \"mx\"\ntls = \"dane\"\n";
        for text in [
            signed,
            "",
            "[queue]\nlifetime = \"4h\"\ndelay_notice = \"4h\"\n",
            &route("to = \"reject:5.7.1 no\""),
            &route("to = \"reject:42 people went\""),
        ] {
            assert_eq!(said(text), [""; 0], "{text}");
        }
    }
}
