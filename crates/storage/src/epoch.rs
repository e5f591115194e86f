//! Whose bodies these are: a number that stands in the database and beside the bodies.
//!
//! A database that is new beside old bodies, or is another's, knows none of them: to its housekeeping they would all be
//! rubbish. Nothing is removed or copied until the numbers agree, which only an operator can bring about.

use crate::bodies::Bodies;
use crate::housekeeping::blocking;
use crate::ids::random;
use crate::{Error, Query, Store};

const READ: &str = "SELECT epoch, older FROM storage_epoch WHERE one = 1";

/// The database's side.
#[derive(Clone, Copy)]
struct Row {
    epoch: i64,
    /// It had bodies before there was such a number, and may put its own beside them once.
    older: bool,
}

impl Store {
    /// Whether the bodies on disk are another database's, or are older than this one: then nothing of them is ever
    /// removed. So it is after the database was lost. Salvage them first, then [`Store::adopt_bodies`].
    pub async fn are_bodies_foreign(&self) -> Result<bool, Error> {
        let row = self.row().await?;
        Ok(self.bodies().epoch().await? != Some(row.epoch))
    }

    /// Says that the bodies on disk belong to this database from now on: they have been salvaged, or whoever asks
    /// wants to forget those that were not. What no row names is removed after
    /// [`Options::orphan_grace`](crate::Options::orphan_grace).
    pub async fn adopt_bodies(&self) -> Result<(), Error> {
        let row = self.row().await?;
        self.adopt(row).await
    }

    /// Brings the two sides together where that needs nobody's word. False when they are not.
    pub(crate) async fn settle_epoch(&self) -> Result<bool, Error> {
        let row = self.row().await?;
        let beside = self.bodies().epoch().await?;
        if beside == Some(row.epoch) {
            return Ok(true);
        }
        if (beside.is_none() && row.older) || self.bodies().are_none().await? {
            self.adopt(row).await?;
            return Ok(true);
        }
        // Another process may have been the first in the meantime, and have put bodies there already.
        if self.bodies().epoch().await? == Some(row.epoch) {
            return Ok(true);
        }
        tracing::error!(
            "the bodies on disk are not this database's: it is new, or another's. Nothing of them will be removed. \
             Rebuild the database from them, or put the right one back"
        );
        Ok(false)
    }

    async fn adopt(&self, row: Row) -> Result<(), Error> {
        self.bodies().set_epoch(row.epoch).await?;
        if row.older {
            self.write(|tx| tx.execute("UPDATE storage_epoch SET older = 0 WHERE one = 1", &[])).await?;
        }
        Ok(())
    }

    /// Reads the database's number; a database that has none draws one.
    async fn row(&self) -> Result<Row, Error> {
        if let Some(row) = self.read(|query| read(query)).await? {
            return Ok(row);
        }
        let drawn = random().cast_signed();
        let (row, _) = self
            .write(move |tx| {
                let older = tx.query_one("SELECT body FROM storage_body LIMIT 1", &[])?.is_some();
                tx.execute(
                    "INSERT INTO storage_epoch (one, epoch, older) VALUES (1, $1, $2) ON CONFLICT (one) DO NOTHING",
                    &[drawn.into(), i64::from(older).into()],
                )?;
                read(tx)
            })
            .await?;
        row.ok_or_else(|| Error::Damaged("the database's own number is gone".to_owned()))
    }
}

fn read<Q: Query + ?Sized>(query: &Q) -> Result<Option<Row>, Error> {
    let row = query.query_one(READ, &[])?;
    row.map(|row| Ok(Row { epoch: row.int(0)?, older: row.int(1)? != 0 })).transpose()
}

impl Bodies {
    async fn epoch(&self) -> Result<Option<i64>, Error> {
        match self {
            Self::Segments(segments) => {
                let segments = segments.clone();
                blocking(move || segments.epoch()).await
            }
            Self::Objects(objects) => objects.epoch().await,
        }
    }

    async fn set_epoch(&self, epoch: i64) -> Result<(), Error> {
        match self {
            Self::Segments(segments) => {
                let segments = segments.clone();
                blocking(move || segments.set_epoch(epoch)).await
            }
            Self::Objects(objects) => objects.set_epoch(epoch).await,
        }
    }

    /// Whether there is no body at all.
    async fn are_none(&self) -> Result<bool, Error> {
        match self {
            Self::Segments(segments) => {
                let segments = segments.clone();
                blocking(move || Ok(segments.all()?.is_empty())).await
            }
            Self::Objects(objects) => objects.are_none().await,
        }
    }
}

/// The number as it stands beside the bodies.
pub(crate) fn text(epoch: i64) -> String {
    format!("{:016x}\n", epoch.cast_unsigned())
}

/// Reads it again. What a crash or a hand made of it is none.
pub(crate) fn parse(bytes: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(bytes).ok()?.trim_end();
    if text.len() == 16 { u64::from_str_radix(text, 16).ok().map(u64::cast_signed) } else { None }
}
