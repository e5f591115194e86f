//! `angelia tlsrpt show|list`: reads a TLS report that somebody sent, and shows what has been collected for those that we
//! send (RFC 8460).

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use envelope::Domain;
use mailauth::limits::REPORT_OCTETS_MAX;
use mailauth::tlspolicy::tlsrpt::{self, PolicyResult, Report};
use mhs::tlsrpt::{Collected, collected, day_of};
use serde::Serialize;

use super::output::{self, Json, fold, whole};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show a report that somebody sent: a letter, or the JSON of it, packed or not
    #[command(
        after_help = "Examples:\n  angelia tlsrpt show report.eml\n  angelia tlsrpt show google.com!example.org!1.json.gz --json"
    )]
    Show {
        /// The file; `-` is stdin
        #[arg(value_name = "FILE|-")]
        file: PathBuf,
        /// Print the report's JSON
        #[arg(long)]
        json: bool,
    },
    /// Show how TLS went with the mail hosts of others today, as far as it has been counted
    #[command(after_help = "Examples:\n  angelia tlsrpt list\n  angelia tlsrpt list --yesterday --domain example.org")]
    List {
        /// Of this domain only, with everything that failed
        #[arg(long, value_name = "DOMAIN")]
        domain: Option<Domain>,
        /// What was collected yesterday and has not been sent yet
        #[arg(long)]
        yesterday: bool,
        #[command(flatten)]
        json: Json,
    },
}

pub(super) async fn run(command: Command, config: Option<&Path>) -> anyhow::Result<()> {
    match command {
        Command::Show { file, json } => {
            let name = file.display();
            let report = tlsrpt::unpack(&read(&file)?).with_context(|| format!("reading a TLS report from {name}"))?;
            let text =
                if json { crate::shown::json(&serde_json::to_string_pretty(&report)?) + "\n" } else { told(&report) };
            output::print(&clean(&text))
        }
        Command::List { domain, yesterday, json } => {
            let ground = super::ground(config).await?;
            let day = day_of(net::clock::now()) - i64::from(yesterday);
            let named = domain.is_some();
            let found = collected(&ground.store, day, domain).await?;
            if named && !json.json {
                let text: String = found.iter().flat_map(|one| &one.results).map(result).collect();
                return output::print(&clean(if text.is_empty() { "nothing was counted\n" } else { &text }));
            }
            let entries: Vec<Listed> = found.iter().flat_map(listed).collect();
            let row = |one: &Listed| {
                let (fine, failed) = (one.fine.to_string(), one.failed.to_string());
                vec![one.domain.clone(), one.policy.clone(), fine, failed, one.worst.clone().unwrap_or_default()]
            };
            output::list(
                &json,
                &[
                    whole("domain"),
                    whole("policy"),
                    whole("fine").number(),
                    whole("failed").number(),
                    fold("most often"),
                ],
                &entries,
                row,
            )
        }
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let limit = REPORT_OCTETS_MAX as u64 + 1;
    let mut octets = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().lock().take(limit).read_to_end(&mut octets).context("reading stdin")?;
    } else {
        let open = std::fs::File::open(file).and_then(|open| open.take(limit).read_to_end(&mut octets));
        open.with_context(|| format!("reading {}", file.display()))?;
    }
    Ok(octets)
}

/// A line of `tlsrpt list`.
#[derive(Debug, Serialize)]
struct Listed {
    domain: String,
    policy: String,
    fine: u64,
    failed: u64,
    /// The failure that came most often.
    #[serde(skip_serializing_if = "Option::is_none")]
    worst: Option<String>,
    details: Vec<tlsrpt::FailureDetails>,
}

fn listed(one: &Collected) -> Vec<Listed> {
    let line = |result: &PolicyResult| Listed {
        domain: one.domain.clone(),
        policy: result.policy.policy_type.as_str().to_owned(),
        fine: result.summary.total_successful_session_count,
        failed: result.summary.total_failure_session_count,
        worst: result.failure_details.first().map(|failure| failure.result_type.as_str().to_owned()),
        details: result.failure_details.clone(),
    };
    one.results.iter().map(line).collect()
}

/// A report for people.
fn told(report: &Report) -> String {
    let mut out = String::new();
    let range = &report.date_range;
    let _ =
        writeln!(out, "{} reports, from {} to {}", report.organization_name, range.start_datetime, range.end_datetime);
    let _ = writeln!(out, "  report   {}\n  contact  {}", report.report_id, report.contact_info);
    for one in &report.policies {
        out.push_str(&result(one));
    }
    if report.policies.is_empty() {
        out.push_str("\nIt tells of no session.\n");
    }
    out
}

fn result(result: &PolicyResult) -> String {
    let mut out = String::new();
    let (policy, summary) = (&result.policy, &result.summary);
    let _ = writeln!(out, "\n{}, policy {}", policy.policy_domain, policy.policy_type.as_str());
    for line in &policy.policy_string {
        let _ = writeln!(out, "  | {line}");
    }
    let (fine, failed) = (summary.total_successful_session_count, summary.total_failure_session_count);
    let _ = writeln!(out, "  {fine} sessions as they should be, {failed} failed");
    for failure in &result.failure_details {
        let _ = write!(out, "  {} times {}", failure.failed_session_count, failure.result_type.as_str());
        if let Some(host) = &failure.receiving_mx_hostname {
            let _ = write!(out, " at {host}");
        }
        if let Some(ip) = &failure.receiving_ip {
            let _ = write!(out, " [{ip}]");
        }
        if let Some(ip) = &failure.sending_mta_ip {
            let _ = write!(out, " from {ip}");
        }
        for more in [&failure.failure_reason_code, &failure.additional_information].into_iter().flatten() {
            let _ = write!(out, ": {more}");
        }
        out.push('\n');
    }
    out
}

/// What strangers wrote may not steer a terminal.
fn clean(text: &str) -> String {
    text.split('\n').map(output::clean).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_for_people() {
        let json = r#"{"organization-name":"Company\u001b[2J","date-range":{"start-datetime":"2016-04-01T00:00:00Z",
            "end-datetime":"2016-04-01T23:59:59Z"},"contact-info":"tls@x.test","report-id":"1","policies":[{"policy":
            {"policy-type":"sts","policy-string":["mode: testing"],"policy-domain":"y.test"},"summary":
            {"total-successful-session-count":7,"total-failure-session-count":2},"failure-details":[{"result-type":
            "certificate-expired","receiving-mx-hostname":"mx.y.test","receiving-ip":"192.0.2.1","failed-session-count":2,
            "failure-reason-code":"old"}]}]}"#;
        let report = tlsrpt::unpack(json.as_bytes()).unwrap();
        let expected = "Company\u{fffd}[2J reports, from 2016-04-01T00:00:00Z to 2016-04-01T23:59:59Z\n  report   1\n  \
                        contact  tls@x.test\n\ny.test, policy sts\n  | mode: testing\n  7 sessions as they should be, 2 \
                        failed\n  2 times certificate-expired at mx.y.test [192.0.2.1]: old\n";
        assert_eq!(clean(&told(&report)), expected);
    }
}
