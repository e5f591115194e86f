//! The table at the end: suite, result, seconds, and what there is to say.

use std::time::Duration;

use super::steps::Verdict;

/// One suite's end.
pub(super) struct Line {
    pub(super) suite: &'static str,
    pub(super) verdict: Verdict,
    pub(super) took: Duration,
}

/// All of them.
#[derive(Default)]
pub(super) struct Report {
    lines: Vec<Line>,
}

impl Report {
    pub(super) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Prints the table and the count; true when nothing failed. The last line is for programs.
    pub(super) fn print(&self) -> bool {
        println!("\n{:<10} {:<8} {:>8}  notes", "suite", "result", "seconds");
        for line in &self.lines {
            let (result, notes) = match &line.verdict {
                Verdict::Passed(notes) => ("passed", notes),
                Verdict::Skipped(notes) => ("skipped", notes),
                Verdict::Failed(notes) => ("FAILED", notes),
            };
            println!("{:<10} {:<8} {:>8.1}  {notes}", line.suite, result, line.took.as_secs_f64());
        }
        let count = |wanted: fn(&Verdict) -> bool| self.lines.iter().filter(|line| wanted(&line.verdict)).count();
        let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
        println!("\n{} passed, {failed} failed", count(|verdict| matches!(verdict, Verdict::Passed(_))));
        failed == 0
    }
}
