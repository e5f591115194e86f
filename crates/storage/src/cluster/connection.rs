//! One connection to PostgreSQL, the statements prepared on it, and how a blocking closure speaks through it.

use std::cell::{Cell as StdCell, RefCell};
use std::collections::HashMap;
use std::task::{self, Context};

use futures_util::TryStreamExt as _;
use futures_util::future::{join, poll_fn};
use tokio::runtime::Handle;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, IsolationLevel, RowStream, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::fault::{Again, Fault};
use super::values::Cell;
use crate::limits::{STATEMENT_WAIT, STATEMENTS_MAX};
use crate::migrations::Migrate;
use crate::{Error, Query, Row, Transaction, Value};

/// Rows fetched at a time for a long answer.
const ROWS_AT_A_TIME: i32 = 256;

/// A connection. Nothing runs behind it: whoever waits for an answer moves the bytes meanwhile, in its own thread. (A
/// task of its own cost three more changes of thread for each statement.)
pub(super) struct Connection {
    client: Client,
    driver: RefCell<Driver>,
    statements: Option<RefCell<HashMap<(usize, usize), Statement>>>,
}

type Poll = dyn FnMut(&mut Context<'_>) -> task::Poll<Option<Result<AsyncMessage, tokio_postgres::Error>>> + Send;

/// The bytes' side of a connection.
struct Driver {
    /// None when the connection has ended.
    poll: Option<Box<Poll>>,
    /// A notice came: at COMMIT that puts the outcome in doubt.
    noticed: bool,
}

impl Driver {
    /// Waits for an answer, and moves the bytes that bring it.
    async fn drive<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let mut answer = std::pin::pin!(answer);
        poll_fn(|context| {
            if let task::Poll::Ready(answer) = answer.as_mut().poll(context) {
                return task::Poll::Ready(answer);
            }
            self.turn(context);
            answer.as_mut().poll(context)
        })
        .await
    }

    /// The same for so long; none when no answer came, and then the connection is at its end.
    async fn drive_within<T>(&mut self, answer: impl Future<Output = T>) -> Option<T> {
        let answered = tokio::time::timeout(STATEMENT_WAIT, self.drive(answer)).await.ok();
        if answered.is_none() {
            self.poll = None;
        }
        answered
    }

    /// The same, with silence as a fault.
    async fn drive_to<T, E: Into<Fault>>(&mut self, answer: impl Future<Output = Result<T, E>>) -> Result<T, Fault> {
        match self.drive_within(answer).await {
            Some(outcome) => outcome.map_err(Into::into),
            None => Err(silence()),
        }
    }

    fn turn(&mut self, context: &mut Context<'_>) {
        while let Some(poll) = &mut self.poll {
            match poll(context) {
                task::Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                    self.noticed = true;
                    tracing::debug!(notice = notice.message(), "the database gave a notice");
                }
                task::Poll::Ready(Some(Ok(_))) => {}
                task::Poll::Ready(ended) => {
                    if let Some(Err(error)) = ended {
                        tracing::debug!(%error, "a connection to the database ended");
                    }
                    // Dropped, so that whoever waits for an answer is told.
                    self.poll = None;
                }
                task::Poll::Pending => return,
            }
        }
    }
}

impl Connection {
    pub(super) async fn open(config: &Config, tls: MakeRustlsConnect, cache: bool) -> Result<Self, Fault> {
        let connected = tokio::time::timeout(STATEMENT_WAIT, config.connect(tls)).await.map_err(|_| silence())?;
        let (client, mut connection) = connected.map_err(|error| {
            let fault = Fault::from(error);
            match fault.error {
                Error::Bug(why) => Fault { error: Error::Unavailable(why), again: Again::Yes, broken: true },
                error => Fault { error, ..fault },
            }
        })?;
        let poll = Box::new(move |context: &mut Context<'_>| connection.poll_message(context));
        let mut driver = Driver { poll: Some(poll), noticed: false };
        // What a write promises is durable: a server or a role that says otherwise is overruled.
        let row = driver.drive_to(client.query_one("SHOW synchronous_commit", &[])).await?;
        if row.try_get::<_, &str>(0).is_ok_and(|setting| setting == "off") {
            driver.drive_to(client.batch_execute("SET synchronous_commit = on")).await?;
        }
        Ok(Self { client, driver: RefCell::new(driver), statements: cache.then(RefCell::default) })
    }

    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed() && self.driver.borrow().poll.is_some()
    }

    /// Waits, in a blocking thread. None when no answer came.
    fn wait<T>(&self, runtime: &Handle, answer: impl Future<Output = T>) -> Option<T> {
        runtime.block_on(self.driver.borrow_mut().drive_within(answer))
    }

    async fn prepare(
        &self,
        sql: &'static str,
        parameters: &[Value],
    ) -> Result<Option<Statement>, tokio_postgres::Error> {
        let Some(statements) = &self.statements else { return Ok(None) };
        let key = (sql.as_ptr().addr(), sql.len());
        let known = statements.borrow().get(&key).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let statement = self.client.prepare_typed(sql, &types(parameters)).await?;
        let mut statements = statements.borrow_mut();
        if statements.len() >= STATEMENTS_MAX {
            statements.clear();
        }
        statements.insert(key, statement.clone());
        Ok(Some(statement))
    }

    async fn send(
        &self,
        sql: &'static str,
        statement: Option<&Statement>,
        parameters: &[Value],
    ) -> Result<RowStream, tokio_postgres::Error> {
        match statement {
            Some(statement) => self.client.query_raw(statement, parameters).await,
            None => {
                let typed = parameters.iter().map(|value| (value, type_of(value)));
                self.client.query_typed_raw(sql, typed).await
            }
        }
    }

    /// Runs a statement to its end.
    async fn run(
        &self,
        sql: &'static str,
        statement: Option<&Statement>,
        parameters: &[Value],
        rows: &mut dyn FnMut(Row),
    ) -> Result<u64, Fault> {
        let mut stream = std::pin::pin!(self.send(sql, statement, parameters).await?);
        while let Some(found) = stream.try_next().await? {
            rows(row(&found)?);
        }
        Ok(stream.rows_affected().unwrap_or(0))
    }
}

/// Said, not left to the server to guess: beside a bare 0 it would take a parameter for an INTEGER of four octets.
fn types(parameters: &[Value]) -> Vec<Type> {
    parameters.iter().map(type_of).collect()
}

fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::UNKNOWN,
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Blob(_) => Type::BYTEA,
    }
}

fn row(found: &tokio_postgres::Row) -> Result<Row, Fault> {
    let mut values = Vec::with_capacity(found.len());
    for column in 0..found.len() {
        values.push(found.try_get::<_, Cell>(column)?.0);
    }
    Ok(Row::new(values))
}

fn check(statement: Option<&Statement>, parameters: &[Value]) -> Result<(), Fault> {
    match statement {
        Some(statement) if statement.params().len() != parameters.len() => Err(Fault {
            error: Error::Bug(format!("{} parameters for {}", parameters.len(), statement.params().len())),
            again: Again::No,
            broken: false,
        }),
        _ => Ok(()),
    }
}

/// A closure's view of a transaction that writes. READ COMMITTED: rows that it updates are locked, rows that it only
/// reads are not.
pub(super) struct Writing<'a> {
    connection: &'a Connection,
    runtime: Handle,
    begun: StdCell<bool>,
    failed: RefCell<Option<Fault>>,
}

impl<'a> Writing<'a> {
    pub(super) fn new(connection: &'a Connection, runtime: Handle) -> Self {
        Self { connection, runtime, begun: StdCell::new(false), failed: RefCell::default() }
    }

    /// The fault that a statement met, overlooked or not.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.failed.borrow_mut().take()
    }

    /// Commits. The error of a COMMIT whose answer is lost, or came with a notice, is `OutcomeUnknown`.
    pub(super) fn commit(&self) -> Result<(), Fault> {
        if !self.begun.get() {
            return Ok(());
        }
        crate::failpoint::pass("before-commit");
        self.connection.driver.borrow_mut().noticed = false;
        match self.connection.wait(&self.runtime, self.connection.client.batch_execute("COMMIT")) {
            None => Err(unknown("the database was silent at COMMIT".to_owned())),
            Some(Ok(())) if self.connection.driver.borrow().noticed => {
                Err(unknown("the database gave a notice at COMMIT".to_owned()))
            }
            Some(Ok(())) => {
                crate::failpoint::pass("after-commit");
                Ok(())
            }
            Some(Err(error)) if error.as_db_error().is_some_and(|error| !error.code().code().starts_with("57")) => {
                Err(error.into())
            }
            Some(Err(error)) => Err(unknown(super::fault::sentence(&error))),
        }
    }

    /// Rolls back; false when the connection cannot be used again.
    pub(super) fn roll_back(&self) -> bool {
        !self.begun.get()
            || self
                .connection
                .wait(&self.runtime, self.connection.client.batch_execute("ROLLBACK"))
                .is_some_and(|rolled_back| rolled_back.is_ok())
    }

    fn run(&self, sql: &'static str, parameters: &[Value], rows: &mut dyn FnMut(Row)) -> Result<u64, Error> {
        let outcome = self.connection.wait(&self.runtime, async {
            let connection = self.connection;
            if self.failed.borrow().is_some() {
                return Err(Fault {
                    error: Error::Refused("an earlier statement failed".to_owned()),
                    again: Again::No,
                    broken: false,
                });
            }
            let statement = connection.prepare(sql, parameters).await?;
            check(statement.as_ref(), parameters)?;
            if self.begun.replace(true) {
                return connection.run(sql, statement.as_ref(), parameters, rows).await;
            }
            // BEGIN and the first statement travel together.
            let begin = connection.client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE");
            let (begun, outcome) = join(begin, connection.run(sql, statement.as_ref(), parameters, rows)).await;
            begun?;
            outcome
        });
        outcome.unwrap_or_else(|| Err(silence())).map_err(|fault| {
            let error = fault.error.same();
            let mut failed = self.failed.borrow_mut();
            if failed.is_none() {
                *failed = Some(fault);
            }
            error
        })
    }
}

/// Nothing came for `STATEMENT_WAIT`. Nothing is committed on a connection that is dropped before its COMMIT. Not run again:
/// whoever waits has waited long enough.
fn silence() -> Fault {
    let why = format!("it has been silent for {} seconds", STATEMENT_WAIT.as_secs());
    Fault { error: Error::Unavailable(why), again: Again::No, broken: true }
}

fn unknown(why: String) -> Fault {
    Fault { error: Error::OutcomeUnknown(why), again: Again::No, broken: true }
}

impl Query for Writing<'_> {
    fn query_each(
        &self,
        sql: &'static str,
        parameters: &[Value],
        each: &mut dyn FnMut(&Row) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        for row in self.query(sql, parameters)? {
            if !each(&row)? {
                break;
            }
        }
        Ok(())
    }

    fn query(&self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let mut rows = Vec::new();
        self.run(sql, parameters, &mut |row| rows.push(row))?;
        Ok(rows)
    }

    fn query_one(&self, sql: &'static str, parameters: &[Value]) -> Result<Option<Row>, Error> {
        let mut first = None;
        self.run(sql, parameters, &mut |row| {
            first.get_or_insert(row);
        })?;
        Ok(first)
    }
}

impl Transaction for Writing<'_> {
    fn execute(&self, sql: &'static str, parameters: &[Value]) -> Result<u64, Error> {
        self.run(sql, parameters, &mut |_| {})
    }
}

impl Migrate for Writing<'_> {
    fn batch(&self, sql: &str) -> Result<(), Error> {
        let client = &self.connection.client;
        // However long it takes: a large table is not rewritten in a minute.
        let outcome = self.runtime.block_on(self.connection.driver.borrow_mut().drive(client.batch_execute(sql)));
        outcome.map_err(|error| {
            let fault = Fault::from(error);
            let error = fault.error.same();
            self.failed.borrow_mut().get_or_insert(fault);
            error
        })
    }
}

/// A closure's view of one snapshot.
pub(super) struct Reading<'a> {
    transaction: tokio_postgres::Transaction<'a>,
    driver: &'a RefCell<Driver>,
    statements: Option<&'a RefCell<HashMap<(usize, usize), Statement>>>,
    runtime: Handle,
    pub(super) broken: StdCell<bool>,
}

impl Connection {
    /// Begins a snapshot. Blocks.
    pub(super) fn reading(&mut self, runtime: Handle) -> Result<Reading<'_>, Fault> {
        let Self { client, driver, statements } = self;
        let begin = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let transaction = runtime.block_on(driver.get_mut().drive_to(begin.start()))?;
        let broken = StdCell::new(false);
        Ok(Reading { transaction, driver, statements: statements.as_ref(), runtime, broken })
    }
}

impl Reading<'_> {
    /// Ends it; false when the connection cannot be used again.
    pub(super) fn end(self) -> bool {
        let mut driver = self.driver.borrow_mut();
        self.runtime.block_on(driver.drive_to(self.transaction.commit())).is_ok() && !self.broken.get()
    }

    fn wait<T>(&self, answer: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        self.runtime.block_on(self.driver.borrow_mut().drive_to(answer))
    }

    async fn prepare(&self, sql: &'static str, parameters: &[Value]) -> Result<Statement, Fault> {
        let key = (sql.as_ptr().addr(), sql.len());
        if let Some(statement) = self.statements.and_then(|statements| statements.borrow().get(&key).cloned()) {
            return Ok(statement);
        }
        let statement = self.transaction.prepare_typed(sql, &types(parameters)).await?;
        if let Some(statements) = self.statements {
            statements.borrow_mut().insert(key, statement.clone());
        }
        Ok(statement)
    }

    fn noting<T>(&self, outcome: Result<T, Fault>) -> Result<T, Error> {
        outcome.map_err(|fault| {
            self.broken.set(self.broken.get() || fault.broken);
            fault.error
        })
    }

    async fn rows(&self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, Fault> {
        let statement = self.prepare(sql, parameters).await?;
        check(Some(&statement), parameters)?;
        let mut stream = std::pin::pin!(self.transaction.query_raw(&statement, parameters).await?);
        let mut rows = Vec::new();
        while let Some(found) = stream.try_next().await? {
            rows.push(row(&found)?);
        }
        Ok(rows)
    }
}

impl Query for Reading<'_> {
    fn query_each(
        &self,
        sql: &'static str,
        parameters: &[Value],
        each: &mut dyn FnMut(&Row) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let bind = async {
            let statement = self.prepare(sql, parameters).await?;
            check(Some(&statement), parameters)?;
            Ok(self.transaction.bind_raw(&statement, parameters).await?)
        };
        let portal = self.noting(self.wait(bind))?;
        loop {
            let fetch = async { Ok(self.transaction.query_portal(&portal, ROWS_AT_A_TIME).await?) };
            let found: Vec<tokio_postgres::Row> = self.noting(self.wait(fetch))?;
            for found in &found {
                if !each(&self.noting(row(found))?)? {
                    return Ok(());
                }
            }
            if found.len() < ROWS_AT_A_TIME.unsigned_abs() as usize {
                return Ok(());
            }
        }
    }

    fn query(&self, sql: &'static str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        self.noting(self.wait(self.rows(sql, parameters)))
    }

    fn query_one(&self, sql: &'static str, parameters: &[Value]) -> Result<Option<Row>, Error> {
        Ok(self.query(sql, parameters)?.into_iter().next())
    }
}
