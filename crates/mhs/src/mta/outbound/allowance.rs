//! What a destination is asked to bear: how many connections at once, and how many letters in a time.
//!
//! The values come from the route of the destination, or else from the operator's defaults. The scheduler stays below
//! them; how far below, it learns from what the destination answers.

use std::time::Duration;

use crate::limits::{OUTBOUND_ATTEMPTS_EACH, OUTBOUND_RATE_BURST_MAX};

/// The limits of one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteLimits {
    /// Transactions at once, each on a connection of its own; 1 at least.
    pub connections_max: usize,
    /// Letters in a time; `None` is as many as it takes.
    pub rate: Option<Rate>,
}

impl Default for SiteLimits {
    fn default() -> Self {
        Self { connections_max: OUTBOUND_ATTEMPTS_EACH, rate: None }
    }
}

/// So many letters in this time. A letter for several recipients of one destination counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many letters.
    pub letters: u32,
    /// In how long.
    pub per: Duration,
}

impl Rate {
    /// From one letter to the next, when they are spread evenly.
    pub fn interval(&self) -> Duration {
        self.per / self.letters.max(1)
    }

    /// Letters that may go one right after the other, when the destination has had rest: those of a tenth of the time.
    pub fn burst(&self) -> u32 {
        (self.letters / 10).clamp(1, OUTBOUND_RATE_BURST_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_spread_evenly() {
        let rate = |letters, seconds| Rate { letters, per: Duration::from_secs(seconds) };
        assert_eq!(rate(60, 60).interval(), Duration::from_secs(1));
        assert_eq!((rate(60, 60).burst(), rate(1, 60).burst()), (6, 1));
        assert_eq!((rate(0, 60).interval(), rate(0, 60).burst()), (Duration::from_secs(60), 1));
        assert_eq!(rate(u32::MAX, 60).burst(), OUTBOUND_RATE_BURST_MAX);
    }
}
