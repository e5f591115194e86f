//! Space comes back, damage is reported, a lost database is rebuilt. For stores whose bodies lie in a folder, opened
//! with [`options`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use storage::{BodyId, Error, Options, Store};

use super::bodies::{keep, stage};
use super::octets;

/// No grace, small segments, and no house kept but when asked.
pub fn options() -> Options {
    let none = Duration::ZERO;
    Options { grace: none, orphan_grace: none, segment_octets: 200_000, housekeeping: None, ..Options::default() }
}

/// `segments` is the folder of this store's segments.
pub async fn all(store: &Store, segments: &Path) {
    dead_space_comes_back(store, segments).await;
    orphans_are_swept(store, segments).await;
    damage_is_reported_and_kept(store, segments).await;
}

fn files(segments: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(segments)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .collect();
    files.sort();
    files
}

fn size(segments: &Path) -> u64 {
    files(segments).iter().map(|file| file.metadata().unwrap().len()).sum()
}

/// Freed bodies make room, and the others are moved together.
pub async fn dead_space_comes_back(store: &Store, segments: &Path) {
    // Text, so that what is copied forward is packed as well.
    let text = |number: usize| format!("line {number} of a letter\r\n").repeat(1500).into_bytes();
    let mut kept: BTreeMap<BodyId, Vec<u8>> = BTreeMap::new();
    for number in 0..40 {
        let octets = if number == 20 { octets(900_000, 20) } else { text(number) };
        kept.insert(keep(store, &octets).await, octets);
    }
    let full = size(segments);
    let ids: Vec<BodyId> = kept.keys().copied().collect();
    let long_open = store.open(ids[1]).await.unwrap();
    for (number, id) in ids.iter().copied().enumerate() {
        if number % 5 != 0 {
            store.write(move |tx| tx.drop_reference(id)).await.unwrap();
        }
    }
    let done = store.keep_house().await.unwrap();
    assert_eq!(done.bodies_freed, 32);
    assert!(done.bodies_moved > 0, "{done:?}");
    let done = store.keep_house().await.unwrap();
    assert_eq!((done.bodies_freed, done.damaged), (0, 0));
    assert!(done.segments_removed > 0, "{done:?}");
    assert!(size(segments) < full / 2, "{} of {full}", size(segments));
    for (number, id) in ids.iter().enumerate() {
        if number % 5 == 0 {
            assert_eq!(store.open(*id).await.unwrap().read_all(u64::MAX).await.unwrap(), kept[id]);
        } else {
            assert!(matches!(store.open(*id).await, Err(Error::NoBody(_))));
        }
    }
    // Who had it open reads on.
    assert_eq!(long_open.read_all(u64::MAX).await.unwrap(), kept[&ids[1]]);
    let verdict = store.verify().await.unwrap();
    assert!(verdict.is_sound(), "{verdict:?}");
    assert_eq!(verdict.bodies, 8);
    // A quiet pass changes nothing.
    store.keep_house().await.unwrap();
    let done = store.keep_house().await.unwrap();
    assert_eq!((done.bodies_moved, done.segments_removed), (0, 0));
}

async fn orphans_are_swept(store: &Store, segments: &Path) {
    let before = size(segments);
    let held = stage(store, &octets(150_000, 1)).await;
    for number in 0..10 {
        drop(stage(store, &octets(150_000, number)).await);
    }
    store.keep_house().await.unwrap();
    // What may yet be named is not swept, whatever the grace.
    let (id, _) = store.write(move |tx| tx.keep(&held, 1)).await.unwrap();
    assert_eq!(store.open(id).await.unwrap().read_all(u64::MAX).await.unwrap(), octets(150_000, 1));
    keep(store, b"another segment is begun").await;
    store.keep_house().await.unwrap();
    store.keep_house().await.unwrap();
    assert!(size(segments) < before + 600_000, "{} after {before}", size(segments));
}

async fn damage_is_reported_and_kept(store: &Store, segments: &Path) {
    let clean = store.verify().await.unwrap();
    assert!(clean.is_sound(), "{clean:?}");
    let small = keep(store, &octets(40_000, 5)).await;
    let large = keep(store, &octets(500_000, 6)).await;
    let open_before = store.open(large).await.unwrap();
    for octets in [octets(40_000, 5), octets(500_000, 6)] {
        let needle = &octets[39_000..39_100];
        let found = files(segments).into_iter().find_map(|file| {
            let mut bytes = std::fs::read(&file).unwrap();
            let at = bytes.windows(needle.len()).rposition(|window| window == needle)?;
            bytes[at] ^= 1;
            // Written in place: the store has the file open.
            use std::os::unix::fs::FileExt as _;
            std::fs::OpenOptions::new().write(true).open(&file).unwrap().write_at(&bytes[at..=at], at as u64).unwrap();
            Some(())
        });
        found.expect("the body's octets stand in a segment");
    }
    let error = store.open(small).await.err().unwrap();
    assert!(matches!(&error, Error::Damaged(why) if why.contains(&small.0.to_string())), "{error}");
    for body in [open_before, store.open(large).await.unwrap()] {
        assert!(matches!(body.read(0..100).await, Err(Error::Damaged(_))));
        assert!(matches!(body.read(39_050..39_051).await, Err(Error::Damaged(_))));
        // The other blocks are sound, and served.
        assert_eq!(body.read(65_536..65_600).await.unwrap(), octets(500_000, 6)[65_536..65_600]);
    }
    let verdict = store.verify().await.unwrap();
    assert_eq!(verdict.damage.len(), 2, "{verdict:?}");
    store.keep_house().await.unwrap();
    store.keep_house().await.unwrap();
    assert_eq!(store.verify().await.unwrap().damage.len(), 2);
}

/// Fills a store, and says what a salvage must find.
pub async fn fill(store: &Store) -> BTreeMap<BodyId, Vec<u8>> {
    let mut kept = BTreeMap::new();
    for length in [10, 70_000, 400_000, 30_000, 0] {
        let octets = octets(length, 8);
        kept.insert(keep(store, &octets).await, octets);
    }
    kept
}

/// Keeps every body of `filled` that is found on disk; all must be.
pub async fn salvage_all(store: &Store, filled: &BTreeMap<BodyId, Vec<u8>>) {
    let mut salvage = store.salvage().await.unwrap();
    let mut found = 0;
    while let Some(salvaged) = salvage.next().await {
        let salvaged = salvaged.unwrap();
        if filled.contains_key(&salvaged.staged.id()) {
            store.write(move |tx| tx.keep(&salvaged.staged, 1)).await.unwrap();
            found += 1;
        }
    }
    assert_eq!(found, filled.len());
}

/// The database of `store` is new and empty, its segments are those that were filled.
pub async fn a_lost_database_is_rebuilt(store: &Store, filled: &BTreeMap<BodyId, Vec<u8>>) {
    let mut salvage = store.salvage().await.unwrap();
    let mut found = 0;
    while let Some(salvaged) = salvage.next().await {
        let salvaged = salvaged.unwrap();
        let octets = &filled[&salvaged.staged.id()];
        assert_eq!(salvaged.label, Bytes::from(format!("label {}", octets.len())));
        assert_eq!(salvaged.staged.len(), octets.len() as u64);
        assert!(salvaged.made_at > 1_700_000_000_000);
        store.write(move |tx| tx.keep(&salvaged.staged, 1)).await.unwrap();
        found += 1;
    }
    assert_eq!(found, filled.len());
    for (id, octets) in filled {
        assert_eq!(store.open(*id).await.unwrap().read_all(u64::MAX).await.unwrap(), octets);
    }
}
