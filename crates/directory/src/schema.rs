//! The directory's tables, and reading their rows.

use envelope::{AccountId, Address, Timestamp};
use protocol::sasl::ScramKeys;
use storage::{Migrations, Query, Row, Transaction, Value};

/// The tables, for the list that the store is opened with.
pub const MIGRATIONS: Migrations = Migrations { area: "directory", steps: &[STEP_1, STEP_2, STEP_3] };

const STEP_1: &str = "
        CREATE TABLE directory_state (
            id BIGINT PRIMARY KEY,
            version BIGINT NOT NULL,
            next_account BIGINT NOT NULL,
            secret BYTEA NOT NULL
        );
        CREATE TABLE directory_domain (
            domain TEXT PRIMARY KEY,
            added BIGINT NOT NULL
        );
        CREATE TABLE directory_account (
            account_id BIGINT PRIMARY KEY,
            address TEXT NOT NULL,
            domain TEXT NOT NULL,
            password TEXT NOT NULL,
            scram_iterations BIGINT NOT NULL,
            scram_salt BYTEA NOT NULL,
            scram_stored_key BYTEA NOT NULL,
            scram_server_key BYTEA NOT NULL,
            credential_version BIGINT NOT NULL,
            added BIGINT NOT NULL,
            seal BIGINT NOT NULL
        );
        CREATE UNIQUE INDEX directory_account_address ON directory_account (address);
        CREATE INDEX directory_account_domain ON directory_account (domain, account_id);
        CREATE TABLE directory_alias (
            source TEXT NOT NULL,
            target TEXT NOT NULL,
            domain TEXT NOT NULL,
            PRIMARY KEY (source, target)
        );
        CREATE INDEX directory_alias_domain ON directory_alias (domain, source);
        CREATE INDEX directory_alias_target ON directory_alias (target);
    ";

// Terms of aliases that are groups; accounts whose letters go on; people who moved.
const STEP_2: &str = "
        CREATE TABLE directory_group (
            source TEXT PRIMARY KEY,
            owner TEXT,
            senders BIGINT NOT NULL
        );
        CREATE TABLE directory_forward (
            account_id BIGINT NOT NULL,
            target TEXT NOT NULL,
            keeps BIGINT NOT NULL,
            PRIMARY KEY (account_id, target)
        );
        CREATE INDEX directory_forward_target ON directory_forward (target);
        CREATE TABLE directory_moved (
            address TEXT PRIMARY KEY,
            domain TEXT NOT NULL,
            target TEXT NOT NULL,
            forwards BIGINT NOT NULL
        );
        CREATE INDEX directory_moved_domain ON directory_moved (domain, address);
    ";

// What accounts may hold, where it is not the rule.
const STEP_3: &str = "
        CREATE TABLE directory_quota (
            account_id BIGINT PRIMARY KEY,
            octets BIGINT,
            messages BIGINT
        );
    ";

/// The one row of `directory_state`.
pub(crate) const STATE: i64 = 1;

/// The directory's version: every change adds one.
pub(crate) fn version(q: &dyn Query) -> Result<i64, storage::Error> {
    let row = q.query_one("SELECT version FROM directory_state WHERE id = $1", &[STATE.into()])?;
    row.map_or(Ok(0), |row| row.int(0))
}

/// Says that something changed, in the transaction that changes it.
pub(crate) fn bump(tx: &dyn Transaction) -> Result<i64, storage::Error> {
    let rows =
        tx.query("UPDATE directory_state SET version = version + 1 WHERE id = $1 RETURNING version", &[STATE.into()])?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// An account as its row has it.
#[derive(Debug, Clone)]
pub(crate) struct AccountRow {
    pub(crate) id: AccountId,
    pub(crate) address: Address,
    /// PHC string of argon2id.
    pub(crate) password: String,
    pub(crate) scram: ScramKeys,
    pub(crate) credential_version: i64,
    pub(crate) added: Timestamp,
}

impl AccountRow {
    /// The columns under seal.
    fn columns(&self) -> Vec<Value> {
        vec![
            self.id.0.into(),
            self.address.to_string().into(),
            self.password.as_str().into(),
            i64::from(self.scram.iterations).into(),
            self.scram.salt.as_slice().into(),
            self.scram.stored_key.into(),
            self.scram.server_key.into(),
            self.credential_version.into(),
            self.added.0.into(),
        ]
    }

    /// All of them in the order of [`INSERT_ACCOUNT`].
    pub(crate) fn parameters(&self) -> Vec<Value> {
        let mut columns = self.columns();
        let seal = storage::seal(&columns);
        columns.push(seal.into());
        columns.push(self.address.host().to_string().into());
        columns
    }

    /// From `SELECT` [`ACCOUNT_COLUMNS`]; a row that does not fit its seal is never believed.
    fn read(row: &Row) -> Result<Self, storage::Error> {
        let key =
            |column| -> Result<[u8; 32], storage::Error> { row.blob(column)?.try_into().map_err(|_| damaged(row)) };
        let account = Self {
            id: AccountId(row.int(0)?),
            address: address(row, 1)?,
            password: row.text(2)?.to_owned(),
            scram: ScramKeys {
                iterations: u32::try_from(row.int(3)?).map_err(|_| damaged(row))?,
                salt: row.blob(4)?.to_vec(),
                stored_key: key(5)?,
                server_key: key(6)?,
            },
            credential_version: row.int(7)?,
            added: Timestamp(row.int(8)?),
        };
        if storage::seal(&account.columns()) == row.int(9)? { Ok(account) } else { Err(damaged(row)) }
    }

    /// By its canonical address.
    pub(crate) fn find(q: &dyn Query, address: &Address) -> Result<Option<Self>, storage::Error> {
        let row = q.query_one(
            "SELECT account_id, address, password, scram_iterations, scram_salt, scram_stored_key, scram_server_key,
                    credential_version, added, seal
             FROM directory_account WHERE address = $1",
            &[address.to_string().into()],
        )?;
        row.map(|row| Self::read(&row)).transpose()
    }
}

pub(crate) const INSERT_ACCOUNT: &str = "
    INSERT INTO directory_account
        (account_id, address, password, scram_iterations, scram_salt, scram_stored_key, scram_server_key,
         credential_version, added, seal, domain)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

pub(crate) const UPDATE_ACCOUNT: &str = "
    UPDATE directory_account SET
        address = $2, password = $3, scram_iterations = $4, scram_salt = $5, scram_stored_key = $6,
        scram_server_key = $7, credential_version = $8, added = $9, seal = $10, domain = $11
    WHERE account_id = $1";

/// A column that holds an address.
pub(crate) fn address(row: &Row, column: usize) -> Result<Address, storage::Error> {
    let text = row.text(column)?;
    Address::parse(text).map_err(|error| storage::Error::Damaged(format!("the address {text:?}: {error}")))
}

fn damaged(row: &Row) -> storage::Error {
    let id = row.int(0).unwrap_or_default();
    storage::Error::Damaged(format!("the row of account {id} in directory_account does not fit its seal"))
}
