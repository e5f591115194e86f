//! What a closure sees of an engine: plain, synchronous SQL.

use crate::bodies::table;
use crate::{BodyId, Error, StagedBody};

/// A parameter or a column. BIGINT, TEXT, BYTEA or NULL, on either engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BIGINT.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BYTEA.
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<BodyId> for Value {
    fn from(value: BodyId) -> Self {
        Self::Int(value.0)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Blob(value)
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// One row of an answer. Getters name the column's place from 0; a wrong type or place is [`Error::Row`].
#[derive(Debug, Clone)]
pub struct Row {
    columns: Vec<Value>,
}

impl Row {
    /// For engines.
    pub(crate) fn new(columns: Vec<Value>) -> Self {
        Self { columns }
    }

    /// For engines: the columns, to be filled again.
    pub(crate) fn columns_mut(&mut self) -> &mut Vec<Value> {
        &mut self.columns
    }

    fn get(&self, column: usize) -> &Value {
        self.columns.get(column).unwrap_or(&Value::Null)
    }

    /// BIGINT NOT NULL.
    pub fn int(&self, column: usize) -> Result<i64, Error> {
        self.maybe_int(column)?.ok_or(Error::Row { column, wanted: "BIGINT" })
    }

    /// BIGINT, or NULL.
    pub fn maybe_int(&self, column: usize) -> Result<Option<i64>, Error> {
        match self.get(column) {
            Value::Int(value) => Ok(Some(*value)),
            Value::Null => Ok(None),
            _ => Err(Error::Row { column, wanted: "BIGINT" }),
        }
    }

    /// TEXT NOT NULL.
    pub fn text(&self, column: usize) -> Result<&str, Error> {
        self.maybe_text(column)?.ok_or(Error::Row { column, wanted: "TEXT" })
    }

    /// TEXT, or NULL.
    pub fn maybe_text(&self, column: usize) -> Result<Option<&str>, Error> {
        match self.get(column) {
            Value::Text(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            _ => Err(Error::Row { column, wanted: "TEXT" }),
        }
    }

    /// BYTEA NOT NULL.
    pub fn blob(&self, column: usize) -> Result<&[u8], Error> {
        self.maybe_blob(column)?.ok_or(Error::Row { column, wanted: "BYTEA" })
    }

    /// BYTEA, or NULL.
    pub fn maybe_blob(&self, column: usize) -> Result<Option<&[u8]>, Error> {
        match self.get(column) {
            Value::Blob(value) => Ok(Some(value)),
            Value::Null => Ok(None),
            _ => Err(Error::Row { column, wanted: "BYTEA" }),
        }
    }

    /// A body's name, stored as BIGINT.
    pub fn body(&self, column: usize) -> Result<BodyId, Error> {
        self.int(column).map(BodyId)
    }
}

/// Reading. Statements are prepared once and cached by their text, so texts are constants.
pub trait Query {
    /// Row after row, for long answers; `each` answers false to stop. It may ask and write in between: the answer stays
    /// that of the moment of asking. (In a [`Transaction`] that is bought by holding all rows: ask for bounded ones.)
    fn query_each(
        &self,
        sql: &'static str,
        parameters: &[Value],
        each: &mut dyn FnMut(&Row) -> Result<bool, Error>,
    ) -> Result<(), Error>;

    /// All rows.
    fn query(&self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        self.query_each(sql, parameters, &mut |row| {
            rows.push(row.clone());
            Ok(true)
        })?;
        Ok(rows)
    }

    /// The first row, if any.
    fn query_one(&self, sql: &'static str, parameters: &[Value]) -> Result<Option<Row>, Error> {
        let mut first = None;
        self.query_each(sql, parameters, &mut |row| {
            first = Some(row.clone());
            Ok(false)
        })?;
        Ok(first)
    }
}

/// Writing: everything in one closure happens, or nothing.
pub trait Transaction: Query {
    /// Rows touched. A text with RETURNING goes through [`Query::query`] instead.
    fn execute(&self, sql: &'static str, parameters: &[Value]) -> Result<u64, Error>;

    /// Names a staged body, `references` times (once for each row that will hold the id).
    fn keep(&self, staged: &StagedBody, references: u32) -> Result<BodyId, Error> {
        table::keep(self, staged, references)
    }

    /// The same for a transaction that may be asked for twice, since the answer to its COMMIT may be lost. `None` when the
    /// body has been named before, though perhaps nothing names it any more: the transaction was committed.
    fn keep_first(&self, staged: &StagedBody, references: u32) -> Result<Option<BodyId>, Error> {
        table::keep_first(self, staged, references)
    }

    /// One more row names it.
    fn add_reference(&self, body: BodyId) -> Result<(), Error> {
        table::add_reference(self, body)
    }

    /// One row less names it; the last one frees its space after a grace.
    fn drop_reference(&self, body: BodyId) -> Result<(), Error> {
        table::drop_reference(self, body)
    }
}
