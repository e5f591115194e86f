//! Bodies: staged, kept, read by ranges, freed when nothing names them.

use bytes::Bytes;
use storage::limits::LABEL_MAX;
use storage::{BodyId, Error, StagedBody, Store};

use super::octets;

pub async fn all(store: &Store) {
    sizes_come_back_whole(store).await;
    ranges_are_cut_where_they_must(store).await;
    nobody_opens_what_nobody_kept(store).await;
    several_open_at_once(store).await;
    references_are_counted(store).await;
    a_first_name_is_given_once(store).await;
    labels_are_bounded(store).await;
    many_at_once(store).await;
}

pub async fn stage(store: &Store, octets: &[u8]) -> StagedBody {
    let mut stage = store.stage();
    for chunk in octets.chunks(50_000) {
        stage.append(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    assert_eq!(stage.len(), octets.len() as u64);
    stage.finish(Bytes::from(format!("label {}", octets.len()))).await.unwrap()
}

pub async fn keep(store: &Store, octets: &[u8]) -> BodyId {
    let staged = stage(store, octets).await;
    store.write(move |tx| tx.keep(&staged, 1)).await.unwrap().0
}

/// Whoever asks for a transaction a second time learns that the first was committed, whatever has happened since.
async fn a_first_name_is_given_once(store: &Store) {
    let staged = std::sync::Arc::new(stage(store, b"once").await);
    let keep = |fails: bool| {
        let staged = staged.clone();
        store.write(move |tx| {
            let kept = tx.keep_first(&staged, 2)?;
            if fails { Err(Error::Refused("a test".to_owned())) } else { Ok(kept) }
        })
    };
    assert!(keep(true).await.is_err());
    assert_eq!(keep(false).await.unwrap().0, Some(staged.id()));
    assert_eq!(keep(false).await.unwrap().0, None);
    let id = staged.id();
    let both = store.write(move |tx| tx.drop_reference(id).and_then(|()| tx.drop_reference(id)));
    both.await.unwrap();
    assert_eq!(keep(false).await.unwrap().0, None);
    let refs = store.read(move |q| q.query_one("SELECT refs FROM storage_body WHERE body = $1", &[id.into()]));
    assert_eq!(refs.await.unwrap().unwrap().int(0).unwrap(), 0);
}

async fn sizes_come_back_whole(store: &Store) {
    let block = 64 * 1024;
    for length in [0, 1, 100, block - 1, block, block + 1, 4 * block - 1, 4 * block, 4 * block + 1, 21 * block + 17] {
        let octets = octets(length, length as u64);
        let body = store.open(keep(store, &octets).await).await.unwrap();
        assert_eq!(body.len(), length as u64);
        assert_eq!(body.is_empty(), length == 0);
        assert_eq!(body.read_all(u64::MAX).await.unwrap(), octets, "{length}");
        if length > 0 {
            assert!(matches!(body.read_all(length as u64 - 1).await, Err(Error::TooLarge { .. })));
        }
    }
}

async fn ranges_are_cut_where_they_must(store: &Store) {
    let octets = octets(3_000_000, 3);
    let body = store.open(keep(store, &octets).await).await.unwrap();
    for (start, end) in [(0, 1), (65_535, 65_537), (65_536, 131_072), (1_000_000, 1_200_000), (2_999_999, 3_000_000)] {
        assert_eq!(body.read(start as u64..end as u64).await.unwrap(), octets[start..end], "{start}..{end}");
    }
    assert_eq!(body.read(2_999_990..u64::MAX).await.unwrap(), octets[2_999_990..]);
    assert_eq!(body.read(0..3_000_000).await.unwrap().len(), 1024 * 1024);
    assert_eq!(body.read(3_000_000..3_000_001).await.unwrap().len(), 0);
    #[allow(clippy::reversed_empty_ranges, reason = "a caller may compute one")]
    let reversed = body.read(9..3).await.unwrap();
    assert_eq!(reversed.len(), 0);
}

async fn nobody_opens_what_nobody_kept(store: &Store) {
    let staged = stage(store, b"never kept").await;
    assert!(matches!(store.open(staged.id()).await, Err(Error::NoBody(_))));
    let refused = staged.clone();
    let outcome = store
        .write(move |tx| {
            tx.keep(&refused, 1)?;
            Err::<(), _>(Error::Refused("content".to_owned()))
        })
        .await;
    assert!(outcome.is_err());
    assert!(matches!(store.open(staged.id()).await, Err(Error::NoBody(_))));
    let mut left = store.stage();
    left.append(Bytes::from(octets(700_000, 9))).await.unwrap();
    drop(left);
}

async fn several_open_at_once(store: &Store) {
    let large = octets(200_000, 7);
    let (first, last) = (keep(store, b"first").await, keep(store, &large).await);
    let opened = store.open_many(&[last, BodyId(-1), first, last]).await;
    let [Ok(a), Err(Error::NoBody(BodyId(-1))), Ok(b), Ok(c)] = opened.as_slice() else { panic!("other outcomes") };
    assert_eq!(a.read_all(u64::MAX).await.unwrap(), large);
    assert_eq!(b.read_all(u64::MAX).await.unwrap(), "first");
    assert_eq!(c.read_all(u64::MAX).await.unwrap(), large);
    assert!(store.open_many(&[]).await.is_empty());
}

async fn references_are_counted(store: &Store) {
    let id = keep(store, b"named").await;
    store.write(move |tx| tx.add_reference(id)).await.unwrap();
    for _ in 0..2 {
        store.write(move |tx| tx.drop_reference(id)).await.unwrap();
    }
    // Within the grace it can still be read, and named again.
    assert_eq!(store.open(id).await.unwrap().read_all(100).await.unwrap(), "named");
    let outcome = store.write(move |tx| tx.drop_reference(id)).await;
    assert!(matches!(outcome, Err(Error::NoBody(body)) if body == id), "{outcome:?}");
    store.write(move |tx| tx.add_reference(id)).await.unwrap();
    let outcome = store.write(|tx| tx.add_reference(BodyId(12345))).await;
    assert!(matches!(outcome, Err(Error::NoBody(BodyId(12345)))), "{outcome:?}");
}

async fn labels_are_bounded(store: &Store) {
    let stage = store.stage();
    let outcome = stage.finish(Bytes::from(vec![0; LABEL_MAX + 1])).await;
    assert!(matches!(outcome, Err(Error::TooLarge { limit, .. }) if limit == LABEL_MAX as u64));
    store.stage().finish(Bytes::from(vec![0; LABEL_MAX])).await.unwrap();
}

async fn many_at_once(store: &Store) {
    let tasks: Vec<_> = (0..40u64)
        .map(|seed| {
            let store = store.clone();
            tokio::spawn(async move {
                let octets = octets(if seed % 8 == 0 { 600_000 } else { 5_000 }, seed);
                let id = keep(&store, &octets).await;
                assert_eq!(store.open(id).await.unwrap().read_all(u64::MAX).await.unwrap(), octets);
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
