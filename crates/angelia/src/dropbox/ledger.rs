//! Which files of the drop box have been taken: a row for each, written in the transaction that accepts its letter, and
//! removed when the file has gone.

use std::collections::HashSet;

use storage::{Error, Migrations, Query, Store, Transaction};

/// The table.
pub(crate) const MIGRATIONS: Migrations = Migrations {
    area: "drop",
    steps: &[
        "CREATE TABLE drop_taken (host TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (host, name)) /* clustered */",
    ],
};

/// Remembers a file; answers false when it is known already.
pub(super) fn take(tx: &dyn Transaction, host: &str, name: &str) -> Result<bool, Error> {
    let known = "SELECT name FROM drop_taken WHERE host = $1 AND name = $2";
    if tx.query_one(known, &[host.into(), name.into()])?.is_some() {
        return Ok(false);
    }
    tx.execute("INSERT INTO drop_taken (host, name) VALUES ($1, $2)", &[host.into(), name.into()])?;
    Ok(true)
}

/// Every file that is remembered for this host: few, since they go with their files.
pub(super) async fn known(store: &Store, host: &str) -> Result<HashSet<String>, Error> {
    let host = host.to_owned();
    let read = move |query: &dyn Query| {
        let rows = query.query("SELECT name FROM drop_taken WHERE host = $1 ORDER BY name", &[host.as_str().into()])?;
        rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
    };
    store.read(read).await
}

/// Forgets files that have gone.
pub(super) async fn forget(store: &Store, host: &str, names: Vec<String>) -> Result<(), Error> {
    let host = host.to_owned();
    let write = store.write(move |tx| {
        for name in &names {
            let row = [host.as_str().into(), name.as_str().into()];
            tx.execute("DELETE FROM drop_taken WHERE host = $1 AND name = $2", &row)?;
        }
        Ok(())
    });
    write.await.map(|_| ())
}
