//! What it takes to reach a bucket that speaks S3: Amazon's, or a server of one's own.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;

use crate::Error;

/// A bucket, and our part of it.
#[derive(Clone, Default)]
pub struct Bucket {
    /// The bucket's name. It exists already.
    pub name: String,
    /// What our objects' names begin with; may be empty.
    pub prefix: String,
    /// Where Amazon keeps it; any other server says what it likes, often `us-east-1`.
    pub region: String,
    /// The server, if it is not Amazon's: `https://objects.example.net`.
    pub endpoint: Option<String>,
    /// Who we are. Without it the environment and the machine's own role are asked.
    pub access_key_id: Option<String>,
    /// The secret to it.
    pub secret_access_key: Option<String>,
    /// Whether an endpoint with `http:` will do.
    pub allow_http: bool,
}

impl Bucket {
    pub(crate) fn open(&self) -> Result<Arc<dyn ObjectStore>, Error> {
        let mut builder = match (&self.access_key_id, &self.secret_access_key) {
            (Some(id), Some(secret)) => AmazonS3Builder::new().with_access_key_id(id).with_secret_access_key(secret),
            (None, None) => AmazonS3Builder::from_env(),
            _ => return Err(Error::Settings("a bucket's key wants both an id and a secret".to_owned())),
        };
        builder = builder.with_bucket_name(&self.name).with_region(&self.region).with_allow_http(self.allow_http);
        if let Some(endpoint) = &self.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        let store = builder.build().map_err(|error| Error::Settings(format!("the bucket {}: {error}", self.name)))?;
        Ok(Arc::new(store))
    }
}

/// The secret is not printed.
impl std::fmt::Debug for Bucket {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Bucket")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
