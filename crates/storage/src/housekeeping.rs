//! Gives space back: bodies that nothing names are forgotten after a grace, segments that are mostly dead are copied
//! forward and removed.
//!
//! One process at a time does it for a folder, under a lock file. Nothing of it stands in the way of a write for
//! longer than a few hundred rows take.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;

use crate::bodies::record::{Bad, Header};
use crate::bodies::table::{self, Standing};
use crate::bodies::{Bodies, Compactor, Found, Located, OBJECT, Objects, Scan, Segments, label, located_at, next_of};
use crate::ids::millis;
use crate::limits::BALLAST_AFTER;
use crate::{BodyId, Error, Query, Store, Transaction};

/// Rows changed in one transaction.
const ROWS_AT_A_TIME: i64 = 500;

/// Rows read in one view.
const ROWS_IN_ONE_VIEW: i64 = 10_000;

/// A sealed segment under a sixteenth of the full size is small …
const SMALL_SHARE: u64 = 16;

/// … and so many of them are brought together.
const SMALL_SEGMENTS_MAX: usize = 8;

/// What one pass did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Housekeeping {
    /// Another process was at it: nothing was done.
    pub elsewhere: bool,
    /// The bodies are not this database's: nothing was done. See [`Store::are_bodies_foreign`].
    pub foreign: bool,
    /// Bodies whose rows went.
    pub bodies_freed: u64,
    /// Objects removed that no row ever named.
    pub orphans_removed: u64,
    /// Bodies that were copied forward.
    pub bodies_moved: u64,
    /// Segments removed.
    pub segments_removed: u64,
    /// Segments that could not be looked at, or not to their end.
    pub failed: u64,
    /// Bodies that could not be copied because they are damaged; their segments stay.
    pub damaged: u64,
}

impl Store {
    /// One pass. A server's store does it by itself from time to time.
    pub async fn keep_house(&self) -> Result<Housekeeping, Error> {
        if !self.settle_epoch().await? {
            return Ok(Housekeeping { foreign: true, ..Housekeeping::default() });
        }
        match self.bodies().clone() {
            Bodies::Segments(segments) => self.keep_segments(segments).await,
            Bodies::Objects(objects) => self.keep_objects(&objects).await,
        }
    }

    /// Makes the ballast, when it was given up and there is room again.
    async fn keep_ballast(&self) {
        let Some(room) = self.room() else { return };
        let made = blocking(move || room.take_ballast().map_err(|error| Error::io("making the ballast", &error)));
        if let Err(error) = made.await {
            tracing::warn!(%error, "there is no ballast for a full disk");
        }
    }

    async fn keep_segments(&self, segments: Arc<Segments>) -> Result<Housekeeping, Error> {
        let folder = Arc::clone(&segments);
        let lock = blocking(move || {
            folder.forget_removed();
            folder.housekeeping_lock()
        })
        .await?;
        let Some(_lock) = lock else { return Ok(Housekeeping { elsewhere: true, ..Housekeeping::default() }) };
        let compactor = Some(Compactor::new(Arc::clone(&segments)));
        let mut keeper = Keeper { store: self, segments, compactor, named: None, done: Housekeeping::default() };
        let mut behind = Some((0, i64::MIN));
        while let Some(after) = behind {
            let some = self.free_some(after).await?;
            keeper.done.bodies_freed += some.bodies.len() as u64;
            keeper.done.damaged += some.damaged;
            behind = some.last;
        }
        let folder = Arc::clone(&keeper.segments);
        let (sealed, unreadable) = blocking(move || folder.sealed()).await?;
        keeper.done.failed += unreadable;
        let small_max = keeper.segments.roll_at() / SMALL_SHARE;
        // Each start of a program begins a segment of its own: those that stayed small are brought together.
        let gather = sealed.iter().filter(|(_, octets)| *octets < small_max).count() >= SMALL_SEGMENTS_MAX;
        for (name, octets) in sealed {
            if let Err(error) = keeper.keep_segment(name, gather && octets < small_max).await {
                keeper.store.bodies().check_sound()?;
                // What is wrong with one concerns no other.
                let segment = format!("{name:016x}");
                tracing::error!(%segment, %error, "a segment could not be looked after");
                keeper.done.failed += 1;
            }
        }
        Ok(keeper.done)
    }

    /// Objects go one by one. Several nodes may be at it: each row is forgotten by one of them only.
    async fn keep_objects(&self, objects: &Objects) -> Result<Housekeeping, Error> {
        let mut done = Housekeeping::default();
        let mut behind = Some((0, i64::MIN));
        while let Some(after) = behind {
            let some = self.free_some(after).await?;
            done.damaged += some.damaged;
            behind = some.last;
            for body in some.bodies {
                // What a crash leaves here is an orphan, and is swept below.
                objects.remove(body).await?;
                done.bodies_freed += 1;
            }
        }
        if !objects.should_list() {
            return Ok(done);
        }
        let mut list = objects.list();
        while let Some(listed) = next_of(&mut list).await {
            let Some(listed) = Objects::body_of(listed)? else { continue };
            if millis() - listed.put_at < self.grace_millis() {
                continue;
            }
            match self.read(move |query| table::locate(query, listed.body)).await {
                Ok(_) => {}
                Err(Error::NoBody(body)) if self.has_been_orphan(body).await? => {
                    objects.remove(body).await?;
                    done.orphans_removed += 1;
                    self.write(move |tx| tx.execute("DELETE FROM storage_orphan WHERE body = $1", &[body.into()]))
                        .await?;
                }
                Err(Error::NoBody(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let found = "DELETE FROM storage_orphan WHERE body IN (SELECT body FROM storage_body)";
        self.write(move |tx| tx.execute(found, &[])).await?;
        Ok(done)
    }

    /// Whether it is so long since this body was first seen without a row that it may go.
    async fn has_been_orphan(&self, body: BodyId) -> Result<bool, Error> {
        let now = millis();
        let noticed = self.write(move |tx| {
            let row = tx.query_one(
                "INSERT INTO storage_orphan (body, noticed_at) VALUES ($1, $2)
                 ON CONFLICT (body) DO UPDATE SET noticed_at = storage_orphan.noticed_at RETURNING noticed_at",
                &[body.into(), now.into()],
            )?;
            row.map_or(Ok(now), |row| row.int(0))
        });
        Ok(now - noticed.await?.0 >= self.orphan_grace_millis())
    }

    /// The segments in which some row says that a body lies. In pieces, so that the log is not held for long.
    async fn named_segments(&self) -> Result<HashSet<i64>, Error> {
        const NAMED: &str = "SELECT body, segment FROM storage_body WHERE body > $1 ORDER BY body LIMIT $2";
        let mut named = HashSet::new();
        let mut last = i64::MIN;
        loop {
            let rows = self.read(move |query| query.query(NAMED, &[last.into(), ROWS_IN_ONE_VIEW.into()])).await?;
            let Some(row) = rows.last() else { return Ok(named) };
            last = row.int(0)?;
            for row in &rows {
                named.insert(row.int(1)?);
            }
        }
    }

    /// Forgets some bodies that nothing has named for the grace.
    async fn free_some(&self, after: (i64, i64)) -> Result<Freed, Error> {
        let before = millis() - self.grace_millis();
        self.write(move |tx| free_some(tx, after, before)).await.map(|(freed, _)| freed)
    }
}

/// A pass over a folder of segments.
struct Keeper<'a> {
    store: &'a Store,
    segments: Arc<Segments>,
    /// Its segment takes in what lives in all the others of this pass. Lent to the blocking threads.
    compactor: Option<Compactor>,
    /// The segments that rows name, asked for when the first is to be removed.
    named: Option<HashSet<i64>>,
    done: Housekeeping,
}

impl Keeper<'_> {
    /// `gather` moves it even if it is alive.
    async fn keep_segment(&mut self, name: i64, gather: bool) -> Result<(), Error> {
        let known = self.store.read(move |query| segment_row(query, name)).await?;
        let state = match known {
            Some(state) => state,
            None => self.count(name).await?,
        };
        if state.condemned_at > 0 {
            return self.keep_condemned(name, &state).await;
        }
        if state.live.saturating_mul(2) >= state.octets && !gather {
            return Ok(());
        }
        let counted = self.count(name).await?;
        if counted.has_damage {
            tracing::warn!(segment = %format!("{name:016x}"), "a segment with damage stays as it is");
            return Ok(());
        }
        if counted.live == 0 && (counted.orphans == 0 || self.store.orphan_grace_millis() == 0) {
            return self.remove(name).await;
        }
        if self.move_forward(name).await? {
            self.condemn(name, millis()).await?;
        }
        Ok(())
    }

    async fn keep_condemned(&mut self, name: i64, state: &SegmentState) -> Result<(), Error> {
        if !self.is_over(state) {
            return Ok(());
        }
        // Asked once more from the rows themselves: a file is removed but once.
        let counted = self.count(name).await?;
        if counted.live > 0 {
            return self.condemn(name, 0).await;
        }
        if counted.has_damage || !self.is_over(&SegmentState { condemned_at: state.condemned_at, ..counted }) {
            return Ok(());
        }
        self.remove(name).await
    }

    /// Whether a condemned segment has waited for long enough: for whoever still reads what was moved, or for somebody
    /// to notice that the database knows nothing of what is there.
    fn is_over(&self, condemned: &SegmentState) -> bool {
        let wait = if condemned.orphans > 0 { self.store.orphan_grace_millis() } else { self.store.grace_millis() };
        millis() - condemned.condemned_at >= wait
    }

    async fn condemn(&self, name: i64, at: i64) -> Result<(), Error> {
        const CONDEMN: &str = "UPDATE storage_segment SET condemned_at = $2 WHERE segment = $1";
        self.store.write(move |tx| tx.execute(CONDEMN, &[name.into(), at.into()])).await.map(|_| ())
    }

    /// Counts what lives in a segment, and what nothing is known of, and notes it.
    async fn count(&self, name: i64) -> Result<SegmentState, Error> {
        let (records, octets, has_damage) = self.records(name).await?;
        let (living, orphans) = self.living(records).await?;
        let live: i64 = living.iter().map(|record| table::signed(record.at.record_octets())).sum();
        self.store
            .write(move |tx| {
                tx.execute(
                    "INSERT INTO storage_segment (segment, octets, live, condemned_at, orphans) VALUES ($1, $2, $3, 0, $4)
                     ON CONFLICT (segment) DO UPDATE SET octets = excluded.octets, live = excluded.live,
                     orphans = excluded.orphans",
                    &[name.into(), octets.into(), live.into(), orphans.into()],
                )
            })
            .await?;
        Ok(SegmentState { octets, live, orphans, condemned_at: 0, has_damage })
    }

    /// The records of a segment with their labels' places, its size, and whether some of it is damaged.
    async fn records(&self, name: i64) -> Result<(Vec<Record>, i64, bool), Error> {
        let segments = Arc::clone(&self.segments);
        blocking(move || {
            let failed = |error: std::io::Error| Error::io("reading a segment", &error);
            let file = segments.reader(name).map_err(failed)?;
            let octets = table::signed(file.metadata().map_err(failed)?.len());
            let mut records = Vec::new();
            let mut has_damage = false;
            let mut scan = match Scan::new(&file).map_err(failed)? {
                Ok(scan) => scan,
                Err(bad) => return Ok((records, octets, bad != Bad::Short)),
            };
            while let Some(found) = scan.next().map_err(failed)? {
                match found {
                    Found::Record { start, header } => {
                        records.push(Record { at: located_at(&header, name, start), start, header });
                    }
                    // The end of what a crash cut off is nobody's.
                    Found::Damage { reaches_end: true, .. } => {}
                    Found::Damage { .. } => has_damage = true,
                }
            }
            Ok((records, octets, has_damage))
        })
        .await
    }

    /// Those of the records that rows name, and the octets of those that nothing is known of.
    async fn living(&self, records: Vec<Record>) -> Result<(Vec<Record>, i64), Error> {
        self.store
            .read(move |query| {
                let mut living = Vec::new();
                let mut orphans = 0;
                for record in records {
                    match table::standing(query, &record.at)? {
                        Standing::Live => living.push(record),
                        Standing::Dead => {}
                        Standing::Orphan => orphans += table::signed(record.at.record_octets()),
                    }
                }
                Ok((living, orphans))
            })
            .await
    }

    /// Copies what lives. False when something could not be read: then the segment stays.
    async fn move_forward(&mut self, name: i64) -> Result<bool, Error> {
        let (records, ..) = self.records(name).await?;
        let mut records = self.living(records).await?.0.into_iter();
        let mut whole = true;
        loop {
            let segments = Arc::clone(&self.segments);
            // One that was lost to an error has sealed its segment; its copies are nobody's and are swept.
            let compactor = self.compactor.take();
            let mut compactor = compactor.unwrap_or_else(|| Compactor::new(Arc::clone(&self.segments)));
            let (back, rest, moves, damaged) = blocking(move || {
                let file = segments.reader(name).map_err(|error| Error::io("reading a segment", &error))?;
                let mut damaged = 0;
                while !compactor.is_full() {
                    let Some(record) = records.next() else { break };
                    damaged += u64::from(!copy(&mut compactor, &file, &record)?);
                }
                let moves = compactor.sync()?;
                Ok((compactor, records, moves, damaged))
            })
            .await?;
            (self.compactor, records) = (Some(back), rest);
            self.done.damaged += damaged;
            whole &= damaged == 0;
            if moves.is_empty() {
                return Ok(whole);
            }
            self.done.bodies_moved += moves.len() as u64;
            self.store
                .write(move |tx| moves.iter().try_for_each(|moved| table::moved(tx, &moved.from, &moved.to)))
                .await?;
        }
    }

    /// Removes a segment, unless a row says that something lies there: the scan may not have found it for damage.
    async fn remove(&mut self, name: i64) -> Result<(), Error> {
        let named = match self.named.take() {
            Some(named) => named,
            None => self.store.named_segments().await?,
        };
        let is_named = named.contains(&name);
        self.named = Some(named);
        if is_named {
            let segment = format!("{name:016x}");
            tracing::error!(%segment, "rows name bodies in a segment where none is found: it is damaged, and stays");
            self.done.damaged += 1;
            return Ok(());
        }
        let segments = Arc::clone(&self.segments);
        blocking(move || segments.remove(name)).await?;
        self.store
            .write(move |tx| {
                tx.execute("DELETE FROM storage_freed WHERE segment = $1", &[name.into()])?;
                tx.execute("DELETE FROM storage_segment WHERE segment = $1", &[name.into()])
            })
            .await?;
        self.done.segments_removed += 1;
        Ok(())
    }
}

struct Record {
    at: Located,
    start: u64,
    header: Header,
}

struct SegmentState {
    octets: i64,
    live: i64,
    /// Octets of records that nothing is known of.
    orphans: i64,
    condemned_at: i64,
    has_damage: bool,
}

fn segment_row(query: &dyn Query, name: i64) -> Result<Option<SegmentState>, Error> {
    let row = query.query_one(
        "SELECT octets, live, condemned_at, orphans FROM storage_segment WHERE segment = $1",
        &[name.into()],
    )?;
    row.map(|row| {
        let (octets, live, condemned_at) = (row.int(0)?, row.int(1)?, row.int(2)?);
        Ok(SegmentState { octets, live, orphans: row.int(3)?, condemned_at, has_damage: false })
    })
    .transpose()
}

/// What one transaction has forgotten.
#[derive(Default)]
struct Freed {
    bodies: Vec<BodyId>,
    /// Rows that say what cannot be, and stay.
    damaged: u64,
    /// Where the next begins: since when the last one was dead, and its name.
    last: Option<(i64, i64)>,
}

fn free_some(tx: &dyn Transaction, after: (i64, i64), before: i64) -> Result<Freed, Error> {
    let dead = tx.query(
        "SELECT body, segment, place, octets, stored, label, checksum, dead_since FROM storage_body
         WHERE dead_since > 0 AND dead_since <= $1 AND (dead_since > $3 OR dead_since = $3 AND body > $4)
         ORDER BY dead_since, body LIMIT $2",
        &[before.into(), ROWS_AT_A_TIME.into(), after.0.into(), after.1.into()],
    )?;
    let mut freed = Freed::default();
    if let Some(last) = dead.last() {
        freed.last = Some((last.int(7)?, last.int(0)?));
    }
    let mut octets: HashMap<i64, i64> = HashMap::new();
    for row in &dead {
        let at = match table::located(row) {
            Ok(at) => at,
            Err(error) => {
                tracing::error!(%error, "a dead body's row is damaged, and stays");
                freed.damaged += 1;
                continue;
            }
        };
        let gone = tx.execute(
            "DELETE FROM storage_body WHERE body = $1 AND refs = 0 AND dead_since > 0 AND dead_since <= $2",
            &[at.body.into(), before.into()],
        )?;
        if gone > 0 {
            freed.bodies.push(at.body);
            if at.segment != OBJECT {
                table::freed(tx, &at)?;
            }
            *octets.entry(at.segment).or_default() += table::signed(at.record_octets());
        }
    }
    for (segment, octets) in octets {
        tx.execute("UPDATE storage_segment SET live = live - $2 WHERE segment = $1", &[segment.into(), octets.into()])?;
    }
    Ok(freed)
}

/// False when the record is damaged.
fn copy(compactor: &mut Compactor, file: &File, record: &Record) -> Result<bool, Error> {
    let label = label(file, record.start, &record.header).map_err(|error| Error::io("reading a segment", &error))?;
    let Ok(label) = label else { return Ok(false) };
    match compactor.copy(record.at, record.header.made_at, &label) {
        Ok(()) => Ok(true),
        Err(Error::Damaged(why)) => {
            tracing::error!(%why, "a body is damaged");
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Bug(format!("a blocking task: {error}")))?
}

/// Keeps house again and again until the store is closed.
pub(crate) fn start(store: &Store, every: std::time::Duration) {
    let weak = store.downgrade();
    let mut pause = every.min(BALLAST_AFTER);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(pause).await;
            let Some(store) = weak.upgrade() else { return };
            store.keep_ballast().await;
            if std::mem::replace(&mut pause, every) != every {
                continue;
            }
            match store.keep_house().await {
                Ok(done) => tracing::debug!(?done, "the store kept house"),
                Err(error) => tracing::warn!(%error, "the store could not keep house"),
            }
        }
    });
}
