//! The table, and the ratios of the medians.

use std::time::Duration;

use crate::{Inbound, figures};

/// One round of one server.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) round: usize,
    /// Letters a second until all stand in their mailboxes.
    pub(crate) rate: f64,
    /// Letters a second until all are accepted.
    pub(crate) rate_accepted: f64,
    pub(crate) cpu_per_1000: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) pss_mib: f64,
    pub(crate) processes: usize,
    pub(crate) syncs: Option<f64>,
}

/// Prints rounds, then ratios.
pub(crate) fn print(options: &Inbound, rows: &[Row]) {
    println!(
        "\nMail in: {} sessions, letters of {} octets to {} mailboxes, until all stand there\n",
        options.sessions, options.octets, options.accounts
    );
    println!(
        "| server | round | letters/s | accepted/s | CPU-s per 1,000 | p50 ms | p99 ms | syncs/letter | PSS MiB | processes |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let syncs = row.syncs.map_or_else(|| "-".to_owned(), |s| format!("{s:.2}"));
        println!(
            "| {} | {} | {:.0} | {:.0} | {:.3} | {:.2} | {:.2} | {syncs} | {:.0} | {} |",
            row.name,
            row.round,
            row.rate,
            row.rate_accepted,
            row.cpu_per_1000,
            row.p50.as_secs_f64() * 1e3,
            row.p99.as_secs_f64() * 1e3,
            row.pss_mib,
            row.processes
        );
    }
    let median =
        |name: &str, figure: fn(&Row) -> f64| figures::median(rows.iter().filter(|row| row.name == name).map(figure));
    let names = ("Angelia", "Postfix + Dovecot");
    if let (Some(ours), Some(theirs)) = (median(names.0, |r| r.rate), median(names.1, |r| r.rate)) {
        println!("\nRate, {} to {}: {:.1} to 1", names.0, names.1, ours / theirs);
    }
    if let (Some(ours), Some(theirs)) = (median(names.0, |r| r.cpu_per_1000), median(names.1, |r| r.cpu_per_1000)) {
        println!("CPU per letter, {} to {}: 1 to {:.1}", names.0, names.1, theirs / ours);
    }
}
