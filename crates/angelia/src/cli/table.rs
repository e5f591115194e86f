//! Tables for people. The columns stand under each other; a screen that is narrower than the table gets what it has room
//! for: some columns are left out, some go into a second line, others are cut, which a `…` says. Where the output is no
//! screen everything is there, as long as it is.

use std::io::IsTerminal as _;

/// Between two columns.
const GAP: usize = 2;

/// A column that can be cut has so many characters, or all that it needs, before others are left out for it.
const EASY: usize = 28;

/// And so many on the narrowest screen.
const LEAST: usize = 8;

/// Before a second line.
const INDENT: usize = 4;

/// What becomes of a column when the screen is narrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It stays whole.
    Whole,
    /// It is the first to be left out.
    Spare,
    /// It is cut.
    Cut,
    /// It goes into a second line, under its row, and is cut there.
    Fold,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    head: &'static str,
    fit: Fit,
    is_number: bool,
}

impl Column {
    const fn new(head: &'static str, fit: Fit) -> Self {
        Self { head, fit, is_number: false }
    }

    /// Stands to the right, as numbers do.
    pub(super) const fn number(self) -> Self {
        Self { is_number: true, ..self }
    }
}

/// Never cut: what is copied from the screen, and what is short.
pub(super) const fn whole(head: &'static str) -> Column {
    Column::new(head, Fit::Whole)
}

/// Left out where there is little room.
pub(super) const fn spare(head: &'static str) -> Column {
    Column::new(head, Fit::Spare)
}

/// Cut where there is little room.
pub(super) const fn cut(head: &'static str) -> Column {
    Column::new(head, Fit::Cut)
}

/// In a line of its own where there is little room.
pub(super) const fn fold(head: &'static str) -> Column {
    Column::new(head, Fit::Fold)
}

/// Columns of the screen: what `COLUMNS` says, else what the terminal says. None where stdout is no terminal and nobody
/// says anything: whatever reads it wants everything.
pub(super) fn screen() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.trim().parse().ok()).filter(|said| *said > 0);
    said.or_else(|| std::io::stdout().is_terminal().then(|| of_terminal().unwrap_or(80)))
}

fn of_terminal() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the call fills the struct, which lives longer than the call.
    let answer = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    (answer == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// The table, for a screen of this width.
pub(super) fn table(columns: &[Column], rows: &[Vec<String>], screen: Option<usize>) -> String {
    let clean = |row: &Vec<String>| row.iter().map(|cell| clean(cell)).collect::<Vec<String>>();
    let heads: Vec<String> = columns.iter().map(|column| column.head.to_uppercase()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(heads).chain(rows.iter().map(clean)).collect();
    let mut needs = vec![0; columns.len()];
    for row in &rows {
        for (need, cell) in needs.iter_mut().zip(row) {
            *need = (*need).max(width(cell));
        }
    }
    let plan = screen.map_or_else(|| Plan::wide(&needs), |screen| Plan::of(columns, &needs, screen));
    let mut out = String::new();
    for row in &rows {
        plan.write(columns, row, &mut out);
    }
    out
}

/// How wide each column is.
struct Plan {
    /// `None` for those that do not stand in the line.
    widths: Vec<Option<usize>>,
    /// What goes into a second line, and how wide it is there: none when there is no such line.
    second: Vec<Option<usize>>,
}

impl Plan {
    fn wide(needs: &[usize]) -> Self {
        Self { widths: needs.iter().copied().map(Some).collect(), second: Vec::new() }
    }

    /// As much as there is room for: everything, or without what can be spared, or with second lines, or with both.
    fn of(columns: &[Column], needs: &[usize], screen: usize) -> Self {
        let has = |fit| columns.iter().any(|column| column.fit == fit);
        let ways = [(false, false), (true, false), (false, true), (true, true)];
        let mut last = None;
        for (spared, folded) in ways {
            if (spared && !has(Fit::Spare)) || (folded && !has(Fit::Fold)) {
                continue;
            }
            let stands = |column: &Column| match column.fit {
                Fit::Spare => !spared,
                Fit::Fold => !folded,
                Fit::Whole | Fit::Cut => true,
            };
            let cap = cap(columns, needs, screen, stands);
            let second = if folded { Self::below(columns, needs, screen) } else { Vec::new() };
            let width = |(column, need): (&Column, &usize)| match column.fit {
                _ if !stands(column) => None,
                Fit::Whole | Fit::Spare => Some(*need),
                Fit::Cut | Fit::Fold => Some((*need).min(cap)),
            };
            let widths = columns.iter().zip(needs).map(width).collect();
            last = Some(Self { widths, second });
            if cap >= EASY {
                break;
            }
        }
        last.unwrap_or_else(|| Self::wide(needs))
    }

    /// The second line: what stands in it stands under each other too, and shares the room.
    fn below(columns: &[Column], needs: &[usize], screen: usize) -> Vec<Option<usize>> {
        let is_below = |column: &Column| column.fit == Fit::Fold;
        let folded = columns.iter().zip(needs).filter(|(column, _)| is_below(column)).map(|(_, need)| *need);
        let gaps = GAP * folded.clone().count().saturating_sub(1);
        let most = share(folded.collect(), screen.saturating_sub(INDENT + gaps));
        columns.iter().zip(needs).map(|(column, need)| is_below(column).then(|| (*need).min(most))).collect()
    }

    fn write(&self, columns: &[Column], row: &[String], out: &mut String) {
        let mut line = String::new();
        for ((column, cell), width) in columns.iter().zip(row).zip(&self.widths) {
            match width {
                Some(width) if column.is_number => line.push_str(&format!("{:>width$}", shorter(cell, *width))),
                Some(width) => line.push_str(&format!("{:<width$}", shorter(cell, *width))),
                None => {}
            }
            if width.is_some() {
                line.push_str(&" ".repeat(GAP));
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
        let below = row.iter().zip(&self.second).filter_map(|(cell, width)| width.map(|width| (cell, width)));
        let below: Vec<String> = below.map(|(cell, width)| format!("{:<width$}", shorter(cell, width))).collect();
        let below = below.join(&" ".repeat(GAP));
        if !below.trim_end().is_empty() {
            out.push_str(&format!("{:INDENT$}{}\n", "", below.trim_end()));
        }
    }
}

/// The most characters that a column which can be cut may have, so that all fit: whoever needs less gives the rest to the
/// others.
fn cap(columns: &[Column], needs: &[usize], screen: usize, stands: impl Fn(&Column) -> bool) -> usize {
    let mut elastic = Vec::new();
    let (mut taken, mut count) = (0, 0);
    for (column, need) in columns.iter().zip(needs).filter(|(column, _)| stands(column)) {
        count += 1;
        match column.fit {
            Fit::Whole | Fit::Spare => taken += need,
            Fit::Cut | Fit::Fold => elastic.push(*need),
        }
    }
    share(elastic, screen.saturating_sub(taken + GAP * usize::saturating_sub(count, 1))).max(LEAST)
}

/// The most that each may have, so that all have room.
fn share(mut elastic: Vec<usize>, mut room: usize) -> usize {
    elastic.sort_unstable();
    let mut left = elastic.len();
    for need in elastic {
        if need * left > room {
            return room / left;
        }
        room -= need;
        left -= 1;
    }
    usize::MAX
}

/// Characters. (What takes two places on a screen is counted as one: it is rare here, and then a line is longer.)
fn width(text: &str) -> usize {
    text.chars().count()
}

/// Lines of so many characters at most, where words are no longer.
pub(super) fn wrap(text: &str, room: usize) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some((end, _)) = rest.char_indices().nth(room) {
        // Blanks at the beginning stand for a column.
        let begin = rest.len() - rest.trim_start().len();
        let in_room = rest.get(begin..=end).and_then(|head| head.rfind(' '));
        let at = in_room.or_else(|| rest.get(begin..).and_then(|tail| tail.find(' ')));
        let Some((line, after)) = at.and_then(|at| rest.split_at_checked(begin + at)) else { break };
        lines.push(line.trim_end());
        rest = after.trim_start();
    }
    lines.push(rest);
    lines
}

/// The text, or its beginning and a `…`.
fn shorter(text: &str, width_max: usize) -> String {
    if width(text) <= width_max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width_max.saturating_sub(1)).collect();
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// What strangers wrote (senders, servers, the DNS) may not steer a terminal.
pub(super) fn clean(text: &str) -> String {
    envelope::shown(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 5] = [whole("id"), spare("n").number(), cut("to"), fold("from"), fold("reason")];

    fn row(cells: [&str; 5]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    fn rows() -> Vec<Vec<String>> {
        let reason = "451 4.4.1 connection refused by everybody who was asked";
        vec![
            row(["4kz3h8v0c2", "7", "leonidas@sparta.test", "anna@athens.test", reason]),
            row(["5kz3h8v0c2", "12", "b@x.test", "<>", ""]),
        ]
    }

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(clean("a\x1b[2J\u{202e}b\u{9b}"), "a\u{fffd}[2J\u{fffd}b\u{fffd}");
    }

    #[test]
    fn columns_stand_under_each_other() {
        let rows = vec![vec!["anna@a.test".into(), "1".into()], vec!["b@a.test".into(), "2\x1b[31m".into()]];
        let wanted = "ADDRESS      N\nanna@a.test  1\nb@a.test     2\u{fffd}[31m\n";
        assert_eq!(table(&[whole("address"), whole("n")], &rows, None), wanted);
        assert_eq!(table(&[cut("address"), cut("n")], &rows, Some(80)), wanted);
    }

    #[test]
    fn without_a_screen_all_is_there() {
        let text = table(&COLUMNS, &rows(), None);
        assert!(text.lines().nth(1).unwrap().ends_with("by everybody who was asked"), "{text}");
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn a_narrow_screen_gets_what_it_has_room_for() {
        for (screen, wanted) in [(90, ALL), (81, SPARED), (40, FOLDED), (30, BOTH), (16, LEAST_OF_ALL)] {
            assert_eq!(table(&COLUMNS, &rows(), Some(screen)), wanted, "{screen}");
        }
    }

    const ALL: &str = "\
ID           N  TO                    FROM              REASON
4kz3h8v0c2   7  leonidas@sparta.test  anna@athens.test  451 4.4.1 connection refused by e…
5kz3h8v0c2  12  b@x.test              <>
";
    const SPARED: &str = "\
ID          TO                    FROM              REASON
4kz3h8v0c2  leonidas@sparta.test  anna@athens.test  451 4.4.1 connection refused…
5kz3h8v0c2  b@x.test              <>
";
    const FOLDED: &str = "\
ID           N  TO
    FROM              REASON
4kz3h8v0c2   7  leonidas@sparta.test
    anna@athens.test  451 4.4.1 connect…
5kz3h8v0c2  12  b@x.test
    <>
";
    const BOTH: &str = "\
ID          TO
    FROM          REASON
4kz3h8v0c2  leonidas@sparta.t…
    anna@athens…  451 4.4.1 c…
5kz3h8v0c2  b@x.test
    <>
";
    const LEAST_OF_ALL: &str = "\
ID          TO
    FROM   REAS…
4kz3h8v0c2  leonida…
    anna…  451…
5kz3h8v0c2  b@x.test
    <>
";

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for screen in 24..160 {
            let text = table(&COLUMNS, &rows(), Some(screen));
            assert!(text.lines().all(|line| width(line) <= screen), "{screen}:\n{text}");
        }
    }
}
