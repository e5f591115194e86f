//! Bodies in an object store: one object each.
//!
//! An object is a record turned round, so that it can be written as a stream: `payload table label header`. It is made
//! whole or not at all, and is durable when the store has said so.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutPayload};

use super::record::{ENTRY, HEADER, Header, TableBuilder, label_crc};
use super::{Located, Memory, Salvaged, StagedBody};
use crate::epoch;
use crate::ids::{Names, millis};
use crate::limits::ORPHANS_EVERY_MILLIS;
use crate::{BodyId, Error, Options};

/// Objects have no segment's key.
const KEY: u64 = 0;

/// What stands in a row for "an object of the body's own name".
pub(crate) const OBJECT: i64 = 0;

/// The object that says whose bodies these are: no number in hexadecimal, so no body's name.
const EPOCH: &str = "epoch";

/// A bucket, or a part of one.
pub(crate) struct Objects {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    options: Options,
    names: Names,
    memory: Memory,
    /// When all objects were last looked through, in milliseconds since 1970.
    listed_at: AtomicI64,
}

impl Objects {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, prefix: &str, options: &Options) -> Self {
        let memory = Memory::new(options.bodies_in_memory_octets);
        let names = Names::new(false);
        Self {
            store,
            prefix: Path::from(prefix),
            options: options.clone(),
            names,
            memory,
            listed_at: AtomicI64::new(0),
        }
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Names are random, so that their first letters spread over a bucket's parts.
    fn path(&self, body: i64) -> Path {
        self.prefix.clone().join(format!("{body:016x}"))
    }

    /// Puts a short body whole. `payload` begins with room for a header that is not needed here.
    pub(crate) async fn put(&self, body: i64, mut payload: Vec<u8>, label: &[u8]) -> Result<StagedBody, Error> {
        let mut table = TableBuilder::default();
        table.add(body, payload.get(HEADER..).unwrap_or_default());
        let (header, table) = table.finish(body, millis(), label);
        if payload.is_empty() {
            payload.resize(HEADER, 0);
        }
        payload.extend(tail(&header, &table, label));
        let object = PutPayload::from(Bytes::from(payload).slice(HEADER..));
        self.store.put(&self.path(body), object).await.map_err(|error| fault("putting a body", &error))?;
        Ok(self.staged(&header))
    }

    /// Begins a long one.
    pub(crate) async fn upload(&self, body: i64) -> Result<Upload, Error> {
        let begun = self.store.put_multipart(&self.path(body)).await;
        let upload = begun.map_err(|error| fault("beginning a long body", &error))?;
        Ok(Upload { upload: Some(Mutex::new(upload)), table: TableBuilder::default() })
    }

    fn staged(&self, header: &Header) -> StagedBody {
        StagedBody::new(located(header), self.options.keep_within(), None)
    }

    /// Octets of an object. None when there is none.
    pub(crate) async fn get(&self, body: BodyId, range: std::ops::Range<u64>) -> Result<Option<Bytes>, Error> {
        if range.is_empty() {
            return Ok(Some(Bytes::new()));
        }
        match self.store.get_range(&self.path(body.0), range).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault("getting a body", &error)),
        }
    }

    /// Removes an object; that it is gone already is as well.
    pub(crate) async fn remove(&self, body: BodyId) -> Result<(), Error> {
        match self.store.delete(&self.path(body.0)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(fault("removing a body", &error)),
        }
    }

    /// Whether it is time to look through all objects: a bucket of millions answers that slowly, and not for nothing.
    pub(crate) fn should_list(&self) -> bool {
        let every = if self.options.grace.is_zero() { 0 } else { ORPHANS_EVERY_MILLIS };
        let now = millis();
        let last = self.listed_at.load(Ordering::Relaxed);
        now - last >= every && self.listed_at.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The number of the database whose bodies these are.
    pub(crate) async fn epoch(&self) -> Result<Option<i64>, Error> {
        let doing = "reading whose bodies these are";
        match self.store.get(&self.prefix.clone().join(EPOCH)).await {
            Ok(found) => Ok(epoch::parse(&found.bytes().await.map_err(|error| fault(doing, &error))?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault(doing, &error)),
        }
    }

    /// Puts it there.
    pub(crate) async fn set_epoch(&self, epoch: i64) -> Result<(), Error> {
        let text = PutPayload::from(epoch::text(epoch));
        let put = self.store.put(&self.prefix.clone().join(EPOCH), text).await;
        put.map(|_| ()).map_err(|error| fault("writing whose bodies these are", &error))
    }

    /// Whether there is no body.
    pub(crate) async fn are_none(&self) -> Result<bool, Error> {
        let mut list = self.list();
        while let Some(listed) = next_of(&mut list).await {
            if Self::body_of(listed)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// All objects, in no order.
    pub(crate) fn list(&self) -> ObjectList {
        self.store.list(Some(&self.prefix))
    }

    /// The body whose object this is.
    pub(crate) fn body_of(listed: Result<ObjectMeta, object_store::Error>) -> Result<Option<Listed>, Error> {
        let meta = listed.map_err(|error| fault("listing bodies", &error))?;
        let body = meta.location.filename().and_then(|name| i64::from_str_radix(name, 16).ok()).map(BodyId);
        Ok(body.map(|body| Listed { body, octets: meta.size, put_at: meta.last_modified.timestamp_millis() }))
    }

    /// What the end of an object says about the whole.
    pub(crate) async fn salvage(&self, listed: Listed) -> Result<Salvaged, Error> {
        let damaged = || Error::Damaged(format!("the object of body {}", listed.body.0));
        let from = listed.octets.checked_sub(HEADER as u64).ok_or_else(damaged)?;
        let bytes = self.get(listed.body, from..listed.octets).await?.ok_or_else(damaged)?;
        let header = Header::decode(&bytes, KEY).map_err(|_| damaged())?;
        if header.body != listed.body.0 || header.record_octets() != listed.octets {
            return Err(damaged());
        }
        let label = self.get(listed.body, from - u64::from(header.label)..from).await?.ok_or_else(damaged)?;
        if label_crc(header.body, &label) != header.label_crc {
            return Err(damaged());
        }
        let staged = StagedBody::new(located(&header), None, None);
        Ok(Salvaged { staged, label, made_at: header.made_at })
    }
}

pub(crate) type ObjectList = futures_util::stream::BoxStream<'static, Result<ObjectMeta, object_store::Error>>;

/// The next of a list.
pub(crate) async fn next_of(list: &mut ObjectList) -> Option<Result<ObjectMeta, object_store::Error>> {
    list.next().await
}

/// An object as a list shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) body: BodyId,
    pub(crate) octets: u64,
    /// Milliseconds since 1970, by the object store's clock.
    pub(crate) put_at: i64,
}

/// A long body on its way. Dropped before the end, its parts are given up.
pub(crate) struct Upload {
    /// Never locked: the lock is there because an upload may move between threads and may not be shared by them, and a
    /// `Stage` shall be both.
    upload: Option<Mutex<Box<dyn MultipartUpload>>>,
    table: TableBuilder,
}

impl Upload {
    /// A part: whole blocks. `part` begins with room for a header.
    pub(crate) async fn put(&mut self, body: i64, part: Vec<u8>) -> Result<(), Error> {
        self.table.add(body, part.get(HEADER..).unwrap_or_default());
        self.put_bytes(Bytes::from(part).slice(HEADER..)).await
    }

    fn upload(&mut self) -> Result<&mut dyn MultipartUpload, Error> {
        let upload = self.upload.as_mut().and_then(|upload| upload.get_mut().ok());
        Ok(&mut **upload.ok_or_else(|| Error::Bug("an upload that is over".to_owned()))?)
    }

    async fn put_bytes(&mut self, bytes: Bytes) -> Result<(), Error> {
        let part = self.upload()?.put_part(PutPayload::from(bytes));
        part.await.map_err(|error| fault("putting a part of a body", &error))
    }

    /// The last part, and what stands behind it.
    pub(crate) async fn finish(
        mut self,
        objects: &Objects,
        body: i64,
        mut rest: Vec<u8>,
        label: &[u8],
    ) -> Result<StagedBody, Error> {
        self.table.add(body, rest.get(HEADER..).unwrap_or_default());
        let (header, table) = std::mem::take(&mut self.table).finish(body, millis(), label);
        rest.extend(tail(&header, &table, label));
        self.put_bytes(Bytes::from(rest).slice(HEADER..)).await?;
        self.upload()?.complete().await.map_err(|error| fault("ending a long body", &error))?;
        self.upload = None;
        Ok(objects.staged(&header))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let upload = self.upload.take().and_then(|upload| upload.into_inner().ok());
        if let (Some(mut upload), Ok(runtime)) = (upload, tokio::runtime::Handle::try_current()) {
            // What this does not reach, the bucket's own rule for unfinished uploads does.
            runtime.spawn(async move { upload.abort().await });
        }
    }
}

fn tail(header: &Header, table: &[u8], label: &[u8]) -> Vec<u8> {
    debug_assert!(table.len().is_multiple_of(ENTRY));
    [table, label, &header.encode(KEY)].concat()
}

fn located(header: &Header) -> Located {
    Located { place: 0, ..super::appender::located(header, OBJECT, 0) }
}

fn fault(doing: &str, error: &object_store::Error) -> Error {
    use object_store::Error as Fault;
    match error {
        Fault::PermissionDenied { .. } | Fault::Unauthenticated { .. } | Fault::NotFound { .. } => {
            Error::Settings(format!("{doing}: {error}"))
        }
        _ => Error::Unavailable(format!("{doing}: {error}")),
    }
}
