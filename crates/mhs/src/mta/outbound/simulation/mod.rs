//! Mail out under virtual time: the real queue on a real store, the real scheduler, trouble table and decisions, against an
//! Internet that is slow, hangs, greylists, refuses, dies amid a letter, is full, counts connections and letters, answers
//! each recipient for itself, has no names, comes and goes; and a machine of our own that is killed and whose clock jumps.
//!
//! One thread, one list of events, one seed: a run is the same each time. A fixed list of seeds is always run.
//! `ANGELIA_SIMULATION_RUNS=300 cargo nextest run -p mhs -E 'test(simulation_of_trouble)'` runs as many fresh ones by hand. What fails
//! prints its seed: `ANGELIA_SEED=…` runs that again; it then belongs into the list, in [`runs`].
//!
//! - [`net`]: the servers. [`post`]: what was accepted, and what must have become of it. [`office`]: our side, with its [`node`]s.
//!   [`deeds`]: the operator.
//! - [`runs`]: the tests, with what they promise.

mod deeds;
mod net;
mod node;
mod office;
mod post;
mod runs;
mod settle;

use std::cell::Cell;
use std::time::{Duration, Instant};

use envelope::Timestamp;

use super::book::Now;

thread_local! {
    static BEGIN: Instant = Instant::now();
    static CLOCK: Cell<(i64, i64)> = const { Cell::new((0, 0)) };
}

/// The wall clock at the beginning of every run.
const EPOCH: i64 = 1_800_000_000_000;

/// Sets the clock: milliseconds since the beginning, and how much the wall clock is wrong.
fn set_clock(at: i64, skew: i64) {
    CLOCK.set((at, skew));
}

/// The present of this thread's run.
fn virtual_now() -> Now {
    let (at, skew) = CLOCK.get();
    let instant = BEGIN.with(|begin| *begin) + Duration::from_millis(at.unsigned_abs());
    Now { instant, wall: Timestamp(EPOCH + at + skew) }
}

/// splitmix64.
#[derive(Debug, Clone)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`.
    fn below(&mut self, end: i64) -> i64 {
        (self.next() % end.max(1).unsigned_abs()) as i64
    }

    fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below(to - from + 1)
    }

    /// Once in so many times.
    fn once_in(&mut self, times: i64) -> bool {
        self.below(times) == 0
    }

    fn id(&mut self) -> envelope::MailId {
        let (a, b) = (self.next().to_be_bytes(), self.next().to_be_bytes());
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&a);
        bytes[8..].copy_from_slice(&b);
        envelope::MailId::from_bytes(bytes)
    }
}
