//! Figures out of many: medians, and what a share of them stays below.

use std::time::Duration;

/// The middle one; none of none.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

/// What this share of the times, which stand in order, stays below: 0.99 of them, or half.
pub(crate) fn share_of(sorted: &[Duration], share: f64) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share) as usize).copied().unwrap_or_default()
}
