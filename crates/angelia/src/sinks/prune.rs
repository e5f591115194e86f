//! Deletes journal rows whose days have passed, a little at a time.

use storage::Store;

use super::limits::PRUNE_EVERY;
use super::store::{day, prune};

/// Runs until it is aborted.
pub(super) async fn run(store: Store, days: u32) {
    loop {
        let before = day(net::clock::now()) - i64::from(days);
        loop {
            match store.write(move |tx| prune(tx, before)).await {
                // Whoever waits to write comes first.
                Ok((true, _)) => tokio::task::yield_now().await,
                Ok((false, _)) => break,
                Err(error) => {
                    tracing::warn!(%error, "old journal rows could not be deleted");
                    break;
                }
            }
        }
        tokio::time::sleep(PRUNE_EVERY).await;
    }
}
