//! What a command lists: a table for people, JSON for programs.

use std::io::Write as _;

use serde::Serialize;

/// The switch that every listing has.
#[derive(Debug, clap::Args)]
pub(super) struct Json {
    /// Print JSON, one array
    #[arg(long)]
    pub(super) json: bool,
}

/// Prints a listing. `row` gives the cells of an entry, in the order of `heads`.
pub(super) fn list<T: Serialize>(
    json: &Json,
    heads: &[&str],
    entries: &[T],
    row: impl Fn(&T) -> Vec<String>,
) -> anyhow::Result<()> {
    if json.json {
        return print(&(serde_json::to_string_pretty(entries)? + "\n"));
    }
    if entries.is_empty() {
        eprintln!("none");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = entries.iter().map(row).collect();
    print(&table(heads, &rows))
}

/// Aligned columns, the last one as long as it likes.
pub(super) fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = heads.iter().map(|head| head.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let heads: Vec<String> = heads.iter().map(|head| head.to_uppercase()).collect();
    let mut out = String::new();
    for row in std::iter::once(&heads).chain(rows) {
        let last = row.len().saturating_sub(1);
        for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let clean: String = cell.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            if index == last {
                out.push_str(&clean);
            } else {
                out.push_str(&format!("{clean:<width$}  "));
            }
        }
        out.push('\n');
    }
    out
}

/// Writes to stdout; a reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = vec![vec!["anna@a.test".into(), "1".into()], vec!["b@a.test".into(), "2\x1b[31m".into()]];
        assert_eq!(table(&["address", "n"], &rows), "ADDRESS      N\nanna@a.test  1\nb@a.test     2\u{fffd}[31m\n");
    }
}
