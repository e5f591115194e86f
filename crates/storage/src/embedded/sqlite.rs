//! One SQLite connection as a [`Query`], and a transaction on it as a [`Transaction`].

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags};

use crate::limits::{
    BUSY_WAIT, CHECKPOINT_WAIT, LOG_OCTETS_CHECKPOINT, PAGE_CACHE_READER_KIB, PAGE_CACHE_WRITER_KIB, STATEMENTS_MAX,
};
use crate::migrations::Migrate;
use crate::{Error, Query, Row, Transaction, Value, failpoint};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Writer,
    Reader,
    /// Moves the log into the database, and waits for nobody for long: the writer stands behind it.
    Checkpoints,
}

/// Why nothing is accepted any more, once it is so: what the disk holds of the database is unknown, and another sync
/// might answer success without the pages that the first one lost.
#[derive(Default)]
pub(crate) struct Failure(OnceLock<String>);

impl Failure {
    /// The reason, if there is one.
    pub(crate) fn why(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// Notes it; the first reason stays.
    pub(crate) fn set(&self, doing: &str, error: &dyn std::fmt::Display) -> String {
        let why = self.0.get_or_init(|| format!("{doing}: {error}; nothing is accepted until a restart"));
        tracing::error!(%why, "the store stops accepting");
        why.clone()
    }
}

/// A connection with its texts.
pub(crate) struct Sqlite {
    connection: Connection,
    failure: Arc<Failure>,
    /// The caller's texts, by their address, as SQLite wants them.
    texts: RefCell<HashMap<(usize, usize), Arc<str>>>,
}

impl Sqlite {
    /// Opens the database file and sets what makes it durable. Blocks.
    pub(crate) fn open(path: &Path, role: Role, failure: &Arc<Failure>) -> Result<Self, Error> {
        // Each connection is used by one thread at a time: the lock inside SQLite would be paid for nothing.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(|error| fault(&error))?;
        let wait = if role == Role::Checkpoints { CHECKPOINT_WAIT } else { BUSY_WAIT };
        connection.busy_timeout(wait).map_err(|error| fault(&error))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        // One text, one plan, whatever is bound to it: otherwise each statement with a bound LIMIT is planned at every use.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(|error| fault(&error))?;
        let sqlite = Self { connection, failure: Arc::clone(failure), texts: RefCell::default() };
        let page_cache = if role == Role::Reader { PAGE_CACHE_READER_KIB } else { PAGE_CACHE_WRITER_KIB };
        sqlite.go_to_wal()?;
        sqlite.pragmas(&format!(
            "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = {LOG_OCTETS_CHECKPOINT};
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{page_cache}; PRAGMA cell_size_check = ON;
             PRAGMA trusted_schema = OFF;"
        ))?;
        if role == Role::Reader {
            sqlite.pragmas("PRAGMA query_only = ON;")?;
        }
        Ok(sqlite)
    }

    /// The busy timeout does not cover this switch, and several processes may make it at the same moment.
    fn go_to_wal(&self) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            let mode = self.connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
            match mode {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(mode) => return Err(Error::Settings(format!("the file system allows no WAL, only {mode}"))),
                Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < 1000 => {
                    tries += 1;
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                Err(error) => return Err(fault(&error)),
            }
        }
    }

    /// Statements of our own, without parameters or answers.
    pub(crate) fn pragmas(&self, sql: &str) -> Result<(), Error> {
        self.connection.execute_batch(sql).map_err(|error| fault(&error))
    }

    /// One number out of a statement of our own.
    pub(crate) fn number(&self, sql: &str, column: usize) -> Result<i64, Error> {
        self.connection.query_row(sql, [], |row| row.get(column)).map_err(|error| fault(&error))
    }

    /// Runs a checkpoint; true when somebody stood in its way. One that the disk has failed is the last thing that is done
    /// with the database: a sync after one that failed would answer success, and the log be written over.
    pub(crate) fn checkpoint(&self, sql: &str) -> Result<bool, Error> {
        const DOING: &str = "moving the log into the database";
        failpoint::error("checkpoint").map_err(|error| Error::Failed(self.failure.set(DOING, &error)))?;
        let busy = self.connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        busy.map(|busy| busy != 0).map_err(|error| {
            if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) {
                return Error::Failed(self.failure.set(DOING, &error));
            }
            fault(&error)
        })
    }

    /// Runs a statement of our own from the cache: BEGIN, SAVEPOINT, COMMIT …
    pub(crate) fn control(&self, sql: &'static str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute().map(|_| ())
    }

    /// Whether no transaction is open.
    pub(crate) fn is_idle(&self) -> bool {
        self.connection.is_autocommit()
    }

    fn prepare(&self, sql: &'static str, parameters: &[Value]) -> Result<CachedStatement<'_>, Error> {
        let key = (sql.as_ptr().addr(), sql.len());
        let known = self.texts.borrow().get(&key).cloned();
        let text = known.unwrap_or_else(|| {
            let text: Arc<str> = numbered(sql).into();
            self.texts.borrow_mut().insert(key, Arc::clone(&text));
            text
        });
        let mut statement = self.connection.prepare_cached(&text).map_err(|error| fault_in(sql, &error))?;
        if statement.parameter_count() != parameters.len() {
            return Err(Error::Bug(format!(
                "{} parameters for {}: {sql}",
                parameters.len(),
                statement.parameter_count()
            )));
        }
        for (index, value) in parameters.iter().enumerate() {
            statement.raw_bind_parameter(index + 1, value).map_err(|error| fault_in(sql, &error))?;
        }
        Ok(statement)
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        if self.failure.why().is_some() {
            // The last one to close would move the log into the database, and then remove the log.
            let kept = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            if let Err(error) = kept {
                tracing::error!(%error, "the log may be moved into the database at the end");
            }
        }
    }
}

impl Query for Sqlite {
    fn query_each(
        &self,
        sql: &'static str,
        parameters: &[Value],
        each: &mut dyn FnMut(&Row) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let mut statement = self.prepare(sql, parameters)?;
        let columns = statement.column_count();
        let mut row = Row::new(Vec::with_capacity(columns));
        let mut rows = statement.raw_query();
        while let Some(found) = rows.next().map_err(|error| fault_in(sql, &error))? {
            let values = row.columns_mut();
            values.clear();
            for column in 0..columns {
                values.push(value(found.get_ref(column).map_err(|error| fault_in(sql, &error))?)?);
            }
            if !each(&row)? {
                break;
            }
        }
        Ok(())
    }
}

/// A closure's view of the open transaction.
pub(crate) struct SqliteTransaction<'a> {
    sqlite: &'a Sqlite,
    /// The first statement that failed: such a transaction is never committed, as PostgreSQL would not.
    failed: RefCell<Option<Error>>,
}

impl<'a> SqliteTransaction<'a> {
    pub(crate) fn new(sqlite: &'a Sqlite) -> Self {
        Self { sqlite, failed: RefCell::default() }
    }

    /// The error of a statement that the closure may have overlooked.
    pub(crate) fn overlooked(self) -> Option<Error> {
        self.failed.into_inner()
    }

    fn noting<T>(&self, outcome: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &outcome
            && self.failed.borrow().is_none()
        {
            *self.failed.borrow_mut() = Some(error.same());
        }
        outcome
    }
}

impl Query for SqliteTransaction<'_> {
    fn query_each(
        &self,
        sql: &'static str,
        parameters: &[Value],
        each: &mut dyn FnMut(&Row) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        // All rows first: what the callback changes must not change the answer under its feet.
        for row in self.query(sql, parameters)? {
            if !each(&row)? {
                break;
            }
        }
        Ok(())
    }

    fn query(&self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        self.noting(self.sqlite.query(sql, parameters))
    }

    fn query_one(&self, sql: &'static str, parameters: &[Value]) -> Result<Option<Row>, Error> {
        self.noting(self.sqlite.query_one(sql, parameters))
    }
}

impl Transaction for SqliteTransaction<'_> {
    fn execute(&self, sql: &'static str, parameters: &[Value]) -> Result<u64, Error> {
        let outcome = self
            .sqlite
            .prepare(sql, parameters)
            .and_then(|mut statement| statement.raw_execute().map_err(|error| fault_in(sql, &error)));
        self.noting(outcome).map(|touched| touched as u64)
    }
}

impl Migrate for SqliteTransaction<'_> {
    fn batch(&self, sql: &str) -> Result<(), Error> {
        // A single BIGINT key can be the row's own number, and a clustered table needs no row number: one B-tree less.
        let sql = sql.replace("BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY").replace("/* clustered */", "WITHOUT ROWID");
        self.sqlite.pragmas(&sql)
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

fn value(found: ValueRef<'_>) -> Result<Value, Error> {
    Ok(match found {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Text(value) => Value::Text(
            std::str::from_utf8(value).map_err(|_| Error::Damaged("a text that is no UTF-8".to_owned()))?.to_owned(),
        ),
        ValueRef::Blob(value) => Value::Blob(value.to_vec()),
        ValueRef::Real(_) => return Err(Error::Bug("a REAL column".to_owned())),
    })
}

/// `$1` is a name to SQLite, numbered by where it stands first; `?1` is a number.
fn numbered(sql: &str) -> Cow<'_, str> {
    if !sql.contains('$') {
        return Cow::Borrowed(sql);
    }
    let mut out = String::with_capacity(sql.len());
    let mut quoted = false;
    let mut letters = sql.chars().peekable();
    while let Some(letter) = letters.next() {
        quoted ^= letter == '\'';
        let parameter = letter == '$' && !quoted && letters.peek().is_some_and(char::is_ascii_digit);
        out.push(if parameter { '?' } else { letter });
    }
    Cow::Owned(out)
}

fn fault_in(sql: &str, error: &rusqlite::Error) -> Error {
    match fault(error) {
        Error::Bug(why) => Error::Bug(format!("{why}: {sql}")),
        other => other,
    }
}

/// Whose fault an error of SQLite is.
pub(crate) fn fault(error: &rusqlite::Error) -> Error {
    let why = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => Error::Constraint(why),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy(why),
        Some(ErrorCode::DiskFull) => Error::Full(why),
        Some(
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied,
        ) => Error::Failed(why),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::Damaged(format!("the database: {why}")),
        _ => Error::Bug(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_outside_quotes_only() {
        assert_eq!(numbered("SELECT $2, '$1', $10, $x FROM t"), "SELECT ?2, '$1', ?10, $x FROM t");
        assert_eq!(numbered("SELECT 'it''s $1', $1"), "SELECT 'it''s $1', ?1");
    }
}
