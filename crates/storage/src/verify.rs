//! Walks all of a store and compares every checksum: for `angelia`'s own check, and for an operator with a doubt.

use std::collections::HashMap;
use std::sync::Arc;

use crate::bodies::record::Bad;
use crate::bodies::{Bodies, Found, Scan, table};
use crate::housekeeping::blocking;
use crate::{Error, Store};

/// Rows read in one view.
const ROWS_AT_A_TIME: i64 = 200;

/// Complaints kept. A disk that is broken all over is described well enough by so many.
const COMPLAINTS_MAX: usize = 1000;

/// What was found.
#[derive(Debug, Default, Clone)]
pub struct Verdict {
    /// Bodies that rows name, read whole.
    pub bodies: u64,
    /// Their octets.
    pub octets: u64,
    /// Segments walked.
    pub segments: u64,
    /// Records that no row names: dead, or staged and never kept.
    pub orphans: u64,
    /// Segments that end in something unfinished: what a crash cut off, or what somebody is writing at this moment.
    pub torn: u64,
    /// Complaints, a sentence each; at most 1,000.
    pub damage: Vec<String>,
}

impl Verdict {
    /// Whether all is well.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    fn complain(&mut self, what: String) {
        if self.damage.len() < COMPLAINTS_MAX {
            self.damage.push(what);
        }
    }
}

impl Store {
    /// Reads everything: hours on a large store, beside its work.
    pub async fn verify(&self) -> Result<Verdict, Error> {
        let mut verdict = Verdict::default();
        for complaint in self.check_database().await? {
            verdict.complain(complaint);
        }
        let mut in_segments: HashMap<i64, u64> = HashMap::new();
        let mut last = i64::MIN;
        loop {
            let rows = self
                .read(move |query| {
                    query.query(
                        "SELECT body, segment, place, octets, stored, label, checksum FROM storage_body
                         WHERE body > $1 ORDER BY body LIMIT $2",
                        &[last.into(), ROWS_AT_A_TIME.into()],
                    )
                })
                .await?;
            let Some(row) = rows.last() else { break };
            last = row.int(0)?;
            for row in rows {
                match table::located(&row) {
                    Ok(at) => {
                        *in_segments.entry(at.segment).or_default() += 1;
                        self.check_body(row.body(0)?, &mut verdict).await?;
                    }
                    Err(error) => verdict.complain(error.to_string()),
                }
            }
        }
        self.check_segments(&in_segments, &mut verdict).await?;
        Ok(verdict)
    }

    async fn check_body(&self, body: crate::BodyId, verdict: &mut Verdict) -> Result<(), Error> {
        let opened = match self.open(body).await {
            Ok(opened) => opened,
            // It went while we walked.
            Err(Error::NoBody(_)) => return Ok(()),
            Err(Error::Damaged(why)) => {
                verdict.complain(why);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        verdict.bodies += 1;
        verdict.octets += opened.len();
        match opened.check().await {
            Ok(()) => Ok(()),
            Err(Error::Damaged(why)) => {
                verdict.complain(why);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn check_segments(&self, named: &HashMap<i64, u64>, verdict: &mut Verdict) -> Result<(), Error> {
        let Bodies::Segments(segments) = self.bodies() else { return Ok(()) };
        let all = Arc::clone(segments);
        let names = blocking(move || all.all()).await?;
        for name in names {
            let segments = Arc::clone(segments);
            let (records, torn, damage) = blocking(move || {
                let failed = |error: std::io::Error| Error::io("reading a segment", &error);
                let mut damage = Vec::new();
                let mut records = 0;
                let mut torn = 0;
                let file = segments.reader(name).map_err(failed)?;
                match Scan::new(&file).map_err(failed)? {
                    Ok(mut scan) => {
                        while let Some(found) = scan.next().map_err(failed)? {
                            match found {
                                Found::Record { .. } => records += 1,
                                // Rows that name something there have complained already.
                                Found::Damage { reaches_end: true, .. } => torn += 1,
                                Found::Damage { start, octets, bad, .. } => {
                                    damage.push(format!("segment {name:016x}: {octets} octets from {start} on: {bad}"));
                                }
                            }
                        }
                    }
                    Err(Bad::Short) => torn += 1,
                    Err(bad) => damage.push(format!("segment {name:016x}: {bad}")),
                }
                Ok((records, torn, damage))
            })
            .await?;
            verdict.segments += 1;
            verdict.torn += torn;
            verdict.orphans += u64::saturating_sub(records, named.get(&name).copied().unwrap_or(0));
            for complaint in damage {
                verdict.complain(complaint);
            }
        }
        Ok(())
    }

    /// What the engine itself has to say.
    async fn check_database(&self) -> Result<Vec<String>, Error> {
        if !self.is_embedded() {
            // PostgreSQL checks its pages as they are read, with its own checksums.
            return Ok(Vec::new());
        }
        // A table at a time, so that no view holds the log for as long as all of them take. `sqlite_schema` stands for
        // the list of free pages too.
        const TABLES: &str = "SELECT 'sqlite_schema' UNION ALL
            SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'";
        const CHECK: &str = "SELECT integrity_check FROM pragma_integrity_check($1)";
        let tables = self.read(|query| query.query(TABLES, &[])).await?;
        let mut complaints = Vec::new();
        for table in &tables {
            let table = table.text(0)?.to_owned();
            for line in self.read(move |query| query.query(CHECK, &[table.into()])).await? {
                match line.text(0)? {
                    "ok" => {}
                    complaint => complaints.push(format!("the database: {complaint}")),
                }
            }
        }
        Ok(complaints)
    }
}
