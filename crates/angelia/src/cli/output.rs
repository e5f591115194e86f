//! What a command prints: a table for people, JSON for programs.

use std::io::Write as _;

use serde::Serialize;

pub(super) use super::table::{Column, clean, cut, fold, spare, whole};
use super::table::{screen, table};

/// The switch that every listing has.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Json {
    /// Print JSON, one array
    #[arg(long)]
    pub(super) json: bool,
}

/// Prints a listing. `row` gives the cells of an entry, in the order of the columns.
pub(super) fn list<T: Serialize>(
    json: &Json,
    columns: &[Column],
    entries: &[T],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    if json.json {
        return print(&(crate::shown::json(&serde_json::to_string_pretty(entries)?) + "\n"));
    }
    if entries.is_empty() {
        crate::shown::tell!("none");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    print(&table(columns, &rows, screen()))
}

/// `1 letter`, `3 letters`.
pub(super) fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `999`, `1.2K`, `34M`: octets, in a few places.
pub(super) fn size(octets: u64) -> String {
    let mut number = octets as f64;
    for unit in ["", "K", "M", "G"] {
        match unit {
            "" if number < 1000.0 => return format!("{octets}"),
            _ if number < 9.95 => return format!("{number:.1}{unit}"),
            _ if number < 999.5 => return format!("{number:.0}{unit}"),
            _ => number /= 1000.0,
        }
    }
    format!("{number:.0}T")
}

/// Writes to stdout; a reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    write(text.as_bytes())
}

/// The same with octets.
pub(super) fn write(octets: &[u8]) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(octets) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes() {
        for (octets, text) in
            [(0, "0"), (999, "999"), (1000, "1.0K"), (9_949, "9.9K"), (9_990, "10K"), (999_400, "999K")]
        {
            assert_eq!(super::size(octets), text);
        }
        assert_eq!(super::size(1_250_000), "1.2M");
        assert_eq!(super::size(34_000_000_000), "34G");
        assert_eq!(super::size(u64::MAX), "18446744T");
    }
}
