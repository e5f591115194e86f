//! One table: a row a figure, a column a server, and the ratio.

use super::{Figure, Options};

pub(super) fn print(options: &Options, columns: &[(&'static str, Vec<Figure>)]) {
    println!("\nMail read: {} messages of {} octets\n", options.letters, options.octets);
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    println!("| work | unit | {} | ahead by |", names.join(" | "));
    println!("|---|---|{}---|", "---|".repeat(names.len()));
    let Some((_, first)) = columns.first() else { return };
    for (at, figure) in first.iter().enumerate() {
        let values: Vec<f64> = columns.iter().filter_map(|(_, all)| all.get(at)).map(|figure| figure.value).collect();
        let shown: Vec<String> = values.iter().map(|value| number(*value)).collect();
        let ratio = match values.as_slice() {
            [theirs, ours] if figure.unit == "a second" => format!("{:.1}", ours / theirs),
            [theirs, ours] => format!("{:.1}", theirs / ours),
            _ => "-".to_owned(),
        };
        println!("| {} | {} | {} | {ratio} |", figure.row, figure.unit, shown.join(" | "));
    }
}

fn number(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}
