//! Reads bodies and their labels back out of the segments when the database is lost.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;

use super::appender::located;
use super::compact::label;
use super::objects::{ObjectList, Objects, next_of};
use super::record::Bad;
use super::scan::{Found, Scan};
use super::segments::Segments;
use super::{Bodies, StagedBody};
use crate::Error;
use crate::housekeeping::blocking;

/// One body that was found: keep it in a transaction, with the rows that its label tells.
#[derive(Debug, Clone)]
pub struct Salvaged {
    /// To be kept. Its name is the one that it had.
    pub staged: StagedBody,
    /// What was said when it was staged.
    pub label: Bytes,
    /// When it was staged, in milliseconds since 1970.
    pub made_at: i64,
}

/// All bodies on disk, each once. One that no row named any more comes back as well: nothing on disk says so.
pub struct Salvage {
    from: From,
    /// Compaction may have left a body in two places: sixteen octets of memory for each there is.
    seen: HashSet<i64>,
}

enum From {
    Segments {
        segments: Arc<Segments>,
        names: std::vec::IntoIter<i64>,
        found: std::vec::IntoIter<Result<Salvaged, Error>>,
    },
    Objects {
        objects: Arc<Objects>,
        list: ObjectList,
    },
}

impl Salvage {
    pub(crate) async fn new(bodies: &Bodies) -> Result<Self, Error> {
        let from = match bodies {
            Bodies::Segments(segments) => {
                let all = Arc::clone(segments);
                let names = blocking(move || all.all()).await?.into_iter();
                From::Segments { segments: Arc::clone(segments), names, found: Vec::new().into_iter() }
            }
            Bodies::Objects(objects) => From::Objects { objects: Arc::clone(objects), list: objects.list() },
        };
        Ok(Self { from, seen: HashSet::new() })
    }

    /// The next one, or what is damaged, or none at the end.
    pub async fn next(&mut self) -> Option<Result<Salvaged, Error>> {
        loop {
            match self.any().await? {
                Ok(salvaged) if !self.seen.insert(salvaged.staged.id().0) => {}
                other => return Some(other),
            }
        }
    }

    async fn any(&mut self) -> Option<Result<Salvaged, Error>> {
        match &mut self.from {
            From::Segments { segments, names, found } => loop {
                if let Some(found) = found.next() {
                    return Some(found);
                }
                let name = names.next()?;
                let segments = Arc::clone(segments);
                let read =
                    move || read_segment(&segments, name).map_err(|error| Error::io("reading a segment", &error));
                match blocking(read).await {
                    Ok(more) => *found = more.into_iter(),
                    Err(error) => return Some(Err(error)),
                }
            },
            From::Objects { objects, list } => loop {
                match Objects::body_of(next_of(list).await?) {
                    Ok(Some(listed)) => return Some(objects.salvage(listed).await),
                    Ok(None) => {}
                    Err(error) => return Some(Err(error)),
                }
            },
        }
    }
}

/// One segment's labels and places fit in memory: some 6,000 of 350 octets in an ordinary one.
fn read_segment(segments: &Segments, name: i64) -> std::io::Result<Vec<Result<Salvaged, Error>>> {
    let file = segments.reader(name)?;
    let mut out = Vec::new();
    let mut scan = match Scan::new(&file)? {
        Ok(scan) => scan,
        // A crash between its birth and its first bytes.
        Err(Bad::Short) => return Ok(out),
        Err(bad) => return Ok(vec![Err(Error::Damaged(format!("segment {name:016x}: {bad}")))]),
    };
    while let Some(found) = scan.next()? {
        out.push(match found {
            Found::Record { start, header } => match label(&file, start, &header)? {
                Ok(label) => Ok(Salvaged {
                    staged: StagedBody::new(located(&header, name, start), None, None),
                    label: label.into(),
                    made_at: header.made_at,
                }),
                Err(bad) => {
                    Err(Error::Damaged(format!("body {} in segment {name:016x} at {start}: {bad}", header.body)))
                }
            },
            Found::Damage { start, octets, bad, .. } => {
                Err(Error::Damaged(format!("segment {name:016x}: {octets} octets from {start} on: {bad}")))
            }
        });
    }
    Ok(out)
}
