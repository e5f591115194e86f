//! Where to connect: `lab.json` for programs, a list for people.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use journal::Service;
use serde_json::{Map, Value, json};

use super::plan::{OfficePlan, Plan};
use super::screen::Screen;

/// As many as fit into 80 columns.
const DOORS_A_LINE: usize = 4;

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
        format!("\n{bold}The lab is open.{off} Ctrl-C closes it; letters stay in\n  {}\n\n", plan.folder.display());
    for office in plan.offices() {
        let person = &office.person;
        let (domain, ip) = (office.domain.as_str(), office.ip);
        let _ = writeln!(text, "  {bold}{domain}{off}  {ip}  {}  password {}", person.address, person.password);
        for doors in office.doors.chunks(DOORS_A_LINE) {
            let ports = doors.iter().map(|door| format!("{} {}", door.name, door.address.port()));
            let _ = writeln!(text, "    {}", ports.collect::<Vec<_>>().join("   "));
        }
    }
    let _ = writeln!(
        text,
        "\n  DNS {}\n  certificate authority {}\n  all this for programs {}\n",
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
        "  Write:  swaks --server {submission} -tls --tls-verify \\\n            \
         --tls-ca-path {ca} \\\n            \
         --auth PLAIN --auth-user {anna} --auth-password {anna_password} \\\n            \
         --from {anna} --to {kostas} \\\n            \
         --header 'Subject: From a shell'\n  \
         Read:   curl --cacert {ca} \\\n            \
         --user {kostas}:{kostas_password} \\\n            \
         'imaps://{imaps}/INBOX;MAILINDEX=1'\n          \
         curl --cacert {ca} \\\n            \
         --user {kostas}:{kostas_password} pop3s://{pop3s}/1\n  \
         Ask:    angelia --config {config} \\\n            \
         trace {kostas}\n\n",
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
