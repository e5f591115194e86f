//! `angelia quickstart ADDRESS`: makes a post office and asks nothing. Configuration, certificate, store, first domain,
//! first account; then it looks for what stands in the way, and prints what to put into the DNS.
//!
//! It never touches what is there already.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use envelope::{Address, Domain};
use protocol::sasl::Secret;
use serde::Serialize;

use super::checks::{self, Check, Verdict};
use super::{output, password};
use crate::config::{self, ConfigError, Settings};
use crate::privileges::{self, User};
use crate::wiring::{self, Ground};

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  angelia quickstart anna@example.org\n\n\
    As root it writes /etc/angelia/angelia.toml and keeps mail in /var/lib/angelia; else everything is in ./angelia.")]
pub(super) struct Args {
    /// Your mail address: its domain is the first domain, and it is the first account
    address: Address,
    /// The folder for configuration and data
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The name of this machine in the DNS. Without it: its own name if that is in the domain, else mail.DOMAIN
    #[arg(long, value_name = "NAME")]
    hostname: Option<Domain>,
    /// Do not look for what stands in the way
    #[arg(long)]
    skip_checks: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// One record for the DNS.
#[derive(Debug, Serialize)]
struct Record {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    data: String,
}

/// What was made and found.
#[derive(Debug, Serialize)]
struct Made {
    config: PathBuf,
    data: PathBuf,
    account: String,
    password: String,
    checks: Vec<Check>,
    records: Vec<Record>,
    mta_sts: MtaSts,
    /// What makes the server give up root, where that was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_advice: Option<String>,
}

/// What to publish once others can believe the certificate (RFC 8461). The policy wants a web server, and we are none yet.
#[derive(Debug, Serialize)]
struct MtaSts {
    record: Record,
    url: String,
    policy: String,
}

impl MtaSts {
    fn of(domain: &Domain, hostname: &Domain) -> Self {
        let data = "\"v=STSv1; id=1\"".to_owned();
        Self {
            record: Record { name: format!("_mta-sts.{domain}."), kind: "TXT", data },
            url: format!("https://mta-sts.{domain}{}", mailauth::tlspolicy::sts::POLICY_PATH),
            policy: format!("version: STSv1\nmode: testing\nmx: {hostname}\nmax_age: 604800\n"),
        }
    }

    fn advice(&self) -> String {
        let Record { name, kind, data } = &self.record;
        format!(
            "\nOnce the certificate is one that others believe, MTA-STS makes them insist on it. Angelia has no web door yet,\n\
             so a web server of yours has to serve this file, as text/plain, at {}:\n\n{}\n\
             Then this record says that it is there; its id changes whenever the file does:\n\n  {name}  IN {kind}  {data}\n\n\
             `testing` only has failures reported; take `enforce` when none are.\n",
            self.url,
            self.policy.lines().map(|line| format!("  {line}\n")).collect::<String>()
        )
    }
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Some(domain) = args.address.host().name().cloned() else {
        bail!("{} has no domain; an account needs one", args.address);
    };
    if !domain.as_str().contains('.') || domain.is_within(&Domain::parse("localhost")?) {
        bail!(
            "{domain} is no domain that others could write to; take one of your own, such as anna@example.org. To try \
             everything on this machine alone, run `angelia lab`"
        );
    }
    let hostname = args.hostname.clone().unwrap_or_else(|| own_name(&domain));
    let (path, data) = places(args.dir.as_deref());
    if path.exists() {
        bail!("{} is there already; nothing was changed. `angelia serve --config {0}` runs it", path.display());
    }
    let user = privileges::is_root().then(|| User::find("angelia")).transpose()?.flatten();
    let text = config_text(&data, &hostname, user.is_some());
    let folder = std::path::absolute(&path)?.parent().map(Path::to_owned).unwrap_or_default();
    std::fs::create_dir_all(&folder).with_context(|| format!("making the folder {}", folder.display()))?;
    let settings =
        config::parse(&text, &folder).map_err(|problems| ConfigError::Wrong { path: path.clone(), problems })?;
    let password = password::generated();
    prepare(&settings, user, &domain, &args.address, &password).await?;
    // Last, so that a run that failed half-way can be made again.
    write_config(&path, &text)?;
    let own = checks::own_addresses();
    let mut found = Vec::new();
    if !args.skip_checks {
        found = checks::ports(&settings);
        found.extend(checks::names(&settings, &domain, &own).await);
    }
    let lacks_user = privileges::is_root() && user.is_none();
    let made = Made {
        user_advice: lacks_user.then(|| user_advice(&path, &settings.data)),
        records: records(&domain, &hostname, &own),
        mta_sts: MtaSts::of(&domain, &hostname),
        config: path,
        data: settings.data,
        account: args.address.to_string(),
        password,
        checks: found,
    };
    output::print(&if args.json {
        crate::shown::json(&serde_json::to_string_pretty(&made)?) + "\n"
    } else {
        report(&made, &domain)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn places(dir: Option<&Path>) -> (PathBuf, PathBuf) {
    match dir {
        None if privileges::is_root() => ("/etc/angelia/angelia.toml".into(), "/var/lib/angelia".into()),
        None => ("angelia/angelia.toml".into(), "data".into()),
        Some(dir) => (dir.join("angelia.toml"), "data".into()),
    }
}

/// This machine's name when it stands in the domain, else `mail.` and the domain.
fn own_name(domain: &Domain) -> Domain {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let own = Domain::parse(name.trim()).ok().filter(|name| name.is_within(domain) && name != domain);
    own.or_else(|| Domain::parse(&format!("mail.{domain}")).ok()).unwrap_or_else(|| domain.clone())
}

fn config_text(data: &Path, hostname: &Domain, has_user: bool) -> String {
    let mut text = String::from(
        "# Angelia's configuration. `angelia config show --all` prints every key with its default and what it does,\n\
         # `angelia config check` says what is wrong with this file, SIGHUP makes the server read it again.\n\n",
    );
    let _ = writeln!(text, "# The name of this machine in the DNS.\nhostname = \"{hostname}\"\n");
    let _ = writeln!(text, "# Where letters and everything else are kept.\ndata = {:?}", data.display().to_string());
    if has_user {
        let _ = writeln!(text, "\n# Whom to become after the ports are bound.\nuser = \"angelia\"");
    }
    let _ = writeln!(
        text,
        "\n# A certificate that others believe. Without one, a self-signed one is in use.\n#[tls]\n\
         #certificate = \"/etc/letsencrypt/live/{hostname}/fullchain.pem\"\n\
         #key = \"/etc/letsencrypt/live/{hostname}/privkey.pem\""
    );
    text
}

fn user_advice(config: &Path, data: &Path) -> String {
    format!(
        "There is no user `angelia` on this machine, so the server would run as root. To have it give that up:\n\
         \x20 useradd --system --shell /usr/sbin/nologin angelia\n\
         \x20 chown -R angelia: {}\n\
         \x20 sed -i '1i user = \"angelia\"' {}",
        data.display(),
        config.display()
    )
}

fn write_config(path: &Path, text: &str) -> anyhow::Result<()> {
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
        std::io::Write::write_all(&mut file, text.as_bytes())
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// Certificate, store, domain, account.
async fn prepare(
    settings: &Settings,
    user: Option<User>,
    domain: &Domain,
    address: &Address,
    password: &str,
) -> anyhow::Result<()> {
    wiring::make_data_folder(&settings.data)?;
    wiring::certificates(settings)?;
    let ground = Ground::open(settings).await?;
    if !ground.directory.is_local(domain).await? {
        ground.directory.add_domain(domain).await?;
    }
    ground.directory.add_account(address, &Secret::new(password.as_bytes().to_vec())).await?;
    drop(ground);
    if let Some(user) = user {
        user.own(&settings.data).with_context(|| format!("giving {} to its user", settings.data.display()))?;
    }
    Ok(())
}

/// RFC 5321 section 5.1 (MX), RFC 7208 (SPF), RFC 7489 (DMARC), RFC 8460 (TLS reports), RFC 6186 and 8314 (SRV).
fn records(domain: &Domain, hostname: &Domain, own: &[IpAddr]) -> Vec<Record> {
    let record = |name: String, kind, data: String| Record { name, kind, data };
    let mut records = vec![record(format!("{domain}."), "MX", format!("10 {hostname}."))];
    let public: Vec<&IpAddr> = own.iter().filter(|ip| checks::is_public(**ip)).collect();
    for ip in &public {
        records.push(record(format!("{hostname}."), if ip.is_ipv4() { "A" } else { "AAAA" }, ip.to_string()));
    }
    if public.is_empty() {
        let here = own.first().map(|ip| format!(" (here it has {ip})")).unwrap_or_default();
        let data = format!("the public address of this machine{here}");
        records.push(record(format!("{hostname}."), "A", data));
    }
    records.push(record(format!("{domain}."), "TXT", "\"v=spf1 mx -all\"".to_owned()));
    let dmarc = format!("\"v=DMARC1; p=none; rua=mailto:postmaster@{domain}\"");
    records.push(record(format!("_dmarc.{domain}."), "TXT", dmarc));
    let reports = format!("\"v=TLSRPTv1; rua=mailto:postmaster@{domain}\"");
    records.push(record(format!("_smtp._tls.{domain}."), "TXT", reports));
    for (service, port) in [("submissions", 465), ("submission", 587), ("imaps", 993), ("imap", 143), ("pop3s", 995)] {
        records.push(record(format!("_{service}._tcp.{domain}."), "SRV", format!("0 1 {port} {hostname}.")));
    }
    records
}

fn report(made: &Made, domain: &Domain) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "A post office for {domain} stands.\n");
    let _ = writeln!(out, "  configuration  {}\n  data           {}", made.config.display(), made.data.display());
    let _ = writeln!(out, "  account        {}\n  password       {}", made.account, made.password);
    let _ = writeln!(out, "\nThe password is shown this once; `angelia account password` sets another.");
    if !made.checks.is_empty() {
        let _ = writeln!(out, "\nWhat stands in the way:");
        for check in &made.checks {
            let mark = match check.verdict {
                Verdict::Fine => "fine    ",
                Verdict::Trouble => "TROUBLE ",
                Verdict::Unknown => "unknown ",
            };
            let _ = writeln!(out, "  {mark} {}: {}", check.what, check.detail);
        }
    }
    let _ = writeln!(out, "\nPut these records into the DNS of {domain}:\n");
    let widths = made.records.iter().map(|record| record.name.chars().count()).max().unwrap_or(0);
    for record in &made.records {
        let _ = writeln!(out, "  {:widths$}  IN {:<4} {}", record.name, record.kind, record.data);
    }
    out.push_str(&made.mta_sts.advice());
    if let Some(advice) = &made.user_advice {
        let _ = writeln!(out, "\n{advice}");
    }
    let _ = writeln!(
        out,
        "\nAsk whoever gave you the address to point its PTR to the host name above: many refuse mail without it.\n\
         Signing with DKIM is not built yet; its record will be printed when it is. `p=none` in DMARC only watches;\n\
         make it `p=quarantine` when mail has flowed well for some weeks.\n\
         Others report to postmaster how TLS with this server went; `angelia tlsrpt show` reads such a report.\n\
         \nWhat next:\n\
         \x20 angelia serve --config {0}\n\
         \x20 angelia account add somebody@{domain} --config {0}\n\
         \x20 a certificate from Let's Encrypt: put its files at [tls] in {0}",
        made.config.display()
    );
    out
}
