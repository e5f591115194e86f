//! The cache of MTA-STS policies.

use std::sync::Arc;

use envelope::Timestamp;
use mailauth::tlspolicy::sts::Policy;
use mhs::mta::outbound::tls::sts::{Cache, Kept};

use crate::house::{DAY, House, at, domain};

const WEEK: u64 = 7 * DAY;

async fn put(cache: &Cache, name: &str, id: &str, when: Timestamp) -> Kept {
    let file = format!("version: STSv1\nmode: enforce\nmx: mx.{name}\nmax_age: {WEEK}\n");
    let policy = Arc::new(Policy::parse(file.as_bytes()).unwrap());
    let kept = Kept { id: id.to_owned(), fetched: when, expires: when.plus(policy.max_age), policy };
    cache.put(&domain(name), &kept, file.into_bytes(), when).await.unwrap();
    kept
}

pub async fn what_goes_in_comes_out_until_it_runs_out(house: House) {
    let cache = Cache::new(house.store.clone());
    let kept = put(&cache, "patras.test", "1", at(0)).await;
    assert_eq!(cache.live(&domain("patras.test"), at(0)).await.unwrap(), Some(kept.clone()));
    assert_eq!(cache.live(&domain("patras.test"), at(WEEK - 1)).await.unwrap(), Some(kept));
    assert_eq!(cache.live(&domain("patras.test"), at(WEEK)).await.unwrap(), None);
    assert_eq!(cache.live(&domain("athens.test"), at(0)).await.unwrap(), None);
    assert_eq!(cache.sweep(at(WEEK - 1)).await.unwrap(), 0);
    assert_eq!(cache.sweep(at(WEEK)).await.unwrap(), 1);
}

pub async fn a_new_edition_takes_the_place_of_the_old_one(house: House) {
    let cache = Cache::new(house.store.clone());
    put(&cache, "patras.test", "1", at(0)).await;
    put(&cache, "patras.test", "2", at(DAY)).await;
    let live = cache.live(&domain("patras.test"), at(WEEK)).await.unwrap().unwrap();
    assert_eq!((live.id.as_str(), live.expires), ("2", at(DAY + WEEK)));
}

pub async fn the_one_that_nobody_asks_for_makes_room(house: House) {
    let cache = Cache::new(house.store.clone()).with_room(3);
    for (seconds, name) in [(0, "a.test"), (1, "b.test"), (2, "c.test")] {
        put(&cache, name, "1", at(seconds)).await;
    }
    // Asked for two days later: `a.test` is now the one used last.
    assert!(cache.live(&domain("a.test"), at(2 * DAY)).await.unwrap().is_some());
    put(&cache, "d.test", "1", at(2 * DAY + 1)).await;
    for (name, there) in [("a.test", true), ("b.test", false), ("c.test", true), ("d.test", true)] {
        assert_eq!(cache.live(&domain(name), at(2 * DAY + 2)).await.unwrap().is_some(), there, "{name}");
    }
}

pub async fn what_is_old_and_in_use_is_fetched_anew(house: House) {
    let cache = Cache::new(house.store.clone());
    put(&cache, "old.test", "1", at(0)).await;
    put(&cache, "older.test", "1", Timestamp(at(0).0 - 60_000)).await;
    put(&cache, "fresh.test", "1", at(DAY)).await;
    assert!(cache.to_refresh(at(DAY - 100), 10).await.unwrap().is_empty());
    let now = at(DAY + 100);
    assert_eq!(cache.to_refresh(now, 1).await.unwrap(), [domain("older.test")]);
    assert_eq!(cache.to_refresh(now, 10).await.unwrap(), [domain("old.test")]);
    // They were tried just now, and are left alone for an hour.
    assert!(cache.to_refresh(at(DAY + 200), 10).await.unwrap().is_empty());
    assert_eq!(cache.to_refresh(at(DAY + 4000), 10).await.unwrap().len(), 2);
    // Nobody has written to them for more than a month.
    assert!(cache.to_refresh(at(40 * DAY), 10).await.unwrap().is_empty());
}

pub async fn a_damaged_row_is_none(house: House) {
    let cache = Cache::new(house.store.clone());
    put(&cache, "patras.test", "1", at(0)).await;
    let decay = "UPDATE mhs_sts_policy SET expires_at = expires_at + 1";
    house.store.write(move |tx| tx.execute(decay, &[])).await.unwrap();
    assert_eq!(cache.live(&domain("patras.test"), at(0)).await.unwrap(), None);
    let kept = put(&cache, "patras.test", "1", at(5)).await;
    assert_eq!(cache.live(&domain("patras.test"), at(6)).await.unwrap(), Some(kept));
}
