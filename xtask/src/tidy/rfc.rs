//! docs/rfc.md: every RFC that the code cites stands there exactly once, sorted, with an honest status.

use std::collections::BTreeMap;

use super::Findings;
use super::tree::Tree;

const LIST: &str = "docs/rfc.md";
const STATUSES: [&str; 3] = ["full", "partial", "planned"];

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    let Some(list) = tree.file(LIST) else { return };
    let mut listed: Vec<u32> = Vec::new();
    for (index, line) in list.text.lines().enumerate() {
        let place = format!("{LIST}:{}", index + 1);
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let Some(number) = cells.first().and_then(|cell| cell.parse::<u32>().ok()) else { continue };
        check_row(number, &cells, &place, findings);
        if listed.last().is_some_and(|last| *last >= number) {
            findings.add(place, format!("RFC {number} stands twice or out of order"));
        }
        listed.push(number);
    }
    for (number, place) in cited(tree) {
        if !listed.contains(&number) {
            findings.add(place, format!("cites RFC {number}, which {LIST} does not list"));
        }
    }
}

fn check_row(number: u32, cells: &[&str], place: &str, findings: &mut Findings) {
    let [_, title, status, _, notes] = cells else {
        findings.add(place, format!("the row of RFC {number} has {} cells instead of 5", cells.len()));
        return;
    };
    if title.is_empty() {
        findings.add(place, format!("RFC {number} has no title"));
    }
    if !STATUSES.contains(status) {
        findings.add(place, format!("the status of RFC {number} is `{status}`, neither of full, partial, planned"));
    }
    if *status == "partial" && notes.is_empty() {
        findings.add(place, format!("RFC {number} is partial: say what is missing"));
    }
}

/// Every RFC named in a source, with the first place. Our own examples in here do not count.
fn cited(tree: &Tree) -> BTreeMap<u32, String> {
    let mut cited = BTreeMap::new();
    for file in tree.rust_files().filter(|file| !file.path.starts_with("xtask/")) {
        for (index, line) in file.text.lines().enumerate() {
            for number in numbers(line) {
                cited.entry(number).or_insert_with(|| format!("{}:{}", file.path, index + 1));
            }
        }
    }
    cited
}

/// `RFC 5321`, `RFC5321`, `RFCs 5321, 5322 and 6532`.
fn numbers(line: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("RFC") {
        let mut rest = line.get(at + 3..).unwrap_or_default();
        rest = rest.strip_prefix('s').unwrap_or(rest).trim_start_matches([' ', '-']);
        loop {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let Some(number) = rest.get(..digits).and_then(|text| text.parse().ok()) else { break };
            if !(3..=5).contains(&digits) {
                break;
            }
            found.push(number);
            let after = rest.get(digits..).unwrap_or_default();
            let joined = [", ", " and ", "/"].iter().find_map(|joint| after.strip_prefix(joint));
            let Some(next) = joined else { break };
            rest = next;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn what_is_a_citation() {
        assert_eq!(numbers("as RFC 5321 section 4.5.3 wants"), [5321]);
        assert_eq!(numbers("(RFC 5802, 7677) and RFCs 2045/2046"), [5802, 7677, 2045, 2046]);
        assert_eq!(numbers("RFC 822, 64 octets"), [822]);
        assert!(numbers("every RFC that").is_empty());
    }
}
