//! Reads bodies and their labels back out of the segments when the database is lost.

use std::sync::Arc;

use bytes::Bytes;

use super::StagedBody;
use super::appender::located;
use super::compact::label;
use super::scan::{Found, Scan};
use super::segments::Segments;
use crate::Error;

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

/// All bodies on disk, segment by segment. A body that was moved by compaction may come twice, under one name and with
/// the same bytes; one that no row named any more comes back.
pub struct Salvage {
    segments: Arc<Segments>,
    names: std::vec::IntoIter<i64>,
    found: std::vec::IntoIter<Result<Salvaged, Error>>,
}

impl Salvage {
    pub(crate) fn new(segments: Arc<Segments>, mut names: Vec<i64>) -> Self {
        names.sort_unstable();
        Self { segments, names: names.into_iter(), found: Vec::new().into_iter() }
    }

    /// The next one, or what is damaged, or none at the end.
    pub async fn next(&mut self) -> Option<Result<Salvaged, Error>> {
        loop {
            if let Some(found) = self.found.next() {
                return Some(found);
            }
            let name = self.names.next()?;
            let segments = Arc::clone(&self.segments);
            let found = tokio::task::spawn_blocking(move || read_segment(&segments, name)).await;
            self.found = match found {
                Ok(Ok(found)) => found.into_iter(),
                Ok(Err(error)) => return Some(Err(Error::io("reading a segment", &error))),
                Err(error) => return Some(Err(Error::Bug(format!("a blocking task: {error}")))),
            };
        }
    }
}

/// One segment's labels and places fit in memory: some 6,000 of 350 octets in an ordinary one.
fn read_segment(segments: &Segments, name: i64) -> std::io::Result<Vec<Result<Salvaged, Error>>> {
    let file = segments.reader(name)?;
    let mut out = Vec::new();
    let mut scan = match Scan::new(&file)? {
        Ok(scan) => scan,
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
            Found::Damage { start, octets, bad } => {
                Err(Error::Damaged(format!("segment {name:016x}: {octets} octets from {start} on: {bad}")))
            }
        });
    }
    Ok(out)
}
