//! The table, and the ratios of the medians.

use std::time::Duration;

use super::Options;
use crate::figures;

/// One round of one relay.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) round: usize,
    /// With letters for servers that hang beside the others.
    pub(super) hanging: bool,
    /// Letters a second until all that can have arrived.
    pub(super) rate: f64,
    pub(super) cpu_per_1000: f64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    pub(super) pss_mib: f64,
    pub(super) processes: usize,
    pub(super) syncs: Option<f64>,
}

/// Prints rounds, then ratios.
pub(super) fn print(options: &Options, rows: &[Row]) {
    println!(
        "\nMail through: {} sessions, letters of {} octets to {} domains, until all have arrived\n",
        options.sessions, options.octets, options.domains
    );
    println!(
        "| relay | round | servers that hang | letters/s | CPU-s per 1,000 | p50 ms | p99 ms | syncs/letter | PSS MiB | processes |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for row in rows {
        let syncs = row.syncs.map_or_else(|| "-".to_owned(), |s| format!("{s:.2}"));
        println!(
            "| {} | {} | {} | {:.0} | {:.3} | {:.2} | {:.2} | {syncs} | {:.0} | {} |",
            row.name,
            row.round,
            if row.hanging { options.hanging } else { 0 },
            row.rate,
            row.cpu_per_1000,
            row.p50.as_secs_f64() * 1e3,
            row.p99.as_secs_f64() * 1e3,
            row.pss_mib,
            row.processes
        );
    }
    let median = |name: &str, hanging: bool, figure: fn(&Row) -> f64| {
        let chosen = rows.iter().filter(|row| row.name == name && row.hanging == hanging);
        figures::median(chosen.map(figure))
    };
    let pair = |figure: fn(&Row) -> f64| median("Angelia", false, figure).zip(median("Postfix", false, figure));
    if let Some((ours, theirs)) = pair(|row| row.rate) {
        println!("\nRate, Angelia to Postfix: {:.1} to 1", ours / theirs);
    }
    if let Some((ours, theirs)) = pair(|row| row.cpu_per_1000) {
        println!("CPU per letter, Angelia to Postfix: 1 to {:.1}", theirs / ours);
    }
    for name in ["Angelia", "Postfix"] {
        let rates = median(name, false, |row| row.rate).zip(median(name, true, |row| row.rate));
        if let Some((without, with)) = rates {
            println!("{name}, with servers that hang: the others at {:.1} % of the rate", with / without * 100.0);
        }
    }
}
