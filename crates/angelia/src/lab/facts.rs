//! Where to connect: `lab.json` for programs, a table for people.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use journal::Service;
use serde_json::{Map, Value, json};

use super::plan::{OfficePlan, Plan};
use super::screen::Screen;

/// Where the facts are written.
pub(super) fn file(plan: &Plan) -> PathBuf {
    plan.folder.join("lab.json")
}

/// All there is to know for a program that wants to use the lab.
pub(super) fn value(plan: &Plan) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "dns": { "host": plan.dns.ip().to_string(), "port": plan.dns.port() },
        "ca": plan.authority,
        "servers": plan.offices().map(office),
        "neighbours": plan.neighbours.iter().map(|one| json!({ "domain": one.domain, "host": one.ip })).collect::<Vec<_>>(),
    })
}

fn office(office: &OfficePlan) -> Value {
    let mut facts = Map::new();
    facts.insert("domain".to_owned(), json!(office.domain));
    facts.insert("hostname".to_owned(), json!(office.hostname));
    facts.insert("host".to_owned(), json!(office.ip));
    facts.insert("config".to_owned(), json!(office.config_file()));
    for door in &office.doors {
        facts.insert(door.name.to_owned(), json!({ "host": door.address.ip(), "port": door.address.port() }));
    }
    // There is no web server yet, and a port that nobody listens on helps no program.
    facts.insert("http".to_owned(), Value::Null);
    let person = &office.person;
    let account = json!({ "address": person.address, "user": person.address, "password": person.password });
    facts.insert("accounts".to_owned(), json!([account]));
    Value::Object(facts)
}

/// Written whole or not at all, so that whoever waits for the file never reads half of it.
pub(super) fn write(plan: &Plan) -> anyhow::Result<()> {
    let path = file(plan);
    let unfinished = path.with_extension("json.new");
    std::fs::write(&unfinished, format!("{:#}\n", value(plan))).with_context(|| unfinished.display().to_string())?;
    std::fs::rename(&unfinished, &path).with_context(|| path.display().to_string())
}

/// The same for people.
pub(super) fn show(plan: &Plan, screen: &Screen) {
    let (bold, off) = screen.paint("\x1b[1m");
    let mut text =
        format!("\n{bold}The lab is open.{off} Ctrl-C closes it; letters stay in {}\n\n", plan.folder.display());
    let _ = writeln!(
        text,
        "  {bold}{:<14} {:<11} {:>6} {:>11} {:>12} {:>6} {:>6} {:>6} {:>6}  account and password{off}",
        "domain", "host", "smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s"
    );
    for office in plan.offices() {
        let port = |service| office.door(service).port();
        let _ = writeln!(
            text,
            "  {:<14} {:<11} {:>6} {:>11} {:>12} {:>6} {:>6} {:>6} {:>6}  {} {}",
            office.domain.to_string(),
            office.ip.to_string(),
            port(Service::Smtp),
            port(Service::Submission),
            port(Service::Submissions),
            port(Service::Imap),
            port(Service::Imaps),
            port(Service::Pop3),
            port(Service::Pop3s),
            office.person.address,
            office.person.password
        );
    }
    let _ = writeln!(
        text,
        "\n  DNS {}   certificate authority {}   for programs {}\n",
        plan.dns,
        plan.authority.display(),
        file(plan).display()
    );
    text.push_str(&try_this(plan));
    screen.aside(&text);
}

/// Commands that work as they stand.
fn try_this(plan: &Plan) -> String {
    let (athens, patras) = (&plan.athens, &plan.patras);
    let ca = plan.authority.display();
    format!(
        "  Write:  swaks --server {submission} -tls --tls-ca-path {ca} --tls-verify \\\n            \
         --auth PLAIN --auth-user {anna} --auth-password {anna_password} \\\n            \
         --from {anna} --to {kostas} --header 'Subject: From a shell'\n  \
         Read:   curl --cacert {ca} --user {kostas}:{kostas_password} 'imaps://{imaps}/INBOX;MAILINDEX=1'\n          \
         curl --cacert {ca} --user {kostas}:{kostas_password} pop3s://{pop3s}/1\n  \
         Ask:    angelia --config {config} trace {kostas}\n\n",
        submission = athens.door(Service::Submission),
        anna = athens.person.address,
        anna_password = athens.person.password,
        kostas = patras.person.address,
        kostas_password = patras.person.password,
        imaps = patras.door(Service::Imaps),
        pop3s = patras.door(Service::Pop3s),
        config = athens.config_file().display(),
    )
}
