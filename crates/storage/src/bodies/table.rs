//! Which body lies where: the rows of `storage_body`, on either engine.

use super::{Located, StagedBody};
use crate::ids::millis;
use crate::{BodyId, Error, Query, Row, Transaction};

const KEEP: &str = "
    INSERT INTO storage_body (body, segment, place, octets, stored, label, checksum, refs, dead_since)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)
    ON CONFLICT (body) DO UPDATE SET refs = storage_body.refs + excluded.refs, dead_since = 0
    WHERE storage_body.checksum = excluded.checksum AND storage_body.octets = excluded.octets";

const KEEP_FIRST: &str = "
    INSERT INTO storage_body (body, segment, place, octets, stored, label, checksum, refs, dead_since)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0) ON CONFLICT (body) DO NOTHING";

const ADD: &str = "UPDATE storage_body SET refs = refs + 1, dead_since = 0 WHERE body = $1";

const DROP: &str = "
    UPDATE storage_body SET refs = refs - 1, dead_since = CASE WHEN refs = 1 THEN $2 ELSE dead_since END
    WHERE body = $1 AND refs > 0";

const LOCATE: &str = "SELECT body, segment, place, octets, stored, label, checksum FROM storage_body WHERE body = $1";

const MOVE: &str = "
    UPDATE storage_body SET segment = $4, place = $5, stored = $6, checksum = $7
    WHERE body = $1 AND segment = $2 AND place = $3";

/// Names a staged body. Naming it again adds references.
pub(crate) fn keep<T: Transaction + ?Sized>(tx: &T, staged: &StagedBody, references: u32) -> Result<BodyId, Error> {
    if insert(tx, KEEP, staged, references)? { Ok(staged.id()) } else { Err(taken(staged.id())) }
}

/// Names a staged body that has no name yet. `None` when it has one, or had one: its row outlives its last name by the
/// grace, and nobody may name a staged body later than that.
pub(crate) fn keep_first<T: Transaction + ?Sized>(
    tx: &T,
    staged: &StagedBody,
    references: u32,
) -> Result<Option<BodyId>, Error> {
    if insert(tx, KEEP_FIRST, staged, references)? {
        return Ok(Some(staged.id()));
    }
    const SQL: &str = "SELECT octets FROM storage_body WHERE body = $1";
    let row = tx.query_one(SQL, &[staged.id().into()])?;
    let is_this = row.is_some_and(|row| row.int(0).is_ok_and(|octets| octets == signed(staged.len())));
    if is_this { Ok(None) } else { Err(taken(staged.id())) }
}

fn taken(body: BodyId) -> Error {
    Error::Constraint(format!("another body has the name {}", body.0))
}

fn insert<T: Transaction + ?Sized>(
    tx: &T,
    sql: &'static str,
    staged: &StagedBody,
    references: u32,
) -> Result<bool, Error> {
    staged.check_age()?;
    if references == 0 {
        return Err(Error::Bug("a body is kept for no row".to_owned()));
    }
    let at = staged.located();
    let parameters = [
        at.body.into(),
        at.segment.into(),
        signed(at.place).into(),
        signed(at.octets).into(),
        signed(at.stored).into(),
        i64::from(at.label).into(),
        i64::from(at.checksum).into(),
        i64::from(references).into(),
    ];
    Ok(tx.execute(sql, &parameters)? > 0)
}

/// One more row names it.
pub(crate) fn add_reference<T: Transaction + ?Sized>(tx: &T, body: BodyId) -> Result<(), Error> {
    some(tx.execute(ADD, &[body.into()])?, body)
}

/// One row less names it.
pub(crate) fn drop_reference<T: Transaction + ?Sized>(tx: &T, body: BodyId) -> Result<(), Error> {
    some(tx.execute(DROP, &[body.into(), millis().into()])?, body)
}

fn some(touched: u64, body: BodyId) -> Result<(), Error> {
    if touched == 0 { Err(Error::NoBody(body)) } else { Ok(()) }
}

/// Where it lies.
pub(crate) fn locate(query: &dyn Query, body: BodyId) -> Result<Located, Error> {
    match query.query_one(LOCATE, &[body.into()])? {
        Some(row) => located(&row),
        None => Err(Error::NoBody(body)),
    }
}

/// Notes where compaction has put it. A body that lies elsewhere by now is left alone.
pub(crate) fn moved<T: Transaction + ?Sized>(tx: &T, from: &Located, to: &Located) -> Result<(), Error> {
    let touched = tx.execute(
        MOVE,
        &[
            from.body.into(),
            from.segment.into(),
            signed(from.place).into(),
            to.segment.into(),
            signed(to.place).into(),
            signed(to.stored).into(),
            i64::from(to.checksum).into(),
        ],
    )?;
    freed(tx, if touched == 0 { to } else { from })
}

/// Notes that the record there is dead: one of which nothing is known may yet be somebody's.
pub(crate) fn freed<T: Transaction + ?Sized>(tx: &T, at: &Located) -> Result<(), Error> {
    const FREED: &str = "INSERT INTO storage_freed (segment, body) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    tx.execute(FREED, &[at.segment.into(), at.body.into()]).map(|_| ())
}

/// What the rows say of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// A row says that the body lies here.
    Live,
    /// It was freed, or copied elsewhere.
    Dead,
    /// Nothing: never kept, or kept after this database was copied.
    Orphan,
}

/// What the rows say of the record there.
pub(crate) fn standing(query: &dyn Query, at: &Located) -> Result<Standing, Error> {
    match locate(query, at.body) {
        Ok(row) if row == *at => return Ok(Standing::Live),
        Ok(_) | Err(Error::NoBody(_)) => {}
        Err(error) => return Err(error),
    }
    const IS_FREED: &str = "SELECT body FROM storage_freed WHERE segment = $1 AND body = $2";
    let is_freed = query.query_one(IS_FREED, &[at.segment.into(), at.body.into()])?.is_some();
    Ok(if is_freed { Standing::Dead } else { Standing::Orphan })
}

/// A row of body, segment, place, octets, stored, label, checksum.
pub(crate) fn located(row: &Row) -> Result<Located, Error> {
    let body = row.body(0)?;
    let damaged = || Error::Damaged(format!("the row of body {}", body.0));
    let size = |column| u64::try_from(row.int(column)?).map_err(|_| damaged());
    let small = |column| u32::try_from(row.int(column)?).map_err(|_| damaged());
    Ok(Located {
        body,
        segment: row.int(1)?,
        place: size(2)?,
        octets: size(3)?,
        stored: size(4)?,
        label: small(5)?,
        checksum: small(6)?,
    })
}

/// A size as BIGINT. Sizes stay far under 2^63: a file could not hold them.
pub(crate) fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
