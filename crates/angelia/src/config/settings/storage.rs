//! Where rows and letters are kept.

use std::path::PathBuf;

use super::reader::Reader;

/// Where rows are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engine {
    /// In the data folder.
    Embedded,
    /// In a PostgreSQL database.
    Postgres {
        /// Its address.
        url: String,
        /// Where the letters are.
        bodies: Bodies,
    },
}

/// Where letters are kept that several machines share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bodies {
    /// In a folder.
    Folder(PathBuf),
    /// In a bucket that speaks S3.
    Bucket {
        /// The bucket.
        name: String,
        /// What our names in it begin with.
        prefix: String,
        /// Where it is.
        region: String,
        /// Who keeps it, if not Amazon.
        endpoint: Option<String>,
    },
}

impl Reader<'_> {
    pub(super) fn storage(&mut self) -> Option<Engine> {
        let engine = self.choice("storage.engine")?;
        let url = self.text("storage.url");
        let bodies = self.text("storage.bodies");
        let region = self.text("storage.region").unwrap_or_default();
        let endpoint = self.text("storage.endpoint");
        if engine == "embedded" {
            let for_postgres = [
                ("storage.url", url.is_some()),
                ("storage.bodies", bodies.is_some()),
                ("storage.endpoint", endpoint.is_some()),
            ];
            for (name, given) in for_postgres {
                if given {
                    self.problem(name, 0, "is for the engine \"postgres\"; set `storage.engine` or take this away");
                }
            }
            return Some(Engine::Embedded);
        }
        if url.is_none() {
            self.problem_beside(
                "storage.url",
                0,
                "storage.engine",
                "is missing; the engine \"postgres\" needs the address of its database",
            );
        }
        if bodies.is_none() {
            self.problem_beside(
                "storage.bodies",
                0,
                "storage.engine",
                "is missing; the engine \"postgres\" needs a folder or an s3:// address",
            );
        }
        let bodies = bodies.map(|text| match text.strip_prefix("s3://") {
            Some(bucket) => {
                let (name, prefix) = bucket.split_once('/').unwrap_or((bucket, ""));
                Bodies::Bucket { name: name.to_owned(), prefix: prefix.to_owned(), region, endpoint }
            }
            None => Bodies::Folder(self.folder.join(text)),
        });
        Some(Engine::Postgres { url: url?, bodies: bodies? })
    }
}
