//! What is done to many recipients at once: `queue retry|hold|release|drop`. Said is how many it were, and what was left
//! alone and why; the first few are named, or all of them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;
use envelope::Reply;
use mhs::bounce::{GivenBack, give_back};
use net::Shutdown;
use queue::{Deed, Filter, Listed, Next, Order, Place, Suspension, Touch};

use super::which::Bulk;
use super::{Diary, suspension, wall_clock};
use crate::cli::output::{self, count};
use crate::wiring::{Ground, transfer};

/// Recipients that are named without --verbose.
const NAMED: u64 = 5;

/// Suspensions that are named.
const SUSPENSIONS_NAMED: usize = 5;

/// `queue retry`.
pub(super) async fn retry(bulk: Bulk, config: Option<&Path>) -> anyhow::Result<()> {
    let tally = act("retry", Deed::Retry, bulk, config).await?;
    tally.left_alone();
    tally.taken_back();
    if tally.suspended > 0 {
        crate::shown::tell!("{} suspended, to be tried when that ends:", recipients(tally.suspended));
        for suspension in tally.suspensions.values().take(SUSPENSIONS_NAMED) {
            crate::shown::tell!("  {}", suspension_words(suspension));
        }
    }
    if tally.held > 0 {
        crate::shown::tell!("{} held: not tried before `angelia queue release`", recipients(tally.held));
    }
    let tried = tally.done - tally.suspended;
    if tried == 0 && tally.active + tally.taken_back == 0 {
        bail!("nothing else is meant by that, so nothing is tried now");
    }
    if tried > 0 {
        crate::shown::tell!("{} to be tried now", recipients(tried));
    }
    Ok(())
}

/// `queue hold`.
pub(super) async fn hold(bulk: Bulk, why: Option<String>, config: Option<&Path>) -> anyhow::Result<()> {
    let tally = act("hold", Deed::Hold(why), bulk, config).await?;
    if tally.done + tally.wished == 0 {
        bail!("{} held already", recipients(tally.held));
    }
    tally.wished("held");
    tally.tell_done("held");
    Ok(())
}

/// `queue release`.
pub(super) async fn release(bulk: Bulk, config: Option<&Path>) -> anyhow::Result<()> {
    let tally = act("release", Deed::Release, bulk, config).await?;
    if tally.done + tally.taken_back == 0 {
        bail!("nothing of that is held (see `angelia queue list --held`)");
    }
    tally.taken_back();
    tally.tell_done("released, to be tried now");
    Ok(())
}

/// `queue drop`.
pub(super) async fn drop(bulk: Bulk, yes: bool, config: Option<&Path>) -> anyhow::Result<()> {
    confirm(&bulk, "Drop", "without a word to the sender", yes, config).await?;
    let tally = act("drop", Deed::Drop, bulk, config).await?;
    tally.wished("dropped");
    tally.tell_done("dropped");
    Ok(())
}

/// `queue drop --bounce`.
pub(super) async fn bounce(bulk: Bulk, why: Option<&str>, yes: bool, config: Option<&Path>) -> anyhow::Result<()> {
    confirm(&bulk, "Give back", "and tell each sender that delivery has failed", yes, config).await?;
    let (settings, ground) = (crate::cli::settings(config)?, crate::cli::ground(config).await?);
    let mut tally = Tally::new("bounce", bulk.verbose);
    let filter = bulk.selection.filter(wall_clock())?;
    let diary = Diary::open(&ground, config)?;
    let context = transfer(&settings, &ground, None, diary.journal(), Shutdown::new());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let reply = GivenBack::reply(&format!("given back by the operator of {}{why}", settings.hostname));
    let done = give_all_back(&context, filter, &reply, &mut tally, &diary).await;
    diary.close().await;
    done?;
    tally.end()?;
    tally.left_alone();
    if tally.active > 0 {
        crate::shown::tell!(
            "(`angelia queue hold` keeps what that attempt does not deliver; then it can be given back)"
        );
    }
    if tally.done == 0 {
        bail!("nothing was given back");
    }
    crate::shown::tell!("{} given back", recipients(tally.done));
    if tally.to_postmaster > 0 {
        crate::shown::tell!(
            "{} told to the postmaster, since there is no such sender here",
            recipients(tally.to_postmaster)
        );
    }
    if tally.untold > 0 {
        crate::shown::tell!(
            "{} told to nobody: no sender, one who does not want to hear, or more of unknown senders than \
             the postmaster is told of (the journal has them)",
            recipients(tally.untold)
        );
    }
    Ok(())
}

async fn give_all_back(
    context: &mhs::Context,
    filter: Filter,
    reply: &Reply,
    tally: &mut Tally,
    diary: &Diary,
) -> anyhow::Result<()> {
    let (now, mut after) = (wall_clock(), Some(Place::start()));
    while let Some(from) = after {
        let (rows, next) = context.queue.page(filter.clone(), now, from).await?;
        for letter in rows.chunk_by(|one, other| one.mail.id == other.mail.id) {
            let (active, idle): (Vec<Listed>, Vec<Listed>) = letter.iter().cloned().partition(|row| row.is_active(now));
            let became = give_back(context, &idle, reply).await?;
            let touch = if became == GivenBack::NotNow { Touch::Nothing } else { Touch::Done };
            match became {
                GivenBack::ToPostmaster => tally.to_postmaster += idle.len() as u64,
                GivenBack::Untold => tally.untold += idle.len() as u64,
                GivenBack::ToSender | GivenBack::NotNow => {}
            }
            idle.iter().for_each(|row| tally.count(row, touch, diary));
            active.iter().for_each(|row| tally.count(row, Touch::Nothing, diary));
            // Claimed since it was looked at.
            tally.active += if touch == Touch::Done { 0 } else { idle.len() as u64 };
        }
        after = next;
    }
    context.queue.wake();
    Ok(())
}

/// Asks, with the numbers; without a terminal the answer is no.
async fn confirm(bulk: &Bulk, what: &str, how: &str, yes: bool, config: Option<&Path>) -> anyhow::Result<()> {
    let now = wall_clock();
    let filter = bulk.selection.clone().filter(now)?;
    if yes {
        return Ok(());
    }
    let totals = crate::cli::ground(config).await?.queue.look(filter, Order::Next, 0, now).await?.totals;
    if totals.recipients == 0 {
        return nothing();
    }
    let letters = count(totals.letters, "letter");
    let question = format!("{what} {} of {letters}, {how}?", count(totals.recipients, "recipient"));
    if !crate::cli::records::confirmed(&question)? {
        bail!("nothing was done: {} meant (say --yes to go on without being asked)", recipients(totals.recipients));
    }
    Ok(())
}

async fn act(action: &'static str, deed: Deed, bulk: Bulk, config: Option<&Path>) -> anyhow::Result<Tally> {
    let now = wall_clock();
    let filter: Filter = bulk.selection.filter(now)?;
    let ground: Ground = crate::cli::ground(config).await?;
    let diary = Diary::open(&ground, config)?;
    let mut tally = Tally::new(action, bulk.verbose);
    let done = ground.queue.act(deed, filter, now, |row, touch| tally.count(&row, touch, &diary)).await;
    diary.close().await;
    done?;
    tally.end()?;
    Ok(tally)
}

/// What came of it. Numbers count recipients.
#[derive(Debug, Default)]
struct Tally {
    action: &'static str,
    verbose: bool,
    /// It was done.
    done: u64,
    /// Of these: behind a suspension.
    suspended: u64,
    /// Of these: given back to the postmaster, and to nobody.
    to_postmaster: u64,
    untold: u64,
    /// In work: it is done when they were not delivered.
    wished: u64,
    /// In work, and no longer to be held or dropped.
    taken_back: u64,
    /// Of these three: those that have been named, or counted as not named.
    told: u64,
    /// Left alone: in work.
    active: u64,
    /// Left alone: held.
    held: u64,
    /// Meant, whatever was done.
    meant: u64,
    suspensions: BTreeMap<String, Suspension>,
    failure: Option<anyhow::Error>,
}

impl Tally {
    fn new(action: &'static str, verbose: bool) -> Self {
        Self { action, verbose, ..Self::default() }
    }

    fn count(&mut self, row: &Listed, touch: Touch, diary: &Diary) {
        self.meant += 1;
        match (&row.next, touch) {
            (_, Touch::Wished) => self.wished += 1,
            (_, Touch::TakenBack) => self.taken_back += 1,
            (Next::Active { .. }, Touch::Nothing) => self.active += 1,
            (Next::Held { .. }, Touch::Nothing) => self.held += 1,
            (Next::Suspended(suspension), Touch::Done) => {
                self.suspended += 1;
                if self.suspensions.len() < SUSPENSIONS_NAMED {
                    self.suspensions.entry(suspend_key(suspension)).or_insert_with(|| suspension.clone());
                }
            }
            _ => {}
        }
        let action = match touch {
            Touch::Nothing => return,
            Touch::Done => self.action.to_owned(),
            Touch::Wished => format!("{} if not delivered", self.action),
            Touch::TakenBack => format!("{} (no hold, no drop)", self.action),
        };
        self.done += u64::from(touch == Touch::Done);
        self.told += 1;
        diary.note(&action, Some((row.mail.id, &row.address)));
        if self.verbose || self.told <= NAMED {
            let line = format!("{} {}\n", row.mail.id, output::clean(&row.address.to_string()));
            if let Err(error) = output::print(&line) {
                self.failure = Some(error);
            }
        }
    }

    /// A selection that meets nothing is a failure: a script wants to know.
    fn end(&mut self) -> anyhow::Result<()> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        if self.meant == 0 {
            return nothing();
        }
        if self.told > NAMED && !self.verbose {
            crate::shown::tell!("… and {} more (--verbose names them all)", self.told - NAMED);
        }
        Ok(())
    }

    fn left_alone(&self) {
        if self.active > 0 {
            crate::shown::tell!("{} being sent just now: left alone", recipients(self.active));
        }
    }

    /// `held` or `dropped`.
    fn wished(&self, what: &str) {
        match self.wished {
            0 => {}
            1 => crate::shown::tell!("1 recipient is being sent just now; if it is not delivered, it is {what} then"),
            some => {
                crate::shown::tell!("{} being sent just now; what is not delivered is {what} then", recipients(some));
            }
        }
    }

    fn taken_back(&self) {
        if self.taken_back > 0 {
            let are = recipients(self.taken_back);
            crate::shown::tell!("{are} being sent just now, and no longer to be held or dropped after that");
        }
    }

    fn tell_done(&self, what: &str) {
        if self.done > 0 {
            crate::shown::tell!("{} {what}", recipients(self.done));
        }
    }
}

fn suspend_key(suspension: &Suspension) -> String {
    format!("{:?}", suspension.scope)
}

fn suspension_words(of: &Suspension) -> String {
    output::clean(&suspension(of, wall_clock()))
}

fn nothing() -> anyhow::Result<()> {
    bail!("nothing in the queue is meant by that (see `angelia queue list`)")
}

/// `1 recipient is`, `3 recipients are`.
fn recipients(number: u64) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", count(number, "recipient"))
}
